#include "books/register_writer.h"

#include "base/arena.h"
#include "books/exception_book.h"
#include "store/tally.h"

#include <stdio.h>
#include <stdlib.h>

static const struct migration migrations[] = {
	{ "register_writer.1",
		"CREATE TABLE register_writer (store TEXT NOT NULL, register TEXT NOT NULL,"
		" writer TEXT NOT NULL, first BIGINT NOT NULL, last BIGINT NOT NULL,"
		" PRIMARY KEY (store, register, writer)) WITHOUT ROWID;"
		"CREATE TABLE register_writers (store TEXT NOT NULL, register TEXT NOT NULL,"
		" writers BIGINT NOT NULL, PRIMARY KEY (store, register)) WITHOUT ROWID" },
};

enum { WRITER, COUNT, TABLES };

static const struct tally_table tables[TABLES] = {
	[WRITER] = { .name = "register_writer",
		.keys = { "store", "register", "writer" },
		.values = { { "first", TALLY_MIN }, { "last", TALLY_MAX } } },
	[COUNT] = { .name = "register_writers",
		.keys = { "store", "register" },
		.values = { { "writers", TALLY_COUNT } } },
};

struct writers {
	struct tally *tallies[TABLES];
	struct exception_book *book;
	struct statement *among;
};

static void writers_close(void *state)
{
	struct writers *w = state;
	for (int i = 0; i < TABLES; i++)
		tally_close(w->tallies[i]);
	exception_book_close(w->book);
	statement_close(w->among);
	free(w);
}

static enum status writers_open(struct store *store, void **ret_state, struct error *err)
{
	struct writers *w = calloc(1, sizeof(*w));
	if (w == NULL)
		return error_set(err, E_FULL, "out of memory");
	enum status s = exception_book_open(store, &w->book, err);
	for (int i = 0; i < TABLES && s == OK; i++)
		s = tally_open(store, &tables[i], &w->tallies[i], err);
	if (s == OK)
		s = store_prepare(store,
			"SELECT writer FROM register_writer WHERE store = $1 AND register = $2"
			" AND writer <> $3 AND first < $5 AND last > $4 ORDER BY last DESC LIMIT 1",
			&w->among, err);
	if (s != OK) {
		writers_close(w);
		return s;
	}
	*ret_state = w;
	return OK;
}

/* Grows from number to number and from day to day. Months have 31 days here, and a till's sequences
 * twelve digits; sources with longer ones have no writers. */
static int64_t place(const struct key *key)
{
	int64_t year = key->business_date / 10000, month = key->business_date / 100 % 100,
		day = key->business_date % 100;
	return ((year * 12 + month) * 31 + day) * 1000000000000 + (int64_t)key->sequence;
}

static enum status raise_writers(
	struct writers *w, const struct applied_event *e, struct slice other, struct error *err)
{
	const struct transaction *t = e->transaction;
	char key[KEY_TEXT_MAX];
	struct raised raised = {
		.event = e->event.number,
		.line = LINE_WRITERS,
		.at_ms = e->event.recorded_ms,
		.kind = "writers",
		.severity = "high",
		.subject = arena_format(
			e->arena, "%.*s/%.*s", SLICE_ARG(t->key.store), SLICE_ARG(t->key.reg)),
		.store = t->key.store,
		.key = slice_make(key, key_print(&t->key, key)),
		.transaction_event = e->event.number,
		.cause = slice_of("two_writers"),
		.detail = arena_format(e->arena,
			"\"%.*s\" and \"%.*s\" both write for register %.*s, their numbers among "
			"each other",
			SLICE_ARG(t->writer), SLICE_ARG(other), SLICE_ARG(t->key.reg)),
	};
	return exception_keep_open(w->book, &raised, err);
}

/* Only a register that has had several writers is looked at closely: its rows of this batch are
 * written, and the others of which this one is in the midst are asked for. */
static enum status look_closely(struct writers *w, const struct applied_event *e, int64_t first,
	int64_t last, struct error *err)
{
	const struct transaction *t = e->transaction;
	bool row = false;
	enum status s = tally_flush(w->tallies[WRITER], err);
	if (s != OK)
		return s;
	statement_bind_text(w->among, 1, t->key.store);
	statement_bind_text(w->among, 2, t->key.reg);
	statement_bind_text(w->among, 3, t->writer);
	statement_bind_int(w->among, 4, first);
	statement_bind_int(w->among, 5, last);
	s = statement_step(w->among, &row, err);
	if (s == OK && row)
		s = raise_writers(w, e, arena_copy(e->arena, statement_text(w->among, 0)), err);
	statement_reset(w->among);
	return s;
}

static enum status writers_apply(void *state, const struct applied_event *e, struct error *err)
{
	struct writers *w = state;
	const struct transaction *t = e->transaction;
	struct tally_value range[2], count;
	if (t == NULL || e->event.kind == EVENT_CONFLICT || t->writer.len == 0)
		return OK;
	struct tally_key keys[] = { { .text = t->key.store }, { .text = t->key.reg },
		{ .text = t->writer } };
	enum status s = tally_get(w->tallies[WRITER], keys, range, err);
	bool fresh = range[1].number == 0;
	int64_t here = place(&t->key);
	struct tally_value now[2] = { { .number = here }, { .number = here } };
	struct tally_value one = { .number = fresh };
	if (s == OK)
		s = tally_add(w->tallies[WRITER], keys, now, err);
	if (s == OK && fresh)
		s = tally_add(w->tallies[COUNT], keys, &one, err);
	if (s == OK)
		s = tally_get(w->tallies[COUNT], keys, &count, err);
	if (s != OK || count.number < 2)
		return s;
	bool lower = !fresh && range[0].number < here, higher = !fresh && range[1].number > here;
	return look_closely(
		w, e, lower ? range[0].number : here, higher ? range[1].number : here, err);
}

static enum status writers_flush(void *state, struct error *err)
{
	struct writers *w = state;
	enum status s = OK;
	for (int i = 0; i < TABLES && s == OK; i++)
		s = tally_flush(w->tallies[i], err);
	return s;
}

static void writers_forget(void *state)
{
	struct writers *w = state;
	for (int i = 0; i < TABLES; i++)
		tally_forget(w->tallies[i]);
}

const struct consumer register_writer_consumer = {
	.name = "register_writer",
	.migrations = migrations,
	.migration_count = sizeof(migrations) / sizeof(migrations[0]),
	.open = writers_open,
	.apply = writers_apply,
	.flush = writers_flush,
	.forget = writers_forget,
	.close = writers_close,
};
