/* What Odoo shall hold for one transaction, computed from the till's facts alone. */
#include "erp/odoo_internal.h"

enum { PLAN_AMOUNT_DIGITS_MAX = 11, MS_A_DAY = 86400000 };

void odoo_date_order(const struct transaction *t, char text[static ODOO_TIME_LEN + 1])
{
	char utc[TIME_TEXT_MAX];
	int64_t ms = date_to_days(t->key.business_date) * MS_A_DAY + MS_A_DAY / 2;
	if (t->closed_at.set)
		ms = t->closed_at.ms;
	timestamp_print_utc(ms, utc);
	snprintf(text, ODOO_TIME_LEN + 1, "%.*s", ODOO_TIME_LEN, utc);
	text[10] = ' ';
}

static struct total tax_amount(const struct line *line)
{
	struct total tax = total_zero();
	for (uint32_t i = 0; i < line->taxes.count; i++)
		tax = total_add(tax, total_of(line->taxes.items[i].amount));
	return tax;
}

/* amount / quantity, rounded half up to `digits`. The caller has checked that 128 bits hold it. */
static struct total unit_price(struct total amount, struct decimal quantity, unsigned digits)
{
	struct decimal q = decimal_normal(quantity);
	bool negative = (amount.nanos < 0) != (q.coefficient < 0);
	__int128 dividend = total_absolute(amount).nanos, unit = 1000000000;
	__int128 divisor = q.coefficient < 0 ? -(__int128)q.coefficient : q.coefficient;
	for (unsigned i = 0; i < q.scale; i++)
		dividend *= 10;
	for (unsigned i = 0; i < digits; i++) {
		dividend *= 10;
		unit /= 10;
	}
	divisor *= 1000000000; /* the dividend counts in 10^-(9 + digits) */
	__int128 price = (dividend + divisor / 2) / divisor * unit;
	return (struct total){ negative ? -price : price };
}

static enum status plan_taxes(const struct odoo *o, const struct odoo_plan *plan,
	const struct line *line, uint32_t number, struct odoo_line *ret, struct total *ret_priced,
	struct error *err)
{
	*ret_priced = ret->net;
	for (uint32_t i = 0; i < line->taxes.count; i++) {
		const struct tax *tax = &line->taxes.items[i];
		const struct odoo_tax *found = odoo_tax_find(o, plan->point->company, tax);
		char rate[DECIMAL_TEXT_MAX];
		decimal_print(tax->rate, rate);
		if (found == NULL)
			return error_set(err, E_REFUSED,
				"line %u: Odoo has no tax for code \"%.*s\" or rate %s", number,
				SLICE_ARG(tax->code), rate);
		ret->taxes[ret->tax_count++] = found->id;
		if (found->in_price)
			*ret_priced = total_add(*ret_priced, total_of(tax->amount));
	}
	return OK;
}

static enum status plan_product(const struct odoo *o, const struct line *line, uint32_t number,
	int64_t *ret, struct error *err)
{
	const struct odoo_item *item = odoo_item_find(o, line);
	struct slice code = line->item.ptr != NULL ? line->item : line->gtin;
	if (code.ptr == NULL)
		return error_set(err, E_REFUSED,
			"line %u names no item, and Odoo sells only products", number);
	if (item == NULL)
		return error_set(err, E_REFUSED,
			"line %u: Odoo has no product with internal reference or barcode \"%.*s\"",
			number, SLICE_ARG(code));
	if (item->ambiguous)
		return error_set(err, E_REFUSED,
			"line %u: Odoo has more than one product with internal reference or "
			"barcode "
			"\"%.*s\"",
			number, SLICE_ARG(code));
	*ret = item->id;
	return OK;
}

static enum status plan_line(const struct odoo *o, const struct transaction *t, uint32_t index,
	struct odoo_plan *plan, struct error *err)
{
	const struct line *line = &t->lines.items[index];
	struct odoo_line *ret = &plan->lines[plan->line_count++];
	struct total amount = total_of(line->amount), tax = tax_amount(line), priced;
	bool write_off = line->kind == LINE_WRITE_OFF;
	__int128 limit = 1000000000;
	for (int i = 0; i < PLAN_AMOUNT_DIGITS_MAX; i++)
		limit *= 10;
	*ret = (struct odoo_line){ .note = write_off ? ODOO_NOTE_WRITE_OFF : NULL,
		.description = line->description.ptr != NULL ? line->description : line->item };
	enum status s = plan_product(o, line, index + 1, &ret->product, err);
	if (s != OK)
		return s;
	if (total_absolute(amount).nanos >= limit || total_absolute(tax).nanos >= limit)
		return error_set(err, E_REFUSED, "line %u: the amount has more than %d digits",
			index + 1, PLAN_AMOUNT_DIGITS_MAX);
	ret->net = t->prices_include_tax ? total_subtract(amount, tax) : amount;
	ret->gross = t->prices_include_tax ? amount : total_add(amount, tax);
	/* Odoo counts what leaves, a write-off what the stock becomes more. */
	ret->quantity = total_of(line->quantity);
	if (write_off)
		ret->quantity = total_negate(ret->quantity);
	s = plan_taxes(o, plan, line, index + 1, ret, &priced, err);
	if (s != OK)
		return s;
	if (total_sign(ret->quantity) == 0 && total_sign(ret->gross) != 0)
		return error_set(err, E_REFUSED,
			"line %u has an amount and quantity 0, but in Odoo an amount is quantity "
			"times price",
			index + 1);
	if (total_sign(ret->quantity) != 0)
		ret->price = unit_price(priced, line->quantity, (unsigned)o->config->price_digits);
	if (write_off)
		ret->price = total_negate(ret->price);
	return OK;
}

/* The till's totals; what it left out follows from the lines. Odoo's books end at the minor unit.
 * Tills may print finer amounts; Odoo keeps those of the lines. */
static void plan_totals(const struct transaction *t, struct odoo_plan *plan)
{
	unsigned digits = plan->point->currency_digits;
	struct total gross = total_zero(), tax = total_zero();
	for (uint32_t i = 0; i < plan->line_count; i++) {
		gross = total_add(gross, plan->lines[i].gross);
		tax = total_add(tax, total_subtract(plan->lines[i].gross, plan->lines[i].net));
	}
	if (t->totals.set && t->totals.gross.set)
		gross = total_of(t->totals.gross);
	if (t->totals.set && t->totals.tax.set)
		tax = total_of(t->totals.tax);
	plan->gross = total_round(gross, digits, ROUND_HALF_UP);
	plan->tax = total_round(tax, digits, ROUND_HALF_UP);
}

/* Within a minor unit a line, as tills that round per document are. */
static enum status check_total(
	const struct transaction *t, const struct odoo_plan *plan, struct error *err)
{
	struct total sum = total_zero(), limit = { 1000000000 };
	char ours[TOTAL_TEXT_MAX], lines[TOTAL_TEXT_MAX];
	for (unsigned i = 0; i < plan->point->currency_digits; i++)
		limit.nanos /= 10;
	limit.nanos *= t->lines.count;
	for (uint32_t i = 0; i < plan->line_count; i++)
		sum = total_add(sum, plan->lines[i].gross);
	if (total_compare(total_absolute(total_subtract(sum, plan->gross)), limit) <= 0)
		return OK;
	total_print(plan->gross, 2, ours);
	total_print(sum, 2, lines);
	return error_set(err, E_REFUSED,
		"the till's total is %s and its lines add up to %s: more apart than a minor unit "
		"for "
		"each of %u lines",
		ours, lines, t->lines.count);
}

static void plan_rounding(struct odoo *o, const struct transaction *t, struct odoo_plan *plan)
{
	struct total rounding = total_round(
		total_of(t->totals.rounding), plan->point->currency_digits, ROUND_HALF_UP);
	if (!t->totals.set || total_sign(rounding) == 0)
		return;
	plan->lines[plan->line_count++] = (struct odoo_line){
		.product = o->master.rounding.id,
		.quantity = { 1000000000 },
		.price = rounding,
		.net = rounding,
		.gross = rounding,
		.description = slice_of("Cash rounding"),
		.note = ODOO_NOTE_ROUNDING,
	};
	plan->gross = total_add(plan->gross, rounding);
}

/* What is left after rounding each tender goes to the last one, if it is less than a unit each. */
static enum status spread_rest(struct odoo_plan *plan, struct total paid, struct error *err)
{
	struct total rest = total_subtract(plan->gross, paid), unit = { 1000000000 };
	char a[TOTAL_TEXT_MAX], b[TOTAL_TEXT_MAX];
	for (unsigned i = 0; i < plan->point->currency_digits; i++)
		unit.nanos /= 10;
	unit.nanos *= plan->payment_count;
	if (total_sign(rest) == 0)
		return OK;
	if (plan->payment_count == 0 || total_compare(total_absolute(rest), unit) >= 0) {
		total_print(paid, 2, a);
		total_print(plan->gross, 2, b);
		return error_set(err, E_REFUSED,
			"the tenders without change are %s, but %s is to be paid", a, b);
	}
	struct odoo_payment *last = &plan->payments[plan->payment_count - 1];
	last->amount = total_add(last->amount, rest);
	return OK;
}

static enum status plan_payments(
	struct odoo *o, const struct transaction *t, struct odoo_plan *plan, struct error *err)
{
	struct total paid = total_zero();
	plan->payments = arena_array(&o->arena, struct odoo_payment, t->tenders.count + 1);
	if (plan->payments == NULL)
		return error_set(err, E_FULL, "no memory for %u tenders", t->tenders.count);
	for (uint32_t i = 0; i < t->tenders.count; i++) {
		const struct tender *tender = &t->tenders.items[i];
		unsigned index = odoo_method_index(tender->kind);
		struct total amount = total_round(
			total_subtract(total_of(tender->amount), total_of(tender->change)),
			plan->point->currency_digits, ROUND_HALF_UP);
		if (total_sign(amount) == 0)
			continue;
		if (plan->point->methods[index] == 0)
			return error_set(err, E_REFUSED,
				"Odoo's point of sale \"%.*s\" does not take the payment method "
				"\"%s\"",
				SLICE_ARG(plan->point->name), odoo_method_name(o, index));
		plan->payments[plan->payment_count++] = (struct odoo_payment){
			.method = plan->point->methods[index],
			.amount = amount,
		};
		paid = total_add(paid, amount);
	}
	return spread_rest(plan, paid, err);
}

enum status odoo_plan(
	struct odoo *o, const struct posting *posting, struct odoo_plan *plan, struct error *err)
{
	const struct transaction *t = posting->transaction;
	*plan = (struct odoo_plan){ .point = odoo_point_find(o, &t->key) };
	if (plan->point == NULL)
		return error_set(err, E_REFUSED, "Odoo has no point of sale \"%.*s\"",
			SLICE_ARG(odoo_point_name(o, &t->key)));
	if (!slice_is(t->currency, plan->point->currency_code))
		return error_set(err, E_REFUSED,
			"the till's currency is %.*s, but Odoo's point of sale keeps %s",
			SLICE_ARG(t->currency), plan->point->currency_code);
	if (t->lines.count == 0)
		return error_set(err, E_REFUSED, "the transaction has no lines to post");
	/* One place more, for cash rounding. */
	plan->lines = arena_array(&o->arena, struct odoo_line, t->lines.count + 1);
	if (plan->lines == NULL)
		return error_set(err, E_FULL, "no memory for %u lines", t->lines.count);
	odoo_date_order(t, plan->date_order);
	for (uint32_t i = 0; i < t->lines.count; i++) {
		enum status s = plan_line(o, t, i, plan, err);
		if (s != OK)
			return s;
	}
	plan_totals(t, plan);
	enum status s = check_total(t, plan, err);
	if (s != OK)
		return s;
	plan_rounding(o, t, plan);
	return plan_payments(o, t, plan, err);
}
