#include "journal/archive_file.h"

#include "base/crc32c.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <zstd.h>

enum { LEVEL = 6, ARCHIVE_VERSION = 1, SKIP_HEADER_BYTES = 8 };
#define SKIP_MAGIC UINT32_C(0x184d2a5e)

static const char tail_magic[8] = { 't', 'i', 'l', 'l', 'b', 'a', 'r', 'c' };
static const char suffix[] = ".zst";

struct block {
	uint32_t length; /* of the frame */
	uint32_t crc;    /* CRC-32C of the frame */
};

struct tail {
	uint64_t size; /* of the segment */
	uint32_t block_bytes;
	uint32_t block_count;
	uint8_t reserved[28]; /* 0 */
	uint32_t table_crc;
	uint32_t version;
	uint32_t crc; /* CRC-32C of all before it */
	char magic[8];
};
static_assert(sizeof(struct tail) == 64, "written as it is: no padding");

void archive_name(uint64_t index, char name[static ARCHIVE_NAME_MAX])
{
	char segment[SEGMENT_NAME_MAX];
	segment_name(index, segment);
	snprintf(name, ARCHIVE_NAME_MAX, "%s%s", segment, suffix);
}

void archive_unfinished_name(uint64_t index, char name[static ARCHIVE_NAME_MAX])
{
	char segment[SEGMENT_NAME_MAX];
	segment_name(index, segment);
	snprintf(name, ARCHIVE_NAME_MAX, "%s%s.tmp", segment, suffix);
}

bool archive_name_parse(const char *name, uint64_t *ret_index)
{
	char segment[SEGMENT_NAME_MAX];
	struct slice text = slice_of(name);
	bool spare = false;
	size_t end = sizeof(suffix) - 1;
	if (text.len <= end || text.len - end >= sizeof(segment) ||
		!slice_is(slice_make(text.ptr + text.len - end, end), suffix))
		return false;
	memcpy(segment, text.ptr, text.len - end);
	segment[text.len - end] = '\0';
	return segment_name_parse(segment, ret_index, &spare) && !spare;
}

static uint32_t count_blocks(uint64_t size)
{
	return (uint32_t)((size + ARCHIVE_BLOCK_BYTES - 1) / ARCHIVE_BLOCK_BYTES);
}

/* ---- writing ---- */

struct writing {
	struct disk_file *segment, *to;
	char *plain, *frame;
	struct block *blocks;
	uint32_t count;
	uint64_t size, end;
};

static enum status write_block(struct writing *w, uint32_t number, struct error *err)
{
	uint64_t at = (uint64_t)number * ARCHIVE_BLOCK_BYTES;
	size_t want =
		w->size - at < ARCHIVE_BLOCK_BYTES ? (size_t)(w->size - at) : ARCHIVE_BLOCK_BYTES;
	size_t got = 0;
	enum status s = w->segment->ops->read(w->segment, w->plain, want, at, &got, err);
	if (s == OK && got < want)
		s = error_set(err, E_CORRUPT, "the file ends at offset %llu",
			(unsigned long long)(at + got));
	if (s != OK)
		return s;
	size_t length = ZSTD_compress(
		w->frame, ZSTD_compressBound(ARCHIVE_BLOCK_BYTES), w->plain, want, LEVEL);
	if (ZSTD_isError(length))
		return error_set(err, E_FULL, "zstd: %s", ZSTD_getErrorName(length));
	w->blocks[number] = (struct block){ (uint32_t)length, crc32c(0, w->frame, length) };
	s = w->to->ops->write(w->to, w->frame, length, w->end, err);
	w->end += length;
	return s;
}

static enum status write_tail(struct writing *w, struct error *err)
{
	size_t table = w->count * sizeof(*w->blocks);
	const uint32_t skip[] = { SKIP_MAGIC, (uint32_t)(table + sizeof(struct tail)) };
	struct tail tail = {
		.size = w->size,
		.block_bytes = ARCHIVE_BLOCK_BYTES,
		.block_count = w->count,
		.table_crc = crc32c(0, w->blocks, table),
		.version = ARCHIVE_VERSION,
	};
	memcpy(tail.magic, tail_magic, sizeof(tail_magic));
	tail.crc = crc32c(0, &tail, offsetof(struct tail, crc));
	static_assert(sizeof(skip) == SKIP_HEADER_BYTES, "the header of a frame that is skipped");
	enum status s = w->to->ops->write(w->to, skip, sizeof(skip), w->end, err);
	w->end += sizeof(skip);
	if (s == OK)
		s = w->to->ops->write(w->to, w->blocks, table, w->end, err);
	w->end += table;
	if (s == OK)
		s = w->to->ops->write(w->to, &tail, sizeof(tail), w->end, err);
	w->end += sizeof(tail);
	return s == OK ? w->to->ops->sync(w->to, err) : s;
}

enum status archive_file_write(struct disk_file *segment, uint64_t size, struct disk_file *to,
	uint64_t *ret_bytes, struct error *err)
{
	struct writing w = {
		.segment = segment, .to = to, .size = size, .count = count_blocks(size)
	};
	w.plain = malloc(ARCHIVE_BLOCK_BYTES);
	w.frame = malloc(ZSTD_compressBound(ARCHIVE_BLOCK_BYTES));
	w.blocks = calloc(w.count + 1, sizeof(*w.blocks));
	enum status s = OK;
	if (w.plain == NULL || w.frame == NULL || w.blocks == NULL)
		s = error_set(err, E_FULL, "no memory to compress a segment");
	for (uint32_t i = 0; s == OK && i < w.count; i++)
		s = write_block(&w, i, err);
	if (s == OK)
		s = write_tail(&w, err);
	*ret_bytes = w.end;
	free(w.plain);
	free(w.frame);
	free(w.blocks);
	return s;
}

/* ---- reading ---- */

struct archived {
	struct disk_file file;
	struct disk *disk;
	struct disk_file *inner;
	char name[ARCHIVE_NAME_MAX];
	uint64_t size;
	uint32_t count;
	struct block *blocks;
	uint64_t *offsets; /* of the frames, and behind the last one */
	pthread_mutex_t lock;
	char *plain, *frame; /* lock */
	size_t plain_len;    /* lock */
	uint32_t loaded;     /* lock: the block in `plain`; `count` when there is none */
};

static struct archived *archived_of(struct disk_file *file)
{
	return (struct archived *)file;
}

void archive_file_close(struct disk_file *file)
{
	struct archived *a = archived_of(file);
	a->disk->ops->close(a->inner);
	pthread_mutex_destroy(&a->lock);
	free(a->blocks);
	free(a->offsets);
	free(a->plain);
	free(a->frame);
	free(a);
}

static enum status damaged(const struct archived *a, uint32_t block, struct error *err)
{
	uint64_t from = (uint64_t)block * ARCHIVE_BLOCK_BYTES;
	uint64_t to = from + ARCHIVE_BLOCK_BYTES < a->size ? from + ARCHIVE_BLOCK_BYTES : a->size;
	return error_set(err, E_CORRUPT,
		"%s is damaged: the events at offsets %llu to %llu of its segment cannot be read; "
		"restore the file from a copy",
		a->name, (unsigned long long)from, (unsigned long long)to);
}

/* Call with the lock. */
static enum status load(struct archived *a, uint32_t block, struct error *err)
{
	size_t length = a->blocks[block].length, got = 0;
	if (a->loaded == block)
		return OK;
	a->loaded = a->count;
	enum status s =
		a->inner->ops->read(a->inner, a->frame, length, a->offsets[block], &got, err);
	if (s != OK)
		return s;
	if (got < length || crc32c(0, a->frame, length) != a->blocks[block].crc)
		return damaged(a, block, err);
	uint64_t left = a->size - (uint64_t)block * ARCHIVE_BLOCK_BYTES;
	size_t want = left < ARCHIVE_BLOCK_BYTES ? (size_t)left : ARCHIVE_BLOCK_BYTES;
	if (ZSTD_decompress(a->plain, ARCHIVE_BLOCK_BYTES, a->frame, length) != want)
		return damaged(a, block, err);
	a->plain_len = want;
	a->loaded = block;
	return OK;
}

static enum status archived_read(struct disk_file *file, void *bytes, size_t len, uint64_t offset,
	size_t *ret_len, struct error *err)
{
	struct archived *a = archived_of(file);
	enum status s = OK;
	size_t done = 0;
	pthread_mutex_lock(&a->lock);
	while (s == OK && done < len && offset + done < a->size) {
		uint64_t at = offset + done;
		s = load(a, (uint32_t)(at / ARCHIVE_BLOCK_BYTES), err);
		if (s != OK)
			break;
		size_t from = (size_t)(at % ARCHIVE_BLOCK_BYTES), some = a->plain_len - from;
		if (some > len - done)
			some = len - done;
		memcpy((char *)bytes + done, a->plain + from, some);
		done += some;
	}
	pthread_mutex_unlock(&a->lock);
	*ret_len = done;
	return s;
}

static enum status archived_size(struct disk_file *file, uint64_t *ret_size, struct error *err)
{
	(void)err;
	*ret_size = archived_of(file)->size;
	return OK;
}

static enum status refuse(const struct disk_file *file, struct error *err)
{
	return error_set(err, E_IO, "%s is archived: it can only be read",
		((const struct archived *)file)->name);
}

static enum status archived_allocate(struct disk_file *file, uint64_t size, struct error *err)
{
	(void)size;
	return refuse(file, err);
}

static enum status archived_write(
	struct disk_file *file, const void *bytes, size_t len, uint64_t offset, struct error *err)
{
	(void)bytes, (void)len, (void)offset;
	return refuse(file, err);
}

static enum status archived_sync(struct disk_file *file, struct error *err)
{
	return refuse(file, err);
}

static const struct disk_ops archived_ops = {
	.allocate = archived_allocate,
	.write = archived_write,
	.read = archived_read,
	.size = archived_size,
	.truncate = archived_allocate,
	.sync = archived_sync,
};

static enum status no_archive(const struct archived *a, struct error *err)
{
	return error_set(err, E_CORRUPT,
		"%s is damaged or cut off: none of its events can be read; restore the file from a "
		"copy",
		a->name);
}

static enum status read_table(
	struct archived *a, const struct tail *tail, uint64_t size, struct error *err)
{
	size_t table = tail->block_count * sizeof(struct block), got = 0;
	uint64_t at = 0;
	a->size = tail->size;
	a->count = a->loaded = tail->block_count;
	a->blocks = malloc(table + 1);
	a->offsets = calloc(a->count + 1, sizeof(*a->offsets));
	a->plain = malloc(ARCHIVE_BLOCK_BYTES);
	a->frame = malloc(ZSTD_compressBound(ARCHIVE_BLOCK_BYTES));
	if (a->blocks == NULL || a->offsets == NULL || a->plain == NULL || a->frame == NULL)
		return error_set(err, E_FULL, "no memory for an archived segment");
	if (size < sizeof(*tail) + table + SKIP_HEADER_BYTES)
		return no_archive(a, err);
	enum status s = a->inner->ops->read(
		a->inner, a->blocks, table, size - sizeof(*tail) - table, &got, err);
	if (s != OK)
		return s;
	if (got < table || crc32c(0, a->blocks, table) != tail->table_crc)
		return no_archive(a, err);
	for (uint32_t i = 0; i < a->count; i++) {
		if (a->blocks[i].length > ZSTD_compressBound(ARCHIVE_BLOCK_BYTES))
			return no_archive(a, err);
		a->offsets[i] = at;
		at += a->blocks[i].length;
	}
	return at + SKIP_HEADER_BYTES + table + sizeof(*tail) == size ? OK : no_archive(a, err);
}

static enum status read_tail(struct archived *a, struct error *err)
{
	struct tail tail = { .version = 0 };
	uint64_t size = 0;
	size_t got = 0;
	enum status s = a->inner->ops->size(a->inner, &size, err);
	if (s == OK && size >= sizeof(tail))
		s = a->inner->ops->read(
			a->inner, &tail, sizeof(tail), size - sizeof(tail), &got, err);
	if (s != OK)
		return s;
	if (got < sizeof(tail) || memcmp(tail.magic, tail_magic, sizeof(tail_magic)) != 0 ||
		tail.crc != crc32c(0, &tail, offsetof(struct tail, crc)))
		return no_archive(a, err);
	if (tail.version != ARCHIVE_VERSION || tail.block_bytes != ARCHIVE_BLOCK_BYTES ||
		tail.size > SEGMENT_BYTES_MAX || tail.block_count != count_blocks(tail.size))
		return error_set(err, E_CORRUPT,
			"%s has a form that this program does not read (version %u, blocks of %u "
			"bytes)",
			a->name, tail.version, tail.block_bytes);
	return read_table(a, &tail, size, err);
}

bool archive_file_is(const struct disk_file *file)
{
	return file->ops == &archived_ops;
}

enum status archive_file_open(
	struct disk *archive, uint64_t index, struct disk_file **ret_segment, struct error *err)
{
	struct disk_file *inner = NULL;
	char name[ARCHIVE_NAME_MAX];
	archive_name(index, name);
	enum status s = archive->ops->open(archive, name, false, &inner, err);
	if (s != OK)
		return s;
	struct archived *a = calloc(1, sizeof(*a));
	if (a == NULL) {
		archive->ops->close(inner);
		return error_set(err, E_FULL, "no memory for an archived segment");
	}
	a->file.ops = &archived_ops;
	a->disk = archive;
	a->inner = inner;
	memcpy(a->name, name, sizeof(a->name));
	pthread_mutex_init(&a->lock, NULL);
	s = read_tail(a, err);
	if (s == OK)
		*ret_segment = &a->file;
	else
		archive_file_close(&a->file);
	return s;
}
