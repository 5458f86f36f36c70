/* Threads that take turns, and a clock that stands still while one of them works.
 *
 * The program's own calls of pthread_*, clock_gettime() and nanosleep() come here (the linker wraps
 * them, see sim_wraps in meson.build). One thread runs at a time; at every such call a seeded
 * generator decides who goes on, whom a signal wakes, and whether a wait ends for no reason. When
 * all wait, the clock goes on to the next that waits for a time. The same seed gives the same run,
 * to the last step; another one another order of all threads. Threads that can never go on again
 * end the test.
 *
 * A condition's clock does not matter: there is one clock only. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* The calling thread becomes the first one. `epoch_ms` is the time that the clock begins with. */
void sim_threads_begin(uint64_t seed, int64_t epoch_ms);
/* Every other thread must have been joined by now. */
void sim_threads_end(void);

uint64_t sim_now_ns(void);
/* Lets others go on, for so long, or for a turn. */
void sim_sleep_ms(uint64_t ms);
void sim_yield(void);
/* How many turns there were so far: two runs that are equal have as many. */
uint64_t sim_turns(void);
