#include "intake/acceptor.h"

#include "base/check.h"
#include "base/plant.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { GROUP_BYTES_MAX = 8 << 20 };

struct acceptor {
	struct acceptor_config config;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t filled;
	struct accept_work *head, **tail; /* lock */
	uint64_t queue_bytes;             /* lock */
	uint32_t queue_items;             /* lock */
	bool stopping;                    /* lock */
	bool sleeping;                    /* lock: the thread waits for `filled` */
	bool broken;                      /* the thread's: the journal failed for good */
	bool failure_told;
	struct error broken_why;
	atomic_uint_fast64_t accepted, duplicates, conflicts, not_accepted, groups, group_items_max;
};

static uint64_t work_bytes(const struct accept_work *work)
{
	uint64_t bytes = 0;
	for (uint32_t i = 0; i < work->count; i++)
		bytes += work->items[i].payload.len;
	return bytes;
}

static enum status append(struct acceptor *a, struct accept_item *item, struct error *err)
{
	struct event event;
	enum status s = journal_append(a->config.journal, item->kind, item->payload, &event, err);
	if (s != OK)
		return s;
	item->number = event.number;
	item->recorded_ms = event.recorded_ms;
	item->outcome = ACCEPTED;
	return OK;
}

static enum status append_and_remember(
	struct acceptor *a, struct accept_item *item, bool conflict, struct error *err)
{
	item->kind = conflict ? EVENT_CONFLICT : EVENT_TRANSACTION;
	enum status s = append(a, item, err);
	if (s != OK)
		return s;
	struct identity_entry entry = {
		.sequence = item->key.sequence,
		.revision = (uint32_t)item->revision,
		.number = item->number,
		.recorded_ms = item->recorded_ms,
		.fingerprint = item->fingerprint,
		.conflict = conflict,
	};
	return identity_remember(a->config.identity, &item->key, &entry, err);
}

/* The identity rule. */
static enum status decide(struct acceptor *a, struct accept_item *item, struct error *err)
{
	enum identity_verdict verdict;
	struct identity_entry known;
	enum status s = identity_look_up(a->config.identity, &item->key, item->revision,
		&item->fingerprint, &verdict, &known, err);
	if (s != OK)
		return s;
	switch (verdict) {
	case IDENTITY_NEW:
		return append_and_remember(a, item, false, err);
	case IDENTITY_OTHER:
		if (PLANTED(8))
			return append_and_remember(a, item, false, err);
		s = append_and_remember(a, item, true, err);
		item->outcome = CONFLICT;
		return s;
	case IDENTITY_SAME:
	case IDENTITY_OTHER_AGAIN:
		item->outcome = verdict == IDENTITY_SAME ? DUPLICATE : CONFLICT;
		item->number = known.number;
		item->recorded_ms = known.recorded_ms;
		return OK;
	}
	check(false);
}

/* A key must be there before what is sealed with it can be: the other way round, a crash between
 * the two would leave a record that nobody can ever read. */
static enum status flush_keys(
	struct acceptor *a, const struct accept_work *group, struct error *err)
{
	const struct accept_work *w = group;
	while (w != NULL && !w->needs_keys)
		w = w->next;
	if (w == NULL || a->broken || PLANTED(14))
		return OK;
	check(a->config.flush_keys != NULL);
	return a->config.flush_keys(a->config.context, err);
}

/* Nothing is written of it; who sent it may try again. */
static void put_off(struct accept_work *work, enum status status, const struct error *err)
{
	for (uint32_t i = 0; i < work->count; i++) {
		work->items[i].outcome = NOT_ACCEPTED;
		work->items[i].status = status == E_FULL ? E_FULL : E_RETRY;
	}
	work->err = *err;
}

static void take_in(struct acceptor *a, struct accept_work *work)
{
	for (uint32_t i = 0; i < work->count; i++) {
		struct accept_item *item = &work->items[i];
		struct error err;
		enum status s;
		if (a->broken) {
			s = E_IO;
			err = a->broken_why;
		} else if (PLANTED(9) && i > 0 && i + 1 == work->count) {
			item->outcome = ACCEPTED;
			item->number = item[-1].number + 1;
			s = OK;
		} else if (item->has_identity) {
			s = decide(a, item, &err);
		} else {
			s = append(a, item, &err);
		}
		if (s == E_IO && !a->broken) {
			a->broken = true;
			a->broken_why = err;
		}
		if (s != OK) {
			item->outcome = NOT_ACCEPTED;
			item->status = s;
			work->err = err;
		}
	}
}

static bool all_kept(const struct accept_work *work)
{
	for (uint32_t i = 0; i < work->count; i++)
		if (work->items[i].outcome == NOT_ACCEPTED)
			return false;
	return work->count > 0;
}

static bool left_alone(const struct accept_work *work)
{
	return work->keyed != NULL && work->keyed->verdict != KEYED_NEW;
}

/* When the answer cannot be kept, the sender is not told it: it sends again, and each of its
 * transactions is then known by its own key. */
static void take_in_keyed(struct acceptor *a, struct accept_work *work)
{
	struct error err = a->broken_why;
	enum status s =
		a->broken ? E_IO : idempotency_look_up(a->config.idempotency, work->keyed, &err);
	if (s == OK && left_alone(work))
		return;
	if (s == OK) {
		take_in(a, work);
		if (!all_kept(work))
			return;
		work->compose(work);
		s = idempotency_keep(a->config.idempotency, work->keyed, &err);
	}
	if (s == OK)
		return;
	if (s == E_IO && !a->broken) {
		a->broken = true;
		a->broken_why = err;
	}
	work->keyed->verdict = KEYED_NEW;
	for (uint32_t i = 0; i < work->count; i++) {
		work->items[i].outcome = NOT_ACCEPTED;
		work->items[i].status = s;
	}
	work->err = err;
}

static void count(struct acceptor *a, const struct accept_work *work)
{
	if (left_alone(work))
		return;
	for (uint32_t i = 0; i < work->count; i++) {
		const struct accept_item *item = &work->items[i];
		if (item->outcome == NOT_ACCEPTED)
			atomic_fetch_add(&a->not_accepted, 1);
		if (!item->has_identity || item->outcome == NOT_ACCEPTED)
			continue;
		atomic_fetch_add(item->outcome == ACCEPTED    ? &a->accepted
				 : item->outcome == DUPLICATE ? &a->duplicates
							      : &a->conflicts,
			1);
	}
}

/* Nothing of a group whose sync failed may be acknowledged, whatever it was. */
static void deny(struct acceptor *a, struct accept_work *work)
{
	for (uint32_t i = 0; i < work->count; i++) {
		work->items[i].outcome = NOT_ACCEPTED;
		work->items[i].status = a->broken_why.status;
	}
	work->err = a->broken_why;
	if (work->keyed != NULL)
		work->keyed->kept = false;
}

static void acknowledge(struct acceptor *a, struct accept_work *group)
{
	while (group != NULL) {
		struct accept_work *next = group->next;
		if (a->broken)
			deny(a, group);
		count(a, group);
		group->done(group);
		group = next;
	}
}

static void finish_group(struct acceptor *a, struct accept_work *group, uint32_t items)
{
	struct error err;
	if (PLANTED(1))
		acknowledge(a, group);
	if (!a->broken && journal_sync(a->config.journal, &err) != OK) {
		a->broken = true;
		a->broken_why = err;
	}
	atomic_fetch_add(&a->groups, 1);
	if (items > atomic_load(&a->group_items_max))
		atomic_store(&a->group_items_max, items);
	if (!PLANTED(1))
		acknowledge(a, group);
	if (a->broken && !a->failure_told && a->config.failed != NULL)
		a->config.failed(a->config.context, &a->broken_why);
	a->failure_told = a->broken;
	if (!a->broken && a->config.advanced != NULL)
		a->config.advanced(a->config.context, journal_durable_number(a->config.journal));
}

/* Waits for work; takes all of it, up to a group's size. NULL: stop. */
static struct accept_work *take_group(struct acceptor *a, uint32_t *ret_items)
{
	pthread_mutex_lock(&a->lock);
	while (a->head == NULL && !a->stopping) {
		a->sleeping = true;
		pthread_cond_wait(&a->filled, &a->lock);
		a->sleeping = false;
	}
	struct accept_work *group = a->head, *last = NULL;
	uint64_t bytes = 0;
	uint32_t items = 0;
	for (struct accept_work *w = group; w != NULL; w = w->next) {
		uint64_t more = work_bytes(w);
		if (last != NULL && bytes + more > GROUP_BYTES_MAX)
			break;
		bytes += more;
		items += w->count;
		last = w;
	}
	if (last != NULL) {
		a->head = last->next;
		last->next = NULL;
		if (a->head == NULL)
			a->tail = &a->head;
	}
	a->queue_bytes -= bytes;
	a->queue_items -= items;
	pthread_mutex_unlock(&a->lock);
	*ret_items = items;
	return group;
}

static void *run(void *argument)
{
	struct acceptor *a = argument;
	struct accept_work *group;
	uint32_t items;
	const struct sched_param none = { 0 };
	/* Waking up is no reason to take the processor from a loop that reads requests: what it
	 * reads meanwhile is in the same group. */
	pthread_setschedparam(pthread_self(), SCHED_BATCH, &none);
	while ((group = take_group(a, &items)) != NULL) {
		struct error err;
		enum status keys = flush_keys(a, group, &err);
		for (struct accept_work *w = group; w != NULL; w = w->next)
			if (w->needs_keys && keys != OK)
				put_off(w, keys, &err);
			else if (w->keyed != NULL)
				take_in_keyed(a, w);
			else
				take_in(a, w);
		finish_group(a, group, items);
	}
	return NULL;
}

enum status acceptor_open(
	const struct acceptor_config *config, struct acceptor **ret_acceptor, struct error *err)
{
	struct acceptor *a = calloc(1, sizeof(*a));
	if (a == NULL)
		return error_set(err, E_FULL, "acceptor: out of memory");
	a->config = *config;
	a->tail = &a->head;
	a->accepted = config->accepted_before;
	a->conflicts = config->conflicts_before;
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->filled, NULL);
	if (pthread_create(&a->thread, NULL, run, a) != 0) {
		free(a);
		return error_set(err, E_IO, "acceptor: cannot start a thread");
	}
	pthread_setname_np(a->thread, "acceptor");
	*ret_acceptor = a;
	return OK;
}

void acceptor_close(struct acceptor *a)
{
	if (a == NULL)
		return;
	pthread_mutex_lock(&a->lock);
	a->stopping = true;
	pthread_cond_signal(&a->filled);
	pthread_mutex_unlock(&a->lock);
	pthread_join(a->thread, NULL);
	pthread_mutex_destroy(&a->lock);
	pthread_cond_destroy(&a->filled);
	free(a);
}

enum status acceptor_submit(struct acceptor *a, struct accept_work *work)
{
	uint64_t bytes = work_bytes(work);
	enum status s = OK;
	check((work->count > 0 || work->keyed != NULL) && work->done != NULL);
	check(work->keyed == NULL || (work->compose != NULL && a->config.idempotency != NULL));
	pthread_mutex_lock(&a->lock);
	if (a->stopping) {
		s = E_STOPPED;
	} else if (a->queue_items > 0 &&
		   (a->queue_bytes + bytes > a->config.queue_bytes_max ||
			   a->queue_items + work->count > a->config.queue_items_max)) {
		s = E_FULL;
	} else {
		work->next = NULL;
		*a->tail = work;
		a->tail = &work->next;
		a->queue_bytes += bytes;
		a->queue_items += work->count;
		if (a->sleeping)
			pthread_cond_signal(&a->filled);
	}
	pthread_mutex_unlock(&a->lock);
	return s;
}

struct waiter {
	pthread_mutex_t lock;
	pthread_cond_t ready;
	bool done; /* lock */
};

static void wake(struct accept_work *work)
{
	struct waiter *waiter = work->context;
	pthread_mutex_lock(&waiter->lock);
	waiter->done = true;
	pthread_cond_signal(&waiter->ready);
	pthread_mutex_unlock(&waiter->lock);
}

enum status acceptor_record(struct acceptor *a, uint16_t kind, struct slice payload,
	uint64_t *ret_number, struct error *err)
{
	struct waiter waiter = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false };
	struct accept_item item = { .kind = kind, .payload = payload };
	struct accept_work work = { .items = &item, .count = 1, .done = wake, .context = &waiter };
	enum status s = acceptor_submit(a, &work);
	if (s != OK)
		return error_set(err, s,
			s == E_FULL ? "the journal's queue is full" : "the journal is stopping");
	pthread_mutex_lock(&waiter.lock);
	while (!waiter.done)
		pthread_cond_wait(&waiter.ready, &waiter.lock);
	pthread_mutex_unlock(&waiter.lock);
	if (item.outcome == NOT_ACCEPTED) {
		if (err != NULL)
			*err = work.err;
		return work.err.status;
	}
	*ret_number = item.number;
	return OK;
}

void acceptor_counters(const struct acceptor *a, struct acceptor_counters *ret_counters)
{
	struct acceptor *mutable = (struct acceptor *)a;
	*ret_counters = (struct acceptor_counters){
		.accepted_total = atomic_load(&mutable->accepted),
		.duplicates_total = atomic_load(&mutable->duplicates),
		.conflicts_total = atomic_load(&mutable->conflicts),
		.not_accepted_total = atomic_load(&mutable->not_accepted),
		.groups_total = atomic_load(&mutable->groups),
		.group_items_max = atomic_load(&mutable->group_items_max),
	};
	pthread_mutex_lock(&mutable->lock);
	ret_counters->queue_items = mutable->queue_items;
	pthread_mutex_unlock(&mutable->lock);
}
