/* The connectors there are, listed by hand in registry.c. */
#pragma once

#include "deliver/connector.h"

extern const struct erp_type erp_sandbox;

/* All of them; the list ends with NULL. */
const struct erp_type *const *erp_types(void);
/* NULL when there is no connector of this name. */
const struct erp_type *erp_find(struct slice name);
