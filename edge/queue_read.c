/* Reading from the queue: in order of the numbers, mostly from where the last call ended. */
#include "edge/queue_internal.h"

static void drop_cursor(struct queue *queue)
{
	if (queue->cursor.file != NULL)
		queue->cursor.file->ops->close(queue->cursor.file);
	queue->cursor = (struct queue_cursor){ 0 };
}

static enum status place_cursor(struct queue *queue, const struct queue_segment *segment,
	uint64_t number, struct error *err)
{
	struct queue_cursor *cursor = &queue->cursor;
	char name[QUEUE_NAME_LEN + 7];
	if (cursor->file == NULL || cursor->index != segment->index) {
		drop_cursor(queue);
		queue_name(segment->index, name);
		enum status s = queue->config.disk->ops->open(
			queue->config.disk, name, false, &cursor->file, err);
		if (s != OK)
			return s;
		cursor->index = segment->index;
		cursor->number = UINT64_MAX;
	}
	if (cursor->number > number) {
		cursor->offset = QUEUE_HEADER_BYTES;
		cursor->number = segment->first_number;
	}
	return OK;
}

/* The record at the cursor, payload included; false where none stands. */
static enum status read_record(struct queue *queue, const struct queue_segment *segment,
	struct buf *buf, struct queue_record *ret_record, bool *ret_found, struct error *err)
{
	struct queue_cursor *cursor = &queue->cursor;
	struct queue_record raw;
	size_t len = 0;
	*ret_found = false;
	enum status s =
		cursor->file->ops->read(cursor->file, &raw, sizeof(raw), cursor->offset, &len, err);
	if (s != OK || len != sizeof(raw) || raw.length == 0 || raw.length > QUEUE_PAYLOAD_MAX)
		return s;
	uint64_t bytes = queue_record_bytes(raw.length);
	if (bytes > segment->end - cursor->offset)
		return OK;
	buf_reset(buf);
	char *at = buf_reserve(buf, (size_t)bytes);
	if (at == NULL)
		return error_set(err, E_FULL, "queue: no memory to read %llu bytes",
			(unsigned long long)bytes);
	s = cursor->file->ops->read(cursor->file, at, (size_t)bytes, cursor->offset, &len, err);
	buf->len = len;
	if (s == OK)
		*ret_found = queue_record_read(buf_get(buf), cursor->offset, ret_record);
	return s;
}

/* Goes forward in the segment until the sale `number` stands in `buf`. */
static enum status seek(struct queue *queue, const struct queue_segment *segment, uint64_t number,
	struct buf *buf, struct queue_entry *entry, struct error *err)
{
	struct queue_cursor *cursor = &queue->cursor;
	struct queue_record record;
	bool found;
	while (cursor->offset + QUEUE_RECORD_BYTES <= segment->end) {
		enum status s = read_record(queue, segment, buf, &record, &found, err);
		if (s != OK)
			return s;
		if (!found) {
			cursor->offset += 8;
			continue;
		}
		cursor->offset += queue_record_bytes(record.length);
		if (record.type != QUEUE_SALE || record.number < number)
			continue;
		cursor->number = record.number + 1;
		if (record.number > number)
			break;
		*entry = (struct queue_entry){ number, record.sequence, record.recorded_ms,
			slice_make(buf->ptr + QUEUE_RECORD_BYTES, record.length) };
		return OK;
	}
	return error_set(err, E_CORRUPT,
		"queue: transaction %llu cannot be read from segment %llu any more",
		(unsigned long long)number, (unsigned long long)segment->index);
}

/* The first number behind `after` that is not done; 0 when there is none. */
static uint64_t first_undone(
	struct queue *queue, uint64_t after, const struct queue_segment **ret_segment)
{
	const struct queue_segment *segment = queue_find(queue, after + 1);
	const struct queue_segment *end = queue->segments + queue->segment_count;
	for (; segment != NULL && segment < end; segment++) {
		uint64_t number =
			after + 1 > segment->first_number ? after + 1 : segment->first_number;
		if (segment->undone == 0)
			continue;
		for (; number < segment->first_number + segment->count; number++)
			if (!segment_is_done(segment, number)) {
				*ret_segment = segment;
				return number;
			}
	}
	return 0;
}

enum status queue_next(struct queue *queue, uint64_t after, struct buf *buf,
	struct queue_entry *ret_entry, struct error *err)
{
	const struct queue_segment *segment = NULL;
	pthread_mutex_lock(&queue->lock);
	uint64_t number = first_undone(queue, after, &segment);
	*ret_entry = (struct queue_entry){ .number = number };
	enum status s = number == 0 ? E_RETRY : place_cursor(queue, segment, number, err);
	if (s == OK)
		s = seek(queue, segment, number, buf, ret_entry, err);
	if (s != OK)
		drop_cursor(queue);
	pthread_mutex_unlock(&queue->lock);
	return s;
}
