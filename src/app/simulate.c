#include "app/arguments.h"
#include "app/commands.h"
#include "app/output.h"
#include "app/simulator.h"

#include <stddef.h>
#include <stdio.h>

struct simulate_config {
	struct simulator_config chain;
	char *start;
	char *output;
};

#define CHAIN(field) offsetof(struct simulate_config, chain.field)

static const struct option rows[] = {
	{ .name = "seed",
		.type = OPTION_U64,
		.offset = CHAIN(seed),
		.fallback = "1",
		.help = "The same seed gives the same bytes." },
	{ .name = "stores",
		.type = OPTION_U64,
		.offset = CHAIN(stores),
		.fallback = "10",
		.min = 1,
		.max = SIMULATOR_STORES_MAX,
		.help = "Stores of the chain." },
	{ .name = "registers",
		.type = OPTION_U64,
		.offset = CHAIN(registers),
		.fallback = "4",
		.min = 1,
		.max = SIMULATOR_REGISTERS_MAX,
		.help = "Registers a store has at most." },
	{ .name = "days",
		.type = OPTION_U64,
		.offset = CHAIN(days),
		.fallback = "3",
		.min = 1,
		.max = SIMULATOR_DAYS_MAX,
		.help = "Business days." },
	{ .name = "start",
		.type = OPTION_TEXT,
		.offset = offsetof(struct simulate_config, start),
		.fallback = "2026-11-02",
		.min = 10,
		.max = 10,
		.help = "The first business day." },
	{ .name = "sales",
		.type = OPTION_U64,
		.offset = CHAIN(sales),
		.fallback = "60",
		.min = 1,
		.max = SIMULATOR_SALES_MAX,
		.help = "Transactions of a register and day, on average." },
	{ .name = "items",
		.type = OPTION_U64,
		.offset = CHAIN(items),
		.fallback = "2000",
		.min = 1,
		.max = SIMULATOR_ITEMS_MAX,
		.help = "Different items." },
	{ .name = "gaps",
		.type = OPTION_U64,
		.offset = CHAIN(gaps),
		.fallback = "5",
		.max = 10000,
		.help = "Of 10,000 transactions, how many are never sent." },
	{ .name = "late",
		.type = OPTION_U64,
		.offset = CHAIN(late),
		.fallback = "50",
		.max = 10000,
		.help = "Of 10,000 transactions, how many come hours later." },
	{ .name = "repeats",
		.type = OPTION_U64,
		.offset = CHAIN(repeats),
		.fallback = "50",
		.max = 10000,
		.help = "Of 10,000 transactions, how many are sent twice." },
	{ .name = "conflicts",
		.type = OPTION_U64,
		.offset = CHAIN(conflicts),
		.fallback = "0",
		.max = 10000,
		.help = "Of 10,000 transactions, how many come again with other content." },
	{ .name = "miscounts",
		.type = OPTION_U64,
		.offset = CHAIN(miscounts),
		.fallback = "500",
		.max = 10000,
		.help = "Of 10,000 closings, how many have cash miscounted." },
	{ .name = "output",
		.type = OPTION_TEXT,
		.offset = offsetof(struct simulate_config, output),
		.fallback = "-",
		.min = 1,
		.max = 4096,
		.help = "Where the transactions go; - is standard output." },
	{ .name = NULL },
};

static const struct arguments arguments = {
	.command = "tillbridge simulate",
	.help = "Makes up a chain of stores and writes its transactions, one a line (NDJSON), in "
		"the\n"
		"order in which a server would see them.",
	.options = rows,
};

static enum status write_line(void *context, struct slice line, struct error *err)
{
	return output_line(context, line, err);
}

static enum status simulate(
	struct simulate_config *config, struct simulator_summary *ret_summary, struct error *err)
{
	struct output *output = NULL;
	if (!date_parse(slice_of(config->start), &config->chain.first_date))
		return error_set(err, E_CONFIG, "--start: \"%s\" is not a date such as 2026-11-02",
			config->start);
	enum status s = output_open(config->output, &output, err);
	struct simulator_sink sink = { write_line, output };
	if (s == OK)
		s = simulator_run(&config->chain, &sink, ret_summary, err);
	if (s == OK)
		s = output_finish(output, err);
	output_close(output);
	return s;
}

int command_simulate(int argc, char **argv)
{
	struct simulate_config config = { .output = NULL };
	struct simulator_summary summary = { 0 };
	struct error err = { OK, "" };
	struct words words;
	int exit_code = EXIT_DONE;
	if (!arguments_take(&arguments, argc, argv, &config, &words, &exit_code)) {
		options_release(rows, &config);
		return exit_code;
	}
	if (simulate(&config, &summary, &err) != OK) {
		fprintf(stderr, "%s: %s\n", arguments.command, err.text);
		exit_code = err.status == E_CONFIG ? EXIT_USAGE : EXIT_CANNOT_RUN;
	} else {
		fprintf(stderr,
			"%llu transactions in %llu lines: %llu late, %llu repeated, %llu in "
			"conflict; "
			"%llu numbers never sent\n",
			(unsigned long long)summary.transactions,
			(unsigned long long)summary.lines_written, (unsigned long long)summary.late,
			(unsigned long long)summary.repeats, (unsigned long long)summary.conflicts,
			(unsigned long long)summary.gaps);
	}
	options_release(rows, &config);
	return exit_code;
}
