#include "deliver/postings.h"

#include "base/check.h"
#include "deliver/events.h"
#include "store/tally.h"

#include <stdlib.h>

/* `posting_open` holds only what is not finished, so finding the next ones stays quick when there
 * are millions behind them. */
static const struct migration migrations[] = {
	{ "posting.1",
		"CREATE TABLE posting (event BIGINT PRIMARY KEY, erp TEXT NOT NULL,"
		" store TEXT NOT NULL, business_date BIGINT NOT NULL, position BIGINT NOT NULL,"
		" state BIGINT NOT NULL, attempts BIGINT NOT NULL, planned_ms BIGINT NOT NULL,"
		" called_ms BIGINT, settled_ms BIGINT, agreed_ms BIGINT, document TEXT, detail "
		"TEXT,"
		" differences TEXT);"
		"CREATE INDEX posting_open ON posting (erp, event) WHERE state < 3;"
		"CREATE INDEX posting_settled ON posting (erp, event) WHERE state = 3;"
		"CREATE TABLE posting_day (store TEXT NOT NULL, business_date BIGINT NOT NULL,"
		" state BIGINT NOT NULL, postings BIGINT NOT NULL,"
		" PRIMARY KEY (store, business_date, state)) WITHOUT ROWID;"
		"CREATE TABLE posting_erp (erp TEXT NOT NULL, store TEXT NOT NULL,"
		" state BIGINT NOT NULL, postings BIGINT NOT NULL,"
		" PRIMARY KEY (erp, store, state)) WITHOUT ROWID;"
		"CREATE TABLE route (store TEXT PRIMARY KEY, erp TEXT NOT NULL) WITHOUT ROWID;"
		"CREATE TABLE routing (part BIGINT PRIMARY KEY, payload TEXT NOT NULL)" },
};

static const struct tally_table day_table = { .name = "posting_day",
	.keys = { "store", "#business_date", "#state" },
	.values = { { "postings", TALLY_COUNT } } };
static const struct tally_table erp_table = { .name = "posting_erp",
	.keys = { "erp", "store", "#state" },
	.values = { { "postings", TALLY_COUNT } } };

static const char *const state_names[POSTING_STATES] = {
	[POSTING_PLANNED] = "planned",
	[POSTING_CALLED] = "called",
	[POSTING_UNKNOWN] = "unknown",
	[POSTING_SETTLED] = "settled",
	[POSTING_REFUSED] = "refused",
	[POSTING_AGREED] = "agreed",
	[POSTING_DIFFERS] = "differs",
};

const char *posting_state_name(unsigned state)
{
	check(state < POSTING_STATES);
	return state_names[state];
}

unsigned posting_state_find(struct slice name)
{
	unsigned state = 0;
	while (state < POSTING_STATES && !slice_is(name, state_names[state]))
		state++;
	return state;
}

struct postings {
	struct statement *insert, *read, *call, *settle, *agree, *read_route, *write_route,
		*drop_routes, *write_routing;
	struct tally *days, *erps;
};

static void postings_close(void *state)
{
	struct postings *p = state;
	struct statement *all[] = { p->insert, p->read, p->call, p->settle, p->agree, p->read_route,
		p->write_route, p->drop_routes, p->write_routing };
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		statement_close(all[i]);
	tally_close(p->days);
	tally_close(p->erps);
	free(p);
}

static enum status prepare(struct postings *p, struct store *store, struct error *err)
{
	const struct {
		struct statement **statement;
		const char *sql;
	} all[] = {
		{ &p->insert,
			"INSERT INTO posting (event, erp, store, business_date, position, state,"
			" attempts, planned_ms) VALUES ($1, $2, $3, $4, $5, 0, 0, $6)" },
		{ &p->read,
			"SELECT state, store, business_date, erp FROM posting WHERE event = $1" },
		{ &p->call, "UPDATE posting SET state = 1, attempts = attempts + 1, called_ms = $2"
			    " WHERE event = $1" },
		{ &p->settle, "UPDATE posting SET state = $2, settled_ms = $3, document = $4,"
			      " detail = $5 WHERE event = $1" },
		{ &p->agree, "UPDATE posting SET state = $2, agreed_ms = $3, differences = $4"
			     " WHERE event = $1" },
		/* An empty store is the default, and sorts before any other. */
		{ &p->read_route,
			"SELECT erp FROM route WHERE store IN ($1, '') ORDER BY store DESC"
			" LIMIT 1" },
		{ &p->write_route, "INSERT INTO route (store, erp) VALUES ($1, $2)" },
		{ &p->drop_routes, "DELETE FROM route" },
		{ &p->write_routing,
			"INSERT INTO routing (part, payload) VALUES (1, $1)"
			" ON CONFLICT (part) DO UPDATE SET payload = excluded.payload" },
	};
	enum status s = OK;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]) && s == OK; i++)
		s = store_prepare(store, all[i].sql, all[i].statement, err);
	return s;
}

static enum status postings_open(struct store *store, void **ret_state, struct error *err)
{
	struct postings *p = calloc(1, sizeof(*p));
	if (p == NULL)
		return error_set(err, E_FULL, "out of memory");
	enum status s = prepare(p, store, err);
	if (s == OK)
		s = tally_open(store, &day_table, &p->days, err);
	if (s == OK)
		s = tally_open(store, &erp_table, &p->erps, err);
	if (s != OK) {
		postings_close(p);
		return s;
	}
	*ret_state = p;
	return OK;
}

static enum status count(struct postings *p, struct slice erp, struct slice store, int64_t date,
	unsigned state, int64_t by, struct error *err)
{
	struct tally_value value = { .number = by };
	struct tally_key day[] = { { .text = store }, { .number = date }, { .number = state } };
	struct tally_key per_erp[] = { { .text = erp }, { .text = store }, { .number = state } };
	enum status s = tally_add(p->days, day, &value, err);
	return s == OK ? tally_add(p->erps, per_erp, &value, err) : s;
}

static enum status plan(struct postings *p, const struct applied_event *e, struct error *err)
{
	const struct transaction *t = e->transaction;
	bool routed;
	if (!transaction_is_posted(t))
		return OK;
	statement_bind_text(p->read_route, 1, t->key.store);
	enum status s = statement_step(p->read_route, &routed, err);
	if (s != OK || !routed)
		return s;
	struct slice erp = arena_copy(e->arena, statement_text(p->read_route, 0));
	statement_reset(p->read_route);
	if (erp.ptr == NULL)
		return error_set(err, E_FULL, "a batch needs too much memory");
	statement_bind_int(p->insert, 1, (int64_t)e->event.number);
	statement_bind_text(p->insert, 2, erp);
	statement_bind_text(p->insert, 3, t->key.store);
	statement_bind_int(p->insert, 4, t->key.business_date);
	statement_bind_int(p->insert, 5, (int64_t)e->event.position);
	statement_bind_int(p->insert, 6, e->event.recorded_ms);
	s = statement_run(p->insert, err);
	return s == OK ? count(p, erp, t->key.store, t->key.business_date, POSTING_PLANNED, 1, err)
		       : s;
}

/* Moves the counts from the state a posting has to `to`. *ret_known is false for a posting that
 * this state has no row of. */
static enum status change_state(struct postings *p, const struct applied_event *e, uint64_t posting,
	unsigned to, unsigned *ret_from, bool *ret_known, struct error *err)
{
	statement_bind_int(p->read, 1, (int64_t)posting);
	enum status s = statement_step(p->read, ret_known, err);
	if (s != OK || !*ret_known)
		return s;
	unsigned from = (unsigned)statement_int(p->read, 0);
	struct slice store = arena_copy(e->arena, statement_text(p->read, 1));
	int64_t date = statement_int(p->read, 2);
	struct slice erp = arena_copy(e->arena, statement_text(p->read, 3));
	statement_reset(p->read);
	if (store.ptr == NULL || erp.ptr == NULL)
		return error_set(err, E_FULL, "a batch needs too much memory");
	*ret_from = from;
	if (from == to)
		return OK;
	s = count(p, erp, store, date, from, -1, err);
	return s == OK ? count(p, erp, store, date, to, 1, err) : s;
}

static enum status apply_intent(struct postings *p, const struct applied_event *e,
	const struct delivery_item *item, struct error *err)
{
	bool known;
	unsigned from;
	enum status s = change_state(p, e, item->posting, POSTING_CALLED, &from, &known, err);
	if (s != OK || !known)
		return s;
	statement_bind_int(p->call, 1, (int64_t)item->posting);
	statement_bind_int(p->call, 2, e->event.recorded_ms);
	return statement_run(p->call, err);
}

static enum status apply_answer(struct postings *p, const struct applied_event *e,
	const struct delivery_item *item, struct error *err)
{
	static const unsigned states[] = {
		[OUTCOME_NOT_SENT] = POSTING_PLANNED,
		[OUTCOME_SETTLED] = POSTING_SETTLED,
		[OUTCOME_REFUSED] = POSTING_REFUSED,
		[OUTCOME_UNKNOWN] = POSTING_UNKNOWN,
	};
	bool known;
	unsigned from, to = states[item->outcome];
	enum status s = change_state(p, e, item->posting, to, &from, &known, err);
	if (s != OK || !known)
		return s;
	statement_bind_int(p->settle, 1, (int64_t)item->posting);
	statement_bind_int(p->settle, 2, to);
	if (to == POSTING_SETTLED)
		statement_bind_int(p->settle, 3, e->event.recorded_ms);
	else
		statement_bind_null(p->settle, 3);
	statement_bind_text(p->settle, 4, item->document);
	statement_bind_text(p->settle, 5, item->detail);
	return statement_run(p->settle, err);
}

static enum status apply_read_back(struct postings *p, const struct applied_event *e,
	const struct delivery_item *item, struct error *err)
{
	bool known;
	unsigned from, to = item->agreed ? POSTING_AGREED : POSTING_DIFFERS;
	enum status s = change_state(p, e, item->posting, to, &from, &known, err);
	if (s != OK || !known)
		return s;
	statement_bind_int(p->agree, 1, (int64_t)item->posting);
	statement_bind_int(p->agree, 2, to);
	statement_bind_int(p->agree, 3, e->event.recorded_ms);
	statement_bind_text(p->agree, 4, item->differences);
	return statement_run(p->agree, err);
}

static enum status apply_delivery(
	struct postings *p, const struct applied_event *e, struct error *err)
{
	struct delivery_event event;
	enum status s = delivery_decode(e->event.payload, e->arena, &event, err);
	for (uint32_t i = 0; i < event.count && s == OK; i++) {
		if (e->event.kind == EVENT_INTENT)
			s = apply_intent(p, e, &event.items[i], err);
		else if (e->event.kind == EVENT_ANSWER)
			s = apply_answer(p, e, &event.items[i], err);
		else
			s = apply_read_back(p, e, &event.items[i], err);
	}
	return s;
}

static enum status apply_routing(
	struct postings *p, const struct applied_event *e, struct error *err)
{
	struct routing routing;
	enum status s = routing_decode(e->event.payload, e->arena, &routing, err);
	if (s == OK)
		s = statement_run(p->drop_routes, err);
	if (s == OK) {
		statement_bind_text(p->write_routing, 1, e->event.payload);
		s = statement_run(p->write_routing, err);
	}
	for (uint32_t i = 0; s == OK && i < routing.count; i++) {
		struct slice store = routing.routes[i].store;
		statement_bind_text(
			p->write_route, 1, store.ptr == NULL ? slice_make("", 0) : store);
		statement_bind_text(p->write_route, 2, routing.routes[i].erp);
		s = statement_run(p->write_route, err);
	}
	return s;
}

static enum status postings_apply(void *state, const struct applied_event *e, struct error *err)
{
	struct postings *p = state;
	switch (e->event.kind) {
	case EVENT_TRANSACTION:
		return plan(p, e, err);
	case EVENT_INTENT:
	case EVENT_ANSWER:
	case EVENT_READ_BACK:
		return apply_delivery(p, e, err);
	case EVENT_ROUTING:
		return apply_routing(p, e, err);
	default:
		return OK;
	}
}

static enum status postings_flush(void *state, struct error *err)
{
	struct postings *p = state;
	enum status s = tally_flush(p->days, err);
	return s == OK ? tally_flush(p->erps, err) : s;
}

static void postings_forget(void *state)
{
	struct postings *p = state;
	tally_forget(p->days);
	tally_forget(p->erps);
}

const struct consumer postings_consumer = {
	.name = "postings",
	.migrations = migrations,
	.migration_count = sizeof(migrations) / sizeof(migrations[0]),
	.open = postings_open,
	.apply = postings_apply,
	.flush = postings_flush,
	.forget = postings_forget,
	.close = postings_close,
};
