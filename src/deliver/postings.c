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
	/* `ready`: the event that made it ready to be sent, which the worker goes along.
	 * `reverses`: the event of the transaction that it takes back. `waits_for`: the event of
	 * the posting before it, a document's for a reversal, a reversal's for a document. */
	{ "posting.2",
		"CREATE TABLE posting_2 (event BIGINT NOT NULL, part BIGINT NOT NULL,"
		" erp TEXT NOT NULL, store TEXT NOT NULL, business_date BIGINT NOT NULL,"
		" position BIGINT NOT NULL, state BIGINT NOT NULL, attempts BIGINT NOT NULL,"
		" planned_ms BIGINT NOT NULL, called_ms BIGINT, settled_ms BIGINT,"
		" agreed_ms BIGINT, document TEXT, detail TEXT, differences TEXT,"
		" ready BIGINT NOT NULL, reverses BIGINT, waits_for BIGINT, superseded_by BIGINT,"
		" PRIMARY KEY (event, part));"
		"INSERT INTO posting_2 (event, part, erp, store, business_date, position, state,"
		" attempts, planned_ms, called_ms, settled_ms, agreed_ms, document, detail,"
		" differences, ready) SELECT event, 1, erp, store, business_date, position, state,"
		" attempts, planned_ms, called_ms, settled_ms, agreed_ms, document, detail,"
		" differences, event FROM posting;"
		"DROP TABLE posting;"
		"ALTER TABLE posting_2 RENAME TO posting;"
		"CREATE INDEX posting_open ON posting (erp, ready, event, part) WHERE state < 3;"
		"CREATE INDEX posting_settled ON posting (erp, ready, event, part) WHERE state = 3;"
		"CREATE INDEX posting_waiting ON posting (waits_for) WHERE state = 7" },
	/* What a person looks for. On its way to an agreed document no posting comes by here. */
	{ "posting.3", "CREATE INDEX posting_rare ON posting (state, event, part)"
		       " WHERE state IN (2, 4, 6, 7, 8)" },
};

static_assert(POSTING_SETTLED == 3 && POSTING_WAITING == 7, "the SQL here says so");

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
	[POSTING_WAITING] = "waiting",
	[POSTING_SUPERSEDED] = "superseded",
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
	struct statement *insert, *read, *call, *settle, *agree, *set_state, *supersede,
		*find_waiting, *find_reversal, *read_route, *write_route, *drop_routes,
		*write_routing;
	struct tally *days, *erps;
};

static void postings_close(void *state)
{
	struct postings *p = state;
	struct statement *all[] = { p->insert, p->read, p->call, p->settle, p->agree, p->set_state,
		p->supersede, p->find_waiting, p->find_reversal, p->read_route, p->write_route,
		p->drop_routes, p->write_routing };
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
			"INSERT INTO posting (event, part, erp, store, business_date, position,"
			" state, attempts, planned_ms, ready, reverses, waits_for)"
			" VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $1, $9, $10)" },
		{ &p->read, "SELECT state, store, business_date, erp, position FROM posting"
			    " WHERE event = $1 AND part = $2" },
		{ &p->call, "UPDATE posting SET state = 1, attempts = attempts + 1, called_ms = $3"
			    " WHERE event = $1 AND part = $2" },
		{ &p->settle, "UPDATE posting SET state = $3, settled_ms = $4, document = $5,"
			      " detail = $6 WHERE event = $1 AND part = $2" },
		{ &p->agree, "UPDATE posting SET state = $3, agreed_ms = $4, differences = $5"
			     " WHERE event = $1 AND part = $2" },
		{ &p->set_state, "UPDATE posting SET state = $3, ready = $4"
				 " WHERE event = $1 AND part = $2" },
		{ &p->supersede, "UPDATE posting SET superseded_by = $3"
				 " WHERE event = $1 AND part = $2" },
		{ &p->find_waiting, "SELECT event FROM posting WHERE waits_for = $1 AND part = $2"
				    " AND state = 7 ORDER BY event DESC LIMIT 1" },
		{ &p->find_reversal,
			"SELECT p.event FROM document AS d JOIN posting AS p"
			" ON p.event = d.event AND p.part = 0 WHERE d.store = $1"
			" AND d.business_date = $2 AND d.register = $3 AND d.sequence = $4"
			" AND d.event < $5 AND p.state IN (0, 1, 2, 4, 7)"
			" ORDER BY p.event DESC LIMIT 1" },
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

/* One posting to be. */
struct planned {
	enum posting_part part;
	struct slice erp;
	uint64_t position;  /* of the transaction that it posts or reverses */
	uint64_t reverses;  /* 0 for a document */
	uint64_t waits_for; /* 0: it can be sent at once */
};

static void bind_optional(struct statement *statement, int parameter, uint64_t event)
{
	if (event == 0)
		statement_bind_null(statement, parameter);
	else
		statement_bind_int(statement, parameter, (int64_t)event);
}

static enum status insert(struct postings *p, const struct applied_event *e,
	const struct planned *planned, struct error *err)
{
	const struct key *key = &e->transaction->key;
	unsigned state = planned->waits_for == 0 ? POSTING_PLANNED : POSTING_WAITING;
	statement_bind_int(p->insert, 1, (int64_t)e->event.number);
	statement_bind_int(p->insert, 2, planned->part);
	statement_bind_text(p->insert, 3, planned->erp);
	statement_bind_text(p->insert, 4, key->store);
	statement_bind_int(p->insert, 5, key->business_date);
	statement_bind_int(p->insert, 6, (int64_t)planned->position);
	statement_bind_int(p->insert, 7, state);
	statement_bind_int(p->insert, 8, e->event.recorded_ms);
	bind_optional(p->insert, 9, planned->reverses);
	bind_optional(p->insert, 10, planned->waits_for);
	enum status s = statement_run(p->insert, err);
	return s == OK ? count(p, planned->erp, key->store, key->business_date, state, 1, err) : s;
}

/* What is known of a posting; texts live in the event's arena. */
struct known {
	bool found;
	unsigned state;
	struct slice store, erp;
	int64_t business_date;
	uint64_t position;
};

static enum status read_posting(struct postings *p, const struct applied_event *e, uint64_t event,
	enum posting_part part, struct known *ret_known, struct error *err)
{
	*ret_known = (struct known){ .found = false };
	statement_bind_int(p->read, 1, (int64_t)event);
	statement_bind_int(p->read, 2, part);
	enum status s = statement_step(p->read, &ret_known->found, err);
	if (s != OK || !ret_known->found)
		return s;
	ret_known->state = (unsigned)statement_int(p->read, 0);
	ret_known->store = arena_copy(e->arena, statement_text(p->read, 1));
	ret_known->business_date = statement_int(p->read, 2);
	ret_known->erp = arena_copy(e->arena, statement_text(p->read, 3));
	ret_known->position = (uint64_t)statement_int(p->read, 4);
	statement_reset(p->read);
	if (ret_known->store.ptr == NULL || ret_known->erp.ptr == NULL)
		return error_set(err, E_FULL, "a batch needs too much memory");
	return OK;
}

/* Moves the counts from the state a posting has to `to`. */
static enum status move_counts(
	struct postings *p, const struct known *known, unsigned to, struct error *err)
{
	if (known->state == to)
		return OK;
	enum status s =
		count(p, known->erp, known->store, known->business_date, known->state, -1, err);
	return s == OK ? count(p, known->erp, known->store, known->business_date, to, 1, err) : s;
}

/* Gives a posting another state; what is planned by it is ready from this event on. */
static enum status set_state(struct postings *p, const struct applied_event *e, uint64_t event,
	enum posting_part part, unsigned to, struct error *err)
{
	struct known known;
	enum status s = read_posting(p, e, event, part, &known, err);
	if (s == OK && known.found)
		s = move_counts(p, &known, to, err);
	if (s != OK || !known.found)
		return s;
	statement_bind_int(p->set_state, 1, (int64_t)event);
	statement_bind_int(p->set_state, 2, part);
	statement_bind_int(p->set_state, 3, to);
	statement_bind_int(p->set_state, 4, (int64_t)e->event.number);
	return statement_run(p->set_state, err);
}

/* The reversal of an earlier revision that is not through yet; 0 when there is none. */
static enum status find_open_reversal(
	struct postings *p, const struct applied_event *e, uint64_t *ret_event, struct error *err)
{
	const struct key *key = &e->transaction->key;
	bool row = false;
	statement_bind_text(p->find_reversal, 1, key->store);
	statement_bind_int(p->find_reversal, 2, key->business_date);
	statement_bind_text(p->find_reversal, 3, key->reg);
	statement_bind_int(p->find_reversal, 4, (int64_t)key->sequence);
	statement_bind_int(p->find_reversal, 5, (int64_t)e->event.number);
	enum status s = statement_step(p->find_reversal, &row, err);
	*ret_event = s == OK && row ? (uint64_t)statement_int(p->find_reversal, 0) : 0;
	statement_reset(p->find_reversal);
	return s;
}

/* Takes back what the superseded revision did, or will have done: only the worker knows for sure
 * that it has not called. *ret_waits_for is the reversal that must be through before the revision
 * itself is sent, or 0. */
static enum status take_back(struct postings *p, const struct applied_event *e,
	uint64_t *ret_waits_for, struct error *err)
{
	struct known old;
	enum status s = read_posting(p, e, e->standing_event, PART_DOCUMENT, &old, err);
	if (s != OK)
		return s;
	if (old.found) {
		statement_bind_int(p->supersede, 1, (int64_t)e->standing_event);
		statement_bind_int(p->supersede, 2, PART_DOCUMENT);
		statement_bind_int(p->supersede, 3, (int64_t)e->event.number);
		s = statement_run(p->supersede, err);
	}
	if (s == OK && old.found && old.state == POSTING_WAITING)
		s = set_state(p, e, e->standing_event, PART_DOCUMENT, POSTING_SUPERSEDED, err);
	if (s != OK)
		return s;
	if (!old.found || old.state == POSTING_WAITING || old.state == POSTING_REFUSED ||
		old.state == POSTING_SUPERSEDED)
		return find_open_reversal(p, e, ret_waits_for, err);
	struct planned reversal = {
		.part = PART_REVERSAL,
		.erp = old.erp,
		.position = old.position,
		.reverses = e->standing_event,
		.waits_for = old.state < POSTING_SETTLED ? e->standing_event : 0,
	};
	*ret_waits_for = e->event.number;
	return insert(p, e, &reversal, err);
}

static enum status plan(struct postings *p, const struct applied_event *e, struct error *err)
{
	const struct transaction *t = e->transaction;
	struct planned document = { .part = PART_DOCUMENT, .position = e->event.position };
	enum status s = OK;
	bool routed;
	if (e->outdated)
		return OK;
	if (e->superseded != NULL)
		s = take_back(p, e, &document.waits_for, err);
	if (s != OK || !transaction_is_posted(t))
		return s;
	statement_bind_text(p->read_route, 1, t->key.store);
	s = statement_step(p->read_route, &routed, err);
	if (s != OK || !routed)
		return s;
	document.erp = arena_copy(e->arena, statement_text(p->read_route, 0));
	statement_reset(p->read_route);
	if (document.erp.ptr == NULL)
		return error_set(err, E_FULL, "a batch needs too much memory");
	return insert(p, e, &document, err);
}

/* Moves on the posting that waits for this one, if there is any. */
static enum status release(struct postings *p, const struct applied_event *e, uint64_t event,
	enum posting_part part, unsigned to, struct error *err)
{
	enum posting_part next = part == PART_DOCUMENT ? PART_REVERSAL : PART_DOCUMENT;
	bool row = false;
	statement_bind_int(p->find_waiting, 1, (int64_t)event);
	statement_bind_int(p->find_waiting, 2, next);
	enum status s = statement_step(p->find_waiting, &row, err);
	uint64_t waiting = s == OK && row ? (uint64_t)statement_int(p->find_waiting, 0) : 0;
	statement_reset(p->find_waiting);
	if (s != OK || waiting == 0)
		return s;
	bool settled = to == POSTING_SETTLED;
	if (next == PART_DOCUMENT && to == POSTING_REFUSED)
		return OK;
	if (settled || next == PART_DOCUMENT)
		return set_state(p, e, waiting, next, POSTING_PLANNED, err);
	s = set_state(p, e, waiting, next, POSTING_SUPERSEDED, err);
	return s == OK ? release(p, e, waiting, next, POSTING_SUPERSEDED, err) : s;
}

static enum posting_part part_of(const struct delivery_item *item)
{
	return item->reversal ? PART_REVERSAL : PART_DOCUMENT;
}

/* Moves the counts; *ret_known is false for a posting that this state has no row of. */
static enum status change_state(struct postings *p, const struct applied_event *e,
	const struct delivery_item *item, unsigned to, bool *ret_known, struct error *err)
{
	struct known known;
	enum status s = read_posting(p, e, item->posting, part_of(item), &known, err);
	*ret_known = s == OK && known.found;
	return *ret_known ? move_counts(p, &known, to, err) : s;
}

static enum status apply_intent(struct postings *p, const struct applied_event *e,
	const struct delivery_item *item, struct error *err)
{
	bool known;
	enum status s = change_state(p, e, item, POSTING_CALLED, &known, err);
	if (s != OK || !known)
		return s;
	statement_bind_int(p->call, 1, (int64_t)item->posting);
	statement_bind_int(p->call, 2, part_of(item));
	statement_bind_int(p->call, 3, e->event.recorded_ms);
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
		[OUTCOME_SUPERSEDED] = POSTING_SUPERSEDED,
	};
	bool known;
	unsigned to = states[item->outcome];
	enum status s = change_state(p, e, item, to, &known, err);
	if (s != OK || !known)
		return s;
	statement_bind_int(p->settle, 1, (int64_t)item->posting);
	statement_bind_int(p->settle, 2, part_of(item));
	statement_bind_int(p->settle, 3, to);
	if (to == POSTING_SETTLED)
		statement_bind_int(p->settle, 4, e->event.recorded_ms);
	else
		statement_bind_null(p->settle, 4);
	statement_bind_text(p->settle, 5, item->document);
	statement_bind_text(p->settle, 6, item->detail);
	s = statement_run(p->settle, err);
	if (s != OK || to == POSTING_PLANNED || to == POSTING_UNKNOWN)
		return s;
	return release(p, e, item->posting, part_of(item), to, err);
}

static enum status apply_read_back(struct postings *p, const struct applied_event *e,
	const struct delivery_item *item, struct error *err)
{
	bool known;
	unsigned to = item->agreed ? POSTING_AGREED : POSTING_DIFFERS;
	enum status s = change_state(p, e, item, to, &known, err);
	if (s != OK || !known)
		return s;
	statement_bind_int(p->agree, 1, (int64_t)item->posting);
	statement_bind_int(p->agree, 2, part_of(item));
	statement_bind_int(p->agree, 3, to);
	statement_bind_int(p->agree, 4, e->event.recorded_ms);
	statement_bind_text(p->agree, 5, item->differences);
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
