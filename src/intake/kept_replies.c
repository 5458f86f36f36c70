#include "intake/kept_replies.h"

#include <stdlib.h>
#include <string.h>

static const struct migration migrations[] = {
	{ "kept_reply.1",
		"CREATE TABLE kept_reply (id BLOB PRIMARY KEY, fingerprint BLOB NOT NULL,"
		" event BIGINT NOT NULL, position BIGINT NOT NULL, expires_ms BIGINT NOT NULL);"
		"CREATE INDEX kept_reply_expires ON kept_reply (expires_ms);"
		"CREATE TABLE kept_reply_time (id BIGINT PRIMARY KEY, latest_ms BIGINT NOT NULL)" },
	{ "kept_reply.2", "DROP TABLE kept_reply_time" },
};

struct kept_replies {
	struct statement *insert, *purge;
	int64_t latest_ms; /* of the batch's events since their time last went back; 0: none yet */
};

static void replies_close(void *state)
{
	struct kept_replies *k = state;
	statement_close(k->insert);
	statement_close(k->purge);
	free(k);
}

static enum status replies_open(struct store *store, void **ret_state, struct error *err)
{
	struct kept_replies *k = calloc(1, sizeof(*k));
	if (k == NULL)
		return error_set(err, E_FULL, "out of memory");
	enum status s = store_prepare(store,
		"INSERT INTO kept_reply (id, fingerprint, event, position, expires_ms)"
		" VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO UPDATE SET"
		" fingerprint = excluded.fingerprint, event = excluded.event,"
		" position = excluded.position, expires_ms = excluded.expires_ms",
		&k->insert, err);
	if (s == OK)
		s = store_prepare(
			store, "DELETE FROM kept_reply WHERE expires_ms <= $1", &k->purge, err);
	if (s != OK) {
		replies_close(k);
		return s;
	}
	*ret_state = k;
	return OK;
}

static enum status purge(struct kept_replies *k, struct error *err)
{
	statement_bind_int(k->purge, 1, k->latest_ms);
	return statement_run(k->purge, err);
}

/* An answer goes when an event behind it has its time or a later one. A clock that goes back is
 * therefore no reason to keep what has gone, and one that was far ahead for an hour none to drop
 * what is kept after it; and what is gone depends on the events alone, not on how they were cut
 * into batches. */
static enum status see_time(struct kept_replies *k, int64_t recorded_ms, struct error *err)
{
	enum status s = recorded_ms < k->latest_ms ? purge(k, err) : OK;
	if (s == OK)
		k->latest_ms = recorded_ms;
	return s;
}

static enum status replies_apply(void *state, const struct applied_event *e, struct error *err)
{
	struct kept_replies *k = state;
	struct kept_reply reply;
	enum status s = see_time(k, e->event.recorded_ms, err);
	if (s != OK || e->event.kind != EVENT_REPLY)
		return s;
	s = kept_reply_decode(e->event.payload, &reply, err);
	if (s != OK)
		return s;
	struct hash id = kept_reply_id(reply.store, reply.reg, reply.key);
	statement_bind_blob(k->insert, 1, slice_make(&id, sizeof(id)));
	statement_bind_blob(
		k->insert, 2, slice_make(&reply.fingerprint, sizeof(reply.fingerprint)));
	statement_bind_int(k->insert, 3, (int64_t)e->event.number);
	statement_bind_int(k->insert, 4, (int64_t)e->event.position);
	statement_bind_int(k->insert, 5, reply.expires_ms);
	return statement_run(k->insert, err);
}

static enum status replies_flush(void *state, struct error *err)
{
	struct kept_replies *k = state;
	enum status s = k->latest_ms > 0 ? purge(k, err) : OK;
	k->latest_ms = 0;
	return s;
}

static void replies_forget(void *state)
{
	((struct kept_replies *)state)->latest_ms = 0;
}

const struct consumer kept_replies_consumer = {
	.name = "kept_replies",
	.migrations = migrations,
	.migration_count = sizeof(migrations) / sizeof(migrations[0]),
	.open = replies_open,
	.apply = replies_apply,
	.flush = replies_flush,
	.forget = replies_forget,
	.close = replies_close,
};

struct kept_replies_reader {
	struct store *store;
	struct statement *find;
};

enum status kept_replies_reader_open(
	const char *path, struct kept_replies_reader **ret_reader, struct error *err)
{
	struct kept_replies_reader *r = calloc(1, sizeof(*r));
	if (r == NULL)
		return error_set(err, E_FULL, "out of memory");
	enum status s = store_open(path, STORE_READ, &r->store, err);
	if (s == OK)
		s = store_prepare(r->store,
			"SELECT fingerprint, event, position, expires_ms FROM kept_reply"
			" WHERE id = $1",
			&r->find, err);
	if (s != OK) {
		kept_replies_reader_close(r);
		return s;
	}
	*ret_reader = r;
	return OK;
}

void kept_replies_reader_close(struct kept_replies_reader *r)
{
	if (r == NULL)
		return;
	statement_close(r->find);
	store_close(r->store);
	free(r);
}

enum status kept_replies_reader_find(void *reader, const struct hash *id,
	struct kept_place *ret_place, bool *ret_found, struct error *err)
{
	struct kept_replies_reader *r = reader;
	struct kept_place place = { .id = *id };
	*ret_found = false;
	statement_bind_blob(r->find, 1, slice_make(id, sizeof(*id)));
	enum status s = statement_step(r->find, ret_found, err);
	if (s == OK && *ret_found) {
		struct slice fingerprint = statement_blob(r->find, 0);
		if (fingerprint.len != sizeof(place.fingerprint))
			s = error_set(err, E_CORRUPT,
				"the state's fingerprint of a kept answer has %zu bytes",
				fingerprint.len);
		else
			memcpy(&place.fingerprint, fingerprint.ptr, sizeof(place.fingerprint));
		place.number = (uint64_t)statement_int(r->find, 1);
		place.position = (uint64_t)statement_int(r->find, 2);
		place.expires_ms = statement_int(r->find, 3);
	}
	statement_reset(r->find);
	*ret_place = place;
	return s;
}
