/* What a handler of a resource gets and gives; for the files of this folder. */
#pragma once

#include "api/api.h"
#include "base/json.h"
#include "net/problem.h"
#include "store/store.h"

enum {
	PARAMETERS_MAX = 4,
	PARAMETER_BYTES_MAX = 200,
	LIMIT_DEFAULT = 100,
	LIMIT_MAX = 1000,
	ANSWER_BYTES_MAX = 64 << 20,
};

/* A request to a resource, on a query thread. */
struct query {
	struct http_request *http;
	const struct api *api;
	struct store *store;
	struct arena *arena;
	char parameters[PARAMETERS_MAX][PARAMETER_BYTES_MAX]; /* of the path, decoded */
	uint64_t limit;
	char after[2 * PARAMETER_BYTES_MAX]; /* decoded cursor, empty at the start */
	struct buf *buf;                     /* the answer */
	const char *content_type;            /* of the answer; NULL: application/json */
	struct error err;
};

struct route {
	const char *method;
	const char *path; /* as in api/openapi.yaml: "/v1/stores/{store}/days/{date}" */
	/* One of the two. */
	void (*inline_handler)(struct api *api, struct http_request *request);
	/* Writes the answer to q->buf and returns OK; E_INPUT with q->err: 400; E_REFUSED: 404. */
	enum status (*query_handler)(struct query *q);
};

/* Ends with a row whose method is NULL. */
extern const struct route routes[];

const struct sources *api_sources(const struct api *api);
struct sampler *api_sampler(const struct api *api);
bool api_development(const struct api *api);
const struct rule_set *api_rules(const struct api *api);
bool api_ready(const struct api *api);

/* A query parameter, copied into the arena; NULL ptr when it is absent. False: q->err says why. */
bool query_text(struct query *q, const char *name, struct slice *ret_value);

/* {"name":[ ... ],"next":"..."}: handlers ask for one row more than the limit; when it comes, the
 * cursor is that of the last row that was written, and `after` brings it back. */
void list_begin(struct query *q, const char *name);
void list_end(struct query *q, const char *cursor_format, ...)
	__attribute__((format(printf, 2, 3)));
void list_end_last(struct query *q);

/* Members of common forms. */
void write_time(struct buf *buf, const char *name, int64_t ms); /* null when ms is 0 */
void write_date(struct buf *buf, const char *name, int64_t date);
void write_seconds(struct buf *buf, const char *name, double seconds);
/* A text column, null when it is NULL. */
void write_column(struct buf *buf, const char *name, struct statement *row, int column);
/* A total column, with at least as many decimals as the currency has. */
void write_total_column(struct buf *buf, const char *name, struct statement *row, int column,
	struct slice currency);

/* "yyyy-mm-dd" of the path. False: q->err says what is expected. */
bool query_date(struct query *q, unsigned parameter, date_t *ret_date);
bool query_sequence(struct query *q, unsigned parameter, uint64_t *ret_sequence);

/* The member "revisions" of a transaction's answer. */
enum status revisions_write(struct query *q, const struct key *key);

/* ?reveal=customer: personal fields are asked for in clear. False: q->err says why not. */
bool query_reveal(struct query *q, bool *ret_reveal);
/* The member "personal" of a transaction: its subject and state, and the fields when they are
 * asked for and can still be read; null when nothing of it is personal. */
struct record;
enum status personal_write_member(struct query *q, const struct record *record, bool reveal);

/* The handlers, by file. */
void health_live(struct api *api, struct http_request *request);
void health_ready(struct api *api, struct http_request *request);
void health_metrics(struct api *api, struct http_request *request);
void intake_post(struct api *api, struct http_request *request);
void webhook_post(struct api *api, struct http_request *request);
void page_get(struct api *api, struct http_request *request);
void routes_get(struct api *api, struct http_request *request);
enum status status_get(struct query *q);
enum status doors_list(struct query *q);
enum status rules_get(struct query *q);
enum status transactions_list(struct query *q);
enum status transaction_get(struct query *q);
enum status transaction_raw(struct query *q);
enum status stock_list(struct query *q);
enum status stores_list(struct query *q);
enum status days_list(struct query *q);
enum status day_get(struct query *q);
enum status exceptions_list(struct query *q);
enum status exception_get(struct query *q);
enum status erps_list(struct query *q);
enum status postings_list(struct query *q);
enum status ledger_list(struct query *q);
enum status subject_get(struct query *q);
enum status subject_find(struct query *q);
enum status subject_forget(struct query *q);
