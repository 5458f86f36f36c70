#include "base/histogram.h"

#include <stddef.h>

const uint64_t histogram_bounds_us[HISTOGRAM_BUCKETS] = { 500, 1000, 2000, 5000, 10000, 20000,
	50000, 100000, 200000, 500000, 1000000, 2000000, 5000000, 10000000, 30000000, 60000000,
	120000000, 600000000, 1800000000, 3600000000 };

void histogram_add(struct histogram *histogram, uint64_t duration_us)
{
	unsigned at = 0;
	while (at < HISTOGRAM_BUCKETS && duration_us > histogram_bounds_us[at])
		at++;
	atomic_fetch_add_explicit(&histogram->buckets[at], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&histogram->sum_us, duration_us, memory_order_relaxed);
	atomic_fetch_add_explicit(&histogram->count, 1, memory_order_relaxed);
}

static uint64_t since(
	const struct histogram *histogram, const struct histogram *before, unsigned at)
{
	uint64_t now = atomic_load_explicit(&histogram->buckets[at], memory_order_relaxed);
	if (before == NULL)
		return now;
	return now - atomic_load_explicit(&before->buckets[at], memory_order_relaxed);
}

uint64_t histogram_quantile(
	const struct histogram *histogram, const struct histogram *before, unsigned per_mille)
{
	uint64_t total = 0, seen = 0;
	for (unsigned i = 0; i <= HISTOGRAM_BUCKETS; i++)
		total += since(histogram, before, i);
	if (total == 0)
		return 0;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += since(histogram, before, i);
		if (seen * 1000 >= total * per_mille)
			return histogram_bounds_us[i];
	}
	return 2 * histogram_bounds_us[HISTOGRAM_BUCKETS - 1];
}

void histogram_copy(const struct histogram *from, struct histogram *to)
{
	for (unsigned i = 0; i <= HISTOGRAM_BUCKETS; i++)
		atomic_store_explicit(&to->buckets[i],
			atomic_load_explicit(&from->buckets[i], memory_order_relaxed),
			memory_order_relaxed);
	atomic_store_explicit(&to->sum_us, atomic_load(&from->sum_us), memory_order_relaxed);
	atomic_store_explicit(&to->count, atomic_load(&from->count), memory_order_relaxed);
}
