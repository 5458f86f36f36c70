/* Consumer: on hand per item and store, as the transactions tell it. The opening stock is 0 until
 * an ERP or a count says otherwise, so a figure may be negative; it is shown as it is. */
#pragma once

#include "store/consumer.h"

extern const struct consumer on_hand_consumer;
