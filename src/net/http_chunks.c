#include "net/http.h"

/*     body  = chunk ... "0" [ ";" extension ] CR LF  trailers  CR LF
 *     chunk = size in hex [ ";" extension ] CR LF  data  CR LF
 *
 * One state for each place in this grammar; every byte but those of the data goes through one, so
 * that it does not matter in which pieces they arrive. */
enum state {
	SIZE_FIRST = 0, /* where a zeroed struct stands */
	SIZE,
	EXTENSION,
	SIZE_LF,
	DATA,
	DATA_CR,
	DATA_LF,
	TRAILER_FIRST,
	TRAILER_NAME,
	TRAILER_VALUE,
	TRAILER_LF,
	END_LF,
	DONE,
};

enum { SIZE_DIGITS_MAX = 15 };

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_text(char c)
{
	return ((uint8_t)c >= ' ' && c != 0x7f) || c == '\t';
}

static bool is_name(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static enum status step_size(struct http_chunks *chunks, char c, struct error *err)
{
	int digit = hex_digit(c);
	if (digit >= 0 && chunks->line_bytes > SIZE_DIGITS_MAX)
		return error_set(err, E_INPUT, "the size of a chunk has more than %d digits",
			SIZE_DIGITS_MAX);
	if (digit >= 0) {
		chunks->left = chunks->left * 16 + (unsigned)digit;
		chunks->state = SIZE;
		return OK;
	}
	if (chunks->state == SIZE_FIRST || (c != ';' && c != '\r'))
		return error_set(
			err, E_INPUT, "the size of a chunk is not a plain hexadecimal number");
	chunks->state = c == ';' ? EXTENSION : SIZE_LF;
	return OK;
}

static enum status step_text(
	struct http_chunks *chunks, char c, enum state at_cr, struct error *err)
{
	if (c == '\r')
		chunks->state = at_cr;
	else if (!is_text(c))
		return error_set(err, E_INPUT,
			"the control byte 0x%02x is in a line of the chunked body", (uint8_t)c);
	return OK;
}

static enum status step_trailer_name(struct http_chunks *chunks, char c, struct error *err)
{
	if (chunks->state == TRAILER_FIRST && c == '\r')
		chunks->state = END_LF;
	else if (chunks->state == TRAILER_NAME && c == ':')
		chunks->state = TRAILER_VALUE;
	else if (is_name(c))
		chunks->state = TRAILER_NAME;
	else
		return error_set(err, E_INPUT,
			"a trailer of the chunked body does not begin with a name and a colon");
	return OK;
}

static enum status step_fixed(
	struct http_chunks *chunks, char c, char wanted, enum state next, struct error *err)
{
	if (c != wanted)
		return error_set(err, E_INPUT,
			"the byte 0x%02x stands where the chunked body must have 0x%02x",
			(uint8_t)c, (uint8_t)wanted);
	/* A size line begins behind the data, the trailers behind the last size line. */
	if (chunks->state == DATA_LF || chunks->state == SIZE_LF)
		chunks->line_bytes = 0;
	chunks->state = next;
	return OK;
}

static enum status step(struct http_chunks *chunks, char c, struct error *err)
{
	switch ((enum state)chunks->state) {
	case SIZE_FIRST:
	case SIZE:
		return step_size(chunks, c, err);
	case EXTENSION:
		return step_text(chunks, c, SIZE_LF, err);
	case SIZE_LF:
		return step_fixed(chunks, c, '\n', chunks->left > 0 ? DATA : TRAILER_FIRST, err);
	case DATA_CR:
		return step_fixed(chunks, c, '\r', DATA_LF, err);
	case DATA_LF:
		return step_fixed(chunks, c, '\n', SIZE_FIRST, err);
	case TRAILER_FIRST:
	case TRAILER_NAME:
		return step_trailer_name(chunks, c, err);
	case TRAILER_VALUE:
		return step_text(chunks, c, TRAILER_LF, err);
	case TRAILER_LF:
		return step_fixed(chunks, c, '\n', TRAILER_FIRST, err);
	case END_LF:
		return step_fixed(chunks, c, '\n', DONE, err);
	case DATA:
	case DONE:
		break;
	}
	return error_set(err, E_INPUT, "bytes stand behind the end of the chunked body");
}

static enum status check_line(const struct http_chunks *chunks, struct error *err)
{
	if (chunks->state < TRAILER_FIRST && chunks->line_bytes > HTTP_CHUNK_LINE_MAX)
		return error_set(err, E_INPUT, "the size line of a chunk is longer than %d bytes",
			HTTP_CHUNK_LINE_MAX);
	if (chunks->line_bytes > HTTP_TRAILER_BYTES_MAX)
		return error_set(err, E_INPUT,
			"the trailers of the chunked body are longer than %d bytes",
			HTTP_TRAILER_BYTES_MAX);
	return OK;
}

/* Moves as much of the current chunk as there is; returns how much. */
static size_t take_data(struct http_chunks *chunks, struct slice bytes, char *out)
{
	size_t n = bytes.len < chunks->left ? bytes.len : (size_t)chunks->left;
	if (out != bytes.ptr)
		memmove(out, bytes.ptr, n);
	chunks->left -= n;
	if (chunks->left == 0)
		chunks->state = DATA_CR;
	return n;
}

enum status http_dechunk(struct http_chunks *chunks, struct slice bytes, char *out,
	size_t *ret_taken, size_t *ret_out_len, struct error *err)
{
	enum status s = OK;
	size_t at = 0, out_len = 0;
	while (s == OK && at < bytes.len && chunks->state != DONE) {
		if (chunks->state == DATA) {
			size_t n = take_data(
				chunks, slice_make(bytes.ptr + at, bytes.len - at), out + out_len);
			at += n;
			out_len += n;
			continue;
		}
		chunks->line_bytes++;
		s = step(chunks, bytes.ptr[at++], err);
		if (s == OK)
			s = check_line(chunks, err);
	}
	*ret_taken = at;
	*ret_out_len = out_len;
	if (s == OK && chunks->state != DONE)
		return E_RETRY;
	return s;
}
