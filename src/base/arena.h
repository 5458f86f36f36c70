/* An arena: memory that goes away all at once, with its batch or request.
 *
 * Memory is zeroed and aligned for any type. An arena has a limit, given at arena_init(); at the
 * limit arena_alloc() returns NULL, and the caller answers E_FULL. arena_reset() keeps the first
 * chunk, so that a thread's arena does not go back to malloc for every batch. Not for two threads.
 */
#pragma once

#include "base/slice.h"

struct arena_chunk;

struct arena {
	struct arena_chunk *chunk;
	size_t used;  /* bytes handed out of all chunks */
	size_t limit; /* bytes */
};

void arena_init(struct arena *arena, size_t limit_bytes);
void arena_release(struct arena *arena);
void arena_reset(struct arena *arena);

void *arena_alloc(struct arena *arena, size_t bytes);
#define arena_new(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
#define arena_array(arena, type, count) ((type *)arena_alloc((arena), sizeof(type) * (count)))

/* A copy of the bytes, with a terminating zero behind it that does not count. ptr is NULL when
 * the arena is full. */
struct slice arena_copy(struct arena *arena, struct slice s);

/* A formatted text; ptr is NULL when the arena is full. */
struct slice arena_format(struct arena *arena, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
