#include "subjects/crypt.h"

#include "base/check.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

enum status crypt_random(void *bytes, size_t len, struct error *err)
{
	if (RAND_bytes(bytes, (int)len) != 1)
		return error_set(err, E_IO, "the system gives no random bytes");
	return OK;
}

/* What both directions have in common: the bound bytes, then the text. */
static bool run_cipher(
	EVP_CIPHER_CTX *ctx, struct slice bound, struct slice text, unsigned char *to)
{
	int len = 0;
	if (EVP_CipherUpdate(ctx, NULL, &len, (const unsigned char *)bound.ptr, (int)bound.len) !=
		1)
		return false;
	if (text.len > 0 && EVP_CipherUpdate(ctx, to, &len, (const unsigned char *)text.ptr,
				    (int)text.len) != 1)
		return false;
	return true;
}

static EVP_CIPHER_CTX *begin_cipher(const struct secret *key, const char *nonce, bool seal)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	if (ctx != NULL && EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key->bytes,
				   (const unsigned char *)nonce, seal) == 1)
		return ctx;
	EVP_CIPHER_CTX_free(ctx);
	return NULL;
}

enum status crypt_seal(const struct secret *key, struct slice bound, struct slice clear, char *to,
	struct error *err)
{
	unsigned char *text = (unsigned char *)to + NONCE_BYTES, *tag = text + clear.len;
	int len = 0;
	enum status s = crypt_random(to, NONCE_BYTES, err);
	if (s != OK)
		return s;
	EVP_CIPHER_CTX *ctx = begin_cipher(key, to, true);
	bool good = ctx != NULL && run_cipher(ctx, bound, clear, text) &&
		    EVP_CipherFinal_ex(ctx, tag, &len) == 1 &&
		    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, tag) == 1;
	EVP_CIPHER_CTX_free(ctx);
	return good ? OK : error_set(err, E_IO, "AES-256-GCM does not work");
}

bool crypt_open(const struct secret *key, struct slice bound, struct slice sealed, char *to)
{
	unsigned char tag[TAG_BYTES], none[1];
	int len = 0;
	if (sealed.len < SEAL_OVERHEAD)
		return false;
	struct slice text = slice_make(sealed.ptr + NONCE_BYTES, sealed.len - SEAL_OVERHEAD);
	memcpy(tag, text.ptr + text.len, TAG_BYTES);
	EVP_CIPHER_CTX *ctx = begin_cipher(key, sealed.ptr, false);
	bool good = ctx != NULL && run_cipher(ctx, bound, text, (unsigned char *)to) &&
		    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_BYTES, tag) == 1 &&
		    EVP_CipherFinal_ex(ctx, none, &len) == 1;
	EVP_CIPHER_CTX_free(ctx);
	if (!good)
		crypt_wipe(to, text.len);
	return good;
}

struct hash crypt_mac(const struct secret *key, const struct slice *parts, unsigned count)
{
	unsigned char input[MAC_INPUT_MAX];
	struct hash hash;
	unsigned len = 0;
	size_t used = 0;
	check(count <= MAC_PARTS_MAX);
	for (unsigned i = 0; i < count; i++) {
		uint32_t part = (uint32_t)parts[i].len;
		check(used + sizeof(part) + part <= sizeof(input));
		memcpy(input + used, &part, sizeof(part));
		if (part > 0)
			memcpy(input + used + sizeof(part), parts[i].ptr, part);
		used += sizeof(part) + part;
	}
	check(HMAC(EVP_sha256(), key->bytes, SECRET_BYTES, input, used, hash.bytes, &len) != NULL);
	check(len == HASH_BYTES);
	crypt_wipe(input, used);
	return hash;
}

void crypt_wipe(void *bytes, size_t len)
{
	OPENSSL_cleanse(bytes, len);
}
