#include "retail/reversal.h"

static struct decimal negate(struct decimal d)
{
	d.coefficient = -d.coefficient;
	return d;
}

static void *copy_list(struct arena *arena, const void *items, size_t bytes)
{
	void *copy = arena_alloc(arena, bytes + 1);
	if (copy != NULL && bytes > 0)
		memcpy(copy, items, bytes);
	return copy;
}

static bool reverse_line(struct line *line, struct arena *arena)
{
	struct tax *taxes = copy_list(arena, line->taxes.items, line->taxes.count * sizeof(*taxes));
	struct discount *discounts =
		copy_list(arena, line->discounts.items, line->discounts.count * sizeof(*discounts));
	if (taxes == NULL || discounts == NULL)
		return false;
	for (uint32_t i = 0; i < line->taxes.count; i++) {
		taxes[i].base = negate(taxes[i].base);
		taxes[i].amount = negate(taxes[i].amount);
	}
	for (uint32_t i = 0; i < line->discounts.count; i++)
		discounts[i].amount = negate(discounts[i].amount);
	line->taxes.items = taxes;
	line->discounts.items = discounts;
	line->quantity = negate(line->quantity);
	line->amount = negate(line->amount);
	return true;
}

enum status transaction_reverse(const struct transaction *t, struct arena *arena,
	struct transaction *ret_reversal, struct error *err)
{
	struct transaction reversal = *t;
	struct line *lines = copy_list(arena, t->lines.items, t->lines.count * sizeof(*lines));
	struct tender *tenders =
		copy_list(arena, t->tenders.items, t->tenders.count * sizeof(*tenders));
	bool fine = lines != NULL && tenders != NULL;
	for (uint32_t i = 0; i < t->lines.count && fine; i++)
		fine = reverse_line(&lines[i], arena);
	if (!fine)
		return error_set(err, E_FULL, "a reversal needs too much memory");
	for (uint32_t i = 0; i < t->tenders.count; i++) {
		tenders[i].amount = negate(tenders[i].amount);
		tenders[i].change = negate(tenders[i].change);
	}
	reversal.lines.items = lines;
	reversal.tenders.items = tenders;
	reversal.totals.net = negate(t->totals.net);
	reversal.totals.tax = negate(t->totals.tax);
	reversal.totals.gross = negate(t->totals.gross);
	reversal.totals.rounding = negate(t->totals.rounding);
	*ret_reversal = reversal;
	return OK;
}
