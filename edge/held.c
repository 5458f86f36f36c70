#include "edge/held.h"

#include "base/json.h"
#include "base/time.h"

#include <pthread.h>
#include <stdlib.h>

enum { LINE_MAX = 4 << 20, ANSWER_MAX = 64 << 10, READ_BYTES = 16 << 10 };

struct held {
	struct disk *disk;
	struct clock *clock;
	pthread_mutex_t lock;
	uint64_t count;   /* lock: whole lines */
	uint64_t end;     /* lock: bytes of the file */
	bool broken_line; /* lock: the file does not end with a line end */
};

/* Calls for every whole line that is not empty, until one says false. */
static enum status each_line(struct held *held,
	bool (*each)(void *context, uint64_t from, uint64_t to), void *context, struct error *err)
{
	char bytes[READ_BYTES];
	struct disk_file *file = NULL;
	uint64_t at = 0, from = 0;
	bool more = true;
	size_t len = 0;
	enum status s = held->disk->ops->open(held->disk, HELD_FILE, false, &file, err);
	held->end = 0;
	held->broken_line = false;
	if (s == E_INPUT)
		return OK;
	while (s == OK && more) {
		s = file->ops->read(file, bytes, sizeof(bytes), at, &len, err);
		if (s != OK || len == 0)
			break;
		for (size_t i = 0; i < len && more; i++)
			if (bytes[i] == '\n') {
				more = at + i == from || each(context, from, at + i);
				from = at + i + 1;
			}
		at += len;
	}
	held->end = at;
	held->broken_line = from != at;
	if (file != NULL)
		file->ops->close(file);
	return s;
}

static bool count_line(void *context, uint64_t from, uint64_t to)
{
	(void)from, (void)to;
	++*(uint64_t *)context;
	return true;
}

enum status held_open(
	struct disk *disk, struct clock *clock, struct held **ret_held, struct error *err)
{
	struct held *held = calloc(1, sizeof(*held));
	if (held == NULL)
		return error_set(err, E_FULL, "out of memory");
	held->disk = disk;
	held->clock = clock;
	pthread_mutex_init(&held->lock, NULL);
	enum status s = each_line(held, count_line, &held->count, err);
	if (s != OK) {
		held_close(held);
		return s;
	}
	*ret_held = held;
	return OK;
}

void held_close(struct held *held)
{
	if (held == NULL)
		return;
	pthread_mutex_destroy(&held->lock);
	free(held);
}

static bool is_json(struct slice text)
{
	struct arena arena;
	struct json json;
	arena_init(&arena, 1 << 20);
	json_init(&json, text, &arena);
	bool good = text.len > 0 && json_skip(&json, NULL) && json_end(&json);
	arena_release(&arena);
	return good;
}

static void write_line(struct held *held, unsigned status, struct slice answer,
	struct slice document, struct buf *buf)
{
	char time[TIME_TEXT_MAX];
	timestamp_print_utc(held->clock->wall_ms(held->clock), time);
	if (answer.len > ANSWER_MAX)
		answer.len = ANSWER_MAX;
	/* What the power has left of an earlier line stays a line of its own. */
	if (held->broken_line)
		buf_char(buf, '\n');
	buf_char(buf, '{');
	json_write_member_text(buf, "held_at", time);
	json_write_member_u64(buf, "status", status);
	json_write_name(buf, "answer");
	if (is_json(answer))
		json_minify(buf, answer);
	else
		json_write_string(buf, answer);
	json_write_member_raw(buf, "document", document);
	buf_text(buf, "}\n");
}

static enum status append(struct held *held, struct slice bytes, struct error *err)
{
	struct disk *disk = held->disk;
	struct disk_file *file = NULL;
	bool made = false;
	enum status s = disk->ops->open(disk, HELD_FILE, false, &file, err);
	if (s == E_INPUT) {
		s = disk->ops->open(disk, HELD_FILE, true, &file, err);
		made = s == OK;
		held->end = 0;
	}
	if (s == OK)
		s = file->ops->write(file, bytes.ptr, bytes.len, held->end, err);
	if (s == OK)
		s = file->ops->sync(file, err);
	if (s == OK && made)
		s = disk->ops->sync_names(disk, err);
	if (file != NULL)
		file->ops->close(file);
	return s;
}

enum status held_add(struct held *held, unsigned status, struct slice answer, struct slice document,
	struct error *err)
{
	struct buf buf;
	buf_init(&buf, LINE_MAX);
	pthread_mutex_lock(&held->lock);
	write_line(held, status, answer, document, &buf);
	enum status s = buf.failed ? error_set(err, E_FULL, "out of memory")
				   : append(held, buf_get(&buf), err);
	if (s == OK) {
		held->count++;
		held->end += buf.len;
		held->broken_line = false;
	}
	pthread_mutex_unlock(&held->lock);
	buf_release(&buf);
	return s;
}

uint64_t held_count(struct held *held)
{
	pthread_mutex_lock(&held->lock);
	uint64_t count = held->count;
	pthread_mutex_unlock(&held->lock);
	return count;
}

struct wanted {
	uint64_t index, from, to;
	bool found;
};

static bool find_line(void *context, uint64_t from, uint64_t to)
{
	struct wanted *wanted = context;
	if (wanted->index-- > 0)
		return true;
	*wanted = (struct wanted){ .from = from, .to = to, .found = true };
	return false;
}

enum status held_read(struct held *held, uint64_t index, struct buf *buf, struct error *err)
{
	struct wanted wanted = { .index = index };
	struct disk_file *file = NULL;
	buf_reset(buf);
	pthread_mutex_lock(&held->lock);
	uint64_t end = held->end;
	bool broken = held->broken_line;
	enum status s = each_line(held, find_line, &wanted, err);
	held->end = end;
	held->broken_line = broken;
	if (s == OK && !wanted.found)
		s = E_RETRY;
	if (s == OK)
		s = held->disk->ops->open(held->disk, HELD_FILE, false, &file, err);
	char *at = s == OK ? buf_reserve(buf, (size_t)(wanted.to - wanted.from)) : NULL;
	if (s == OK && at == NULL)
		s = error_set(err, E_FULL, "out of memory");
	if (s == OK)
		s = file->ops->read(
			file, at, (size_t)(wanted.to - wanted.from), wanted.from, &buf->len, err);
	if (file != NULL)
		file->ops->close(file);
	pthread_mutex_unlock(&held->lock);
	return s;
}
