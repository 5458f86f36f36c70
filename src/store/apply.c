#include "store/apply.h"

#include "base/check.h"
#include "base/plant.h"
#include "retail/codec.h"
#include "retail/reversal.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

enum {
	ARENA_BYTES_MAX = 256 << 20,
	BATCH_BYTES_MAX = 8 << 20,
	FULL_WAIT_MS = 500,
	YIELD_MS_MAX = 20000,
};

struct apply {
	struct apply_config config;
	void *states[APPLY_CONSUMERS_MAX];
	uint64_t checkpoints[APPLY_CONSUMERS_MAX];
	size_t count;
	struct statement *write_checkpoint;
	struct journal_reader *reader;
	struct buf earlier; /* payload of a revision that is superseded */
	struct arena arena;
	uint64_t next; /* number of the next event to apply */
	pthread_t thread;
	bool started;
	bool yields;           /* the thread's: it runs only when nobody else wants to */
	uint64_t caught_up_ms; /* the thread's: when there was nothing to do, monotonic */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool more, stopping; /* lock */
	atomic_uint_fast64_t committed, waits;
};

static const struct migration own_migrations[] = {
	{ "checkpoint.1",
		"CREATE TABLE checkpoint (consumer TEXT PRIMARY KEY, event BIGINT NOT NULL)" },
};

static enum status migrate(struct apply *a, struct error *err)
{
	struct migration all[APPLY_CONSUMERS_MAX * 4];
	size_t count = 0;
	all[count++] = own_migrations[0];
	for (size_t i = 0; i < a->count; i++) {
		const struct consumer *c = a->config.consumers[i];
		check(count + c->migration_count <= sizeof(all) / sizeof(all[0]));
		for (size_t j = 0; j < c->migration_count; j++)
			all[count++] = c->migrations[j];
	}
	return store_migrate(a->config.store, all, count, err);
}

static enum status read_checkpoints(struct apply *a, struct error *err)
{
	struct statement *read = NULL;
	enum status s = store_prepare(
		a->config.store, "SELECT event FROM checkpoint WHERE consumer = $1", &read, err);
	a->next = UINT64_MAX;
	for (size_t i = 0; i < a->count && s == OK; i++) {
		bool row;
		statement_bind_text(read, 1, slice_of(a->config.consumers[i]->name));
		s = statement_step(read, &row, err);
		a->checkpoints[i] = s == OK && row ? (uint64_t)statement_int(read, 0) : 0;
		statement_reset(read);
		if (a->checkpoints[i] + 1 < a->next)
			a->next = a->checkpoints[i] + 1;
	}
	statement_close(read);
	uint64_t last = journal_durable_number(a->config.journal);
	if (s == OK && a->next > last + 1)
		return error_set(err, E_CORRUPT,
			"the state has applied event %llu, but the journal ends at %llu: journal "
			"and "
			"state do not belong together; move the state away and run `tillbridge "
			"rebuild`",
			(unsigned long long)(a->next - 1), (unsigned long long)last);
	atomic_store(&a->committed, a->next - 1);
	return s;
}

static enum status open_consumers(struct apply *a, struct error *err)
{
	while (a->config.consumers[a->count] != NULL)
		a->count++;
	check(a->count <= APPLY_CONSUMERS_MAX);
	enum status s = migrate(a, err);
	if (s == OK)
		s = read_checkpoints(a, err);
	if (s == OK)
		s = store_prepare(a->config.store,
			"INSERT INTO checkpoint (consumer, event) VALUES ($1, $2) "
			"ON CONFLICT (consumer) DO UPDATE SET event = excluded.event",
			&a->write_checkpoint, err);
	for (size_t i = 0; i < a->count && s == OK; i++) {
		s = a->config.consumers[i]->open(a->config.store, &a->states[i], err);
		if (s != OK)
			error_wrap(err, "consumer %s", a->config.consumers[i]->name);
	}
	return s;
}

enum status apply_open(
	const struct apply_config *config, struct apply **ret_apply, struct error *err)
{
	struct apply *a = calloc(1, sizeof(*a));
	if (a == NULL)
		return error_set(err, E_FULL, "apply: out of memory");
	a->config = *config;
	arena_init(&a->arena, ARENA_BYTES_MAX);
	buf_init(&a->earlier, JOURNAL_EVENT_BYTES_MAX);
	pthread_mutex_init(&a->lock, NULL);
	pthread_condattr_t attributes;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&a->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	enum status s = open_consumers(a, err);
	if (s != OK) {
		apply_close(a);
		return s;
	}
	*ret_apply = a;
	return OK;
}

uint64_t apply_number(const struct apply *a)
{
	return atomic_load(&((struct apply *)a)->committed);
}

uint64_t apply_waits(const struct apply *a)
{
	return atomic_load(&((struct apply *)a)->waits);
}

/* What was accepted once is applied for ever: a document that this program cannot decode is a
 * broken journal or a wrong program, never something to step over. */
static enum status decode_record(struct apply *a, const struct event *event,
	struct record *ret_record, const struct transaction **ret_transaction, struct error *err)
{
	struct findings findings = { .count = 0 };
	struct transaction *t = arena_new(&a->arena, struct transaction);
	struct slice payload = arena_copy(&a->arena, event->payload);
	if (t == NULL || payload.ptr == NULL)
		return error_set(err, E_FULL, "apply: a batch needs too much memory");
	enum status s = record_decode(payload, ret_record, err);
	if (s != OK)
		return error_wrap(err, "event %llu", (unsigned long long)event->number);
	s = transaction_decode(ret_record->document, &a->arena, t, &findings);
	if (s != OK)
		return error_set(err, s == E_FULL ? E_FULL : E_CORRUPT,
			"event %llu cannot be decoded: %s: %s", (unsigned long long)event->number,
			findings.items[0].pointer, findings.items[0].detail);
	*ret_transaction = t;
	return OK;
}

static enum status find_standing(struct apply *a, const struct applied_event *applied,
	struct standing *standing, struct error *err)
{
	*standing = (struct standing){ .event = 0 };
	for (size_t i = 0; i < a->count; i++)
		if (a->config.consumers[i]->standing != NULL)
			return a->config.consumers[i]->standing(
				a->states[i], applied, standing, err);
	return OK;
}

/* Reads the revision that loses its place from the journal, and what undoes it. */
static enum status supersede(struct apply *a, struct applied_event *applied,
	const struct standing *standing, struct error *err)
{
	struct record record;
	struct event event;
	struct transaction *reversal = arena_new(&a->arena, struct transaction);
	if (reversal == NULL)
		return error_set(err, E_FULL, "apply: a batch needs too much memory");
	enum status s =
		journal_read_at(a->config.journal, standing->position, &a->earlier, &event, err);
	if (s == OK && event.number != standing->event)
		return error_set(err, E_CORRUPT,
			"event %llu takes the place of event %llu, but event %llu stands there",
			(unsigned long long)applied->event.number,
			(unsigned long long)standing->event, (unsigned long long)event.number);
	if (s == OK)
		s = decode_record(a, &event, &record, &applied->superseded, err);
	if (s == OK)
		s = transaction_reverse(applied->superseded, &a->arena, reversal, err);
	applied->effects[applied->effect_count++] = reversal;
	return s;
}

static enum status decode(struct apply *a, struct applied_event *applied, struct error *err)
{
	struct standing standing;
	if (applied->event.kind != EVENT_TRANSACTION && applied->event.kind != EVENT_CONFLICT)
		return OK;
	enum status s =
		decode_record(a, &applied->event, &applied->record, &applied->transaction, err);
	if (s != OK || applied->event.kind == EVENT_CONFLICT)
		return s;
	s = find_standing(a, applied, &standing, err);
	check(applied->transaction != NULL);
	applied->standing_event = standing.event;
	applied->outdated =
		standing.event != 0 && standing.revision > applied->transaction->revision;
	if (s != OK || applied->outdated)
		return s;
	if (standing.event != 0)
		s = supersede(a, applied, &standing, err);
	applied->effects[applied->effect_count++] = applied->transaction;
	return s;
}

static enum status apply_event(struct apply *a, const struct event *event, struct error *err)
{
	struct applied_event applied = { .event = *event, .arena = &a->arena };
	enum status s = decode(a, &applied, err);
	for (size_t i = 0; i < a->count && s == OK; i++) {
		if (event->number <= a->checkpoints[i])
			continue;
		s = a->config.consumers[i]->apply(a->states[i], &applied, err);
		if (s != OK)
			error_wrap(err, "consumer %s, event %llu", a->config.consumers[i]->name,
				(unsigned long long)event->number);
	}
	return s;
}

static enum status finish_batch(struct apply *a, uint64_t last, struct error *err)
{
	enum status s = OK;
	for (size_t i = 0; i < a->count && s == OK; i++) {
		if (last <= a->checkpoints[i])
			continue;
		if (a->config.consumers[i]->flush != NULL)
			s = a->config.consumers[i]->flush(a->states[i], err);
		if (PLANTED(4) && s == OK && (s = store_commit(a->config.store, err)) == OK)
			s = store_begin(a->config.store, err);
		if (s != OK)
			break;
		statement_bind_text(a->write_checkpoint, 1, slice_of(a->config.consumers[i]->name));
		statement_bind_int(a->write_checkpoint, 2, (int64_t)last);
		s = statement_run(a->write_checkpoint, err);
	}
	if (s == OK)
		s = store_commit(a->config.store, err);
	if (s != OK)
		return s;
	for (size_t i = 0; i < a->count; i++)
		if (last > a->checkpoints[i])
			a->checkpoints[i] = last;
	a->next = last + 1;
	atomic_store(&a->committed, last);
	return store_checkpoint(a->config.store, err);
}

static void roll_back(struct apply *a)
{
	store_rollback(a->config.store);
	for (size_t i = 0; i < a->count; i++)
		if (a->config.consumers[i]->forget != NULL)
			a->config.consumers[i]->forget(a->states[i]);
	/* The events of this batch must be read again. */
	journal_reader_close(a->reader);
	a->reader = NULL;
}

/* Reads and applies up to a batch's worth of events inside one transaction, which is left open.
 * *ret_last is 0 when there was none. */
static enum status apply_some(struct apply *a, uint64_t *ret_last, struct error *err)
{
	struct event event;
	uint64_t count = 0, bytes = 0;
	enum status s = OK;
	if (a->reader == NULL)
		s = journal_reader_open(a->config.journal, a->next, &a->reader, err);
	while (s == OK && count < APPLY_EVENTS_MAX && bytes < BATCH_BYTES_MAX) {
		s = journal_reader_next(a->reader, &event, err);
		if (s == E_RETRY)
			return OK;
		if (s == OK && count == 0)
			s = store_begin(a->config.store, err);
		if (s == OK)
			s = apply_event(a, &event, err);
		*ret_last = event.number;
		bytes += event.payload.len;
		count++;
	}
	return s;
}

/* One batch. *ret_applied is false when there was nothing to do. */
static enum status apply_batch(struct apply *a, bool *ret_applied, struct error *err)
{
	uint64_t last = 0;
	arena_reset(&a->arena);
	enum status s = apply_some(a, &last, err);
	if (s == OK && last > 0)
		s = finish_batch(a, last, err);
	if (s != OK)
		roll_back(a);
	*ret_applied = s == OK && last > 0;
	return s;
}

enum status apply_catch_up(struct apply *a,
	void (*progress)(void *context, uint64_t number, uint64_t last), void *context,
	struct error *err)
{
	bool applied = true;
	while (applied) {
		enum status s = apply_batch(a, &applied, err);
		if (s != OK)
			return s;
		if (applied && progress != NULL)
			progress(context, apply_number(a),
				journal_durable_number(a->config.journal));
	}
	return OK;
}

/* Waits until there is more, for at most `ms` when it is not 0. False: stop. */
static bool wait_for_more(struct apply *a, unsigned ms)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	pthread_mutex_lock(&a->lock);
	int late = 0;
	while (!a->stopping && late == 0 && (ms > 0 || !a->more))
		late = ms > 0 ? pthread_cond_timedwait(&a->changed, &a->lock, &until)
			      : pthread_cond_wait(&a->changed, &a->lock);
	a->more = false;
	bool go_on = !a->stopping;
	pthread_mutex_unlock(&a->lock);
	return go_on;
}

static uint64_t monotonic_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* An acknowledgement is waited for, derived state is not: whoever answers a till takes the
 * processor from this thread at once (a nice value alone lets it finish its slice first, which
 * cost a third of the sales a second). */
static void yield_processor(struct apply *a, bool yields)
{
	const struct sched_param none = { 0 };
	if (a->yields == yields)
		return;
	a->yields = yields;
	pthread_setschedparam(pthread_self(), yields ? SCHED_IDLE : SCHED_OTHER, &none);
}

/* ... but not for ever: when it has been behind for a while, it takes its fair share. */
static void note_progress(struct apply *a, bool caught_up)
{
	uint64_t now = monotonic_ms();
	if (caught_up)
		a->caught_up_ms = now;
	yield_processor(a, now - a->caught_up_ms < YIELD_MS_MAX);
}

static void *run(void *argument)
{
	struct apply *a = argument;
	struct error err;
	bool applied = true, go_on = true;
	note_progress(a, true);
	while (go_on) {
		enum status s = apply_batch(a, &applied, &err);
		if (s == E_FULL || s == E_RETRY) {
			/* A full disk empties again; nothing is lost, the journal has it. */
			atomic_fetch_add(&a->waits, 1);
			go_on = wait_for_more(a, FULL_WAIT_MS);
			continue;
		}
		if (s != OK) {
			if (a->config.failed != NULL)
				a->config.failed(a->config.context, &err);
			return NULL;
		}
		note_progress(a, !applied);
		if (applied && a->config.advanced != NULL)
			a->config.advanced(a->config.context, apply_number(a));
		if (applied) {
			pthread_mutex_lock(&a->lock);
			go_on = !a->stopping;
			pthread_mutex_unlock(&a->lock);
		} else {
			go_on = wait_for_more(a, 0);
			note_progress(a, true);
		}
	}
	return NULL;
}

enum status apply_start(struct apply *a, struct error *err)
{
	if (pthread_create(&a->thread, NULL, run, a) != 0)
		return error_set(err, E_IO, "apply: cannot start a thread");
	pthread_setname_np(a->thread, "apply");
	a->started = true;
	return OK;
}

void apply_wake(struct apply *a)
{
	pthread_mutex_lock(&a->lock);
	a->more = true;
	pthread_cond_signal(&a->changed);
	pthread_mutex_unlock(&a->lock);
}

void apply_close(struct apply *a)
{
	if (a == NULL)
		return;
	if (a->started) {
		pthread_mutex_lock(&a->lock);
		a->stopping = true;
		pthread_cond_signal(&a->changed);
		pthread_mutex_unlock(&a->lock);
		pthread_join(a->thread, NULL);
	}
	for (size_t i = 0; i < a->count; i++)
		if (a->states[i] != NULL)
			a->config.consumers[i]->close(a->states[i]);
	statement_close(a->write_checkpoint);
	journal_reader_close(a->reader);
	arena_release(&a->arena);
	buf_release(&a->earlier);
	pthread_mutex_destroy(&a->lock);
	pthread_cond_destroy(&a->changed);
	free(a);
}
