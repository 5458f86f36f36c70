#include "edge/response.h"

#include "base/time.h"

static enum status bad(struct error *err, const char *what)
{
	return error_set(err, E_INPUT, "the answer is not HTTP: %s", what);
}

bool response_date(struct slice text, int64_t *ret_ms)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	uint64_t day, year, hour, minute, second;
	unsigned month = 0;
	date_t date;
	char iso[DATE_TEXT_LEN + 1];
	if (text.len != 29 || memcmp(text.ptr + 25, " GMT", 4) != 0 || text.ptr[3] != ',' ||
		text.ptr[19] != ':' || text.ptr[22] != ':')
		return false;
	while (month < 12 && memcmp(months + 3 * (size_t)month, text.ptr + 8, 3) != 0)
		month++;
	if (month == 12 || !slice_to_u64(slice_make(text.ptr + 5, 2), &day) ||
		!slice_to_u64(slice_make(text.ptr + 12, 4), &year) ||
		!slice_to_u64(slice_make(text.ptr + 17, 2), &hour) ||
		!slice_to_u64(slice_make(text.ptr + 20, 2), &minute) ||
		!slice_to_u64(slice_make(text.ptr + 23, 2), &second) || hour > 23 || minute > 59 ||
		second > 60)
		return false;
	date_print((date_t)(year * 10000 + (month + 1) * 100 + day), iso);
	if (!date_parse(slice_of(iso), &date))
		return false;
	*ret_ms = (date_to_days(date) * 86400 +
			  (int64_t)(hour * 3600 + minute * 60 + (second > 59 ? 59 : second))) *
		  1000;
	return true;
}

/* "HTTP/1.1 200 OK" */
static bool status_line(struct slice line, struct response *r)
{
	uint64_t status;
	if (line.len < 12 || memcmp(line.ptr, "HTTP/1.", 7) != 0 || line.ptr[8] != ' ' ||
		(line.len > 12 && line.ptr[12] != ' ') ||
		!slice_to_u64(slice_make(line.ptr + 9, 3), &status) || status < 100)
		return false;
	r->status = (unsigned)status;
	r->keep_alive = line.ptr[7] == '1';
	return line.ptr[7] == '1' || line.ptr[7] == '0';
}

static enum status take_field(
	struct slice name, struct slice value, struct response *r, struct error *err)
{
	uint64_t number;
	if (slice_equal_nocase(name, "content-length")) {
		if (!slice_to_u64(value, &number) || (r->has_length && r->length != number))
			return bad(err, "Content-Length");
		r->has_length = true;
		r->length = number;
	} else if (slice_equal_nocase(name, "transfer-encoding")) {
		if (r->chunked || !slice_equal_nocase(value, "chunked"))
			return bad(err, "Transfer-Encoding");
		r->chunked = true;
	} else if (slice_equal_nocase(name, "connection")) {
		if (slice_equal_nocase(value, "close"))
			r->keep_alive = false;
	} else if (slice_equal_nocase(name, "retry-after")) {
		if (slice_to_u64(value, &number))
			r->retry_after_s = number;
	} else if (slice_equal_nocase(name, "date")) {
		if (!response_date(value, &r->date_ms))
			r->date_ms = 0;
	}
	return OK;
}

/* A line without its CRLF; false when it is not complete. */
static bool take_line(struct slice *rest, struct slice *ret_line, bool *ret_good)
{
	const char *end = rest->len == 0 ? NULL : memchr(rest->ptr, '\n', rest->len);
	if (end == NULL)
		return false;
	size_t len = (size_t)(end - rest->ptr);
	*ret_good = len > 0 && rest->ptr[len - 1] == '\r';
	*ret_line = slice_make(rest->ptr, *ret_good ? len - 1 : len);
	*rest = slice_make(end + 1, rest->len - len - 1);
	return true;
}

enum status response_head(struct slice bytes, struct response *ret_response, struct error *err)
{
	struct response r = { 0 };
	struct slice rest = bytes, line, value;
	bool good, first = true;
	for (;;) {
		if (!take_line(&rest, &line, &good))
			return bytes.len > RESPONSE_HEAD_MAX ? bad(err, "its head has no end")
							     : E_RETRY;
		if (!good)
			return bad(err, "a line does not end with CRLF");
		if (first && !status_line(line, &r))
			return bad(err, "the status line");
		if (!first && line.len == 0)
			break;
		if (!first) {
			struct slice name = slice_cut(line, ':', &value);
			if (value.ptr == NULL || name.len == 0)
				return bad(err, "a field without a colon");
			enum status s = take_field(name, slice_trim(value), &r, err);
			if (s != OK)
				return s;
		}
		first = false;
	}
	if (r.chunked && r.has_length)
		return bad(err, "both Content-Length and Transfer-Encoding");
	if (r.has_length && r.length > RESPONSE_BODY_MAX)
		return bad(err, "its body is too large");
	r.head_len = bytes.len - rest.len;
	if (r.status < 200 || r.status == 204 || r.status == 304) {
		r.chunked = false;
		r.has_length = true;
		r.length = 0;
	}
	*ret_response = r;
	return OK;
}

static bool hex(struct slice text, uint64_t *ret_value)
{
	uint64_t value = 0;
	if (text.len == 0 || text.len > 8)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
				 : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
				 : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10)
							: 16;
		if (digit == 16)
			return false;
		value = value * 16 + digit;
	}
	*ret_value = value;
	return true;
}

/* Goes over the chunks; with `out` it moves their bytes there. E_RETRY: the last is not there. */
static enum status walk_chunks(struct slice rest, char *out, size_t *ret_len, struct error *err)
{
	struct slice line, extension;
	size_t total = 0;
	bool good;
	for (;;) {
		uint64_t size;
		if (!take_line(&rest, &line, &good))
			return rest.len > 256 ? bad(err, "the size of a chunk") : E_RETRY;
		if (!good || !hex(slice_trim(slice_cut(line, ';', &extension)), &size))
			return bad(err, "the size of a chunk");
		if (size == 0)
			break;
		if (total + size > RESPONSE_BODY_MAX)
			return bad(err, "its body is too large");
		if (rest.len < size + 2)
			return E_RETRY;
		if (memcmp(rest.ptr + size, "\r\n", 2) != 0)
			return bad(err, "the end of a chunk");
		if (out != NULL)
			memmove(out + total, rest.ptr, (size_t)size);
		total += (size_t)size;
		rest = slice_make(rest.ptr + size + 2, rest.len - (size_t)size - 2);
	}
	do {
		if (!take_line(&rest, &line, &good))
			return rest.len > RESPONSE_HEAD_MAX ? bad(err, "its trailers") : E_RETRY;
		if (!good)
			return bad(err, "its trailers");
	} while (line.len > 0);
	*ret_len = total;
	return OK;
}

enum status response_body(const struct response *r, char *bytes, size_t len, bool ended,
	struct slice *ret_body, struct error *err)
{
	char *at = bytes + r->head_len;
	size_t have = len - r->head_len, body_len = 0;
	enum status s = E_RETRY;
	if (r->chunked) {
		s = walk_chunks(slice_make(at, have), NULL, &body_len, err);
		if (s == OK)
			s = walk_chunks(slice_make(at, have), at, &body_len, err);
	} else if (r->has_length) {
		body_len = (size_t)r->length;
		s = have >= body_len ? OK : E_RETRY;
	} else {
		body_len = have;
		s = ended ? OK : E_RETRY;
	}
	if (s == OK)
		*ret_body = slice_make(at, body_len);
	if (s == E_RETRY && ended)
		return bad(err, "the connection was closed within it");
	if (s == E_RETRY && have > RESPONSE_BODY_MAX)
		return bad(err, "its body is too large");
	return s;
}
