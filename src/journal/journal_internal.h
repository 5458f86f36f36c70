/* What journal.c (appending), recover.c (opening) and reader.c share. */
#pragma once

#include "journal/files.h"
#include "journal/segment.h"
#include "journal/spare.h"

#include <stdatomic.h>

enum {
	/* A group that grows beyond this is written before its sync; it must hold one record of
	 * the largest size. */
	GROUP_BYTES = 8 << 20,
};
static_assert(GROUP_BYTES >= RECORD_BYTES_MAX + RECORD_HEADER_BYTES, "room for any record");

/* Where readers find a segment: the table's row 0 is segment 1. */
struct segment_entry {
	uint64_t first_number;
	uint64_t size;
};

struct journal {
	struct disk *disk;
	struct clock *clock;
	uint64_t segment_bytes;

	/* Of the thread that appends. */
	struct disk_file *file;       /* the last segment */
	struct segment_header header; /* its header */
	uint64_t end;                 /* bytes of it that were written; the group goes behind */
	char *group;                  /* GROUP_BYTES */
	size_t group_len;
	uint64_t marked_end;     /* nothing but a mark or the header stands before this place */
	uint64_t unsynced_bytes; /* written since the last sync */
	uint64_t next_number;
	uint64_t event_bytes;         /* of all events, with the group's */
	uint64_t segment_event_bytes; /* of those in the last segment */
	uint32_t generation;
	bool sealed;           /* the last segment is, and the next is not there yet */
	bool failed;           /* also while it is being opened */
	bool spare_refused;    /* there was no room to prepare ahead; wait until it is needed */
	struct hash seal_hash; /* of the last seal */
	struct hasher *hasher; /* has the last segment's bytes up to `end` */
	struct spare spare;

	/* For readers on any thread. The two durable values are set together under the lock, the
	 * number last, and read alone without it. */
	_Atomic uint64_t durable_number;
	_Atomic uint64_t durable_position; /* behind the last durable record */
	_Atomic uint64_t durable_bytes;
	_Atomic uint64_t segment_count;
	pthread_mutex_t lock;
	struct segment_entry *entries; /* lock */
	size_t entries_size;           /* lock */
	struct files files;
};

/* Room for one more row of the table, so that adding it later cannot fail. */
enum status journal_reserve_entry(struct journal *journal, struct error *err);
void journal_add_entry(struct journal *journal, uint64_t first_number, uint64_t size);

/* The steps of appending, also used by recovery. */
void journal_publish(struct journal *journal);
enum status journal_write_group(struct journal *journal, struct error *err);
enum status journal_commit(struct journal *journal, struct error *err);
/* Appends a mark when there is room for one. */
void journal_put_mark(struct journal *journal);
/* Makes the ready spare the last segment. */
enum status journal_start_segment(struct journal *journal, struct error *err);
