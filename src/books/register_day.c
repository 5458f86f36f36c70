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
	/* missing_before: numbers between the last of the register's business date before this one
	 * and the first of this one. */
	{ "register_day.2",
		"CREATE TABLE register_date (store TEXT NOT NULL, register TEXT NOT NULL,"
		" business_date BIGINT NOT NULL, PRIMARY KEY (store, register, business_date))"
		" WITHOUT ROWID;"
		"CREATE TABLE register_newest (store TEXT NOT NULL, register TEXT NOT NULL,"
		" business_date BIGINT NOT NULL, PRIMARY KEY (store, register)) WITHOUT ROWID;"
		"INSERT INTO register_date (store, register, business_date)"
		" SELECT store, register, business_date FROM register_day;"
		"INSERT INTO register_newest (store, register, business_date)"
		" SELECT store, register, max(business_date) FROM register_day"
		" GROUP BY store, register;"
		"ALTER TABLE register_day ADD COLUMN missing_before BIGINT NOT NULL DEFAULT 0;"
		"UPDATE register_day SET missing_before = coalesce((SELECT CASE"
		" WHEN register_day.first_sequence - p.last_sequence - 1 BETWEEN 1 AND 10000"
		" AND p.sparse = 0 AND register_day.sparse = 0"
		" THEN register_day.first_sequence - p.last_sequence - 1 ELSE 0 END"
		" FROM register_day p WHERE p.store = register_day.store"
		" AND p.register = register_day.register"
		" AND p.business_date = (SELECT max(d.business_date) FROM register_date d"
		" WHERE d.store = register_day.store AND d.register = register_day.register"
		" AND d.business_date < register_day.business_date)), 0);"
		"DROP INDEX register_day_missing;"
		"CREATE INDEX register_day_missing ON register_day (business_date, store, register)"
		" WHERE last_sequence - first_sequence + 1 - transactions + missing_before > noted"
		" AND sparse = 0" },
};

/* A first number that is further away from the last one of the date before starts a numbering of
 * its own. register_day.2 has it too. */
enum { GAP_ACROSS_MAX = 10000 };

static const struct tally_table table = {
	.name = "register_day",
	.keys = { "store", "#business_date", "register" },
	.values = { { "transactions", TALLY_COUNT }, { "line_count", TALLY_COUNT },
		{ "first_sequence", TALLY_MIN }, { "last_sequence", TALLY_MAX },
		{ "sparse", TALLY_MAX }, { "noted", TALLY_COUNT }, { "closes", TALLY_COUNT },
		{ "missing_before", TALLY_COUNT } },
};

enum { TRANSACTIONS, LINE_COUNT, FIRST, LAST, SPARSE, NOTED, CLOSES, BEFORE, VALUES };

static const struct tally_table newest_table = {
	.name = "register_newest",
	.keys = { "store", "register" },
	.values = { { "business_date", TALLY_MAX } },
};

struct register_days {
	struct tally *days, *newest;
	struct register_declared *declared;
	struct exception_book *book;
	struct statement *received, *gaps, *gap_count, *gap_at, *add_gap, *drop_gaps, *drop_gap;
	struct statement *add_date, *date_before, *date_after;
};

static void register_days_close(void *state)
{
	struct register_days *r = state;
	tally_close(r->days);
	tally_close(r->newest);
	register_declared_close(r->declared);
	exception_book_close(r->book);
	statement_close(r->received);
	statement_close(r->gaps);
	statement_close(r->gap_count);
	statement_close(r->gap_at);
	statement_close(r->add_gap);
	statement_close(r->drop_gaps);
	statement_close(r->drop_gap);
	statement_close(r->add_date);
	statement_close(r->date_before);
	statement_close(r->date_after);
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
			    " AND business_date = $2 AND register = $3 ORDER BY first LIMIT $4" },
		{ &r->gap_count, "SELECT count(*) FROM register_gap WHERE store = $1"
				 " AND business_date = $2 AND register = $3" },
		{ &r->gap_at, "SELECT first, last FROM register_gap WHERE store = $1"
			      " AND business_date = $2 AND register = $3 AND first <= $4"
			      " ORDER BY first DESC LIMIT 1" },
		{ &r->add_gap, "INSERT INTO register_gap (store, business_date, register, first,"
			       " last) VALUES ($1, $2, $3, $4, $5)" },
		{ &r->drop_gaps, "DELETE FROM register_gap WHERE store = $1"
				 " AND business_date = $2 AND register = $3" },
		{ &r->drop_gap, "DELETE FROM register_gap WHERE store = $1"
				" AND business_date = $2 AND register = $3 AND first = $4" },
		{ &r->add_date, "INSERT INTO register_date (store, business_date, register)"
				" VALUES ($1, $2, $3)" },
		{ &r->date_before, "SELECT business_date FROM register_date WHERE store = $1"
				   " AND business_date < $2 AND register = $3"
				   " ORDER BY business_date DESC LIMIT 1" },
		{ &r->date_after, "SELECT business_date FROM register_date WHERE store = $1"
				  " AND business_date > $2 AND register = $3"
				  " ORDER BY business_date LIMIT 1" },
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
		s = tally_open(store, &newest_table, &r->newest, err);
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

/* Adds to one of the counts; the other columns stay as they are. */
static enum status add_to(struct register_days *r, const struct key *key, unsigned column,
	int64_t change, struct error *err)
{
	struct tally_key day[] = { { .text = key->store }, { .number = key->business_date },
		{ .text = key->reg } };
	struct tally_value now[VALUES] = { 0 };
	enum status s = day_values(r, key, now, err);
	struct tally_value values[VALUES] = {
		[FIRST] = now[FIRST], [LAST] = now[LAST], [SPARSE] = now[SPARSE]
	};
	values[column].number = change;
	return s != OK || change == 0 ? s : tally_add(r->days, day, values, err);
}

/* --- what is missing --- */

/* The first of them, as many as an exception may name. */
static enum status read_gaps(
	struct register_days *r, const struct key *day, struct gap *ret_gap, struct error *err)
{
	bool row = true;
	enum status s = OK;
	*ret_gap = (struct gap){
		.store = day->store, .reg = day->reg, .business_date = day->business_date
	};
	bind_day(r->gaps, day);
	statement_bind_int(r->gaps, 4, GAP_RANGES_MAX);
	while (s == OK && (s = statement_step(r->gaps, &row, err)) == OK && row)
		ret_gap->ranges[ret_gap->count++] =
			(struct gap_range){ (uint64_t)statement_int(r->gaps, 0),
				(uint64_t)statement_int(r->gaps, 1) };
	statement_reset(r->gaps);
	return s;
}

/* The last range that begins at the number or below it. */
static enum status gap_at(struct register_days *r, const struct key *day, uint64_t number,
	bool *ret_found, struct gap_range *ret_range, struct error *err)
{
	bind_day(r->gap_at, day);
	statement_bind_int(r->gap_at, 4, (int64_t)number);
	enum status s = statement_step(r->gap_at, ret_found, err);
	if (s == OK && *ret_found)
		*ret_range = (struct gap_range){ (uint64_t)statement_int(r->gap_at, 0),
			(uint64_t)statement_int(r->gap_at, 1) };
	statement_reset(r->gap_at);
	return s;
}

static enum status drop_gap(
	struct register_days *r, const struct key *day, uint64_t first, struct error *err)
{
	bind_day(r->drop_gap, day);
	statement_bind_int(r->drop_gap, 4, (int64_t)first);
	return statement_run(r->drop_gap, err);
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

static enum status write_gap(struct register_days *r, const struct key *day, uint64_t numbers,
	struct buf *detail, struct error *err)
{
	struct gap gap;
	bool row = false;
	enum status s = read_gaps(r, day, &gap, err);
	bind_day(r->gap_count, day);
	if (s == OK)
		s = statement_step(r->gap_count, &row, err);
	uint64_t ranges = s == OK && row ? (uint64_t)statement_int(r->gap_count, 0) : 0;
	statement_reset(r->gap_count);
	if (s != OK)
		return s;
	buf_text(detail, numbers == 1 ? "number " : "numbers ");
	gap_describe(&gap, ranges, detail);
	buf_format(detail, " of register %.*s %s not arrived (%llu missing)", SLICE_ARG(day->reg),
		numbers == 1 ? "has" : "have", (unsigned long long)numbers);
	return OK;
}

/* The exception about the register's day says what is missing now. */
static enum status tell_gap(struct register_days *r, const struct applied_event *e,
	const struct key *day, struct error *err)
{
	struct slice subject = register_day_subject(e->arena, day);
	struct tally_value now[VALUES] = { 0 };
	struct buf detail;
	enum status s = day_values(r, day, now, err);
	if (s == OK && now[NOTED].number == 0)
		return exception_settle(r->book, "gap", subject, "arrived", e->event.number,
			e->event.recorded_ms, err);
	buf_init(&detail, 4096);
	if (s == OK)
		s = write_gap(r, day, (uint64_t)now[NOTED].number, &detail, err);
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
	if (s == OK)
		s = exception_keep_open(r->book, &raised, err);
	buf_release(&detail);
	return s;
}

/* What of the range has not arrived, becomes a noted gap. */
static enum status note_range(struct register_days *r, const struct key *day,
	const struct gap_range *range, int64_t *numbers, struct error *err)
{
	uint64_t from = range->first;
	*numbers += (int64_t)(range->last - range->first + 1);
	bool row = true;
	enum status s = OK;
	bind_day(r->received, day);
	statement_bind_int(r->received, 4, (int64_t)range->first);
	statement_bind_int(r->received, 5, (int64_t)range->last);
	while (s == OK && (s = statement_step(r->received, &row, err)) == OK && row) {
		uint64_t here = (uint64_t)statement_int(r->received, 0);
		s = add_gap(r, day, from, here - 1, err);
		from = here + 1;
		--*numbers;
	}
	statement_reset(r->received);
	return s == OK ? add_gap(r, day, from, range->last, err) : s;
}

/* The numbers of the date's gaps up to the bound are its own no more. */
static enum status trim_gaps(struct register_days *r, const struct key *day, uint64_t bound,
	int64_t *ret_numbers, struct error *err)
{
	struct gap_range range;
	bool found = true;
	*ret_numbers = 0;
	for (;;) {
		enum status s = gap_at(r, day, bound, &found, &range, err);
		if (s != OK || !found)
			return s;
		uint64_t last = range.last < bound ? range.last : bound;
		*ret_numbers += (int64_t)(last - range.first + 1);
		s = drop_gap(r, day, range.first, err);
		if (s == OK)
			s = add_gap(r, day, last + 1, range.last, err);
		if (s != OK)
			return s;
	}
}

static enum status date_beside(struct statement *statement, const struct key *day, bool *ret_found,
	struct key *ret_day, struct error *err)
{
	*ret_day = *day;
	bind_day(statement, day);
	enum status s = statement_step(statement, ret_found, err);
	if (s == OK && *ret_found)
		ret_day->business_date = (date_t)statement_int(statement, 0);
	statement_reset(statement);
	return s;
}

/* What is missing between the register's date before and this one. A first number that is not above
 * the last one of the date before, or too far above, begins anew: nothing is missing between. */
static enum status look_before(struct register_days *r, const struct applied_event *e,
	const struct key *day, struct error *err)
{
	struct tally_value now[VALUES] = { 0 }, then[VALUES] = { 0 };
	struct key before;
	bool found = false;
	enum status s = day_values(r, day, now, err);
	if (s == OK)
		s = date_beside(r->date_before, day, &found, &before, err);
	if (s == OK && found)
		s = day_values(r, &before, then, err);
	if (s != OK)
		return s;
	int64_t first = now[FIRST].number, apart = first - then[LAST].number - 1;
	bool goes_on = found && apart > 0 && apart <= GAP_ACROSS_MAX && then[SPARSE].number == 0 &&
		       now[SPARSE].number == 0;
	int64_t missing = goes_on ? apart : 0, trimmed = 0;
	s = add_to(r, day, BEFORE, missing - now[BEFORE].number, err);
	if (s == OK && now[NOTED].number > 0 && first > missing)
		s = trim_gaps(r, day, (uint64_t)(first - missing - 1), &trimmed, err);
	if (s == OK)
		s = add_to(r, day, NOTED, -trimmed, err);
	return s == OK && trimmed > 0 ? tell_gap(r, e, day, err) : s;
}

/* An event says which numbers are missing for too long; between its writing and now some may have
 * arrived. */
static enum status note_gap(
	struct register_days *r, const struct applied_event *e, struct error *err)
{
	struct tally_value now[VALUES] = { 0 };
	struct gap said;
	int64_t numbers = 0;
	enum status s = gap_decode(e->event.payload, e->arena, &said, err);
	if (s != OK)
		return error_wrap(err, "event %llu", (unsigned long long)e->event.number);
	struct key day = {
		.store = said.store, .reg = said.reg, .business_date = said.business_date
	};
	bind_day(r->drop_gaps, &day);
	s = statement_run(r->drop_gaps, err);
	for (uint32_t i = 0; i < said.count && s == OK; i++)
		s = note_range(r, &day, &said.ranges[i], &numbers, err);
	if (s == OK)
		s = day_values(r, &day, now, err);
	if (s == OK)
		s = add_to(r, &day, NOTED, numbers - now[NOTED].number, err);
	if (s == OK)
		s = look_before(r, e, &day, err);
	return s == OK ? tell_gap(r, e, &day, err) : s;
}

/* The number that has arrived is missing no more. */
static enum status fill_gap(
	struct register_days *r, const struct applied_event *e, struct error *err)
{
	const struct key *day = &e->transaction->key;
	struct gap_range range;
	bool found = false;
	enum status s = gap_at(r, day, day->sequence, &found, &range, err);
	if (s != OK || !found || day->sequence > range.last)
		return s;
	s = drop_gap(r, day, range.first, err);
	if (s == OK && day->sequence > range.first)
		s = add_gap(r, day, range.first, day->sequence - 1, err);
	if (s == OK)
		s = add_gap(r, day, day->sequence + 1, range.last, err);
	if (s == OK)
		s = add_to(r, day, NOTED, -1, err);
	return s == OK ? tell_gap(r, e, day, err) : s;
}

/* The dates of the register beside this one are looked at again where they meet it: seldom, for
 * numbers come in order and the newest date has none behind it. */
static enum status look_beside(struct register_days *r, const struct applied_event *e,
	const struct tally_value old[static VALUES], const struct tally_value now[static VALUES],
	struct error *err)
{
	const struct key *day = &e->transaction->key;
	struct tally_key reg[] = { { .text = day->store }, { .text = day->reg } };
	struct tally_value newest = { 0 }, date = { .number = day->business_date };
	struct key after;
	bool is_new = old[TRANSACTIONS].number == 0, found = false;
	enum status s = tally_get(r->newest, reg, &newest, err);
	if (s == OK && newest.number < date.number)
		s = tally_add(r->newest, reg, &date, err);
	bind_day(r->add_date, day);
	if (s == OK && is_new)
		s = statement_run(r->add_date, err);
	if (s == OK && (is_new || now[FIRST].number < old[FIRST].number ||
			       now[SPARSE].number > old[SPARSE].number))
		s = look_before(r, e, day, err);
	if (s != OK || newest.number <= date.number ||
		(!is_new && now[LAST].number == old[LAST].number &&
			now[SPARSE].number == old[SPARSE].number))
		return s;
	s = date_beside(r->date_after, day, &found, &after, err);
	return s == OK && found ? look_before(r, e, &after, err) : s;
}

static enum status register_days_apply(
	void *state, const struct applied_event *e, struct error *err)
{
	struct register_days *r = state;
	struct tally_value old[VALUES] = { 0 }, now[VALUES] = { 0 };
	if (e->event.kind == EVENT_GAP)
		return note_gap(r, e, err);
	if (e->transaction == NULL || e->event.kind == EVENT_CONFLICT)
		return OK;
	enum status s = day_values(r, &e->transaction->key, old, err);
	if (s == OK)
		s = count_received(r, e, err);
	if (s == OK)
		s = day_values(r, &e->transaction->key, now, err);
	if (s == OK && now[NOTED].number > 0 && e->standing_event == 0)
		s = fill_gap(r, e, err);
	if (s == OK)
		s = look_beside(r, e, old, now, err);
	struct register_received received = { .transactions = (uint64_t)now[TRANSACTIONS].number,
		.last_sequence = (uint64_t)now[LAST].number,
		.closed = now[CLOSES].number > 0 };
	return s == OK ? register_declared_apply(r->declared, e, &received, err) : s;
}

static enum status register_days_flush(void *state, struct error *err)
{
	struct register_days *r = state;
	enum status s = tally_flush(r->days, err);
	if (s == OK)
		s = tally_flush(r->newest, err);
	return s == OK ? register_declared_flush(r->declared, err) : s;
}

static void register_days_forget(void *state)
{
	struct register_days *r = state;
	tally_forget(r->days);
	tally_forget(r->newest);
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
