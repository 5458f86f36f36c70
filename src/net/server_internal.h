/* What the files of the server share. The life of a request:
 *
 *     server.c      accepts and gives the connections to the loops in turn
 *     loop.c        waits for events, other threads' answers and deadlines
 *     connection.c  takes the steps of a connection from state to state
 *     reading.c     the request, until the handler has it
 *     request.c     what the handler may do with it
 *     response.c    puts an answer together, on whatever thread
 *     writing.c     the answer, and what comes after it
 *     transfer.c    bytes from and to the client
 *     tls.c         the same bytes, encrypted
 *
 * A connection belongs to its loop's thread, except for `request`, `out` and `close_after` while
 * its state is WITH_HANDLER: they belong to whoever answers. */
#pragma once

#include "net/server.h"

#include <openssl/types.h>
#include <pthread.h>
#include <stdatomic.h>

enum {
	SERVER_LOOPS_MAX = 64,
	SERVER_RESPONSE_BYTES_MAX = 256 << 20,
	/* Buffers above this size do not outlive their request. */
	SERVER_BUFFER_KEPT_MAX = 64 << 10,
	SERVER_READ_BYTES_MIN = 4 << 10,
	/* A client that sends or takes less than this a second is not waited for. */
	SERVER_RATE_MIN_BYTES = 1 << 10,
	/* How long, and for how many bytes, a connection is read after its last answer, so that the
	 * answer is not lost to a reset. */
	SERVER_LINGER_MS = 2000,
	SERVER_LINGER_BYTES_MAX = 1 << 20,
	SERVER_RETRY_AFTER_S = 1,
};

enum connection_state {
	HANDSHAKE,
	READING_HEAD,
	READING_BODY,
	WITH_HANDLER,
	WRITING,
	LINGERING,
};

/* Each kind of deadline is the same number of milliseconds away for every connection, so a list in
 * the order of entry is sorted. */
enum timer {
	TIMER_NONE,
	TIMER_IDLE,
	TIMER_HEAD,
	TIMER_BODY,
	TIMER_WRITE,
	TIMER_LINGER,
	TIMER_COUNT,
};

struct loop;

struct http_request {
	struct http_head head;
	struct slice body;
	uint64_t arrived_ns;
	void *user;
	void (*resume)(struct http_request *request);
};

/* A connection in a loop's inbox: what to do with it on the loop's thread. */
struct task {
	struct connection *next;
	void (*run)(struct connection *connection);
};

struct connection {
	struct http_request request; /* first, so that either pointer finds the other */
	struct loop *loop;
	struct task task;
	int fd;
	SSL *tls; /* NULL: plain */
	enum connection_state state;
	bool readable;     /* as far as the last event or read told */
	bool at_end;       /* the client has closed its side; reading goes on until it shows */
	bool close_after;  /* the answer in `out` is the last */
	bool linger_after; /* and the client may still be sending */
	bool abandoned;    /* the loop has ended while a handler holds the request */

	struct buf in;     /* the request from `begin` on, then what came behind it */
	size_t begin, end; /* of the request; `end` only counts when it is complete */
	size_t head_len, body_len;
	const char *head_base; /* where the bytes of `request.head` were when it was parsed */
	struct http_chunks chunks;
	uint64_t phase_bytes, phase_started_ns; /* of the body or the answer, for the rate */
	uint64_t lingered_bytes;

	struct buf out;
	size_t out_sent;

	enum timer timer;
	uint64_t deadline_ns;
	struct connection *timer_next, *timer_previous;
	struct connection *next, *previous; /* all of the loop */
};

struct timer_list {
	struct connection *first, *last;
	uint64_t after_ms;
};

/* Written by the loop's thread only; read by any. */
struct loop_counters {
	atomic_uint_fast64_t connections_total, requests_total, refused_total, timeouts_total,
		tls_failures_total, bytes_in_total, bytes_out_total;
};

struct loop {
	struct server *server;
	pthread_t thread; /* for the closer */
	int epoll_fd, wake_fd;
	uint64_t now_ns;
	struct timer_list timers[TIMER_COUNT];
	struct connection *connections;
	unsigned connection_count;
	/* The connection whose handler runs right now, and whether it has answered. */
	struct connection *calling;
	bool answered;
	bool closing;
	struct error err; /* words for the answer being made */
	struct loop_counters counters;

	pthread_mutex_t lock;
	pthread_t self;                              /* lock; set once, by the thread itself */
	struct connection *inbox_first, *inbox_last; /* lock */
	bool inbox_closed;                           /* lock */
};

struct server {
	struct server_config config; /* its texts are our own copies */
	struct clock *clock;
	int listen_fd;
	uint16_t port;
	unsigned loop_next;       /* only the accepting loop's thread, as the next */
	uint64_t accept_again_ns; /* when there were no descriptors; 0: accepting */
	atomic_uint connection_count;
	atomic_bool closing;
	uint64_t close_deadline_ns; /* written before `closing`; by the machine's own clock */
	/* One of the opener and one of each abandoned request: the last one frees. */
	atomic_uint ref_count;
	pthread_mutex_t tls_lock;
	SSL_CTX *tls; /* tls_lock */
	struct loop *loops;
};

/* server.c */
/* Takes what waits at the door; false when there are no descriptors to take it with. */
bool server_accept(struct server *server);
void server_unref(struct server *server);

/* loop.c */
enum status loop_init(struct loop *loop, struct server *server, struct error *err);
void loop_release(struct loop *loop);
void *loop_run(void *loop);
/* Runs the task of `connection` on the loop's thread, soon. Any thread. False when the loop has
 * ended: the connection is then the caller's. */
bool loop_post(struct loop *loop, struct connection *connection);
void loop_wake(struct loop *loop);
/* Only for who has got a connection of the loop from the loop itself. */
bool loop_is_current(const struct loop *loop);
/* Reports each change once, from now on; called again, it reports what is ready already. */
bool loop_watch(struct loop *loop, struct connection *connection, bool again);
/* Starts the deadline anew, or ends it with TIMER_NONE. */
void loop_set_timer(struct loop *loop, struct connection *connection, enum timer timer);
static inline void count(atomic_uint_fast64_t *counter, uint64_t n)
{
	/* One writer: no locked instruction is needed. */
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
		memory_order_relaxed);
}

/* connection.c */
struct connection *connection_open(struct server *server, int fd, struct loop *loop);
/* The tasks and events of a connection, on its loop's thread. Each may close it. */
void connection_adopt(struct connection *connection);
void connection_adopt_surplus(struct connection *connection);
void connection_event(struct connection *connection, uint32_t events);
void connection_timed_out(struct connection *connection);
void connection_answered(struct connection *connection);
void connection_resumed(struct connection *connection);
/* Ends it now. When a handler holds the request, the memory stays until that is answered. */
void connection_close(struct connection *connection);
void connection_free(struct connection *connection);

/* What a step came to: the next one can be taken, an event must come first, or the connection is
 * gone. */
enum step { AGAIN, WAIT, CLOSED };
enum step connection_finish(struct connection *connection);
/* Answers what is not going to be handled, with the words in `loop->err`. */
enum step connection_decline(struct connection *connection, unsigned status);
/* The handler, or what it left to be called later. */
enum step connection_call(struct connection *connection,
	void (*run)(void *context, struct http_request *request), void *context);

/* reading.c */
enum step connection_read_head(struct connection *connection);
enum step connection_read_body(struct connection *connection);

/* writing.c */
enum step connection_write(struct connection *connection);
enum step connection_linger(struct connection *connection);

/* transfer.c */
int64_t connection_transmit(struct connection *connection, const char *bytes, size_t len);
/* Room behind what was received; NULL without memory. Moves the buffer. */
char *connection_make_room(struct connection *connection, size_t bytes);
/* Reads what there is; there is room for at least `bytes`. */
enum step connection_fill(struct connection *connection, size_t bytes);
/* A body or an answer gets its deadline, and its rate counts from here. */
void connection_begin_phase(struct connection *connection, enum timer timer);
bool connection_is_too_slow(struct connection *connection, uint64_t grace_ms);

/* response.c */
/* Writes the answer to `out`, whole or (when memory fails) not at all. */
enum status response_write(struct buf *out, const struct http_head *head,
	const struct http_response *response, bool keep_alive, int64_t wall_ms);
/* The answer to a request that the server itself refuses. */
enum status response_write_problem(
	struct buf *out, unsigned status, const char *detail, int64_t wall_ms);

/* tls.c: bytes moved; or 0 at the end, TLS_WAIT, TLS_BROKEN. */
enum { TLS_WAIT = -1, TLS_BROKEN = -2, TLS_DONE = 1 };
enum status tls_context_open(
	const char *cert_path, const char *key_path, SSL_CTX **ret_context, struct error *err);
void tls_context_close(SSL_CTX *context);
SSL *tls_open(SSL_CTX *context, int fd);
/* The end that a client can tell from a cut connection. */
void tls_say_goodbye(SSL *tls);
void tls_close(SSL *tls);
int tls_handshake(SSL *tls);
int64_t tls_read(SSL *tls, char *bytes, size_t size);
int64_t tls_write(SSL *tls, const char *bytes, size_t len);
