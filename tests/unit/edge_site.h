/* A centre for the register's library to talk to: it answers as tillbridge does, or as a plan says,
 * byte for byte, on a thread of its own. One connection at a time. */
#pragma once

#include "base/buf.h"
#include "harness.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CENTRE_SEQUENCES = 3000, CENTRE_PLAN_MAX = 64 };

enum behaviour {
	GOOD,
	LOST,    /* takes everything and closes without an answer */
	HALF,    /* takes everything and closes within the answer */
	GARBAGE, /* answers with something that is not HTTP */
	NO_JSON, /* 200 with a page, as a hotel's network does */
	BUSY,    /* 503 with Retry-After: 7 */
	THROTTLED,
	BROKEN,    /* 500 */
	TOO_LARGE, /* 413 of a proxy, for more than one line */
	PARTLY,    /* of many lines the odd ones get 503 */
};

struct centre {
	int listener;
	uint16_t port;
	char url[64];
	pthread_t thread;
	pthread_mutex_t lock;
	enum behaviour plan[CENTRE_PLAN_MAX]; /* lock */
	unsigned planned, requests;           /* lock */
	unsigned taken[CENTRE_SEQUENCES];     /* lock: how often each sequence arrived */
	unsigned order[CENTRE_SEQUENCES], arrived, largest_batch;
	unsigned conflict, refuse; /* sequences that get 409 and 422 */
	const char *downlink;      /* the answer to GET .../downlink, NULL: 404 */
	char report[2000];         /* lock: the last one */
	char query[200];
};

static inline void centre_line(struct centre *c, unsigned sequence, bool alone, enum behaviour how,
	unsigned at, struct buf *out)
{
	char code[32] = "";
	unsigned status = 201;
	if (sequence == c->conflict)
		status = 409;
	else if (sequence == c->refuse)
		status = 422;
	else if (how == PARTLY && at % 2 == 1)
		status = 503;
	if (status < 400) {
		EXPECT(sequence < CENTRE_SEQUENCES);
		if (c->taken[sequence]++ == 0)
			c->order[c->arrived++] = sequence;
		else
			status = 200;
	}
	if (!alone)
		snprintf(code, sizeof(code), "\"status_code\":%u,", status);
	if (status < 400)
		buf_format(out,
			"{%s\"key\":\"s/1/2026-11-23/"
			"%u\",\"status\":\"accepted\",\"receipt\":\"%u-ab\","
			"\"duplicate\":%s}",
			code, sequence, sequence, status == 200 ? "true" : "false");
	else
		buf_format(out,
			"{%s\"type\":\"https://tillbridge.dev/problems/"
			"x\",\"title\":\"t\",\"status\":%u,"
			"\"detail\":\"because\"}",
			code, status);
	if (alone)
		c->requests += 1000 * status;
}

static inline unsigned centre_answer(
	struct centre *c, char *body, enum behaviour how, struct buf *out)
{
	unsigned lines = 0, status = 200;
	for (const char *at = body; *at != '\0'; at++)
		lines += *at == '\n';
	bool alone = lines == 0;
	if (lines + 1 > c->largest_batch)
		c->largest_batch = lines + 1;
	unsigned at = 0;
	for (char *line = body; line != NULL && *line != '\0'; at++) {
		char *next = strchr(line, '\n');
		const char *sequence = strstr(line, "\"sequence\":");
		EXPECT(sequence != NULL && (next == NULL || sequence < next));
		centre_line(c, (unsigned)strtoul(sequence + 11, NULL, 10), alone, how, at, out);
		if (!alone)
			buf_char(out, '\n');
		line = next == NULL ? NULL : next + 1;
	}
	if (alone) {
		status = c->requests / 1000;
		c->requests %= 1000;
	}
	return status;
}

static inline void centre_send(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
		if (n <= 0)
			return;
		bytes += n;
		len -= (size_t)n;
	}
}

static inline void centre_respond(
	int fd, unsigned status, const char *fields, struct slice body, bool half)
{
	char head[400];
	int n = snprintf(head, sizeof(head),
		"HTTP/1.1 %u Words\r\nDate: Mon, 23 Nov 2026 16:03:40 GMT\r\n%sContent-Length: "
		"%zu\r\n\r\n",
		status, fields, body.len);
	centre_send(fd, head, (size_t)n);
	centre_send(fd, body.ptr, half ? body.len / 2 : body.len);
}

static inline enum behaviour centre_next(struct centre *c)
{
	unsigned at = c->requests++;
	return at < c->planned ? c->plan[at] : GOOD;
}

/* False: the connection is over. */
static inline bool centre_handle(struct centre *c, int fd, char *head, char *body)
{
	struct buf out;
	bool goes_on = true;
	buf_init(&out, 4 << 20);
	pthread_mutex_lock(&c->lock);
	if (strncmp(head, "GET ", 4) == 0) {
		snprintf(c->query, sizeof(c->query), "%.*s", (int)strcspn(head, "\r"), head);
		if (c->downlink != NULL)
			buf_text(&out, c->downlink);
		centre_respond(fd, c->downlink != NULL ? 200 : 404, "", buf_get(&out), false);
	} else if (strstr(head, "/reports ") != NULL) {
		snprintf(c->report, sizeof(c->report), "%s", body);
		buf_text(&out, "{}");
		centre_respond(fd, 201, "", buf_get(&out), false);
	} else {
		enum behaviour how = centre_next(c);
		bool many = strchr(body, '\n') != NULL;
		if (how == TOO_LARGE && !many)
			how = GOOD;
		if (how == GARBAGE) {
			centre_send(fd, "SSH-2.0-OpenSSH\r\n\r\n", 19);
			goes_on = false;
		} else if (how == NO_JSON) {
			centre_respond(
				fd, 200, "Content-Type: text/html\r\n", slice_of("<html>"), false);
		} else if (how == BUSY || how == THROTTLED) {
			centre_respond(fd, how == BUSY ? 503 : 429, "Retry-After: 7\r\n",
				slice_of("{}"), false);
		} else if (how == BROKEN || how == TOO_LARGE) {
			centre_respond(fd, how == BROKEN ? 500 : 413, "", slice_of("oops"), false);
		} else {
			unsigned status = centre_answer(c, body, how, &out);
			if (how != LOST)
				centre_respond(fd, status, "", buf_get(&out), how == HALF);
			goes_on = how != LOST && how != HALF;
		}
	}
	pthread_mutex_unlock(&c->lock);
	buf_release(&out);
	return goes_on;
}

static inline void centre_serve(struct centre *c, int fd)
{
	struct buf in;
	buf_init(&in, 4 << 20);
	for (bool goes_on = true; goes_on;) {
		char *end = in.len > 0 ? memmem(in.ptr, in.len, "\r\n\r\n", 4) : NULL;
		size_t head_len = end == NULL ? 0 : (size_t)(end - in.ptr) + 4, body_len = 0;
		if (end != NULL) {
			*end = '\0';
			const char *length = strstr(in.ptr, "Content-Length: ");
			body_len = length == NULL ? 0 : strtoul(length + 16, NULL, 10);
			if (in.len >= head_len + body_len) {
				char *body = strndup(in.ptr + head_len, body_len);
				goes_on = centre_handle(c, fd, in.ptr, body);
				free(body);
				buf_consume(&in, head_len + body_len);
				continue;
			}
			*end = '\r';
		}
		char *at = buf_reserve(&in, 65536);
		ssize_t n = recv(fd, at, 65536, 0);
		if (n <= 0)
			break;
		in.len += (size_t)n;
	}
	buf_release(&in);
	close(fd);
}

static inline void *centre_run(void *argument)
{
	struct centre *c = argument;
	for (;;) {
		int fd = accept(c->listener, NULL, NULL);
		if (fd < 0)
			return NULL;
		centre_serve(c, fd);
	}
}

static inline void centre_open(struct centre *c)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	memset(c, 0, sizeof(*c));
	pthread_mutex_init(&c->lock, NULL);
	c->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	EXPECT(bind(c->listener, (struct sockaddr *)&address, len) == 0 &&
		listen(c->listener, 8) == 0);
	EXPECT(getsockname(c->listener, (struct sockaddr *)&address, &len) == 0);
	c->port = ntohs(address.sin_port);
	snprintf(c->url, sizeof(c->url), "http://127.0.0.1:%u", c->port);
	EXPECT(pthread_create(&c->thread, NULL, centre_run, c) == 0);
}

/* After the clients have gone. */
static inline void centre_close(struct centre *c)
{
	shutdown(c->listener, SHUT_RDWR);
	pthread_join(c->thread, NULL);
	close(c->listener);
}

static inline void centre_plan(struct centre *c, const enum behaviour *plan, unsigned count)
{
	pthread_mutex_lock(&c->lock);
	memcpy(c->plan, plan, count * sizeof(*plan));
	c->planned = count;
	c->requests = 0;
	pthread_mutex_unlock(&c->lock);
}
