#include "base/clock.h"

#include <time.h>

static uint64_t system_monotonic_ns(struct clock *clock)
{
	(void)clock;
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static int64_t system_wall_ms(struct clock *clock)
{
	(void)clock;
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct clock *clock_system(void)
{
	static const struct clock system = { system_monotonic_ns, system_wall_ms };
	return (struct clock *)&system;
}
