#include "deliver/worker.h"

#include "base/check.h"
#include "base/random.h"
#include "deliver/events.h"
#include "deliver/outbox.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BATCH_ARENA_BYTES = 64 << 20, MATCH_ARENA_BYTES = 64 << 20, DAY_MS = 86400000 };

struct worker {
	const struct delivery_config *config;
	const struct erp_target *target;
	struct delivery_lags *lags;
	const atomic_bool *stop;
	void *instance; /* the connector's */
	struct outbox *outbox;
	struct batch batch;   /* open: to be posted, or asked about */
	struct batch settled; /* to be read back; its memory is the batch's */
	struct posting_result results[BATCH_MAX];
	struct erp_document documents[BATCH_MAX];
	struct arena documents_arena;
	struct buf payload, differences;
	struct random random;
	struct outbox_place cursor; /* postings up to here were taken up */
	uint64_t backoff_ms;        /* the next wait; 0 when all is well */
	pthread_t thread;
	bool started;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool more;                /* lock */
	struct erp_status status; /* lock */
};

static int64_t wall_ms(const struct worker *w)
{
	return w->config->clock->wall_ms(w->config->clock);
}

static bool stopping(const struct worker *w)
{
	return atomic_load((atomic_bool *)w->stop);
}

/* Waits until woken, or for `ms` when it is not 0 (being woken does not shorten that). */
static void wait_for(struct worker *w, uint64_t ms)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)(ms / 1000);
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	int late = 0;
	pthread_mutex_lock(&w->lock);
	while (late == 0 && !stopping(w) && (ms > 0 || !w->more))
		late = ms > 0 ? pthread_cond_timedwait(&w->changed, &w->lock, &until)
			      : pthread_cond_wait(&w->changed, &w->lock);
	w->more = false;
	pthread_mutex_unlock(&w->lock);
}

static void note_good(struct worker *w)
{
	w->backoff_ms = 0;
	pthread_mutex_lock(&w->lock);
	w->status.state = ERP_OK;
	w->status.detail[0] = '\0';
	w->status.retry_at_ms = 0;
	w->status.last_answer_ms = wall_ms(w);
	w->status.calls_total++;
	pthread_mutex_unlock(&w->lock);
}

/* The breaker: says why, and waits; the next wait is twice as long. Half of each is random, so
 * that many tills and bridges do not come back at the same instant. */
static void back_off(struct worker *w, uint64_t retry_after_ms, const struct error *err)
{
	if (w->backoff_ms == 0)
		w->backoff_ms = w->target->backoff_ms;
	uint64_t wait = w->backoff_ms / 2 + random_below(&w->random, w->backoff_ms / 2 + 1);
	if (wait < retry_after_ms)
		wait = retry_after_ms;
	w->backoff_ms *= 2;
	if (w->backoff_ms > w->target->backoff_max_ms)
		w->backoff_ms = w->target->backoff_max_ms;
	pthread_mutex_lock(&w->lock);
	w->status.state = ERP_RETRYING;
	snprintf(w->status.detail, sizeof(w->status.detail), "%s", err->text);
	w->status.retry_at_ms = wall_ms(w) + (int64_t)wait;
	w->status.failures_total++;
	pthread_mutex_unlock(&w->lock);
	wait_for(w, wait);
}

static enum status record(struct worker *w, uint16_t kind, struct error *err)
{
	uint64_t number;
	check(!w->payload.failed);
	for (;;) {
		enum status s = acceptor_record(
			w->config->acceptor, kind, buf_get(&w->payload), &number, err);
		if (s != E_FULL || stopping(w))
			return s;
		back_off(w, 0, err);
	}
}

static struct delivery_event event_of(
	const struct worker *w, struct delivery_item *items, uint32_t count)
{
	return (struct delivery_event){ slice_of(w->target->name), items, count };
}

static enum status write_intent(struct worker *w, struct error *err)
{
	struct delivery_item items[BATCH_MAX];
	uint32_t count = 0;
	for (size_t i = 0; i < w->batch.count; i++) {
		/* What was called before a crash has its intent already. */
		if (w->batch.states[i] != POSTING_PLANNED)
			continue;
		items[count++] = (struct delivery_item){ .posting = w->batch.postings[i].id,
			.reversal = w->batch.postings[i].reversal };
		histogram_add(&w->lags->receipt_to_call,
			(uint64_t)(wall_ms(w) - w->batch.recorded_ms[i]) * 1000);
	}
	if (count == 0)
		return OK;
	struct delivery_event event = event_of(w, items, count);
	buf_reset(&w->payload);
	intent_encode(&event, &w->payload);
	return record(w, EVENT_INTENT, err);
}

static void note_lag(struct worker *w, size_t i)
{
	int64_t now = wall_ms(w), received = w->batch.recorded_ms[i];
	const struct transaction *t = w->batch.postings[i].transaction;
	int64_t closed = t->closed_at.ms;
	if (!t->closed_at.set || closed > received || received - closed > DAY_MS)
		closed = received;
	else
		histogram_add(&w->lags->till_to_receipt, (uint64_t)(received - closed) * 1000);
	histogram_add(&w->lags->receipt_to_answer, (uint64_t)(now - received) * 1000);
	histogram_add(&w->lags->till_to_answer, (uint64_t)(now - closed) * 1000);
}

/* Writes the answers of all postings whose outcome is not "not sent". */
static enum status write_answers(struct worker *w, struct error *err)
{
	struct delivery_item items[BATCH_MAX];
	uint32_t count = 0;
	for (size_t i = 0; i < w->batch.count; i++) {
		const struct posting_result *result = &w->results[i];
		if (result->outcome == OUTCOME_NOT_SENT)
			continue;
		if (result->outcome == OUTCOME_UNKNOWN && w->batch.states[i] == POSTING_UNKNOWN)
			continue;
		items[count++] = (struct delivery_item){
			.posting = w->batch.postings[i].id,
			.reversal = w->batch.postings[i].reversal,
			.outcome = result->outcome,
			.document = slice_of(result->document),
			.detail = slice_of(result->detail),
		};
	}
	if (count == 0)
		return OK;
	struct delivery_event event = event_of(w, items, count);
	buf_reset(&w->payload);
	answer_encode(&event, &w->payload);
	enum status s = record(w, EVENT_ANSWER, err);
	for (size_t i = 0; i < w->batch.count && s == OK; i++)
		if (w->results[i].outcome == OUTCOME_SETTLED)
			note_lag(w, i);
	return s;
}

static void move(struct batch *from, size_t i, struct batch *to)
{
	to->postings[to->count] = from->postings[i];
	to->recorded_ms[to->count] = from->recorded_ms[i];
	to->states[to->count] = from->states[i];
	to->superseded[to->count] = from->superseded[i];
	to->count++;
}

/* Settled postings leave the batch to be read back, refused ones are done with; what is open stays,
 * in order. */
static void sort_out(struct worker *w)
{
	size_t count = w->batch.count;
	w->batch.count = 0;
	for (size_t i = 0; i < count; i++) {
		enum outcome outcome = w->results[i].outcome;
		if (outcome == OUTCOME_SETTLED)
			move(&w->batch, i, &w->settled);
		if (outcome != OUTCOME_NOT_SENT && outcome != OUTCOME_UNKNOWN)
			continue;
		w->batch.states[i] = outcome == OUTCOME_UNKNOWN ? POSTING_UNKNOWN : POSTING_CALLED;
		move(&w->batch, i, &w->batch);
	}
}

static void compare(struct worker *w, struct delivery_item *item, size_t i, size_t *offset)
{
	struct differences differences;
	enum status s = match_document(w->settled.postings[i].transaction, &w->documents[i],
		&w->documents_arena, &differences);
	*offset = w->differences.len;
	item->posting = w->settled.postings[i].id;
	item->reversal = w->settled.postings[i].reversal;
	item->agreed = s == OK && differences.count == 0;
	if (!item->agreed)
		differences_write(&differences, &w->differences);
}

static enum status write_read_back(struct worker *w, struct error *err)
{
	struct delivery_item items[BATCH_MAX];
	size_t offsets[BATCH_MAX + 1];
	uint32_t count = (uint32_t)w->settled.count;
	buf_reset(&w->differences);
	memset(items, 0, sizeof(items));
	for (size_t i = 0; i < count; i++)
		compare(w, &items[i], i, &offsets[i]);
	offsets[count] = w->differences.len;
	for (size_t i = 0; i < count; i++)
		items[i].differences =
			slice_make(w->differences.ptr + offsets[i], offsets[i + 1] - offsets[i]);
	struct delivery_event event = event_of(w, items, count);
	buf_reset(&w->payload);
	read_back_encode(&event, &w->payload);
	return record(w, EVENT_READ_BACK, err);
}

/* Reads the settled postings back, and writes down whether they agree. */
static enum status read_back(struct worker *w, struct error *err)
{
	uint64_t start = w->config->clock->monotonic_ns(w->config->clock);
	while (w->settled.count > 0 && !stopping(w)) {
		arena_reset(&w->documents_arena);
		memset(w->documents, 0, sizeof(w->documents));
		enum status s = w->target->type->read_back(w->instance, w->settled.postings,
			w->settled.count, w->documents, &w->documents_arena, err);
		if (s == OK) {
			note_good(w);
			s = write_read_back(w, err);
			uint64_t took = w->config->clock->monotonic_ns(w->config->clock) - start;
			for (size_t i = 0; i < w->settled.count && s == OK; i++)
				histogram_add(&w->lags->answer_to_agreed, took / 1000);
			return s;
		}
		if (s == E_STOPPED)
			return s;
		back_off(w, 0, err);
	}
	return OK;
}

static bool any(const struct worker *w, enum outcome outcome)
{
	for (size_t i = 0; i < w->batch.count; i++)
		if (w->results[i].outcome == outcome)
			return true;
	return false;
}

static enum status ask_once(struct worker *w, struct error *err)
{
	while (!stopping(w)) {
		memset(w->results, 0, sizeof(w->results));
		enum status s = w->target->type->find(
			w->instance, w->batch.postings, w->batch.count, w->results, err);
		if (s == OK)
			note_good(w);
		if (s == OK || s == E_STOPPED)
			return s;
		back_off(w, 0, err);
	}
	return E_STOPPED;
}

/* Asks the ERP about postings whose outcome is not known, until it answers. What it does not have
 * becomes "not sent" again; but only when it says so twice, some time apart, because a call that
 * was given up may still wait in the ERP's queue and be carried out after the first question. */
static enum status ask(struct worker *w, struct error *err)
{
	enum status s = ask_once(w, err);
	if (s != OK || !any(w, OUTCOME_NOT_SENT))
		return s;
	wait_for(w, w->target->unknown_wait_ms);
	return ask_once(w, err);
}

/* One call of post() and the answers it gave. What is open afterwards stays in the batch. */
static enum status post_once(struct worker *w, struct error *err)
{
	uint64_t retry_after_ms = 0;
	memset(w->results, 0, sizeof(w->results));
	enum status called = w->target->type->post(
		w->instance, w->batch.postings, w->batch.count, w->results, &retry_after_ms, err);
	struct error why = called == OK ? (struct error){ 0 } : *err;
	enum status s = write_answers(w, err);
	if (s != OK)
		return s;
	if (called == OK)
		note_good(w);
	else if (called != E_STOPPED)
		back_off(w, retry_after_ms, &why);
	return called == E_STOPPED ? E_STOPPED : OK;
}

/* Brings every posting of the batch to an end: settled and read back, or refused. Postings that
 * were called before a crash are asked about before anything is sent. */
static enum status deliver_batch(struct worker *w, struct error *err)
{
	struct batch *all = &w->batch;
	bool known = true;
	for (size_t i = 0; i < all->count; i++)
		known = known && all->states[i] == POSTING_PLANNED;
	enum status s = write_intent(w, err);
	while (s == OK && all->count > 0 && !stopping(w)) {
		if (!known) {
			s = ask(w, err);
			if (s == OK)
				s = write_answers(w, err);
		} else {
			s = post_once(w, err);
		}
		if (s != OK)
			return s;
		known = !any(w, OUTCOME_UNKNOWN);
		sort_out(w);
	}
	return stopping(w) ? E_STOPPED : s;
}

/* What was never called and is not needed any more is never called. Only this thread calls, so only
 * it can say so; it says it before anything else of the batch is sent. */
static enum status drop_superseded(struct worker *w, struct error *err)
{
	struct delivery_item items[BATCH_MAX];
	uint32_t dropped = 0;
	size_t count = w->batch.count;
	w->batch.count = 0;
	for (size_t i = 0; i < count; i++) {
		if (w->batch.superseded[i])
			items[dropped++] = (struct delivery_item){
				.posting = w->batch.postings[i].id,
				.reversal = w->batch.postings[i].reversal,
				.outcome = OUTCOME_SUPERSEDED,
			};
		else
			move(&w->batch, i, &w->batch);
	}
	if (dropped == 0)
		return OK;
	struct delivery_event event = event_of(w, items, dropped);
	buf_reset(&w->payload);
	answer_encode(&event, &w->payload);
	return record(w, EVENT_ANSWER, err);
}

/* The next postings behind the cursor. The state may be behind this worker's own events, so what
 * was taken up once is never looked for again; only a new start looks at everything that is open.
 */
static enum status next_batch(struct worker *w, bool *ret_worked, struct error *err)
{
	enum status s = outbox_fetch_open(
		w->outbox, &w->cursor, w->target->type->batch_max, &w->batch, err);
	*ret_worked = s == OK && w->batch.count > 0;
	if (!*ret_worked)
		return s;
	w->settled.count = 0;
	struct outbox_place last = w->batch.last;
	s = drop_superseded(w, err);
	if (s == OK)
		s = deliver_batch(w, err);
	if (s == OK)
		s = read_back(w, err);
	w->cursor = last;
	return s;
}

/* What was settled before the last stop, and not read back. */
static enum status read_back_rest(struct worker *w, struct error *err)
{
	struct outbox_place after = { 0 };
	enum status s = OK;
	while (s == OK && !stopping(w)) {
		s = outbox_fetch_settled(
			w->outbox, &after, w->target->type->batch_max, &w->batch, err);
		if (s != OK || w->batch.count == 0)
			break;
		after = w->batch.last;
		w->settled.count = 0;
		for (size_t i = 0; i < w->batch.count; i++)
			move(&w->batch, i, &w->settled);
		s = read_back(w, err);
	}
	return s;
}

/* What no waiting mends. A failed read (no descriptor, no memory) may pass; when it is the journal
 * that failed, the process stops anyway, and nothing can be sent without an intent. */
static bool at_end(enum status s)
{
	return s == E_STOPPED || s == E_CORRUPT;
}

static void *run(void *argument)
{
	struct worker *w = argument;
	struct error err = { 0 };
	uint64_t start = journal_durable_number(w->config->journal);
	while (!stopping(w) && w->config->applied(w->config->context) < start)
		wait_for(w, 0);
	enum status s;
	while (!at_end(s = read_back_rest(w, &err)) && s != OK)
		back_off(w, 0, &err);
	while (!stopping(w) && !at_end(s)) {
		bool worked = false;
		s = next_batch(w, &worked, &err);
		if (s != OK && !at_end(s))
			back_off(w, 0, &err);
		else if (s == OK && !worked)
			wait_for(w, 0);
	}
	pthread_mutex_lock(&w->lock);
	w->status.state = ERP_STOPPED;
	if (err.status == E_CORRUPT)
		snprintf(w->status.detail, sizeof(w->status.detail), "%s", err.text);
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

static void init(struct worker *w)
{
	pthread_condattr_t attributes;
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&w->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	arena_init(&w->batch.arena, BATCH_ARENA_BYTES);
	arena_init(&w->documents_arena, MATCH_ARENA_BYTES);
	buf_init(&w->payload, JOURNAL_EVENT_BYTES_MAX);
	buf_init(&w->differences, JOURNAL_EVENT_BYTES_MAX / 2);
	random_init(&w->random, w->config->seed ^ slice_hash(slice_of(w->target->name), 0));
	snprintf(w->status.name, sizeof(w->status.name), "%s", w->target->name);
	w->status.connector = w->target->type->name;
}

enum status worker_open(const struct delivery_config *config, const struct erp_target *target,
	struct delivery_lags *lags, const atomic_bool *stop, struct worker **ret_worker,
	struct error *err)
{
	struct worker *w = calloc(1, sizeof(*w));
	if (w == NULL)
		return error_set(err, E_FULL, "delivery: out of memory");
	w->config = config;
	w->target = target;
	w->lags = lags;
	w->stop = stop;
	check(target->type->batch_max <= BATCH_MAX);
	init(w);
	struct connector_environment environment = { target->name, target->timeout_ms, stop };
	enum status s = target->type->open(target->config, &environment, &w->instance, err);
	if (s == OK)
		s = outbox_open(config->state_path, config->journal, target->name, &w->outbox, err);
	if (s == OK && pthread_create(&w->thread, NULL, run, w) != 0)
		s = error_set(err, E_IO, "cannot start a thread");
	if (s != OK) {
		worker_close(w);
		return error_wrap(err, "erp %s", target->name);
	}
	w->started = true;
	pthread_setname_np(w->thread, "delivery");
	*ret_worker = w;
	return OK;
}

void worker_wake(struct worker *w)
{
	pthread_mutex_lock(&w->lock);
	w->more = true;
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

void worker_join(struct worker *w)
{
	if (w->started)
		pthread_join(w->thread, NULL);
	w->started = false;
}

void worker_close(struct worker *w)
{
	worker_join(w);
	if (w->instance != NULL)
		w->target->type->close(w->instance);
	outbox_close(w->outbox);
	arena_release(&w->batch.arena);
	arena_release(&w->documents_arena);
	buf_release(&w->payload);
	buf_release(&w->differences);
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->changed);
	free(w);
}

void worker_status(struct worker *w, struct erp_status *ret_status)
{
	pthread_mutex_lock(&w->lock);
	*ret_status = w->status;
	pthread_mutex_unlock(&w->lock);
}
