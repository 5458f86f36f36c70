/* One HTTP/1.1 connection that carries one POST after the other, without blocking: what the sender
 * has many of. It is registered with an epoll set once, edge-triggered, so each event is answered
 * by lane_step() until that says what has come of the request. Not for two threads. */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "edge/tls.h"

#include <netinet/in.h>
#include <sys/socket.h>

enum { LANE_HEAD_BYTES_MAX = 16 << 10, LANE_ANSWER_BYTES_MAX = 4 << 20 };

/* Where requests go, looked up once. All lanes to it share its TLS. */
struct endpoint {
	struct sockaddr_storage address;
	socklen_t address_len;
	char name[256];       /* that the certificate must have */
	char host[300];       /* for the Host field, with the port */
	bool secure;          /* https:// */
	struct edge_tls *tls; /* of endpoint_secure() */
	char path[300];       /* "/v1/transactions" */
};

/* "http://host:port[/base]" or "https://..."; the path is appended to the base. E_CONFIG or E_RETRY
 * (the name does not resolve). */
enum status endpoint_parse(
	const char *url, const char *path, struct endpoint *ret_endpoint, struct error *err);
/* Makes ready for TLS 1.3 when the address is https://. The certificate must come from an authority
 * in ca_file (NULL: those that the system trusts). E_CONFIG: ca_file cannot be read, or is given
 * for http://. */
enum status endpoint_secure(struct endpoint *endpoint, const char *ca_file, struct error *err);
void endpoint_release(struct endpoint *endpoint);

enum lane_result {
	LANE_AGAIN, /* wait for the next event */
	LANE_ANSWERED,
	LANE_UNTRUSTED, /* the server is not who it should be; trying again is of no use */
	LANE_LOST,      /* connection refused, reset, closed or not HTTP: the outcome is unknown */
};

struct answer {
	unsigned status;
	uint64_t retry_after_s; /* 0 when not given */
	struct slice body;      /* valid until the next lane_post() */
};

struct lane {
	int fd; /* -1: not connected */
	const struct endpoint *endpoint;
	struct edge_session *session; /* NULL: plain */
	bool shaken;                  /* the handshake is done */
	struct buf out, in;
	size_t sent; /* bytes of `out` */
	bool busy;   /* a request is under way */
	bool closes; /* the server closes after this answer */
};

void lane_init(struct lane *lane, const struct endpoint *endpoint);
void lane_release(struct lane *lane);
/* Drops the connection; the next lane_post() makes a new one. */
void lane_drop(struct lane *lane);

/* Starts a POST; connects first when needed and then registers the socket in `epoll` with `user`
 * as its data. E_FULL, E_IO: could not be started. Call lane_step() next. */
enum status lane_post(
	struct lane *lane, int epoll, void *user, struct slice body, struct error *err);
/* LANE_LOST and LANE_UNTRUSTED fill err. */
enum lane_result lane_step(struct lane *lane, struct answer *ret_answer, struct error *err);
