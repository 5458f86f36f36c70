/* Consumer: what a person must decide. Conflicting transactions, rules that reported, postings
 * that an ERP refused, holds twice, or holds otherwise than the till said.
 *
 * An exception's id is the number of the event that raised it and a running number within it
 * ("1042-0"), so that it is known before anything is applied and the same after a rebuild. */
#pragma once

#include "store/consumer.h"

extern const struct consumer exceptions_consumer;
