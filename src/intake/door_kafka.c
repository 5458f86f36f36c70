#include "intake/door_kafka.h"

#include "base/json.h"
#include "intake/kafka_client.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	POLL_MS = 200,
	RETRY_MS = 1000,
	BATCH_BYTES_MAX = 8 << 20,
	PROBLEMS_BYTES_MAX = 1 << 20,
	PROBLEMS_SHOWN_BYTES = 12 << 10,
	PATH_TEXT_MAX = 512,
};

/* A message of the group that is being made durable. */
struct taken {
	rd_kafka_message_t *message;
	struct buf problems; /* objects with commas between them; empty: all of it was accepted */
};

struct door {
	const struct door_config *config;
	const struct kafka_options *options;
	struct kafka_counters counters;
	struct feed *feed;
	rd_kafka_t *consumer, *producer;
	struct kafka_watch watch;
	bool cut_off; /* a broker failed, and none has answered since */
	struct taken *group;
	uint32_t count;
	pthread_t thread;
	bool running;
	atomic_bool stopping;
};

/* The first ones say enough: they travel in a header of the dead letter. */
static void add_problem(struct taken *taken, const char *where, struct slice problem)
{
	if (taken->problems.len > PROBLEMS_SHOWN_BYTES)
		return;
	json_write_comma(&taken->problems);
	buf_char(&taken->problems, '{');
	json_write_member_text(&taken->problems, "where", where);
	json_write_member_raw(&taken->problems, "problem", problem);
	buf_char(&taken->problems, '}');
}

static void on_problem(
	void *context, void *source, const char *where, struct slice raw, struct slice problem)
{
	(void)context, (void)raw;
	add_problem(source, where, problem);
}

static enum status write_file(int folder, const char *name, struct slice bytes, struct error *err)
{
	int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_errno(err, E_IO, "cannot write %s", name);
	size_t at = 0;
	while (at < bytes.len) {
		ssize_t n = write(fd, bytes.ptr + at, bytes.len - at);
		if (n < 0 && errno != EINTR)
			break;
		at += n > 0 ? (size_t)n : 0;
	}
	enum status s = at == bytes.len && fsync(fd) == 0
				? OK
				: error_errno(err, E_IO, "cannot write %s", name);
	close(fd);
	return s;
}

/* The same message again has the same name, so a repeat changes nothing. */
static enum status keep_file(struct door *door, const struct taken *taken, struct error *err)
{
	char path[PATH_TEXT_MAX], name[PATH_TEXT_MAX], problems[PATH_TEXT_MAX + 16];
	const rd_kafka_message_t *message = taken->message;
	snprintf(path, sizeof(path), "%s/%s.dead", door->config->data, door->config->name);
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return error_errno(err, E_IO, "cannot make %s", path);
	int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return error_errno(err, E_IO, "cannot open %s", path);
	snprintf(name, sizeof(name), "%s-%d-%lld", rd_kafka_topic_name(message->rkt),
		message->partition, (long long)message->offset);
	snprintf(problems, sizeof(problems), "%s.problems.json", name);
	struct buf list;
	enum status s = write_file(folder, name, slice_make(message->payload, message->len), err);
	buf_init(&list, 2 * PROBLEMS_BYTES_MAX);
	buf_format(&list, "[%.*s]\n", (int)taken->problems.len, taken->problems.ptr);
	if (s == OK)
		s = write_file(folder, problems, buf_get(&list), err);
	buf_release(&list);
	if (s == OK && fsync(folder) != 0)
		s = error_errno(err, E_IO, "cannot sync %s", path);
	close(folder);
	return s;
}

/* A dead letter is durable somewhere before its message is committed. */
static enum status keep_dead_letter(struct door *door, struct taken *taken, struct error *err)
{
	struct error why;
	enum status s = E_RETRY;
	if (door->producer != NULL)
		s = kafka_produce(door->producer, door->options, taken->message,
			buf_get(&taken->problems), &why);
	if (s != OK)
		s = keep_file(door, taken, err);
	if (s == OK)
		atomic_fetch_add(&door->counters.dead_letters_total, 1);
	return s;
}

static void note_error(struct door *door, const struct error *why)
{
	atomic_fetch_add(&door->counters.errors_total, 1);
	feed_failed(door->feed, why);
}

static void on_failed(void *context, const struct error *why)
{
	struct door *door = context;
	door->cut_off = true;
	note_error(door, why);
}

/* Commits what stands behind each partition's last message. A commit that fails (after a
 * rebalance, say) only means that the messages come again. */
static void commit(struct door *door)
{
	rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new(4);
	for (uint32_t i = 0; i < door->count; i++) {
		const rd_kafka_message_t *message = door->group[i].message;
		const char *topic = rd_kafka_topic_name(message->rkt);
		rd_kafka_topic_partition_t *part =
			rd_kafka_topic_partition_list_find(offsets, topic, message->partition);
		if (part == NULL)
			part = rd_kafka_topic_partition_list_add(
				offsets, topic, message->partition);
		part->offset = message->offset + 1;
	}
	rd_kafka_resp_err_t failed = rd_kafka_commit(door->consumer, offsets, 0);
	rd_kafka_topic_partition_list_destroy(offsets);
	if (failed == RD_KAFKA_RESP_ERR_NO_ERROR) {
		atomic_fetch_add(&door->counters.commits_total, 1);
		feed_fine(door->feed);
		return;
	}
	struct error why;
	error_set(&why, E_RETRY, "commit: %s", rd_kafka_err2str(failed));
	note_error(door, &why);
}

static void forget_group(struct door *door)
{
	for (uint32_t i = 0; i < door->count; i++) {
		rd_kafka_message_destroy(door->group[i].message);
		buf_reset(&door->group[i].problems);
	}
	door->count = 0;
}

/* Adds one message to the feed; a text that cannot be read at all is a problem of its own. */
static enum status add_message(struct door *door, struct taken *taken, struct error *err)
{
	struct slice text = slice_make(taken->message->payload, taken->message->len);
	struct error why = { OK, "" };
	if (text.ptr == NULL)
		text = slice_of("");
	enum status s = feed_add(door->feed, text, 0, taken, &why);
	if (s != E_INPUT)
		return s == OK ? OK : error_set(err, s, "%s", why.text);
	struct buf problem;
	buf_init(&problem, PROBLEMS_BYTES_MAX);
	problem_begin(&problem, PROBLEM_MALFORMED, why.text);
	buf_char(&problem, '}');
	add_problem(taken, "byte 0", buf_get(&problem));
	buf_release(&problem);
	atomic_fetch_add(&door->counters.feed.refused_total, 1);
	return OK;
}

/* Gathers what is there, at most one batch, and at least one message unless none comes. */
static void gather(struct door *door)
{
	int wait_ms = POLL_MS;
	size_t bytes = 0;
	while (door->count < door->options->batch && bytes < BATCH_BYTES_MAX) {
		rd_kafka_message_t *message = rd_kafka_consumer_poll(door->consumer, wait_ms);
		if (message == NULL)
			return;
		if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
			struct error why;
			error_set(&why, E_RETRY, "%s", rd_kafka_message_errstr(message));
			if (message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
				note_error(door, &why);
			rd_kafka_message_destroy(message);
			continue;
		}
		door->group[door->count++].message = message;
		bytes += message->len;
		wait_ms = 0;
	}
}

static enum status settle_group(struct door *door, struct error *err)
{
	enum status s = OK;
	for (uint32_t i = 0; i < door->count && s == OK; i++)
		s = add_message(door, &door->group[i], err);
	if (s == OK)
		s = feed_settle(door->feed, err);
	for (uint32_t i = 0; i < door->count && s == OK; i++)
		if (door->group[i].problems.len > 0)
			s = keep_dead_letter(door, &door->group[i], err);
	return s;
}

/* A group that cannot be settled now is tried again as it is: nothing is committed before. */
static void *run(void *context)
{
	struct door *door = context;
	while (!atomic_load(&door->stopping)) {
		struct error err = { OK, "" };
		gather(door);
		if (door->cut_off && kafka_answers(door->consumer, POLL_MS)) {
			door->cut_off = false;
			feed_fine(door->feed);
		}
		atomic_store(&door->counters.lag, kafka_lag(door->consumer));
		if (door->count == 0)
			continue;
		while (settle_group(door, &err) != OK) {
			for (uint32_t i = 0; i < door->count; i++)
				buf_reset(&door->group[i].problems);
			if (err.status == E_STOPPED || !feed_wait(door->feed, RETRY_MS)) {
				forget_group(door);
				return NULL;
			}
			note_error(door, &err);
		}
		atomic_fetch_add(&door->counters.messages_total, door->count);
		commit(door);
		forget_group(door);
	}
	return NULL;
}

static void kafka_close(void *context)
{
	struct door *door = context;
	if (door == NULL)
		return;
	if (door->consumer != NULL) {
		rd_kafka_consumer_close(door->consumer);
		rd_kafka_destroy(door->consumer);
	}
	if (door->producer != NULL)
		rd_kafka_destroy(door->producer);
	for (uint64_t i = 0; door->group != NULL && i < door->options->batch; i++)
		buf_release(&door->group[i].problems);
	feed_close(door->feed);
	free(door->group);
	free(door);
}

static enum status open_parts(struct door *door, struct error *err)
{
	struct feed_config feed = {
		.door = door->config,
		.events = { .problem = on_problem, .context = door },
		.counters = &door->counters.feed,
		.batch_records_max = (uint32_t)door->options->batch,
		.batch_bytes_max = BATCH_BYTES_MAX,
	};
	door->watch = (struct kafka_watch){ on_failed, door };
	door->group = calloc(door->options->batch, sizeof(*door->group));
	if (door->group == NULL)
		return error_set(err, E_FULL, "out of memory");
	for (uint64_t i = 0; i < door->options->batch; i++)
		buf_init(&door->group[i].problems, PROBLEMS_BYTES_MAX);
	enum status s = feed_open(&feed, &door->feed, err);
	if (s == OK)
		s = kafka_consumer_open(door->options, &door->watch, &door->consumer, err);
	if (s == OK && door->options->dead_letter_topic != NULL)
		s = kafka_producer_open(door->options, &door->producer, err);
	return s;
}

static enum status kafka_open(const struct door_config *config, void **ret_door, struct error *err)
{
	struct door *door = calloc(1, sizeof(*door));
	if (door == NULL)
		return error_set(err, E_FULL, "out of memory");
	door->config = config;
	door->options = config->options;
	enum status s = open_parts(door, err);
	if (s != OK) {
		kafka_close(door);
		return s;
	}
	*ret_door = door;
	return OK;
}

static enum status kafka_start(void *context, struct error *err)
{
	struct door *door = context;
	errno = pthread_create(&door->thread, NULL, run, door);
	if (errno != 0)
		return error_errno(err, E_IO, "cannot start the thread of the door");
	door->running = true;
	return OK;
}

static void kafka_stop(void *context)
{
	struct door *door = context;
	if (!door->running)
		return;
	atomic_store(&door->stopping, true);
	feed_stop(door->feed);
	pthread_join(door->thread, NULL);
	door->running = false;
}

static void kafka_report(const void *context, struct door_report *ret_report)
{
	const struct door *door = context;
	feed_report(door->feed, ret_report);
	ret_report->errors = atomic_load(&door->counters.errors_total);
	ret_report->lag = atomic_load(&door->counters.lag);
}

const struct kafka_counters *kafka_counters(const void *context)
{
	return &((const struct door *)context)->counters;
}

const struct door_type door_kafka = {
	.name = "kafka",
	.help = "a Kafka topic",
	.options = kafka_option_rows,
	.options_size = sizeof(struct kafka_options),
	.open = kafka_open,
	.close = kafka_close,
	.start = kafka_start,
	.stop = kafka_stop,
	.report = kafka_report,
};
