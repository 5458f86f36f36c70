/* What is missing of a register's business date: ranges of sequence numbers, as the event that says
 * so carries them. docs/FORMAT.md shows the payload. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "retail/transaction.h"

/* More ranges than this are not carried: they are said when these have arrived. */
enum { GAP_RANGES_MAX = 200 };

struct gap_range {
	uint64_t first, last; /* both missing */
};

struct gap {
	struct slice store, reg;
	date_t business_date;
	struct gap_range ranges[GAP_RANGES_MAX]; /* ascending, apart from each other */
	uint32_t count;
};

/* {"store":"0042","register":"03","business_date":"2026-11-23","missing":[[17,17],[19,22]]} */
void gap_encode(const struct gap *gap, struct buf *buf);
/* Texts live in the payload's copy in the arena. E_CORRUPT when it is none. */
enum status gap_decode(
	struct slice payload, struct arena *arena, struct gap *ret_gap, struct error *err);
uint64_t gap_numbers(const struct gap *gap);
/* "17, 19 to 22 and 3 more ranges"; `ranges`: how many there are, those that `gap` has no room for
 * too. */
void gap_describe(const struct gap *gap, uint64_t ranges, struct buf *buf);
