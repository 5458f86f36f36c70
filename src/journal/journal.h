/* The journal: events in the order they were accepted, durable, kept for good.
 *
 *     0000000000000001.segment   | header | event | event | ... | seal |
 *     0000000000000002.segment   | header | event | ...   | zeros up to the allocated size |
 *
 * Every event has a number (1, 2, 3, ... without gaps, for the life of the journal) and a position
 * (where it stands). docs/FORMAT.md has the bytes. An event is durable when journal_sync() has
 * returned OK after its append: only then may anything be acknowledged.
 *
 * One thread appends and syncs. Readers may be on other threads; they see durable events only.
 * After a failed write or sync every further append and sync answers E_IO: the process stops,
 * starts again and recovers. A disk that is full answers E_FULL from journal_append(), nothing is
 * half written, and the same call succeeds when there is space again. */
#pragma once

#include "base/clock.h"
#include "base/disk.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/slice.h"

enum {
	JOURNAL_EVENT_BYTES_MAX = 4 << 20,
	JOURNAL_SEGMENT_BYTES = 64 << 20, /* default size of a segment */
};

enum event_kind {
	EVENT_TRANSACTION = 1, /* an accepted transaction */
	EVENT_CONFLICT = 2,    /* same key and revision, other content: kept, never applied */
	EVENT_INTENT = 3,      /* an ERP is about to be called for these postings */
	EVENT_ANSWER = 4,      /* what the ERP answered */
	EVENT_READ_BACK = 5,   /* what the ERP holds, compared line by line */
	EVENT_ROUTING = 6,     /* which ERP the following transactions are planned for */
	EVENT_GAP = 7,         /* numbers of a register that are missing for too long */
	EVENT_DEFINITIONS = 8, /* totals that the following transactions are added to */
	EVENT_FORGOTTEN = 9,   /* the key of a data subject is destroyed */
	EVENT_REPLY = 12,      /* the answer that belongs to an Idempotency-Key */
};

struct event {
	uint64_t number;
	uint64_t position;
	int64_t recorded_ms; /* wall clock when it was appended */
	uint16_t kind;       /* enum event_kind */
	struct slice payload;
};

struct journal;

/* Opens or creates. `segment_bytes` 0 means JOURNAL_SEGMENT_BYTES. Recovery cuts a torn tail (what
 * a power cut left of a group that nobody was told about), syncs, and leaves the journal ready to
 * append. E_CORRUPT: a segment is missing, or durable bytes are not what was written; the sentence
 * names file, offset and the numbers of the events affected, and nothing was changed.
 * The disk stays the caller's; so does the clock. */
enum status journal_open(struct disk *disk, struct clock *clock, uint64_t segment_bytes,
	struct journal **ret_journal, struct error *err);
/* Does not sync. NULL is fine. */
void journal_close(struct journal *journal);

/* Puts an event into the group that the next sync makes durable. *ret_event gets its number,
 * position and time; its payload stays the caller's slice. The payload is not empty. */
enum status journal_append(struct journal *journal, uint16_t kind, struct slice payload,
	struct event *ret_event, struct error *err);
/* Writes the group and waits for the disk. */
enum status journal_sync(struct journal *journal, struct error *err);

/* From any thread. */
uint64_t journal_durable_number(const struct journal *journal); /* last durable event, 0 if none */
uint64_t journal_bytes(const struct journal *journal); /* of events' records, all segments */
uint64_t journal_segments(const struct journal *journal);

/* A reader goes through the events from a number on. */
struct journal_reader;
enum status journal_reader_open(struct journal *journal, uint64_t first_number,
	struct journal_reader **ret_reader, struct error *err);
void journal_reader_close(struct journal_reader *reader);
/* The next durable event; E_RETRY when there is none yet. The payload belongs to the reader and
 * lives until its next call. */
enum status journal_reader_next(
	struct journal_reader *reader, struct event *ret_event, struct error *err);

/* Reads one event by position. The payload is copied into `buf` (which is reset). Any thread. */
struct buf;
enum status journal_read_at(struct journal *journal, uint64_t position, struct buf *buf,
	struct event *ret_event, struct error *err);

/* Reads everything and checks every checksum, number and seal; changes nothing. Calls `each` (may
 * be NULL) for each segment. Nobody may append to the journal meanwhile. */
struct segment_report {
	char name[40];
	uint64_t first_number, last_number; /* 0, 0 when empty */
	uint64_t bytes; /* of the file when sealed, else up to the end of the last good record */
	bool sealed;
	struct hash seal; /* SHA-256 over the segment's bytes up to the seal */
};
enum status journal_verify(struct disk *disk,
	void (*each)(void *context, const struct segment_report *report), void *context,
	struct error *err);
