/* Consumer: the outbox. One row for what one ERP must hold for one transaction, and where it is:
 *
 *     planned ──intent──▶ called ──answer──▶ settled ──read back──▶ agreed | differs
 *                          │  ▲
 *                          │  └─ not sent
 *                          ├──answer──▶ refused      (an exception; holds this key only)
 *                          └──answer──▶ unknown      (asked before anything is sent again)
 *
 * Which ERP: the routing event before the transaction says so.
 *
 * A revision takes back what the one before it did. Its reversal waits until the posting of that
 * one is settled, and its own document waits for the reversal:
 *
 *     waiting ──the one before is settled──▶ planned
 *     planned ──the worker never called it, and a newer revision stands──▶ superseded
 *
 * What was never called is never reversed: its reversal is superseded with it. A reversal that the
 * ERP refuses holds what is behind it, because posting that would count the sale twice. */
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
	POSTING_WAITING,    /* for another posting of the same key */
	POSTING_SUPERSEDED, /* never called, and not needed any more */
	POSTING_STATES,
};

/* What of a transaction's event a posting is; the order in which they are sent. */
enum posting_part { PART_REVERSAL, PART_DOCUMENT };

const char *posting_state_name(unsigned state);
/* POSTING_STATES when there is no such state. */
unsigned posting_state_find(struct slice name);

extern const struct consumer postings_consumer;
