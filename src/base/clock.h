/* Clocks come through a door, so that tests can move them. `monotonic_ns` drives every timer;
 * `wall_ms` is only written down (receive time) and shown. */
#pragma once

#include <stdint.h>

struct clock {
	uint64_t (*monotonic_ns)(struct clock *clock);
	int64_t (*wall_ms)(struct clock *clock); /* milliseconds since 1970-01-01T00:00:00Z */
};

/* The machine's own clocks. Any number of threads may use it. */
struct clock *clock_system(void);
