#include "retail/rules.h"

#include "base/currency.h"
#include "retail/rules_internal.h"

#include <stdarg.h>
#include <stdio.h>

const struct rule transaction_rules[] = {
	{ "required", "A sale, return, exchange or adjustment has a currency, lines and totals.",
		"/currency /lines /totals", true, check_required },
	{ "required.line", "A line about goods has an item and a quantity.",
		"/lines/*/item /lines/*/quantity", true, check_required_line },
	{ "currency.missing", "Whatever has an amount has a currency.",
		"/currency /lines /tenders /totals /declared", true, check_currency_missing },
	{ "currency.unknown", "The currency is one of ISO 4217.", "/currency", true,
		check_currency_unknown },
	{ "date.range", "The business date is not before the year 2000.", "/business_date", true,
		check_date_range },
	{ "lines.duplicate", "A line's number stands once in its transaction.", "/lines/*/number",
		true, check_line_numbers },
	{ "tenders.duplicate", "A tender's number stands once in its transaction.",
		"/tenders/*/number", true, check_tender_numbers },
	{ "balance.lines",
		"The lines add up to the gross when prices include tax, else to the net.",
		"/lines/*/amount /totals/net /totals/gross /prices_include_tax", true,
		check_balance_lines },
	{ "balance.totals", "Net and tax make the gross.", "/totals/net /totals/tax /totals/gross",
		true, check_balance_totals },
	{ "balance.tenders", "The tenders less their change pay the gross and its rounding.",
		"/tenders/*/amount /tenders/*/change /totals/gross /totals/rounding", true,
		check_balance_tenders },
	{ "line.sign", "A line's amount has the sign of its quantity times its price.",
		"/lines/*/amount /lines/*/quantity /lines/*/unit_price", true, check_line_sign },
	{ "line.quantity_zero", "Goods of a quantity of zero have an amount of zero.",
		"/lines/*/quantity /lines/*/amount", true, check_line_quantity_zero },
	{ "line.return_sign", "A return line has a negative quantity.", "/lines/*/quantity", false,
		check_line_return_sign },
	{ "line.sale_sign", "A sale line with a price has no negative quantity.",
		"/lines/*/quantity /lines/*/unit_price", false, check_line_sale_sign },
	{ "line.arithmetic",
		"A line's amount is its quantity times its price, with or without its discounts, "
		"within one minor unit.",
		"/lines/*/amount /lines/*/quantity /lines/*/unit_price /lines/*/discounts", false,
		check_line_arithmetic },
	{ "line.of", "Only a return line names the line that it returns.", "/lines/*/of", false,
		check_of },
	{ "discount.negative", "A discount is not negative.", "/lines/*/discounts/*/amount", false,
		check_discount_negative },
	{ "amount.scale", "An amount is no finer than the currency's minor unit.",
		"/lines/*/amount /lines/*/taxes/*/amount /tenders/*/amount /totals", false,
		check_amount_scale },
	{ "tax.rate",
		"A tax is its base times its rate within one minor unit: each line's, or each "
		"code's sum when the document says that tax is rounded per document.",
		"/lines/*/taxes /tax_rounding", false, check_tax_rate },
	{ "tax.totals",
		"The lines' taxes add up to the document's within one minor unit, or one for each "
		"line's tax when tax is rounded per document.",
		"/lines/*/taxes/*/amount /totals/tax /tax_rounding", false, check_tax_totals },
	{ "rounding.large",
		"The rounding is at most one unit of the currency, or a hundredth of the gross.",
		"/totals/rounding", false, check_rounding },
	{ "tender.missing", "A sale, return or exchange with a gross amount has a tender.",
		"/tenders /totals/gross", false, check_tender_missing },
	{ "tender.kind", "A tender's kind is cash, card, gift_card, voucher, account or other.",
		"/tenders/*/kind", false, check_tender_kind },
	{ "tender.change", "Change given back is not negative.", "/tenders/*/change", false,
		check_change_negative },
	{ "date.skew", "The business date is within two days of the local day of closed_at.",
		"/business_date /closed_at", false, check_date_skew },
	{ "time.order", "A transaction does not begin after it closes.", "/began_at /closed_at",
		false, check_time_order },
	{ "type.no_effect", "A void, a no-sale, an opening, a closing or a count moves no money.",
		"/type /lines /tenders", false, check_no_effect },
	{ "close.declared", "A closing says what the till believes.", "/declared", false,
		check_close_declared },
	{ 0 },
};

void transaction_check(const struct transaction *t, struct findings *findings)
{
	for (const struct rule *rule = transaction_rules; rule->id != NULL; rule++)
		rule->check(rule, t, findings);
}

struct at rule_at(const char *list, uint32_t index, const char *member)
{
	struct at at;
	snprintf(at.text, sizeof(at.text), "%s/%u/%s", list, index, member);
	return at;
}

struct money rule_money(const struct transaction *t, struct total total)
{
	struct money money;
	total_print(total, rule_minor_units(t), money.text);
	return money;
}

void rule_found(const struct rule *rule, struct findings *findings, const char *pointer,
	const char *format, ...)
{
	char detail[2 * FINDING_DETAIL_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	findings_add(findings, rule->id, rule->refuses, pointer, "%s", detail);
}

unsigned rule_minor_units(const struct transaction *t)
{
	int units = currency_minor_units(t->currency);
	return units < 0 ? 2 : (unsigned)units;
}

struct total rule_units(const struct transaction *t, uint32_t count)
{
	return total_of(decimal_make(count, rule_minor_units(t)));
}

/* A product of two decimals may fill a total on its own. No amount comes near 10^24, so a product
 * is cut to that, and a hundred thousand of them can be added. */
struct total rule_product(struct decimal a, struct decimal b)
{
	const __int128 limit = (__int128)1000000000000000000 * 1000000000000000;
	struct total product = total_product(a, b, DECIMAL_SCALE_MAX, ROUND_HALF_UP);
	if (product.nanos > limit)
		product.nanos = limit;
	if (product.nanos < -limit)
		product.nanos = -limit;
	return product;
}
