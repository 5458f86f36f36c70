#include "erp/registry.h"

#include "erp/odoo.h"
#include "erp/tryton.h"

static const struct erp_type *const types[] = {
	&erp_sandbox,
	&erp_tryton,
	&erp_odoo,
	NULL,
};

const struct erp_type *const *erp_types(void)
{
	return types;
}

const struct erp_type *erp_find(struct slice name)
{
	for (size_t i = 0; types[i] != NULL; i++)
		if (slice_is(name, types[i]->name))
			return types[i];
	return NULL;
}
