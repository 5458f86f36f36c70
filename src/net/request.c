#include "net/server_internal.h"

static struct connection *connection_of(struct http_request *request)
{
	return (struct connection *)request; /* its first member */
}

const struct http_head *http_request_head(const struct http_request *request)
{
	return &request->head;
}

struct slice http_request_body(const struct http_request *request)
{
	return request->body;
}

uint64_t http_request_arrived_ns(const struct http_request *request)
{
	return request->arrived_ns;
}

void http_request_set_user(struct http_request *request, void *user)
{
	request->user = user;
}

void *http_request_user(const struct http_request *request)
{
	return request->user;
}

/* Without memory for the answer a short one says so; without memory for that the connection is
 * closed, as is one whose `out` is empty. */
static void write_answer(struct connection *c, const struct http_response *response)
{
	struct server *server = c->loop->server;
	int64_t wall_ms = server->clock->wall_ms(server->clock);
	c->close_after = response->close || !c->request.head.keep_alive ||
			 atomic_load_explicit(&server->closing, memory_order_relaxed);
	buf_reset(&c->out);
	if (response_write(&c->out, &c->request.head, response, !c->close_after, wall_ms) == OK)
		return;
	buf_release(&c->out);
	c->close_after = true;
	if (response_write_problem(&c->out, 500, "there is no memory for the answer", wall_ms) !=
		OK)
		buf_release(&c->out);
}

/* Gives the connection, with its answer in `out`, back to its loop. */
static void hand_back(struct connection *c)
{
	struct loop *loop = c->loop;
	if (loop_is_current(loop) && loop->calling == c) {
		loop->answered = true;
		return;
	}
	c->task.run = connection_answered;
	if (!loop_post(loop, c))
		connection_answered(c); /* abandoned: only its memory is left */
}

void http_respond(struct http_request *request, const struct http_response *response)
{
	struct connection *c = connection_of(request);
	write_answer(c, response);
	hand_back(c);
}

void http_drop(struct http_request *request)
{
	struct connection *c = connection_of(request);
	buf_reset(&c->out);
	c->close_after = true;
	hand_back(c);
}

void http_resume(struct http_request *request, void (*resume)(struct http_request *request))
{
	struct connection *c = connection_of(request);
	request->resume = resume;
	c->task.run = connection_resumed;
	if (!loop_post(c->loop, c))
		resume(request);
}
