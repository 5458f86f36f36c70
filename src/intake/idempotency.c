#include "intake/idempotency.h"

#include "base/check.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { RECENT_BUCKETS = 1 << 14, FLIGHT_BUCKETS = 1 << 10 };

/* A key that the state may not have yet. */
struct recent {
	struct recent *next_in_bucket;
	struct recent *newer; /* in the order of events */
	struct kept_place place;
};

struct idempotency {
	struct idempotency_config config;
	struct recent **buckets; /* the acceptor's, as the next three */
	struct recent *oldest, *newest;
	struct buf payload;
	pthread_mutex_t lock;
	struct keyed *flight[FLIGHT_BUCKETS]; /* lock */
};

static enum status wrong_key(struct error *err, const char *what)
{
	return error_set(err, E_INPUT,
		"Idempotency-Key %s; 1 to %d visible ASCII characters are expected, in quotes as "
		"\"8e03978e-40d5-43dd-bc93-6894a57f9324\" or without",
		what, IDEMPOTENCY_KEY_MAX);
}

/* The inside of a Structured Field string: RFC 8941, 3.3.3. */
static enum status read_quoted(struct slice value, char key[static IDEMPOTENCY_KEY_MAX],
	size_t *ret_len, struct error *err)
{
	size_t len = 0;
	if (value.len < 2 || value.ptr[value.len - 1] != '"')
		return wrong_key(err, "begins with a quote and does not end with one");
	for (size_t i = 1; i + 1 < value.len; i++) {
		char c = value.ptr[i];
		if (c == '\\' && i + 2 < value.len &&
			(value.ptr[i + 1] == '"' || value.ptr[i + 1] == '\\'))
			c = value.ptr[++i];
		else if (c == '"' || c == '\\')
			return wrong_key(err, "has a quote or a backslash inside");
		if (c < 0x20 || c > 0x7e)
			return wrong_key(err, "has a character that is not ASCII");
		if (len == IDEMPOTENCY_KEY_MAX)
			return wrong_key(err, "is too long");
		key[len++] = c;
	}
	*ret_len = len;
	return len > 0 ? OK : wrong_key(err, "is empty");
}

enum status idempotency_key_read(struct slice value, char key[static IDEMPOTENCY_KEY_MAX],
	size_t *ret_len, struct error *err)
{
	if (value.len == 0)
		return wrong_key(err, "is empty");
	if (value.ptr[0] == '"')
		return read_quoted(value, key, ret_len, err);
	if (value.len > IDEMPOTENCY_KEY_MAX)
		return wrong_key(err, "is too long");
	for (size_t i = 0; i < value.len; i++) {
		char c = value.ptr[i];
		if (c <= 0x20 || c > 0x7e || c == '"' || c == '\\' || c == ',' || c == ';')
			return wrong_key(err,
				"has a space, comma, semicolon, quote, backslash or a "
				"character that is not ASCII, and no quotes around it");
		key[i] = c;
	}
	*ret_len = value.len;
	return OK;
}

enum status keyed_open(struct slice store, struct slice reg, struct slice key,
	const struct hash *fingerprint, struct keyed **ret_keyed)
{
	struct keyed *keyed = calloc(1, sizeof(*keyed));
	if (keyed == NULL)
		return E_FULL;
	keyed->id = kept_reply_id(store, reg, key);
	memcpy(keyed->store, store.ptr, store.len);
	memcpy(keyed->reg, reg.ptr, reg.len);
	memcpy(keyed->key, key.ptr, key.len);
	keyed->store_len = store.len;
	keyed->reg_len = reg.len;
	keyed->key_len = key.len;
	keyed->fingerprint = *fingerprint;
	buf_init(&keyed->body, IDEMPOTENCY_REPLY_MAX);
	*ret_keyed = keyed;
	return OK;
}

void keyed_close(struct keyed *keyed)
{
	if (keyed == NULL)
		return;
	buf_release(&keyed->body);
	free(keyed);
}

static size_t bucket(const struct hash *id, size_t buckets)
{
	uint32_t number;
	memcpy(&number, id->bytes, sizeof(number));
	return number & (buckets - 1);
}

static bool same(const struct hash *a, const struct hash *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

enum status idempotency_open(const struct idempotency_config *config,
	struct idempotency **ret_idempotency, struct error *err)
{
	struct idempotency *i = calloc(1, sizeof(*i));
	struct recent **buckets = calloc(RECENT_BUCKETS, sizeof(struct recent *));
	if (i == NULL || buckets == NULL) {
		free(i);
		free(buckets);
		return error_set(err, E_FULL, "idempotency: out of memory");
	}
	i->config = *config;
	i->buckets = buckets;
	buf_init(&i->payload, JOURNAL_EVENT_BYTES_MAX);
	pthread_mutex_init(&i->lock, NULL);
	*ret_idempotency = i;
	return OK;
}

static void drop_oldest(struct idempotency *i)
{
	struct recent *recent = i->oldest;
	struct recent **at = &i->buckets[bucket(&recent->place.id, RECENT_BUCKETS)];
	while (*at != recent)
		at = &(*at)->next_in_bucket;
	*at = recent->next_in_bucket;
	i->oldest = recent->newer;
	if (i->oldest == NULL)
		i->newest = NULL;
	free(recent);
}

void idempotency_close(struct idempotency *i)
{
	if (i == NULL)
		return;
	while (i->oldest != NULL)
		drop_oldest(i);
	free(i->buckets);
	buf_release(&i->payload);
	pthread_mutex_destroy(&i->lock);
	free(i);
}

bool idempotency_required(const struct idempotency *i)
{
	return i->config.required;
}

enum keyed_verdict idempotency_enter(struct idempotency *i, struct keyed *keyed)
{
	enum keyed_verdict verdict = KEYED_NEW;
	pthread_mutex_lock(&i->lock);
	struct keyed **first = &i->flight[bucket(&keyed->id, FLIGHT_BUCKETS)];
	struct keyed *other = *first;
	while (other != NULL && !same(&other->id, &keyed->id))
		other = other->next;
	if (other != NULL) {
		verdict = same(&other->fingerprint, &keyed->fingerprint) ? KEYED_IN_FLIGHT
									 : KEYED_OTHER;
	} else {
		keyed->next = *first;
		*first = keyed;
	}
	pthread_mutex_unlock(&i->lock);
	return verdict;
}

void idempotency_leave(struct idempotency *i, struct keyed *keyed)
{
	pthread_mutex_lock(&i->lock);
	struct keyed **at = &i->flight[bucket(&keyed->id, FLIGHT_BUCKETS)];
	while (*at != NULL && *at != keyed)
		at = &(*at)->next;
	check(*at == keyed);
	*at = keyed->next;
	pthread_mutex_unlock(&i->lock);
}

/* The newest one that was remembered stands first in its bucket. */
static enum status find_place(struct idempotency *i, const struct hash *id,
	struct kept_place *ret_place, bool *ret_found, struct error *err)
{
	struct recent *recent = i->buckets[bucket(id, RECENT_BUCKETS)];
	while (recent != NULL && !same(&recent->place.id, id))
		recent = recent->next_in_bucket;
	if (recent == NULL)
		return i->config.find(i->config.find_context, id, ret_place, ret_found, err);
	*ret_place = recent->place;
	*ret_found = true;
	return OK;
}

static enum status read_kept(struct idempotency *i, struct keyed *keyed,
	const struct kept_place *place, struct error *err)
{
	struct kept_reply reply;
	struct event event;
	enum status s =
		journal_read_at(i->config.journal, place->position, &i->payload, &event, err);
	if (s == OK && (event.number != place->number || event.kind != EVENT_REPLY))
		s = error_set(err, E_CORRUPT,
			"the answer of an Idempotency-Key is expected as event %llu; event %llu "
			"stands there",
			(unsigned long long)place->number, (unsigned long long)event.number);
	if (s == OK)
		s = kept_reply_decode(event.payload, &reply, err);
	if (s != OK)
		return s;
	buf_reset(&keyed->body);
	buf_slice(&keyed->body, reply.body);
	if (keyed->body.failed)
		return error_set(err, E_FULL, "no memory for an answer");
	keyed->status = reply.status;
	keyed->form = reply.form;
	return OK;
}

enum status idempotency_look_up(struct idempotency *i, struct keyed *keyed, struct error *err)
{
	struct kept_place place;
	bool found = false;
	keyed->verdict = KEYED_NEW;
	enum status s = find_place(i, &keyed->id, &place, &found, err);
	if (s != OK || !found || place.expires_ms <= i->config.clock->wall_ms(i->config.clock))
		return s;
	if (!same(&place.fingerprint, &keyed->fingerprint)) {
		keyed->verdict = KEYED_OTHER;
		return OK;
	}
	keyed->verdict = KEYED_REPLAY;
	return read_kept(i, keyed, &place, err);
}

static void add_recent(struct idempotency *i, struct recent *recent)
{
	struct recent **first = &i->buckets[bucket(&recent->place.id, RECENT_BUCKETS)];
	uint64_t applied = i->config.applied(i->config.applied_context);
	while (i->oldest != NULL && i->oldest->place.number <= applied)
		drop_oldest(i);
	recent->next_in_bucket = *first;
	*first = recent;
	*(i->newest == NULL ? &i->oldest : &i->newest->newer) = recent;
	i->newest = recent;
}

enum status idempotency_keep(struct idempotency *i, struct keyed *keyed, struct error *err)
{
	struct recent *recent = calloc(1, sizeof(*recent));
	struct event event;
	struct kept_reply reply = {
		.store = slice_make(keyed->store, keyed->store_len),
		.reg = slice_make(keyed->reg, keyed->reg_len),
		.key = slice_make(keyed->key, keyed->key_len),
		.fingerprint = keyed->fingerprint,
		.expires_ms =
			i->config.clock->wall_ms(i->config.clock) + (int64_t)i->config.retention_ms,
		.status = keyed->status,
		.form = keyed->form,
		.body = buf_get(&keyed->body),
	};
	buf_reset(&i->payload);
	if (!keyed->body.failed)
		kept_reply_encode(&reply, &i->payload);
	if (recent == NULL || keyed->body.failed || i->payload.failed) {
		free(recent);
		return error_set(err, E_FULL, "no memory to keep an answer");
	}
	enum status s =
		journal_append(i->config.journal, EVENT_REPLY, buf_get(&i->payload), &event, err);
	if (s != OK) {
		free(recent);
		return s;
	}
	recent->place = (struct kept_place){ keyed->id, keyed->fingerprint, event.number,
		event.position, reply.expires_ms };
	add_recent(i, recent);
	keyed->kept = true;
	return OK;
}

enum status idempotency_remember(
	struct idempotency *i, const struct event *event, struct error *err)
{
	struct kept_reply reply;
	enum status s = kept_reply_decode(event->payload, &reply, err);
	if (s != OK)
		return error_wrap(err, "event %llu", (unsigned long long)event->number);
	struct recent *recent = calloc(1, sizeof(*recent));
	if (recent == NULL)
		return error_set(err, E_FULL, "idempotency: out of memory");
	recent->place = (struct kept_place){ kept_reply_id(reply.store, reply.reg, reply.key),
		reply.fingerprint, event->number, event->position, reply.expires_ms };
	add_recent(i, recent);
	return OK;
}
