/* What the files of the rules share: the checks that the rows of rules.c name, and how a check
 * says what it found. */
#pragma once

#include "retail/rules.h"

#define RULE_CHECK(name)                                                                           \
	void name(const struct rule *rule, const struct transaction *t, struct findings *findings)

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

void rule_found(const struct rule *rule, struct findings *findings, const char *pointer,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Decimals of the currency's minor unit; 2 when the currency is absent or unknown, which other
 * rules refuse. */
unsigned rule_minor_units(const struct transaction *t);
/* `count` minor units. */
struct total rule_units(const struct transaction *t, uint32_t count);
/* a * b with nine decimals, as a part of sums. */
struct total rule_product(struct decimal a, struct decimal b);
