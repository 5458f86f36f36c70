/* The REST door: POST /v1/transactions, one as application/json or many as application/x-ndjson.
 *
 * On the connection's loop thread the body is decoded, held to the rules and hashed; the acceptor
 * decides and makes it durable; back on the loop thread the answer is written. */
#pragma once

#include "base/histogram.h"
#include "intake/acceptor.h"
#include "net/server.h"
#include "retail/codec.h"

enum { NDJSON_LINES_MAX = 1000 };

struct rest;

struct rest_config {
	struct acceptor *acceptor;
	struct clock *clock;
	/* False refuses the transaction with rule "store.unknown". NULL takes every store. */
	bool (*store_known)(void *context, struct slice store);
	void *context;
};

struct rest_counters {
	atomic_uint_fast64_t requests_total;
	atomic_uint_fast64_t refused_total; /* transactions answered with 4xx but 409 */
	atomic_uint_fast64_t busy_total;    /* answered 503 or 507 */
	atomic_uint_fast64_t unknown_fields_total;
	struct histogram acknowledge; /* request's last byte to answer */
};

enum status rest_open(const struct rest_config *config, struct rest **ret_rest, struct error *err);
/* After the server and the acceptor are closed. */
void rest_close(struct rest *rest);
/* Takes the request and answers it, now or later. */
void rest_post(struct rest *rest, struct http_request *request);
const struct rest_counters *rest_counters(const struct rest *rest);
