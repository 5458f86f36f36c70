/* One archived segment: written once from front to back, read at any place. */
#pragma once

#include "journal/archive.h"
#include "journal/segment.h"

enum { ARCHIVE_NAME_MAX = SEGMENT_NAME_MAX + 8 };

/* "0000000000000001.segment.zst", or with ".tmp" behind it while it is being written. */
void archive_name(uint64_t index, char name[static ARCHIVE_NAME_MAX]);
void archive_unfinished_name(uint64_t index, char name[static ARCHIVE_NAME_MAX]);
/* False for any other name; unfinished ones are other names. */
bool archive_name_parse(const char *name, uint64_t *ret_index);

/* Writes and syncs all of `segment`, which has `size` bytes, behind each other into the new file
 * `to`. *ret_bytes is what it came to. */
enum status archive_file_write(struct disk_file *segment, uint64_t size, struct disk_file *to,
	uint64_t *ret_bytes, struct error *err);
/* Opens one of the archive's files so that it reads as the segment would; any number of threads may
 * read. E_INPUT: it is not there. E_CORRUPT. */
enum status archive_file_open(
	struct disk *archive, uint64_t index, struct disk_file **ret_segment, struct error *err);
void archive_file_close(struct disk_file *segment);
/* False for files of other disks. */
bool archive_file_is(const struct disk_file *file);
