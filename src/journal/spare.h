/* The file of the next segment, prepared while the present one fills, so that no group has to wait
 * for a whole segment of zeros. It carries a .tmp name until its header is written. */
#pragma once

#include "journal/segment.h"

struct spare {
	struct disk_file *file; /* NULL: nothing is prepared */
	uint64_t index;
	uint64_t size; /* bytes allocated so far */
	bool ready;    /* its zeros and its name are durable */
};

/* All three drop the spare when they fail, so that its space is free again. */

/* Begins when there is none; goes on to `size` bytes. */
enum status spare_grow(
	struct disk *disk, struct spare *spare, uint64_t index, uint64_t size, struct error *err);
enum status spare_finish(struct disk *disk, struct spare *spare, struct error *err);
/* Gives it the header and the segment's name, durably, and hands the file over. */
enum status spare_become_segment(struct disk *disk, struct spare *spare,
	const struct segment_header *header, struct disk_file **ret_file, struct error *err);

/* Takes over the file that was prepared before the power went, at least `size` bytes. Unlike the
 * others it never removes the file. */
enum status spare_adopt(
	struct disk *disk, struct spare *spare, uint64_t index, uint64_t size, struct error *err);
void spare_drop(struct disk *disk, struct spare *spare);
void spare_close(struct disk *disk, struct spare *spare);
