#include "base/arena.h"

#include "base/check.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { CHUNK_BYTES = 64 << 10 };

struct arena_chunk {
	struct arena_chunk *next;
	size_t used;
	size_t size;
	alignas(max_align_t) char bytes[];
};

void arena_init(struct arena *arena, size_t limit_bytes)
{
	*arena = (struct arena){ .limit = limit_bytes };
}

void arena_release(struct arena *arena)
{
	while (arena->chunk != NULL) {
		struct arena_chunk *next = arena->chunk->next;
		free(arena->chunk);
		arena->chunk = next;
	}
	arena->used = 0;
}

void arena_reset(struct arena *arena)
{
	while (arena->chunk != NULL && arena->chunk->next != NULL) {
		struct arena_chunk *next = arena->chunk->next;
		free(arena->chunk);
		arena->chunk = next;
	}
	if (arena->chunk != NULL)
		arena->chunk->used = 0;
	arena->used = 0;
}

static struct arena_chunk *add_chunk(struct arena *arena, size_t bytes)
{
	size_t size = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
	struct arena_chunk *chunk = malloc(sizeof(*chunk) + size);
	if (chunk == NULL)
		return NULL;
	*chunk = (struct arena_chunk){ .next = arena->chunk, .size = size };
	arena->chunk = chunk;
	return chunk;
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
	const size_t unit = alignof(max_align_t);
	if (bytes > arena->limit)
		return NULL;
	bytes = (bytes + unit - 1) / unit * unit;
	if (bytes > arena->limit - arena->used)
		return NULL;
	struct arena_chunk *chunk = arena->chunk;
	if (chunk == NULL || chunk->size - chunk->used < bytes)
		chunk = add_chunk(arena, bytes);
	if (chunk == NULL)
		return NULL;
	void *memory = chunk->bytes + chunk->used;
	chunk->used += bytes;
	arena->used += bytes;
	check(arena->used <= arena->limit);
	return memset(memory, 0, bytes);
}

struct slice arena_copy(struct arena *arena, struct slice s)
{
	char *copy = arena_alloc(arena, s.len + 1);
	if (copy != NULL && s.len > 0)
		memcpy(copy, s.ptr, s.len);
	return slice_make(copy, copy == NULL ? 0 : s.len);
}

struct slice arena_format(struct arena *arena, const char *format, ...)
{
	va_list args, again;
	va_start(args, format);
	va_copy(again, args);
	int len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	check(len >= 0);
	char *text = arena_alloc(arena, (size_t)len + 1);
	if (text != NULL)
		vsnprintf(text, (size_t)len + 1, format, again);
	va_end(again);
	return slice_make(text, text == NULL ? 0 : (size_t)len);
}
