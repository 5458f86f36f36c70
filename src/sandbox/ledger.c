#include "sandbox/ledger.h"

#include "base/check.h"

static const char *const accounts[SALE_KIND_MAX] = {
	[SALE_GOODS] = "revenue.sale",
	[SALE_RETURN] = "revenue.return",
	[SALE_FEE] = "revenue.fee",
	[SALE_GIFT_CARD] = "liability.gift_card",
	[SALE_DEPOSIT] = "liability.deposit",
	[SALE_WRITE_OFF] = "revenue.write_off",
	[SALE_ADJUSTMENT] = "revenue.adjustment",
};

/* Debits `amount`; nothing is booked for zero. */
static void debit(struct ledger *ledger, const char *prefix, struct slice name, struct total amount)
{
	if (total_sign(amount) == 0)
		return;
	check(ledger->count < LEDGER_ENTRIES_MAX);
	struct ledger_entry *entry = &ledger->entries[ledger->count++];
	*entry = (struct ledger_entry){ 0 };
	snprintf(entry->account, sizeof(entry->account), "%s%.*s", prefix, SLICE_ARG(name));
	if (total_sign(amount) > 0)
		entry->debit = amount;
	else
		entry->credit = total_negate(amount);
}

static void credit(struct ledger *ledger, const char *account, struct total amount)
{
	debit(ledger, account, (struct slice)SLICE(""), total_negate(amount));
}

static struct total book_payments(const struct sale *sale, struct ledger *ledger)
{
	struct total paid = total_zero();
	for (uint32_t i = 0; i < sale->payments.count; i++) {
		const struct sale_payment *payment = &sale->payments.items[i];
		struct total amount = total_of(payment->amount);
		debit(ledger, "tender.", payment->method, amount);
		paid = total_add(paid, amount);
	}
	return paid;
}

static struct total book_revenue(const struct sale *sale, struct ledger *ledger)
{
	struct total by_kind[SALE_KIND_MAX] = { 0 }, sum = total_zero();
	for (uint32_t i = 0; i < sale->lines.count; i++) {
		const struct sale_line *line = &sale->lines.items[i];
		struct total amount = total_of(line->amount);
		if (sale->amounts_include_tax)
			amount = total_subtract(amount, total_of(line->tax));
		by_kind[line->kind] = total_add(by_kind[line->kind], amount);
		sum = total_add(sum, amount);
	}
	for (unsigned kind = 0; kind < SALE_KIND_MAX; kind++)
		credit(ledger, accounts[kind], by_kind[kind]);
	return sum;
}

void ledger_of(const struct sale *sale, struct ledger *ret_ledger)
{
	ret_ledger->count = 0;
	struct total rounding = total_of(sale->rounding);
	struct total owed = total_add(total_of(sale->total), rounding);
	struct total paid = book_payments(sale, ret_ledger);
	debit(ret_ledger, "receivable", (struct slice)SLICE(""), total_subtract(owed, paid));
	struct total revenue = book_revenue(sale, ret_ledger);
	credit(ret_ledger, "tax", total_of(sale->tax));
	credit(ret_ledger, "tax_difference", total_subtract(total_of(sale->net), revenue));
	credit(ret_ledger, "rounding", rounding);
}
