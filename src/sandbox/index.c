#include "sandbox/index.h"

#include "base/check.h"

#include <stdlib.h>

enum { INDEX_SIZE_MIN = 64, INDEX_SIZE_MAX = 1 << 30 };

void index_release(struct index *index)
{
	free(index->places);
	*index = (struct index){ 0 };
}

static void put(struct index_place *places, uint32_t size, struct index_place place)
{
	uint32_t at = place.hash & (size - 1);
	while (places[at].row != 0)
		at = (at + 1) & (size - 1);
	places[at] = place;
}

static bool grow(struct index *index)
{
	uint32_t size = index->size == 0 ? INDEX_SIZE_MIN : index->size * 2;
	if (index->size >= INDEX_SIZE_MAX)
		return false;
	struct index_place *places = calloc(size, sizeof(*places));
	if (places == NULL)
		return false;
	for (uint32_t i = 0; i < index->size; i++)
		if (index->places[i].row != 0)
			put(places, size, index->places[i]);
	free(index->places);
	index->places = places;
	index->size = size;
	return true;
}

/* Both halves count, so that a weak low half does no harm. */
static uint32_t fold(uint64_t hash)
{
	return (uint32_t)(hash ^ hash >> 32);
}

bool index_add(struct index *index, uint64_t hash, uint32_t row)
{
	check(row < UINT32_MAX);
	if (index->used >= index->size / 4 * 3 && !grow(index))
		return false;
	put(index->places, index->size, (struct index_place){ fold(hash), row + 1 });
	index->used++;
	return true;
}

struct probe index_probe(const struct index *index, uint64_t hash)
{
	return (struct probe){ index, fold(hash), fold(hash) };
}

bool probe_next(struct probe *probe, uint32_t *ret_row)
{
	const struct index *index = probe->index;
	if (index->size == 0)
		return false;
	for (;;) {
		const struct index_place *place = &index->places[probe->at & (index->size - 1)];
		if (place->row == 0)
			return false;
		probe->at++;
		if (place->hash == probe->hash) {
			*ret_row = place->row - 1;
			return true;
		}
	}
}

void names_init(struct names *names)
{
	*names = (struct names){ 0 };
	buf_init(&names->text, NAMES_BYTES_MAX);
}

void names_release(struct names *names)
{
	index_release(&names->index);
	buf_release(&names->text);
	free(names->starts);
	names_init(names);
}

struct slice names_text(const struct names *names, uint32_t number)
{
	check(number < names->count);
	uint32_t start = names->starts[number];
	return slice_make(names->text.ptr + start, names->starts[number + 1] - start);
}

bool names_find(const struct names *names, struct slice text, uint32_t *ret_number)
{
	uint32_t number;
	struct probe probe = index_probe(&names->index, slice_hash(text, 0));
	while (probe_next(&probe, &number)) {
		if (slice_equal(names_text(names, number), text)) {
			*ret_number = number;
			return true;
		}
	}
	return false;
}

static bool grow_starts(struct names *names)
{
	if (names->count + 1 < names->size)
		return true;
	uint32_t size = names->size == 0 ? 64 : names->size * 2;
	uint32_t *starts = realloc(names->starts, size * sizeof(*starts));
	if (starts == NULL)
		return false;
	if (names->size == 0)
		starts[0] = 0;
	names->starts = starts;
	names->size = size;
	return true;
}

bool names_add(struct names *names, struct slice text, uint32_t *ret_number)
{
	if (names_find(names, text, ret_number))
		return true;
	if (!grow_starts(names))
		return false;
	buf_slice(&names->text, text);
	if (names->text.failed || !index_add(&names->index, slice_hash(text, 0), names->count))
		return false;
	*ret_number = names->count++;
	names->starts[names->count] = (uint32_t)names->text.len;
	return true;
}
