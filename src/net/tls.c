#include "net/server_internal.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

/* The last entry of OpenSSL's queue of errors says best what happened. */
static enum status tls_error(struct error *err, const char *what, const char *path)
{
	char reason[256] = "unknown reason";
	unsigned long code = ERR_peek_last_error();
	if (code != 0)
		ERR_error_string_n(code, reason, sizeof(reason));
	ERR_clear_error();
	return error_set(err, E_CONFIG, "%s %s: %s", what, path, reason);
}

/* A client that offers protocols but not ours is turned away (RFC 7301, 3.2). */
static int select_protocol(SSL *tls, const unsigned char **ret_name, unsigned char *ret_len,
	const unsigned char *offered, unsigned offered_len, void *context)
{
	static const unsigned char ours[] = "\x08http/1.1";
	(void)tls, (void)context;
	unsigned char *name;
	if (SSL_select_next_proto(&name, ret_len, ours, sizeof(ours) - 1, offered, offered_len) !=
		OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*ret_name = name;
	return SSL_TLSEXT_ERR_OK;
}

static enum status load_files(
	SSL_CTX *context, const char *cert_path, const char *key_path, struct error *err)
{
	if (SSL_CTX_use_certificate_chain_file(context, cert_path) != 1)
		return tls_error(err, "cannot use the TLS certificate", cert_path);
	if (SSL_CTX_use_PrivateKey_file(context, key_path, SSL_FILETYPE_PEM) != 1)
		return tls_error(err, "cannot use the TLS key", key_path);
	if (SSL_CTX_check_private_key(context) != 1)
		return tls_error(err, "the TLS certificate does not belong to the key", key_path);
	return OK;
}

enum status tls_context_open(
	const char *cert_path, const char *key_path, SSL_CTX **ret_context, struct error *err)
{
	ERR_clear_error();
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	if (context == NULL)
		return error_set(err, E_IO, "OpenSSL has no memory for a TLS context");
	SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
	SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
					  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
					  SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_alpn_select_cb(context, select_protocol, NULL);
	SSL_CTX_set_num_tickets(context, 1);
	enum status s = load_files(context, cert_path, key_path, err);
	if (s == OK)
		*ret_context = context;
	else
		SSL_CTX_free(context);
	return s;
}

void tls_context_close(SSL_CTX *context)
{
	SSL_CTX_free(context);
}

SSL *tls_open(SSL_CTX *context, int fd)
{
	SSL *tls = SSL_new(context); /* holds the context, also across a reload */
	if (tls != NULL && SSL_set_fd(tls, fd) != 1) {
		SSL_free(tls);
		return NULL;
	}
	if (tls != NULL)
		SSL_set_accept_state(tls);
	return tls;
}

/* Without waiting for the client to say it too. */
void tls_say_goodbye(SSL *tls)
{
	ERR_clear_error();
	if (tls != NULL && SSL_is_init_finished(tls))
		SSL_shutdown(tls);
	ERR_clear_error();
}

void tls_close(SSL *tls)
{
	tls_say_goodbye(tls);
	SSL_free(tls);
}

static int outcome(const SSL *tls, int result)
{
	switch (SSL_get_error(tls, result)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return TLS_WAIT;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	}
	return TLS_BROKEN;
}

int tls_handshake(SSL *tls)
{
	ERR_clear_error();
	int result = SSL_do_handshake(tls);
	return result == 1 ? TLS_DONE : outcome(tls, result);
}

int64_t tls_read(SSL *tls, char *bytes, size_t size)
{
	ERR_clear_error();
	int result = SSL_read(tls, bytes, size > INT_MAX ? INT_MAX : (int)size);
	return result > 0 ? result : outcome(tls, result);
}

int64_t tls_write(SSL *tls, const char *bytes, size_t len)
{
	ERR_clear_error();
	int result = SSL_write(tls, bytes, len > INT_MAX ? INT_MAX : (int)len);
	return result > 0 ? result : outcome(tls, result);
}
