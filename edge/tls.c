#include "edge/tls.h"

#include <arpa/inet.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

struct edge_tls {
	SSL_CTX *context;
};

struct edge_session {
	SSL *ssl;
};

/* The first error of OpenSSL's queue, which is emptied. */
static enum status failed(struct error *err, enum status status, const char *what)
{
	char text[200] = "no reason given";
	unsigned long code = ERR_get_error();
	if (code != 0)
		ERR_error_string_n(code, text, sizeof(text));
	ERR_clear_error();
	return error_set(err, status, "%s: %s", what, text);
}

static enum status load_files(SSL_CTX *context, const char *ca_file, const char *client_cert,
	const char *client_key, struct error *err)
{
	if (ca_file != NULL ? SSL_CTX_load_verify_file(context, ca_file) != 1
			    : SSL_CTX_set_default_verify_paths(context) != 1)
		return failed(err, E_CONFIG, ca_file != NULL ? ca_file : "certificates");
	if (client_cert == NULL)
		return OK;
	if (SSL_CTX_use_certificate_chain_file(context, client_cert) != 1)
		return failed(err, E_CONFIG, client_cert);
	if (SSL_CTX_use_PrivateKey_file(context, client_key, SSL_FILETYPE_PEM) != 1 ||
		SSL_CTX_check_private_key(context) != 1)
		return failed(err, E_CONFIG, client_key);
	return OK;
}

enum status edge_tls_open(const char *ca_file, const char *client_cert, const char *client_key,
	struct edge_tls **ret_tls, struct error *err)
{
	struct edge_tls *tls = calloc(1, sizeof(*tls));
	if (tls == NULL)
		return error_set(err, E_FULL, "out of memory");
	tls->context = SSL_CTX_new(TLS_client_method());
	enum status s = tls->context == NULL ? failed(err, E_FULL, "TLS") : OK;
	if (s == OK) {
		SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION);
		SSL_CTX_set_verify(tls->context, SSL_VERIFY_PEER, NULL);
		SSL_CTX_set_mode(tls->context,
			SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
		s = load_files(tls->context, ca_file, client_cert, client_key, err);
	}
	if (s != OK) {
		edge_tls_close(tls);
		return s;
	}
	*ret_tls = tls;
	return OK;
}

void edge_tls_require_1_3(struct edge_tls *tls)
{
	SSL_CTX_set_min_proto_version(tls->context, TLS1_3_VERSION);
}

void edge_tls_close(struct edge_tls *tls)
{
	if (tls == NULL)
		return;
	SSL_CTX_free(tls->context);
	free(tls);
}

/* An address is compared with the addresses of the certificate, a name with its names. */
static bool expect_host(SSL *ssl, const char *host)
{
	unsigned char address[16];
	X509_VERIFY_PARAM *parameters = SSL_get0_param(ssl);
	if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(parameters, host) == 1;
	X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return X509_VERIFY_PARAM_set1_host(parameters, host, 0) == 1 &&
	       SSL_set_tlsext_host_name(ssl, host) == 1;
}

struct edge_session *edge_session_open(struct edge_tls *tls, int fd, const char *host)
{
	struct edge_session *session = calloc(1, sizeof(*session));
	if (session == NULL)
		return NULL;
	session->ssl = SSL_new(tls->context);
	if (session->ssl == NULL || SSL_set_fd(session->ssl, fd) != 1 ||
		!expect_host(session->ssl, host)) {
		ERR_clear_error();
		edge_session_close(session);
		return NULL;
	}
	return session;
}

void edge_session_close(struct edge_session *session)
{
	if (session == NULL)
		return;
	SSL_free(session->ssl);
	free(session);
}

static enum edge_io outcome(
	struct edge_session *session, int result, const char *what, struct error *err)
{
	switch (SSL_get_error(session->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		return EDGE_IO_WANT_READ;
	case SSL_ERROR_WANT_WRITE:
		return EDGE_IO_WANT_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		return EDGE_IO_END;
	case SSL_ERROR_SYSCALL:
		if (ERR_peek_error() == 0) {
			error_set(err, E_RETRY, "%s: the connection broke off", what);
			return EDGE_IO_FAILED;
		}
	}
	long verified = SSL_get_verify_result(session->ssl);
	if (verified != X509_V_OK) {
		ERR_clear_error();
		error_set(err, E_CONFIG, "%s: the certificate is not trusted: %s", what,
			X509_verify_cert_error_string(verified));
	} else {
		failed(err, E_RETRY, what);
	}
	return EDGE_IO_FAILED;
}

enum edge_io edge_session_handshake(struct edge_session *session, struct error *err)
{
	ERR_clear_error();
	int result = SSL_connect(session->ssl);
	return result == 1 ? EDGE_IO_DONE : outcome(session, result, "TLS handshake", err);
}

enum edge_io edge_session_read(
	struct edge_session *session, char *bytes, size_t size, size_t *ret_len, struct error *err)
{
	ERR_clear_error();
	int result = SSL_read(session->ssl, bytes, size > INT_MAX ? INT_MAX : (int)size);
	*ret_len = result > 0 ? (size_t)result : 0;
	return result > 0 ? EDGE_IO_DONE : outcome(session, result, "TLS", err);
}

enum edge_io edge_session_write(
	struct edge_session *session, struct slice bytes, size_t *ret_len, struct error *err)
{
	ERR_clear_error();
	int result =
		SSL_write(session->ssl, bytes.ptr, bytes.len > INT_MAX ? INT_MAX : (int)bytes.len);
	*ret_len = result > 0 ? (size_t)result : 0;
	return result > 0 ? EDGE_IO_DONE : outcome(session, result, "TLS", err);
}
