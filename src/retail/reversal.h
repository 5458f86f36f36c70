/* The reversal of a transaction: the document that undoes it, in stock, books and ERPs alike. Pure.
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "retail/transaction.h"

/* The same document with every quantity and amount negated: prices and rates stay, the change of a
 * tender becomes negative. Texts are shared with `t`, lists are copied to the arena. E_FULL: the
 * arena. */
enum status transaction_reverse(const struct transaction *t, struct arena *arena,
	struct transaction *ret_reversal, struct error *err);
