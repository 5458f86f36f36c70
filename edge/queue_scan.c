/* Reads one segment from its first byte to its last, whatever it holds. */
#include "edge/queue_internal.h"

/* The whole file, in the window: segments are small. */
static enum status load(struct disk_file *file, struct queue_scan *scan, struct error *err)
{
	size_t len = 0, size = (size_t)scan->segment->size;
	buf_reset(scan->window);
	char *at = buf_reserve(scan->window, size);
	if (at == NULL)
		return error_set(
			err, E_FULL, "queue: no memory to read a segment of %zu bytes", size);
	enum status s = file->ops->read(file, at, size, 0, &len, err);
	scan->window->len = len;
	return s;
}

/* What a hole has swallowed counts as done: nobody can send it any more. */
static enum status step_over(struct queue_scan *scan, uint64_t count, struct error *err)
{
	struct queue_segment *segment = scan->segment;
	enum status s = OK;
	for (uint64_t i = 0; i < count && s == OK; i++) {
		s = segment_add(segment, err);
		if (s == OK) {
			uint64_t bit = segment->count - 1;
			segment->done[bit / 8] |= (uint8_t)(1U << (bit % 8));
			segment->undone--;
		}
	}
	scan->damaged += count;
	return s;
}

static enum status take_sale(
	struct queue_scan *scan, const struct queue_record *record, struct error *err)
{
	struct queue_segment *segment = scan->segment;
	uint64_t expected = segment->first_number + segment->count;
	if (record->number < expected)
		return OK;
	enum status s = step_over(scan, record->number - expected, err);
	return s == OK ? segment_add(segment, err) : s;
}

static void take_ranges(struct queue_scan *scan, struct slice payload)
{
	struct queue_range range;
	for (size_t at = 0; at + sizeof(range) <= payload.len; at += sizeof(range)) {
		memcpy(&range, payload.ptr + at, sizeof(range));
		if (scan->done != NULL)
			scan->done(scan->context, range);
	}
}

/* A number can be no larger than the records that would fit in front of it. */
static bool plausible(const struct queue_scan *scan, const struct queue_record *record)
{
	const struct queue_segment *segment = scan->segment;
	uint64_t most = segment->first_number + segment->size / QUEUE_RECORD_BYTES;
	return record->number <= most && record->sequence >= segment->last_sequence;
}

enum status queue_scan(struct disk_file *file, struct queue_scan *scan, struct error *err)
{
	struct queue_segment *segment = scan->segment;
	enum status s = load(file, scan, err);
	struct slice bytes = buf_get(scan->window);
	uint64_t at = QUEUE_HEADER_BYTES;
	bool skipped = false;
	segment->end = at;
	scan->dirty_end = at;
	while (s == OK && at + 8 <= bytes.len) {
		struct slice rest = slice_make(bytes.ptr + at, bytes.len - (size_t)at);
		struct queue_record record;
		uint64_t word;
		if (!queue_record_read(rest, at, &record) || !plausible(scan, &record)) {
			memcpy(&word, rest.ptr, sizeof(word));
			skipped = true;
			at += 8;
			scan->dirty_end = word != 0 ? at : scan->dirty_end;
			continue;
		}
		scan->holes = scan->holes || skipped;
		skipped = false;
		if (record.type == QUEUE_SALE)
			s = take_sale(scan, &record, err);
		else if (record.type == QUEUE_DONE)
			take_ranges(scan, slice_make(rest.ptr + QUEUE_RECORD_BYTES, record.length));
		segment->last_sequence = record.sequence;
		at += queue_record_bytes(record.length);
		segment->end = at;
		scan->dirty_end = at;
	}
	return s;
}
