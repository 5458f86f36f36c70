#include "books/gap_watch.h"

#include "books/gap.h"
#include "store/store.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum {
	DAYS_MAX = 200, /* of registers, in one look; the others have the next one */
	EVENT_BYTES_MAX = 64 << 10,
	ARENA_BYTES_MAX = 1 << 20,
};

struct gap_watch {
	struct gap_watch_config config;
	struct store *store;
	struct statement *days, *received, *before, *applied;
	struct arena arena;
	struct buf payload;
	uint64_t last_event; /* that was written here */
	/* Where the next look goes on: a register's day that waits must not hide the others. */
	struct key place;
	char place_store[ID_TEXT_MAX + 1], place_register[ID_TEXT_MAX + 1];
	pthread_t thread;
	bool started;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool stopping; /* lock */
};

/* A register's business date of which numbers are missing that no exception names yet. */
struct day {
	struct key key;
	uint64_t noted, first, missing_before;
};

static enum status prepare(struct gap_watch *w, struct error *err)
{
	enum status s = store_open(w->config.state_path, STORE_READ, &w->store, err);
	if (s == OK)
		s = store_prepare(w->store,
			"SELECT store, business_date, register, noted, first_sequence,"
			" missing_before FROM register_day WHERE"
			" last_sequence - first_sequence + 1 - transactions + missing_before > "
			"noted"
			" AND sparse = 0 AND (business_date, store, register) > ($1, $2, $3)"
			" ORDER BY business_date, store, register LIMIT $4",
			&w->days, err);
	if (s == OK)
		s = store_prepare(w->store,
			"SELECT sequence, min(recorded_ms) FROM document WHERE store = $1"
			" AND business_date = $2 AND register = $3 GROUP BY sequence"
			" ORDER BY sequence DESC",
			&w->received, err);
	if (s == OK)
		s = store_prepare(w->store,
			"SELECT min(recorded_ms) FROM document WHERE store = $1"
			" AND business_date = (SELECT max(business_date) FROM register_date"
			" WHERE store = $1 AND business_date < $2 AND register = $3)"
			" AND register = $3 AND sequence = $4",
			&w->before, err);
	if (s == OK)
		s = store_prepare(w->store, "SELECT min(event) FROM checkpoint", &w->applied, err);
	return s;
}

/* The state must know what was written here before, or it would be written again. */
static enum status knows_the_last(struct gap_watch *w, bool *ret_knows, struct error *err)
{
	bool row = false;
	enum status s = statement_step(w->applied, &row, err);
	*ret_knows = s == OK && row && (uint64_t)statement_int(w->applied, 0) >= w->last_event;
	statement_reset(w->applied);
	return s;
}

static bool copy_key(struct gap_watch *w, struct day *day)
{
	day->key.store = arena_copy(&w->arena, statement_text(w->days, 0));
	day->key.business_date = (date_t)statement_int(w->days, 1);
	day->key.reg = arena_copy(&w->arena, statement_text(w->days, 2));
	day->noted = (uint64_t)statement_int(w->days, 3);
	day->first = (uint64_t)statement_int(w->days, 4);
	day->missing_before = (uint64_t)statement_int(w->days, 5);
	return day->key.store.ptr != NULL && day->key.reg.ptr != NULL;
}

static void remember_place(struct gap_watch *w, const struct key *key)
{
	w->place.business_date = key->business_date;
	w->place.store = slice_make(w->place_store, key->store.len);
	w->place.reg = slice_make(w->place_register, key->reg.len);
	memcpy(w->place_store, key->store.ptr, key->store.len);
	memcpy(w->place_register, key->reg.ptr, key->reg.len);
}

static enum status find_days(struct gap_watch *w, struct day days[static DAYS_MAX],
	unsigned *ret_count, struct error *err)
{
	bool row = true;
	enum status s = OK;
	*ret_count = 0;
	statement_bind_int(w->days, 1, w->place.business_date);
	statement_bind_text(w->days, 2, w->place.store);
	statement_bind_text(w->days, 3, w->place.reg);
	statement_bind_int(w->days, 4, DAYS_MAX);
	while (s == OK && (s = statement_step(w->days, &row, err)) == OK && row)
		if (copy_key(w, &days[*ret_count]))
			(*ret_count)++;
	statement_reset(w->days);
	if (s == OK && *ret_count == DAYS_MAX)
		remember_place(w, &days[DAYS_MAX - 1].key);
	else
		w->place = (struct key){ .store = slice_of(""), .reg = slice_of("") };
	return s;
}

/* Numbers between this date and the register's date before are missing since both were known: since
 * the first of this one and the last of that one were received. */
static enum status find_before(struct gap_watch *w, const struct day *day, int64_t since_ms,
	int64_t since_max_ms, struct gap *gap, struct error *err)
{
	bool row = false;
	if (day->missing_before == 0 || day->missing_before >= day->first ||
		!w->config.across_dates(w->config.context, day->key.store) ||
		since_ms > since_max_ms || gap->count == GAP_RANGES_MAX)
		return OK;
	uint64_t first = day->first - day->missing_before;
	statement_bind_text(w->before, 1, day->key.store);
	statement_bind_int(w->before, 2, day->key.business_date);
	statement_bind_text(w->before, 3, day->key.reg);
	statement_bind_int(w->before, 4, (int64_t)first - 1);
	enum status s = statement_step(w->before, &row, err);
	if (s == OK && row && !statement_is_null(w->before, 0) &&
		statement_int(w->before, 0) <= since_max_ms)
		gap->ranges[gap->count++] = (struct gap_range){ first, day->first - 1 };
	statement_reset(w->before);
	return s;
}

/* Goes down from the highest number: a number below is missing since the first of those above it
 * was received. */
static enum status find_overdue(struct gap_watch *w, const struct day *day, int64_t since_max_ms,
	struct gap *gap, struct error *err)
{
	uint64_t above = 0;
	int64_t since_ms = INT64_MAX;
	bool row = true;
	enum status s = OK;
	*gap = (struct gap){ .store = day->key.store,
		.reg = day->key.reg,
		.business_date = day->key.business_date };
	statement_bind_text(w->received, 1, day->key.store);
	statement_bind_int(w->received, 2, day->key.business_date);
	statement_bind_text(w->received, 3, day->key.reg);
	while (s == OK && (s = statement_step(w->received, &row, err)) == OK && row) {
		uint64_t here = (uint64_t)statement_int(w->received, 0);
		int64_t recorded_ms = statement_int(w->received, 1);
		if (above > here + 1 && since_ms <= since_max_ms && gap->count < GAP_RANGES_MAX)
			gap->ranges[gap->count++] = (struct gap_range){ here + 1, above - 1 };
		if (recorded_ms < since_ms)
			since_ms = recorded_ms;
		above = here;
	}
	statement_reset(w->received);
	if (s == OK && above == day->first)
		s = find_before(w, day, since_ms, since_max_ms, gap, err);
	for (uint32_t i = 0; i < gap->count / 2; i++) {
		struct gap_range range = gap->ranges[i];
		gap->ranges[i] = gap->ranges[gap->count - 1 - i];
		gap->ranges[gap->count - 1 - i] = range;
	}
	return s;
}

static enum status look_at(struct gap_watch *w, const struct day *day, struct error *err)
{
	struct gap gap;
	uint64_t allowed_ms = w->config.allowed_ms(w->config.context, day->key.store);
	if (allowed_ms == 0)
		return OK;
	int64_t now_ms = w->config.clock->wall_ms(w->config.clock);
	enum status s = find_overdue(w, day, now_ms - (int64_t)allowed_ms, &gap, err);
	if (s != OK || gap_numbers(&gap) <= day->noted)
		return s;
	buf_reset(&w->payload);
	gap_encode(&gap, &w->payload);
	return acceptor_record(
		w->config.acceptor, EVENT_GAP, buf_get(&w->payload), &w->last_event, err);
}

/* What cannot be read or written now is looked at again the next time. */
static void look(struct gap_watch *w)
{
	struct day days[DAYS_MAX];
	struct error err;
	unsigned count = 0;
	bool knows = false;
	arena_reset(&w->arena);
	enum status s = knows_the_last(w, &knows, &err);
	if (s == OK && knows)
		s = find_days(w, days, &count, &err);
	for (unsigned i = 0; i < count && s == OK; i++)
		s = look_at(w, &days[i], &err);
}

static bool wait_for_next(struct gap_watch *w)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)(w->config.interval_ms / 1000);
	until.tv_nsec += (long)(w->config.interval_ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	int late = 0;
	pthread_mutex_lock(&w->lock);
	while (!w->stopping && late == 0)
		late = pthread_cond_timedwait(&w->changed, &w->lock, &until);
	bool go_on = !w->stopping;
	pthread_mutex_unlock(&w->lock);
	return go_on;
}

static void *run(void *argument)
{
	struct gap_watch *w = argument;
	while (wait_for_next(w))
		look(w);
	return NULL;
}

enum status gap_watch_open(
	const struct gap_watch_config *config, struct gap_watch **ret_watch, struct error *err)
{
	pthread_condattr_t attributes;
	struct gap_watch *w = calloc(1, sizeof(*w));
	if (w == NULL)
		return error_set(err, E_FULL, "out of memory");
	w->config = *config;
	w->place = (struct key){ .store = slice_of(""), .reg = slice_of("") };
	arena_init(&w->arena, ARENA_BYTES_MAX);
	buf_init(&w->payload, EVENT_BYTES_MAX);
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&w->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	enum status s = prepare(w, err);
	if (s == OK && pthread_create(&w->thread, NULL, run, w) != 0)
		s = error_set(err, E_IO, "the watch for gaps: cannot start a thread");
	if (s != OK) {
		gap_watch_close(w);
		return s;
	}
	pthread_setname_np(w->thread, "gaps");
	w->started = true;
	*ret_watch = w;
	return OK;
}

void gap_watch_close(struct gap_watch *w)
{
	if (w == NULL)
		return;
	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
	if (w->started)
		pthread_join(w->thread, NULL);
	statement_close(w->days);
	statement_close(w->received);
	statement_close(w->before);
	statement_close(w->applied);
	store_close(w->store);
	arena_release(&w->arena);
	buf_release(&w->payload);
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->changed);
	free(w);
}
