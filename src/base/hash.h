/* SHA-256 (FIPS 180-4), by OpenSSL. */
#pragma once

#include "base/slice.h"

enum { HASH_BYTES = 32 };

struct hash {
	uint8_t bytes[HASH_BYTES];
};

struct hash hash_of(struct slice bytes);
/* The first `bytes` of the hash in lower-case hexadecimal; text has room for 2 * bytes + 1. */
void hash_hex(const struct hash *hash, size_t bytes, char *text);

/* For data that comes in pieces (a sealed segment of the journal). */
struct hasher;
struct hasher *hasher_open(void);
void hasher_add(struct hasher *hasher, const void *bytes, size_t len);
/* The hash of all that was added; the hasher can be used again from the start. */
struct hash hasher_finish(struct hasher *hasher);
void hasher_close(struct hasher *hasher);
