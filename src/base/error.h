/* Errors: a short list that says what to do next, and a sentence for a person.
 *
 * Who sees a failure first writes the sentence (error_set); callers put their own words in front
 * (error_wrap); only src/app prints. A struct error belongs to its caller and needs no release. */
#pragma once

#include <stddef.h>

enum status {
	OK = 0,
	E_CONFIG,  /* an option, file or command line is wrong: a person must change it */
	E_INPUT,   /* this document is wrong: refuse it, go on with the next */
	E_RETRY,   /* not now: the same call may succeed later */
	E_FULL,    /* a stated limit or the disk is reached: slow the sender down */
	E_IO,      /* the operating system failed us: stop what depends on it */
	E_CORRUPT, /* stored bytes are not what was written: stop, report what is affected */
	E_REFUSED, /* the other side understood and said no: hold this key only */
	E_UNKNOWN, /* the outcome is not known: ask before anything is sent again */
	E_STOPPED, /* we are shutting down */
};

enum { ERROR_TEXT_MAX = 512 };

struct error {
	enum status status;
	char text[ERROR_TEXT_MAX]; /* one sentence, no newline, always terminated */
};

/* Both return `status` (error_wrap: the status already there), so that a failing function can end
 * with `return error_set(...)`. err may be NULL when the caller does not care for words. */
enum status error_set(struct error *err, enum status status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
enum status error_wrap(struct error *err, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The sentence with the meaning of errno behind it. */
enum status error_errno(struct error *err, enum status status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* A name such as "retry", for logs and tests. */
const char *status_name(enum status status);
