/* The currencies of ISO 4217 and how many decimals their minor unit has. */
#pragma once

#include "base/slice.h"

/* 2 for "EUR", 0 for "JPY", 3 for "BHD"; -1 when the code is not one of ISO 4217. */
int currency_minor_units(struct slice code);
