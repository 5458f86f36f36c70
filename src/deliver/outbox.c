#include "deliver/outbox.h"

#include "base/check.h"
#include "retail/codec.h"
#include "retail/record.h"
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>

struct outbox {
	struct journal *journal;
	struct store *store;
	struct statement *open, *settled;
	const char *erp;
	struct buf payload;
};

enum status outbox_open(const char *state_path, struct journal *journal, const char *erp,
	struct outbox **ret_outbox, struct error *err)
{
	struct outbox *o = calloc(1, sizeof(*o));
	if (o == NULL)
		return error_set(err, E_FULL, "outbox: out of memory");
	o->journal = journal;
	o->erp = erp;
	buf_init(&o->payload, JOURNAL_EVENT_BYTES_MAX);
	enum status s = store_open(state_path, STORE_READ, &o->store, err);
	if (s == OK)
		s = store_prepare(o->store,
			"SELECT event, position, state, planned_ms FROM posting"
			" WHERE erp = $1 AND event > $2 AND state < 3 ORDER BY event LIMIT $3",
			&o->open, err);
	if (s == OK)
		s = store_prepare(o->store,
			"SELECT event, position, state, planned_ms FROM posting"
			" WHERE erp = $1 AND event > $2 AND state = 3 ORDER BY event LIMIT $3",
			&o->settled, err);
	if (s != OK) {
		outbox_close(o);
		return s;
	}
	*ret_outbox = o;
	return OK;
}

void outbox_close(struct outbox *o)
{
	if (o == NULL)
		return;
	statement_close(o->open);
	statement_close(o->settled);
	store_close(o->store);
	buf_release(&o->payload);
	free(o);
}

/* The ERP's name for this posting: the key, and the revision behind it when it is not the first. */
static void write_external_id(const struct transaction *t, char text[static EXTERNAL_ID_MAX])
{
	size_t len = key_print(&t->key, text);
	if (t->revision > 1)
		snprintf(text + len, EXTERNAL_ID_MAX - len, "#%llu",
			(unsigned long long)t->revision);
}

static enum status load(
	struct outbox *o, struct statement *row, struct batch *batch, struct error *err)
{
	struct posting *posting = &batch->postings[batch->count];
	struct findings findings = { .count = 0 };
	struct record record;
	struct event event;
	posting->id = (uint64_t)statement_int(row, 0);
	batch->states[batch->count] = (unsigned)statement_int(row, 2);
	batch->recorded_ms[batch->count] = statement_int(row, 3);
	enum status s = journal_read_at(
		o->journal, (uint64_t)statement_int(row, 1), &o->payload, &event, err);
	if (s != OK)
		return s;
	check(event.number == posting->id);
	struct slice payload = arena_copy(&batch->arena, buf_get(&o->payload));
	struct transaction *t = arena_new(&batch->arena, struct transaction);
	if (payload.ptr == NULL || t == NULL)
		return E_FULL;
	s = record_decode(payload, &record, err);
	if (s == OK)
		s = transaction_decode(record.document, &batch->arena, t, &findings);
	if (s == E_INPUT)
		return error_set(err, E_CORRUPT, "event %llu cannot be decoded: %s %s",
			(unsigned long long)posting->id, findings.items[0].pointer,
			findings.items[0].detail);
	if (s != OK)
		return s;
	write_external_id(t, posting->external_id);
	posting->transaction = t;
	batch->count++;
	return OK;
}

static enum status fetch(struct outbox *o, struct statement *query, uint64_t after, size_t max,
	struct batch *batch, struct error *err)
{
	bool row = true;
	check(max <= BATCH_MAX);
	arena_reset(&batch->arena);
	batch->count = 0;
	statement_bind_text(query, 1, slice_of(o->erp));
	statement_bind_int(query, 2, (int64_t)after);
	statement_bind_int(query, 3, (int64_t)max);
	enum status s = OK;
	while (s == OK && (s = statement_step(query, &row, err)) == OK && row)
		s = load(o, query, batch, err);
	statement_reset(query);
	/* What does not fit into the arena any more comes with the next batch. */
	if (s == E_FULL && batch->count > 0)
		return OK;
	return s;
}

enum status outbox_fetch_open(
	struct outbox *o, uint64_t after, size_t max, struct batch *batch, struct error *err)
{
	return fetch(o, o->open, after, max, batch, err);
}

enum status outbox_fetch_settled(
	struct outbox *o, uint64_t after, size_t max, struct batch *batch, struct error *err)
{
	return fetch(o, o->settled, after, max, batch, err);
}
