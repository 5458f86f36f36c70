#include "sandbox/reply.h"

#include "base/json.h"

#include <stdarg.h>

void reply_init(struct reply *reply)
{
	*reply = (struct reply){ .status = 200, .content_type = "application/json" };
	buf_init(&reply->body, REPLY_BYTES_MAX);
}

void reply_release(struct reply *reply)
{
	buf_release(&reply->body);
}

static void begin_problem(struct reply *reply, unsigned status, const char *headers)
{
	buf_reset(&reply->body);
	reply->status = status;
	reply->content_type = "application/problem+json";
	reply->headers = headers;
}

void reply_problem(struct reply *reply, enum problem problem, const char *format, ...)
{
	char detail[ERROR_TEXT_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	begin_problem(reply, problem_status(problem), NULL);
	problem_begin(&reply->body, problem, detail);
	buf_char(&reply->body, '}');
}

void reply_throttled(struct reply *reply)
{
	begin_problem(reply, 429, "Retry-After: 1\r\n");
	buf_char(&reply->body, '{');
	json_write_member_text(&reply->body, "type", PROBLEM_TYPE_BASE "busy");
	json_write_member_text(&reply->body, "title", "Too many requests");
	json_write_member_u64(&reply->body, "status", 429);
	json_write_member_text(&reply->body, "detail", "send the same again in a second");
	buf_char(&reply->body, '}');
}

void reply_send(struct reply *reply, struct http_request *request)
{
	if (reply->lost) {
		http_drop(request);
		return;
	}
	if (reply->body.failed)
		reply_problem(reply, PROBLEM_TOO_LARGE,
			"the answer would be longer than 64 MiB; ask for less");
	struct http_response response = {
		.status = reply->status,
		.content_type = reply->content_type,
		.headers = reply->headers,
		.body = buf_get(&reply->body),
	};
	http_respond(request, &response);
}
