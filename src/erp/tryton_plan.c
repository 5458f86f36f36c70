/* What Tryton shall hold for one transaction, computed from the till's facts alone. */
#include "erp/tryton_internal.h"

#include "base/check.h"

enum { PLAN_AMOUNT_DIGITS_MAX = 11 };

bool tryton_needs_sale(const struct transaction *t)
{
	for (uint32_t i = 0; i < t->lines.count; i++)
		if (t->lines.items[i].kind != LINE_WRITE_OFF)
			return true;
	return t->tenders.count > 0;
}

bool tryton_needs_shipment(const struct transaction *t, bool into_store)
{
	for (uint32_t i = 0; i < t->lines.count; i++) {
		const struct line *line = &t->lines.items[i];
		int sign = decimal_sign(line->quantity);
		if (line->kind == LINE_WRITE_OFF && sign == (into_store ? 1 : -1))
			return true;
	}
	return false;
}

/* Without tax, by what the till itself computed. */
static struct total net_amount(const struct transaction *t, const struct line *line)
{
	struct total net = total_of(line->amount);
	for (uint32_t i = 0; t->prices_include_tax && i < line->taxes.count; i++)
		net = total_subtract(net, total_of(line->taxes.items[i].amount));
	return net;
}

/* net / quantity, rounded half up to `digits`. The caller has checked that 128 bits hold it. */
static struct total unit_price(struct total net, struct decimal quantity, unsigned digits)
{
	struct decimal q = decimal_normal(quantity);
	bool negative = (net.nanos < 0) != (q.coefficient < 0);
	__int128 dividend = total_absolute(net).nanos, unit = 1000000000;
	__int128 divisor = q.coefficient < 0 ? -(__int128)q.coefficient : q.coefficient;
	for (unsigned i = 0; i < q.scale; i++)
		dividend *= 10;
	for (unsigned i = 0; i < digits; i++) {
		dividend *= 10;
		unit /= 10;
	}
	/* The dividend counts in 10^-(9 + digits). */
	divisor *= 1000000000;
	__int128 price = (dividend + divisor / 2) / divisor * unit;
	return (struct total){ negative ? -price : price };
}

static enum status plan_taxes(const struct tryton *t, const struct line *line, uint32_t number,
	struct plan_line *plan, struct error *err)
{
	for (uint32_t i = 0; i < line->taxes.count; i++) {
		const struct tax *tax = &line->taxes.items[i];
		int64_t id = tryton_tax_find(t, tax);
		char rate[DECIMAL_TEXT_MAX];
		decimal_print(tax->rate, rate);
		if (id == 0)
			return error_set(err, E_REFUSED,
				"line %u: Tryton has no tax for code \"%.*s\" or rate %s", number,
				SLICE_ARG(tax->code), rate);
		plan->taxes[plan->tax_count++] = id;
	}
	return OK;
}

static enum status plan_line(const struct tryton *t, const struct transaction *transaction,
	uint32_t index, struct plan_line *plan, struct error *err)
{
	const struct line *line = &transaction->lines.items[index];
	struct total net = net_amount(transaction, line);
	unsigned number = index + 1;
	__int128 limit = 1000000000;
	for (int i = 0; i < PLAN_AMOUNT_DIGITS_MAX; i++)
		limit *= 10;
	*plan = (struct plan_line){ .sequence = number };
	if (line->item.ptr == NULL)
		return error_set(err, E_REFUSED,
			"line %u names no item, and Tryton sells only products", number);
	plan->item = tryton_item_find(t, line->item);
	if (plan->item == NULL)
		return error_set(err, E_REFUSED, "line %u: Tryton has no product \"%.*s\"", number,
			SLICE_ARG(line->item));
	plan->quantity = total_of(line->quantity);
	if (total_absolute(net).nanos >= limit)
		return error_set(err, E_REFUSED, "line %u: the amount has more than %d digits",
			number, PLAN_AMOUNT_DIGITS_MAX);
	if (total_sign(plan->quantity) != 0)
		plan->price = unit_price(net, line->quantity, (unsigned)t->config->price_digits);
	else if (total_sign(net) != 0)
		return error_set(err, E_REFUSED,
			"line %u has an amount and quantity 0, but in Tryton an amount is quantity "
			"times price",
			number);
	return plan_taxes(t, line, number, plan, err);
}

static enum status plan_lines(struct tryton *t, const struct transaction *transaction,
	struct plan *plan, struct error *err)
{
	uint32_t count = transaction->lines.count;
	plan->lines = arena_array(&t->arena, struct plan_line, count + 1);
	plan->write_offs = arena_array(&t->arena, struct plan_line, count + 1);
	if (plan->lines == NULL || plan->write_offs == NULL)
		return error_set(err, E_FULL, "no memory for %u lines", count);
	for (uint32_t i = 0; i < count; i++) {
		bool write_off = transaction->lines.items[i].kind == LINE_WRITE_OFF;
		struct plan_line *line = write_off ? &plan->write_offs[plan->write_off_count++]
						   : &plan->lines[plan->line_count++];
		enum status s = plan_line(t, transaction, i, line, err);
		if (s != OK)
			return s;
	}
	return OK;
}

/* Tills may print finer amounts than the currency has; Tryton's books end at its minor unit. */
static void plan_totals(
	const struct tryton *t, const struct transaction *transaction, struct plan *plan)
{
	unsigned digits = t->master.currency_digits;
	struct total gross = total_of(transaction->totals.gross);
	if (!transaction->totals.set) {
		gross = total_zero();
		for (uint32_t i = 0; i < transaction->lines.count; i++) {
			const struct line *line = &transaction->lines.items[i];
			gross = total_add(gross, total_of(line->amount));
			for (uint32_t k = 0;
				k < line->taxes.count && !transaction->prices_include_tax; k++)
				gross = total_add(gross, total_of(line->taxes.items[k].amount));
		}
	}
	plan->gross = total_round(gross, digits, ROUND_HALF_UP);
	plan->cash_rounding =
		total_round(total_of(transaction->totals.rounding), digits, ROUND_HALF_UP);
	plan->paid = total_add(plan->gross, plan->cash_rounding);
}

/* What is left after rounding each tender goes to the last one, if it is less than a unit each. */
static enum status spread_rest(
	const struct tryton *t, struct plan *plan, struct total paid, struct error *err)
{
	struct total rest = total_subtract(plan->paid, paid), unit = { 1000000000 };
	char a[TOTAL_TEXT_MAX], b[TOTAL_TEXT_MAX];
	for (unsigned i = 0; i < t->master.currency_digits; i++)
		unit.nanos /= 10;
	unit.nanos *= plan->payment_count;
	if (total_sign(rest) == 0)
		return OK;
	if (plan->payment_count == 0 || total_compare(total_absolute(rest), unit) >= 0) {
		total_print(paid, 0, a);
		total_print(plan->paid, 0, b);
		return error_set(err, E_REFUSED,
			"the tenders without change are %s, but %s is to be paid", a, b);
	}
	struct plan_payment *last = &plan->payments[plan->payment_count - 1];
	last->amount = total_add(last->amount, rest);
	return OK;
}

static enum status plan_payments(struct tryton *t, const struct transaction *transaction,
	struct plan *plan, struct error *err)
{
	const struct tender_list *tenders = &transaction->tenders;
	struct total paid = total_zero();
	plan->payments = arena_array(&t->arena, struct plan_payment, tenders->count + 1);
	if (plan->payments == NULL)
		return error_set(err, E_FULL, "no memory for %u tenders", tenders->count);
	for (uint32_t i = 0; i < tenders->count; i++) {
		const struct tender *tender = &tenders->items[i];
		struct total amount = total_round(
			total_subtract(total_of(tender->amount), total_of(tender->change)),
			t->master.currency_digits, ROUND_HALF_UP);
		if (total_sign(amount) == 0)
			continue;
		plan->payments[plan->payment_count++] = (struct plan_payment){
			.kind = tender->kind,
			.amount = amount,
			.method = tryton_method_find(t, tender->kind),
		};
		paid = total_add(paid, amount);
	}
	return spread_rest(t, plan, paid, err);
}

enum status tryton_plan(
	struct tryton *t, const struct posting *posting, struct plan *plan, struct error *err)
{
	const struct transaction *transaction = posting->transaction;
	struct slice currency = slice_of(t->master.currency_code);
	char date[DATE_TEXT_LEN + 1];
	*plan = (struct plan){ .store = tryton_store_find(t, transaction->key.store) };
	if (plan->store == NULL)
		return error_set(err, E_REFUSED, "Tryton has no warehouse with code \"%.*s\"",
			SLICE_ARG(transaction->key.store));
	if (!slice_equal(transaction->currency, currency))
		return error_set(err, E_REFUSED,
			"the till's currency is %.*s, but Tryton's company keeps its books in %.*s",
			SLICE_ARG(transaction->currency), SLICE_ARG(currency));
	date_print(transaction->key.business_date, date);
	if (tryton_year_find(t, transaction->key.business_date) == NULL)
		return error_set(err, E_REFUSED,
			"no fiscal year in Tryton holds the business date %s", date);
	if (transaction->lines.count == 0)
		return error_set(err, E_REFUSED, "the transaction has no lines to post");
	enum status s = plan_lines(t, transaction, plan, err);
	if (s != OK || !tryton_needs_sale(transaction))
		return s;
	plan_totals(t, transaction, plan);
	return plan_payments(t, transaction, plan, err);
}
