#include "journal/segment.h"

#include "base/crc32c.h"
#include "base/plant.h"

#include <stddef.h>
#include <stdio.h>

static const char header_magic[8] = { 't', 'i', 'l', 'l', 'b', 's', 'e', 'g' };
static const char suffix[] = ".segment";
static const char spare_suffix[] = ".segment.tmp";
enum { INDEX_DIGITS = 16, CRC_FROM = offsetof(struct record_header, length) };

void segment_name(uint64_t index, char name[static SEGMENT_NAME_MAX])
{
	snprintf(name, SEGMENT_NAME_MAX, "%016llu%s", (unsigned long long)index, suffix);
}

void segment_spare_name(uint64_t index, char name[static SEGMENT_NAME_MAX])
{
	snprintf(name, SEGMENT_NAME_MAX, "%016llu%s", (unsigned long long)index, spare_suffix);
}

bool segment_name_parse(const char *name, uint64_t *ret_index, bool *ret_spare)
{
	struct slice text = slice_of(name);
	if (text.len <= INDEX_DIGITS)
		return false;
	struct slice rest = slice_make(text.ptr + INDEX_DIGITS, text.len - INDEX_DIGITS);
	if (!slice_is(rest, suffix) && !slice_is(rest, spare_suffix))
		return false;
	if (!slice_to_u64(slice_make(text.ptr, INDEX_DIGITS), ret_index))
		return false;
	*ret_spare = slice_is(rest, spare_suffix);
	return *ret_index > 0;
}

static uint32_t header_crc(const struct segment_header *header)
{
	const size_t from = offsetof(struct segment_header, index);
	return crc32c(0, (const char *)header + from, sizeof(*header) - from);
}

void segment_header_finish(struct segment_header *header)
{
	memcpy(header->magic, header_magic, sizeof(header_magic));
	header->version = SEGMENT_VERSION;
	header->reserved = 0;
	header->crc = header_crc(header);
}

static bool header_is_sane(const struct segment_header *header, uint64_t index)
{
	return header->crc == header_crc(header) && header->index == index &&
	       header->first_number > 0 && header->size >= SEGMENT_BYTES_MIN &&
	       header->size <= SEGMENT_BYTES_MAX && header->size % 8 == 0;
}

enum status segment_header_read(struct disk_file *file, uint64_t index,
	struct segment_header *ret_header, struct error *err)
{
	struct segment_header header = { 0 };
	uint64_t size = 0;
	size_t got = 0;
	enum status s = file->ops->read(file, &header, sizeof(header), 0, &got, err);
	if (s == OK)
		s = file->ops->size(file, &size, err);
	if (s != OK)
		return s;
	if (got < sizeof(header) || memcmp(header.magic, header_magic, sizeof(header_magic)) != 0)
		return error_set(err, E_CORRUPT, "offset 0: this is not the header of a segment");
	if (header.version != SEGMENT_VERSION)
		return error_set(err, E_CORRUPT,
			"the segment has format version %u; this program reads version %d",
			header.version, SEGMENT_VERSION);
	if (!header_is_sane(&header, index))
		return error_set(err, E_CORRUPT, "offset 0: the segment's header is damaged");
	if (size != header.size)
		return error_set(err, E_CORRUPT,
			"the file has %llu bytes; its header says %llu: events from %llu on may be "
			"missing",
			(unsigned long long)size, (unsigned long long)header.size,
			(unsigned long long)header.first_number);
	*ret_header = header;
	return OK;
}

void record_write(char *to, struct record_header fields, struct slice payload)
{
	size_t bytes = record_bytes(payload.len);
	check(payload.len <= JOURNAL_EVENT_BYTES_MAX && fields.offset % 8 == 0);
	fields.magic = RECORD_MAGIC;
	fields.length = (uint32_t)payload.len;
	memcpy(to, &fields, sizeof(fields));
	if (payload.len > 0)
		memcpy(to + sizeof(fields), payload.ptr, payload.len);
	memset(to + sizeof(fields) + payload.len, 0, bytes - sizeof(fields) - payload.len);
	fields.crc = crc32c(0, to + CRC_FROM, bytes - CRC_FROM);
	memcpy(to + offsetof(struct record_header, crc), &fields.crc, sizeof(fields.crc));
}

bool record_header_fits(const struct record_header *header, uint64_t offset, uint64_t end)
{
	return header->magic == RECORD_MAGIC && header->offset == offset &&
	       header->length <= JOURNAL_EVENT_BYTES_MAX && offset <= end &&
	       record_bytes(header->length) <= end - offset;
}

bool record_crc_matches(
	const struct record_header *header, struct slice piece, struct slice further)
{
	uint32_t crc = crc32c(0, (const char *)header + CRC_FROM, sizeof(*header) - CRC_FROM);
	crc = crc32c(crc, piece.ptr, piece.len);
	if (further.len > 0)
		crc = crc32c(crc, further.ptr, further.len);
	return crc == header->crc;
}

enum status record_read(struct window *window, uint64_t offset, uint64_t end,
	struct record *ret_record, enum record_state *ret_state, struct error *err)
{
	struct record_header header;
	const char *bytes = NULL;
	*ret_state = RECORD_BAD;
	if (end < RECORD_HEADER_BYTES || offset > end - RECORD_HEADER_BYTES) {
		*ret_state = RECORD_BLANK;
		return OK;
	}
	enum status s = window_get(window, offset, sizeof(header), end, &bytes, err);
	if (s != OK)
		return s;
	memcpy(&header, bytes, sizeof(header));
	if (!record_header_fits(&header, offset, end)) {
		if (header.magic == 0 && header.crc == 0)
			*ret_state = RECORD_BLANK;
		return OK;
	}
	size_t len = record_bytes(header.length);
	s = window_get(window, offset, len, end, &bytes, err);
	if (s != OK)
		return s;
	if (crc32c(0, bytes + CRC_FROM, len - CRC_FROM) != header.crc && !PLANTED(7))
		return OK;
	*ret_record = (struct record){ .header = header,
		.payload = slice_make(bytes + sizeof(header), header.length),
		.end = offset + len };
	*ret_state = RECORD_GOOD;
	return OK;
}

enum status seal_read(struct disk_file *file, uint64_t size, struct seal *ret_seal,
	struct record_header *ret_header, bool *ret_found, struct error *err)
{
	char bytes[SEAL_BYTES];
	struct record_header header;
	size_t got = 0;
	uint64_t offset = segment_room_end(size);
	enum status s = file->ops->read(file, bytes, sizeof(bytes), offset, &got, err);
	if (s != OK)
		return s;
	memcpy(&header, bytes, sizeof(header));
	*ret_found =
		got == sizeof(bytes) && record_header_fits(&header, offset, size) &&
		header.type == RECORD_SEAL && header.length == sizeof(*ret_seal) &&
		record_crc_matches(&header, slice_make(bytes + sizeof(header), sizeof(*ret_seal)),
			slice_make(NULL, 0));
	if (*ret_found) {
		memcpy(ret_seal, bytes + sizeof(header), sizeof(*ret_seal));
		*ret_header = header;
	}
	return OK;
}
