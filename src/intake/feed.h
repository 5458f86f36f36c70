/* A feed: the records of one source after the other, mapped, offered in batches, and waited for.
 * For doors that fetch: what has been read may be forgotten by its source once `settled` was
 * called for it, because then it is durable, or refused and reported.
 *
 *     feed_add() ──▶ format ──▶ mapping ──▶ batch ... full ──▶ acceptor ──▶ settled()
 *
 * When the acceptor has no room, or the disk is full, the feed waits and tries again: nothing is
 * lost and nothing is reported. A feed belongs to one thread; only feed_stop() may come from
 * another. */
#pragma once

#include "intake/door.h"

struct feed;

struct feed_counters {
	atomic_uint_fast64_t records_total;  /* read, good or bad */
	atomic_uint_fast64_t accepted_total; /* new ones */
	atomic_uint_fast64_t duplicates_total;
	atomic_uint_fast64_t refused_total; /* conflicts too */
	atomic_uint_fast64_t skipped_total; /* the mapping says: no transaction */
	atomic_uint_fast64_t waits_total;   /* times that the feed had to wait for room */
};

/* Called while the feed reads and settles, on its own thread. */
struct feed_events {
	/* A record was not accepted, or what stands there is none. `source` is that of feed_add();
	 * `where` is "line 17, byte 4012"; `problem` is the JSON object that REST would answer. */
	void (*problem)(void *context, void *source, const char *where, struct slice raw,
		struct slice problem);
	/* Everything before this byte of the last text is durable or reported. May be NULL. */
	void (*settled)(void *context, size_t offset);
	void *context;
};

struct feed_config {
	const struct door_config *door;
	struct feed_events events;
	struct feed_counters *counters;
	uint32_t batch_records_max;
	size_t batch_bytes_max;
};

enum status feed_open(const struct feed_config *config, struct feed **ret_feed, struct error *err);
void feed_close(struct feed *feed);
/* Reads all of `text`, from the first record that begins at `from` or behind it, and settles it
 * in batches; what fills no batch waits for the next text or for feed_settle(), and so long the
 * text must live. E_INPUT: nothing of it could be read at all. E_STOPPED, E_FULL (memory): what
 * was not settled is forgotten. */
enum status feed_add(
	struct feed *feed, struct slice text, size_t from, void *source, struct error *err);
/* OK: everything that was added is durable, or refused and reported. */
enum status feed_settle(struct feed *feed, struct error *err);
/* Makes feed_add(), feed_settle() and feed_wait() return soon, now and ever after. */
void feed_stop(struct feed *feed);
/* Sleeps; false when the feed was stopped. */
bool feed_wait(struct feed *feed, unsigned ms);
/* The source fails and is tried again; or it does not any more. */
void feed_failed(struct feed *feed, const struct error *why);
void feed_fine(struct feed *feed);
/* All but `errors` and `lag`, which the door knows. Any thread. */
void feed_report(struct feed *feed, struct door_report *ret_report);
