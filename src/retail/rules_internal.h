/* What the files of the rules share: the checks that the rows of rules.c name, and how a check
 * says what it found. */
#pragma once

#include "retail/rule_set.h"
#include "retail/rules.h"

#define RULE_CHECK(name)                                                                           \
	void name(const struct rule_run *run, const struct transaction *t,                         \
		struct findings *findings)

/* One rule on its way over one transaction, with what holds for its store and currency. */
struct rule_run {
	const char *id;
	bool refuses;
	struct decimal limit; /* in the unit of the row */
	const struct practice *practice;
	unsigned minor_units; /* decimals of the currency: rule_minor_units() */
};

/* rules_document.c: what must be there, and what names and dates may be. */
RULE_CHECK(check_required);
RULE_CHECK(check_required_line);
RULE_CHECK(check_currency_missing);
RULE_CHECK(check_currency_unknown);
RULE_CHECK(check_line_numbers);
RULE_CHECK(check_tender_numbers);
RULE_CHECK(check_date_range);
RULE_CHECK(check_date_skew);
RULE_CHECK(check_time_order);
RULE_CHECK(check_no_effect);
RULE_CHECK(check_close_declared);
RULE_CHECK(check_tender_kind);
RULE_CHECK(check_of);

/* rules_balance.c: what must add up. */
RULE_CHECK(check_balance_lines);
RULE_CHECK(check_balance_totals);
RULE_CHECK(check_balance_tenders);
RULE_CHECK(check_tender_missing);
RULE_CHECK(check_rounding);
RULE_CHECK(check_tax_rate);
RULE_CHECK(check_tax_totals);

/* rules_line.c: what must hold within a line or tender. */
RULE_CHECK(check_line_sign);
RULE_CHECK(check_line_quantity_zero);
RULE_CHECK(check_line_return_sign);
RULE_CHECK(check_line_sale_sign);
RULE_CHECK(check_line_arithmetic);
RULE_CHECK(check_discount_negative);
RULE_CHECK(check_change_negative);
RULE_CHECK(check_amount_scale);
RULE_CHECK(check_gtin);
RULE_CHECK(check_price_negative);
RULE_CHECK(check_gift_card_return);
RULE_CHECK(check_unit_missing);
RULE_CHECK(check_return_of);
RULE_CHECK(check_discount_large);

/* rules_limit.c: what may not be larger than a limit. */
RULE_CHECK(check_quantity_large);
RULE_CHECK(check_amount_large);
RULE_CHECK(check_tax_rate_large);
RULE_CHECK(check_lines_many);
RULE_CHECK(check_duration);
RULE_CHECK(check_refund_large);

/* rules_tax.c: tax per line against its base, exemptions; rules_cash.c: cash rounding. */
RULE_CHECK(check_tax_base);
RULE_CHECK(check_tax_missing);
RULE_CHECK(check_tax_exemption);
RULE_CHECK(check_tax_sign);
RULE_CHECK(check_rounding_cash);
RULE_CHECK(check_rounding_without_cash);

/* Where something is: rule_at("/lines", 3, "amount") is "/lines/3/amount". */
struct at {
	char text[POINTER_TEXT_MAX];
};
struct at rule_at(const char *list, uint32_t index, const char *member);

/* A total as text, with at least the currency's decimals. */
struct money {
	char text[TOTAL_TEXT_MAX];
};
struct money rule_money(const struct transaction *t, struct total total);

void rule_found(const struct rule_run *run, struct findings *findings, const char *pointer,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Decimals of the currency's minor unit; 2 when the currency is absent or unknown, which other
 * rules refuse. */
unsigned rule_minor_units(const struct transaction *t);
/* The limit of a rule whose unit is the minor unit, as an amount. */
struct total rule_limit_units(const struct rule_run *run);
/* The limit as text. */
struct money rule_limit(const struct rule_run *run);
/* More than `limit` lies between the two. */
bool further_apart(struct total a, struct total b, struct total limit);
/* a * b with nine decimals, as a part of sums. */
struct total rule_product(struct decimal a, struct decimal b);
