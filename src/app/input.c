#include "app/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

enum { RAW_BYTES = 128 << 10, LINES_BYTES_MAX = 64 << 20 };

struct input {
	char *path;
	int fd;
	uint64_t bytes_read, bytes_total;
	char raw[RAW_BYTES]; /* as the file has it */
	size_t raw_at, raw_len;
	bool raw_ended;
	ZSTD_DStream *zstd; /* NULL for a plain file */
	size_t frame_left;  /* what the decompressor still expects; 0 between frames */
	struct buf lines;
	size_t lines_at;
	uint64_t line_number;
	bool ended;
};

/* Fills the empty raw buffer. */
static enum status fill(struct input *input, struct error *err)
{
	ssize_t n;
	do
		n = read(input->fd, input->raw, sizeof(input->raw));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return error_errno(err, E_IO, "%s: cannot read", input->path);
	input->raw_at = 0;
	input->raw_len = (size_t)n;
	input->bytes_read += (uint64_t)n;
	input->raw_ended = n == 0;
	return OK;
}

static enum status look_for_zstd(struct input *input, struct error *err)
{
	static const char magic[4] = { '\x28', '\xb5', '\x2f', '\xfd' };
	enum status s = fill(input, err);
	if (s != OK || input->raw_len < 4 || memcmp(input->raw, magic, 4) != 0)
		return s;
	input->zstd = ZSTD_createDStream();
	if (input->zstd == NULL)
		return error_set(err, E_FULL, "%s: out of memory", input->path);
	ZSTD_initDStream(input->zstd);
	return OK;
}

static enum status open_path(struct input *input, const char *path, struct error *err)
{
	struct stat st;
	input->path = strdup(path);
	if (input->path == NULL)
		return error_set(err, E_FULL, "%s: out of memory", path);
	if (strcmp(path, "-") == 0)
		input->fd = dup(STDIN_FILENO);
	else
		input->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (input->fd < 0)
		return error_errno(err, E_IO, "%s: cannot open", path);
	if (fstat(input->fd, &st) == 0 && S_ISDIR(st.st_mode))
		return error_set(err, E_CONFIG, "%s is a folder; a file is expected", path);
	if (fstat(input->fd, &st) == 0 && S_ISREG(st.st_mode))
		input->bytes_total = (uint64_t)st.st_size;
	return look_for_zstd(input, err);
}

enum status input_open(const char *path, struct input **ret_input, struct error *err)
{
	struct input *input = calloc(1, sizeof(*input));
	if (input == NULL)
		return error_set(err, E_FULL, "%s: out of memory", path);
	input->fd = -1;
	buf_init(&input->lines, LINES_BYTES_MAX);
	enum status s = open_path(input, path, err);
	if (s == OK) {
		*ret_input = input;
		input = NULL;
	}
	input_close(input);
	return s;
}

void input_close(struct input *input)
{
	if (input == NULL)
		return;
	if (input->fd >= 0)
		close(input->fd);
	ZSTD_freeDStream(input->zstd);
	buf_release(&input->lines);
	free(input->path);
	free(input);
}

static enum status read_plain(
	struct input *input, void *bytes, size_t size, size_t *ret_len, struct error *err)
{
	if (input->raw_at == input->raw_len && !input->raw_ended) {
		enum status s = fill(input, err);
		if (s != OK)
			return s;
	}
	size_t n = input->raw_len - input->raw_at;
	n = n < size ? n : size;
	memcpy(bytes, input->raw + input->raw_at, n);
	input->raw_at += n;
	*ret_len = n;
	return OK;
}

static enum status read_zstd(
	struct input *input, void *bytes, size_t size, size_t *ret_len, struct error *err)
{
	ZSTD_outBuffer out = { bytes, size, 0 };
	while (out.pos == 0) {
		if (input->raw_at == input->raw_len && !input->raw_ended) {
			enum status s = fill(input, err);
			if (s != OK)
				return s;
		}
		if (input->raw_ended && input->frame_left != 0)
			return error_set(err, E_INPUT, "%s: the compressed file ends too early",
				input->path);
		if (input->raw_ended)
			break;
		ZSTD_inBuffer in = { input->raw, input->raw_len, input->raw_at };
		size_t left = ZSTD_decompressStream(input->zstd, &out, &in);
		if (ZSTD_isError(left))
			return error_set(err, E_INPUT, "%s: damaged compression: %s", input->path,
				ZSTD_getErrorName(left));
		input->raw_at = in.pos;
		input->frame_left = left;
	}
	*ret_len = out.pos;
	return OK;
}

enum status input_read(
	struct input *input, void *bytes, size_t size, size_t *ret_len, struct error *err)
{
	if (input->zstd != NULL)
		return read_zstd(input, bytes, size, ret_len, err);
	return read_plain(input, bytes, size, ret_len, err);
}

/* Appends one piece; *ret_len is 0 at the end. */
static enum status read_piece(
	struct input *input, struct buf *buf, size_t *ret_len, struct error *err)
{
	char *room = buf_reserve(buf, RAW_BYTES);
	if (room == NULL)
		return error_set(err, E_FULL, "%s: more than %zu bytes", input->path, buf->limit);
	enum status s = input_read(input, room, RAW_BYTES, ret_len, err);
	if (s == OK)
		buf->len += *ret_len;
	return s;
}

enum status input_read_all(struct input *input, struct buf *buf, struct error *err)
{
	size_t n;
	enum status s;
	do
		s = read_piece(input, buf, &n, err);
	while (s == OK && n > 0);
	return s;
}

static void hand_out_line(struct input *input, size_t len, size_t taken, struct slice *ret_line)
{
	const char *line = input->lines.ptr + input->lines_at;
	input->lines_at += taken;
	input->line_number++;
	if (len > 0 && line[len - 1] == '\r')
		len--;
	*ret_line = slice_make(line, len);
}

enum status input_line(struct input *input, size_t line_bytes_max, struct slice *ret_line,
	bool *ret_end, struct error *err)
{
	size_t looked = 0;
	*ret_end = false;
	for (;;) {
		size_t have = input->lines.len - input->lines_at;
		const char *start = have == 0 ? "" : input->lines.ptr + input->lines_at;
		const char *newline = memchr(start + looked, '\n', have - looked);
		size_t len = newline == NULL ? have : (size_t)(newline - start);
		if (len > line_bytes_max)
			return error_set(err, E_INPUT, "%s:%llu: the line is longer than %zu bytes",
				input->path, (unsigned long long)input->line_number + 1,
				line_bytes_max);
		if (newline != NULL) {
			hand_out_line(input, len, len + 1, ret_line);
			return OK;
		}
		if (input->ended && have > 0) {
			hand_out_line(input, have, have, ret_line);
			return OK;
		}
		if (input->ended) {
			*ret_end = true;
			return OK;
		}
		looked = have;
		buf_consume(&input->lines, input->lines_at);
		input->lines_at = 0;
		size_t n;
		enum status s = read_piece(input, &input->lines, &n, err);
		if (s != OK)
			return s;
		input->ended = n == 0;
	}
}

uint64_t input_line_number(const struct input *input)
{
	return input->line_number;
}

const char *input_path(const struct input *input)
{
	return input->path;
}

void input_position(const struct input *input, uint64_t *ret_bytes, uint64_t *ret_total)
{
	*ret_bytes = input->bytes_read;
	*ret_total = input->bytes_total;
}
