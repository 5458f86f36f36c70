#include "retail/rules_internal.h"

/* A line's taxes, added up. Where several are due on the same money each names the whole base, and
 * where parts of a line are taxed differently the bases are parts; so both readings are kept. */
struct tax_sums {
	struct total tax, bases, largest_base;
	uint32_t count;
	bool complete; /* each has its base */
};

static struct tax_sums add_taxes(const struct line *line)
{
	struct tax_sums sums = { .count = line->taxes.count, .complete = true };
	for (uint32_t i = 0; i < line->taxes.count; i++) {
		const struct tax *tax = &line->taxes.items[i];
		struct total base = total_of(tax->base);
		sums.complete = sums.complete && tax->base.set;
		sums.tax = total_add(sums.tax, total_of(tax->amount));
		sums.bases = total_add(sums.bases, base);
		if (total_compare(total_absolute(base), total_absolute(sums.largest_base)) > 0)
			sums.largest_base = base;
	}
	return sums;
}

void check_tax_base(
	const struct rule_run *run, const struct transaction *t, struct findings *findings)
{
	struct total unit = rule_limit_units(run);
	for (uint32_t i = 0; i < t->lines.count; i++) {
		const struct line *line = &t->lines.items[i];
		struct tax_sums sums = add_taxes(line);
		if (sums.count == 0 || !sums.complete)
			continue;
		struct total amount = total_of(line->amount), limit = unit;
		limit.nanos *= sums.count;
		if (t->prices_include_tax)
			amount = total_subtract(amount, sums.tax);
		if (further_apart(sums.bases, amount, limit) &&
			further_apart(sums.largest_base, amount, limit))
			rule_found(run, findings, rule_at("/lines", i, "taxes").text,
				"have a base of %s, but the line is %s without tax",
				rule_money(t, sums.bases).text, rule_money(t, amount).text);
	}
}

void check_tax_missing(
	const struct rule_run *run, const struct transaction *t, struct findings *findings)
{
	for (uint32_t i = 0; i < t->lines.count; i++) {
		const struct line *line = &t->lines.items[i];
		bool goods = line->kind == LINE_SALE || line->kind == LINE_RETURN;
		if (goods && line->taxes.count == 0 && !decimal_is_zero(line->amount))
			rule_found(run, findings, rule_at("/lines", i, "taxes").text,
				"is missing or empty; goods without tax name it with the rate 0");
	}
}

void check_tax_exemption(
	const struct rule_run *run, const struct transaction *t, struct findings *findings)
{
	for (uint32_t i = 0; i < t->lines.count; i++) {
		struct tax_list taxes = t->lines.items[i].taxes;
		for (uint32_t k = 0; k < taxes.count; k++) {
			const struct tax *tax = &taxes.items[k];
			if (tax->exemption.ptr == NULL ||
				(decimal_is_zero(tax->rate) && decimal_is_zero(tax->amount)))
				continue;
			struct at list = rule_at("/lines", i, "taxes");
			rule_found(run, findings, rule_at(list.text, k, "exemption").text,
				"is \"%.*s\", but the tax is %s", SLICE_ARG(tax->exemption),
				rule_money(t, total_of(tax->amount)).text);
		}
	}
}

void check_tax_sign(
	const struct rule_run *run, const struct transaction *t, struct findings *findings)
{
	for (uint32_t i = 0; i < t->lines.count; i++) {
		struct tax_list taxes = t->lines.items[i].taxes;
		for (uint32_t k = 0; k < taxes.count; k++) {
			const struct tax *tax = &taxes.items[k];
			if (decimal_sign(tax->amount) * decimal_sign(tax->base) >= 0)
				continue;
			struct at list = rule_at("/lines", i, "taxes");
			rule_found(run, findings, rule_at(list.text, k, "amount").text,
				"is %s, but its base is %s",
				rule_money(t, total_of(tax->amount)).text,
				rule_money(t, total_of(tax->base)).text);
		}
	}
}
