/* A seeded random generator (xoshiro256++ by Blackman and Vigna, 2019, seeded with splitmix64):
 * the same seed gives the same numbers on every machine. Not for secrets. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct random {
	uint64_t state[4];
};

void random_init(struct random *random, uint64_t seed);
uint64_t random_u64(struct random *random);
/* 0 <= n < bound; bound > 0. Evenly spread to within 2^-64 * bound. */
uint64_t random_below(struct random *random, uint64_t bound);
/* True with a probability of numerator / denominator. */
bool random_chance(struct random *random, uint32_t numerator, uint32_t denominator);
