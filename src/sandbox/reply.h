/* An answer of the sandbox ERP before it is sent, which may be later, or never. */
#pragma once

#include "net/problem.h"
#include "net/server.h"

enum { REPLY_BYTES_MAX = 64 << 20 };

struct reply {
	unsigned status;
	const char *content_type; /* a literal */
	const char *headers;      /* a literal or NULL */
	struct buf body;
	bool lost; /* closes the connection instead */
};

/* 200 with an empty JSON body to be written. */
void reply_init(struct reply *reply);
void reply_release(struct reply *reply);
/* Replaces the answer by a problem. */
void reply_problem(struct reply *reply, enum problem problem, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void reply_throttled(struct reply *reply);
/* Any thread. The reply still has to be released. */
void reply_send(struct reply *reply, struct http_request *request);
