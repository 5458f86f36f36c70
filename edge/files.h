/* Small files that are read and replaced as a whole. */
#pragma once

#include "base/buf.h"
#include "base/disk.h"

enum { FILE_NAME_BYTES = 60 };

/* Into `buf`, which is reset. E_INPUT: there is no such file; E_FULL: larger than the buffer. */
enum status file_read(struct disk *disk, const char *name, struct buf *buf, struct error *err);
/* After a power cut the file is the new one or the one before, never a part. */
enum status file_replace(
	struct disk *disk, const char *name, struct slice bytes, struct error *err);
