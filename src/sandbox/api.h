/* The sandbox ERP's API: a request in, an answer out.
 *
 * Everything here runs on the server's one loop thread (loops = 1), so nothing of it has a lock:
 * the requests are in an order, and a search that comes after a sale finds it. */
#pragma once

#include "base/clock.h"
#include "sandbox/delay.h"
#include "sandbox/faults.h"
#include "sandbox/log.h"
#include "sandbox/state.h"

enum {
	API_BODY_BYTES_MAX = 16 << 20,
	API_ARENA_BYTES_MAX = 256 << 20,
	API_SALES_MAX = 1000,      /* in one POST */
	API_REFERENCES_MAX = 1000, /* in one search */
	API_COPIES_MAX = 100,      /* of one reference that a search gives */
	API_PAGE_ROWS_MAX = 100000,
	API_PAGE_BYTES_MAX = 32 << 20,
};

struct sandbox_api {
	struct sandbox_log *log;
	struct sandbox_state state;
	struct faults faults;
	struct random random;
	struct clock *clock;
	struct delay *delay;
	struct arena arena; /* of the request being answered */
	struct buf lines;   /* for the log, or from it */
	bool broken; /* log and state do not agree any more, or the log is no longer written */
};

/* Opens the log in `folder` and rebuilds the state from it. */
enum status sandbox_api_open(const char *folder, uint64_t seed, struct clock *clock,
	struct sandbox_api **ret_api, struct error *err);
void sandbox_api_close(struct sandbox_api *api);
/* For struct server_config. */
void sandbox_api_handle(void *context, struct http_request *request);

/* api_sales.c: POST /api/sales, POST /api/sales/search, GET /api/sales/{number}. */
void sandbox_api_post_sales(struct sandbox_api *api, struct slice body, struct reply *reply);
void sandbox_api_search_sales(struct sandbox_api *api, struct slice body, struct reply *reply);
void sandbox_api_get_sale(struct sandbox_api *api, struct slice number, struct reply *reply);

/* api_views.c: GET /api/stock, /api/ledger and /api/summary. */
void sandbox_api_get_stock(struct sandbox_api *api, struct slice query, struct reply *reply);
void sandbox_api_get_ledger(struct sandbox_api *api, struct slice query, struct reply *reply);
void sandbox_api_get_summary(struct sandbox_api *api, struct reply *reply);

/* Reads a document back from the log, with its lists in the arena and its texts in api->lines or
 * the arena, until the next request or sandbox_api_read_document(). */
enum status sandbox_api_read_document(
	struct sandbox_api *api, uint32_t at, struct sale *ret_sale, struct error *err);
