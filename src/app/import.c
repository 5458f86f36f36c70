/* tillbridge import: files of other systems as transactions, one a line. One row a format. */
#include "app/import.h"

#include "app/arguments.h"
#include "app/commands.h"

#include <stdio.h>
#include <string.h>

struct importer {
	const char *name;
	int (*run)(int argc, char **argv);
};

static const struct importer importers[] = {
	{ "uci", import_uci },
	{ "poslog", import_poslog },
	{ "csv", import_csv },
};

enum { IMPORTERS = sizeof(importers) / sizeof(importers[0]) };

static const char help[] =
	"usage: tillbridge import uci FILE [--output FILE] [--days N]\n"
	"       tillbridge import poslog FILE [--mapping NAME|PATH] [OPTIONS]\n"
	"       tillbridge import csv FILE --mapping NAME|PATH [OPTIONS]\n\n"
	"Reads sales of another system and writes them as transactions, one a line (NDJSON).\n"
	"  uci     the Online Retail data set, a CSV file\n"
	"  poslog  an ARTS POSLog\n"
	"  csv     CSV as a mapping says, one row a transaction or a line of one\n\n"
	"`tillbridge import FORMAT --help` tells its options.\n";

int command_import(int argc, char **argv)
{
	if (argc < 2) {
		fputs(help, stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0) {
		fputs(help, stdout);
		return EXIT_DONE;
	}
	for (size_t i = 0; i < IMPORTERS; i++)
		if (strcmp(argv[1], importers[i].name) == 0)
			return importers[i].run(argc - 1, argv + 1);
	fprintf(stderr,
		"tillbridge import: there is no format \"%s\"; there are uci, poslog and csv\n",
		argv[1]);
	return EXIT_USAGE;
}
