/* What a closing declares, held against what was received of the register's business date. Part of
 * the consumer register_day (books/register_day.h).
 *
 * What is compared, of what the closing names: the number of transactions (itself included), the
 * last number, the gross sum of its currency, and the tenders by kind without the change, each over
 * the whole business date. What was counted by hand is compared by whoever counts cash, not here.
 */
#pragma once

#include "base/arena.h"
#include "books/exception_book.h"
#include "store/consumer.h"

#define REGISTER_DECLARED_MIGRATION                                                                \
	{                                                                                          \
		"register_declared.1",                                                             \
			"CREATE TABLE register_total (store TEXT NOT NULL, business_date BIGINT "  \
			"NOT NULL,"                                                                \
			" register TEXT NOT NULL, currency TEXT NOT NULL, gross TEXT NOT NULL,"    \
			" PRIMARY KEY (store, business_date, register, currency)) WITHOUT ROWID;"  \
			"CREATE TABLE register_tender (store TEXT NOT NULL, business_date BIGINT " \
			"NOT"                                                                      \
			" NULL, register TEXT NOT NULL, kind TEXT NOT NULL, currency TEXT NOT "    \
			"NULL,"                                                                    \
			" amount TEXT NOT NULL,"                                                   \
			" PRIMARY KEY (store, business_date, register, kind, currency)) WITHOUT "  \
			"ROWID;"                                                                   \
			"CREATE TABLE register_close (store TEXT NOT NULL, business_date BIGINT "  \
			"NOT NULL,"                                                                \
			" register TEXT NOT NULL, sequence BIGINT NOT NULL, event BIGINT NOT "     \
			"NULL,"                                                                    \
			" currency TEXT NOT NULL, transactions BIGINT NOT NULL, last_sequence "    \
			"BIGINT NOT"                                                               \
			" NULL, gross TEXT, PRIMARY KEY (store, business_date, register)) "        \
			"WITHOUT ROWID;"                                                           \
			"CREATE TABLE register_declared (store TEXT NOT NULL, business_date "      \
			"BIGINT NOT"                                                               \
			" NULL, register TEXT NOT NULL, kind TEXT NOT NULL, amount TEXT NOT NULL," \
			" PRIMARY KEY (store, business_date, register, kind)) WITHOUT ROWID"       \
	}

struct register_declared;

/* The book is the caller's. */
enum status register_declared_open(struct store *store, struct exception_book *book,
	struct register_declared **ret_declared, struct error *err);
void register_declared_close(struct register_declared *declared);

/* Of the register's business date, this event included. */
struct register_received {
	uint64_t transactions, last_sequence;
	bool closed; /* a closing has come */
};

/* An accepted transaction. */
enum status register_declared_apply(struct register_declared *declared,
	const struct applied_event *e, const struct register_received *received, struct error *err);
enum status register_declared_flush(struct register_declared *declared, struct error *err);
void register_declared_forget(struct register_declared *declared);

/* "0042/03/2026-11-23", in the arena */
struct slice register_day_subject(struct arena *arena, const struct key *day);
