#include "base/hash.h"

#include "base/check.h"

#include <openssl/evp.h>

struct hash hash_of(struct slice bytes)
{
	struct hash hash;
	unsigned len = 0;
	check(EVP_Digest(bytes.len == 0 ? "" : bytes.ptr, bytes.len, hash.bytes, &len, EVP_sha256(),
		      NULL) == 1);
	check(len == HASH_BYTES);
	return hash;
}

void hash_hex(const struct hash *hash, size_t bytes, char *text)
{
	static const char digits[] = "0123456789abcdef";
	check(bytes <= HASH_BYTES);
	for (size_t i = 0; i < bytes; i++) {
		text[2 * i] = digits[hash->bytes[i] >> 4];
		text[2 * i + 1] = digits[hash->bytes[i] & 15];
	}
	text[2 * bytes] = '\0';
}

/* struct hasher is OpenSSL's own context under our name. */
static EVP_MD_CTX *context(struct hasher *hasher)
{
	return (EVP_MD_CTX *)hasher;
}

struct hasher *hasher_open(void)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	check(md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1);
	return (struct hasher *)md;
}

void hasher_add(struct hasher *hasher, const void *bytes, size_t len)
{
	check(EVP_DigestUpdate(context(hasher), bytes, len) == 1);
}

struct hash hasher_finish(struct hasher *hasher)
{
	struct hash hash;
	unsigned len = 0;
	check(EVP_DigestFinal_ex(context(hasher), hash.bytes, &len) == 1 && len == HASH_BYTES);
	check(EVP_DigestInit_ex(context(hasher), EVP_sha256(), NULL) == 1);
	return hash;
}

void hasher_close(struct hasher *hasher)
{
	EVP_MD_CTX_free(context(hasher));
}
