/* Totals that a configuration defines: a sum over the transactions of a store-day, in parts by
 * register, operator or tender. Pure: deliver/totals.h keeps the sums.
 *
 * The definition is JSON, in the journal too, so that the sums depend on events alone:
 *
 *     {"name":"cash_refunds","amount":"-amount","when":"kind = \"cash\" and amount < 0",
 *      "each":"tenders","by":"register","limit":"500","limits":{"JPY":"60000"}} */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "retail/transaction.h"

struct expression;

enum { USER_TOTALS_MAX = 100, TOTAL_NAME_MAX = 64, TOTAL_LIMITS_MAX = 50 };

enum total_group {
	TOTAL_BY_DAY, /* one sum for the store-day */
	TOTAL_BY_REGISTER,
	TOTAL_BY_OPERATOR,
	TOTAL_BY_TENDER, /* kind; each is then tenders */
	TOTAL_GROUPS,
};

struct user_total {
	struct slice name;
	struct slice amount_text, when_text; /* expressions; `when` may be empty: always */
	struct slice each;                   /* "lines", "tenders" or empty: the document */
	enum total_group by;
	struct decimal limit;            /* not set: none */
	struct named_amount_list limits; /* by currency, before `limit` */
	const struct expression *amount, *when;
};

struct user_totals {
	struct user_total *items;
	uint32_t count;
};

const char *total_group_name(enum total_group group); /* "day", "register", ... */
bool total_group_find(struct slice name, enum total_group *ret_group);

/* Where a definition is wrong, when it is an expression. */
struct total_fault {
	bool in_amount, in_when;
	size_t offset;
};

/* Checks the definition and parses its expressions. E_CONFIG: err says why, *ret_fault where. The
 * texts and the arena must outlive it. */
enum status user_total_prepare(struct user_total *total, struct arena *arena,
	struct total_fault *ret_fault, struct error *err);

void user_total_encode(const struct user_total *total, struct buf *buf);
/* {"totals":[...]}: what the event of the journal holds. */
void user_totals_encode(const struct user_totals *totals, struct buf *buf);
/* Reads one, or the event's payload, ready for use. E_CORRUPT. */
enum status user_total_decode(
	struct slice json, struct arena *arena, struct user_total *ret_total, struct error *err);
enum status user_totals_decode(
	struct slice json, struct arena *arena, struct user_totals *ret_totals, struct error *err);

/* The limit in a currency; not set when there is none. */
struct decimal user_total_limit(const struct user_total *total, struct slice currency);

/* Calls `add` for each part of the total that the transaction adds something to. Voids and training
 * never count; what cannot be computed, or is beyond 10^18, does not
 * either. */
enum status user_total_of(const struct user_total *total, const struct transaction *t,
	enum status (*add)(void *context, struct slice part, struct total amount), void *context);
