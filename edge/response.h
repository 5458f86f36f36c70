/* An HTTP/1.1 answer as it arrives (RFC 9112), strictly: pure functions over bytes. */
#pragma once

#include "base/error.h"
#include "base/slice.h"

enum { RESPONSE_HEAD_MAX = 16 << 10, RESPONSE_BODY_MAX = 8 << 20 };

struct response {
	unsigned status;
	bool keep_alive;
	bool chunked;
	bool has_length;
	uint64_t length;        /* of the body, when has_length */
	uint64_t retry_after_s; /* 0 when absent; the HTTP date form is not taken */
	int64_t date_ms;        /* the Date field; 0 when absent */
	size_t head_len;
};

/* The head at the start of `bytes`. E_RETRY: more is needed. E_INPUT: this is no HTTP. */
enum status response_head(struct slice bytes, struct response *ret_response, struct error *err);

/* The body in what stands behind the head; a chunked one is put together in place. `ended`: the
 * server has closed its side. E_RETRY: more is needed; nothing was changed. E_INPUT: it is badly
 * framed, or the connection broke off within it. */
enum status response_body(const struct response *response, char *bytes, size_t len, bool ended,
	struct slice *ret_body, struct error *err);

/* "Sun, 06 Nov 1994 08:49:37 GMT"; false when it is not of this form. */
bool response_date(struct slice text, int64_t *ret_ms);
