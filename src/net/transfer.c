#include "net/server_internal.h"

#include <errno.h>
#include <sys/socket.h>

enum { NS_PER_MS = 1000000 };

/* Bytes, or 0 at the end, TLS_WAIT or TLS_BROKEN. */
static int64_t receive(struct connection *c, char *to, size_t size)
{
	int64_t n;
	if (c->tls != NULL) {
		n = tls_read(c->tls, to, size);
	} else {
		do
			n = recv(c->fd, to, size, 0);
		while (n < 0 && errno == EINTR);
		if (n < 0)
			n = errno == EAGAIN ? TLS_WAIT : TLS_BROKEN;
		/* A short read has emptied the socket, and what comes next is a new event;
		 * but the end of the stream is only seen by reading once more. */
		else if ((size_t)n < size && !c->at_end)
			c->readable = false;
	}
	if (n == TLS_WAIT)
		c->readable = false;
	if (n > 0)
		count(&c->loop->counters.bytes_in_total, (uint64_t)n);
	return n;
}

int64_t connection_transmit(struct connection *c, const char *bytes, size_t len)
{
	int64_t n;
	if (c->tls != NULL) {
		n = tls_write(c->tls, bytes, len);
	} else {
		do
			n = send(c->fd, bytes, len, MSG_NOSIGNAL);
		while (n < 0 && errno == EINTR);
		if (n < 0)
			n = errno == EAGAIN ? TLS_WAIT : TLS_BROKEN;
	}
	if (n > 0)
		count(&c->loop->counters.bytes_out_total, (uint64_t)n);
	return n;
}

/* Room behind what was received. What was answered goes first. */
char *connection_make_room(struct connection *c, size_t bytes)
{
	if (c->in.size - c->in.len >= bytes)
		return c->in.ptr + c->in.len;
	if (c->begin > 0) {
		buf_consume(&c->in, c->begin);
		c->begin = 0;
	}
	return buf_reserve(&c->in, bytes);
}

enum step connection_fill(struct connection *c, size_t bytes)
{
	if (!c->readable)
		return WAIT;
	char *to = connection_make_room(c, bytes);
	if (to == NULL)
		return connection_finish(c);
	int64_t n = receive(c, to, c->in.size - c->in.len);
	if (n == TLS_WAIT)
		return WAIT;
	if (n <= 0)
		return connection_finish(c);
	c->in.len += (size_t)n;
	c->phase_bytes += (uint64_t)n;
	return AGAIN;
}

void connection_begin_phase(struct connection *c, enum timer timer)
{
	c->phase_started_ns = c->loop->now_ns;
	c->phase_bytes = 0;
	loop_set_timer(c->loop, c, timer);
}

/* Each piece gives the next one its time; but all of them together have to keep up a rate, or one
 * byte a minute would hold the connection for ever. */
bool connection_is_too_slow(struct connection *c, uint64_t grace_ms)
{
	uint64_t elapsed_ms = (c->loop->now_ns - c->phase_started_ns) / NS_PER_MS;
	return elapsed_ms > grace_ms + c->phase_bytes * 1000 / SERVER_RATE_MIN_BYTES;
}
