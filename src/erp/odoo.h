/* The connector for Odoo (deliver/connector.h is its contract; docs/connectors/odoo.md has the
 * mapping). */
#pragma once

#include "deliver/connector.h"

extern const struct erp_type erp_odoo;
