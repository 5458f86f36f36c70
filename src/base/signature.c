#include "base/signature.h"

#include "base/check.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

struct hash hmac_sha256(struct slice key, const struct slice *parts, size_t count)
{
	struct hash hash;
	size_t len = 0;
	char digest[] = "SHA256";
	const OSSL_PARAM parameters[] = { OSSL_PARAM_construct_utf8_string(
						  OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end() };
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	check(mac != NULL);
	EVP_MAC_CTX *context = EVP_MAC_CTX_new(mac);
	check(context != NULL);
	check(EVP_MAC_init(context, (const unsigned char *)(key.len == 0 ? "" : key.ptr), key.len,
		      parameters) == 1);
	for (size_t i = 0; i < count; i++)
		if (parts[i].len > 0)
			check(EVP_MAC_update(context, (const unsigned char *)parts[i].ptr,
				      parts[i].len) == 1);
	check(EVP_MAC_final(context, hash.bytes, &len, sizeof(hash.bytes)) == 1);
	check(len == HASH_BYTES);
	EVP_MAC_CTX_free(context);
	EVP_MAC_free(mac);
	return hash;
}

bool ed25519_verify(const uint8_t key[static ED25519_KEY_BYTES], struct slice message,
	const uint8_t signature[static ED25519_SIGNATURE_BYTES])
{
	EVP_PKEY *public_key =
		EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, ED25519_KEY_BYTES);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	check(context != NULL);
	bool good = public_key != NULL &&
		    EVP_DigestVerifyInit(context, NULL, NULL, NULL, public_key) == 1 &&
		    EVP_DigestVerify(context, signature, ED25519_SIGNATURE_BYTES,
			    (const unsigned char *)(message.len == 0 ? "" : message.ptr),
			    message.len) == 1;
	EVP_MD_CTX_free(context);
	EVP_PKEY_free(public_key);
	return good;
}

bool bytes_same(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

/* The value of a digit; 64 when it is none. */
static unsigned digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (unsigned)(c - 'A');
	if (c >= 'a' && c <= 'z')
		return (unsigned)(c - 'a') + 26;
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0') + 52;
	return c == '+' ? 62 : c == '/' ? 63 : 64;
}

bool base64_decode(struct slice text, uint8_t *out, size_t size, size_t *ret_len)
{
	size_t padding = 0, len = 0;
	if (text.len % 4 != 0)
		return false;
	while (padding < 2 && padding < text.len && text.ptr[text.len - 1 - padding] == '=')
		padding++;
	size_t digits = text.len - padding;
	uint32_t bits = 0;
	unsigned held = 0;
	for (size_t i = 0; i < digits; i++) {
		unsigned value = digit(text.ptr[i]);
		if (value == 64)
			return false;
		bits = (bits << 6 | value) & 0xffffff;
		held += 6;
		if (held < 8)
			continue;
		held -= 8;
		if (len == size)
			return false;
		out[len++] = (uint8_t)(bits >> held);
	}
	if ((bits & ((1U << held) - 1)) != 0)
		return false;
	*ret_len = len;
	return true;
}
