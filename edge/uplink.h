/* The way up: what the queue holds goes to the centre, the newest sale first and the backlog behind
 * it in order, in batches. After a failure it waits, longer each time, with full jitter, and at
 * least as long as Retry-After says. What the centre will never take is put aside and blocks
 * nothing.
 *
 * uplink_step() does one thing; till.c calls it from a thread, tests call it themselves. */
#pragma once

#include "base/random.h"
#include "edge/client.h"
#include "edge/held.h"
#include "edge/queue.h"

enum { UPLINK_BATCH_MAX = 100, UPLINK_BATCH_BYTES = 512 << 10, UPLINK_ERROR_MAX = ERROR_TEXT_MAX };

enum uplink_outcome { UPLINK_ACCEPTED, UPLINK_CONFLICT, UPLINK_REFUSED };

struct uplink_config {
	struct client *client;
	struct queue *queue;
	struct held *held;
	struct clock *clock;
	uint64_t backoff_ms, backoff_max_ms;
	uint64_t seed;
	/* Key and detail are terminated. */
	void (*outcome)(
		void *context, enum uplink_outcome outcome, const char *key, const char *detail);
	void *context;
};

struct uplink_figures {
	bool reachable;
	int64_t last_answer_ms; /* monotonic; 0: never */
	int64_t skew_ms, skew_error_ms;
	bool has_skew;
	uint64_t sent;
	char error[UPLINK_ERROR_MAX]; /* the last one, empty when all is well */
};

/* For one thread, but for uplink_figures(). */
struct uplink;
enum status uplink_open(
	const struct uplink_config *config, struct uplink **ret_uplink, struct error *err);
void uplink_close(struct uplink *uplink);

/* `live` is the number of a sale that was just made, 0 for none. *ret_wait_ms: 0 when there is more
 * to do, else how long nothing can be done; UINT64_MAX when there is nothing. E_STOPPED. */
enum status uplink_step(
	struct uplink *uplink, uint64_t live, uint64_t *ret_wait_ms, struct error *err);

/* For the other requests of the same thread: what came of one. `s` is that of client_request(). */
void uplink_note(
	struct uplink *uplink, enum status s, const struct client_answer *answer, const char *what);
/* How long the next request has to wait, 0: not at all. */
uint64_t uplink_wait_ms(const struct uplink *uplink);
/* Somebody waits: what is left of a pause is skipped. */
void uplink_hurry(struct uplink *uplink);

/* Any thread. */
void uplink_figures(struct uplink *uplink, struct uplink_figures *ret_figures);
