/* The consumer of totals that a configuration defines (retail/user_total.h): sums per store-day and
 * part. A definition counts from its own event on; when it changes, what was summed stays under the
 * old one, and the new one begins at zero. A revision takes back what the one before it added,
 * under the definitions that it was added by. */
#pragma once

#include "store/consumer.h"

extern const struct consumer totals_consumer;

/* Tables: user_total_definition (name, since, until, definition), user_total (store, business_date,
 * name, since, part, currency, amount, limit_amount, passed) and total_passed (event, line, name,
 * part, currency, amount, limit_amount): which sums an event has taken beyond their limit. */
