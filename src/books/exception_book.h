/* The book of exceptions: what does not agree, with its cause, until it does. Consumers open
 * exceptions, and close them when the cause has gone; nothing is ever deleted. Used on the apply
 * thread; any number of books may be open on one store. */
#pragma once

#include "base/slice.h"
#include "store/store.h"

/* The tables, for the one consumer that brings them in (deliver/exceptions.c). */
enum { EXCEPTION_MIGRATIONS = 3 };
extern const struct migration exception_migrations[EXCEPTION_MIGRATIONS];

/* The lines of an event's exceptions, so that consumers do not write the same one. */
enum {
	LINE_FINDINGS = 0, /* one a finding; also one a posting of a delivery event */
	LINE_TOTALS = 100, /* one a total of the user's */
	LINE_GAP = 200,    /* what the books of a register find */
	LINE_DECLARED = 201,
	LINE_WRITERS = 202,
};

/* One exception to be. Slices are NULL when there is nothing to say. */
struct raised {
	uint64_t event; /* at which it is opened; (event, line) is its id */
	int64_t line, at_ms;
	const char *kind;     /* "conflict", "rule", "refused", "gap", ... */
	const char *severity; /* "low", "medium", "high" */
	/* What it is about, for exceptions that close by themselves: at most one of a kind is open
	 * about a subject. */
	struct slice subject;
	struct slice store;
	uint64_t transaction_event; /* 0 when it is about no single one */
	struct slice key;           /* of the transaction, or of the register's day */
	struct slice erp, amount, currency, cause, detail;
};

struct exception_book;

enum status exception_book_open(
	struct store *store, struct exception_book **ret_book, struct error *err);
void exception_book_close(struct exception_book *book);

enum status exception_open(
	struct exception_book *book, const struct raised *raised, struct error *err);
/* Opens it, or, when one of the kind is open about the subject, changes its cause, amount and
 * detail. */
enum status exception_keep_open(
	struct exception_book *book, const struct raised *raised, struct error *err);
/* Closes the open one of the kind about the subject, if there is one. `reason` says why, in a word:
 * "arrived", "agrees", "superseded". */
enum status exception_settle(struct exception_book *book, const char *kind, struct slice subject,
	const char *reason, uint64_t event, int64_t at_ms, struct error *err);
