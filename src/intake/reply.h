/* Answers an HTTP request with what became of its batch, on the request's loop thread. */
#pragma once

#include "intake/admission.h"

#include <stdatomic.h>

enum reply_form {
	REPLY_ONE,   /* the one line's status and object */
	REPLY_LINES, /* 200 and an object a line (NDJSON), each with its status_code */
};

/* Submits the batch and answers when it is durable, or at once when nothing can be kept. Takes
 * both over: neither may be used afterwards. */
void reply_submit(struct http_request *request, struct batch *batch, enum reply_form form);
/* What became of all lines that were answered. */
struct reply_tally {
	atomic_uint_fast64_t accepted_total, duplicates_total, refused_total;
};

struct reply_items {
	uint32_t skipped;          /* records that are no transactions */
	struct reply_tally *tally; /* outlives the request */
};

/* The same, for a sender that looks at the status alone:
 *
 *     {"items": [an object a line, each with its status_code], "skipped": 0}
 *
 * The status is 200 when every line is below 400, else the largest one; then these are further
 * members of a problem. */
void reply_submit_items(
	struct http_request *request, struct batch *batch, const struct reply_items *items);
/* The same for a request with an Idempotency-Key, which idempotency_enter() has let in; it takes
 * `keyed` over too. `form` is REPLY_ONE or REPLY_LINES. */
void reply_submit_keyed(struct http_request *request, struct batch *batch, enum reply_form form,
	struct keyed *keyed);
/* Refuses the request as a whole; nothing of the batch is kept. Takes both over; `batch` may be
 * NULL. */
void reply_refuse(struct http_request *request, struct batch *batch, enum problem problem,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

/* "application/json; charset=utf-8" is application/json; another charset is not. */
bool media_type_is(struct slice value, const char *type);
