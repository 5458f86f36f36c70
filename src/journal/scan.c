#include "journal/scan.h"

#include "base/plant.h"
#include "journal/zeros.h"

/* What the bytes behind the last good record hold. */
struct tail {
	bool proof;           /* a record that shows that something before it was durable */
	bool found;           /* any good record */
	uint64_t next_number; /* the number of the first good one */
};

static bool belongs(const struct record_header *header, const struct scan *scan)
{
	if (header->number != scan->next_number || header->durable >= header->number)
		return false;
	/* A record of another life that lies behind this one's was cut off long ago. Only the mark
	 * that a life begins with raises the generation. */
	if (header->type == RECORD_MARK)
		return header->durable == header->number - 1 && header->length == 0 &&
		       header->generation >= scan->generation;
	return header->type == RECORD_EVENT && header->length > 0 &&
	       header->generation == scan->generation;
}

static void take(struct scan *scan, const struct record *record)
{
	/* The first record of a group, and every mark, knows that all before it was synced. */
	if (record->header.durable == record->header.number - 1)
		scan->proven_end = scan->end;
	if (record->header.type == RECORD_EVENT) {
		scan->next_number++;
		scan->event_bytes += record->end - scan->end;
	}
	scan->generation = record->header.generation;
	scan->generation_max = scan->generation;
	scan->end = record->end;
}

static enum status hash_header(struct window *window, const struct segment_header *header,
	struct hasher *hasher, struct error *err)
{
	const char *bytes = NULL;
	enum status s = window_get(window, 0, SEGMENT_HEADER_BYTES, header->size, &bytes, err);
	if (s == OK)
		hasher_add(hasher, bytes, SEGMENT_HEADER_BYTES);
	return s;
}

static enum status walk(struct window *window, const struct segment_header *header,
	struct hasher *hasher, struct scan *scan, struct error *err)
{
	enum status s = hash_header(window, header, hasher, err);
	while (s == OK) {
		struct record record;
		enum record_state state = RECORD_BAD;
		s = record_read(
			window, scan->end, segment_room_end(header->size), &record, &state, err);
		if (s != OK || state != RECORD_GOOD || !belongs(&record.header, scan))
			break;
		hasher_add(hasher, record.payload.ptr - RECORD_HEADER_BYTES,
			(size_t)(record.end - scan->end));
		take(scan, &record);
	}
	return s;
}

static void judge_record(const struct record *record, struct scan *scan, struct tail *tail)
{
	const struct record_header *header = &record->header;
	if (!tail->found)
		tail->next_number = header->number;
	tail->found = true;
	/* A life writes its first mark only after it has synced all that it found, so a record of
	 * a later life is as good a proof as a durable number. */
	if (header->durable >= scan->next_number || header->generation > scan->generation)
		tail->proof = true;
	if (header->generation > scan->generation_max)
		scan->generation_max = header->generation;
}

/* Reads on to `until` for anything that is not zero, and for records among it. */
static enum status read_tail(struct window *window, uint64_t until, struct scan *scan,
	struct tail *ret_tail, struct error *err)
{
	enum status s = OK;
	for (uint64_t at = scan->end; s == OK && at < until; at += 8) {
		const char *bytes = NULL;
		struct record record;
		enum record_state state = RECORD_BAD;
		uint64_t word = 0;
		s = window_get(window, at, sizeof(word), until, &bytes, err);
		if (s != OK)
			break;
		memcpy(&word, bytes, sizeof(word));
		if (word == 0)
			continue;
		scan->dirty_end = at + sizeof(word);
		if ((uint32_t)word != RECORD_MAGIC)
			continue;
		s = record_read(window, at, until, &record, &state, err);
		if (s == OK && state == RECORD_GOOD)
			judge_record(&record, scan, ret_tail);
	}
	return s;
}

static enum status damaged(const struct scan *scan, uint64_t next_number, struct error *err)
{
	unsigned long long first = scan->next_number, end = next_number;
	if (end <= first)
		return error_set(err, E_CORRUPT,
			"offset %llu: durable bytes before event %llu are not what was written; "
			"restore the file from a copy",
			(unsigned long long)scan->end, first);
	return error_set(err, E_CORRUPT,
		"offset %llu: durable bytes are not what was written: events %llu to %llu cannot "
		"be "
		"read; restore the file from a copy",
		(unsigned long long)scan->end, first, end - 1);
}

static struct scan scan_begin(const struct segment_header *header)
{
	return (struct scan){ .end = SEGMENT_HEADER_BYTES,
		.proven_end = SEGMENT_HEADER_BYTES,
		.dirty_end = SEGMENT_HEADER_BYTES,
		.next_number = header->first_number,
		.generation = header->generation,
		.generation_max = header->generation };
}

enum status scan_open_segment(struct window *window, const struct segment_header *header,
	struct hasher *hasher, struct scan *ret_scan, struct error *err)
{
	struct scan scan = scan_begin(header);
	struct tail tail = { 0 };
	enum status s = walk(window, header, hasher, &scan, err);
	scan.dirty_end = scan.end;
	if (s == OK)
		s = read_tail(window, header->size, &scan, &tail, err);
	if (s == OK && tail.proof)
		s = damaged(&scan, tail.next_number, err);
	if (s == OK)
		*ret_scan = scan;
	return s;
}

enum status scan_sealed_segment(struct window *window, const struct segment_header *header,
	const struct seal *seal, struct hasher *hasher, struct error *err)
{
	struct scan scan = scan_begin(header);
	struct tail tail = { 0 };
	uint64_t until = segment_room_end(header->size);
	enum status s = walk(window, header, hasher, &scan, err);
	scan.dirty_end = scan.end;
	if (s == OK)
		s = read_tail(window, until, &scan, &tail, err);
	if (s != OK)
		return s;
	if (scan.dirty_end > scan.end || scan.next_number != seal->last_number + 1)
		return damaged(&scan, tail.found ? tail.next_number : seal->last_number + 1, err);
	zeros_hash(hasher, scan.end, until);
	struct hash hash = hasher_finish(hasher);
	if (PLANTED(11))
		return OK;
	if (memcmp(&hash, &seal->hash, sizeof(hash)) != 0 || scan.event_bytes != seal->event_bytes)
		return error_set(err, E_CORRUPT,
			"the bytes of events %llu to %llu are not those that were sealed; restore "
			"the file from a copy",
			(unsigned long long)seal->first_number,
			(unsigned long long)seal->last_number);
	return OK;
}
