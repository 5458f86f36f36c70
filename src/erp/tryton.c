/* Tryton 6.0 over JSON-RPC: a sale with its invoice, its payment and its stock moves for each
 * transaction, an internal shipment for goods that left without a sale. The reference of each is
 * our external id; it is looked up before anything is sent. */
#include "erp/tryton.h"

#include "base/clock.h"
#include "erp/tryton_internal.h"

#include <stdlib.h>

enum { REQUEST_BYTES_MAX = 32 << 20, PLAN_BYTES_MAX = 32 << 20 };

#define PLACE(field) .offset = offsetof(struct tryton_config, field)

static const struct option options[] = {
	{ .name = "url",
		.type = OPTION_TEXT,
		PLACE(url),
		.fallback = "http://127.0.0.1:8000",
		.min = 1,
		.max = 256,
		.help = "Address of the Tryton server, without the database." },
	{ .name = "database",
		.type = OPTION_TEXT,
		PLACE(database),
		.min = 1,
		.max = 64,
		.required = true,
		.help = "Name of the Tryton database." },
	{ .name = "user",
		.type = OPTION_TEXT,
		PLACE(user),
		.fallback = "connector",
		.min = 1,
		.max = 64,
		.help = "Login of the user who posts: sales, stock and account rights." },
	{ .name = "password_file",
		.type = OPTION_TEXT,
		PLACE(password_file),
		.min = 1,
		.max = 1024,
		.required = true,
		.help = "File whose first line is that user's password; read at each login." },
	{ .name = "party",
		.type = OPTION_TEXT,
		PLACE(party),
		.fallback = "WALKIN",
		.min = 1,
		.max = 64,
		.help = "Code of the party to whom everything is sold." },
	{ .name = "rounding_product",
		.type = OPTION_TEXT,
		PLACE(rounding_product),
		.fallback = "ROUNDING",
		.min = 1,
		.max = 64,
		.help = "Code of the service on which rounding differences are booked." },
	{ .name = "cash_method",
		.type = OPTION_TEXT,
		PLACE(cash_method),
		.fallback = "POS Cash",
		.min = 1,
		.max = 128,
		.help = "Name of the payment method for tenders of kind cash." },
	{ .name = "card_method",
		.type = OPTION_TEXT,
		PLACE(card_method),
		.fallback = "POS Card",
		.min = 1,
		.max = 128,
		.help = "Name of the payment method for tenders of kind card." },
	{ .name = "other_method",
		.type = OPTION_TEXT,
		PLACE(other_method),
		.fallback = "POS Other",
		.min = 1,
		.max = 128,
		.help = "Name of the payment method for tenders of every other kind." },
	{ .name = "tax_names",
		.type = OPTION_TEXT,
		PLACE(tax_names),
		.fallback = "",
		.min = 0,
		.max = 4096,
		.help = "Tax codes of the tills and names of Tryton's taxes: "
			"\"S=VAT 20%,Z=VAT 0%\". A code that is not named is found by its rate." },
	{ .name = "price_digits",
		.type = OPTION_U64,
		PLACE(price_digits),
		.fallback = "6",
		.min = 0,
		.max = 8,
		.help = "Decimals of a unit price, as the Tryton server is configured." },
	{ .name = NULL },
};

static void tryton_close(void *instance)
{
	struct tryton *t = instance;
	if (t == NULL)
		return;
	rpc_close(t->rpc);
	buf_release(&t->request);
	arena_release(&t->arena);
	tryton_master_release(&t->master);
	free(t);
}

static enum status tryton_open(const void *config, const struct connector_environment *environment,
	void **ret_instance, struct error *err)
{
	struct tryton *t = calloc(1, sizeof(*t));
	if (t == NULL)
		return error_set(err, E_FULL, "no memory for the Tryton connector");
	t->config = config;
	t->environment = *environment;
	buf_init(&t->request, REQUEST_BYTES_MAX);
	arena_init(&t->arena, PLAN_BYTES_MAX);
	random_init(&t->random, clock_system()->monotonic_ns(clock_system()));
	tryton_master_init(&t->master);
	enum status s = rpc_open(environment->stop, &t->rpc, err);
	if (s != OK) {
		tryton_close(t);
		return s;
	}
	*ret_instance = t;
	return OK;
}

const struct erp_type erp_tryton = {
	.name = "tryton",
	.help = "Tryton 6.0 over JSON-RPC: sales, invoices, payments and stock moves.",
	.options = options,
	.config_size = sizeof(struct tryton_config),
	.batch_max = TRYTON_BATCH_MAX,
	.connections_max = 4,
	.open = tryton_open,
	.post = tryton_post,
	.find = tryton_find,
	.read_back = tryton_read_back,
	.close = tryton_close,
};
