/* What proves who sent something: HMAC-SHA256 (RFC 2104) and Ed25519 (RFC 8032), by OpenSSL, and
 * the base64 (RFC 4648) they travel in. */
#pragma once

#include "base/hash.h"

enum { ED25519_KEY_BYTES = 32, ED25519_SIGNATURE_BYTES = 64 };

/* Of the parts as if they stood behind each other. */
struct hash hmac_sha256(struct slice key, const struct slice *parts, size_t count);
bool ed25519_verify(const uint8_t key[static ED25519_KEY_BYTES], struct slice message,
	const uint8_t signature[static ED25519_SIGNATURE_BYTES]);
/* Takes the same time wherever the first difference stands. */
bool bytes_same(const void *a, const void *b, size_t len);
/* Strict: padded, no spaces, no bits that say nothing. False: it is no base64, or longer than
 * `size` bytes. */
bool base64_decode(struct slice text, uint8_t *out, size_t size, size_t *ret_len);
