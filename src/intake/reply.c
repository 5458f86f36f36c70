#include "intake/reply.h"

#include "base/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { ANSWER_BYTES_MAX = 16 << 20 };

/* A request that waits for its batch. */
struct reply {
	struct http_request *request;
	struct batch *batch;
	enum reply_form form;
	bool has_items;
	struct reply_items items;
	struct keyed *keyed; /* NULL without an Idempotency-Key */
};

static void count_answer(const struct batch *batch, struct http_request *request, unsigned status)
{
	struct admission_counters *counters = admission_counters(batch_admission(batch));
	uint64_t took_ns =
		admission_monotonic_ns(batch_admission(batch)) - http_request_arrived_ns(request);
	histogram_add(&counters->acknowledge, took_ns / 1000);
	if (status == 503 || status == 507)
		atomic_fetch_add(&counters->busy_total, 1);
}

static void count_line(struct reply_tally *tally, unsigned status)
{
	atomic_fetch_add(status == 201   ? &tally->accepted_total
			 : status == 200 ? &tally->duplicates_total
					 : &tally->refused_total,
		1);
}

static void answer_one(const struct reply *reply, struct buf *buf)
{
	struct batch_outcome outcome = batch_answer(reply->batch, 0, false, buf);
	count_answer(reply->batch, reply->request, outcome.status);
	if (outcome.status >= 400) {
		problem_send(reply->request, outcome.problem, buf);
		return;
	}
	struct http_response response = {
		.status = outcome.status, .content_type = "application/json", .body = buf_get(buf)
	};
	http_respond(reply->request, &response);
}

static void write_lines(const struct reply *reply, struct buf *buf)
{
	for (uint32_t i = 0; i < batch_count(reply->batch); i++) {
		batch_answer(reply->batch, i, true, buf);
		buf_char(buf, '\n');
	}
}

static void answer_lines(const struct reply *reply, struct buf *buf)
{
	write_lines(reply, buf);
	struct http_response response = {
		.status = 200, .content_type = "application/x-ndjson", .body = buf_get(buf)
	};
	count_answer(reply->batch, reply->request, 200);
	http_respond(reply->request, &response);
}

/* Writes the objects of all lines; the worst of them, and how many are bad. */
static struct batch_outcome write_items(
	const struct reply *reply, struct buf *items, uint32_t *ret_bad)
{
	struct batch_outcome worst = { .status = 200 };
	*ret_bad = 0;
	for (uint32_t i = 0; i < batch_count(reply->batch); i++) {
		if (i > 0)
			buf_char(items, ',');
		struct batch_outcome outcome = batch_answer(reply->batch, i, true, items);
		count_line(reply->items.tally, outcome.status);
		*ret_bad += outcome.status >= 400;
		if (outcome.status >= 400 && outcome.status > worst.status)
			worst = outcome;
	}
	return worst;
}

static void answer_items(const struct reply *reply, struct buf *buf)
{
	struct buf items;
	uint32_t bad;
	char detail[100];
	buf_init(&items, ANSWER_BYTES_MAX);
	struct batch_outcome worst = write_items(reply, &items, &bad);
	count_answer(reply->batch, reply->request, worst.status);
	snprintf(detail, sizeof(detail),
		"%u of %u records did not become transactions; items says why", bad,
		batch_count(reply->batch));
	if (bad > 0)
		problem_begin(buf, worst.problem, detail);
	else
		buf_char(buf, '{');
	json_write_name(buf, "items");
	buf_char(buf, '[');
	buf_slice(buf, buf_get(&items));
	buf_format(buf, "],\"skipped\":%u}", reply->items.skipped);
	buf_release(&items);
	struct http_response response = {
		.status = 200, .content_type = "application/json", .body = buf_get(buf)
	};
	if (bad > 0)
		problem_send(reply->request, worst.problem, buf);
	else
		http_respond(reply->request, &response);
}

/* On the acceptor's thread: the answer as it will be sent, and sent again. */
static void compose(void *context)
{
	struct reply *reply = context;
	struct keyed *keyed = reply->keyed;
	if (reply->form == REPLY_ONE) {
		keyed->status = batch_answer(reply->batch, 0, false, &keyed->body).status;
		keyed->form = keyed->status >= 400 ? KEPT_PROBLEM : KEPT_JSON;
		return;
	}
	keyed->status = 200;
	keyed->form = KEPT_LINES;
	write_lines(reply, &keyed->body);
}

static void answer_kept(const struct reply *reply)
{
	static const char *const types[] = {
		[KEPT_JSON] = "application/json",
		[KEPT_PROBLEM] = "application/problem+json",
		[KEPT_LINES] = "application/x-ndjson",
	};
	const struct keyed *keyed = reply->keyed;
	struct http_response response = {
		.status = keyed->status,
		.content_type = types[keyed->form],
		.headers = keyed->verdict == KEYED_REPLAY ? "Idempotency-Replayed: true\r\n" : NULL,
		.body = buf_get(&keyed->body),
	};
	count_answer(reply->batch, reply->request, response.status);
	http_respond(reply->request, &response);
}

/* Nobody may be told that the key is in flight once its answer is out. */
static void leave(const struct reply *reply)
{
	if (reply->keyed != NULL)
		idempotency_leave(
			admission_idempotency(batch_admission(reply->batch)), reply->keyed);
}

/* The answer goes into a buffer of its own: it can be larger than any arena chunk. */
static void answer(struct http_request *request)
{
	struct reply *reply = http_request_user(request);
	struct buf buf;
	buf_init(&buf, ANSWER_BYTES_MAX);
	leave(reply);
	if (reply->has_items)
		answer_items(reply, &buf);
	else if (reply->keyed != NULL && reply->keyed->verdict == KEYED_OTHER)
		problem_respond(reply->request, PROBLEM_KEY_REUSED,
			"this Idempotency-Key was used for a request with another body; nothing of "
			"this one was kept, send it with a key of its own");
	else if (reply->keyed != NULL &&
		 (reply->keyed->kept || reply->keyed->verdict == KEYED_REPLAY))
		answer_kept(reply);
	else if (reply->form == REPLY_ONE)
		answer_one(reply, &buf);
	else
		answer_lines(reply, &buf);
	buf_release(&buf);
	batch_give_back(reply->batch);
	keyed_close(reply->keyed);
	free(reply);
}

static void durable(void *context)
{
	http_resume(((struct reply *)context)->request, answer);
}

/* Nothing of the request was kept. */
static void give_up(const struct reply *reply)
{
	leave(reply);
	keyed_close(reply->keyed);
}

static void submit(struct http_request *request, struct batch *batch, const struct reply *as)
{
	struct reply *reply = malloc(sizeof(*reply));
	if (reply == NULL) {
		give_up(as);
		reply_refuse(request, batch, PROBLEM_BUSY, "out of memory");
		return;
	}
	*reply = *as;
	if (reply->keyed != NULL)
		batch_set_keyed(batch, reply->keyed, compose);
	http_request_set_user(request, reply);
	bool overflowed = batch_overflowed(batch);
	enum status status = batch_submit(batch, durable, reply);
	if (status == OK)
		return;
	give_up(reply);
	free(reply);
	atomic_fetch_add(&admission_counters(batch_admission(batch))->busy_total, 1);
	reply_refuse(request, batch, status == E_FULL ? PROBLEM_BUSY : PROBLEM_STOPPING,
		"%s; nothing of this request was kept",
		status != E_FULL ? "the server is stopping"
		: overflowed     ? "out of memory"
				 : "the journal's queue is full");
}

void reply_submit(struct http_request *request, struct batch *batch, enum reply_form form)
{
	struct reply reply = { .request = request, .batch = batch, .form = form };
	submit(request, batch, &reply);
}

void reply_submit_keyed(struct http_request *request, struct batch *batch, enum reply_form form,
	struct keyed *keyed)
{
	struct reply reply = { .request = request, .batch = batch, .form = form, .keyed = keyed };
	submit(request, batch, &reply);
}

void reply_submit_items(
	struct http_request *request, struct batch *batch, const struct reply_items *items)
{
	struct reply reply = {
		.request = request, .batch = batch, .has_items = true, .items = *items
	};
	submit(request, batch, &reply);
}

void reply_refuse(struct http_request *request, struct batch *batch, enum problem problem,
	const char *format, ...)
{
	char detail[400];
	va_list args;
	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	if (batch != NULL)
		batch_give_back(batch);
	problem_respond(request, problem, "%s", detail);
}

bool media_type_is(struct slice value, const char *type)
{
	struct slice parameters, name = slice_trim(slice_cut(value, ';', &parameters));
	if (!slice_equal_nocase(name, type))
		return false;
	parameters = slice_trim(parameters);
	return parameters.len == 0 || slice_equal_nocase(parameters, "charset=utf-8") ||
	       slice_equal_nocase(parameters, "charset=\"utf-8\"");
}
