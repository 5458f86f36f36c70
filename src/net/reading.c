#include "net/server_internal.h"

#include "base/check.h"

enum { BODY_READ_BYTES_MAX = 64 << 10 };

/* Only a client that has not begun its body waits for this. It is left out when it cannot be sent
 * at once: the client then goes on by itself (RFC 9110, 10.1.1). */
static enum step tell_to_continue(struct connection *c)
{
	static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
	const struct http_head *head = &c->request.head;
	bool wanted = head->expect_continue && (head->chunked || head->content_length > 0);
	if (!wanted || c->in.len > c->begin + c->head_len)
		return AGAIN;
	int64_t n = connection_transmit(c, line, sizeof(line) - 1);
	return n == TLS_WAIT || n == sizeof(line) - 1 ? AGAIN : connection_finish(c);
}

static enum step begin_body(struct connection *c)
{
	uint64_t length = c->request.head.content_length;
	uint64_t length_max = c->loop->server->config.body_bytes_max;
	if (length > length_max) {
		error_set(&c->loop->err, E_FULL,
			"the body has %llu bytes; at most %llu are allowed",
			(unsigned long long)length, (unsigned long long)length_max);
		return connection_decline(c, 413);
	}
	c->head_base = c->in.ptr + c->begin;
	c->chunks = (struct http_chunks){ 0 };
	c->body_len = 0;
	c->state = READING_BODY;
	return tell_to_continue(c);
}

enum step connection_read_head(struct connection *c)
{
	struct slice bytes = slice_make(c->in.ptr + c->begin, c->in.len - c->begin);
	unsigned http_status = 0;
	enum status s = E_RETRY;
	if (bytes.len > 0)
		s = http_parse_head(
			bytes, &c->request.head, &c->head_len, &http_status, &c->loop->err);
	if (s == OK)
		return begin_body(c);
	if (s == E_INPUT)
		return connection_decline(c, http_status);
	if (bytes.len > 0 && c->timer != TIMER_HEAD)
		loop_set_timer(c->loop, c, TIMER_HEAD);
	enum step step = connection_fill(c, SERVER_READ_BYTES_MIN);
	if (step == WAIT && bytes.len == 0 && c->loop->closing)
		return connection_finish(c);
	return step;
}

/* The slices of the head point to where the buffer was when it was parsed. */
static void parse_again_if_moved(struct connection *c)
{
	unsigned http_status;
	size_t head_len;
	const char *base = c->in.ptr + c->begin;
	if (base == c->head_base)
		return;
	enum status s = http_parse_head(
		slice_make(base, c->head_len), &c->request.head, &head_len, &http_status, NULL);
	check(s == OK && head_len == c->head_len);
}

static enum step hand_over(struct connection *c, size_t request_len)
{
	struct server *server = c->loop->server;
	parse_again_if_moved(c);
	c->end = c->begin + request_len;
	c->request.body = slice_make(c->in.ptr + c->begin + c->head_len, c->body_len);
	c->request.arrived_ns = c->loop->now_ns;
	c->request.user = NULL;
	c->state = WITH_HANDLER;
	loop_set_timer(c->loop, c, TIMER_NONE);
	count(&c->loop->counters.requests_total, 1);
	return connection_call(c, server->config.handle, server->config.context);
}

static enum step fill_body(struct connection *c, size_t bytes)
{
	uint64_t body_ms = c->loop->server->config.body_ms;
	if (c->timer != TIMER_BODY)
		connection_begin_phase(c, TIMER_BODY);
	enum step step = connection_fill(c, bytes);
	if (step != AGAIN)
		return step;
	loop_set_timer(c->loop, c, TIMER_BODY);
	if (!connection_is_too_slow(c, body_ms))
		return AGAIN;
	count(&c->loop->counters.timeouts_total, 1);
	error_set(&c->loop->err, E_INPUT, "the body arrives at less than %d bytes a second",
		SERVER_RATE_MIN_BYTES);
	return connection_decline(c, 408);
}

static enum step step_chunks(struct connection *c)
{
	uint64_t length_max = c->loop->server->config.body_bytes_max;
	size_t at = c->begin + c->head_len + c->body_len, taken, out_len;
	enum status s = http_dechunk(&c->chunks, slice_make(c->in.ptr + at, c->in.len - at),
		c->in.ptr + at, &taken, &out_len, &c->loop->err);
	if (s == E_INPUT)
		return connection_decline(c, 400);
	c->body_len += out_len;
	if (c->body_len > length_max || (s != OK && c->chunks.left > length_max - c->body_len)) {
		error_set(&c->loop->err, E_FULL,
			"the chunked body has more than the %llu bytes that are allowed",
			(unsigned long long)length_max);
		return connection_decline(c, 413);
	}
	if (s == OK)
		return hand_over(c, at + taken - c->begin);
	/* The framing has been taken; what comes next goes behind the body. */
	c->in.len = at + out_len;
	return fill_body(c, SERVER_READ_BYTES_MIN);
}

enum step connection_read_body(struct connection *c)
{
	if (c->request.head.chunked)
		return step_chunks(c);
	size_t length = (size_t)c->request.head.content_length;
	size_t have = c->in.len - c->begin - c->head_len;
	if (have < length) {
		size_t left = length - have;
		return fill_body(c, left < BODY_READ_BYTES_MAX ? left : BODY_READ_BYTES_MAX);
	}
	c->body_len = length;
	return hand_over(c, c->head_len + length);
}
