/* A server on a free port of the loopback, with a clock that the test moves, and a blocking client
 * for it. What the server does with a request is said by its path:
 *
 *     /echo     its body comes back          /page   an HTML page with headers of its own
 *     /big      BIG_BYTES bytes              /full   the answer closes the connection
 *     /thread   the bytes of the id of the thread that handles it
 *     /hold     kept: site_take() gives it to the test */
#pragma once

#include "harness.h"
#include "net/server.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HELD_MAX = 1024, BIG_BYTES = 32 << 20, CLIENT_SECONDS_MAX = 60 };

struct test_clock {
	struct clock clock; /* first */
	atomic_uint_fast64_t now_ns;
};

struct site {
	struct server *server;
	struct test_clock clock;
	pthread_mutex_t lock;
	pthread_cond_t held_more;
	struct http_request *held[HELD_MAX]; /* lock */
	unsigned held_count;                 /* lock */
	char *big;
};

struct client {
	int fd;
	SSL *tls;
	struct buf in;
	size_t answer_len;
};

struct answer {
	unsigned status;
	struct slice head;
	struct slice body;
};

static inline uint64_t test_clock_ns(struct clock *clock)
{
	return atomic_load(&((struct test_clock *)clock)->now_ns);
}

static inline int64_t test_clock_wall_ms(struct clock *clock)
{
	(void)clock;
	return 1795470236123; /* 2026-11-23T21:43:56.123Z */
}

static inline void site_hold(struct site *site, struct http_request *request)
{
	pthread_mutex_lock(&site->lock);
	EXPECT(site->held_count < HELD_MAX);
	site->held[site->held_count++] = request;
	pthread_cond_signal(&site->held_more);
	pthread_mutex_unlock(&site->lock);
}

static inline struct http_request *site_take(struct site *site)
{
	pthread_mutex_lock(&site->lock);
	while (site->held_count == 0)
		pthread_cond_wait(&site->held_more, &site->lock);
	struct http_request *request = site->held[--site->held_count];
	pthread_mutex_unlock(&site->lock);
	return request;
}

static inline void echo(struct http_request *request)
{
	struct http_response response = {
		.status = 200,
		.content_type = "text/plain",
		.body = http_request_body(request),
	};
	http_respond(request, &response);
}

static inline void site_handle(void *context, struct http_request *request)
{
	struct site *site = context;
	struct slice path = http_request_head(request)->path;
	struct http_response response = { .status = 200, .content_type = "text/html" };
	pthread_t self = pthread_self();
	if (slice_is(path, "/hold")) {
		site_hold(site, request);
		return;
	}
	if (slice_is(path, "/big"))
		response.body = slice_make(site->big, BIG_BYTES);
	else if (slice_is(path, "/thread"))
		response.body = slice_make(&self, sizeof(self));
	else if (slice_is(path, "/page"))
		response.headers = "cache-control: max-age=60\r\n"
				   "Content-Security-Policy: default-src 'self'\r\n";
	else if (slice_is(path, "/full"))
		response = (struct http_response){ .status = 204, .close = true };
	else {
		echo(request);
		return;
	}
	http_respond(request, &response);
}

static inline struct server_config site_config(void)
{
	return (struct server_config){
		.address = "127.0.0.1",
		.loops = 2,
		.connections_max = 100,
		.body_bytes_max = 1 << 20,
		.head_ms = 1000,
		.body_ms = 1000,
		.idle_ms = 5000,
		.write_ms = 1000,
	};
}

static inline void site_open(struct site *site, struct server_config config)
{
	struct error err;
	*site = (struct site){ .clock.clock = { test_clock_ns, test_clock_wall_ms } };
	atomic_store(&site->clock.now_ns, 1000000000);
	pthread_mutex_init(&site->lock, NULL);
	pthread_cond_init(&site->held_more, NULL);
	site->big = calloc(1, BIG_BYTES);
	config.handle = site_handle;
	config.context = site;
	EXPECT_OK(server_open(&config, &site->clock.clock, &site->server, &err), err);
}

static inline void site_close(struct site *site)
{
	server_close(site->server, 1000);
	free(site->big);
}

static inline void site_advance(struct site *site, uint64_t ms)
{
	atomic_fetch_add(&site->clock.now_ns, ms * 1000000);
}

static inline struct server_counters site_counters(const struct site *site)
{
	struct server_counters counters;
	server_counters(site->server, &counters);
	return counters;
}

/* Until the server has read so many bytes in all. */
static inline void site_await_bytes(const struct site *site, uint64_t bytes)
{
	while (site_counters(site).bytes_in_total < bytes)
		sched_yield();
}

static inline int try_connect(uint16_t port)
{
	static const int on = 1;
	struct timeval patience = { .tv_sec = CLIENT_SECONDS_MAX };
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
		return fd;
	close(fd);
	return -1;
}

static inline void client_open(struct client *client, const struct site *site)
{
	*client = (struct client){ .fd = try_connect(server_port(site->server)) };
	EXPECT(client->fd >= 0);
	buf_init(&client->in, BIG_BYTES + (1 << 16));
}

static inline void client_close(struct client *client)
{
	SSL_free(client->tls);
	close(client->fd);
	buf_release(&client->in);
}

static inline void client_send(struct client *client, const void *bytes, size_t len)
{
	if (client->tls != NULL)
		EXPECT(SSL_write(client->tls, bytes, (int)len) == (int)len);
	else
		EXPECT(send(client->fd, bytes, len, MSG_NOSIGNAL) == (ssize_t)len);
}

static inline void client_say(struct client *client, const char *text)
{
	client_send(client, text, strlen(text));
}

/* Reads what is there; false at the end of the stream. */
static inline bool client_read(struct client *client)
{
	char *to = buf_reserve(&client->in, 1 << 14);
	EXPECT(to != NULL);
	ssize_t n = client->tls != NULL ? SSL_read(client->tls, to, 1 << 14)
					: recv(client->fd, to, 1 << 14, 0);
	if (n < 0 && client->tls == NULL && errno == EAGAIN)
		test_fail(__FILE__, __LINE__, "the server says nothing for %d seconds",
			CLIENT_SECONDS_MAX);
	if (n > 0)
		client->in.len += (size_t)n;
	return n > 0;
}

static inline void expect_closed(struct client *client)
{
	buf_consume(&client->in, client->answer_len);
	client->answer_len = 0;
	while (client_read(client))
		;
	EXPECT_NUMBER(client->in.len, 0);
}

/* The value of a header of the answer, terminated; "" when it is not there. */
static inline const char *answer_field(const struct answer *answer, const char *name)
{
	static char value[256];
	struct slice line, rest = answer->head;
	value[0] = '\0';
	while (rest.len > 0) {
		line = slice_cut(rest, '\n', &rest);
		struct slice found, field = slice_cut(line, ':', &found);
		if (!slice_equal_nocase(field, name))
			continue;
		found = slice_trim(found);
		EXPECT(found.len < sizeof(value));
		memcpy(value, found.ptr, found.len - 1);
		value[found.len - 1] = '\0';
	}
	return value;
}

static inline void client_answer(struct client *client, bool has_body, struct answer *ret_answer)
{
	const char *end;
	size_t body_len = 0;
	buf_consume(&client->in, client->answer_len);
	while ((end = client->in.len == 0
			       ? NULL
			       : memmem(client->in.ptr, client->in.len, "\r\n\r\n", 4)) == NULL)
		if (!client_read(client))
			test_fail(__FILE__, __LINE__, "the connection ends before an answer");
	size_t head_len = (size_t)(end - client->in.ptr) + 4;
	ret_answer->head = slice_make(client->in.ptr, head_len);
	EXPECT(slice_starts(ret_answer->head, "HTTP/1.1 "));
	ret_answer->status = (unsigned)strtoul(client->in.ptr + 9, NULL, 10);
	if (has_body)
		body_len = strtoul(answer_field(ret_answer, "Content-Length"), NULL, 10);
	while (client->in.len < head_len + body_len)
		EXPECT(client_read(client));
	client->answer_len = head_len + body_len;
	ret_answer->head = slice_make(client->in.ptr, head_len);
	ret_answer->body = slice_make(client->in.ptr + head_len, body_len);
}

static inline void expect_answer(struct client *client, unsigned status, const char *body)
{
	struct answer answer;
	client_answer(client, true, &answer);
	EXPECT_NUMBER(answer.status, status);
	if (body != NULL && !slice_is(answer.body, body))
		test_fail(__FILE__, __LINE__, "the body is \"%.*s\", expected \"%s\"",
			SLICE_ARG(answer.body), body);
}
