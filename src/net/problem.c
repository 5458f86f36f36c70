#include "net/problem.h"

#include "base/json.h"

#include <stdarg.h>
#include <stdio.h>

struct row {
	unsigned status;
	const char *slug;
	const char *title;
	const char *headers;
};

static const struct row rows[] = {
	[PROBLEM_MALFORMED] = { 400, "malformed", "The request cannot be read", NULL },
	[PROBLEM_INVALID] = { 422, "invalid", "The document breaks a rule", NULL },
	[PROBLEM_CONFLICT] = { 409, "conflict", "The key is known with other content", NULL },
	[PROBLEM_UNAUTHENTICATED] = { 401, "unauthenticated", "The sender has not proved who it is",
		"WWW-Authenticate: Signature\r\n" },
	[PROBLEM_NOT_FOUND] = { 404, "not-found", "There is no such resource", NULL },
	[PROBLEM_METHOD_NOT_ALLOWED] = { 405, "method-not-allowed",
		"The resource has no such method", NULL },
	[PROBLEM_UNSUPPORTED_MEDIA_TYPE] = { 415, "unsupported-media-type",
		"The content type is not understood", NULL },
	[PROBLEM_TOO_LARGE] = { 413, "too-large", "The request is larger than its limit", NULL },
	[PROBLEM_BUSY] = { 503, "busy", "A queue is full; send the same again later",
		"Retry-After: 1\r\n" },
	[PROBLEM_SLOW] = { 503, "slow", "The query takes longer than its limit",
		"Retry-After: 10\r\n" },
	[PROBLEM_STORAGE_FULL] = { 507, "storage-full",
		"There is no space to keep anything; send the same again later",
		"Retry-After: 5\r\n" },
	[PROBLEM_STOPPING] = { 503, "stopping", "The server is stopping; send the same again later",
		"Retry-After: 2\r\n" },
	[PROBLEM_INTERNAL] = { 500, "internal", "The server failed", NULL },
	[PROBLEM_KEY_MISSING] = { 400, "idempotency-key-missing",
		"The request needs an Idempotency-Key", NULL },
	[PROBLEM_KEY_MALFORMED] = { 400, "idempotency-key-malformed",
		"The Idempotency-Key cannot be read", NULL },
	[PROBLEM_KEY_IN_FLIGHT] = { 409, "idempotency-key-in-flight",
		"The first request with this Idempotency-Key is not answered yet",
		"Retry-After: 1\r\n" },
	[PROBLEM_KEY_REUSED] = { 422, "idempotency-key-reused",
		"The Idempotency-Key belongs to another request", NULL },
};

unsigned problem_status(enum problem problem)
{
	return rows[problem].status;
}

void problem_begin(struct buf *buf, enum problem problem, const char *detail)
{
	const struct row *row = &rows[problem];
	buf_char(buf, '{');
	json_write_name(buf, "type");
	buf_format(buf, "\"" PROBLEM_TYPE_BASE "%s\"", row->slug);
	json_write_member_text(buf, "title", row->title);
	json_write_member_u64(buf, "status", row->status);
	json_write_member_text(buf, "detail", detail);
}

void problem_send(struct http_request *request, enum problem problem, const struct buf *buf)
{
	const struct row *row = &rows[problem];
	struct http_response response = {
		.status = row->status,
		.content_type = "application/problem+json",
		.headers = row->headers,
		.body = buf_get(buf),
	};
	http_respond(request, &response);
}

void problem_respond(struct http_request *request, enum problem problem, const char *format, ...)
{
	char detail[ERROR_TEXT_MAX];
	struct buf buf;
	va_list args;
	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	buf_init(&buf, 16 << 10);
	problem_begin(&buf, problem, detail);
	buf_char(&buf, '}');
	problem_send(request, problem, &buf);
	buf_release(&buf);
}
