#include "retail/rules_internal.h"

/* Codes and rates of one document; a document with more is not checked per code. */
enum { TAX_GROUPS_MAX = 16 };

void check_balance_lines(
	const struct rule_run *run, const struct transaction *t, struct findings *findings)
{
	if (!transaction_is_posted(t) || !t->totals.set || t->lines.count == 0)
		return;
	struct total sum = total_zero();
	for (uint32_t i = 0; i < t->lines.count; i++)
		sum = total_add(sum, total_of(t->lines.items[i].amount));
	bool with_tax = t->prices_include_tax;
	struct total expected = total_of(with_tax ? t->totals.gross : t->totals.net);
	if (total_compare(sum, expected) == 0)
		return;
	/* Lines that are finer than the minor unit add up to what was rounded only once. */
	if (run->practice->tax_rounding == TAX_PER_DOCUMENT &&
		!further_apart(sum, expected, rule_limit_units(run)))
		return;
	rule_found(run, findings, with_tax ? "/totals/gross" : "/totals/net",
		"is %s, but the lines add up to %s", rule_money(t, expected).text,
		rule_money(t, sum).text);
}

void check_balance_totals(
	const struct rule_run *run, const struct transaction *t, struct findings *findings)
{
	if (!t->totals.set)
		return;
	struct total sum = total_add(total_of(t->totals.net), total_of(t->totals.tax));
	if (further_apart(sum, total_of(t->totals.gross), rule_limit_units(run)))
		rule_found(run, findings, "/totals/gross", "is %s, but net and tax make %s",
			rule_money(t, total_of(t->totals.gross)).text, rule_money(t, sum).text);
}

void check_balance_tenders(
	const struct rule_run *run, const struct transaction *t, struct findings *findings)
{
	if (!transaction_is_posted(t) || !t->totals.set || t->tenders.count == 0)
		return;
	struct total paid = total_zero();
	for (uint32_t i = 0; i < t->tenders.count; i++) {
		const struct tender *tender = &t->tenders.items[i];
		paid = total_add(paid, total_of(tender->amount));
		paid = total_subtract(paid, total_of(tender->change));
	}
	struct total due = total_add(total_of(t->totals.gross), total_of(t->totals.rounding));
	if (further_apart(paid, due, rule_limit_units(run)))
		rule_found(run, findings, "/tenders",
			"pay %s after change, but gross and rounding make %s",
			rule_money(t, paid).text, rule_money(t, due).text);
}

void check_tender_missing(
	const struct rule_run *run, const struct transaction *t, struct findings *findings)
{
	if (!transaction_is_posted(t) || t->type == TYPE_ADJUSTMENT || t->tenders.count > 0)
		return;
	if (!decimal_is_zero(t->totals.gross))
		rule_found(run, findings, "/tenders", "is missing or empty, but the gross is %s",
			rule_money(t, total_of(t->totals.gross)).text);
}

/* Forints, pesos and rupiahs are rounded to 5, 50 and more of their units, but their sums are
 * large; a hundredth of the gross leaves room for them. */
void check_rounding(
	const struct rule_run *run, const struct transaction *t, struct findings *findings)
{
	if (decimal_is_zero(t->totals.rounding))
		return;
	struct total rounding = total_absolute(total_of(t->totals.rounding));
	struct total hundredth = total_absolute(
		total_product(t->totals.gross, decimal_make(1, 2), DECIMAL_SCALE_MAX, ROUND_DOWN));
	if (total_compare(rounding, total_of(run->limit)) > 0 &&
		total_compare(rounding, hundredth) > 0)
		rule_found(run, findings, "/totals/rounding",
			"is %s, more than %s and a hundredth of the gross",
			rule_money(t, total_of(t->totals.rounding)).text, rule_limit(run).text);
}

/* The taxes of one code at one rate over the document. */
struct group {
	struct slice code;
	struct decimal rate;
	struct total expected, amount;
	uint32_t line; /* the first */
};

struct groups {
	struct group items[TAX_GROUPS_MAX];
	uint32_t count;
};

/* False when there is no place for another group. */
static bool add_to_group(struct groups *groups, const struct tax *tax, uint32_t line)
{
	struct group *group = groups->items;
	while (group < groups->items + groups->count &&
		(!slice_equal(group->code, tax->code) ||
			decimal_compare(group->rate, tax->rate) != 0))
		group++;
	if (group == groups->items + groups->count) {
		if (groups->count == TAX_GROUPS_MAX)
			return false;
		groups->count++;
		*group = (struct group){ .code = tax->code, .rate = tax->rate, .line = line };
	}
	group->expected = total_add(group->expected, rule_product(tax->base, tax->rate));
	group->amount = total_add(group->amount, total_of(tax->amount));
	return true;
}

static void tax_of_document(
	const struct rule_run *run, const struct transaction *t, struct findings *findings)
{
	struct groups groups = { .count = 0 };
	for (uint32_t i = 0; i < t->lines.count; i++) {
		struct tax_list taxes = t->lines.items[i].taxes;
		for (uint32_t k = 0; k < taxes.count; k++) {
			const struct tax *tax = &taxes.items[k];
			if (tax->base.set && tax->rate.set && !add_to_group(&groups, tax, i))
				return;
		}
	}
	for (uint32_t i = 0; i < groups.count; i++) {
		const struct group *group = &groups.items[i];
		if (further_apart(group->amount, group->expected, rule_limit_units(run)))
			rule_found(run, findings, rule_at("/lines", group->line, "taxes").text,
				"the taxes of code \"%.*s\" add up to %s in the document, but its "
				"bases "
				"times its rate make %s",
				SLICE_ARG(group->code), rule_money(t, group->amount).text,
				rule_money(t, group->expected).text);
	}
}

static void tax_of_line(const struct rule_run *run, const struct transaction *t, uint32_t line,
	struct findings *findings)
{
	struct tax_list taxes = t->lines.items[line].taxes;
	for (uint32_t i = 0; i < taxes.count; i++) {
		const struct tax *tax = &taxes.items[i];
		if (!tax->base.set || !tax->rate.set)
			continue;
		struct total expected = rule_product(tax->base, tax->rate),
			     amount = total_of(tax->amount);
		if (!further_apart(amount, expected, rule_limit_units(run)))
			continue;
		struct at list = rule_at("/lines", line, "taxes");
		rule_found(run, findings, rule_at(list.text, i, "amount").text,
			"is %s, but base times rate is %s", rule_money(t, amount).text,
			rule_money(t, expected).text);
	}
}

void check_tax_rate(
	const struct rule_run *run, const struct transaction *t, struct findings *findings)
{
	if (run->practice->tax_rounding == TAX_PER_DOCUMENT) {
		tax_of_document(run, t, findings);
		return;
	}
	for (uint32_t i = 0; i < t->lines.count; i++)
		tax_of_line(run, t, i, findings);
}

void check_tax_totals(
	const struct rule_run *run, const struct transaction *t, struct findings *findings)
{
	struct total sum = total_zero();
	uint32_t count = 0;
	for (uint32_t i = 0; i < t->lines.count; i++) {
		struct tax_list taxes = t->lines.items[i].taxes;
		count += taxes.count;
		for (uint32_t k = 0; k < taxes.count; k++)
			sum = total_add(sum, total_of(taxes.items[k].amount));
	}
	if (!t->totals.set || count == 0)
		return;
	struct total limit = rule_limit_units(run);
	if (run->practice->tax_rounding == TAX_PER_DOCUMENT)
		limit.nanos *= count;
	if (further_apart(sum, total_of(t->totals.tax), limit))
		rule_found(run, findings, "/totals/tax", "is %s, but the lines' taxes add up to %s",
			rule_money(t, total_of(t->totals.tax)).text, rule_money(t, sum).text);
}
