/* A slice: bytes that somebody else owns. It is never terminated and never freed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const char *ptr;
	size_t len;
};

/* For printf: "%.*s", SLICE_ARG(s). */
#define SLICE_ARG(s) (int)(s).len, (s).ptr

/* A literal as a slice; also usable in static initialisers. */
#define SLICE(literal)                                                                             \
	{                                                                                          \
		(literal), sizeof(literal) - 1                                                     \
	}

static inline struct slice slice_of(const char *text)
{
	return (struct slice){ text, strlen(text) };
}

static inline struct slice slice_make(const void *ptr, size_t len)
{
	return (struct slice){ ptr, len };
}

static inline bool slice_equal(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool slice_is(struct slice a, const char *text)
{
	return slice_equal(a, slice_of(text));
}

static inline bool slice_starts(struct slice a, const char *prefix)
{
	size_t n = strlen(prefix);
	return a.len >= n && memcmp(a.ptr, prefix, n) == 0;
}

/* Byte order, as memcmp: <0, 0, >0. */
int slice_compare(struct slice a, struct slice b);

/* Same letters, ignoring ASCII case (HTTP names). */
bool slice_equal_nocase(struct slice a, const char *text);

/* Without spaces and tabs at both ends. */
struct slice slice_trim(struct slice s);

/* What stands before the first `separator`; *ret_rest gets what stands behind it (empty, with a
 * NULL ptr, when there is none). */
struct slice slice_cut(struct slice s, char separator, struct slice *ret_rest);

/* An unsigned decimal number and nothing else: at most 19 digits, no sign, no spaces. */
bool slice_to_u64(struct slice s, uint64_t *ret_value);

/* A well-mixed 64-bit hash (not for untrusted hash-flooding defence: give a random seed there). */
uint64_t slice_hash(struct slice s, uint64_t seed);
