/* Sealed segments, compressed, in a folder of their own.
 *
 *     archive/0000000000000001.segment.zst   | zstd frame | frame | ... | table | tail 64 |
 *
 * Each frame holds ARCHIVE_BLOCK_BYTES of the segment, so that one event is read without the rest.
 * Table and tail stand in a frame that zstd skips: `zstd -d` gives the segment back, byte for byte.
 * docs/FORMAT.md has the bytes. */
#pragma once

#include "base/disk.h"

enum { ARCHIVE_BLOCK_BYTES = 256 << 10 };

/* A journal's disk whose sealed segments may stand in an archive: names and bytes are those of the
 * segments, wherever they are. Where both have a segment the journal's own counts. Archived ones
 * can only be read. Takes both disks over, on errors too. */
enum status archive_disk_open(
	struct disk *journal, struct disk *archive, struct disk **ret_disk, struct error *err);

struct archive_report {
	const char *name;
	uint64_t first_number, last_number; /* of its events; first > last when it has none */
	uint64_t bytes, archived_bytes;
};

/* Moves every sealed segment whose last event is at most `through` into the archive, but the newest
 * `keep` of them. A segment is read and held against its seal, compressed, synced, read back from
 * the archive and held against its seal again, and only then removed from the journal: wherever
 * this is interrupted the segment is whole in one of the two, and the next run goes on. Nobody has
 * the journal open. Calls `each` (may be NULL) for each segment. E_CORRUPT names the segment; it
 * stays where it is. */
enum status journal_archive(struct disk *journal, struct disk *archive, uint64_t through,
	uint64_t keep, void (*each)(void *context, const struct archive_report *report),
	void *context, struct error *err);
