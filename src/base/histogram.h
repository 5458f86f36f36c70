/* A histogram of durations with fixed bounds, for many writers and readers at once. The bounds are
 * those that the metrics page shows, from half a millisecond to an hour. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

enum { HISTOGRAM_BUCKETS = 20 };

struct histogram {
	atomic_uint_fast64_t buckets[HISTOGRAM_BUCKETS + 1]; /* the last one is beyond all bounds */
	atomic_uint_fast64_t sum_us;
	atomic_uint_fast64_t count;
};

/* Upper bounds in microseconds, rising. */
extern const uint64_t histogram_bounds_us[HISTOGRAM_BUCKETS];

void histogram_add(struct histogram *histogram, uint64_t duration_us);
/* An upper bound of the given share (0.50, 0.99 as 500, 990 per mille) of what was added since
 * `before` was copied (NULL: since the start); 0 when there was nothing. Microseconds. */
uint64_t histogram_quantile(
	const struct histogram *histogram, const struct histogram *before, unsigned per_mille);
/* A copy, for later differences. */
void histogram_copy(const struct histogram *from, struct histogram *to);
