/* tillbridge: one binary, one row a command. */
#include "app/arguments.h"
#include "app/commands.h"

#include <stdio.h>
#include <string.h>

struct command {
	const char *name;
	const char *help;
	int (*run)(int argc, char **argv);
};

static int command_version(int argc, char **argv)
{
	(void)argc, (void)argv;
	puts("tillbridge " TILLBRIDGE_VERSION);
	return EXIT_DONE;
}

static const struct command commands[] = {
	{ "serve", "take transactions, keep stock and books, post to the ERPs", command_serve },
	{ "demo", "sandbox ERP, server and replayed sales together", command_demo },
	{ "edge", "take transactions beside the tills, and send them when the centre is there",
		command_edge },
	{ "sandbox-erp", "a small ERP to try things out with", command_sandbox_erp },
	{ "send", "send files of transactions to a server", command_send },
	{ "check", "hold files of transactions to the schema and the rules", command_check },
	{ "doors", "the kinds of doors and their options", command_doors },
	{ "rules", "the rules that hold for a store and a currency", command_rules },
	{ "map", "show what a mapping makes of a document", command_map },
	{ "import", "sales of another system as transactions", command_import },
	{ "simulate", "a made-up chain as transactions", command_simulate },
	{ "explain", "one transaction with its whole story", command_explain },
	{ "forget", "destroy the key of a person, so that nobody can read who it was",
		command_forget },
	{ "keys", "wrap the keys of persons with another master key", command_keys },
	{ "rebuild", "derive the state again from the journal", command_rebuild },
	{ "verify", "check the journal's bytes and compare the state with a rebuilt one",
		command_verify },
	{ "archive", "compress sealed segments into a folder of their own", command_archive },
	{ "config", "check a configuration file", command_config },
	{ "version", "print the version", command_version },
};

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void print_help(FILE *to)
{
	fputs("tillbridge: the link between a retailer's tills and its ERPs\n\n"
	      "usage: tillbridge COMMAND [OPTIONS]\n\n",
		to);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(to, "  %-12s %s\n", commands[i].name, commands[i].help);
	fputs("\n`tillbridge COMMAND --help` explains a command. Exit codes: 0 done, 1 findings, "
	      "2 usage, 3 cannot run.\n",
		to);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
		print_help(stdout);
		return EXIT_DONE;
	}
	if (strcmp(argv[1], "--version") == 0)
		return command_version(argc, argv);
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	fprintf(stderr, "tillbridge: there is no command \"%s\"\n\n", argv[1]);
	print_help(stderr);
	return EXIT_USAGE;
}
