#include "base/currency.h"
#include "retail/rules_internal.h"

static bool is_cash(const struct tender *tender)
{
	return slice_is(tender->kind, "cash");
}

/* What moved in coins and notes: change is always given in cash. *ret_any: there was any. */
static struct total paid_in_cash(const struct transaction *t, bool *ret_any)
{
	struct total cash = total_zero();
	*ret_any = false;
	for (uint32_t i = 0; i < t->tenders.count; i++) {
		const struct tender *tender = &t->tenders.items[i];
		if (is_cash(tender)) {
			cash = total_add(cash, total_of(tender->amount));
			*ret_any = true;
		}
		cash = total_subtract(cash, total_of(tender->change));
	}
	return cash;
}

void check_rounding_cash(
	const struct rule_run *run, const struct transaction *t, struct findings *findings)
{
	struct decimal coin = run->practice->cash_increment;
	bool any;
	if (!coin.set)
		coin = currency_cash_increment(t->currency);
	if (!coin.set || coin.coefficient <= 0 || !transaction_is_posted(t))
		return;
	struct total cash = paid_in_cash(t, &any);
	if (any && cash.nanos % total_of(coin).nanos != 0)
		rule_found(run, findings, "/totals/rounding",
			"%s was paid in cash, which is no multiple of %s", rule_money(t, cash).text,
			rule_money(t, total_of(coin)).text);
}

void check_rounding_without_cash(
	const struct rule_run *run, const struct transaction *t, struct findings *findings)
{
	bool any;
	if (decimal_is_zero(t->totals.rounding) || t->tenders.count == 0)
		return;
	paid_in_cash(t, &any);
	if (!any)
		rule_found(run, findings, "/totals/rounding", "is %s, but nothing was paid in cash",
			rule_money(t, total_of(t->totals.rounding)).text);
}
