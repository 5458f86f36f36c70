/* What the parts of the Tryton connector share: the instance, its session, what it knows of
 * Tryton's master data, and the plan of one document. Nobody else includes this. */
#pragma once

#include "base/random.h"
#include "deliver/connector.h"
#include "erp/code_map.h"
#include "erp/rpc.h"
#include "erp/wire.h"

enum {
	TRYTON_BATCH_MAX = 5, /* measured: larger chains get slower, not faster */
	TRYTON_TAXES_MAX = 64,
	TRYTON_YEARS_MAX = 64,
	TRYTON_METHODS = 3,
	TRYTON_AUTHORIZATION_MAX = 512,
	/* Places of the two lines that are ours and not the till's. */
	TRYTON_SEQUENCE_CASH_ROUNDING = 100001,
	TRYTON_SEQUENCE_TAX_ROUNDING = 100002,
};

struct tryton_config {
	char *url, *database, *user, *password_file;
	char *party, *rounding_product;
	char *cash_method, *card_method, *other_method;
	char *tax_names;
	uint64_t price_digits;
};

struct tryton_item {
	struct slice code; /* first, as the map wants it; in its arena */
	int64_t id, unit;
	bool goods; /* has stock */
};

struct tryton_store {
	struct slice code;
	int64_t id, storage, lost_found;
};

struct tryton_tax {
	int64_t id;
	struct total rate;
	struct slice name; /* in `texts` */
};

/* A payment method: how a tender is booked. */
struct tryton_method {
	int64_t journal, debit_account, credit_account;
};

struct tryton_year {
	int64_t id;
	date_t start, end;
	date_t last; /* accounting date of its latest customer invoice; 0: not asked yet */
};

struct tryton_master {
	bool loaded;
	int64_t company, currency, customer_location, party, address;
	char currency_code[4];
	unsigned currency_digits;
	bool has_price_list; /* the module sale_price_list is there */
	struct tryton_item rounding;
	struct tryton_method methods[TRYTON_METHODS];
	struct tryton_tax taxes[TRYTON_TAXES_MAX];
	struct tryton_year years[TRYTON_YEARS_MAX];
	size_t tax_count, year_count;
	struct code_map items, stores;
	struct arena texts;
};

struct tryton {
	const struct tryton_config *config;
	struct connector_environment environment;
	struct rpc *rpc;
	struct buf request;
	struct arena arena; /* what one post() plans */
	struct random random;
	char authorization[TRYTON_AUTHORIZATION_MAX]; /* "" while logged out */
	int64_t user_id;
	uint64_t call_number;
	/* A call without an answer may still be carried out: until then (monotonic) nothing that
	 * is not found is surely absent. */
	uint64_t unsure_until_ns;
	uint64_t retry_after_ms; /* of the last answer that named one */
	struct tryton_master master;
};

/* tryton_rpc.c */

/* A call is written in three steps: begin, the parameters into t->request, send.
 * E_REFUSED has Tryton's own words; nothing of a refused call was kept. */
void tryton_begin(struct tryton *t, const char *method);
enum status tryton_send(
	struct tryton *t, bool reads, struct json_t **ret_result, struct error *err);
/* A button of a model on some records: model.<method>([ids], {context}). */
enum status tryton_button(
	struct tryton *t, const char *method, const int64_t *ids, size_t count, struct error *err);
void tryton_ids(struct buf *buf, const int64_t *ids, size_t count);

/* tryton_master.c */

enum status tryton_master_load(struct tryton *t, struct error *err);
/* Makes every item and store of the postings known that Tryton knows. */
enum status tryton_master_learn(
	struct tryton *t, const struct posting *postings, size_t count, struct error *err);
/* Everything is asked for again before the next posting. */
void tryton_master_forget(struct tryton *t);
void tryton_master_init(struct tryton_master *master);
void tryton_master_release(struct tryton_master *master);
const struct tryton_item *tryton_item_find(const struct tryton *t, struct slice code);
const struct tryton_store *tryton_store_find(const struct tryton *t, struct slice code);
/* By the name configured for the code, else by the rate; 0 when there is none. */
int64_t tryton_tax_find(const struct tryton *t, const struct tax *tax);
struct tryton_year *tryton_year_find(struct tryton *t, date_t date);
const struct tryton_method *tryton_method_find(const struct tryton *t, struct slice kind);

/* tryton_plan.c */

struct plan_line {
	uint32_t sequence; /* 1 is the transaction's first line */
	const struct tryton_item *item;
	struct total quantity, price;
	int64_t taxes[TRANSACTION_TAXES_MAX];
	uint32_t tax_count;
};

struct plan_payment {
	struct slice kind;
	struct total amount;
	const struct tryton_method *method;
};

/* What Tryton shall hold for one transaction: a sale for what was sold, returned or charged, and
 * shipments for goods that left or came without one. */
struct plan {
	const struct tryton_store *store;
	struct plan_line *lines;
	uint32_t line_count; /* of the sale */
	struct plan_line *write_offs;
	uint32_t write_off_count;
	struct plan_payment *payments;
	uint32_t payment_count;
	struct total gross;         /* of the sale, in whole minor units */
	struct total cash_rounding; /* what was paid beyond it */
	struct total paid;          /* the sum of both */
};

/* E_REFUSED names what Tryton does not know or cannot hold. */
enum status tryton_plan(
	struct tryton *t, const struct posting *posting, struct plan *plan, struct error *err);
/* What of the plan is needed can be told from the transaction alone. */
bool tryton_needs_sale(const struct transaction *t);
bool tryton_needs_shipment(const struct transaction *t, bool into_store);

/* tryton_find.c */

/* The three documents that one posting can need. */
enum tryton_part { PART_SALE, PART_SHIPMENT_OUT, PART_SHIPMENT_IN, PART_COUNT };

enum { STATE_TEXT_MAX = 16 };

struct tryton_document {
	int64_t id; /* 0: not there */
	char state[STATE_TEXT_MAX];
	char number[DOCUMENT_TEXT_MAX];
	unsigned copies;
	struct total total;
};

struct task {
	const struct posting *posting;
	struct posting_result *result;
	struct plan plan;
	struct tryton_document parts[PART_COUNT];
	int64_t invoice;
	char invoice_state[STATE_TEXT_MAX];
	bool entry;   /* the tenders of a receipt that comes to 0 are booked */
	bool fresh;   /* made in this call: nothing of it can be half done */
	bool touched; /* Tryton may hold something of it */
	bool closed;  /* its result is final */
};

/* Looks the tasks' documents up by reference. `clean` deletes drafts that stand beside another
 * document of the same reference. */
enum status tryton_locate(
	struct tryton *t, struct task *const *tasks, size_t count, bool clean, struct error *err);
bool tryton_complete(const struct task *task);
const char *tryton_number(const struct task *task);

/* tryton_ship.c, tryton_pay.c */

/* Drives the shipments of write-offs to their end. */
enum status tryton_ship(
	struct tryton *t, struct task *const *tasks, size_t count, struct error *err);
/* Moves the goods of confirmed sales. */
enum status tryton_move_goods(
	struct tryton *t, struct task *const *tasks, size_t count, struct error *err);
/* Posts the sales' invoices and books their tenders. */
enum status tryton_invoice(
	struct tryton *t, struct task *const *tasks, size_t count, struct error *err);
enum status tryton_pay(
	struct tryton *t, struct task *const *tasks, size_t count, struct error *err);

/* tryton_post.c, tryton_read.c: the connector's functions. */
enum status tryton_post(void *instance, const struct posting *postings, size_t count,
	struct posting_result *results, uint64_t *ret_retry_after_ms, struct error *err);
enum status tryton_find(void *instance, const struct posting *postings, size_t count,
	struct posting_result *results, struct error *err);
enum status tryton_read_back(void *instance, const struct posting *postings, size_t count,
	struct erp_document *documents, struct arena *arena, struct error *err);
