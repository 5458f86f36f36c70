#include "edge/writer.h"

#include "edge/files.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

static enum status make_up(
	struct disk *disk, char writer[static WRITER_TEXT_MAX + 1], struct error *err)
{
	unsigned long long number;
	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return error_errno(err, E_IO, "the system gives no random bytes");
	snprintf(writer, WRITER_TEXT_MAX + 1, "till-%016llx", number);
	return file_replace(disk, "writer", slice_of(writer), err);
}

/* A file that is not what was written there is replaced: the till then counts as a new one. */
enum status writer_open(
	struct disk *disk, char writer[static WRITER_TEXT_MAX + 1], struct error *err)
{
	struct buf buf;
	buf_init(&buf, 256);
	enum status s = file_read(disk, "writer", &buf, err);
	buf_char(&buf, '\0');
	bool good = s == OK && buf.len == WRITER_TEXT_MAX + 1 && memcmp(buf.ptr, "till-", 5) == 0 &&
		    strspn(buf.ptr + 5, "0123456789abcdef") == 16;
	if (good) {
		memcpy(writer, buf.ptr, WRITER_TEXT_MAX);
		writer[WRITER_TEXT_MAX] = '\0';
	}
	buf_release(&buf);
	if (good || (s != OK && s != E_INPUT && s != E_FULL))
		return s;
	return make_up(disk, writer, err);
}
