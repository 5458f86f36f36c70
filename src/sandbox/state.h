/* What the sandbox ERP knows, derived from its log: where each document is, stock, totals.
 *
 * Documents stay in the log; 32 bytes and a place in an index are kept of each (at most 75 bytes
 * while an array has just doubled), so that millions fit. Rows are in the order in which they were
 * first seen, so that the same log gives the same state. Only state.c writes to the fields. Not for
 * two threads. */
#pragma once

#include "base/check.h"
#include "sandbox/index.h"
#include "sandbox/sale.h"

struct document {
	uint64_t reference_hash; /* 64 bits: taken as different for different references */
	uint64_t offset;         /* of its line in the log */
	uint32_t len;
	uint32_t warehouse; /* number in state.warehouses */
	date_t date;
	uint32_t lines;
};
static_assert(sizeof(struct document) == 32, "millions of them are in memory");

struct stock_row {
	uint32_t warehouse, item;
	struct total on_hand;
};

/* What the documents of one warehouse in one currency add up to. */
struct sum_row {
	uint32_t warehouse;
	char currency[4];
	uint64_t documents, lines;
	struct total net, tax, total;
};

/* An array that doubles. */
struct rows {
	void *items;
	uint32_t count, size;
};

struct sandbox_state {
	struct rows documents; /* struct document; the first is SO-00000001 */
	struct index references;
	uint64_t references_count; /* different ones */
	uint64_t lines_count;
	struct names warehouses, items;
	struct rows stock; /* struct stock_row */
	struct index stock_index;
	struct rows sums; /* struct sum_row */
};

void sandbox_state_init(struct sandbox_state *state);
void sandbox_state_release(struct sandbox_state *state);

/* Takes in the next document, whose line of `len` bytes stands at `offset`. E_FULL: no memory; the
 * state is then of no use any more. */
enum status sandbox_state_apply(struct sandbox_state *state, const struct sale *sale,
	uint64_t offset, size_t len, struct error *err);

static inline const struct document *sandbox_state_document(
	const struct sandbox_state *state, uint32_t at)
{
	return (const struct document *)state->documents.items + at;
}

static inline const struct stock_row *sandbox_state_stock(
	const struct sandbox_state *state, uint32_t at)
{
	return (const struct stock_row *)state->stock.items + at;
}

static inline const struct sum_row *sandbox_state_sum(
	const struct sandbox_state *state, uint32_t at)
{
	return (const struct sum_row *)state->sums.items + at;
}

/* Places of the documents with this reference, oldest first, at most `max` of them; returns how
 * many were found. */
uint32_t sandbox_state_find(
	const struct sandbox_state *state, struct slice reference, uint32_t *places, uint32_t max);

/* "SO-00000001" for place 0, and back; false when there is no such document. */
void sandbox_state_number(uint32_t at, char text[static SALE_NUMBER_MAX]);
bool sandbox_state_place(const struct sandbox_state *state, struct slice number, uint32_t *ret_at);
