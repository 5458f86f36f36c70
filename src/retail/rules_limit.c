#include "retail/rules_internal.h"

/* Most values are far from any limit; those with few digits need no 128 bits to be seen so. */
static bool beyond(const struct rule_run *run, struct decimal value)
{
	int64_t coefficient = value.coefficient < 0 ? -value.coefficient : value.coefficient;
	if (run->limit.scale == 0 && coefficient <= run->limit.coefficient)
		return false;
	return total_compare(total_absolute(total_of(value)), total_of(run->limit)) > 0;
}

static void find_beyond(const struct rule_run *run, struct decimal value, const char *pointer,
	struct findings *findings)
{
	char text[DECIMAL_TEXT_MAX];
	decimal_print(value, text);
	rule_found(run, findings, pointer, "is %s, beyond %s", text, rule_limit(run).text);
}

void check_quantity_large(
	const struct rule_run *run, const struct transaction *t, struct findings *findings)
{
	for (uint32_t i = 0; i < t->lines.count; i++)
		if (beyond(run, t->lines.items[i].quantity))
			find_beyond(run, t->lines.items[i].quantity,
				rule_at("/lines", i, "quantity").text, findings);
}

static void check_line_amounts(
	const struct rule_run *run, const struct line *line, uint32_t i, struct findings *findings)
{
	if (beyond(run, line->unit_price))
		find_beyond(
			run, line->unit_price, rule_at("/lines", i, "unit_price").text, findings);
	if (beyond(run, line->list_price))
		find_beyond(
			run, line->list_price, rule_at("/lines", i, "list_price").text, findings);
	if (beyond(run, line->amount))
		find_beyond(run, line->amount, rule_at("/lines", i, "amount").text, findings);
	for (uint32_t k = 0; k < line->discounts.count; k++)
		if (beyond(run, line->discounts.items[k].amount))
			find_beyond(run, line->discounts.items[k].amount,
				rule_at(rule_at("/lines", i, "discounts").text, k, "amount").text,
				findings);
	for (uint32_t k = 0; k < line->taxes.count; k++) {
		const struct tax *tax = &line->taxes.items[k];
		if (beyond(run, tax->base))
			find_beyond(run, tax->base,
				rule_at(rule_at("/lines", i, "taxes").text, k, "base").text,
				findings);
		if (beyond(run, tax->amount))
			find_beyond(run, tax->amount,
				rule_at(rule_at("/lines", i, "taxes").text, k, "amount").text,
				findings);
	}
}

static void check_named_amounts(const struct rule_run *run, const struct named_amount_list *list,
	const char *pointer, struct findings *findings)
{
	for (uint32_t i = 0; i < list->count; i++)
		if (beyond(run, list->items[i].amount))
			find_beyond(run, list->items[i].amount, pointer, findings);
}

void check_amount_large(
	const struct rule_run *run, const struct transaction *t, struct findings *findings)
{
	const struct {
		struct decimal amount;
		const char *pointer;
	} single[] = {
		{ t->totals.net, "/totals/net" },
		{ t->totals.tax, "/totals/tax" },
		{ t->totals.gross, "/totals/gross" },
		{ t->totals.rounding, "/totals/rounding" },
		{ t->declared.gross, "/declared/gross" },
	};
	for (uint32_t i = 0; i < t->lines.count; i++)
		check_line_amounts(run, &t->lines.items[i], i, findings);
	for (uint32_t i = 0; i < t->tenders.count; i++) {
		const struct tender *tender = &t->tenders.items[i];
		if (beyond(run, tender->amount))
			find_beyond(run, tender->amount, rule_at("/tenders", i, "amount").text,
				findings);
		if (beyond(run, tender->change))
			find_beyond(run, tender->change, rule_at("/tenders", i, "change").text,
				findings);
	}
	for (size_t i = 0; i < sizeof(single) / sizeof(single[0]); i++)
		if (beyond(run, single[i].amount))
			find_beyond(run, single[i].amount, single[i].pointer, findings);
	check_named_amounts(run, &t->declared.tenders, "/declared/tenders", findings);
	check_named_amounts(run, &t->declared.counted, "/declared/counted", findings);
}

/* The classic slip is a rate of "20" for 20 %. */
void check_tax_rate_large(
	const struct rule_run *run, const struct transaction *t, struct findings *findings)
{
	struct total limit = total_of(run->limit);
	for (uint32_t i = 0; i < t->lines.count; i++) {
		struct tax_list taxes = t->lines.items[i].taxes;
		for (uint32_t k = 0; k < taxes.count; k++) {
			struct total rate = total_of(taxes.items[k].rate);
			struct total percent = { rate.nanos * 100 };
			char text[TOTAL_TEXT_MAX];
			if (total_sign(rate) >= 0 && total_compare(percent, limit) <= 0)
				continue;
			total_print(rate, 0, text);
			struct at list = rule_at("/lines", i, "taxes");
			rule_found(run, findings, rule_at(list.text, k, "rate").text,
				"is %s; a rate is a fraction (0.20 is 20 %%) from 0 to %s %%", text,
				rule_limit(run).text);
		}
	}
}

void check_lines_many(
	const struct rule_run *run, const struct transaction *t, struct findings *findings)
{
	if (beyond(run, decimal_make(t->lines.count, 0)))
		rule_found(run, findings, "/lines", "has %u lines, more than %s", t->lines.count,
			rule_limit(run).text);
}

void check_duration(
	const struct rule_run *run, const struct transaction *t, struct findings *findings)
{
	const int64_t day_ms = 86400000;
	if (!t->began_at.set || t->closed_at.ms <= t->began_at.ms)
		return;
	int64_t lasted_ms = t->closed_at.ms - t->began_at.ms;
	/* In billionths of a millisecond, so that nothing is divided. */
	if ((__int128)lasted_ms * 1000000000 > total_of(run->limit).nanos * day_ms)
		rule_found(run, findings, "/closed_at",
			"is %lld hours after began_at; at most %s days are usual",
			(long long)(lasted_ms / 3600000), rule_limit(run).text);
}

void check_refund_large(
	const struct rule_run *run, const struct transaction *t, struct findings *findings)
{
	if (transaction_is_posted(t) && decimal_sign(t->totals.gross) < 0 &&
		beyond(run, t->totals.gross))
		rule_found(run, findings, "/totals/gross", "gives back %s, more than %s",
			rule_money(t, total_absolute(total_of(t->totals.gross))).text,
			rule_limit(run).text);
}
