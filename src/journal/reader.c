/* Reading: event after event, or one by its position. */
#include "base/buf.h"
#include "base/check.h"
#include "journal/journal_internal.h"

#include <stdlib.h>

enum {
	READER_BYTES = 256 << 10,
	READ_AT_BYTES = 4096, /* most events come with the first read */
};

struct journal_reader {
	struct journal *journal;
	struct window window;
	struct disk_file *file; /* NULL until the segment is opened */
	uint64_t segment;       /* index */
	uint64_t segment_size;
	uint64_t offset; /* of the next record */
	uint64_t next_number;
};

/* Where readable bytes of a segment end: behind the last durable record, or before the seal. */
static uint64_t readable_end(struct journal *j, uint64_t segment, uint64_t size)
{
	uint64_t position = atomic_load_explicit(&j->durable_position, memory_order_acquire);
	if (position >> 32 == segment)
		return position & UINT32_MAX;
	return position >> 32 > segment ? segment_room_end(size) : 0;
}

static bool find_entry(struct journal *j, uint64_t segment, struct segment_entry *ret_entry)
{
	pthread_mutex_lock(&j->lock);
	bool found = segment >= 1 && segment <= atomic_load(&j->segment_count);
	if (found)
		*ret_entry = j->entries[segment - 1];
	pthread_mutex_unlock(&j->lock);
	return found;
}

/* The last segment that begins with this number or an earlier one. Call with the lock. */
static uint64_t segment_of(const struct journal *j, uint64_t number)
{
	uint64_t low = 0, high = atomic_load(&j->segment_count);
	while (high - low > 1) {
		uint64_t middle = low + (high - low) / 2;
		if (j->entries[middle].first_number <= number)
			low = middle;
		else
			high = middle;
	}
	return low + 1;
}

/* Returns the last durable number. */
static uint64_t place(struct journal_reader *r)
{
	struct journal *j = r->journal;
	pthread_mutex_lock(&j->lock);
	uint64_t durable = atomic_load(&j->durable_number);
	if (r->next_number == durable + 1) {
		uint64_t position = atomic_load(&j->durable_position);
		r->segment = position >> 32;
		r->offset = position & UINT32_MAX;
	} else {
		r->segment = segment_of(j, r->next_number);
		r->offset = SEGMENT_HEADER_BYTES;
	}
	pthread_mutex_unlock(&j->lock);
	return durable;
}

enum status journal_reader_open(struct journal *journal, uint64_t first_number,
	struct journal_reader **ret_reader, struct error *err)
{
	struct journal_reader *r = calloc(1, sizeof(*r));
	if (r == NULL)
		return error_set(err, E_FULL, "no memory for a reader of the journal");
	r->journal = journal;
	r->next_number = first_number == 0 ? 1 : first_number;
	window_init(&r->window, NULL, READER_BYTES);
	uint64_t durable = place(r);
	if (r->next_number > durable + 1) {
		journal_reader_close(r);
		return error_set(err, E_INPUT,
			"event %llu was asked for; the journal ends with event %llu",
			(unsigned long long)first_number, (unsigned long long)durable);
	}
	*ret_reader = r;
	return OK;
}

void journal_reader_close(struct journal_reader *r)
{
	if (r == NULL)
		return;
	if (r->file != NULL)
		r->journal->disk->ops->close(r->file);
	window_release(&r->window);
	free(r);
}

/* The segment is known, so a file that is not there is damage. */
static enum status as_damage(enum status s, struct error *err)
{
	if (s != E_INPUT)
		return s;
	if (err != NULL)
		err->status = E_CORRUPT;
	return E_CORRUPT;
}

static enum status open_segment(struct journal_reader *r, struct error *err)
{
	char name[SEGMENT_NAME_MAX];
	struct segment_entry entry = { 0 };
	struct disk *disk = r->journal->disk;
	check(find_entry(r->journal, r->segment, &entry));
	segment_name(r->segment, name);
	enum status s = disk->ops->open(disk, name, false, &r->file, err);
	if (s != OK)
		return as_damage(s, err);
	r->segment_size = entry.size;
	window_turn(&r->window, r->file);
	return OK;
}

static enum status unreadable(const struct journal_reader *r, struct error *err)
{
	char name[SEGMENT_NAME_MAX];
	segment_name(r->segment, name);
	return error_set(err, E_CORRUPT,
		"%s: offset %llu: event %llu is durable and cannot be read; restore the file from "
		"a copy",
		name, (unsigned long long)r->offset, (unsigned long long)r->next_number);
}

static enum status turn_to_next_segment(struct journal_reader *r, struct error *err)
{
	struct segment_entry entry = { 0 };
	if (!find_entry(r->journal, r->segment + 1, &entry) || entry.first_number > r->next_number)
		return unreadable(r, err);
	r->journal->disk->ops->close(r->file);
	r->file = NULL;
	r->segment++;
	r->offset = SEGMENT_HEADER_BYTES;
	return OK;
}

/* One record on. *ret_found when it is the event that is wanted. */
static enum status step(
	struct journal_reader *r, struct record *ret_record, bool *ret_found, struct error *err)
{
	enum record_state state = RECORD_BAD;
	enum status s = r->file == NULL ? open_segment(r, err) : OK;
	if (s != OK)
		return s;
	uint64_t end = readable_end(r->journal, r->segment, r->segment_size);
	s = record_read(&r->window, r->offset, end, ret_record, &state, err);
	if (s != OK)
		return s;
	if (state == RECORD_BLANK)
		return turn_to_next_segment(r, err);
	const struct record_header *header = &ret_record->header;
	if (state == RECORD_BAD || header->number > r->next_number)
		return unreadable(r, err);
	*ret_found = header->type == RECORD_EVENT && header->number == r->next_number;
	if (!*ret_found)
		r->offset = ret_record->end;
	return OK;
}

enum status journal_reader_next(
	struct journal_reader *r, struct event *ret_event, struct error *err)
{
	struct record record = { 0 };
	bool found = false;
	if (r->next_number > journal_durable_number(r->journal))
		return error_set(err, E_RETRY, "event %llu has not been recorded yet",
			(unsigned long long)r->next_number);
	while (!found) {
		enum status s = step(r, &record, &found, err);
		if (s != OK)
			return s;
	}
	*ret_event = (struct event){
		.number = record.header.number,
		.position = segment_position(r->segment, r->offset),
		.recorded_ms = record.header.recorded_ms,
		.kind = record.header.kind,
		.payload = record.payload,
	};
	r->offset = record.end;
	r->next_number++;
	return OK;
}

static enum status not_an_event(uint64_t position, struct error *err)
{
	char name[SEGMENT_NAME_MAX];
	segment_name(position >> 32, name);
	return error_set(err, E_CORRUPT, "%s: offset %llu: no event can be read here", name,
		(unsigned long long)(position & UINT32_MAX));
}

/* Puts the payload into `buf`; what the first read did not bring is read behind it. */
static enum status take_payload(struct disk_file *file, uint64_t position, struct slice have,
	const struct record_header *header, struct buf *buf, struct error *err)
{
	size_t padded = record_bytes(header->length) - RECORD_HEADER_BYTES;
	size_t first = have.len < padded ? have.len : padded;
	size_t got = 0;
	enum status s = OK;
	buf_reset(buf);
	char *to = buf_reserve(buf, padded);
	if (to == NULL)
		return error_set(err, E_FULL, "no room for an event of %u bytes", header->length);
	memcpy(to, have.ptr, first);
	if (first < padded)
		s = file->ops->read(file, to + first, padded - first,
			(position & UINT32_MAX) + RECORD_HEADER_BYTES + first, &got, err);
	if (s != OK)
		return s;
	if (got < padded - first ||
		!record_crc_matches(header, slice_make(to, padded), slice_make(NULL, 0)))
		return not_an_event(position, err);
	buf->len = header->length;
	return OK;
}

static enum status read_pinned(struct disk_file *file, uint64_t position, uint64_t end,
	struct buf *buf, struct event *ret_event, struct error *err)
{
	char bytes[READ_AT_BYTES];
	struct record_header header;
	uint64_t offset = position & UINT32_MAX;
	size_t want = end - offset < sizeof(bytes) ? (size_t)(end - offset) : sizeof(bytes);
	size_t got = 0;
	enum status s = file->ops->read(file, bytes, want, offset, &got, err);
	if (s != OK)
		return s;
	memcpy(&header, bytes, sizeof(header));
	if (got < sizeof(header) || !record_header_fits(&header, offset, end) ||
		header.type != RECORD_EVENT)
		return not_an_event(position, err);
	s = take_payload(file, position, slice_make(bytes + sizeof(header), got - sizeof(header)),
		&header, buf, err);
	if (s != OK)
		return s;
	*ret_event = (struct event){
		.number = header.number,
		.position = position,
		.recorded_ms = header.recorded_ms,
		.kind = header.kind,
		.payload = buf_get(buf),
	};
	return OK;
}

enum status journal_read_at(struct journal *journal, uint64_t position, struct buf *buf,
	struct event *ret_event, struct error *err)
{
	uint64_t segment = position >> 32, offset = position & UINT32_MAX, end = 0;
	struct segment_entry entry = { 0 };
	struct disk_file *file = NULL;
	if (find_entry(journal, segment, &entry))
		end = readable_end(journal, segment, entry.size);
	if (offset < SEGMENT_HEADER_BYTES || offset % 8 != 0 || end < offset + RECORD_HEADER_BYTES)
		return error_set(err, E_INPUT, "position %llu is not that of a durable event",
			(unsigned long long)position);
	enum status s = files_pin(&journal->files, segment, &file, err);
	if (s != OK)
		return as_damage(s, err);
	s = read_pinned(file, position, end, buf, ret_event, err);
	files_unpin(&journal->files, file);
	return s;
}
