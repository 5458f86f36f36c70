#include "intake/rest.h"

#include "intake/reply.h"

/* False when the request was refused as a whole, with its answer sent. */
static bool offer_lines(struct http_request *request, struct batch *batch)
{
	struct slice body = http_request_body(request);
	while (body.len > 0) {
		struct slice rest, text = slice_cut(body, '\n', &rest);
		body = rest;
		if (text.len > 0 && text.ptr[text.len - 1] == '\r')
			text.len--;
		if (slice_trim(text).len == 0)
			continue;
		struct offer offer = { .source = SLICE("rest"), .document = text };
		if (batch_count(batch) == NDJSON_LINES_MAX || batch_offer(batch, &offer) != OK) {
			reply_refuse(request, batch, PROBLEM_TOO_LARGE,
				"the request has more than %d lines; nothing of it was kept",
				NDJSON_LINES_MAX);
			return false;
		}
	}
	if (batch_overflowed(batch)) {
		reply_refuse(request, batch, PROBLEM_TOO_LARGE,
			"the request needs too much memory; nothing of it was kept");
		return false;
	}
	if (batch_count(batch) > 0)
		return true;
	reply_refuse(
		request, batch, PROBLEM_MALFORMED, "the body is empty, a transaction is expected");
	return false;
}

static bool offer_one(struct http_request *request, struct batch *batch)
{
	struct offer offer = { .source = SLICE("rest"), .document = http_request_body(request) };
	if (batch_offer(batch, &offer) == OK)
		return true;
	reply_refuse(request, batch, PROBLEM_BUSY, "out of memory");
	return false;
}

/* The request's Idempotency-Key, if it has one. False when the request was refused. */
static bool read_key(const struct admission *admission, struct http_request *request,
	char key[static IDEMPOTENCY_KEY_MAX], size_t *ret_len)
{
	const struct http_head *head = http_request_head(request);
	const struct idempotency *idempotency = admission_idempotency(admission);
	struct slice value = { NULL, 0 };
	struct error err;
	unsigned count = 0;
	*ret_len = 0;
	for (unsigned i = 0; i < head->field_count; i++)
		if (slice_equal_nocase(head->fields[i].name, "idempotency-key")) {
			value = head->fields[i].value;
			count++;
		}
	if (idempotency == NULL || (count == 0 && !idempotency_required(idempotency)))
		return true;
	if (count == 0)
		problem_respond(request, PROBLEM_KEY_MISSING,
			"the configuration (idempotency_key: required) asks for an Idempotency-Key "
			"with every request; this one has none");
	else if (count > 1)
		problem_respond(request, PROBLEM_KEY_MALFORMED,
			"Idempotency-Key stands %u times in the request; once is expected", count);
	else if (idempotency_key_read(value, key, ret_len, &err) != OK)
		problem_respond(request, PROBLEM_KEY_MALFORMED, "%s", err.text);
	else
		return true;
	return false;
}

static void submit_keyed(
	struct http_request *request, struct batch *batch, enum reply_form form, struct slice key)
{
	struct slice store, reg;
	struct keyed *keyed;
	/* What is no transaction at all changes nothing and is refused the same way each time. */
	if (!batch_scope(batch, &store, &reg)) {
		reply_submit(request, batch, form);
		return;
	}
	if (batch_answers_max(batch) > IDEMPOTENCY_REPLY_MAX) {
		reply_refuse(request, batch, PROBLEM_TOO_LARGE,
			"the answer may be larger than the %d bytes that are kept with an "
			"Idempotency-Key; send fewer lines at a time",
			IDEMPOTENCY_REPLY_MAX);
		return;
	}
	struct hash fingerprint = batch_fingerprint(batch, http_request_body(request));
	if (keyed_open(store, reg, key, &fingerprint, &keyed) != OK) {
		reply_refuse(request, batch, PROBLEM_BUSY, "out of memory");
		return;
	}
	enum keyed_verdict verdict =
		idempotency_enter(admission_idempotency(batch_admission(batch)), keyed);
	if (verdict == KEYED_NEW) {
		reply_submit_keyed(request, batch, form, keyed);
		return;
	}
	keyed_close(keyed);
	if (verdict == KEYED_IN_FLIGHT)
		reply_refuse(request, batch, PROBLEM_KEY_IN_FLIGHT,
			"a request with this Idempotency-Key and this body is being worked off; "
			"send it again to get its answer");
	else
		reply_refuse(request, batch, PROBLEM_KEY_REUSED,
			"a request with this Idempotency-Key and another body is being worked off; "
			"nothing of this one was kept, send it with a key of its own");
}

void rest_post(struct admission *admission, struct http_request *request)
{
	struct slice type = http_field(http_request_head(request), "content-type");
	bool many = media_type_is(type, "application/x-ndjson");
	if (!many && !media_type_is(type, "application/json")) {
		problem_respond(request, PROBLEM_UNSUPPORTED_MEDIA_TYPE,
			"Content-Type is \"%.*s\"; application/json takes one transaction, "
			"application/x-ndjson takes many, one a line",
			type.len > 100 ? 100 : (int)type.len, type.ptr == NULL ? "" : type.ptr);
		return;
	}
	char key[IDEMPOTENCY_KEY_MAX];
	size_t key_len;
	if (!read_key(admission, request, key, &key_len))
		return;
	struct batch *batch = batch_take(admission);
	if (batch == NULL) {
		problem_respond(request, PROBLEM_BUSY, "out of memory");
		return;
	}
	if (!(many ? offer_lines(request, batch) : offer_one(request, batch)))
		return;
	enum reply_form form = many ? REPLY_LINES : REPLY_ONE;
	if (key_len > 0)
		submit_keyed(request, batch, form, slice_make(key, key_len));
	else
		reply_submit(request, batch, form);
}
