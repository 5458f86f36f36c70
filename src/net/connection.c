#include "net/server_internal.h"

#include "base/check.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	/* So many steps in a row, then the other connections of the loop have their turn. */
	STEPS_MAX = 64,
	BODY_READ_BYTES_MAX = 64 << 10,
	IN_SLACK_BYTES = 128 << 10,
	NS_PER_MS = 1000000,
};

/* What a step came to. After CLOSED the connection is gone. */
enum step { AGAIN, WAIT, CLOSED };

struct connection *connection_open(struct server *server, int fd, struct loop *loop)
{
	struct connection *c = calloc(1, sizeof(*c));
	if (c == NULL)
		return NULL;
	c->loop = loop;
	c->fd = fd;
	buf_init(&c->in, HTTP_HEAD_BYTES_MAX + server->config.body_bytes_max + IN_SLACK_BYTES);
	buf_init(&c->out, SERVER_RESPONSE_BYTES_MAX);
	return c;
}

void connection_free(struct connection *c)
{
	buf_release(&c->in);
	buf_release(&c->out);
	free(c);
}

void connection_close(struct connection *c)
{
	struct loop *loop = c->loop;
	loop_set_timer(loop, c, TIMER_NONE);
	*(c->previous ? &c->previous->next : &loop->connections) = c->next;
	if (c->next != NULL)
		c->next->previous = c->previous;
	loop->connection_count--;
	atomic_fetch_sub(&loop->server->connection_count, 1);
	tls_close(c->tls);
	close(c->fd);
	if (c->state != WITH_HANDLER) {
		connection_free(c);
		return;
	}
	c->abandoned = true;
	atomic_fetch_add(&loop->server->ref_count, 1);
}

static enum step finish(struct connection *c)
{
	connection_close(c);
	return CLOSED;
}

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

static int64_t transmit(struct connection *c, const char *bytes, size_t len)
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
static char *make_room(struct connection *c, size_t bytes)
{
	if (c->in.size - c->in.len >= bytes)
		return c->in.ptr + c->in.len;
	if (c->begin > 0) {
		buf_consume(&c->in, c->begin);
		c->begin = 0;
	}
	return buf_reserve(&c->in, bytes);
}

static enum step fill(struct connection *c, size_t bytes)
{
	if (!c->readable)
		return WAIT;
	char *to = make_room(c, bytes);
	if (to == NULL)
		return finish(c);
	int64_t n = receive(c, to, c->in.size - c->in.len);
	if (n == TLS_WAIT)
		return WAIT;
	if (n <= 0)
		return finish(c);
	c->in.len += (size_t)n;
	c->phase_bytes += (uint64_t)n;
	return AGAIN;
}

static void begin_phase(struct connection *c, enum timer timer)
{
	c->phase_started_ns = c->loop->now_ns;
	c->phase_bytes = 0;
	loop_set_timer(c->loop, c, timer);
}

/* Each piece gives the next one its time; but all of them together have to keep up a rate, or one
 * byte a minute would hold the connection for ever. */
static bool is_too_slow(struct connection *c, uint64_t grace_ms)
{
	uint64_t elapsed_ms = (c->loop->now_ns - c->phase_started_ns) / NS_PER_MS;
	return elapsed_ms > grace_ms + c->phase_bytes * 1000 / SERVER_RATE_MIN_BYTES;
}

/* Answers what is not going to be handled, with the words in `loop->err`. */
static enum step refuse(struct connection *c, unsigned status)
{
	struct clock *clock = c->loop->server->clock;
	count(&c->loop->counters.refused_total, 1);
	loop_set_timer(c->loop, c, TIMER_NONE);
	buf_reset(&c->out);
	c->out_sent = 0;
	c->close_after = c->linger_after = true;
	c->state = WRITING;
	if (response_write_problem(&c->out, status, c->loop->err.text, clock->wall_ms(clock)) != OK)
		return finish(c);
	return AGAIN;
}

static enum step step_handshake(struct connection *c)
{
	int result = tls_handshake(c->tls);
	if (result == TLS_DONE) {
		c->state = READING_HEAD;
		loop_set_timer(c->loop, c, TIMER_IDLE);
		return AGAIN;
	}
	if (result == TLS_WAIT && !c->loop->closing)
		return WAIT;
	count(&c->loop->counters.tls_failures_total, 1);
	return finish(c);
}

/* Only a client that has not begun its body waits for this. It is left out when it cannot be sent
 * at once: the client then goes on by itself (RFC 9110, 10.1.1). */
static enum step tell_to_continue(struct connection *c)
{
	static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
	const struct http_head *head = &c->request.head;
	bool wanted = head->expect_continue && (head->chunked || head->content_length > 0);
	if (!wanted || c->in.len > c->begin + c->head_len)
		return AGAIN;
	int64_t n = transmit(c, line, sizeof(line) - 1);
	return n == TLS_WAIT || n == sizeof(line) - 1 ? AGAIN : finish(c);
}

static enum step begin_body(struct connection *c)
{
	uint64_t length = c->request.head.content_length;
	uint64_t length_max = c->loop->server->config.body_bytes_max;
	if (length > length_max) {
		error_set(&c->loop->err, E_FULL,
			"the body has %llu bytes; at most %llu are allowed",
			(unsigned long long)length, (unsigned long long)length_max);
		return refuse(c, 413);
	}
	c->head_base = c->in.ptr + c->begin;
	c->chunks = (struct http_chunks){ 0 };
	c->body_len = 0;
	c->state = READING_BODY;
	return tell_to_continue(c);
}

static enum step step_head(struct connection *c)
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
		return refuse(c, http_status);
	if (bytes.len > 0 && c->timer != TIMER_HEAD)
		loop_set_timer(c->loop, c, TIMER_HEAD);
	enum step step = fill(c, SERVER_READ_BYTES_MIN);
	if (step == WAIT && bytes.len == 0 && c->loop->closing)
		return finish(c);
	return step;
}

/* The handler, or what it left to be called later. */
static enum step call(
	struct connection *c, void (*run)(void *, struct http_request *), void *context)
{
	struct loop *loop = c->loop;
	loop->calling = c;
	loop->answered = false;
	run(context, &c->request);
	loop->calling = NULL;
	if (!loop->answered)
		return WAIT;
	c->state = WRITING;
	return AGAIN;
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
	return call(c, server->config.handle, server->config.context);
}

static enum step fill_body(struct connection *c, size_t bytes)
{
	uint64_t body_ms = c->loop->server->config.body_ms;
	if (c->timer != TIMER_BODY)
		begin_phase(c, TIMER_BODY);
	enum step step = fill(c, bytes);
	if (step != AGAIN)
		return step;
	loop_set_timer(c->loop, c, TIMER_BODY);
	if (!is_too_slow(c, body_ms))
		return AGAIN;
	count(&c->loop->counters.timeouts_total, 1);
	error_set(&c->loop->err, E_INPUT, "the body arrives at less than %d bytes a second",
		SERVER_RATE_MIN_BYTES);
	return refuse(c, 408);
}

static enum step step_chunks(struct connection *c)
{
	uint64_t length_max = c->loop->server->config.body_bytes_max;
	size_t at = c->begin + c->head_len + c->body_len, taken, out_len;
	enum status s = http_dechunk(&c->chunks, slice_make(c->in.ptr + at, c->in.len - at),
		c->in.ptr + at, &taken, &out_len, &c->loop->err);
	if (s == E_INPUT)
		return refuse(c, 400);
	c->body_len += out_len;
	if (c->body_len > length_max || (s != OK && c->chunks.left > length_max - c->body_len)) {
		error_set(&c->loop->err, E_FULL,
			"the chunked body has more than the %llu bytes that are allowed",
			(unsigned long long)length_max);
		return refuse(c, 413);
	}
	if (s == OK)
		return hand_over(c, at + taken - c->begin);
	/* The framing has been taken; what comes next goes behind the body. */
	c->in.len = at + out_len;
	return fill_body(c, SERVER_READ_BYTES_MIN);
}

static enum step step_body(struct connection *c)
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
static enum step step_linger(struct connection *c)
{
	char *to = make_room(c, SERVER_READ_BYTES_MIN);
	ssize_t n = to == NULL ? 0 : recv(c->fd, to, c->in.size - c->in.len, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return WAIT;
	c->lingered_bytes += n < 0 ? 0 : (uint64_t)n;
	if (n <= 0 || c->lingered_bytes > SERVER_LINGER_BYTES_MAX)
		return finish(c);
	return AGAIN;
}

static enum step next_request(struct connection *c)
{
	bool more = c->in.len > c->end;
	buf_reset(&c->out);
	c->out_sent = 0;
	if (c->close_after)
		return c->linger_after || more ? linger(c) : finish(c);
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
		begin_phase(c, TIMER_WRITE);
	return WAIT;
}

static enum step step_write(struct connection *c)
{
	while (c->out_sent < c->out.len) {
		int64_t n = transmit(c, c->out.ptr + c->out_sent, c->out.len - c->out_sent);
		if (n == TLS_WAIT)
			return wait_for_client(c);
		if (n <= 0)
			return finish(c);
		c->out_sent += (size_t)n;
		if (c->timer != TIMER_WRITE)
			continue;
		c->phase_bytes += (uint64_t)n;
		loop_set_timer(c->loop, c, TIMER_WRITE);
		if (is_too_slow(c, c->loop->server->config.write_ms)) {
			count(&c->loop->counters.timeouts_total, 1);
			return finish(c);
		}
	}
	return next_request(c);
}

static enum step step(struct connection *c)
{
	switch (c->state) {
	case HANDSHAKE:
		return step_handshake(c);
	case READING_HEAD:
		return step_head(c);
	case READING_BODY:
		return step_body(c);
	case WITH_HANDLER:
		return WAIT;
	case WRITING:
		return step_write(c);
	case LINGERING:
		return step_linger(c);
	}
	return WAIT;
}

static void drive(struct connection *c)
{
	for (unsigned i = 0; i < STEPS_MAX; i++)
		if (step(c) != AGAIN)
			return;
	loop_watch(c->loop, c, true);
}

void connection_event(struct connection *c, uint32_t events)
{
	if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
		c->readable = true;
	if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
		c->at_end = true;
	drive(c);
}

static bool begin_tls(struct connection *c)
{
	struct server *server = c->loop->server;
	pthread_mutex_lock(&server->tls_lock);
	if (server->tls != NULL)
		c->tls = tls_open(server->tls, c->fd);
	bool begun = server->tls == NULL || c->tls != NULL;
	pthread_mutex_unlock(&server->tls_lock);
	return begun;
}

static bool adopt(struct connection *c)
{
	struct loop *loop = c->loop;
	c->next = loop->connections;
	if (c->next != NULL)
		c->next->previous = c;
	loop->connections = c;
	loop->connection_count++;
	count(&loop->counters.connections_total, 1);
	bool fine = !loop->closing && begin_tls(c) && loop_watch(loop, c, false);
	c->state = c->tls != NULL ? HANDSHAKE : READING_HEAD;
	if (fine)
		loop_set_timer(loop, c, c->tls != NULL ? TIMER_HEAD : TIMER_IDLE);
	else
		connection_close(c);
	return fine;
}

void connection_adopt(struct connection *c)
{
	adopt(c);
}

/* One too many. The connection that has been idle for longest makes room; when all are busy, the
 * client is told so. Under TLS that would take a handshake: there it is only closed. */
void connection_refuse(struct connection *c)
{
	struct loop *loop = c->loop;
	struct connection *idle = loop->timers[TIMER_IDLE].first;
	if (idle != NULL) {
		connection_close(idle);
		connection_adopt(c);
		return;
	}
	if (!adopt(c))
		return;
	error_set(&loop->err, E_FULL, "all %u connections are busy; try again in %d s",
		loop->server->config.connections_max, SERVER_RETRY_AFTER_S);
	if (c->tls != NULL)
		connection_close(c);
	else if (refuse(c, 503) == AGAIN)
		drive(c);
}

void connection_timed_out(struct connection *c)
{
	static const char *const words[TIMER_COUNT] = {
		[TIMER_HEAD] = "the head of the request did not arrive in time",
		[TIMER_BODY] = "the body of the request did not go on arriving in time",
	};
	if (c->timer == TIMER_HEAD || c->timer == TIMER_BODY || c->timer == TIMER_WRITE)
		count(&c->loop->counters.timeouts_total, 1);
	if (words[c->timer] == NULL || c->state == HANDSHAKE) {
		connection_close(c);
		return;
	}
	error_set(&c->loop->err, E_INPUT, "%s", words[c->timer]);
	if (refuse(c, 408) == AGAIN)
		drive(c);
}

void connection_answered(struct connection *c)
{
	struct server *server = c->loop->server;
	if (c->abandoned) {
		connection_free(c);
		server_unref(server);
		return;
	}
	c->state = WRITING;
	drive(c);
}

static void run_resume(void *context, struct http_request *request)
{
	(void)context;
	request->resume(request);
}

void connection_resumed(struct connection *c)
{
	if (call(c, run_resume, NULL) == AGAIN)
		connection_answered(c);
}
