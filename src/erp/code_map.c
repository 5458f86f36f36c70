#include "erp/code_map.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>

enum { MAP_TEXT_BYTES_MAX = 32 << 20, MAP_ENTRIES_MAX = 1 << 19, MAP_ENTRIES_MIN = 64 };

void code_map_init(struct code_map *map, size_t entry_size)
{
	*map = (struct code_map){ .entry_size = entry_size };
	arena_init(&map->arena, MAP_TEXT_BYTES_MAX);
}

void code_map_release(struct code_map *map)
{
	arena_release(&map->arena);
	free(map->entries);
	free(map->slots);
}

void code_map_clear(struct code_map *map)
{
	arena_reset(&map->arena);
	map->count = 0;
	if (map->slots != NULL)
		memset(map->slots, 0, 2 * map->size * sizeof(*map->slots));
}

static void *entry_at(const struct code_map *map, size_t index)
{
	return (char *)map->entries + index * map->entry_size;
}

/* The slot of the code, or the free one where it belongs; there are twice as many slots as
 * entries, so that one is always free. */
static uint32_t *slot_of(const struct code_map *map, struct slice code)
{
	size_t mask = 2 * map->size - 1;
	size_t at = (size_t)slice_hash(code, 0) & mask;
	while (map->slots[at] != 0) {
		const struct slice *found = entry_at(map, map->slots[at] - 1);
		if (slice_equal(*found, code))
			break;
		at = (at + 1) & mask;
	}
	return &map->slots[at];
}

void *code_map_find(const struct code_map *map, struct slice code)
{
	if (map->count == 0)
		return NULL;
	uint32_t slot = *slot_of(map, code);
	return slot == 0 ? NULL : entry_at(map, slot - 1);
}

static bool grow(struct code_map *map)
{
	size_t size = map->size == 0 ? MAP_ENTRIES_MIN : 2 * map->size;
	void *entries =
		size > MAP_ENTRIES_MAX ? NULL : realloc(map->entries, size * map->entry_size);
	if (entries == NULL)
		return false;
	map->entries = entries;
	uint32_t *slots = calloc(2 * size, sizeof(*slots));
	if (slots == NULL)
		return false;
	free(map->slots);
	map->slots = slots;
	map->size = size;
	for (size_t i = 0; i < map->count; i++)
		*slot_of(map, *(struct slice *)entry_at(map, i)) = (uint32_t)i + 1;
	return true;
}

void *code_map_add(struct code_map *map, struct slice code)
{
	if (map->count == map->size && !grow(map))
		return NULL;
	uint32_t *slot = slot_of(map, code);
	struct slice kept = *slot == 0 ? arena_copy(&map->arena, code) : code;
	if (kept.ptr == NULL)
		return NULL;
	if (*slot != 0)
		return entry_at(map, *slot - 1);
	check(map->count < map->size);
	void *entry = entry_at(map, map->count);
	memset(entry, 0, map->entry_size);
	*(struct slice *)entry = kept;
	*slot = (uint32_t)++map->count;
	return entry;
}
