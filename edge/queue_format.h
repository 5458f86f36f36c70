/* The bytes of the register's queue: a segment's header and its records. docs/EDGE.md describes
 * them. Little-endian; checksums are CRC-32C. Pure functions over bytes. */
#pragma once

#include "base/check.h"
#include "base/slice.h"

enum {
	QUEUE_HEADER_BYTES = 64,
	QUEUE_RECORD_BYTES = 48, /* in front of the payload */
	QUEUE_FORMAT = 1,
	QUEUE_PAYLOAD_MAX = 2 << 20,
	QUEUE_NAME_LEN = 16,
	QUEUE_RANGES_MAX = 128, /* in one record of type QUEUE_DONE */
};

struct queue_header {
	char magic[8]; /* "tillqseg" */
	uint32_t format;
	uint32_t crc;           /* of the bytes behind it */
	uint64_t index;         /* 1, 2, 3, ...: as in the name */
	uint64_t first_number;  /* of the first transaction that stands here */
	uint64_t last_sequence; /* the largest sequence number that was used before */
	uint64_t size;          /* of the file */
	int64_t created_ms;
	uint64_t reserved;
};

enum queue_type {
	QUEUE_SALE = 1,     /* a transaction: canonical JSON */
	QUEUE_DONE = 2,     /* the centre has them: ranges of numbers */
	QUEUE_SEQUENCE = 3, /* a sequence number was given out; a payload of one byte */
};

struct queue_record {
	uint32_t magic;
	uint32_t crc; /* of everything behind it, padding included */
	uint32_t length;
	uint16_t type;
	uint16_t reserved;
	uint64_t number;   /* of this transaction; in other records, of the next one */
	uint64_t sequence; /* the largest that was used, this record's own included */
	int64_t recorded_ms;
	uint64_t offset; /* its own place in the file */
};

struct queue_range {
	uint64_t first, count;
};

static_assert(sizeof(struct queue_header) == QUEUE_HEADER_BYTES, "as it is on the disk");
static_assert(sizeof(struct queue_record) == QUEUE_RECORD_BYTES, "as it is on the disk");

/* Bytes of a record with such a payload: a multiple of 8. */
static inline uint64_t queue_record_bytes(uint64_t payload)
{
	return QUEUE_RECORD_BYTES + ((payload + 7) & ~UINT64_C(7));
}

void queue_header_finish(struct queue_header *header);
bool queue_header_valid(const struct queue_header *header, uint64_t index, uint64_t file_size);

/* Writes the record to `at`, which has room for queue_record_bytes(payload.len). */
void queue_record_write(char *at, struct queue_record fields, struct slice payload);
/* A record with a good checksum that belongs at `offset` and ends within `bytes`. */
bool queue_record_read(struct slice bytes, uint64_t offset, struct queue_record *ret_record);

void queue_name(uint64_t index, char name[static QUEUE_NAME_LEN + 7]);
/* 0 when it is no segment's name. */
uint64_t queue_name_index(const char *name);
