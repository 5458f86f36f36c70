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
	struct batch *batch = batch_take(admission);
	if (batch == NULL) {
		problem_respond(request, PROBLEM_BUSY, "out of memory");
		return;
	}
	if (many ? offer_lines(request, batch) : offer_one(request, batch))
		reply_submit(request, batch, many ? REPLY_LINES : REPLY_ONE);
}
