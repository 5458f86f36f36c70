/* The acceptor: the one thread that decides about identity and writes the journal.
 *
 *     doors, deliver ──▶ bounded queue ──▶ identity rule ──▶ append ... append, sync ──▶ done()
 *
 * Work that arrives while the disk syncs is gathered into the next group. `done` is called on the
 * acceptor's thread after the group that holds the work is durable, never before. */
#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "intake/idempotency.h"
#include "intake/identity.h"
#include "journal/journal.h"

enum accept_outcome {
	ACCEPTED,     /* new and durable */
	DUPLICATE,    /* same key, same content: `number` is the first one's event */
	CONFLICT,     /* same key, other content: kept as event `number`, never applied */
	NOT_ACCEPTED, /* nothing was kept: `err` says why (E_FULL: no space, E_IO: stopping) */
};

/* One thing to be recorded. For a transaction `identity` is set, and the payload is its record
 * (retail/record.h); for other events it is not, and `kind` and the payload go to the journal. */
struct accept_item {
	uint16_t kind;
	struct slice payload;
	bool has_identity;
	struct key key;
	uint64_t revision;
	struct fingerprint fingerprint;
	/* filled in before done() */
	enum accept_outcome outcome;
	enum status status; /* why, when it is NOT_ACCEPTED */
	uint64_t number;    /* of the event: its own, or the first one's for a duplicate */
	int64_t recorded_ms;
};

/* One or more items that are answered together. The caller owns it until done() is called. */
struct accept_work {
	struct accept_item *items;
	uint32_t count;
	bool needs_keys;  /* something is sealed with a key that is not durable yet */
	struct error err; /* when an item is NOT_ACCEPTED */
	/* When the request has an Idempotency-Key; there may be no items then. Unless its verdict
	 * is KEYED_NEW the items were left alone. compose() fills in its answer, on the acceptor's
	 * thread, once every item has its outcome. */
	struct keyed *keyed;
	void (*compose)(struct accept_work *work);
	void (*done)(struct accept_work *work);
	void *context;
	struct accept_work *next; /* the acceptor's */
};

struct acceptor;

struct acceptor_config {
	struct journal *journal;
	struct identity *identity;
	struct idempotency *idempotency; /* NULL: no work is keyed */
	struct clock *clock;
	uint64_t queue_bytes_max; /* payload bytes that may wait */
	uint32_t queue_items_max;
	/* What the journal held before: the counters go on from there. */
	uint64_t accepted_before, conflicts_before;
	/* Makes the keys durable that sealed payloads need, before these are written: once for a
	 * group in which a work says so. When it fails, such work is NOT_ACCEPTED. May be NULL when
	 * no work ever says so. */
	enum status (*flush_keys)(void *context, struct error *err);
	/* Called once, from the acceptor's thread, when the journal failed for good. */
	void (*failed)(void *context, const struct error *err);
	/* Called after each group, from the acceptor's thread: the last durable event. */
	void (*advanced)(void *context, uint64_t number);
	void *context;
};

enum status acceptor_open(
	const struct acceptor_config *config, struct acceptor **ret_acceptor, struct error *err);
/* Work that was submitted is finished first. */
void acceptor_close(struct acceptor *acceptor);

/* Any thread. E_FULL: the queue is full, nothing was taken: answer 503. E_STOPPED. */
enum status acceptor_submit(struct acceptor *acceptor, struct accept_work *work);
/* The same, and waits until it is durable. For delivery and tests. */
enum status acceptor_record(struct acceptor *acceptor, uint16_t kind, struct slice payload,
	uint64_t *ret_number, struct error *err);

struct acceptor_counters {
	uint64_t accepted_total, duplicates_total, conflicts_total, not_accepted_total,
		groups_total, group_items_max, queue_items;
};
void acceptor_counters(const struct acceptor *acceptor, struct acceptor_counters *ret_counters);
