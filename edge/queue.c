#include "edge/queue.h"

#include "edge/queue_internal.h"

#include <stdlib.h>

enum { SCRATCH_MAX = 80 << 20, SCRATCH_KEPT = 256 << 10 };

enum status segment_add(struct queue_segment *segment, struct error *err)
{
	if (segment->count / 8 >= segment->done_size) {
		size_t size = segment->done_size == 0 ? 64 : segment->done_size * 2;
		uint8_t *done = realloc(segment->done, size);
		if (done == NULL)
			return error_set(err, E_FULL, "queue: out of memory");
		memset(done + segment->done_size, 0, size - segment->done_size);
		segment->done = done;
		segment->done_size = size;
	}
	uint64_t bit = segment->count++;
	segment->done[bit / 8] &= (uint8_t) ~(1U << (bit % 8));
	segment->undone++;
	return OK;
}

struct queue_segment *queue_find(struct queue *queue, uint64_t number)
{
	size_t low = 0, high = queue->segment_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct queue_segment *segment = &queue->segments[middle];
		if (segment->first_number + segment->count <= number)
			low = middle + 1;
		else
			high = middle;
	}
	return low < queue->segment_count ? &queue->segments[low] : NULL;
}

void queue_mark(struct queue *queue, struct queue_range range)
{
	uint64_t end = range.first + range.count;
	if (end < range.first)
		return;
	for (size_t i = 0; i < queue->segment_count; i++) {
		struct queue_segment *segment = &queue->segments[i];
		uint64_t from =
			range.first > segment->first_number ? range.first : segment->first_number;
		uint64_t to = end < segment->first_number + segment->count
				      ? end
				      : segment->first_number + segment->count;
		for (uint64_t n = from; n < to; n++) {
			uint64_t bit = n - segment->first_number;
			if (segment_is_done(segment, n))
				continue;
			segment->done[bit / 8] |= (uint8_t)(1U << (bit % 8));
			segment->undone--;
		}
	}
}

static uint64_t waiting(const struct queue *queue)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < queue->segment_count; i++)
		sum += queue->segments[i].undone;
	return sum;
}

static void trim_scratch(struct queue *queue)
{
	if (queue->scratch.size > SCRATCH_KEPT)
		buf_release(&queue->scratch);
}

static void close_cursor(struct queue *queue)
{
	if (queue->cursor.file != NULL)
		queue->cursor.file->ops->close(queue->cursor.file);
	queue->cursor = (struct queue_cursor){ 0 };
}

enum status queue_open(
	const struct queue_config *config, struct queue **ret_queue, struct error *err)
{
	struct queue *queue = calloc(1, sizeof(*queue));
	if (queue == NULL)
		return error_set(err, E_FULL, "queue: out of memory");
	queue->config = *config;
	queue->next_number = 1;
	pthread_mutex_init(&queue->lock, NULL);
	buf_init(&queue->scratch, SCRATCH_MAX);
	enum status s = queue_recover(queue, err);
	trim_scratch(queue);
	if (s != OK) {
		queue_close(queue);
		return s;
	}
	*ret_queue = queue;
	return OK;
}

void queue_close(struct queue *queue)
{
	if (queue == NULL)
		return;
	close_cursor(queue);
	if (queue->file != NULL)
		queue->file->ops->close(queue->file);
	for (size_t i = 0; i < queue->segment_count; i++)
		free(queue->segments[i].done);
	free(queue->segments);
	buf_release(&queue->scratch);
	pthread_mutex_destroy(&queue->lock);
	free(queue);
}

/* Removes the oldest segments while nothing in them is needed any more. A failure leaves a segment
 * that is repeated to the centre at worst. */
static void prune(struct queue *queue)
{
	struct disk *disk = queue->config.disk;
	while (queue->segment_count > 1 && queue->segments[0].undone == 0) {
		char name[QUEUE_NAME_LEN + 7];
		queue_name(queue->segments[0].index, name);
		if (queue->cursor.index == queue->segments[0].index)
			close_cursor(queue);
		if (disk->ops->remove(disk, name, NULL) != OK)
			return;
		(void)disk->ops->sync_names(disk, NULL);
		queue->bytes -= queue->segments[0].size;
		free(queue->segments[0].done);
		queue->segment_count--;
		memmove(queue->segments, queue->segments + 1,
			queue->segment_count * sizeof(*queue->segments));
	}
}

static void seal_last(struct queue *queue)
{
	if (queue->file != NULL)
		queue->file->ops->close(queue->file);
	queue->file = NULL;
	if (queue->segment_count > 0)
		queue->segments[queue->segment_count - 1].sealed = true;
}

static enum status write_new(
	struct queue *queue, const char *name, const struct queue_header *header, struct error *err)
{
	struct disk *disk = queue->config.disk;
	struct disk_file *file = NULL;
	char temporary[QUEUE_NAME_LEN + 16];
	snprintf(temporary, sizeof(temporary), "%s.new", name);
	(void)disk->ops->remove(disk, temporary, NULL);
	enum status s = disk->ops->open(disk, temporary, true, &file, err);
	if (s != OK)
		return s;
	s = file->ops->allocate(file, header->size, err);
	if (s == OK)
		s = file->ops->write(file, header, sizeof(*header), 0, err);
	if (s == OK)
		s = file->ops->sync(file, err);
	if (s == OK)
		s = disk->ops->rename(disk, temporary, name, err);
	if (s == OK)
		s = disk->ops->sync_names(disk, err);
	if (s == OK) {
		queue->file = file;
		return OK;
	}
	file->ops->close(file);
	(void)disk->ops->remove(disk, temporary, NULL);
	return s;
}

/* Makes the next segment, with room for a record of `record_bytes`. */
static enum status begin_segment(struct queue *queue, uint64_t record_bytes, struct error *err)
{
	uint64_t size = QUEUE_HEADER_BYTES + record_bytes;
	char name[QUEUE_NAME_LEN + 7];
	if (size < queue->config.segment_bytes)
		size = queue->config.segment_bytes;
	prune(queue);
	if (queue->bytes + size > queue->config.bytes_max)
		return error_set(err, E_FULL,
			"the queue is full: its %llu bytes are the limit of %llu",
			(unsigned long long)queue->bytes,
			(unsigned long long)queue->config.bytes_max);
	struct queue_segment next = {
		.index = queue->segment_count == 0
				 ? 1
				 : queue->segments[queue->segment_count - 1].index + 1,
		.size = size,
		.end = QUEUE_HEADER_BYTES,
		.first_number = queue->next_number,
		.last_sequence = queue->last_sequence,
	};
	struct queue_header header = { .index = next.index,
		.first_number = next.first_number,
		.last_sequence = next.last_sequence,
		.size = size,
		.created_ms = queue->config.clock->wall_ms(queue->config.clock) };
	if (queue->segment_count == queue->segment_size) {
		size_t count = queue->segment_size == 0 ? 16 : queue->segment_size * 2;
		void *segments = realloc(queue->segments, count * sizeof(next));
		if (segments == NULL)
			return error_set(err, E_FULL, "queue: out of memory");
		queue->segments = segments;
		queue->segment_size = count;
	}
	queue_header_finish(&header);
	queue_name(next.index, name);
	struct disk_file *before = queue->file;
	enum status s = write_new(queue, name, &header, err);
	if (s != OK)
		return s;
	if (before != NULL)
		before->ops->close(before);
	if (queue->segment_count > 0)
		queue->segments[queue->segment_count - 1].sealed = true;
	queue->segments[queue->segment_count++] = next;
	queue->bytes += size;
	return OK;
}

static struct queue_segment *last_segment(struct queue *queue)
{
	return &queue->segments[queue->segment_count - 1];
}

static bool fits(struct queue *queue, uint64_t bytes)
{
	return queue->file != NULL && last_segment(queue)->size - last_segment(queue)->end >= bytes;
}

static enum status check_count(struct queue *queue, struct error *err)
{
	uint64_t count = waiting(queue);
	if (count < queue->config.count_max)
		return OK;
	return error_set(err, E_FULL,
		"the queue is full: %llu transactions wait for the centre, the limit is %llu",
		(unsigned long long)count, (unsigned long long)queue->config.count_max);
}

enum status queue_room(struct queue *queue, struct error *err)
{
	pthread_mutex_lock(&queue->lock);
	enum status s = check_count(queue, err);
	if (s == OK && !fits(queue, QUEUE_RECORD_BYTES + QUEUE_ROOM_BYTES))
		s = begin_segment(queue, QUEUE_RECORD_BYTES + QUEUE_ROOM_BYTES, err);
	pthread_mutex_unlock(&queue->lock);
	return s;
}

/* One record at the end of the last segment. */
static enum status put(struct queue *queue, struct queue_record fields, struct slice payload,
	bool sync, struct error *err)
{
	uint64_t bytes = queue_record_bytes(payload.len);
	enum status s = fits(queue, bytes) ? OK : begin_segment(queue, bytes, err);
	if (s != OK)
		return s;
	struct queue_segment *segment = last_segment(queue);
	buf_reset(&queue->scratch);
	char *at = buf_reserve(&queue->scratch, (size_t)bytes);
	if (at == NULL)
		return error_set(err, E_FULL, "queue: out of memory");
	fields.offset = segment->end;
	fields.recorded_ms = queue->config.clock->wall_ms(queue->config.clock);
	queue_record_write(at, fields, payload);
	s = queue->file->ops->write(queue->file, at, (size_t)bytes, segment->end, err);
	if (s == OK && sync)
		s = queue->file->ops->sync(queue->file, err);
	trim_scratch(queue);
	/* What a failed write or sync has left in this file nobody knows: never append to it. */
	if (s != OK) {
		seal_last(queue);
		if (err != NULL)
			err->status = E_IO;
		return E_IO;
	}
	segment->end += bytes;
	segment->last_sequence = fields.sequence;
	return OK;
}

/* A failed disk gets a second chance with a new segment; the number stands there again, and the
 * first copy, should it have survived, does not count (see queue_recover.c). */
static enum status put_durably(
	struct queue *queue, struct queue_record fields, struct slice payload, struct error *err)
{
	enum status s = put(queue, fields, payload, true, err);
	if (s != E_IO)
		return s;
	s = put(queue, fields, payload, true, err);
	return s == OK ? OK : E_IO;
}

enum status queue_append(struct queue *queue, uint64_t sequence, struct slice payload,
	uint64_t *ret_number, struct error *err)
{
	if (payload.len == 0 || payload.len > QUEUE_PAYLOAD_MAX)
		return error_set(err, E_INPUT, "queue: a transaction of %zu bytes; 1 to %d fit",
			payload.len, QUEUE_PAYLOAD_MAX);
	pthread_mutex_lock(&queue->lock);
	struct queue_record fields = { .type = QUEUE_SALE,
		.number = queue->next_number,
		.sequence = sequence > queue->last_sequence ? sequence : queue->last_sequence };
	enum status s = check_count(queue, err);
	if (s == OK)
		s = put_durably(queue, fields, payload, err);
	if (s == OK)
		s = segment_add(last_segment(queue), err);
	if (s == OK) {
		*ret_number = queue->next_number++;
		queue->last_sequence = fields.sequence;
	}
	pthread_mutex_unlock(&queue->lock);
	return s;
}

enum status queue_use_sequence(struct queue *queue, uint64_t sequence, struct error *err)
{
	enum status s = OK;
	pthread_mutex_lock(&queue->lock);
	struct queue_record fields = {
		.type = QUEUE_SEQUENCE, .number = queue->next_number, .sequence = sequence
	};
	if (sequence > queue->last_sequence)
		s = put_durably(queue, fields, slice_make("", 1), err);
	if (s == OK && sequence > queue->last_sequence)
		queue->last_sequence = sequence;
	pthread_mutex_unlock(&queue->lock);
	return s;
}

enum status queue_done(struct queue *queue, uint64_t first, uint64_t count, struct error *err)
{
	struct queue_range range = { first, count };
	pthread_mutex_lock(&queue->lock);
	struct queue_record fields = {
		.type = QUEUE_DONE, .number = queue->next_number, .sequence = queue->last_sequence
	};
	queue_mark(queue, range);
	/* Without a place for the mark the centre gets the transaction again after a restart. */
	enum status s =
		put(queue, fields, slice_make((const char *)&range, sizeof(range)), false, err);
	prune(queue);
	pthread_mutex_unlock(&queue->lock);
	return s;
}

void queue_counters(struct queue *queue, struct queue_counters *ret_counters)
{
	pthread_mutex_lock(&queue->lock);
	*ret_counters = (struct queue_counters){
		.waiting = waiting(queue),
		.appended = queue->next_number - 1,
		.last_sequence = queue->last_sequence,
		.bytes = queue->bytes,
		.segments = queue->segment_count,
		.damaged = queue->damaged,
	};
	pthread_mutex_unlock(&queue->lock);
}
