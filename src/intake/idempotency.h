/* The rule of the Idempotency-Key (draft-ietf-httpapi-idempotency-key-header), on top of identity.
 *
 *     key is new                    the request is worked off, its answer kept with the key
 *     ... and its first is under way   409, at the door
 *     known, the same request       the kept answer, byte for byte
 *     known, another request        422
 *
 * A key belongs to the store and register of the first transaction in its request. Its answer is an
 * event, written in the group of the transactions it tells of, before the sync that makes all of
 * them durable. What changed nothing is not kept: a request whose every transaction was refused by
 * a rule, or that met a full disk or queue. */
#pragma once

#include "base/clock.h"
#include "intake/kept_reply.h"
#include "journal/journal.h"

/* Reads the value of the header: a Structured Field string ("..."), or the same without quotes. At
 * most IDEMPOTENCY_KEY_MAX characters come out. E_INPUT says what is wrong. */
enum status idempotency_key_read(struct slice value, char key[static IDEMPOTENCY_KEY_MAX],
	size_t *ret_len, struct error *err);

enum keyed_verdict {
	KEYED_NEW,
	KEYED_IN_FLIGHT, /* a request with the key is under way */
	KEYED_REPLAY,    /* `status`, `form` and `body` are the kept ones */
	KEYED_OTHER,     /* the key belongs to another request */
};

/* A request with a key. From keyed_open() to keyed_close() the caller's. */
struct keyed {
	char store[ID_TEXT_MAX], reg[ID_TEXT_MAX], key[IDEMPOTENCY_KEY_MAX];
	size_t store_len, reg_len, key_len;
	struct hash id, fingerprint;
	enum keyed_verdict verdict;
	bool kept;       /* the answer below is an event; durable once the group is */
	unsigned status; /* of HTTP */
	enum kept_form form;
	struct buf body;
	struct keyed *next; /* of those in flight */
};

/* E_FULL. The texts are copied. */
enum status keyed_open(struct slice store, struct slice reg, struct slice key,
	const struct hash *fingerprint, struct keyed **ret_keyed);
void keyed_close(struct keyed *keyed); /* NULL is fine */

/* Where the answer of a key stands. */
struct kept_place {
	struct hash id, fingerprint;
	uint64_t number, position; /* of the event */
	int64_t expires_ms;
};

struct idempotency;

struct idempotency_config {
	struct journal *journal;
	struct clock *clock;
	bool required;         /* requests without a key are refused */
	uint64_t retention_ms; /* how long a new key is kept */
	/* What the state knows of a key. */
	enum status (*find)(void *context, const struct hash *id, struct kept_place *ret_place,
		bool *ret_found, struct error *err);
	/* The last event that the state has applied. */
	uint64_t (*applied)(void *context);
	void *find_context, *applied_context;
};

enum status idempotency_open(const struct idempotency_config *config,
	struct idempotency **ret_idempotency, struct error *err);
void idempotency_close(struct idempotency *idempotency); /* NULL is fine */
bool idempotency_required(const struct idempotency *idempotency);

/* Any thread. KEYED_NEW: it is in flight now, until idempotency_leave(). KEYED_IN_FLIGHT or
 * KEYED_OTHER: another one is. */
enum keyed_verdict idempotency_enter(struct idempotency *idempotency, struct keyed *keyed);
void idempotency_leave(struct idempotency *idempotency, struct keyed *keyed);

/* The acceptor's thread. Sets keyed->verdict to KEYED_NEW, KEYED_REPLAY or KEYED_OTHER. */
enum status idempotency_look_up(
	struct idempotency *idempotency, struct keyed *keyed, struct error *err);
/* Appends the answer to the journal; the caller syncs. E_FULL: not kept. */
enum status idempotency_keep(
	struct idempotency *idempotency, struct keyed *keyed, struct error *err);
/* An event of the journal's tail that the state does not have yet. */
enum status idempotency_remember(
	struct idempotency *idempotency, const struct event *event, struct error *err);
