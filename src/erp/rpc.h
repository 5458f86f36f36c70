/* One JSON call over HTTP, for connectors whose ERP is reached that way.
 *
 * What matters about a failed call is whether the ERP could have carried it out:
 *
 *     name not resolved, connection refused, TLS refused             E_RETRY, not sent
 *     429, 503 (Retry-After is read), whatever the body says         E_RETRY
 *     any other 5xx                                                  E_UNKNOWN
 *     a request went out and no complete answer came back (broken
 *     connection, time-out, answer longer than RPC_ANSWER_BYTES_MAX) E_UNKNOWN
 *     *stop became true                                              E_STOPPED, look at `sent`
 *     a complete answer with any other status, 4xx included          OK, look at `http_status`
 *
 * A request that only reads changes nothing in the ERP, so that what would be E_UNKNOWN is E_RETRY.
 *
 * libcurl sends a request a second time, on a new connection, when a kept connection breaks before
 * the first byte of the answer. For an ERP without idempotency that is a double posting, so here
 * only requests that read are ever sent twice.
 *
 * Certificates are verified; redirects are not followed; proxy variables of the environment are
 * ignored. One rpc is used by one thread at a time and keeps its connection between calls.
 *
 * jansson may be used to take answers apart, but its json_object(), json_array(), json_string() and
 * json_null() are not reachable here: base/json.h has functions of these names, and they win. */
#pragma once

#include "base/buf.h"
#include "base/error.h"

#include <stdatomic.h>

enum { RPC_ANSWER_BYTES_MAX = 64 << 20, RPC_HEADERS_MAX = 16, RPC_EXCERPT_MAX = 160 };

struct rpc;

struct rpc_request {
	const char *method; /* "GET", "POST", "PUT" */
	const char *url;
	const char *const *headers; /* "Name: value", ends with NULL; or NULL. Not in error texts */
	struct slice body;          /* JSON; NULL ptr: none. Not copied */
	uint64_t timeout_ms;        /* for the whole call, from connecting to the last byte */
	bool reads;                 /* changes nothing in the ERP */
};

struct rpc_answer {
	unsigned http_status;    /* 0 when there was none */
	bool sent;               /* bytes of the request may have left */
	uint64_t retry_after_ms; /* 0 when the ERP named no time */
	struct slice body;       /* until the next call or rpc_close() */
};

/* `stop` (may be NULL) outlives the rpc; it is looked at about once a second. */
enum status rpc_open(const atomic_bool *stop, struct rpc **ret_rpc, struct error *err);
/* Fills *answer in every case. */
enum status rpc_call(struct rpc *rpc, const struct rpc_request *request, struct rpc_answer *answer,
	struct error *err);
void rpc_close(struct rpc *rpc);

/* Bytes as a text for messages: one line, control characters become spaces, what is no UTF-8
 * becomes
 * '?', and it ends, terminated, before the character that would not fit into `size`. */
void rpc_text(struct slice bytes, char *text, size_t size);
/* The answer's beginning, as rpc_text(). */
void rpc_excerpt(const struct rpc_answer *answer, char text[static RPC_EXCERPT_MAX]);
