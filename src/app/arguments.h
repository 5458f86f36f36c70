/* The command line of one command: long options from rows of base/option.h, the rest are words.
 *
 *     --name value   --name=value   --flag   --flag=no   --   -
 *
 * Rows are written with underscores, people type either: `--erp-url` sets the row "erp_url". A row
 * of type OPTION_BOOL takes its value only behind '=', so that `--dev FILE` leaves FILE a word.
 * An option that is given twice is refused, unless it is named in `lists`; the values of such a
 * text are joined by commas. Everything behind "--" is a word, and so is "-" (standard input). */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/option.h"

enum {
	EXIT_DONE = 0,
	EXIT_FINDINGS = 1, /* it ran, and something was refused, different or missing */
	EXIT_USAGE = 2,
	EXIT_CANNOT_RUN = 3,
};

enum { ARGUMENTS_OPTIONS_MAX = 64, ARGUMENTS_HELP_BYTES_MAX = 64 << 10 };

struct arguments {
	const char *command; /* "tillbridge send" */
	const char *words;   /* "FILE...", NULL when the command takes none */
	const char *help;    /* what the command does, in whole lines */
	const struct option *options;
	const char *const *lists; /* names of rows that may be repeated, ends with NULL; or NULL */
	unsigned words_min, words_max;
};

/* The words in their order. They live in argv, which is reordered to hold them in a row. */
struct words {
	char **items;
	unsigned count;
};

/* Sets the defaults in the zeroed `config` and then what the command line says; argv[0] is the
 * command's name. Call options_release() afterwards in every case. E_CONFIG names the option, what
 * was found and what is allowed. When --help was asked for, *ret_help is true and nothing else
 * counts. */
enum status arguments_parse(const struct arguments *arguments, int argc, char **argv, void *config,
	struct words *ret_words, bool *ret_help, struct error *err);

/* The text that --help prints. */
void arguments_help(const struct arguments *arguments, struct buf *buf);

/* The same for a command: prints the help or the error, and returns false when the command is to
 * return *ret_exit at once. The config needs options_release() in every case. */
bool arguments_take(const struct arguments *arguments, int argc, char **argv, void *config,
	struct words *ret_words, int *ret_exit);
