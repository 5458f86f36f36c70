/* Odoo 17 and 18 over JSON-RPC, Odoo 19 over JSON-2: a paid order of the point of sale for each
 * transaction. Odoo keeps the till's amounts, moves the goods and books the session when it is
 * closed. The order carries our external id; it is looked up before anything is sent. */
#include "erp/odoo.h"

#include "base/clock.h"
#include "erp/odoo_internal.h"

#include <openssl/crypto.h>
#include <stdlib.h>

enum { REQUEST_BYTES_MAX = 32 << 20, PLAN_BYTES_MAX = 64 << 20 };

#define TEXT_OPTION(field, least, most)                                                            \
	.name = #field, .type = OPTION_TEXT, .offset = offsetof(struct odoo_config, field),        \
	.min = least, .max = most

static const char *const versions[] = { "17", "18", "19", NULL };

static const struct option options[] = {
	{ TEXT_OPTION(url, 8, 256), .fallback = "http://127.0.0.1:8069",
		.help = "Address of the Odoo server." },
	{ TEXT_OPTION(database, 1, 64), .required = true, .help = "Name of the Odoo database." },
	{ .name = "version",
		.type = OPTION_CHOICE,
		.offset = offsetof(struct odoo_config, version),
		.choices = versions,
		.fallback = "18",
		.help = "17 and 18 are spoken to by JSON-RPC, 19 by JSON-2." },
	{ TEXT_OPTION(user, 1, 128), .fallback = "tillbridge",
		.help = "Login of the user who posts. With version 19 the API key says who." },
	{ TEXT_OPTION(secret_file, 1, 1024), .required = true,
		.help = "File whose first line is that user's API key, or with version 17 or 18 "
			"the "
			"password." },
	{ TEXT_OPTION(points_of_sale, 0, 65536), .fallback = "",
		.help = "Names of Odoo's points of sale, for a register or a whole store: "
			"\"0042/01=Till 1,0042=Main street\". One that is not named is called as "
			"the "
			"store is." },
	{ TEXT_OPTION(cash_method, 1, 128), .fallback = "Cash",
		.help = "Name of the payment method for tenders of kind cash." },
	{ TEXT_OPTION(card_method, 1, 128), .fallback = "Card",
		.help = "Name of the payment method for tenders of kind card." },
	{ TEXT_OPTION(other_method, 1, 128), .fallback = "Other",
		.help = "Name of the payment method for tenders of every other kind." },
	{ TEXT_OPTION(rounding_product, 1, 64), .fallback = "ROUNDING",
		.help = "Internal reference of the service on which cash rounding is booked." },
	{ TEXT_OPTION(tax_names, 0, 4096), .fallback = "",
		.help = "Tax codes of the tills and names of Odoo's taxes: \"S=VAT 20%,Z=VAT 0%\". "
			"A "
			"code that is not named is found by its rate." },
	{ .name = "price_digits",
		.type = OPTION_U64,
		.offset = offsetof(struct odoo_config, price_digits),
		.fallback = "6",
		.min = 0,
		.max = 8,
		.help = "Decimals of a unit price, from which Odoo computes its entries when a "
			"session is closed." },
	{ .name = "open_sessions",
		.type = OPTION_BOOL,
		.offset = offsetof(struct odoo_config, open_sessions),
		.fallback = "yes",
		.help = "Open a session when a point of sale has none. With \"no\" its orders wait "
			"until somebody does." },
	{ .name = NULL },
};

static void odoo_close(void *instance)
{
	struct odoo *o = instance;
	if (o == NULL)
		return;
	rpc_close(o->rpc);
	/* JSON-RPC has the secret in every request. */
	if (o->request.ptr != NULL)
		OPENSSL_cleanse(o->request.ptr, o->request.len);
	OPENSSL_cleanse(o->secret, sizeof(o->secret));
	buf_release(&o->request);
	arena_release(&o->arena);
	odoo_master_release(&o->master);
	free(o);
}

static enum status odoo_open(const void *config, const struct connector_environment *environment,
	void **ret_instance, struct error *err)
{
	struct odoo *o = calloc(1, sizeof(*o));
	if (o == NULL)
		return error_set(err, E_FULL, "no memory for the Odoo connector");
	o->config = config;
	o->environment = *environment;
	buf_init(&o->request, REQUEST_BYTES_MAX);
	arena_init(&o->arena, PLAN_BYTES_MAX);
	random_init(&o->random, clock_system()->monotonic_ns(clock_system()));
	odoo_master_init(&o->master);
	enum status s = rpc_open(environment->stop, &o->rpc, err);
	if (s != OK) {
		odoo_close(o);
		return s;
	}
	*ret_instance = o;
	return OK;
}

const struct erp_type erp_odoo = {
	.name = "odoo",
	.help = "Odoo 17 and 18 over JSON-RPC, 19 over JSON-2: orders of the point of sale.",
	.options = options,
	.config_size = sizeof(struct odoo_config),
	.batch_max = ODOO_BATCH_MAX,
	.connections_max = 4,
	.open = odoo_open,
	.post = odoo_post,
	.find = odoo_find,
	.read_back = odoo_read_back,
	.close = odoo_close,
};
