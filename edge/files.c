#include "edge/files.h"

#include <stdio.h>

enum status file_read(struct disk *disk, const char *name, struct buf *buf, struct error *err)
{
	struct disk_file *file = NULL;
	uint64_t size = 0;
	buf_reset(buf);
	enum status s = disk->ops->open(disk, name, false, &file, err);
	if (s == OK)
		s = file->ops->size(file, &size, err);
	char *at = s == OK ? buf_reserve(buf, (size_t)size) : NULL;
	if (s == OK && at == NULL)
		s = error_set(
			err, E_FULL, "%s has %llu bytes, too many", name, (unsigned long long)size);
	if (s == OK)
		s = file->ops->read(file, at, (size_t)size, 0, &buf->len, err);
	if (file != NULL)
		file->ops->close(file);
	return s;
}

enum status file_replace(struct disk *disk, const char *name, struct slice bytes, struct error *err)
{
	char temporary[FILE_NAME_BYTES + 5];
	struct disk_file *file = NULL;
	snprintf(temporary, sizeof(temporary), "%s.new", name);
	(void)disk->ops->remove(disk, temporary, NULL);
	enum status s = disk->ops->open(disk, temporary, true, &file, err);
	if (s == OK)
		s = file->ops->write(file, bytes.ptr, bytes.len, 0, err);
	if (s == OK)
		s = file->ops->sync(file, err);
	if (file != NULL)
		file->ops->close(file);
	if (s == OK)
		s = disk->ops->rename(disk, temporary, name, err);
	return s == OK ? disk->ops->sync_names(disk, err) : s;
}
