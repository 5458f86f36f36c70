/* An index: finds the rows of an array by the hash of what they are about. Open addressing; it
 * holds row numbers only, 8 bytes a place, and at most three quarters of its places are taken.
 *
 *     uint32_t row;
 *     struct probe probe = index_probe(&index, hash);
 *     while (probe_next(&probe, &row))
 *             if (rows[row] is the one) ...
 *
 * Several rows may have the same hash; all of them are found, in no order. */
#pragma once

#include "base/buf.h"
#include "base/slice.h"

struct index_place {
	uint32_t hash;
	uint32_t row; /* + 1; 0: free */
};

struct index {
	struct index_place *places;
	uint32_t size; /* a power of two, or 0 */
	uint32_t used;
};

struct probe {
	const struct index *index;
	uint32_t hash;
	uint32_t at;
};

void index_release(struct index *index);
/* False when there is no memory, or with 2^30 rows. */
bool index_add(struct index *index, uint64_t hash, uint32_t row);
struct probe index_probe(const struct index *index, uint64_t hash);
bool probe_next(struct probe *probe, uint32_t *ret_row);

/* Texts that come again and again, each kept once and called by its number. */
struct names {
	struct index index;
	struct buf text;
	uint32_t *starts; /* count + 1 of them */
	uint32_t count, size;
};

enum { NAMES_BYTES_MAX = 1 << 30 };

void names_init(struct names *names);
void names_release(struct names *names);
/* The number of a text, which is added if it is new; false without memory. */
bool names_add(struct names *names, struct slice text, uint32_t *ret_number);
bool names_find(const struct names *names, struct slice text, uint32_t *ret_number);
/* Until the next names_add(). */
struct slice names_text(const struct names *names, uint32_t number);
