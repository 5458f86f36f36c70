/* A window onto a file: the bytes around the place where somebody reads, kept in one buffer that
 * grows to the largest piece asked for. Not for two threads. */
#pragma once

#include "base/disk.h"
#include "base/error.h"

struct window {
	struct disk_file *file; /* the caller's */
	size_t read_bytes;      /* how much is read at once */
	char *bytes;
	size_t size;
	size_t len;      /* bytes loaded */
	uint64_t offset; /* of the first of them in the file */
};

void window_init(struct window *window, struct disk_file *file, size_t read_bytes);
void window_release(struct window *window);
/* Goes on with another file; the buffer is kept. */
void window_turn(struct window *window, struct disk_file *file);

/* `len` bytes at `offset`, valid until the next call. Nothing at or beyond `end` is loaded: it may
 * still be written to. E_CORRUPT when the file is shorter. */
enum status window_get(struct window *window, uint64_t offset, size_t len, uint64_t end,
	const char **ret_bytes, struct error *err);
