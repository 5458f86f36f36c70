#include "books/register_day.h"

#include "books/exception_book.h"
#include "books/gap.h"
#include "books/register_declared.h"
#include "store/tally.h"

#include <stdlib.h>

static const struct migration migrations[] = {
	{ "register_day.1",
		"ALTER TABLE register_day ADD COLUMN sparse BIGINT NOT NULL DEFAULT 0;"
		"ALTER TABLE register_day ADD COLUMN noted BIGINT NOT NULL DEFAULT 0;"
		"ALTER TABLE register_day ADD COLUMN closes BIGINT NOT NULL DEFAULT 0;"
		"CREATE INDEX register_day_missing ON register_day (business_date, store, register)"
		" WHERE last_sequence - first_sequence + 1 - transactions > noted AND sparse = 0;"
		"CREATE TABLE register_gap (store TEXT NOT NULL, business_date BIGINT NOT NULL,"
		" register TEXT NOT NULL, first BIGINT NOT NULL, last BIGINT NOT NULL,"
		" PRIMARY KEY (store, business_date, register, first)) WITHOUT ROWID" },
	REGISTER_DECLARED_MIGRATION,
};

static const struct tally_table table = {
	.name = "register_day",
	.keys = { "store", "#business_date", "register" },
	.values = { { "transactions", TALLY_COUNT }, { "line_count", TALLY_COUNT },
		{ "first_sequence", TALLY_MIN }, { "last_sequence", TALLY_MAX },
		{ "sparse", TALLY_MAX }, { "noted", TALLY_COUNT }, { "closes", TALLY_COUNT } },
};

enum { TRANSACTIONS, LINE_COUNT, FIRST, LAST, SPARSE, NOTED, CLOSES, VALUES };

struct register_days {
	struct tally *days;
	struct register_declared *declared;
	struct exception_book *book;
	struct statement *received, *gaps, *add_gap, *drop_gaps, *drop_gap;
};

static void register_days_close(void *state)
{
	struct register_days *r = state;
	tally_close(r->days);
	register_declared_close(r->declared);
	exception_book_close(r->book);
	statement_close(r->received);
	statement_close(r->gaps);
	statement_close(r->add_gap);
	statement_close(r->drop_gaps);
	statement_close(r->drop_gap);
	free(r);
}

static enum status prepare(struct register_days *r, struct store *store, struct error *err)
{
	const struct {
		struct statement **statement;
		const char *sql;
	} all[] = {
		{ &r->received, "SELECT DISTINCT sequence FROM document WHERE store = $1"
				" AND business_date = $2 AND register = $3 AND sequence >= $4"
				" AND sequence <= $5 ORDER BY sequence" },
		{ &r->gaps, "SELECT first, last FROM register_gap WHERE store = $1"
			    " AND business_date = $2 AND register = $3 ORDER BY first" },
		{ &r->add_gap, "INSERT INTO register_gap (store, business_date, register, first,"
			       " last) VALUES ($1, $2, $3, $4, $5)" },
		{ &r->drop_gaps, "DELETE FROM register_gap WHERE store = $1"
				 " AND business_date = $2 AND register = $3" },
		{ &r->drop_gap, "DELETE FROM register_gap WHERE store = $1"
				" AND business_date = $2 AND register = $3 AND first = $4" },
	};
	enum status s = OK;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]) && s == OK; i++)
		s = store_prepare(store, all[i].sql, all[i].statement, err);
	return s;
}

static enum status register_days_open(struct store *store, void **ret_state, struct error *err)
{
	struct register_days *r = calloc(1, sizeof(*r));
	if (r == NULL)
		return error_set(err, E_FULL, "out of memory");
	enum status s = prepare(r, store, err);
	if (s == OK)
		s = tally_open(store, &table, &r->days, err);
	if (s == OK)
		s = exception_book_open(store, &r->book, err);
	if (s == OK)
		s = register_declared_open(store, r->book, &r->declared, err);
	if (s != OK) {
		register_days_close(r);
		return s;
	}
	*ret_state = r;
	return OK;
}

static void bind_day(struct statement *statement, const struct key *day)
{
	statement_bind_text(statement, 1, day->store);
	statement_bind_int(statement, 2, day->business_date);
	statement_bind_text(statement, 3, day->reg);
}

/* A number counts once, however many revisions of it come; its lines are those of the revision
 * that stands. */
static enum status count_received(
	struct register_days *r, const struct applied_event *e, struct error *err)
{
	const struct transaction *t = e->transaction, *old = e->superseded;
	int64_t lines = 0;
	if (!e->outdated)
		lines = (int64_t)t->lines.count - (old == NULL ? 0 : (int64_t)old->lines.count);
	struct tally_key day[] = { { .text = t->key.store }, { .number = t->key.business_date },
		{ .text = t->key.reg } };
	struct tally_value values[VALUES] = { [TRANSACTIONS].number = e->standing_event == 0,
		[LINE_COUNT].number = lines,
		[FIRST].number = (int64_t)t->key.sequence,
		[LAST].number = (int64_t)t->key.sequence,
		[SPARSE].number = t->numbering == NUMBERING_SPARSE,
		[CLOSES].number = t->type == TYPE_CLOSE && t->declared.set };
	return tally_add(r->days, day, values, err);
}

static enum status day_values(struct register_days *r, const struct key *key,
	struct tally_value values[static VALUES], struct error *err)
{
	struct tally_key day[] = { { .text = key->store }, { .number = key->business_date },
		{ .text = key->reg } };
	return tally_get(r->days, day, values, err);
}

/* Changes how many missing numbers are noted; the other columns stay as they are. */
static enum status add_noted(struct register_days *r, const struct key *key, int64_t change,
	const struct tally_value now[static VALUES], struct error *err)
{
	struct tally_key day[] = { { .text = key->store }, { .number = key->business_date },
		{ .text = key->reg } };
	struct tally_value values[VALUES] = { [FIRST] = now[FIRST],
		[LAST] = now[LAST],
		[SPARSE] = now[SPARSE],
		[NOTED].number = change };
	return tally_add(r->days, day, values, err);
}

/* --- what is missing --- */

static enum status read_gaps(
	struct register_days *r, const struct key *day, struct gap *ret_gap, struct error *err)
{
	bool row = true;
	enum status s = OK;
	*ret_gap = (struct gap){
		.store = day->store, .reg = day->reg, .business_date = day->business_date
	};
	bind_day(r->gaps, day);
	while (s == OK && (s = statement_step(r->gaps, &row, err)) == OK && row)
		if (ret_gap->count < GAP_RANGES_MAX)
			ret_gap->ranges[ret_gap->count++] =
				(struct gap_range){ (uint64_t)statement_int(r->gaps, 0),
					(uint64_t)statement_int(r->gaps, 1) };
	statement_reset(r->gaps);
	return s;
}

static enum status add_gap(struct register_days *r, const struct key *day, uint64_t first,
	uint64_t last, struct error *err)
{
	if (first > last)
		return OK;
	bind_day(r->add_gap, day);
	statement_bind_int(r->add_gap, 4, (int64_t)first);
	statement_bind_int(r->add_gap, 5, (int64_t)last);
	return statement_run(r->add_gap, err);
}

/* The exception about the register's day says what is missing now. */
static enum status tell_gap(struct register_days *r, const struct applied_event *e,
	const struct key *day, const struct gap *gap, struct error *err)
{
	struct slice subject = register_day_subject(e->arena, day);
	struct buf detail;
	if (gap->count == 0)
		return exception_settle(r->book, "gap", subject, "arrived", e->event.number,
			e->event.recorded_ms, err);
	uint64_t numbers = gap_numbers(gap);
	buf_init(&detail, 4096);
	buf_text(&detail, numbers == 1 ? "number " : "numbers ");
	gap_describe(gap, &detail);
	buf_format(&detail, " of register %.*s %s not arrived (%llu missing)", SLICE_ARG(day->reg),
		numbers == 1 ? "has" : "have", (unsigned long long)numbers);
	struct raised raised = {
		.event = e->event.number,
		.line = LINE_GAP,
		.at_ms = e->event.recorded_ms,
		.kind = "gap",
		.severity = "medium",
		.subject = subject,
		.store = day->store,
		.key = subject,
		.cause = slice_of("sequence_missing"),
		.detail = buf_get(&detail),
	};
	enum status s = exception_keep_open(r->book, &raised, err);
	buf_release(&detail);
	return s;
}

/* What of the range has not arrived, becomes a noted gap. */
static enum status note_range(struct register_days *r, const struct key *day,
	const struct gap_range *range, struct error *err)
{
	uint64_t from = range->first;
	bool row = true;
	enum status s = OK;
	bind_day(r->received, day);
	statement_bind_int(r->received, 4, (int64_t)range->first);
	statement_bind_int(r->received, 5, (int64_t)range->last);
	while (s == OK && (s = statement_step(r->received, &row, err)) == OK && row) {
		uint64_t here = (uint64_t)statement_int(r->received, 0);
		s = add_gap(r, day, from, here - 1, err);
		from = here + 1;
	}
	statement_reset(r->received);
	return s == OK ? add_gap(r, day, from, range->last, err) : s;
}

/* An event says which numbers are missing for too long; between its writing and now some may have
 * arrived. */
static enum status note_gap(
	struct register_days *r, const struct applied_event *e, struct error *err)
{
	struct tally_value now[VALUES] = { 0 };
	struct gap said, gap;
	enum status s = gap_decode(e->event.payload, e->arena, &said, err);
	if (s != OK)
		return error_wrap(err, "event %llu", (unsigned long long)e->event.number);
	struct key day = {
		.store = said.store, .reg = said.reg, .business_date = said.business_date
	};
	bind_day(r->drop_gaps, &day);
	s = statement_run(r->drop_gaps, err);
	for (uint32_t i = 0; i < said.count && s == OK; i++)
		s = note_range(r, &day, &said.ranges[i], err);
	if (s == OK)
		s = read_gaps(r, &day, &gap, err);
	if (s == OK)
		s = day_values(r, &day, now, err);
	if (s == OK)
		s = add_noted(r, &day, (int64_t)gap_numbers(&gap) - now[NOTED].number, now, err);
	return s == OK ? tell_gap(r, e, &day, &gap, err) : s;
}

/* The number that has arrived is missing no more. */
static enum status fill_gap(struct register_days *r, const struct applied_event *e,
	const struct tally_value now[static VALUES], struct error *err)
{
	const struct key *day = &e->transaction->key;
	struct gap gap;
	enum status s = read_gaps(r, day, &gap, err);
	for (uint32_t i = 0; i < gap.count && s == OK; i++) {
		struct gap_range range = gap.ranges[i];
		if (day->sequence < range.first || day->sequence > range.last)
			continue;
		bind_day(r->drop_gap, day);
		statement_bind_int(r->drop_gap, 4, (int64_t)range.first);
		s = statement_run(r->drop_gap, err);
		if (s == OK)
			s = add_gap(r, day, range.first, day->sequence - 1, err);
		if (s == OK)
			s = add_gap(r, day, day->sequence + 1, range.last, err);
		if (s == OK)
			s = add_noted(r, day, -1, now, err);
		if (s == OK)
			s = read_gaps(r, day, &gap, err);
		return s == OK ? tell_gap(r, e, day, &gap, err) : s;
	}
	return s;
}

static enum status register_days_apply(
	void *state, const struct applied_event *e, struct error *err)
{
	struct register_days *r = state;
	struct tally_value now[VALUES] = { 0 };
	if (e->event.kind == EVENT_GAP)
		return note_gap(r, e, err);
	if (e->transaction == NULL || e->event.kind == EVENT_CONFLICT)
		return OK;
	enum status s = count_received(r, e, err);
	if (s == OK)
		s = day_values(r, &e->transaction->key, now, err);
	if (s == OK && now[NOTED].number > 0 && e->standing_event == 0)
		s = fill_gap(r, e, now, err);
	struct register_received received = { .transactions = (uint64_t)now[TRANSACTIONS].number,
		.last_sequence = (uint64_t)now[LAST].number,
		.closed = now[CLOSES].number > 0 };
	return s == OK ? register_declared_apply(r->declared, e, &received, err) : s;
}

static enum status register_days_flush(void *state, struct error *err)
{
	struct register_days *r = state;
	enum status s = tally_flush(r->days, err);
	return s == OK ? register_declared_flush(r->declared, err) : s;
}

static void register_days_forget(void *state)
{
	struct register_days *r = state;
	tally_forget(r->days);
	register_declared_forget(r->declared);
}

const struct consumer register_day_consumer = {
	.name = "register_day",
	.migrations = migrations,
	.migration_count = sizeof(migrations) / sizeof(migrations[0]),
	.open = register_days_open,
	.apply = register_days_apply,
	.flush = register_days_flush,
	.forget = register_days_forget,
	.close = register_days_close,
};
