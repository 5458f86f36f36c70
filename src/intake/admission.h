/* Admission: what every door does with a transaction once it is canonical JSON. It is decoded, held
 * to the rules, hashed and handed to the acceptor; afterwards its outcome is put into words.
 *
 *     door ──▶ batch_offer() ... ──▶ batch_submit() ──▶ acceptor ──▶ done() ──▶ batch_answer()
 *
 * A batch is what is answered together: a request, a file, a message. It belongs to one thread at
 * a time: the door's until batch_submit(), the door's again from done() on. */
#pragma once

#include "base/buf.h"
#include "base/histogram.h"
#include "intake/acceptor.h"
#include "net/problem.h"
#include "retail/codec.h"

struct admission;

struct admission_config {
	struct acceptor *acceptor;
	struct clock *clock;
	/* False refuses the transaction with rule "store.unknown". NULL takes every store. */
	bool (*store_known)(void *context, struct slice store);
	void *context;
	const struct rule_set *rules; /* NULL: the table as it stands; outlives the admission */
	/* Seals what is personal. NULL keeps it as it came: for tests of other things only. */
	struct subjects *subjects;
	struct idempotency *idempotency; /* NULL: keys are not looked at; tests only */
};

struct admission_counters {
	atomic_uint_fast64_t batches_total;
	atomic_uint_fast64_t refused_total; /* transactions answered with 4xx but 409 */
	atomic_uint_fast64_t busy_total;    /* requests answered 503 or 507 */
	atomic_uint_fast64_t unknown_fields_total;
	struct histogram acknowledge; /* a request's last byte to its answer, in microseconds */
};

enum status admission_open(
	const struct admission_config *config, struct admission **ret_admission, struct error *err);
/* After all doors and the acceptor are closed. */
void admission_close(struct admission *admission);
struct admission_counters *admission_counters(struct admission *admission);
struct idempotency *admission_idempotency(const struct admission *admission);
uint64_t admission_monotonic_ns(const struct admission *admission);

/* What a door hands over; batch_offer() copies what is kept of it. */
struct offer {
	struct slice source;   /* the door's name: "rest"; at most 255 bytes */
	struct slice document; /* canonical JSON (retail/codec.h) */
	struct slice raw;      /* as it was received; empty when that is the document itself */
	bool personal;         /* the raw bytes tell who the customer is: they are kept sealed */
};

struct batch;

/* NULL without memory. */
struct batch *batch_take(struct admission *admission);
void batch_give_back(struct batch *batch);
struct admission *batch_admission(const struct batch *batch);

/* Both add one line to the batch, good or refused; its place is batch_count() - 1.
 * E_FULL: no memory for another line; nothing was added. */
enum status batch_offer(struct batch *batch, const struct offer *offer);
/* For what a door cannot even make a document of. `findings` may be NULL. */
enum status batch_refuse(struct batch *batch, enum problem problem, const char *detail,
	const struct findings *findings);
uint32_t batch_count(const struct batch *batch);
/* Whether a line was refused, before it was submitted, for a reason that passes: offered again it
 * may be taken. */
bool batch_put_off(const struct batch *batch, uint32_t number);
/* Of the findings and problems that it holds so far. */
size_t batch_text_bytes(const struct batch *batch);
/* The batch has outgrown its memory: it must be given back, nothing of it was kept. */
bool batch_overflowed(const struct batch *batch);

/* The store and register of the first line that is a transaction at all, whatever the rules say of
 * it. False when there is none. They live as long as the batch. */
bool batch_scope(const struct batch *batch, struct slice *ret_store, struct slice *ret_reg);
/* What the answers of all lines may come to, in bytes, at most. */
size_t batch_answers_max(const struct batch *batch);
/* A fingerprint of the request: the same for the same bytes, and without the site's key it says
 * nothing of what they hold. */
struct hash batch_fingerprint(const struct batch *batch, struct slice body);
/* Before batch_submit(): the batch has an Idempotency-Key. compose() gets batch_submit()'s context,
 * on the acceptor's thread, when every line has its outcome; it may call batch_answer(). */
void batch_set_keyed(struct batch *batch, struct keyed *keyed, void (*compose)(void *context));

/* Hands what was not refused to the acceptor. done() is called once everything has its outcome, on
 * the acceptor's thread, or at once on this one when there is nothing to hand over. On any other
 * status than OK done() is not called and nothing was kept: E_FULL (the queue, or the batch has
 * overflowed), E_STOPPED. */
enum status batch_submit(struct batch *batch, void (*done)(void *context), void *context);

/* After done(). */
struct batch_outcome {
	unsigned status;      /* the HTTP status that the line has alone */
	enum problem problem; /* when the status is 400 or above */
};
/* Appends the JSON object that answers a line; `with_status` adds "status_code" to it. */
struct batch_outcome batch_answer(
	const struct batch *batch, uint32_t line, bool with_status, struct buf *buf);
