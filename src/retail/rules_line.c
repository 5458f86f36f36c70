#include "retail/rules_internal.h"

static struct total product(const struct line *line)
{
	return rule_product(line->quantity, line->unit_price);
}

/* The product with the discounts taken off, towards zero: a return gives less back. */
static struct total discounted(const struct line *line)
{
	struct total value = product(line);
	for (uint32_t i = 0; i < line->discounts.count; i++) {
		struct total discount = total_of(line->discounts.items[i].amount);
		value = decimal_sign(line->quantity) < 0 ? total_add(value, discount)
							 : total_subtract(value, discount);
	}
	return value;
}

void check_line_sign(
	const struct rule_run *run, const struct transaction *t, struct findings *findings)
{
	for (uint32_t i = 0; i < t->lines.count; i++) {
		const struct line *line = &t->lines.items[i];
		int sign = decimal_sign(line->amount);
		if (sign * decimal_sign(line->quantity) * decimal_sign(line->unit_price) >= 0)
			continue;
		/* A coupon may be worth more than the goods. */
		if (sign == total_sign(discounted(line)))
			continue;
		rule_found(run, findings, rule_at("/lines", i, "amount").text,
			"is %s, but quantity times unit_price is %s",
			rule_money(t, total_of(line->amount)).text,
			rule_money(t, product(line)).text);
	}
}

void check_line_quantity_zero(
	const struct rule_run *run, const struct transaction *t, struct findings *findings)
{
	for (uint32_t i = 0; i < t->lines.count; i++) {
		const struct line *line = &t->lines.items[i];
		bool goods = line->kind == LINE_SALE || line->kind == LINE_RETURN;
		if (goods && line->quantity.set && decimal_is_zero(line->quantity) &&
			!decimal_is_zero(line->amount))
			rule_found(run, findings, rule_at("/lines", i, "quantity").text,
				"is zero, but the amount is %s",
				rule_money(t, total_of(line->amount)).text);
	}
}

void check_line_return_sign(
	const struct rule_run *run, const struct transaction *t, struct findings *findings)
{
	for (uint32_t i = 0; i < t->lines.count; i++) {
		const struct line *line = &t->lines.items[i];
		if (line->kind == LINE_RETURN && decimal_sign(line->quantity) > 0)
			rule_found(run, findings, rule_at("/lines", i, "quantity").text,
				"is positive, but what comes back has a negative quantity");
	}
}

void check_line_sale_sign(
	const struct rule_run *run, const struct transaction *t, struct findings *findings)
{
	for (uint32_t i = 0; i < t->lines.count; i++) {
		const struct line *line = &t->lines.items[i];
		if (line->kind == LINE_SALE && decimal_sign(line->quantity) < 0 &&
			!decimal_is_zero(line->unit_price))
			rule_found(run, findings, rule_at("/lines", i, "quantity").text,
				"is negative, but the kind is sale; goods that come back are of "
				"the kind "
				"return");
	}
}

/* Some tills write the price before its discounts and some behind them; both are right. */
void check_line_arithmetic(
	const struct rule_run *run, const struct transaction *t, struct findings *findings)
{
	struct total unit = rule_limit_units(run);
	for (uint32_t i = 0; i < t->lines.count; i++) {
		const struct line *line = &t->lines.items[i];
		if (!line->quantity.set || !line->unit_price.set || line->kind == LINE_WRITE_OFF)
			continue;
		struct total amount = total_of(line->amount);
		struct total off = total_absolute(total_subtract(amount, product(line)));
		if (total_compare(off, unit) <= 0)
			continue;
		struct total off_discounted =
			total_absolute(total_subtract(amount, discounted(line)));
		if (total_compare(off_discounted, unit) > 0)
			rule_found(run, findings, rule_at("/lines", i, "amount").text,
				"is %s, but quantity times unit_price is %s, and %s less discounts",
				rule_money(t, amount).text, rule_money(t, product(line)).text,
				rule_money(t, discounted(line)).text);
	}
}

void check_discount_negative(
	const struct rule_run *run, const struct transaction *t, struct findings *findings)
{
	for (uint32_t i = 0; i < t->lines.count; i++) {
		struct discount_list list = t->lines.items[i].discounts;
		for (uint32_t k = 0; k < list.count; k++) {
			if (decimal_sign(list.items[k].amount) >= 0)
				continue;
			struct at at = rule_at("/lines", i, "discounts");
			rule_found(run, findings, rule_at(at.text, k, "amount").text,
				"is %s; a discount is what the customer saved, and positive",
				rule_money(t, total_of(list.items[k].amount)).text);
		}
	}
}

void check_change_negative(
	const struct rule_run *run, const struct transaction *t, struct findings *findings)
{
	for (uint32_t i = 0; i < t->tenders.count; i++)
		if (decimal_sign(t->tenders.items[i].change) < 0)
			rule_found(run, findings, rule_at("/tenders", i, "change").text,
				"is %s; change is what was given back, and positive",
				rule_money(t, total_of(t->tenders.items[i].change)).text);
}

/* The check digit of the GS1 General Specifications: digits weigh 3 and 1 in turn, from the right,
 * and their sum with the check digit is a multiple of 10. */
static bool gtin_is_good(struct slice gtin)
{
	unsigned sum = 0;
	for (size_t i = 0; i < gtin.len; i++) {
		unsigned digit = (unsigned)(gtin.ptr[gtin.len - 1 - i] - '0');
		if (digit > 9)
			return true; /* letters: a code of another kind */
		sum += i % 2 == 0 ? digit : 3 * digit;
	}
	return sum % 10 == 0;
}

void check_gtin(const struct rule_run *run, const struct transaction *t, struct findings *findings)
{
	for (uint32_t i = 0; i < t->lines.count; i++) {
		struct slice gtin = t->lines.items[i].gtin;
		bool length = gtin.len == 8 || (gtin.len >= 12 && gtin.len <= 14);
		if (length && !gtin_is_good(gtin))
			rule_found(run, findings, rule_at("/lines", i, "gtin").text,
				"is \"%.*s\", whose check digit is wrong", SLICE_ARG(gtin));
	}
}

void check_price_negative(
	const struct rule_run *run, const struct transaction *t, struct findings *findings)
{
	for (uint32_t i = 0; i < t->lines.count; i++) {
		const struct line *line = &t->lines.items[i];
		bool goods = line->kind == LINE_SALE || line->kind == LINE_RETURN;
		if (goods && decimal_sign(line->unit_price) < 0)
			rule_found(run, findings, rule_at("/lines", i, "unit_price").text,
				"is %s; what comes back has a negative quantity, not a negative "
				"price",
				rule_money(t, total_of(line->unit_price)).text);
	}
}

void check_gift_card_return(
	const struct rule_run *run, const struct transaction *t, struct findings *findings)
{
	for (uint32_t i = 0; i < t->lines.count; i++) {
		const struct line *line = &t->lines.items[i];
		if (line->kind == LINE_GIFT_CARD && decimal_sign(line->amount) < 0)
			rule_found(run, findings, rule_at("/lines", i, "amount").text,
				"is %s; a gift card that is paid with is a tender",
				rule_money(t, total_of(line->amount)).text);
	}
}

void check_unit_missing(
	const struct rule_run *run, const struct transaction *t, struct findings *findings)
{
	for (uint32_t i = 0; i < t->lines.count; i++) {
		const struct line *line = &t->lines.items[i];
		bool goods = line->kind == LINE_SALE || line->kind == LINE_RETURN ||
			     line->kind == LINE_WRITE_OFF;
		if (goods && line->unit.len == 0)
			rule_found(run, findings, rule_at("/lines", i, "unit").text,
				"is missing; an ERP converts quantities by it");
	}
}

void check_return_of(
	const struct rule_run *run, const struct transaction *t, struct findings *findings)
{
	for (uint32_t i = 0; i < t->lines.count; i++)
		if (t->lines.items[i].kind == LINE_RETURN && !t->lines.items[i].of.set)
			rule_found(run, findings, rule_at("/lines", i, "of").text,
				"is missing; nobody can tell what is returned");
}

/* The larger of quantity times list price and quantity times unit price is what stood before the
 * discounts; tills write the unit price before or behind them. */
void check_discount_large(
	const struct rule_run *run, const struct transaction *t, struct findings *findings)
{
	for (uint32_t i = 0; i < t->lines.count; i++) {
		const struct line *line = &t->lines.items[i];
		struct total sum = total_zero(), whole = total_absolute(product(line));
		struct total listed =
			total_absolute(rule_product(line->quantity, line->list_price));
		for (uint32_t k = 0; k < line->discounts.count; k++)
			sum = total_add(sum, total_of(line->discounts.items[k].amount));
		if (total_compare(listed, whole) > 0)
			whole = listed;
		/* In parts of a hundred, so that nothing is rounded: sum * 100 > whole * limit. */
		const __int128 one = 1000000000;
		__int128 allowed = whole.nanos / one * total_of(run->limit).nanos +
				   whole.nanos % one * total_of(run->limit).nanos / one;
		if (line->discounts.count > 0 && sum.nanos * 100 > allowed)
			rule_found(run, findings, rule_at("/lines", i, "discounts").text,
				"add up to %s, more than %s %% of %s", rule_money(t, sum).text,
				rule_limit(run).text, rule_money(t, whole).text);
	}
}

/* What the amounts of one transaction are held to. */
struct scale {
	const struct rule_run *run;
	const struct transaction *t;
	struct findings *findings;
	unsigned units;
};

static bool finer(const struct scale *scale, struct decimal amount)
{
	return amount.scale > scale->units && !total_fits_scale(total_of(amount), scale->units);
}

static void report_finer(const struct scale *scale, const char *pointer, struct decimal amount)
{
	rule_found(scale->run, scale->findings, pointer,
		"is %s, finer than the %u decimals of %.*s",
		rule_money(scale->t, total_of(amount)).text, scale->units,
		SLICE_ARG(scale->t->currency));
}

static void scale_of_line(const struct scale *scale, uint32_t i)
{
	const struct line *line = &scale->t->lines.items[i];
	if (finer(scale, line->amount))
		report_finer(scale, rule_at("/lines", i, "amount").text, line->amount);
	for (uint32_t k = 0; k < line->taxes.count; k++) {
		if (!finer(scale, line->taxes.items[k].amount))
			continue;
		struct at at = rule_at("/lines", i, "taxes");
		report_finer(
			scale, rule_at(at.text, k, "amount").text, line->taxes.items[k].amount);
	}
}

/* Where tax is rounded per document, lines may be finer. */
void check_amount_scale(
	const struct rule_run *run, const struct transaction *t, struct findings *findings)
{
	const struct scale scale = { run, t, findings, run->minor_units };
	if (run->practice->tax_rounding == TAX_PER_LINE)
		for (uint32_t i = 0; i < t->lines.count; i++)
			scale_of_line(&scale, i);
	for (uint32_t i = 0; i < t->tenders.count; i++)
		if (finer(&scale, t->tenders.items[i].amount))
			report_finer(&scale, rule_at("/tenders", i, "amount").text,
				t->tenders.items[i].amount);
	if (finer(&scale, t->totals.net))
		report_finer(&scale, "/totals/net", t->totals.net);
	if (finer(&scale, t->totals.tax))
		report_finer(&scale, "/totals/tax", t->totals.tax);
	if (finer(&scale, t->totals.gross))
		report_finer(&scale, "/totals/gross", t->totals.gross);
}
