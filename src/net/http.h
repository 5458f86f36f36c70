/* HTTP/1.1 on the wire (RFC 9112), strictly: pure functions over bytes, no I/O.
 *
 * What two implementations could read differently is refused: both Content-Length and
 * Transfer-Encoding, repeated or odd lengths, codings other than exactly "chunked", bare CR or LF,
 * folded lines, spaces before the colon, control bytes, missing or repeated Host. */
#pragma once

#include "base/error.h"
#include "base/slice.h"

enum {
	HTTP_HEAD_BYTES_MAX = 16 << 10,
	HTTP_FIELDS_MAX = 100,
	HTTP_TARGET_BYTES_MAX = 8 << 10,
	HTTP_CHUNK_LINE_MAX = 256,
	HTTP_TRAILER_BYTES_MAX = 4 << 10,
};

struct http_field {
	struct slice name;
	struct slice value; /* without the spaces around it */
};

struct http_head {
	struct slice method;
	struct slice target; /* as sent */
	struct slice path;   /* before '?' , still percent-encoded */
	struct slice query;  /* behind '?', NULL ptr when there is none */
	unsigned minor;      /* 1.0 or 1.1 */
	struct http_field fields[HTTP_FIELDS_MAX];
	unsigned field_count;
	bool chunked;
	uint64_t content_length; /* 0 when chunked or absent */
	bool has_length;
	bool keep_alive;
	bool expect_continue;
};

/* Parses the head at the start of `bytes`. OK: *ret_len is its length, the empty line included.
 * E_RETRY: more bytes are needed. E_INPUT: *ret_http_status says 400, 414, 417, 431, 501 or 505
 * and `err` why; the connection must be closed after the answer. */
enum status http_parse_head(struct slice bytes, struct http_head *ret_head, size_t *ret_len,
	unsigned *ret_http_status, struct error *err);

/* NULL ptr when there is no such field; names are compared without case. The first one counts. */
struct slice http_field(const struct http_head *head, const char *name);

/* Decodes a chunked body in place, in pieces as it arrives. */
struct http_chunks {
	unsigned state;
	uint64_t left;       /* of the current chunk */
	unsigned line_bytes; /* of the current size line or the trailers */
};
/* Takes `bytes`, writes the body bytes found to `out` (which may be bytes.ptr itself), and sets
 * *ret_taken and *ret_out_len. OK: the body is complete. E_RETRY: more is needed. E_INPUT. */
enum status http_dechunk(struct http_chunks *chunks, struct slice bytes, char *out,
	size_t *ret_taken, size_t *ret_out_len, struct error *err);

/* Percent-decodes into `out` (of at least text.len bytes); false on a bad escape or a zero byte. */
bool http_percent_decode(struct slice text, char *out, size_t *ret_len);
/* The decoded value of a query parameter ('+' is a space), copied to `out` and terminated.
 * *ret_present says whether it is there. False when it is badly encoded, longer than size - 1 or
 * there twice. */
bool http_query(struct slice query, const char *name, char *out, size_t size, bool *ret_present);

const char *http_status_text(unsigned status); /* "Created" */
