/* Answers that are sent later, by a thread of their own, so that a slow answer holds up nobody
 * else's. At most DELAY_ANSWERS_MAX wait; one more is sent at once. */
#pragma once

#include "sandbox/reply.h"

enum { DELAY_ANSWERS_MAX = 4096 };

struct delay;

enum status delay_open(struct delay **ret_delay, struct error *err);
/* Takes over the reply's body and leaves the reply empty. Any thread. */
void delay_send(
	struct delay *delay, struct reply *reply, struct http_request *request, uint64_t delay_ms);
/* Sends everything that waits; from now on nothing waits any more. */
void delay_stop(struct delay *delay);
/* After the last delay_send(). */
void delay_close(struct delay *delay);
