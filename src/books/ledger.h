/* Consumer: the first ledger entries of every transaction, double entry, balanced by construction
 * in the transaction's currency:
 *
 *     debit   the tender's account (cash, card, ...)      what was taken, less the change
 *     credit  sales, fees, gift_card_liability, ...       each line without tax
 *     credit  tax, by code                                each line's tax
 *     credit  cash_rounding                               totals.rounding
 *     either  suspense                                    what the till's own figures leave open
 *
 * A negative amount stands on the other side, so no entry is negative. */
#pragma once

#include "store/consumer.h"

extern const struct consumer ledger_consumer;
