#include "deliver/totals.h"

#include "retail/user_total.h"

#include <stdlib.h>

enum { DEFINITIONS_BYTES_MAX = 64 << 20 };

static const struct migration migrations[] = {
	{ "user_total.1",
		"CREATE TABLE user_totals (part BIGINT PRIMARY KEY, payload TEXT NOT NULL);"
		"CREATE TABLE user_total_definition (name TEXT NOT NULL, since BIGINT NOT NULL,"
		" until BIGINT, definition TEXT NOT NULL, PRIMARY KEY (name, since)) WITHOUT ROWID;"
		"CREATE TABLE user_total (store TEXT NOT NULL, business_date BIGINT NOT NULL,"
		" name TEXT NOT NULL, since BIGINT NOT NULL, part TEXT NOT NULL,"
		" currency TEXT NOT NULL, amount TEXT NOT NULL, limit_amount TEXT,"
		" passed BIGINT NOT NULL,"
		" PRIMARY KEY (store, business_date, name, since, part, currency)) WITHOUT ROWID;"
		"CREATE TABLE total_passed (event BIGINT NOT NULL, line BIGINT NOT NULL,"
		" name TEXT NOT NULL, part TEXT NOT NULL, currency TEXT NOT NULL,"
		" amount TEXT NOT NULL, limit_amount TEXT NOT NULL,"
		" PRIMARY KEY (event, line)) WITHOUT ROWID" },
};

/* A definition and the events it counts for. */
struct defined {
	struct defined *next;
	struct user_total total;
	struct slice text; /* as it stands in the table */
	uint64_t since;    /* its event */
	uint64_t until;    /* the event that ended it, 0 while it holds */
};

struct keeper {
	struct statement *load, *begin, *end, *remember, *read, *write, *pass;
	struct arena arena; /* of the definitions */
	struct defined *defined;
	bool loaded;
};

static void totals_close(void *state)
{
	struct keeper *x = state;
	struct statement *all[] = { x->load, x->begin, x->end, x->remember, x->read, x->write,
		x->pass };
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		statement_close(all[i]);
	arena_release(&x->arena);
	free(x);
}

static enum status prepare(struct keeper *x, struct store *store, struct error *err)
{
	const struct {
		struct statement **statement;
		const char *sql;
	} all[] = {
		{ &x->load, "SELECT since, until, definition FROM user_total_definition"
			    " ORDER BY since DESC, name DESC" },
		{ &x->begin, "INSERT INTO user_total_definition (name, since, definition)"
			     " VALUES ($1, $2, $3)" },
		{ &x->end, "UPDATE user_total_definition SET until = $3"
			   " WHERE name = $1 AND since = $2" },
		{ &x->remember, "INSERT INTO user_totals (part, payload) VALUES (1, $1)"
				" ON CONFLICT (part) DO UPDATE SET payload = excluded.payload" },
		{ &x->read, "SELECT amount, passed FROM user_total WHERE store = $1"
			    " AND business_date = $2 AND name = $3 AND since = $4 AND part = $5"
			    " AND currency = $6" },
		{ &x->write, "INSERT INTO user_total (store, business_date, name, since, part,"
			     " currency, amount, limit_amount, passed)"
			     " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
			     " ON CONFLICT (store, business_date, name, since, part, currency)"
			     " DO UPDATE SET amount = excluded.amount, passed = excluded.passed" },
		{ &x->pass, "INSERT INTO total_passed (event, line, name, part, currency, amount,"
			    " limit_amount) VALUES ($1, $2, $3, $4, $5, $6, $7)" },
	};
	enum status s = OK;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]) && s == OK; i++)
		s = store_prepare(store, all[i].sql, all[i].statement, err);
	return s;
}

static enum status totals_open(struct store *store, void **ret_state, struct error *err)
{
	struct keeper *x = calloc(1, sizeof(*x));
	if (x == NULL)
		return error_set(err, E_FULL, "out of memory");
	arena_init(&x->arena, DEFINITIONS_BYTES_MAX);
	enum status s = prepare(x, store, err);
	if (s != OK) {
		totals_close(x);
		return s;
	}
	*ret_state = x;
	return OK;
}

/* Puts a definition in front of the others. */
static enum status add_defined(
	struct keeper *x, struct slice text, uint64_t since, uint64_t until, struct error *err)
{
	struct defined *d = arena_new(&x->arena, struct defined);
	struct slice copy = arena_copy(&x->arena, text);
	if (d == NULL || copy.ptr == NULL)
		return error_set(err, E_FULL, "totals: too many definitions");
	d->text = copy;
	d->since = since;
	d->until = until;
	enum status s = user_total_decode(copy, &x->arena, &d->total, err);
	d->next = x->defined;
	if (s == OK)
		x->defined = d;
	return s;
}

/* After opening, and after a roll-back. */
static enum status load(struct keeper *x, struct error *err)
{
	bool row = true;
	enum status s = OK;
	if (x->loaded)
		return OK;
	arena_reset(&x->arena);
	x->defined = NULL;
	while (s == OK && (s = statement_step(x->load, &row, err)) == OK && row)
		s = add_defined(x, statement_text(x->load, 2), (uint64_t)statement_int(x->load, 0),
			(uint64_t)statement_int(x->load, 1), err);
	statement_reset(x->load);
	x->loaded = s == OK;
	return s;
}

static bool holds_still(const struct user_totals *now, struct slice text, struct buf *buf)
{
	for (uint32_t i = 0; i < now->count; i++) {
		buf_reset(buf);
		user_total_encode(&now->items[i], buf);
		if (slice_equal(buf_get(buf), text))
			return true;
	}
	return false;
}

/* What is not defined any more, or otherwise, ends here. */
static enum status end_old(struct keeper *x, const struct user_totals *now,
	const struct applied_event *e, struct buf *buf, struct error *err)
{
	enum status s = OK;
	for (struct defined *d = x->defined; d != NULL && s == OK; d = d->next) {
		if (d->until != 0 || holds_still(now, d->text, buf))
			continue;
		d->until = e->event.number;
		statement_bind_text(x->end, 1, d->total.name);
		statement_bind_int(x->end, 2, (int64_t)d->since);
		statement_bind_int(x->end, 3, (int64_t)d->until);
		s = statement_run(x->end, err);
	}
	return s;
}

static bool is_defined(const struct keeper *x, struct slice text)
{
	for (const struct defined *d = x->defined; d != NULL; d = d->next)
		if (d->until == 0 && slice_equal(d->text, text))
			return true;
	return false;
}

static enum status begin_new(struct keeper *x, const struct user_totals *now,
	const struct applied_event *e, struct buf *buf, struct error *err)
{
	enum status s = OK;
	for (uint32_t i = 0; i < now->count && s == OK; i++) {
		buf_reset(buf);
		user_total_encode(&now->items[i], buf);
		if (is_defined(x, buf_get(buf)))
			continue;
		statement_bind_text(x->begin, 1, now->items[i].name);
		statement_bind_int(x->begin, 2, (int64_t)e->event.number);
		statement_bind_text(x->begin, 3, buf_get(buf));
		s = statement_run(x->begin, err);
		if (s == OK)
			s = add_defined(x, buf_get(buf), e->event.number, 0, err);
	}
	return s;
}

static enum status define(struct keeper *x, const struct applied_event *e, struct error *err)
{
	struct user_totals now;
	struct buf buf;
	enum status s = user_totals_decode(e->event.payload, e->arena, &now, err);
	if (s != OK)
		return s;
	buf_init(&buf, JOURNAL_EVENT_BYTES_MAX);
	s = end_old(x, &now, e, &buf, err);
	if (s == OK)
		s = begin_new(x, &now, e, &buf, err);
	if (s == OK) {
		statement_bind_text(x->remember, 1, e->event.payload);
		s = statement_run(x->remember, err);
	}
	buf_release(&buf);
	return s;
}

/* One transaction on its way into one total. */
struct adding {
	struct keeper *keeper;
	const struct defined *defined;
	const struct applied_event *event;
	const struct transaction *transaction;
	bool taken_back;
	int64_t *lines; /* sums that this event has passed */
	struct error *err;
};

static struct slice currency_of(const struct transaction *t)
{
	return t->currency.ptr == NULL ? slice_of("") : t->currency;
}

static enum status read_sum(
	const struct adding *a, struct slice part, struct total *ret_sum, bool *ret_passed)
{
	struct statement *read = a->keeper->read;
	bool row = false;
	statement_bind_text(read, 1, a->transaction->key.store);
	statement_bind_int(read, 2, a->transaction->key.business_date);
	statement_bind_text(read, 3, a->defined->total.name);
	statement_bind_int(read, 4, (int64_t)a->defined->since);
	statement_bind_text(read, 5, part);
	statement_bind_text(read, 6, currency_of(a->transaction));
	*ret_sum = total_zero();
	*ret_passed = false;
	enum status s = statement_step(read, &row, a->err);
	if (s == OK && row) {
		*ret_sum = statement_total(read, 0);
		*ret_passed = statement_int(read, 1) != 0;
	}
	statement_reset(read);
	return s;
}

static enum status write_sum(const struct adding *a, struct slice part, struct total sum,
	struct decimal limit, bool passed)
{
	struct statement *write = a->keeper->write;
	statement_bind_text(write, 1, a->transaction->key.store);
	statement_bind_int(write, 2, a->transaction->key.business_date);
	statement_bind_text(write, 3, a->defined->total.name);
	statement_bind_int(write, 4, (int64_t)a->defined->since);
	statement_bind_text(write, 5, part);
	statement_bind_text(write, 6, currency_of(a->transaction));
	statement_bind_total(write, 7, sum);
	if (limit.set)
		statement_bind_total(write, 8, total_of(limit));
	else
		statement_bind_null(write, 8);
	statement_bind_int(write, 9, passed);
	return statement_run(write, a->err);
}

/* Once for each sum: what falls back and passes again is known already. */
static enum status write_passed(
	const struct adding *a, struct slice part, struct total sum, struct decimal limit)
{
	struct statement *pass = a->keeper->pass;
	statement_bind_int(pass, 1, (int64_t)a->event->event.number);
	statement_bind_int(pass, 2, (*a->lines)++);
	statement_bind_text(pass, 3, a->defined->total.name);
	statement_bind_text(pass, 4, part);
	statement_bind_text(pass, 5, currency_of(a->transaction));
	statement_bind_total(pass, 6, sum);
	statement_bind_total(pass, 7, total_of(limit));
	return statement_run(pass, a->err);
}

static enum status add_amount(void *context, struct slice part, struct total amount)
{
	const struct adding *a = context;
	struct total sum;
	bool passed;
	struct decimal limit = user_total_limit(&a->defined->total, currency_of(a->transaction));
	enum status s = read_sum(a, part, &sum, &passed);
	if (s != OK)
		return s;
	sum = a->taken_back ? total_subtract(sum, amount) : total_add(sum, amount);
	bool beyond = limit.set && total_compare(total_absolute(sum), total_of(limit)) > 0;
	if (beyond && !passed)
		s = write_passed(a, part, sum, limit);
	return s == OK ? write_sum(a, part, sum, limit, passed || beyond) : s;
}

/* Adds or takes back a transaction that stands in event `number`, in the totals of its time. */
static enum status add_transaction(struct keeper *x, const struct applied_event *e,
	const struct transaction *t, uint64_t number, bool taken_back, int64_t *lines,
	struct error *err)
{
	enum status s = OK;
	for (const struct defined *d = x->defined; d != NULL && s == OK; d = d->next) {
		if (number < d->since || (d->until != 0 && number > d->until))
			continue;
		struct adding adding = { x, d, e, t, taken_back, lines, err };
		s = user_total_of(&d->total, t, add_amount, &adding);
	}
	return s;
}

static enum status totals_apply(void *state, const struct applied_event *e, struct error *err)
{
	struct keeper *x = state;
	int64_t lines = 0;
	if (e->event.kind != EVENT_DEFINITIONS && e->event.kind != EVENT_TRANSACTION)
		return OK;
	enum status s = load(x, err);
	if (s != OK || e->event.kind == EVENT_DEFINITIONS)
		return s == OK ? define(x, e, err) : s;
	if (x->defined == NULL || e->outdated)
		return OK;
	if (e->superseded != NULL)
		s = add_transaction(x, e, e->superseded, e->standing_event, true, &lines, err);
	if (s == OK)
		s = add_transaction(x, e, e->transaction, e->event.number, false, &lines, err);
	return s;
}

static void totals_forget(void *state)
{
	((struct keeper *)state)->loaded = false;
}

const struct consumer totals_consumer = {
	.name = "totals",
	.migrations = migrations,
	.migration_count = sizeof(migrations) / sizeof(migrations[0]),
	.open = totals_open,
	.apply = totals_apply,
	.forget = totals_forget,
	.close = totals_close,
};
