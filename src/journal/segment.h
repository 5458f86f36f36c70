/* The bytes of a segment: what stands on disk, and how one record is made and checked.
 * docs/FORMAT.md has the drawings. Numbers are little-endian; structs are written as they are.
 *
 *     | header 88 | record | record | ... | zeros | seal 112 |
 *
 *     record = | record header 48 | payload | 0..7 zeros |
 *
 * A record stands at a multiple of 8. Its magic number has bytes that UTF-8 never uses, so no
 * document inside an event can look like a record. */
#pragma once

#include "base/check.h"
#include "base/error.h"
#include "base/hash.h"
#include "journal/journal.h"
#include "journal/window.h"

enum {
	SEGMENT_VERSION = 1,
	SEGMENT_NAME_MAX = 40,
	SEGMENT_BYTES_MIN = 4096,
	SEGMENT_BYTES_MAX = 1 << 30,
	SEGMENT_INDEX_MAX = 1 << 20,
};

struct segment_header {
	char magic[8];
	uint32_t version;
	uint32_t crc; /* CRC-32C of all that follows */
	uint64_t index;
	uint64_t first_number; /* of the first event that will stand here */
	uint64_t size;         /* of the file */
	int64_t created_ms;
	struct hash previous; /* the seal of the segment before; zeros in the first */
	uint32_t generation;  /* of the process life that made the segment */
	uint32_t reserved;    /* 0 */
};
static_assert(sizeof(struct segment_header) == 88, "written as it is: no padding");

enum record_type {
	RECORD_EVENT = 1,
	RECORD_MARK = 2, /* no event: says that everything before it was synced */
	RECORD_SEAL = 3, /* the last record of a full segment, at the very end of the file */
};

struct record_header {
	uint32_t magic;
	uint32_t crc;        /* CRC-32C of all that follows, with payload and padding */
	uint32_t length;     /* of the payload */
	uint16_t kind;       /* enum event_kind; 0 for marks and seals */
	uint16_t type;       /* enum record_type */
	uint64_t number;     /* of the event; for marks and seals: of the next one */
	int64_t recorded_ms; /* wall clock */
	uint64_t durable;    /* the last event that was durable when this was written */
	uint32_t offset;     /* of this record in its file */
	uint32_t generation; /* raised each time the journal is opened */
};
static_assert(sizeof(struct record_header) == 48, "written as it is: no padding");
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are written as they are");

struct seal {
	uint64_t count;
	uint64_t first_number;
	uint64_t last_number; /* first_number - 1 when the segment is empty */
	uint64_t event_bytes;
	struct hash hash; /* of every byte before the seal record */
};
static_assert(sizeof(struct seal) == 64, "written as it is: no padding");

#define RECORD_MAGIC UINT32_C(0xfec5f7ff)
enum {
	SEGMENT_HEADER_BYTES = sizeof(struct segment_header),
	RECORD_HEADER_BYTES = sizeof(struct record_header),
	SEAL_BYTES = RECORD_HEADER_BYTES + sizeof(struct seal),
	RECORD_BYTES_MAX = RECORD_HEADER_BYTES + JOURNAL_EVENT_BYTES_MAX,
};
static_assert(JOURNAL_EVENT_BYTES_MAX % 8 == 0, "the largest record has no padding");

/* "0000000000000001.segment", or with ".tmp" behind it while it is being prepared. */
void segment_name(uint64_t index, char name[static SEGMENT_NAME_MAX]);
void segment_spare_name(uint64_t index, char name[static SEGMENT_NAME_MAX]);
/* False when the name is neither. */
bool segment_name_parse(const char *name, uint64_t *ret_index, bool *ret_spare);

/* Fills magic, version and checksum around the fields that the caller has set. */
void segment_header_finish(struct segment_header *header);
enum status segment_header_read(struct disk_file *file, uint64_t index,
	struct segment_header *ret_header, struct error *err);

/* What stands before the seal: where events may go. */
static inline uint64_t segment_room_end(uint64_t size)
{
	return size - SEAL_BYTES;
}

static inline uint64_t segment_position(uint64_t index, uint64_t offset)
{
	return index << 32 | offset;
}

static inline size_t record_bytes(size_t payload_len)
{
	return RECORD_HEADER_BYTES + ((payload_len + 7) & ~(size_t)7);
}

/* Puts a record together; `to` has room for record_bytes(payload.len). Magic, length and checksum
 * are filled in. */
void record_write(char *to, struct record_header fields, struct slice payload);

/* True when the header could be one of a record at `offset` that ends before `end`. */
bool record_header_fits(const struct record_header *header, uint64_t offset, uint64_t end);
/* The payload comes in one or two pieces; the padding belongs to it. */
bool record_crc_matches(
	const struct record_header *header, struct slice piece, struct slice further);

enum record_state {
	RECORD_GOOD,
	RECORD_BLANK, /* zeros: nothing was written here */
	RECORD_BAD,
};

struct record {
	struct record_header header;
	struct slice payload; /* in the window; until its next use */
	uint64_t end;         /* behind the padding */
};

/* Reads the record at `offset` of a file whose bytes count up to `end`. */
enum status record_read(struct window *window, uint64_t offset, uint64_t end,
	struct record *ret_record, enum record_state *ret_state, struct error *err);
/* The seal at the end of a file of `size` bytes, when there is a good one. */
enum status seal_read(struct disk_file *file, uint64_t size, struct seal *ret_seal,
	struct record_header *ret_header, bool *ret_found, struct error *err);
