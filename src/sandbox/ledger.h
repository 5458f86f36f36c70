/* The double entry behind one sale:
 *
 *     debit   tender.<method>     what was paid, one entry a payment
 *     debit   receivable          what was not paid
 *     credit  revenue.<kind>      the lines of a kind, without tax; gift cards and deposits are
 *                                 liability.<kind>
 *     credit  tax
 *     credit  tax_difference      the net beyond what the lines' own nets and taxes add up to
 *     credit  rounding            what was paid beyond the total
 *
 * A negative amount stands on the other side. Debit and credit are equal by construction. */
#pragma once

#include "sandbox/sale.h"

enum {
	LEDGER_ENTRIES_MAX = SALE_PAYMENTS_MAX + SALE_KIND_MAX + 4,
	LEDGER_ACCOUNT_MAX = SALE_ID_MAX + 16,
};

struct ledger_entry {
	char account[LEDGER_ACCOUNT_MAX];
	struct total debit, credit; /* one of them is zero, none is negative */
};

struct ledger {
	struct ledger_entry entries[LEDGER_ENTRIES_MAX];
	uint32_t count;
};

void ledger_of(const struct sale *sale, struct ledger *ret_ledger);
