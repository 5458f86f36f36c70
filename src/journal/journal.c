/* Appending: the group buffer, the commit, and the step to the next segment. */
#include "journal/journal.h"

#include "base/check.h"
#include "base/plant.h"
#include "journal/journal_internal.h"
#include "journal/zeros.h"

#include <stdlib.h>

enum { AHEAD_BYTES_MIN = 1 << 20, AHEAD_TIMES = 4, SIZE_UNIT = 4096 };

/* Nobody knows what reached the disk: nothing more is acknowledged by this process. */
static enum status fail(struct journal *j, struct error *err)
{
	j->failed = true;
	if (err != NULL)
		err->status = E_IO;
	return E_IO;
}

static enum status refuse_failed(struct error *err)
{
	return error_set(err, E_IO,
		"the journal stopped after a failed write; it must be opened again to recover");
}

enum status journal_reserve_entry(struct journal *j, struct error *err)
{
	enum status s = OK;
	pthread_mutex_lock(&j->lock);
	size_t count = atomic_load(&j->segment_count);
	if (count >= SEGMENT_INDEX_MAX) {
		s = error_set(
			err, E_FULL, "the journal has %zu segments, which is the limit", count);
	} else if (count >= j->entries_size) {
		size_t size = j->entries_size == 0 ? 64 : j->entries_size * 2;
		struct segment_entry *grown = realloc(j->entries, size * sizeof(*grown));
		if (grown == NULL) {
			s = error_set(err, E_FULL, "no memory for the table of %zu segments", size);
		} else {
			j->entries = grown;
			j->entries_size = size;
		}
	}
	pthread_mutex_unlock(&j->lock);
	return s;
}

void journal_add_entry(struct journal *j, uint64_t first_number, uint64_t size)
{
	pthread_mutex_lock(&j->lock);
	size_t count = atomic_load(&j->segment_count);
	check(count < j->entries_size);
	j->entries[count] = (struct segment_entry){ first_number, size };
	atomic_store(&j->segment_count, count + 1);
	pthread_mutex_unlock(&j->lock);
}

void journal_publish(struct journal *j)
{
	uint64_t position = segment_position(j->header.index, j->end);
	pthread_mutex_lock(&j->lock);
	atomic_store_explicit(&j->durable_bytes, j->event_bytes, memory_order_relaxed);
	atomic_store_explicit(&j->durable_position, position, memory_order_release);
	atomic_store_explicit(&j->durable_number, j->next_number - 1, memory_order_release);
	pthread_mutex_unlock(&j->lock);
}

static void put_record(struct journal *j, enum record_type type, uint16_t kind, int64_t recorded_ms,
	struct slice payload)
{
	size_t bytes = record_bytes(payload.len);
	check(bytes <= GROUP_BYTES - j->group_len);
	struct record_header fields = {
		.kind = kind,
		.type = (uint16_t)type,
		.number = j->next_number,
		.recorded_ms = recorded_ms,
		.durable = atomic_load_explicit(&j->durable_number, memory_order_relaxed),
		.offset = (uint32_t)(j->end + j->group_len),
		.generation = j->generation,
	};
	record_write(j->group + j->group_len, fields, payload);
	j->group_len += bytes;
}

static bool has_room(const struct journal *j, size_t bytes)
{
	return !j->sealed && bytes <= segment_room_end(j->header.size) - j->end - j->group_len;
}

enum status journal_write_group(struct journal *j, struct error *err)
{
	if (j->group_len == 0)
		return OK;
	enum status s = j->file->ops->write(j->file, j->group, j->group_len, j->end, err);
	if (s != OK)
		return fail(j, err);
	hasher_add(j->hasher, j->group, j->group_len);
	j->end += j->group_len;
	j->unsynced_bytes += j->group_len;
	j->group_len = 0;
	return OK;
}

enum status journal_commit(struct journal *j, struct error *err)
{
	enum status s = journal_write_group(j, err);
	if (s != OK || j->unsynced_bytes == 0)
		return s;
	if (j->file->ops->sync(j->file, err) != OK)
		return fail(j, err);
	j->unsynced_bytes = 0;
	journal_publish(j);
	return OK;
}

void journal_put_mark(struct journal *j)
{
	if (!has_room(j, RECORD_HEADER_BYTES))
		return;
	put_record(j, RECORD_MARK, 0, j->clock->wall_ms(j->clock), slice_make(NULL, 0));
	j->marked_end = j->end + j->group_len;
}

/* The seal stands at the very end of the file, where it is found without reading the rest. It is
 * written when all before it is durable, so that a good seal proves as much. */
static enum status write_seal(struct journal *j, struct error *err)
{
	char record[SEAL_BYTES];
	uint64_t offset = segment_room_end(j->header.size);
	if (!PLANTED(10))
		zeros_hash(j->hasher, j->end, offset);
	struct seal seal = {
		.count = j->next_number - j->header.first_number,
		.first_number = j->header.first_number,
		.last_number = j->next_number - 1,
		.event_bytes = j->segment_event_bytes,
		.hash = hasher_finish(j->hasher),
	};
	struct record_header fields = {
		.type = RECORD_SEAL,
		.number = j->next_number,
		.recorded_ms = j->clock->wall_ms(j->clock),
		.durable = j->next_number - 1,
		.offset = (uint32_t)offset,
		.generation = j->generation,
	};
	record_write(record, fields, slice_make(&seal, sizeof(seal)));
	enum status s = j->file->ops->write(j->file, record, sizeof(record), offset, err);
	if (s == OK)
		s = j->file->ops->sync(j->file, err);
	if (s != OK)
		return s;
	j->seal_hash = seal.hash;
	j->sealed = true;
	return OK;
}

enum status journal_start_segment(struct journal *j, struct error *err)
{
	struct segment_header header = {
		.index = j->spare.index,
		.first_number = j->next_number,
		.size = j->spare.size,
		.created_ms = j->clock->wall_ms(j->clock),
		.previous = j->seal_hash,
		.generation = j->generation,
	};
	struct disk_file *file = NULL;
	segment_header_finish(&header);
	enum status s = spare_become_segment(j->disk, &j->spare, &header, &file, err);
	if (s != OK)
		return s;
	if (j->file != NULL)
		j->disk->ops->close(j->file);
	j->file = file;
	j->header = header;
	j->end = j->marked_end = SEGMENT_HEADER_BYTES;
	j->segment_event_bytes = 0;
	j->sealed = false;
	j->spare_refused = false;
	hasher_add(j->hasher, &header, sizeof(header));
	journal_add_entry(j, header.first_number, header.size);
	return OK;
}

static uint64_t size_for(const struct journal *j, size_t bytes)
{
	uint64_t need = SEGMENT_HEADER_BYTES + bytes + SEAL_BYTES;
	need = (need + SIZE_UNIT - 1) / SIZE_UNIT * SIZE_UNIT;
	return need > j->segment_bytes ? need : j->segment_bytes;
}

/* Only the first steps can find the disk full, and they change nothing that recovery would see. */
static enum status next_segment(struct journal *j, size_t bytes, struct error *err)
{
	enum status s = journal_reserve_entry(j, err);
	if (s == OK)
		s = spare_grow(j->disk, &j->spare, j->header.index + 1, size_for(j, bytes), err);
	if (s == OK)
		s = spare_finish(j->disk, &j->spare, err);
	if (s == E_FULL)
		return s;
	if (s == OK)
		s = journal_commit(j, err);
	if (s == OK && !j->sealed)
		s = write_seal(j, err);
	if (s == OK)
		s = journal_start_segment(j, err);
	return s == OK ? OK : fail(j, err);
}

/* Each commit prepares a few times as much as it wrote, so that the next segment is ready when it
 * is needed and no single commit pays for it. A failure here is not the group's: whether it
 * matters shows when the segment is needed. */
static void prepare_ahead(struct journal *j, uint64_t bytes)
{
	if (j->spare.ready || j->spare_refused || j->sealed || j->end < j->header.size / 2)
		return;
	uint64_t step = bytes * AHEAD_TIMES;
	uint64_t size = j->spare.size + (step < AHEAD_BYTES_MIN ? AHEAD_BYTES_MIN : step);
	if (size > j->segment_bytes)
		size = j->segment_bytes;
	enum status s = spare_grow(j->disk, &j->spare, j->header.index + 1, size, NULL);
	if (s == OK && j->spare.size >= j->segment_bytes)
		s = spare_finish(j->disk, &j->spare, NULL);
	j->spare_refused = s != OK;
}

enum status journal_append(struct journal *j, uint16_t kind, struct slice payload,
	struct event *ret_event, struct error *err)
{
	check(payload.len > 0);
	if (j->failed)
		return refuse_failed(err);
	if (payload.len > JOURNAL_EVENT_BYTES_MAX)
		return error_set(err, E_INPUT, "an event of %zu bytes; at most %d are kept",
			payload.len, JOURNAL_EVENT_BYTES_MAX);
	size_t bytes = record_bytes(payload.len);
	enum status s = OK;
	if (!has_room(j, bytes))
		s = next_segment(j, bytes, err);
	if (s == OK && bytes > GROUP_BYTES - j->group_len)
		s = journal_write_group(j, err);
	if (s != OK)
		return s;
	struct event event = {
		.number = j->next_number,
		.position = segment_position(j->header.index, j->end + j->group_len),
		.recorded_ms = j->clock->wall_ms(j->clock),
		.kind = kind,
		.payload = payload,
	};
	put_record(j, RECORD_EVENT, kind, event.recorded_ms, payload);
	j->next_number++;
	j->event_bytes += bytes;
	j->segment_event_bytes += bytes;
	*ret_event = event;
	return OK;
}

enum status journal_sync(struct journal *j, struct error *err)
{
	if (j->failed)
		return refuse_failed(err);
	uint64_t bytes = j->unsynced_bytes + j->group_len;
	enum status s = journal_commit(j, err);
	if (s == OK && bytes > 0)
		prepare_ahead(j, bytes);
	return s;
}

uint64_t journal_durable_number(const struct journal *j)
{
	return atomic_load_explicit(&j->durable_number, memory_order_acquire);
}

uint64_t journal_bytes(const struct journal *j)
{
	return atomic_load_explicit(&j->durable_bytes, memory_order_acquire);
}

uint64_t journal_segments(const struct journal *j)
{
	return atomic_load_explicit(&j->segment_count, memory_order_acquire);
}

/* After an orderly end the last group is proven by a mark behind it. It is not synced: the next
 * opening does without it if it has to. */
static void write_last_mark(struct journal *j)
{
	if (j->failed || j->end == j->marked_end || j->group_len > 0 || j->unsynced_bytes > 0)
		return;
	journal_put_mark(j);
	(void)journal_write_group(j, NULL);
}

void journal_close(struct journal *j)
{
	if (j == NULL)
		return;
	write_last_mark(j);
	if (j->file != NULL)
		j->disk->ops->close(j->file);
	spare_close(j->disk, &j->spare);
	files_release(&j->files);
	hasher_close(j->hasher);
	pthread_mutex_destroy(&j->lock);
	free(j->entries);
	free(j->group);
	free(j);
}
