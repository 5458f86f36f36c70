/* Delivery: one worker thread an ERP takes planned postings in order and brings each into exactly
 * one effect there.
 *
 *     fetch ─▶ intent (durable) ─▶ post ─▶ answer (event) ─▶ read back ─▶ compare (event)
 *                                   │
 *                                   └─ unknown ─▶ answer "unknown" ─▶ find ─▶ settled, or post
 * again
 *
 * A refused posting holds only itself. An ERP that is down or throttling opens the breaker: the
 * batch waits with exponential backoff and jitter (Retry-After honoured), nothing becomes an
 * exception, and other ERPs go on. Postings whose intent has no answer (a crash) are asked about
 * first when a worker starts. */
#pragma once

#include "base/histogram.h"
#include "deliver/connector.h"
#include "intake/acceptor.h"
#include "journal/journal.h"

enum { ERP_NAME_MAX = 64 };

/* One ERP of the configuration. */
struct erp_target {
	const char *name;
	const struct erp_type *type;
	const void *config;
	/* How long a call that was given up may still take effect in the ERP: the time between the
	 * two questions that must both say "not there" before anything is sent again. */
	uint64_t unknown_wait_ms;
	uint64_t timeout_ms; /* of one call */
	uint64_t backoff_ms; /* first wait after a failure, doubled up to backoff_max_ms */
	uint64_t backoff_max_ms;
};

struct delivery;

struct delivery_config {
	const char *state_path;
	struct journal *journal;
	struct acceptor *acceptor;
	struct clock *clock;
	const struct erp_target *targets;
	size_t target_count;
	uint64_t seed; /* of the jitter */
	/* The last event that the state has applied. */
	uint64_t (*applied)(void *context);
	void *context;
};

/* Workers begin when the state has caught up with what the journal holds now: what is open in it is
 * taken up first. */
enum status delivery_open(
	const struct delivery_config *config, struct delivery **ret_delivery, struct error *err);
/* New state is committed: look again. Any thread. */
void delivery_wake(struct delivery *delivery);
/* Ends calls that are under way and the workers' threads; what has no answer is asked about after
 * the next start. delivery_wake() may still be called. */
void delivery_stop(struct delivery *delivery);
/* Stops, and releases everything. */
void delivery_close(struct delivery *delivery);

enum erp_state { ERP_OK, ERP_RETRYING, ERP_STOPPED };

struct erp_status {
	char name[ERP_NAME_MAX];
	const char *connector;
	enum erp_state state;
	char detail[ERROR_TEXT_MAX];
	int64_t last_answer_ms; /* wall clock, 0: never */
	int64_t retry_at_ms;    /* wall clock, 0: not waiting */
	uint64_t calls_total, failures_total;
};

/* Any thread. `index` from 0; false behind the last one. */
bool delivery_status(struct delivery *delivery, size_t index, struct erp_status *ret_status);

/* Time from the till's close to the ERP's answer, by stage, over all ERPs. The till's clock counts
 * when it is within a day of ours; a replayed or very late sale counts from its receipt. */
struct delivery_lags {
	struct histogram till_to_receipt, receipt_to_call, receipt_to_answer, till_to_answer,
		answer_to_agreed;
};
const struct delivery_lags *delivery_lags(const struct delivery *delivery);
