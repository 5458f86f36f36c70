#include "deliver/outbox.h"

#include "base/check.h"
#include "retail/codec.h"
#include "retail/record.h"
#include "retail/reversal.h"
#include "store/store.h"

#include <stdlib.h>

#define COLUMNS                                                                                    \
	"SELECT event, position, state, planned_ms, ready, part, reverses,"                        \
	" state = 0 AND attempts = 0 AND superseded_by IS NOT NULL"

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
			COLUMNS
			" FROM posting WHERE erp = $1 AND (ready, event, part) > ($2, $3, $4)"
			" AND state < 3 ORDER BY ready, event, part LIMIT $5",
			&o->open, err);
	if (s == OK)
		s = store_prepare(o->store,
			COLUMNS
			" FROM posting WHERE erp = $1 AND (ready, event, part) > ($2, $3, $4)"
			" AND state = 3 ORDER BY ready, event, part LIMIT $5",
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

static enum status read_transaction(struct outbox *o, uint64_t position, uint64_t number,
	struct batch *batch, struct transaction *t, struct error *err)
{
	struct findings findings = { .count = 0 };
	struct record record;
	struct event event;
	enum status s = journal_read_at(o->journal, position, &o->payload, &event, err);
	if (s != OK)
		return s;
	check(event.number == number);
	struct slice payload = arena_copy(&batch->arena, buf_get(&o->payload));
	if (payload.ptr == NULL)
		return E_FULL;
	s = record_decode(payload, &record, err);
	if (s == OK)
		s = transaction_decode(record.document, &batch->arena, t, &findings);
	if (s == E_INPUT)
		return error_set(err, E_CORRUPT, "event %llu cannot be decoded: %s %s",
			(unsigned long long)number, findings.items[0].pointer,
			findings.items[0].detail);
	return s;
}

static enum status load(
	struct outbox *o, struct statement *row, struct batch *batch, struct error *err)
{
	size_t at = batch->count;
	struct posting *posting = &batch->postings[at];
	struct outbox_place place = { statement_int(row, 4), statement_int(row, 0),
		statement_int(row, 5) };
	struct transaction *t = arena_new(&batch->arena, struct transaction);
	*posting = (struct posting){ .id = (uint64_t)place.event,
		.reversal = place.part == PART_REVERSAL };
	batch->states[at] = (unsigned)statement_int(row, 2);
	batch->recorded_ms[at] = statement_int(row, 3);
	batch->superseded[at] = statement_int(row, 7) != 0;
	uint64_t number = posting->reversal ? (uint64_t)statement_int(row, 6) : posting->id;
	if (t == NULL)
		return E_FULL;
	enum status s = read_transaction(o, (uint64_t)statement_int(row, 1), number, batch, t, err);
	if (s == OK && posting->reversal)
		s = transaction_reverse(t, &batch->arena, t, err);
	if (s != OK)
		return s;
	external_id_write(&t->key, t->revision, posting->reversal, posting->external_id);
	if (posting->reversal)
		external_id_write(&t->key, t->revision, false, posting->reverses);
	posting->transaction = t;
	batch->last = place;
	batch->count++;
	return OK;
}

static enum status fetch(struct outbox *o, struct statement *query,
	const struct outbox_place *after, size_t max, struct batch *batch, struct error *err)
{
	bool row = true;
	check(max <= BATCH_MAX);
	arena_reset(&batch->arena);
	batch->count = 0;
	statement_bind_text(query, 1, slice_of(o->erp));
	statement_bind_int(query, 2, after->ready);
	statement_bind_int(query, 3, after->event);
	statement_bind_int(query, 4, after->part);
	statement_bind_int(query, 5, (int64_t)max);
	enum status s = OK;
	while (s == OK && (s = statement_step(query, &row, err)) == OK && row)
		s = load(o, query, batch, err);
	statement_reset(query);
	/* What does not fit into the arena any more comes with the next batch. */
	if (s == E_FULL && batch->count > 0)
		return OK;
	return s;
}

enum status outbox_fetch_open(struct outbox *o, const struct outbox_place *after, size_t max,
	struct batch *batch, struct error *err)
{
	return fetch(o, o->open, after, max, batch, err);
}

enum status outbox_fetch_settled(struct outbox *o, const struct outbox_place *after, size_t max,
	struct batch *batch, struct error *err)
{
	return fetch(o, o->settled, after, max, batch, err);
}
