/* The answer that belongs to an Idempotency-Key, as an event of the journal (EVENT_REPLY). The
 * bytes are in docs/FORMAT.md. */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/hash.h"
#include "retail/transaction.h"

enum {
	IDEMPOTENCY_KEY_MAX = 255,       /* bytes of a key, without quotes */
	IDEMPOTENCY_REPLY_MAX = 3 << 20, /* bytes of an answer that is kept */
};

enum kept_form {
	KEPT_JSON = 1,    /* application/json */
	KEPT_PROBLEM = 2, /* application/problem+json */
	KEPT_LINES = 3,   /* application/x-ndjson */
};

struct kept_reply {
	/* The scope: of the first transaction in the request. At most ID_TEXT_MAX bytes each. */
	struct slice store, reg;
	struct slice key;        /* at most IDEMPOTENCY_KEY_MAX bytes */
	struct hash fingerprint; /* of the request */
	int64_t expires_ms;      /* wall clock; from then on the key is free again */
	unsigned status;         /* of HTTP */
	enum kept_form form;
	struct slice body; /* at most IDEMPOTENCY_REPLY_MAX bytes */
};

void kept_reply_encode(const struct kept_reply *reply, struct buf *buf);
/* Slices point into the payload. E_CORRUPT. */
enum status kept_reply_decode(
	struct slice payload, struct kept_reply *ret_reply, struct error *err);

/* What a scope and key are looked up by: SHA-256 over each of the three with its length before it.
 */
struct hash kept_reply_id(struct slice store, struct slice reg, struct slice key);
