/* One receipt of the made-up chain, line by line: amounts, taxes, totals, tenders. All money is in
 * minor units until it is written. */
#pragma once

#include "app/simulator_catalogue.h"
#include "base/arena.h"
#include "retail/transaction.h"

enum { BASKET_LINES_MAX = 24, BASKET_TENDERS_MAX = 3 };

enum tender_kind { TENDER_CASH, TENDER_CARD, TENDER_GIFT_CARD, TENDER_KINDS };

const char *tender_kind_name(enum tender_kind kind);

struct basket {
	const struct country *country;
	struct arena *arena;
	struct line lines[BASKET_LINES_MAX];
	struct tender tenders[BASKET_TENDERS_MAX];
	uint32_t line_count, tender_count;
	int64_t net, tax, gross, rounding;
	int64_t taken[TENDER_KINDS]; /* tenders less change */
};

void basket_init(struct basket *basket, const struct country *country, struct arena *arena);

/* Goods: a positive quantity is sold, a negative one returned. `reference` (may be NULL) is the
 * line that a return returns; promotions do not count for returns. */
void basket_add_goods(struct basket *basket, const struct item *item, struct decimal quantity,
	const struct reference *reference);
void basket_add_gift_card(struct basket *basket, int64_t value);
/* Goods that left without a sale; the quantity is the stock's change. */
void basket_add_write_off(struct basket *basket, const struct item *item, struct decimal quantity);

/* Pays what the lines come to (a refund when it is negative), then puts lines, tenders and totals
 * into the transaction. The transaction is valid as long as basket and arena are. */
void basket_pay(struct basket *basket, struct random *random);
void basket_finish(struct basket *basket, struct transaction *t);
