/* A file as a stream of bytes or of lines. "-" is standard input. What begins with the magic
 * number of Zstandard (RFC 8878) is decompressed on the way, whatever its name. Not for two
 * threads. */
#pragma once

#include "base/buf.h"
#include "base/error.h"

struct input;

/* The path is copied; it is named in every error. */
enum status input_open(const char *path, struct input **ret_input, struct error *err);
void input_close(struct input *input);

/* Up to `size` bytes; *ret_len is 0 at the end only. E_IO, or E_INPUT for damaged compression. */
enum status input_read(
	struct input *input, void *bytes, size_t size, size_t *ret_len, struct error *err);
/* All that is left; E_FULL when it is more than the buffer's limit. */
enum status input_read_all(struct input *input, struct buf *buf, struct error *err);

/* The next line without its "\n" or "\r\n"; valid until the next call. At the end *ret_end is true.
 * E_INPUT when a line is longer than `line_bytes_max`. */
enum status input_line(struct input *input, size_t line_bytes_max, struct slice *ret_line,
	bool *ret_end, struct error *err);
/* The number of the line that input_line() gave last, from 1. */
uint64_t input_line_number(const struct input *input);
const char *input_path(const struct input *input);
/* Bytes of the file that are read so far, and all of them (0 when that is not known). */
void input_position(const struct input *input, uint64_t *ret_bytes, uint64_t *ret_total);
