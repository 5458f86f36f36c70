/* One ERP's worker; only delivery.c uses it. */
#pragma once

#include "deliver/delivery.h"

struct worker;

enum status worker_open(const struct delivery_config *config, const struct erp_target *target,
	struct delivery_lags *lags, const atomic_bool *stop, struct worker **ret_worker,
	struct error *err);
void worker_wake(struct worker *worker);
/* Waits for the thread's end; *stop is true by now. Twice is fine. */
void worker_join(struct worker *worker);
void worker_close(struct worker *worker);
void worker_status(struct worker *worker, struct erp_status *ret_status);
