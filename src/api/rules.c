#include "api/resource.h"
#include "base/currency.h"
#include "retail/rule_set.h"

/* The rules that hold for a store: what its registers check with (retail/rule_set.h). */
enum status rules_get(struct query *q)
{
	struct slice store, currency;
	if (!query_text(q, "store", &store) || !query_text(q, "currency", &currency))
		return E_INPUT;
	if (currency.ptr != NULL && currency_minor_units(currency) < 0)
		return error_set(&q->err, E_INPUT, "currency is no code of ISO 4217");
	rule_set_write(api_rules(q->api), store, currency, q->buf);
	return OK;
}
