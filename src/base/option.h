/* Options are rows: name, type, place, default, range and one sentence. Parsing, range checks,
 * --help and the reference page are made from the rows, so they cannot disagree.
 *
 *     { .name = "port", .type = OPTION_U64, .offset = offsetof(struct config, port),
 *       .fallback = "8443", .min = 1, .max = 65535, .help = "Port to listen on." },
 *
 * A table ends with a row whose name is NULL. */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"

enum option_type {
	OPTION_TEXT,     /* char *: owned by the struct, NULL when unset and without a default */
	OPTION_U64,      /* uint64_t */
	OPTION_BYTES,    /* uint64_t; "65536", "64K", "8M", "2G" (powers of 1024) */
	OPTION_DURATION, /* uint64_t milliseconds; "250ms", "30s", "5m", "2h", "1d" */
	OPTION_BOOL,     /* bool; "yes" or "no", "true" or "false" */
	OPTION_CHOICE,   /* unsigned: index into choices[] */
};

struct option {
	const char *name;
	enum option_type type;
	size_t offset;
	const char *fallback;       /* NULL: no default; required when `required` */
	uint64_t min, max;          /* numbers, bytes and durations; texts: length */
	const char *const *choices; /* ends with NULL */
	bool required;
	bool secret; /* never printed */
	const char *help;
};

/* Sets every option of a zeroed struct to its default. */
void options_default(const struct option *options, void *config);
/* Sets one from its text. E_CONFIG names the option, what was found and what is allowed. */
enum status option_set(
	const struct option *option, void *config, struct slice value, struct error *err);
/* NULL when there is no such option. */
const struct option *option_find(const struct option *options, struct slice name);
/* "listen, data, tls_cert": for the message about an unknown one. */
void options_names(const struct option *options, char *text, size_t size);
/* E_CONFIG when a required option has no value. */
enum status options_complete(const struct option *options, const void *config, struct error *err);
/* Frees the texts. */
void options_release(const struct option *options, void *config);
/* One paragraph an option, for --help and the reference page. */
void options_help(const struct option *options, const char *prefix, struct buf *buf);
