/* What stands in for tls.c in a library that was built without TLS. */
#include "edge/tls.h"

enum status edge_tls_open(const char *ca_file, const char *client_cert, const char *client_key,
	struct edge_tls **ret_tls, struct error *err)
{
	(void)ca_file, (void)client_cert, (void)client_key, (void)ret_tls;
	return error_set(
		err, E_CONFIG, "url: this library was built without TLS, so only http:// works");
}

void edge_tls_require_1_3(struct edge_tls *tls)
{
	(void)tls;
}

void edge_tls_close(struct edge_tls *tls)
{
	(void)tls;
}

struct edge_session *edge_session_open(struct edge_tls *tls, int fd, const char *host)
{
	(void)tls, (void)fd, (void)host;
	return NULL;
}

void edge_session_close(struct edge_session *session)
{
	(void)session;
}

static enum edge_io absent(struct error *err)
{
	error_set(err, E_CONFIG, "this library was built without TLS");
	return EDGE_IO_FAILED;
}

enum edge_io edge_session_handshake(struct edge_session *session, struct error *err)
{
	(void)session;
	return absent(err);
}

enum edge_io edge_session_read(
	struct edge_session *session, char *bytes, size_t size, size_t *ret_len, struct error *err)
{
	(void)session, (void)bytes, (void)size, (void)ret_len;
	return absent(err);
}

enum edge_io edge_session_write(
	struct edge_session *session, struct slice bytes, size_t *ret_len, struct error *err)
{
	(void)session, (void)bytes, (void)ret_len;
	return absent(err);
}
