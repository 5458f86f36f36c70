#include "net/server_internal.h"

#include "base/check.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 4096, ACCEPTS_MAX = 64, NS_PER_MS = 1000000 };

static enum status check_config(const struct server_config *config, struct error *err)
{
	if (config->loops < 1 || config->loops > SERVER_LOOPS_MAX)
		return error_set(err, E_CONFIG, "%u event loops are asked for; expected 1 to %d",
			config->loops, SERVER_LOOPS_MAX);
	if (config->connections_max == 0 || config->head_ms == 0 || config->body_ms == 0 ||
		config->idle_ms == 0 || config->write_ms == 0)
		return error_set(err, E_CONFIG,
			"a limit of the HTTP server is 0; expected connections_max and all "
			"times to be set");
	if ((config->tls_cert == NULL) != (config->tls_key == NULL))
		return error_set(err, E_CONFIG,
			"a TLS certificate needs its key and a key its certificate; one is "
			"missing");
	return OK;
}

static char *copy(const char *text)
{
	return text == NULL ? NULL : strdup(text);
}

static bool copy_config(struct server *server, const struct server_config *config)
{
	server->config = *config;
	server->config.address = copy(config->address);
	server->config.tls_cert = copy(config->tls_cert);
	server->config.tls_key = copy(config->tls_key);
	return server->config.address != NULL &&
	       (config->tls_cert == NULL ||
		       (server->config.tls_cert != NULL && server->config.tls_key != NULL));
}

static enum status resolve(
	const struct server_config *config, struct addrinfo **ret_address, struct error *err)
{
	char port[8];
	struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
		.ai_socktype = SOCK_STREAM,
	};
	snprintf(port, sizeof(port), "%u", config->port);
	int failure = getaddrinfo(config->address, port, &hints, ret_address);
	if (failure != 0)
		return error_set(err, E_CONFIG,
			"\"%s\" is no address to listen on (%s); expected one such as "
			"127.0.0.1, 0.0.0.0 or ::1",
			config->address, gai_strerror(failure));
	return OK;
}

static enum status read_port(struct server *server, struct error *err)
{
	struct sockaddr_storage bound;
	socklen_t len = sizeof(bound);
	char port[8];
	if (getsockname(server->listen_fd, (struct sockaddr *)&bound, &len) != 0 ||
		getnameinfo((struct sockaddr *)&bound, len, NULL, 0, port, sizeof(port),
			NI_NUMERICSERV) != 0)
		return error_errno(err, E_IO, "cannot read the port that was bound");
	server->port = (uint16_t)strtoul(port, NULL, 10);
	return OK;
}

static enum status listen_on(struct server *server, struct error *err)
{
	static const int on = 1;
	const struct server_config *config = &server->config;
	struct addrinfo *address;
	enum status s = resolve(config, &address, err);
	if (s != OK)
		return s;
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	server->listen_fd = fd;
	/* Answers go out whole: waiting for more would only delay them. Accepted sockets inherit
	 * both options. */
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0 ||
		bind(fd, address->ai_addr, address->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0)
		s = error_errno(err, E_CONFIG, "cannot listen on %s port %u", config->address,
			config->port);
	freeaddrinfo(address);
	return s == OK ? read_port(server, err) : s;
}

static enum status init_loops(struct server *server, struct error *err)
{
	enum status s = OK;
	server->loops = calloc(server->config.loops, sizeof(*server->loops));
	if (server->loops == NULL)
		return error_set(err, E_FULL, "no memory for the event loops");
	for (unsigned i = 0; s == OK && i < server->config.loops; i++)
		s = loop_init(&server->loops[i], server, err);
	if (s != OK)
		return s;
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = server };
	if (epoll_ctl(server->loops[0].epoll_fd, EPOLL_CTL_ADD, server->listen_fd, &event) != 0)
		return error_errno(err, E_IO, "cannot watch the listening socket");
	return OK;
}

/* Ends the first `count` loops. */
static void end_loops(struct server *server, unsigned count, uint64_t wait_ms)
{
	struct clock *clock = clock_system();
	server->close_deadline_ns = clock->monotonic_ns(clock) + wait_ms * NS_PER_MS;
	atomic_store(&server->closing, true);
	for (unsigned i = 0; i < count; i++)
		loop_wake(&server->loops[i]);
	for (unsigned i = 0; i < count; i++)
		pthread_join(server->loops[i].thread, NULL);
}

/* Signals belong to the threads of the program; and a client that goes away while OpenSSL writes to
 * it must not end the process with SIGPIPE. */
static enum status start_loops(struct server *server, struct error *err)
{
	sigset_t all, before;
	unsigned started = 0;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (started < server->config.loops &&
		pthread_create(&server->loops[started].thread, NULL, loop_run,
			&server->loops[started]) == 0)
		started++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (started == server->config.loops)
		return OK;
	end_loops(server, started, 0);
	return error_set(err, E_IO, "cannot start the threads of the HTTP server");
}

static void server_free(struct server *server)
{
	free((char *)server->config.address);
	free((char *)server->config.tls_cert);
	free((char *)server->config.tls_key);
	free(server->loops);
	free(server);
}

void server_unref(struct server *server)
{
	if (atomic_fetch_sub(&server->ref_count, 1) == 1)
		server_free(server);
}

/* All but the memory, which abandoned requests may still need. */
static void release(struct server *server)
{
	if (server->listen_fd >= 0)
		close(server->listen_fd);
	for (unsigned i = 0; server->loops != NULL && i < server->config.loops; i++)
		loop_release(&server->loops[i]);
	tls_context_close(server->tls);
	server->tls = NULL;
	server_unref(server);
}

enum status server_open(const struct server_config *config, struct clock *clock,
	struct server **ret_server, struct error *err)
{
	enum status s = check_config(config, err);
	if (s != OK)
		return s;
	struct server *server = calloc(1, sizeof(*server));
	if (server == NULL)
		return error_set(err, E_FULL, "no memory for the HTTP server");
	server->clock = clock;
	server->listen_fd = -1;
	atomic_init(&server->ref_count, 1);
	pthread_mutex_init(&server->tls_lock, NULL);
	if (!copy_config(server, config))
		s = error_set(err, E_FULL, "no memory for the HTTP server");
	if (s == OK && config->tls_cert != NULL)
		s = tls_context_open(config->tls_cert, config->tls_key, &server->tls, err);
	if (s == OK)
		s = listen_on(server, err);
	if (s == OK)
		s = init_loops(server, err);
	if (s == OK)
		s = start_loops(server, err);
	if (s == OK)
		*ret_server = server;
	else
		release(server);
	return s;
}

uint16_t server_port(const struct server *server)
{
	return server->port;
}

enum status server_reload_tls(struct server *server, struct error *err)
{
	SSL_CTX *context;
	if (server->config.tls_cert == NULL)
		return error_set(err, E_CONFIG, "this server has no TLS certificate to reload");
	enum status s =
		tls_context_open(server->config.tls_cert, server->config.tls_key, &context, err);
	if (s != OK)
		return s;
	pthread_mutex_lock(&server->tls_lock);
	SSL_CTX *old = server->tls;
	server->tls = context;
	pthread_mutex_unlock(&server->tls_lock);
	tls_context_close(old); /* connections that use it keep it */
	return OK;
}

void server_close(struct server *server, uint64_t wait_ms)
{
	if (server == NULL)
		return;
	end_loops(server, server->config.loops, wait_ms);
	release(server);
}

/* The connections go to the loops in turn, so that each has as many as the others. */
static void accept_one(struct server *server, int fd)
{
	unsigned connections_max = server->config.connections_max;
	unsigned open = atomic_fetch_add(&server->connection_count, 1) + 1;
	struct loop *loop = &server->loops[server->loop_next++ % server->config.loops];
	struct connection *c = NULL;
	/* A quarter more may wait for their 503; who comes then is not even told. */
	if (open <= connections_max + connections_max / 4 + 16)
		c = connection_open(server, fd, loop);
	if (c != NULL) {
		c->task.run = open > connections_max ? connection_adopt_surplus : connection_adopt;
		if (loop_post(loop, c))
			return;
		connection_free(c);
	}
	atomic_fetch_sub(&server->connection_count, 1);
	close(fd);
}

bool server_accept(struct server *server)
{
	for (unsigned i = 0; i < ACCEPTS_MAX; i++) {
		int fd = accept4(server->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			return errno != EMFILE && errno != ENFILE && errno != ENOBUFS &&
			       errno != ENOMEM;
		accept_one(server, fd);
	}
	return true;
}

void server_counters(const struct server *server, struct server_counters *ret_counters)
{
	*ret_counters = (struct server_counters){
		.connections_open = atomic_load(&server->connection_count),
	};
	for (unsigned i = 0; i < server->config.loops; i++) {
		const struct loop_counters *counters = &server->loops[i].counters;
		ret_counters->connections_total += counters->connections_total;
		ret_counters->requests_total += counters->requests_total;
		ret_counters->requests_refused_total += counters->refused_total;
		ret_counters->timeouts_total += counters->timeouts_total;
		ret_counters->tls_failures_total += counters->tls_failures_total;
		ret_counters->bytes_in_total += counters->bytes_in_total;
		ret_counters->bytes_out_total += counters->bytes_out_total;
	}
}
