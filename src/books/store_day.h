/* Consumer: the store-day. What each store, register and business date received, its totals by
 * currency, by tender and by tax, and the running figures of each store. */
#pragma once

#include "store/consumer.h"

extern const struct consumer store_day_consumer;
