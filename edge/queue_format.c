#include "edge/queue_format.h"

#include "base/crc32c.h"

#include <stdio.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "structs are written as they are");

/* Three of these bytes never occur in UTF-8, so no document looks like a record. */
enum { RECORD_MAGIC = 0x54fdf6ff };

static const char header_magic[8] = "tillqseg";

static uint32_t header_crc(const struct queue_header *header)
{
	size_t from = offsetof(struct queue_header, crc) + sizeof(header->crc);
	return crc32c(0, (const char *)header + from, sizeof(*header) - from);
}

void queue_header_finish(struct queue_header *header)
{
	memcpy(header->magic, header_magic, sizeof(header_magic));
	header->format = QUEUE_FORMAT;
	header->crc = header_crc(header);
}

bool queue_header_valid(const struct queue_header *header, uint64_t index, uint64_t file_size)
{
	return memcmp(header->magic, header_magic, sizeof(header_magic)) == 0 &&
	       header->format == QUEUE_FORMAT && header->crc == header_crc(header) &&
	       header->index == index && header->size == file_size && header->first_number > 0;
}

void queue_record_write(char *at, struct queue_record fields, struct slice payload)
{
	size_t from = offsetof(struct queue_record, crc) + sizeof(fields.crc);
	size_t bytes = (size_t)queue_record_bytes(payload.len);
	fields.magic = RECORD_MAGIC;
	fields.length = (uint32_t)payload.len;
	memset(at, 0, bytes);
	memcpy(at + QUEUE_RECORD_BYTES, payload.ptr, payload.len);
	memcpy(at, &fields, sizeof(fields));
	fields.crc = crc32c(0, at + from, bytes - from);
	memcpy(at, &fields, sizeof(fields));
}

bool queue_record_read(struct slice bytes, uint64_t offset, struct queue_record *ret_record)
{
	struct queue_record r;
	size_t from = offsetof(struct queue_record, crc) + sizeof(r.crc);
	if (bytes.len < sizeof(r))
		return false;
	memcpy(&r, bytes.ptr, sizeof(r));
	if (r.magic != RECORD_MAGIC || r.offset != offset || r.length == 0 ||
		r.length > QUEUE_PAYLOAD_MAX || queue_record_bytes(r.length) > bytes.len)
		return false;
	if (r.type < QUEUE_SALE || r.type > QUEUE_SEQUENCE || r.number == 0 ||
		r.crc != crc32c(0, bytes.ptr + from, (size_t)queue_record_bytes(r.length) - from))
		return false;
	*ret_record = r;
	return true;
}

void queue_name(uint64_t index, char name[static QUEUE_NAME_LEN + 7])
{
	snprintf(name, QUEUE_NAME_LEN + 7, "%016llu.queue", (unsigned long long)index);
}

uint64_t queue_name_index(const char *name)
{
	uint64_t index;
	if (strlen(name) != QUEUE_NAME_LEN + 6 || strcmp(name + QUEUE_NAME_LEN, ".queue") != 0 ||
		!slice_to_u64(slice_make(name, QUEUE_NAME_LEN), &index))
		return 0;
	return index;
}
