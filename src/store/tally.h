/* A tally: a table of sums, kept in memory while a batch goes and written once at its end.
 *
 *     key columns (texts and integers)  |  value columns, each with its own way of adding up
 *
 * A store-day that gets a thousand sales in a batch is then read once and written once. Rows stay
 * in memory for the next batch, up to a limit. Used by the apply thread only. */
#pragma once

#include "store/store.h"

enum { TALLY_KEYS_MAX = 6, TALLY_VALUES_MAX = 8, TALLY_KEY_BYTES_MAX = 512 };

enum tally_mode {
	TALLY_TOTAL, /* exact decimal, added */
	TALLY_COUNT, /* integer, added */
	TALLY_MAX,   /* integer, the largest */
	TALLY_MIN,   /* integer, the smallest */
};

struct tally_value {
	struct total total; /* TALLY_TOTAL */
	int64_t number;     /* the others */
};

struct tally_column {
	const char *name;
	enum tally_mode mode;
};

struct tally_table {
	const char *name;
	const char *keys[TALLY_KEYS_MAX + 1]; /* a name that begins with '#' is an integer */
	struct tally_column values[TALLY_VALUES_MAX + 1];
	size_t rows_max; /* in memory between batches; 0 means 100,000 */
};

/* One key column's value. */
struct tally_key {
	struct slice text;
	int64_t number;
};

struct tally;

/* CREATE TABLE for a migration: the caller writes it; names must be those of `table`. */
enum status tally_open(struct store *store, const struct tally_table *table,
	struct tally **ret_tally, struct error *err);
void tally_close(struct tally *tally);
enum status tally_add(struct tally *tally, const struct tally_key *keys,
	const struct tally_value *values, struct error *err);
/* The row's values as they stand now, of this batch too; all 0 when there is no such row.
 * `ret_values` has as many as the table. */
enum status tally_get(struct tally *tally, const struct tally_key *keys,
	struct tally_value *ret_values, struct error *err);
enum status tally_flush(struct tally *tally, struct error *err);
void tally_forget(struct tally *tally);
