#include "app/latency.h"

static unsigned bucket_of(uint64_t us)
{
	if (us < 8)
		return (unsigned)us;
	unsigned power = 63 - (unsigned)__builtin_clzll(us);
	unsigned bucket = (power - 2) * 8 + (unsigned)((us >> (power - 3)) & 7);
	return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

static uint64_t upper_edge(unsigned bucket)
{
	if (bucket < 8)
		return bucket;
	unsigned power = bucket / 8 + 2;
	return (1ULL << power) + ((uint64_t)(bucket % 8 + 1) << (power - 3)) - 1;
}

void latency_add(struct latency *latency, uint64_t us)
{
	latency->counts[bucket_of(us)]++;
	latency->count++;
}

uint64_t latency_quantile(const struct latency *latency, unsigned percent)
{
	uint64_t below = 0, wanted = latency->count - latency->count * (100 - percent) / 100;
	for (unsigned bucket = 0; bucket < LATENCY_BUCKETS && latency->count > 0; bucket++) {
		below += latency->counts[bucket];
		if (below >= wanted)
			return upper_edge(bucket);
	}
	return 0;
}
