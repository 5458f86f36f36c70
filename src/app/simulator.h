/* A made-up chain, for tests and for people who have no sales at hand: the same seed gives the same
 * bytes on every machine.
 *
 * Stores stand in several countries (currencies with 0, 2 and 3 decimals, prices with and without
 * tax, cash rounded to 0.05), have several registers, open, sell along a curve over the day and
 * close with declared totals. Items have a popularity (Zipf) and price endings, some are weighed,
 * some are on promotion. There are returns with and without receipt, exchanges, voids, no-sales,
 * trainings, gift cards, goods written off, several tenders on one receipt.
 *
 * Transactions come out in the order in which a server would see them. What goes wrong in real
 * chains goes wrong here with a chance in 10,000 each: numbers that are never sent, transactions
 * that come hours later, twice, or twice with other content. */
#pragma once

#include "base/error.h"
#include "base/slice.h"
#include "base/time.h"

enum {
	SIMULATOR_STORES_MAX = 1000,
	SIMULATOR_REGISTERS_MAX = 20,
	SIMULATOR_SALES_MAX = 1000, /* a register and day, on average */
	SIMULATOR_ITEMS_MAX = 200000,
	SIMULATOR_DAYS_MAX = 3660,
};

struct simulator_config {
	uint64_t seed;
	uint64_t stores, registers; /* registers: at most so many a store, at least one */
	uint64_t days;
	uint64_t sales; /* a register and day, on average */
	uint64_t items;
	date_t first_date;
	/* In 10,000 transactions. */
	uint64_t gaps, late, repeats, conflicts;
	/* In 10,000 closings: how often the counted cash is not what was taken. */
	uint64_t miscounts;
};

struct simulator_summary {
	uint64_t lines_written; /* repeats and conflicts included */
	uint64_t transactions;  /* different keys that are sent */
	uint64_t gaps, late, repeats, conflicts;
};

/* Gets the transactions one by one, as one line of JSON without a newline. */
struct simulator_sink {
	enum status (*take)(void *context, struct slice line, struct error *err);
	void *context;
};

enum status simulator_run(const struct simulator_config *config, const struct simulator_sink *sink,
	struct simulator_summary *ret_summary, struct error *err);
