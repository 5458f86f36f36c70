#include "journal/spare.h"

#include "journal/zeros.h"

void spare_close(struct disk *disk, struct spare *spare)
{
	if (spare->file != NULL)
		disk->ops->close(spare->file);
	*spare = (struct spare){ 0 };
}

void spare_drop(struct disk *disk, struct spare *spare)
{
	char name[SEGMENT_NAME_MAX];
	if (spare->file == NULL)
		return;
	segment_spare_name(spare->index, name);
	spare_close(disk, spare);
	/* If this fails the file is in nobody's way: spare_grow() and recovery remove it too. */
	(void)disk->ops->remove(disk, name, NULL);
}

static enum status create(struct disk *disk, struct spare *spare, uint64_t index, struct error *err)
{
	char name[SEGMENT_NAME_MAX];
	segment_spare_name(index, name);
	(void)disk->ops->remove(disk, name, NULL);
	enum status s = disk->ops->open(disk, name, true, &spare->file, err);
	if (s == OK)
		spare->index = index;
	return s;
}

enum status spare_grow(
	struct disk *disk, struct spare *spare, uint64_t index, uint64_t size, struct error *err)
{
	enum status s = OK;
	if (spare->file == NULL)
		s = create(disk, spare, index, err);
	if (s == OK && spare->size < size) {
		check(spare->index == index);
		spare->ready = false;
		s = spare->file->ops->allocate(spare->file, size, err);
	}
	if (s == OK && spare->size < size)
		spare->size = size;
	if (s != OK)
		spare_drop(disk, spare);
	return s;
}

enum status spare_finish(struct disk *disk, struct spare *spare, struct error *err)
{
	if (spare->ready)
		return OK;
	enum status s = spare->file->ops->sync(spare->file, err);
	if (s == OK)
		s = disk->ops->sync_names(disk, err);
	spare->ready = s == OK;
	if (s != OK)
		spare_drop(disk, spare);
	return s;
}

enum status spare_become_segment(struct disk *disk, struct spare *spare,
	const struct segment_header *header, struct disk_file **ret_file, struct error *err)
{
	char name[SEGMENT_NAME_MAX], spare_name[SEGMENT_NAME_MAX];
	check(spare->ready && header->index == spare->index && header->size == spare->size);
	segment_name(spare->index, name);
	segment_spare_name(spare->index, spare_name);
	/* The header is durable before the name, and the name before any event. */
	enum status s = spare->file->ops->write(spare->file, header, sizeof(*header), 0, err);
	if (s == OK)
		s = spare->file->ops->sync(spare->file, err);
	if (s == OK)
		s = disk->ops->rename(disk, spare_name, name, err);
	if (s == OK)
		s = disk->ops->sync_names(disk, err);
	/* After a failure the file stays: the segment before may be sealed already, and then
	 * recovery looks for it. */
	if (s == OK) {
		*ret_file = spare->file;
		*spare = (struct spare){ 0 };
	}
	return s;
}

enum status spare_adopt(
	struct disk *disk, struct spare *spare, uint64_t index, uint64_t size, struct error *err)
{
	char name[SEGMENT_NAME_MAX];
	uint64_t found = 0;
	segment_spare_name(index, name);
	enum status s = disk->ops->open(disk, name, false, &spare->file, err);
	if (s == OK)
		s = spare->file->ops->size(spare->file, &found, err);
	if (s == OK && found < size)
		s = spare->file->ops->allocate(spare->file, size, err);
	/* It is written over in place, not made again: its space may be the last on the disk. */
	if (s == OK)
		s = zeros_write(spare->file, 0, found, err);
	if (s == OK)
		s = spare->file->ops->sync(spare->file, err);
	if (s == OK)
		s = disk->ops->sync_names(disk, err);
	if (s != OK) {
		spare_close(disk, spare);
		return s;
	}
	*spare = (struct spare){ .file = spare->file,
		.index = index,
		.size = found < size ? size : found,
		.ready = true };
	return OK;
}
