/* What an ERP calls a code of the tills: code to record, in memory, for connectors. It is forgotten
 * as a whole when it is full or may be stale. */
#pragma once

#include "base/arena.h"

struct code_map {
	struct arena arena;
	void *entries; /* records of the user's own type; each begins with its code, a struct slice
			*/
	size_t entry_size, count, size;
	uint32_t *slots;
};

void code_map_init(struct code_map *map, size_t entry_size);
void code_map_release(struct code_map *map);
void code_map_clear(struct code_map *map);
/* Entries stay where they are until the next code_map_add() or _clear(). */
void *code_map_find(const struct code_map *map, struct slice code);
/* The entry of the code, a zeroed one when it is new; NULL when the map is full. */
void *code_map_add(struct code_map *map, struct slice code);
