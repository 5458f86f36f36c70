/* The connector for Tryton (deliver/connector.h is its contract). */
#pragma once

#include "deliver/connector.h"

extern const struct erp_type erp_tryton;
