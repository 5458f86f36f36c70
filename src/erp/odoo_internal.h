/* What the parts of the Odoo connector share: the instance, its calls, what it knows of Odoo's
 * master data, and the plan of one order. Nobody else includes this. */
#pragma once

#include "base/random.h"
#include "deliver/connector.h"
#include "erp/code_map.h"
#include "erp/rpc.h"
#include "erp/wire.h"

enum {
	ODOO_BATCH_MAX = 20,
	ODOO_TAXES_MAX = 256,
	ODOO_POINTS_MAX = 2000,
	ODOO_METHODS = 3,
	ODOO_SECRET_MAX = 256,
	ODOO_URL_MAX = 512,
	ODOO_KEY_MAX = EXTERNAL_ID_MAX + 24,
	ODOO_STATE_MAX = 16,
	ODOO_TIME_LEN = 19, /* "2026-11-20 10:01:00" */
};

enum odoo_version { ODOO_17, ODOO_18, ODOO_19 };

struct odoo_config {
	char *url, *database, *user, *secret_file;
	unsigned version; /* enum odoo_version */
	char *points_of_sale;
	char *cash_method, *card_method, *other_method;
	char *rounding_product, *tax_names;
	uint64_t price_digits;
	bool open_sessions;
};

struct odoo_item {
	struct slice code; /* first, as the map wants it; in its arena */
	int64_t id;
	bool ambiguous; /* more than one product has this code */
};

struct odoo_tax {
	int64_t id, company;
	struct total percent;
	struct slice name; /* in `texts` */
	bool in_price;     /* Odoo's unit prices contain it */
};

/* A point of sale (pos.config), and the session that takes orders now. */
struct odoo_point {
	int64_t id, company, currency, session;
	char currency_code[4];
	unsigned currency_digits;
	int64_t methods[ODOO_METHODS]; /* 0: this point of sale does not take it */
	struct slice name;             /* in `texts` */
};

struct odoo_master {
	bool loaded;
	struct odoo_item rounding;
	struct odoo_tax taxes[ODOO_TAXES_MAX];
	struct odoo_point *points; /* in `texts` */
	size_t tax_count, point_count;
	struct code_map items;
	struct arena texts;
};

struct odoo {
	const struct odoo_config *config;
	struct connector_environment environment;
	struct rpc *rpc;
	struct buf request;
	struct arena arena; /* what one post() plans */
	struct random random;
	char secret[ODOO_SECRET_MAX]; /* "" until it is needed */
	int64_t user_id;              /* 0 while logged out; always 0 with JSON-2 */
	int64_t call_number;
	const char *model, *method;
	bool first_parameter;
	/* A call without an answer may still be carried out: until then (monotonic) nothing that
	 * is not found is surely absent. */
	uint64_t unsure_until_ns;
	uint64_t retry_after_ms; /* of the last answer that named one */
	struct odoo_master master;
};

/* odoo_rpc.c */

/* Reads the secret, and logs in where there are logins. Before every first call. */
enum status odoo_log_in(struct odoo *o, struct error *err);
/* A call is written in steps: begin (with the records that the method is called on, if any), each
 * parameter's name and behind it its value into o->request, send. E_REFUSED has Odoo's own words;
 * Odoo has rolled back what a refused call did. */
void odoo_begin(
	struct odoo *o, const char *model, const char *method, const int64_t *ids, size_t count);
struct buf *odoo_parameter(struct odoo *o, const char *name);
enum status odoo_send(struct odoo *o, bool reads, struct json_t **ret_result, struct error *err);
/* The same for what answers a list of records; anything else is E_RETRY. */
enum status odoo_send_search(struct odoo *o, struct json_t **ret_rows, struct error *err);
/* The id of a many2one, which is [id, name]. */
int64_t odoo_reference(const struct json_t *value);

/* odoo_master.c */

void odoo_master_init(struct odoo_master *master);
void odoo_master_release(struct odoo_master *master);
enum status odoo_master_load(struct odoo *o, struct error *err);
/* Everything is asked for again before the next posting. */
void odoo_master_forget(struct odoo *o);
/* Makes every item of the postings known that Odoo knows. */
enum status odoo_master_learn(
	struct odoo *o, const struct posting *postings, size_t count, struct error *err);
/* The product of a line, by its item or else its GTIN; NULL when there is none. */
const struct odoo_item *odoo_item_find(const struct odoo *o, const struct line *line);
/* By the name configured for the code, else by the rate; NULL when there is none. */
const struct odoo_tax *odoo_tax_find(const struct odoo *o, int64_t company, const struct tax *tax);
/* The name that the point of sale of this register has, or should have. */
struct slice odoo_point_name(const struct odoo *o, const struct key *key);
struct odoo_point *odoo_point_find(const struct odoo *o, const struct key *key);
/* Which of `methods` a tender of this kind is booked with. */
unsigned odoo_method_index(struct slice kind);
const char *odoo_method_name(const struct odoo *o, unsigned index);

/* odoo_plan.c */

/* What a line is besides a sale, kept in its customer_note. */
#define ODOO_NOTE_WRITE_OFF "write_off"
#define ODOO_NOTE_ROUNDING "cash_rounding"

struct odoo_line {
	int64_t product;
	struct total quantity, price, net, gross;
	int64_t taxes[TRANSACTION_TAXES_MAX];
	uint32_t tax_count;
	struct slice description;
	const char *note; /* NULL for what is sold */
};

struct odoo_payment {
	int64_t method;
	struct total amount;
};

struct odoo_plan {
	struct odoo_point *point;
	struct odoo_line *lines;
	uint32_t line_count;
	struct odoo_payment *payments;
	uint32_t payment_count;
	struct total gross, tax; /* gross has the cash rounding in it */
	char date_order[ODOO_TIME_LEN + 1];
};

/* E_REFUSED names what Odoo does not know or cannot hold. */
enum status odoo_plan(
	struct odoo *o, const struct posting *posting, struct odoo_plan *plan, struct error *err);
/* When the sale was closed, in UTC, as Odoo writes it; noon of the business date when the till does
 * not say. */
void odoo_date_order(const struct transaction *t, char text[static ODOO_TIME_LEN + 1]);

/* odoo_find.c */

struct odoo_order {
	int64_t id;   /* 0: not there */
	bool settled; /* paid or later */
	unsigned copies;
	char number[DOCUMENT_TEXT_MAX];
};

struct odoo_task {
	const struct posting *posting;
	struct posting_result *result;
	struct odoo_plan plan;
	struct odoo_order order;
	bool touched; /* Odoo may hold something of it */
	bool closed;  /* its result is final */
};

/* The field by which orders are asked for, and what it is for a posting. */
const char *odoo_key_field(const struct odoo *o);
void odoo_key(const struct odoo *o, const char *external_id, char text[static ODOO_KEY_MAX]);
void odoo_reference_text(const char *external_id, char text[static ODOO_KEY_MAX]);
void odoo_uuid(const char *external_id, uint32_t part, char text[static ODOO_KEY_MAX]);
enum status odoo_locate(
	struct odoo *o, struct odoo_task *const *tasks, size_t count, struct error *err);

/* odoo_write.c: the orders, as create_from_ui (17) or sync_from_ui (18, 19) takes them. */
void odoo_write_orders(struct odoo *o, struct odoo_task *const *tasks, size_t count);

/* odoo_post.c, odoo_find.c, odoo_read.c: the connector's functions. */
enum status odoo_post(void *instance, const struct posting *postings, size_t count,
	struct posting_result *results, uint64_t *ret_retry_after_ms, struct error *err);
enum status odoo_find(void *instance, const struct posting *postings, size_t count,
	struct posting_result *results, struct error *err);
enum status odoo_read_back(void *instance, const struct posting *postings, size_t count,
	struct erp_document *documents, struct arena *arena, struct error *err);
