#include "net/server_internal.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { EVENTS_MAX = 128, NS_PER_MS = 1000000, ACCEPT_PAUSE_MS = 100 };

enum status loop_init(struct loop *loop, struct server *server, struct error *err)
{
	const struct server_config *config = &server->config;
	loop->server = server;
	loop->timers[TIMER_IDLE].after_ms = config->idle_ms;
	loop->timers[TIMER_HEAD].after_ms = config->head_ms;
	loop->timers[TIMER_BODY].after_ms = config->body_ms;
	loop->timers[TIMER_WRITE].after_ms = config->write_ms;
	loop->timers[TIMER_LINGER].after_ms = SERVER_LINGER_MS;
	pthread_mutex_init(&loop->lock, NULL);
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct epoll_event wake = { .events = EPOLLIN, .data.ptr = NULL };
	if (loop->epoll_fd < 0 || loop->wake_fd < 0 ||
		epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->wake_fd, &wake) != 0)
		return error_errno(err, E_IO, "cannot set up the event loop of the HTTP server");
	return OK;
}

void loop_release(struct loop *loop)
{
	if (loop->server == NULL)
		return;
	if (loop->wake_fd >= 0)
		close(loop->wake_fd);
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
}

bool loop_watch(struct loop *loop, struct connection *connection, bool again)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | (uint32_t)EPOLLET,
		.data.ptr = connection,
	};
	int what = again ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
	return epoll_ctl(loop->epoll_fd, what, connection->fd, &event) == 0;
}

void loop_wake(struct loop *loop)
{
	uint64_t one = 1;
	/* It fails only when the counter is full, and then the loop wakes anyway. */
	while (write(loop->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

bool loop_is_current(const struct loop *loop)
{
	return pthread_equal(loop->self, pthread_self());
}

/* The descriptor is written under the lock, so that the loop cannot end between the two. The loop
 * looks into its inbox before it waits: its own thread needs no waking. */
bool loop_post(struct loop *loop, struct connection *connection)
{
	pthread_mutex_lock(&loop->lock);
	bool open = !loop->inbox_closed;
	if (open) {
		bool was_empty = loop->inbox_first == NULL;
		connection->task.next = NULL;
		if (was_empty)
			loop->inbox_first = connection;
		else
			loop->inbox_last->task.next = connection;
		loop->inbox_last = connection;
		if (was_empty && !loop_is_current(loop))
			loop_wake(loop);
	}
	pthread_mutex_unlock(&loop->lock);
	return open;
}

static void run_inbox(struct loop *loop, bool last_time)
{
	pthread_mutex_lock(&loop->lock);
	struct connection *c = loop->inbox_first;
	loop->inbox_first = loop->inbox_last = NULL;
	loop->inbox_closed = last_time;
	pthread_mutex_unlock(&loop->lock);
	while (c != NULL) {
		struct connection *next = c->task.next;
		c->task.run(c);
		c = next;
	}
}

static bool inbox_is_empty(struct loop *loop)
{
	pthread_mutex_lock(&loop->lock);
	bool empty = loop->inbox_first == NULL;
	pthread_mutex_unlock(&loop->lock);
	return empty;
}

void loop_set_timer(struct loop *loop, struct connection *c, enum timer timer)
{
	struct timer_list *list = &loop->timers[c->timer];
	if (c->timer != TIMER_NONE) {
		*(c->timer_previous ? &c->timer_previous->timer_next : &list->first) =
			c->timer_next;
		*(c->timer_next ? &c->timer_next->timer_previous : &list->last) = c->timer_previous;
	}
	c->timer = timer;
	if (timer == TIMER_NONE)
		return;
	list = &loop->timers[timer];
	c->deadline_ns = loop->now_ns + list->after_ms * NS_PER_MS;
	c->timer_next = NULL;
	c->timer_previous = list->last;
	*(list->last ? &list->last->timer_next : &list->first) = c;
	list->last = c;
}

static void run_timers(struct loop *loop)
{
	for (enum timer timer = TIMER_NONE + 1; timer < TIMER_COUNT; timer++) {
		struct timer_list *list = &loop->timers[timer];
		while (list->first != NULL && list->first->deadline_ns <= loop->now_ns)
			connection_timed_out(list->first);
	}
}

static void sooner(uint64_t *until_ns, uint64_t deadline_ns, uint64_t now_ns)
{
	uint64_t left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
	if (left_ns < *until_ns)
		*until_ns = left_ns;
}

/* Milliseconds for epoll_wait(): to the next deadline, rounded up. */
static int wait_ms(struct loop *loop)
{
	struct server *server = loop->server;
	uint64_t until_ns = UINT64_MAX;
	if (!inbox_is_empty(loop))
		return 0;
	for (unsigned i = TIMER_NONE + 1; i < TIMER_COUNT; i++)
		if (loop->timers[i].first != NULL)
			sooner(&until_ns, loop->timers[i].first->deadline_ns, loop->now_ns);
	if (loop == server->loops && server->accept_again_ns > 0)
		sooner(&until_ns, server->accept_again_ns, loop->now_ns);
	if (loop->closing)
		sooner(&until_ns, server->close_deadline_ns,
			clock_system()->monotonic_ns(clock_system()));
	if (until_ns == UINT64_MAX)
		return -1;
	return until_ns / NS_PER_MS >= 60000 ? 60000
					     : (int)((until_ns + NS_PER_MS - 1) / NS_PER_MS);
}

/* Without a free descriptor the waiting client would wake the loop for ever. */
static void accept_or_pause(struct loop *loop)
{
	struct server *server = loop->server;
	if (server->listen_fd < 0)
		return;
	bool could = server->accept_again_ns == 0, can = server_accept(server);
	server->accept_again_ns = can ? 0 : loop->now_ns + ACCEPT_PAUSE_MS * (uint64_t)NS_PER_MS;
	struct epoll_event event = { .events = can ? EPOLLIN : 0U, .data.ptr = server };
	if (can != could)
		epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, server->listen_fd, &event);
}

static void empty_wake_fd(struct loop *loop)
{
	uint64_t wakes;
	while (read(loop->wake_fd, &wakes, sizeof(wakes)) < 0 && errno == EINTR)
		;
}

static void run_events(struct loop *loop)
{
	struct epoll_event events[EVENTS_MAX];
	struct server *server = loop->server;
	int n = epoll_wait(loop->epoll_fd, events, EVENTS_MAX, wait_ms(loop));
	loop->now_ns = server->clock->monotonic_ns(server->clock);
	for (int i = 0; i < n; i++) {
		if (events[i].data.ptr == NULL)
			empty_wake_fd(loop);
		else if (events[i].data.ptr == server)
			accept_or_pause(loop);
		else
			connection_event(events[i].data.ptr, events[i].events);
	}
}

static void stop_accepting(struct loop *loop)
{
	struct server *server = loop->server;
	if (loop != server->loops || server->listen_fd < 0)
		return;
	close(server->listen_fd);
	server->listen_fd = -1;
}

/* Who is in the middle of something is answered; the others go. */
static void begin_closing(struct loop *loop)
{
	loop->closing = true;
	stop_accepting(loop);
	for (struct connection *c = loop->connections, *next; c != NULL; c = next) {
		next = c->next;
		connection_event(c, EPOLLIN);
	}
}

static bool is_finished(const struct loop *loop)
{
	return loop->closing &&
	       (loop->connection_count == 0 || clock_system()->monotonic_ns(clock_system()) >=
						       loop->server->close_deadline_ns);
}

/* Handlers that still hold a request do so after this: first the connections let go of the loop,
 * then the inbox closes, and from then on the answering thread frees them. */
static void end(struct loop *loop)
{
	while (loop->connections != NULL)
		connection_close(loop->connections);
	run_inbox(loop, true);
	while (loop->connections != NULL)
		connection_close(loop->connections);
}

void *loop_run(void *context)
{
	struct loop *loop = context;
	struct server *server = loop->server;
	pthread_mutex_lock(&loop->lock);
	loop->self = pthread_self();
	pthread_mutex_unlock(&loop->lock);
	loop->now_ns = server->clock->monotonic_ns(server->clock);
	while (!is_finished(loop)) {
		run_events(loop);
		run_inbox(loop, false);
		run_timers(loop);
		if (loop == server->loops && server->accept_again_ns > 0 &&
			server->accept_again_ns <= loop->now_ns)
			accept_or_pause(loop);
		if (!loop->closing && atomic_load(&server->closing))
			begin_closing(loop);
	}
	end(loop);
	return NULL;
}
