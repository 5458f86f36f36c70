#include "sandbox/state.h"

#include "base/check.h"

#include <stdlib.h>

enum { ROWS_MAX = 1 << 30 };

void sandbox_state_init(struct sandbox_state *state)
{
	*state = (struct sandbox_state){ 0 };
	names_init(&state->warehouses);
	names_init(&state->items);
}

void sandbox_state_release(struct sandbox_state *state)
{
	free(state->documents.items);
	free(state->stock.items);
	free(state->sums.items);
	index_release(&state->references);
	index_release(&state->stock_index);
	names_release(&state->warehouses);
	names_release(&state->items);
	sandbox_state_init(state);
}

/* A zeroed row behind the last one; NULL without memory. */
static void *add_row(struct rows *rows, size_t row_bytes)
{
	if (rows->count == rows->size) {
		uint32_t size = rows->size == 0 ? 64 : rows->size * 2;
		void *items =
			size > ROWS_MAX ? NULL : realloc(rows->items, (size_t)size * row_bytes);
		if (items == NULL)
			return NULL;
		rows->items = items;
		rows->size = size;
	}
	return memset((char *)rows->items + row_bytes * rows->count++, 0, row_bytes);
}

static uint64_t stock_hash(uint32_t warehouse, uint32_t item)
{
	uint32_t both[2] = { warehouse, item };
	return slice_hash(slice_make(both, sizeof(both)), 0);
}

static struct stock_row *stock_row(struct sandbox_state *state, uint32_t warehouse, uint32_t item)
{
	uint32_t at;
	uint64_t hash = stock_hash(warehouse, item);
	struct probe probe = index_probe(&state->stock_index, hash);
	while (probe_next(&probe, &at)) {
		struct stock_row *row = (struct stock_row *)state->stock.items + at;
		if (row->warehouse == warehouse && row->item == item)
			return row;
	}
	if (!index_add(&state->stock_index, hash, state->stock.count))
		return NULL;
	struct stock_row *row = add_row(&state->stock, sizeof(*row));
	if (row != NULL)
		*row = (struct stock_row){ .warehouse = warehouse, .item = item };
	return row;
}

static bool apply_stock(struct sandbox_state *state, const struct sale *sale, uint32_t warehouse)
{
	for (uint32_t i = 0; i < sale->lines.count; i++) {
		const struct sale_line *line = &sale->lines.items[i];
		struct total change;
		uint32_t item;
		if (!sale_stock_change(line, &change))
			continue;
		if (!names_add(&state->items, line->item, &item))
			return false;
		struct stock_row *row = stock_row(state, warehouse, item);
		if (row == NULL)
			return false;
		row->on_hand = total_add(row->on_hand, change);
	}
	return true;
}

/* There are hundreds of warehouses with a currency or two each. */
static struct sum_row *sum_row(
	struct sandbox_state *state, uint32_t warehouse, struct slice currency)
{
	struct sum_row *rows = state->sums.items;
	for (uint32_t i = 0; i < state->sums.count; i++)
		if (rows[i].warehouse == warehouse && slice_is(currency, rows[i].currency))
			return &rows[i];
	struct sum_row *row = add_row(&state->sums, sizeof(*row));
	if (row == NULL)
		return NULL;
	check(currency.len < sizeof(row->currency));
	row->warehouse = warehouse;
	memcpy(row->currency, currency.ptr, currency.len);
	return row;
}

static bool apply_sums(struct sandbox_state *state, const struct sale *sale, uint32_t warehouse)
{
	struct sum_row *row = sum_row(state, warehouse, sale->currency);
	if (row == NULL)
		return false;
	row->documents++;
	row->lines += sale->lines.count;
	row->net = total_add(row->net, total_of(sale->net));
	row->tax = total_add(row->tax, total_of(sale->tax));
	row->total = total_add(row->total, total_of(sale->total));
	state->lines_count += sale->lines.count;
	return true;
}

static bool known(const struct sandbox_state *state, uint64_t hash)
{
	uint32_t at;
	struct probe probe = index_probe(&state->references, hash);
	while (probe_next(&probe, &at))
		if (sandbox_state_document(state, at)->reference_hash == hash)
			return true;
	return false;
}

static bool add_document(struct sandbox_state *state, const struct sale *sale, uint32_t warehouse,
	uint64_t offset, size_t len)
{
	uint64_t hash = slice_hash(sale->reference, 0);
	if (!known(state, hash))
		state->references_count++;
	if (!index_add(&state->references, hash, state->documents.count))
		return false;
	struct document *document = add_row(&state->documents, sizeof(*document));
	if (document == NULL)
		return false;
	*document = (struct document){
		.reference_hash = hash,
		.offset = offset,
		.len = (uint32_t)len,
		.warehouse = warehouse,
		.date = sale->date,
		.lines = sale->lines.count,
	};
	return true;
}

enum status sandbox_state_apply(struct sandbox_state *state, const struct sale *sale,
	uint64_t offset, size_t len, struct error *err)
{
	uint32_t warehouse;
	check(len <= UINT32_MAX);
	if (!names_add(&state->warehouses, sale->warehouse, &warehouse) ||
		!add_document(state, sale, warehouse, offset, len) ||
		!apply_stock(state, sale, warehouse) || !apply_sums(state, sale, warehouse))
		return error_set(
			err, E_FULL, "out of memory for document %u", state->documents.count);
	return OK;
}

static int by_place(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
	return (left > right) - (left < right);
}

uint32_t sandbox_state_find(
	const struct sandbox_state *state, struct slice reference, uint32_t *places, uint32_t max)
{
	uint32_t at, count = 0;
	uint64_t hash = slice_hash(reference, 0);
	struct probe probe = index_probe(&state->references, hash);
	while (count < max && probe_next(&probe, &at))
		if (sandbox_state_document(state, at)->reference_hash == hash)
			places[count++] = at;
	if (count > 1)
		qsort(places, count, sizeof(*places), by_place);
	return count;
}

void sandbox_state_number(uint32_t at, char text[static SALE_NUMBER_MAX])
{
	snprintf(text, SALE_NUMBER_MAX, "SO-%08llu", (unsigned long long)at + 1);
}

bool sandbox_state_place(const struct sandbox_state *state, struct slice number, uint32_t *ret_at)
{
	uint64_t n;
	char text[SALE_NUMBER_MAX];
	if (!slice_starts(number, "SO-") ||
		!slice_to_u64(slice_make(number.ptr + 3, number.len - 3), &n) || n == 0 ||
		n > state->documents.count)
		return false;
	sandbox_state_number((uint32_t)(n - 1), text);
	*ret_at = (uint32_t)(n - 1);
	return slice_is(number, text);
}
