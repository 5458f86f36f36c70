/* An HTTP/1.1 server on epoll, with TLS 1.3 by OpenSSL when it is given a certificate.
 *
 * Each of `loops` threads has its own epoll set and its own share of the connections. A complete
 * request (head and body) is handed to `handle` on the connection's loop thread. The handler either
 * answers at once with http_respond(), or keeps the request and answers later, from any thread;
 * exactly one answer per request. A connection's next (pipelined) request is not looked at before
 * the answer to the last one is queued, so answers are in order.
 *
 * Limits (struct server_config): connections (beyond it the oldest idle one is closed, else 503),
 * head, body (413 before it is read when Content-Length says so), time to send a head, time between
 * reads of a body, idle time, time for the client to take the answer. Bodies and answers must also
 * keep up 1 KiB a second. A connection whose answer is being made has no deadline: that is the
 * handler's. The connections beyond the limit are only closed under TLS.
 *
 * Requests that the server refuses itself are answered with problem details (RFC 9457); the
 * connection is then read for a moment longer, so that the client gets to see them. */
#pragma once

#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "net/http.h"

struct server;
struct http_request;

struct server_config {
	const char *address; /* "127.0.0.1" or "::1" or "0.0.0.0" */
	uint16_t port;       /* 0: the kernel chooses, see server_port() */
	unsigned loops;      /* threads, 1 to 64 */
	unsigned connections_max;
	uint64_t body_bytes_max;
	uint64_t head_ms, body_ms, idle_ms, write_ms;
	const char *tls_cert, *tls_key; /* PEM files; both or none */
	void (*handle)(void *context, struct http_request *request);
	void *context;
};

struct server_counters {
	uint64_t connections_open, connections_total, requests_total, requests_refused_total,
		timeouts_total, tls_failures_total, bytes_in_total, bytes_out_total;
};

/* Binds, listens and starts the threads. */
enum status server_open(const struct server_config *config, struct clock *clock,
	struct server **ret_server, struct error *err);
uint16_t server_port(const struct server *server);
/* Reads certificate and key again; a broken file leaves the old ones in use. Any thread. */
enum status server_reload_tls(struct server *server, struct error *err);
/* Stops accepting, waits up to `wait_ms` for answers that are under way, ends the threads. Requests
 * that handlers hold even then stay valid and still have to be answered, which frees them; nobody
 * gets to see the answer. NULL is fine. */
void server_close(struct server *server, uint64_t wait_ms);
void server_counters(const struct server *server, struct server_counters *ret_counters);

/* The request; valid until it is answered. The body is complete and owned by the request. */
const struct http_head *http_request_head(const struct http_request *request);
struct slice http_request_body(const struct http_request *request);
/* Monotonic time when its last byte arrived. */
uint64_t http_request_arrived_ns(const struct http_request *request);
/* For the handler's own use while the request lives; freed by nobody. */
void http_request_set_user(struct http_request *request, void *user);
void *http_request_user(const struct http_request *request);

struct http_response {
	unsigned status;
	const char *content_type; /* NULL: no body, no header */
	const char *headers;      /* further lines, each ending in "\r\n", or NULL */
	struct slice body;        /* copied before http_respond() returns */
	bool close;               /* close the connection after this answer */
};

/* Answers. Any thread; the request is gone afterwards. HEAD requests get no body. Adds Date,
 * Content-Length and the security headers (X-Content-Type-Options, Cache-Control: no-store unless
 * `headers` has one). */
void http_respond(struct http_request *request, const struct http_response *response);

/* Instead of an answer: closes the connection without a byte. For a server that plays a broken one
 * (the sandbox ERP). Any thread; the request is gone afterwards. */
void http_drop(struct http_request *request);

/* Calls `resume` on the request's loop thread, soon. Any thread. For work on another thread that
 * ends with an answer: the answer is then made where the connection lives, and many of them cost
 * one wake-up of a loop. From then on the request belongs to `resume`. When the loop has ended (see
 * server_close) it is called at once, on the calling thread: hold no lock that it needs. */
void http_resume(struct http_request *request, void (*resume)(struct http_request *request));
