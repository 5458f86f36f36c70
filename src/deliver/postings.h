/* Consumer: the outbox. One row for what one ERP must hold for one transaction, and where it is:
 *
 *     planned ──intent──▶ called ──answer──▶ settled ──read back──▶ agreed | differs
 *                          │  ▲
 *                          │  └─ not sent
 *                          ├──answer──▶ refused      (an exception; holds this key only)
 *                          └──answer──▶ unknown      (asked before anything is sent again)
 *
 * Which ERP: the routing event before the transaction says so. */
#pragma once

#include "store/consumer.h"

enum posting_state {
	POSTING_PLANNED,
	POSTING_CALLED,
	POSTING_UNKNOWN,
	POSTING_SETTLED, /* from here on nothing is open */
	POSTING_REFUSED,
	POSTING_AGREED,
	POSTING_DIFFERS,
	POSTING_STATES,
};

const char *posting_state_name(unsigned state);
/* POSTING_STATES when there is no such state. */
unsigned posting_state_find(struct slice name);

extern const struct consumer postings_consumer;
