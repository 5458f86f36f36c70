#include "app/arguments.h"
#include "app/import.h"
#include "app/input.h"
#include "app/output.h"
#include "app/uci.h"

#include <stddef.h>
#include <stdio.h>

struct import_config {
	char *output;
	uint64_t days;
};

static const struct option rows[] = {
	{ .name = "output",
		.type = OPTION_TEXT,
		.offset = offsetof(struct import_config, output),
		.fallback = "-",
		.min = 1,
		.max = 4096,
		.help = "Where the transactions go; - is standard output." },
	{ .name = "days",
		.type = OPTION_U64,
		.offset = offsetof(struct import_config, days),
		.fallback = "0",
		.max = 100000,
		.help = "Only those of the first business days; 0 takes all." },
	{ .name = NULL },
};

static const struct arguments arguments = {
	.command = "tillbridge import uci",
	.words = "FILE",
	.help = "Reads the Online Retail data set, a CSV file, which may be compressed with zstd, "
		"and writes its sales as transactions, one a line (NDJSON).",
	.options = rows,
	.words_min = 1,
	.words_max = 1,
};

static enum status write_line(void *context, struct slice line, struct error *err)
{
	return output_line(context, line, err);
}

static enum status read_file(const char *path, struct buf *csv, struct error *err)
{
	struct input *input = NULL;
	enum status s = input_open(path, &input, err);
	if (s == OK)
		s = input_read_all(input, csv, err);
	input_close(input);
	return s;
}

static enum status convert(const struct import_config *config, const char *path,
	struct uci_summary *ret_summary, struct error *err)
{
	struct buf csv;
	struct output *output = NULL;
	buf_init(&csv, UCI_FILE_BYTES_MAX);
	enum status s = read_file(path, &csv, err);
	if (s == OK)
		s = output_open(config->output, &output, err);
	struct uci_sink sink = { write_line, output };
	if (s == OK)
		s = uci_convert(csv.ptr, csv.len, path, config->days, &sink, ret_summary, err);
	if (s == OK)
		s = output_finish(output, err);
	output_close(output);
	buf_release(&csv);
	return s;
}

static void print_summary(const struct uci_summary *summary)
{
	char net[TOTAL_TEXT_MAX], first[DATE_TEXT_LEN + 1], last[DATE_TEXT_LEN + 1];
	total_print(summary->net, 2, net);
	date_print(summary->first_date, first);
	date_print(summary->last_date, last);
	fprintf(stderr,
		"%llu transactions (%llu sales, %llu returns, %llu adjustments), %llu lines, net "
		"%s GBP, "
		"%llu stores, %llu days from %s to %s\n",
		(unsigned long long)summary->transactions, (unsigned long long)summary->sales,
		(unsigned long long)summary->returns, (unsigned long long)summary->adjustments,
		(unsigned long long)summary->lines, net, (unsigned long long)summary->stores,
		(unsigned long long)summary->days, first, last);
}

int import_uci(int argc, char **argv)
{
	struct import_config config = { .output = NULL };
	struct uci_summary summary = { 0 };
	struct error err = { OK, "" };
	struct words words;
	int exit_code = EXIT_DONE;
	if (!arguments_take(&arguments, argc, argv, &config, &words, &exit_code)) {
		options_release(rows, &config);
		return exit_code;
	}
	if (convert(&config, words.items[0], &summary, &err) != OK) {
		fprintf(stderr, "%s: %s\n", arguments.command, err.text);
		exit_code = err.status == E_INPUT ? EXIT_FINDINGS : EXIT_CANNOT_RUN;
	} else {
		print_summary(&summary);
	}
	options_release(rows, &config);
	return exit_code;
}
