/* The currencies of ISO 4217 and how many decimals their minor unit has. */
#pragma once

#include "base/decimal.h"
#include "base/slice.h"

/* 2 for "EUR", 0 for "JPY", 3 for "BHD"; -1 when the code is not one of ISO 4217. */
int currency_minor_units(struct slice code);

/* The smallest coin in circulation where it is more than the minor unit: 0.05 for "CHF", 1 for
 * "SEK". Not set for all others. Euro countries differ, so that EUR has none; a store may have its
 * own (retail/rule_set.h). */
struct decimal currency_cash_increment(struct slice code);
