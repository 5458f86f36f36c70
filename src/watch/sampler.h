/* The sampler: looks at the counters once a second and keeps the last minute, so that rates and
 * quantiles can be given for "now" and not for ever. */
#pragma once

#include "watch/sources.h"

struct sampler;

enum status sampler_open(
	const struct sources *sources, struct sampler **ret_sampler, struct error *err);
void sampler_close(struct sampler *sampler);

struct rates {
	double accepted_per_second; /* last 10 s */
	double settled_per_second;  /* last 10 s */
	double refused_percent;     /* refused of all transactions, last 60 s */
	/* Receipt to the ERP's answer, last 60 s; 0 when there was none. Seconds. */
	double lag_p50_seconds, lag_p99_seconds;
};

/* Any thread. */
void sampler_rates(struct sampler *sampler, struct rates *ret_rates);
