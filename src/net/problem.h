/* Problem details (RFC 9457): every 4xx and 5xx answer of the API. */
#pragma once

#include "net/server.h"

#define PROBLEM_TYPE_BASE "https://tillbridge.dev/problems/"

/* One kind of problem: a row a kind, in problem.c and in api/openapi.yaml. */
enum problem {
	PROBLEM_MALFORMED,
	PROBLEM_INVALID,
	PROBLEM_CONFLICT,
	PROBLEM_UNAUTHENTICATED,
	PROBLEM_NOT_FOUND,
	PROBLEM_METHOD_NOT_ALLOWED,
	PROBLEM_UNSUPPORTED_MEDIA_TYPE,
	PROBLEM_TOO_LARGE,
	PROBLEM_BUSY,
	PROBLEM_SLOW,
	PROBLEM_STORAGE_FULL,
	PROBLEM_STOPPING,
	PROBLEM_INTERNAL,
	PROBLEM_KEY_MISSING,
	PROBLEM_KEY_MALFORMED,
	PROBLEM_KEY_IN_FLIGHT,
	PROBLEM_KEY_REUSED,
};

unsigned problem_status(enum problem problem);
/* {"type", "title", "status", "detail"} without the closing brace, for further members. */
void problem_begin(struct buf *buf, enum problem problem, const char *detail);
/* Answers with the object in `buf` (closed by the caller). Adds Retry-After where it helps. */
void problem_send(struct http_request *request, enum problem problem, const struct buf *buf);
/* Both in one, with a formatted detail. */
void problem_respond(struct http_request *request, enum problem problem, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
