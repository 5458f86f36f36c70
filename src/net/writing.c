#include "net/server_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

/* Gives memory back that one large request or answer has needed. */
static void shrink(struct buf *buf)
{
	if (buf->size <= SERVER_BUFFER_KEPT_MAX || buf->len > SERVER_BUFFER_KEPT_MAX)
		return;
	char *ptr = buf->len == 0 ? NULL : realloc(buf->ptr, buf->len);
	if (buf->len == 0)
		buf_release(buf);
	if (ptr == NULL)
		return;
	buf->ptr = ptr;
	buf->size = buf->len;
}

static enum step linger(struct connection *c)
{
	tls_say_goodbye(c->tls);
	shutdown(c->fd, SHUT_WR);
	buf_reset(&c->in);
	c->begin = 0;
	c->state = LINGERING;
	loop_set_timer(c->loop, c, TIMER_LINGER);
	return AGAIN;
}

/* Closing with unread bytes would reset the connection, and the answer might be lost with it. What
 * is read is thrown away as it comes, encrypted or not. */
enum step connection_linger(struct connection *c)
{
	char *to = connection_make_room(c, SERVER_READ_BYTES_MIN);
	ssize_t n = to == NULL ? 0 : recv(c->fd, to, c->in.size - c->in.len, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return WAIT;
	c->lingered_bytes += n < 0 ? 0 : (uint64_t)n;
	if (n <= 0 || c->lingered_bytes > SERVER_LINGER_BYTES_MAX)
		return connection_finish(c);
	return AGAIN;
}

static enum step next_request(struct connection *c)
{
	bool more = c->in.len > c->end;
	buf_reset(&c->out);
	c->out_sent = 0;
	if (c->close_after)
		return c->linger_after || more ? linger(c) : connection_finish(c);
	c->begin = c->end;
	if (!more) {
		c->begin = 0;
		buf_reset(&c->in);
	} else if (c->in.size > SERVER_BUFFER_KEPT_MAX) {
		buf_consume(&c->in, c->begin);
		c->begin = 0;
	}
	shrink(&c->in);
	shrink(&c->out);
	c->state = READING_HEAD;
	loop_set_timer(c->loop, c, TIMER_IDLE);
	return AGAIN;
}

static enum step wait_for_client(struct connection *c)
{
	if (c->timer != TIMER_WRITE)
		connection_begin_phase(c, TIMER_WRITE);
	return WAIT;
}

enum step connection_write(struct connection *c)
{
	while (c->out_sent < c->out.len) {
		int64_t n =
			connection_transmit(c, c->out.ptr + c->out_sent, c->out.len - c->out_sent);
		if (n == TLS_WAIT)
			return wait_for_client(c);
		if (n <= 0)
			return connection_finish(c);
		c->out_sent += (size_t)n;
		if (c->timer != TIMER_WRITE)
			continue;
		c->phase_bytes += (uint64_t)n;
		loop_set_timer(c->loop, c, TIMER_WRITE);
		if (connection_is_too_slow(c, c->loop->server->config.write_ms)) {
			count(&c->loop->counters.timeouts_total, 1);
			return connection_finish(c);
		}
	}
	return next_request(c);
}
