#include "journal/window.h"

#include "base/check.h"

#include <stdlib.h>

void window_init(struct window *window, struct disk_file *file, size_t read_bytes)
{
	*window = (struct window){ .file = file, .read_bytes = read_bytes };
}

void window_release(struct window *window)
{
	free(window->bytes);
	*window = (struct window){ .read_bytes = window->read_bytes };
}

void window_turn(struct window *window, struct disk_file *file)
{
	window->file = file;
	window->len = 0;
}

static enum status make_room(struct window *window, size_t bytes, struct error *err)
{
	if (bytes <= window->size)
		return OK;
	char *grown = realloc(window->bytes, bytes);
	if (grown == NULL)
		return error_set(err, E_FULL, "no memory to read %zu bytes", bytes);
	window->bytes = grown;
	window->size = bytes;
	return OK;
}

static enum status load(
	struct window *window, uint64_t offset, size_t len, uint64_t end, struct error *err)
{
	size_t want = len > window->read_bytes ? len : window->read_bytes;
	if (want > end - offset)
		want = (size_t)(end - offset);
	window->len = 0;
	enum status s = make_room(window, want, err);
	size_t got = 0;
	if (s == OK)
		s = window->file->ops->read(window->file, window->bytes, want, offset, &got, err);
	if (s != OK)
		return s;
	if (got < len)
		return error_set(err, E_CORRUPT,
			"the file ends at offset %llu; bytes up to %llu were expected",
			(unsigned long long)(offset + got), (unsigned long long)(offset + len));
	window->offset = offset;
	window->len = got;
	return OK;
}

enum status window_get(struct window *window, uint64_t offset, size_t len, uint64_t end,
	const char **ret_bytes, struct error *err)
{
	check(len <= end && offset <= end - len);
	bool loaded = offset >= window->offset && offset - window->offset <= window->len &&
		      len <= window->len - (offset - window->offset);
	if (!loaded) {
		enum status s = load(window, offset, len, end, err);
		if (s != OK)
			return s;
	}
	*ret_bytes = window->bytes + (offset - window->offset);
	return OK;
}
