/* A histogram of times: 8 buckets for each power of two of microseconds, so that a quantile is
 * right to within an eighth. Fixed size, no allocation. */
#pragma once

#include <stdint.h>

enum { LATENCY_BUCKETS = 40 * 8 };

struct latency {
	uint64_t counts[LATENCY_BUCKETS];
	uint64_t count;
};

void latency_add(struct latency *latency, uint64_t us);
/* The upper edge of the bucket in which the quantile lies, in microseconds; 0 without any. */
uint64_t latency_quantile(const struct latency *latency, unsigned percent);
