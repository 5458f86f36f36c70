#include "net/server_internal.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
	/* So many steps in a row, then the other connections of the loop have their turn. */
	STEPS_MAX = 64,
	IN_SLACK_BYTES = 128 << 10,
};

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

enum step connection_finish(struct connection *c)
{
	connection_close(c);
	return CLOSED;
}

/* Answers what is not going to be handled, with the words in `loop->err`. */
enum step connection_decline(struct connection *c, unsigned status)
{
	struct clock *clock = c->loop->server->clock;
	count(&c->loop->counters.refused_total, 1);
	loop_set_timer(c->loop, c, TIMER_NONE);
	buf_reset(&c->out);
	c->out_sent = 0;
	c->close_after = c->linger_after = true;
	c->state = WRITING;
	if (response_write_problem(&c->out, status, c->loop->err.text, clock->wall_ms(clock)) != OK)
		return connection_finish(c);
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
	return connection_finish(c);
}

/* The handler, or what it left to be called later. */
enum step connection_call(
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

static enum step step(struct connection *c)
{
	switch (c->state) {
	case HANDSHAKE:
		return step_handshake(c);
	case READING_HEAD:
		return connection_read_head(c);
	case READING_BODY:
		return connection_read_body(c);
	case WITH_HANDLER:
		return WAIT;
	case WRITING:
		return connection_write(c);
	case LINGERING:
		return connection_linger(c);
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
void connection_adopt_surplus(struct connection *c)
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
	else if (connection_decline(c, 503) == AGAIN)
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
	if (connection_decline(c, 408) == AGAIN)
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
	if (connection_call(c, run_resume, NULL) == AGAIN)
		connection_answered(c);
}
