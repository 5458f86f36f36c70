/* What delivery writes into the journal: which ERP has which store, the intent before a call, the
 * answer after it, and what was read back. Payloads are JSON; docs/FORMAT.md shows them. */
#pragma once

#include "base/buf.h"
#include "deliver/connector.h"

enum { EVENT_POSTINGS_MAX = 200 };

/* One posting in an intent, answer or read-back. */
struct delivery_item {
	uint64_t posting;
	bool reversal;            /* the transaction's reversal, not its document */
	enum outcome outcome;     /* of an answer */
	struct slice document;    /* of an answer */
	struct slice detail;      /* of an answer */
	bool agreed;              /* of a read-back */
	struct slice differences; /* of a read-back: a JSON array, empty when it agreed */
};

struct delivery_event {
	struct slice erp;
	struct delivery_item *items;
	uint32_t count;
};

const char *outcome_name(enum outcome outcome);

/* {"erp":"sandbox","postings":[1041,1042],"reversals":[1042]}; no "reversals" without any */
void intent_encode(const struct delivery_event *event, struct buf *buf);
/* {"erp":"sandbox","results":[{"posting":1041,"outcome":"settled","document":"SO-1"}]}; a
 * reversal's result has "reversal":true */
void answer_encode(const struct delivery_event *event, struct buf *buf);
/* {"erp":"sandbox","results":[{"posting":1041,"agreed":false,"differences":[...]}]} */
void read_back_encode(const struct delivery_event *event, struct buf *buf);

/* Any of the three. Texts live in the payload or the arena. E_CORRUPT when it is none. */
enum status delivery_decode(struct slice payload, struct arena *arena,
	struct delivery_event *ret_event, struct error *err);

/* {"default":"sandbox","stores":{"0042":"tryton-eu"}}: from this event on, transactions are
 * planned for these ERPs. No default and no row: the store is posted nowhere. */
struct route {
	struct slice store; /* NULL ptr: every store without a row of its own */
	struct slice erp;
};

struct routing {
	struct route *routes;
	uint32_t count;
};

enum { ROUTES_MAX = 10000 };

void routing_encode(const struct routing *routing, struct buf *buf);
enum status routing_decode(
	struct slice payload, struct arena *arena, struct routing *ret_routing, struct error *err);
