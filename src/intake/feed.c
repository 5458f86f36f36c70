#include "intake/feed.h"

#include "base/json.h"
#include "intake/mapper.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
	TREE_BYTES_MAX = 64 << 20,
	PROBLEM_BYTES_MAX = 64 << 10,
	WAIT_FIRST_MS = 50,
	WAIT_LAST_MS = 2000,
};

/* Where a line of the batch comes from. */
struct feed_line {
	struct slice text, raw;
	void *source;
};

struct feed {
	struct feed_config config;
	struct arena tree; /* of the record */
	struct mapper mapper;
	struct buf answer;
	struct batch *batch;
	size_t batch_bytes; /* of its records, raw and mapped */
	struct feed_line *lines;
	struct slice text; /* that is being read */
	void *source;
	size_t from;
	size_t end;           /* behind the last record that was read */
	const char *counting; /* the text whose lines are counted */
	size_t counted;       /* up to here */
	uint64_t line;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool stopping;                   /* lock */
	bool durable;                    /* lock */
	bool retrying;                   /* lock */
	char last_error[ERROR_TEXT_MAX]; /* lock */
	int64_t last_error_ms;           /* lock */
};

enum status feed_open(const struct feed_config *config, struct feed **ret_feed, struct error *err)
{
	struct feed *feed = calloc(1, sizeof(*feed));
	pthread_condattr_t monotonic;
	if (feed == NULL)
		return error_set(err, E_FULL, "feed: out of memory");
	feed->config = *config;
	feed->lines = calloc(config->batch_records_max, sizeof(*feed->lines));
	arena_init(&feed->tree, TREE_BYTES_MAX);
	mapper_init(&feed->mapper, config->door);
	buf_init(&feed->answer, PROBLEM_BYTES_MAX);
	pthread_mutex_init(&feed->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&feed->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	if (feed->lines == NULL) {
		feed_close(feed);
		return error_set(err, E_FULL, "feed: out of memory");
	}
	*ret_feed = feed;
	return OK;
}

void feed_close(struct feed *feed)
{
	if (feed == NULL)
		return;
	if (feed->batch != NULL)
		batch_give_back(feed->batch);
	arena_release(&feed->tree);
	mapper_release(&feed->mapper);
	buf_release(&feed->answer);
	pthread_mutex_destroy(&feed->lock);
	pthread_cond_destroy(&feed->changed);
	free(feed->lines);
	free(feed);
}

void feed_stop(struct feed *feed)
{
	pthread_mutex_lock(&feed->lock);
	feed->stopping = true;
	pthread_cond_broadcast(&feed->changed);
	pthread_mutex_unlock(&feed->lock);
}

bool feed_wait(struct feed *feed, unsigned ms)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&feed->lock);
	while (!feed->stopping &&
		pthread_cond_timedwait(&feed->changed, &feed->lock, &until) != ETIMEDOUT)
		;
	bool stopping = feed->stopping;
	pthread_mutex_unlock(&feed->lock);
	return !stopping;
}

void feed_failed(struct feed *feed, const struct error *why)
{
	struct clock *clock = feed->config.door->clock;
	int64_t now = clock->wall_ms(clock);
	pthread_mutex_lock(&feed->lock);
	feed->retrying = true;
	memcpy(feed->last_error, why->text, sizeof(feed->last_error));
	feed->last_error_ms = now;
	pthread_mutex_unlock(&feed->lock);
}

void feed_fine(struct feed *feed)
{
	pthread_mutex_lock(&feed->lock);
	feed->retrying = false;
	pthread_mutex_unlock(&feed->lock);
}

void feed_report(struct feed *feed, struct door_report *ret_report)
{
	const struct feed_counters *counters = feed->config.counters;
	*ret_report = (struct door_report){
		.records = atomic_load(&counters->records_total),
		.accepted = atomic_load(&counters->accepted_total),
		.duplicates = atomic_load(&counters->duplicates_total),
		.refused = atomic_load(&counters->refused_total),
		.skipped = atomic_load(&counters->skipped_total),
	};
	pthread_mutex_lock(&feed->lock);
	ret_report->retrying = feed->retrying;
	memcpy(ret_report->last_error, feed->last_error, sizeof(ret_report->last_error));
	ret_report->last_error_ms = feed->last_error_ms;
	pthread_mutex_unlock(&feed->lock);
}

static enum status stopped(struct error *err)
{
	return error_set(err, E_STOPPED, "the door is closing");
}

static void batch_done(void *context)
{
	struct feed *feed = context;
	pthread_mutex_lock(&feed->lock);
	feed->durable = true;
	pthread_cond_broadcast(&feed->changed);
	pthread_mutex_unlock(&feed->lock);
}

/* Problems are reported in the order of the text, so each line is counted once. */
static void place(struct feed *feed, const struct feed_line *line, char *where, size_t size)
{
	size_t offset = (size_t)(line->raw.ptr - line->text.ptr);
	if (feed->counting != line->text.ptr || feed->counted > offset) {
		feed->counting = line->text.ptr;
		feed->counted = 0;
		feed->line = 1;
	}
	while (feed->counted < offset) {
		const char *at =
			memchr(line->text.ptr + feed->counted, '\n', offset - feed->counted);
		if (at == NULL)
			break;
		feed->line++;
		feed->counted = (size_t)(at - line->text.ptr) + 1;
	}
	snprintf(where, size, "line %llu, byte %zu", (unsigned long long)feed->line, offset);
}

static void report_line(struct feed *feed, const struct feed_line *line)
{
	char where[64];
	place(feed, line, where, sizeof(where));
	feed->config.events.problem(feed->config.events.context, line->source, where, line->raw,
		buf_get(&feed->answer));
}

/* True when a line has to be sent again: the disk was full, or there was no room. */
static bool must_repeat(struct feed *feed, bool *ret_stopping)
{
	bool repeat = false;
	for (uint32_t i = 0; i < batch_count(feed->batch); i++) {
		buf_reset(&feed->answer);
		struct batch_outcome outcome = batch_answer(feed->batch, i, true, &feed->answer);
		if (outcome.status < 500)
			continue;
		repeat |=
			outcome.problem == PROBLEM_BUSY || outcome.problem == PROBLEM_STORAGE_FULL;
		*ret_stopping |= outcome.problem == PROBLEM_STOPPING;
	}
	return repeat;
}

static void count_lines(struct feed *feed)
{
	struct feed_counters *counters = feed->config.counters;
	for (uint32_t i = 0; i < batch_count(feed->batch); i++) {
		buf_reset(&feed->answer);
		unsigned status = batch_answer(feed->batch, i, true, &feed->answer).status;
		if (status == 201)
			atomic_fetch_add(&counters->accepted_total, 1);
		else if (status == 200)
			atomic_fetch_add(&counters->duplicates_total, 1);
		else
			atomic_fetch_add(&counters->refused_total, 1);
		if (status >= 400)
			report_line(feed, &feed->lines[i]);
	}
}

/* Once handed over, the batch is the acceptor's until it is done, whoever wants to stop. */
static enum status submit(struct feed *feed)
{
	feed->durable = false;
	enum status s = batch_submit(feed->batch, batch_done, feed);
	if (s != OK)
		return s;
	pthread_mutex_lock(&feed->lock);
	while (!feed->durable)
		pthread_cond_wait(&feed->changed, &feed->lock);
	pthread_mutex_unlock(&feed->lock);
	bool stopping = false;
	bool repeat = must_repeat(feed, &stopping);
	return stopping ? E_STOPPED : repeat ? E_FULL : OK;
}

static void forget(struct feed *feed)
{
	if (feed->batch != NULL)
		batch_give_back(feed->batch);
	feed->batch = NULL;
	feed->batch_bytes = 0;
}

/* A line that was refused before it was handed over, for a reason that passes: what it was is not
 * in the batch, so it has to be read again. */
static bool must_read_again(struct feed *feed)
{
	for (uint32_t i = 0; i < batch_count(feed->batch); i++)
		if (batch_put_off(feed->batch, i))
			return true;
	return false;
}

/* Submits until there was room for it. */
static enum status submit_patiently(struct feed *feed, struct error *err)
{
	unsigned wait_ms = WAIT_FIRST_MS;
	enum status s;
	if (batch_overflowed(feed->batch))
		return error_set(err, E_FULL, "out of memory");
	if (must_read_again(feed))
		return error_set(err, E_RETRY,
			"a customer's key cannot be made or read now; what came is read again");
	while ((s = submit(feed)) == E_FULL) {
		struct error why;
		error_set(&why, E_FULL, "the journal's queue or its disk is full; waiting");
		feed_failed(feed, &why);
		atomic_fetch_add(&feed->config.counters->waits_total, 1);
		if (!feed_wait(feed, wait_ms))
			return stopped(err);
		wait_ms = wait_ms * 2 < WAIT_LAST_MS ? wait_ms * 2 : WAIT_LAST_MS;
	}
	feed_fine(feed);
	return s == OK ? OK : stopped(err);
}

enum status feed_settle(struct feed *feed, struct error *err)
{
	if (feed->batch == NULL)
		return OK;
	enum status s = submit_patiently(feed, err);
	if (s == OK)
		count_lines(feed);
	forget(feed);
	if (s == OK && feed->config.events.settled != NULL)
		feed->config.events.settled(feed->config.events.context, feed->end);
	return s;
}

/* Adds a line for the record. */
static enum status add_line(struct feed *feed, struct value *record, enum mapping_verdict verdict,
	struct slice raw, const struct findings *findings)
{
	feed->lines[batch_count(feed->batch)] = (struct feed_line){ feed->text, raw, feed->source };
	feed->batch_bytes += raw.len + feed->mapper.document.len;
	return mapper_add(&feed->mapper, record, verdict, raw, findings, feed->batch);
}

static bool batch_full(const struct feed *feed)
{
	return batch_count(feed->batch) >= feed->config.batch_records_max ||
	       feed->batch_bytes + batch_text_bytes(feed->batch) >= feed->config.batch_bytes_max;
}

static bool is_stopping(struct feed *feed)
{
	pthread_mutex_lock(&feed->lock);
	bool stopping = feed->stopping;
	pthread_mutex_unlock(&feed->lock);
	return stopping;
}

static enum status feed_take(
	void *context, struct value *record, struct slice raw, struct error *err)
{
	struct feed *feed = context;
	struct findings findings = { .count = 0 };
	size_t offset = (size_t)(raw.ptr - feed->text.ptr);
	if (is_stopping(feed))
		return stopped(err);
	if (offset < feed->from)
		return OK;
	atomic_fetch_add(&feed->config.counters->records_total, 1);
	enum mapping_verdict verdict =
		mapper_map(&feed->mapper, record, raw, slice_make(NULL, 0), &findings);
	if (verdict == SKIPPED)
		atomic_fetch_add(&feed->config.counters->skipped_total, 1);
	if (verdict != SKIPPED) {
		if (feed->batch == NULL)
			feed->batch = batch_take(feed->config.door->admission);
		if (feed->batch == NULL || add_line(feed, record, verdict, raw, &findings) != OK)
			return error_set(err, E_FULL, "out of memory");
	}
	feed->end = offset + raw.len;
	return feed->batch != NULL && batch_full(feed) ? feed_settle(feed, err) : OK;
}

/* What is no record is reported behind the records before it. */
static enum status feed_bad(void *context, const char *where, const struct error *why,
	struct slice raw, struct error *err)
{
	struct feed *feed = context;
	size_t offset = (size_t)(raw.ptr - feed->text.ptr);
	if (is_stopping(feed))
		return stopped(err);
	if (offset < feed->from)
		return OK;
	enum status s = feed_settle(feed, err);
	if (s != OK)
		return s;
	atomic_fetch_add(&feed->config.counters->records_total, 1);
	atomic_fetch_add(&feed->config.counters->refused_total, 1);
	feed->end = offset + raw.len;
	buf_reset(&feed->answer);
	problem_begin(&feed->answer, PROBLEM_MALFORMED, why->text);
	buf_char(&feed->answer, '}');
	feed->config.events.problem(
		feed->config.events.context, feed->source, where, raw, buf_get(&feed->answer));
	if (feed->config.events.settled != NULL)
		feed->config.events.settled(feed->config.events.context, feed->end);
	return OK;
}

enum status feed_add(
	struct feed *feed, struct slice text, size_t from, void *source, struct error *err)
{
	const struct door_config *door = feed->config.door;
	struct format_options options = mapper_format_options(door);
	struct record_sink sink = { feed_take, feed_bad, feed };
	feed->text = text;
	feed->source = source;
	feed->from = from;
	feed->end = from;
	feed->counting = NULL;
	enum status s = mapper_format(door)->read(text, &options, &feed->tree, &sink, err);
	if (s != OK && s != E_INPUT)
		forget(feed);
	return s;
}
