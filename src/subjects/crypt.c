#include "subjects/crypt.h"

#include "base/check.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>

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

enum { NONCES_AHEAD = 64 };

/* Finding an algorithm costs more than to use it on a sale, so each thread keeps its own, ready.
 * Nearly every MAC is made with the site's key, so the key of the last one stays in place; and
 * random bytes cost the same for one nonce as for many. */
struct ready {
	EVP_CIPHER_CTX *cipher;
	EVP_MAC_CTX *mac;
	bool keyed; /* `mac` holds `mac_key` */
	struct secret mac_key;
	unsigned nonces_left;
	unsigned char nonces[NONCES_AHEAD][NONCE_BYTES];
};

static struct {
	pthread_once_t once;
	pthread_key_t key;
	EVP_CIPHER *cipher;
	EVP_MAC *mac;
} found = { .once = PTHREAD_ONCE_INIT };

static void free_ready(void *context)
{
	struct ready *ready = context;
	EVP_CIPHER_CTX_free(ready->cipher);
	EVP_MAC_CTX_free(ready->mac);
	OPENSSL_cleanse(ready, sizeof(*ready));
	free(ready);
}

static void find_algorithms(void)
{
	found.cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	found.mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	check(found.cipher != NULL && found.mac != NULL);
	check(pthread_key_create(&found.key, free_ready) == 0);
}

/* This thread's; NULL without memory. */
static struct ready *ready_here(void)
{
	char digest[] = "SHA256";
	const OSSL_PARAM parameters[] = { OSSL_PARAM_construct_utf8_string("digest", digest, 0),
		OSSL_PARAM_construct_end() };
	pthread_once(&found.once, find_algorithms);
	struct ready *ready = pthread_getspecific(found.key);
	if (ready != NULL)
		return ready;
	ready = calloc(1, sizeof(*ready));
	if (ready == NULL)
		return NULL;
	ready->cipher = EVP_CIPHER_CTX_new();
	ready->mac = EVP_MAC_CTX_new(found.mac);
	if (ready->cipher == NULL || ready->mac == NULL ||
		EVP_CipherInit_ex2(ready->cipher, found.cipher, NULL, NULL, 1, NULL) != 1 ||
		EVP_MAC_CTX_set_params(ready->mac, parameters) != 1 ||
		pthread_setspecific(found.key, ready) != 0) {
		free_ready(ready);
		return NULL;
	}
	return ready;
}

static enum status take_nonce(char nonce[static NONCE_BYTES], struct error *err)
{
	struct ready *ready = ready_here();
	if (ready == NULL)
		return error_set(err, E_FULL, "out of memory");
	if (ready->nonces_left == 0) {
		enum status s = crypt_random(ready->nonces, sizeof(ready->nonces), err);
		if (s != OK)
			return s;
		ready->nonces_left = NONCES_AHEAD;
	}
	memcpy(nonce, ready->nonces[--ready->nonces_left], NONCE_BYTES);
	return OK;
}

static bool begin_mac(struct ready *ready, const struct secret *key)
{
	if (ready->keyed && CRYPTO_memcmp(&ready->mac_key, key, sizeof(*key)) == 0)
		return EVP_MAC_init(ready->mac, NULL, 0, NULL) == 1;
	ready->keyed = EVP_MAC_init(ready->mac, key->bytes, SECRET_BYTES, NULL) == 1;
	ready->mac_key = *key;
	return ready->keyed;
}

static EVP_CIPHER_CTX *begin_cipher(const struct secret *key, const char *nonce, bool seal)
{
	struct ready *ready = ready_here();
	if (ready == NULL || EVP_CipherInit_ex2(ready->cipher, NULL, key->bytes,
				     (const unsigned char *)nonce, seal, NULL) != 1)
		return NULL;
	return ready->cipher;
}

/* The key does not stay behind in the thread. */
static void end_cipher(EVP_CIPHER_CTX *ctx)
{
	static const struct secret none;
	static const unsigned char nonce[NONCE_BYTES];
	if (ctx != NULL)
		EVP_CipherInit_ex2(ctx, NULL, none.bytes, nonce, 1, NULL);
}

enum status crypt_seal(const struct secret *key, struct slice bound, struct slice clear, char *to,
	struct error *err)
{
	unsigned char *text = (unsigned char *)to + NONCE_BYTES, *tag = text + clear.len;
	int len = 0;
	enum status s = take_nonce(to, err);
	if (s != OK)
		return s;
	EVP_CIPHER_CTX *ctx = begin_cipher(key, to, true);
	bool good = ctx != NULL && run_cipher(ctx, bound, clear, text) &&
		    EVP_CipherFinal_ex(ctx, tag, &len) == 1 &&
		    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, tag) == 1;
	end_cipher(ctx);
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
	end_cipher(ctx);
	if (!good)
		crypt_wipe(to, text.len);
	return good;
}

struct hash crypt_mac(const struct secret *key, const struct slice *parts, unsigned count)
{
	unsigned char input[MAC_INPUT_MAX];
	struct hash hash;
	size_t used = 0, len = 0;
	struct ready *ready = ready_here();
	check(ready != NULL);
	check(count <= MAC_PARTS_MAX);
	for (unsigned i = 0; i < count; i++) {
		uint32_t part = (uint32_t)parts[i].len;
		check(used + sizeof(part) + part <= sizeof(input));
		memcpy(input + used, &part, sizeof(part));
		if (part > 0)
			memcpy(input + used + sizeof(part), parts[i].ptr, part);
		used += sizeof(part) + part;
	}
	check(begin_mac(ready, key));
	check(EVP_MAC_update(ready->mac, input, used) == 1);
	check(EVP_MAC_final(ready->mac, hash.bytes, &len, sizeof(hash.bytes)) == 1);
	check(len == HASH_BYTES);
	crypt_wipe(input, used);
	return hash;
}

void crypt_wipe(void *bytes, size_t len)
{
	OPENSSL_cleanse(bytes, len);
}
