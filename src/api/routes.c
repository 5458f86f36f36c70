#include "api/resource.h"

/* Every route there is, as api/openapi.yaml names it: a test holds the two against each other. */
const struct route routes[] = {
	{ "POST", "/v1/transactions", intake_post, NULL },
	{ "GET", "/v1/transactions", NULL, transactions_list },
	{ "GET", "/v1/transactions/{store}/{register}/{date}/{sequence}", NULL, transaction_get },
	{ "GET", "/v1/stock", NULL, stock_list },
	{ "GET", "/v1/stores", NULL, stores_list },
	{ "GET", "/v1/stores/{store}/days", NULL, days_list },
	{ "GET", "/v1/stores/{store}/days/{date}", NULL, day_get },
	{ "GET", "/v1/exceptions", NULL, exceptions_list },
	{ "GET", "/v1/exceptions/{id}", NULL, exception_get },
	{ "GET", "/v1/erps", NULL, erps_list },
	{ "GET", "/v1/postings", NULL, postings_list },
	{ "GET", "/v1/ledger", NULL, ledger_list },
	{ "GET", "/v1/rules", NULL, rules_get },
	{ "GET", "/v1/status", NULL, status_get },
	{ "GET", "/v1/routes", routes_get, NULL },
	{ "GET", "/healthz", health_live, NULL },
	{ "GET", "/readyz", health_ready, NULL },
	{ "GET", "/metrics", health_metrics, NULL },
	{ "GET", "/openapi.yaml", page_get, NULL },
	{ "GET", "/openapi.json", page_get, NULL },
	{ "GET", "/", page_get, NULL },
	{ NULL, NULL, NULL, NULL },
};
