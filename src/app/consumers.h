/* The consumers there are, in the order in which an event goes through them. */
#pragma once

#include "store/consumer.h"

/* Ends with NULL. Later ones may read the rows of earlier ones. */
extern const struct consumer *const consumers[];
