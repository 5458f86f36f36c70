/* What the demo asks its server and its ERP, over HTTP. */
#pragma once

#include "base/decimal.h"
#include "base/error.h"

#include <stdbool.h>

enum { DEMO_CURRENCIES_MAX = 16 };

/* GET /v1/status */
struct demo_status {
	uint64_t accepted, duplicates, conflicts;
	double accepted_per_second;
	uint64_t behind; /* events that stock and books have not seen */
	uint64_t planned, called, settled, agreed, differs, refused, unknown;
	double lag_seconds, lag_p99_seconds;
	uint64_t exceptions;
};

/* GET /v1/stores, added up */
struct demo_stores {
	uint64_t stores, transactions, lines;
	struct {
		char currency[4];
		struct total net;
	} totals[DEMO_CURRENCIES_MAX];
	unsigned currency_count;
};

/* GET /api/summary of the sandbox ERP */
struct demo_erp {
	uint64_t documents, references, duplicates;
};

struct demo_watch;
enum status demo_watch_open(
	unsigned port, unsigned erp_port, struct demo_watch **ret_watch, struct error *err);
void demo_watch_close(struct demo_watch *watch);

/* E_RETRY while the server does not answer as expected. */
enum status demo_watch_ready(struct demo_watch *watch, struct error *err);
enum status demo_watch_status(
	struct demo_watch *watch, struct demo_status *ret_status, struct error *err);
enum status demo_watch_stores(
	struct demo_watch *watch, struct demo_stores *ret_stores, struct error *err);
enum status demo_watch_erp(struct demo_watch *watch, struct demo_erp *ret_erp, struct error *err);

static inline uint64_t demo_posted(const struct demo_status *status)
{
	return status->settled + status->agreed + status->differs;
}

/* Nothing waits any more: everything that is accepted is applied, posted and read back, or stands
 * in front of a person. */
static inline bool demo_is_settled(const struct demo_status *status)
{
	return status->behind == 0 && status->planned == 0 && status->called == 0 &&
	       status->settled == 0 && status->unknown == 0;
}
