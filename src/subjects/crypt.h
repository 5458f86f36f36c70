/* Sealing of bytes (AES-256-GCM, NIST SP 800-38D) and keyed digests (HMAC-SHA-256), by OpenSSL. */
#pragma once

#include "base/error.h"
#include "base/hash.h"
#include "base/slice.h"

enum {
	SECRET_BYTES = 32,
	NONCE_BYTES = 12,
	TAG_BYTES = 16,
	SEAL_OVERHEAD = NONCE_BYTES + TAG_BYTES,
	MAC_INPUT_MAX = 2048,
	MAC_PARTS_MAX = 4,
};

struct secret {
	uint8_t bytes[SECRET_BYTES];
};

/* Bytes nobody can guess. E_IO when the system has none. */
enum status crypt_random(void *bytes, size_t len, struct error *err);

/* Seals `clear` with a new nonce: `to` has room for clear.len + SEAL_OVERHEAD. `bound` is not
 * written, but opening needs the same. E_IO. */
enum status crypt_seal(const struct secret *key, struct slice bound, struct slice clear, char *to,
	struct error *err);
/* The opposite: `to` has room for sealed.len - SEAL_OVERHEAD. False when the key, the bytes or what
 * they are bound to are not those of the sealing. */
bool crypt_open(const struct secret *key, struct slice bound, struct slice sealed, char *to);

/* A digest that nobody without the key can compute: of up to MAC_PARTS_MAX texts of together less
 * than MAC_INPUT_MAX - 16 bytes, each with its length, so that where one ends counts. */
struct hash crypt_mac(const struct secret *key, const struct slice *parts, unsigned count);

/* Overwrites memory that held a secret. */
void crypt_wipe(void *bytes, size_t len);
