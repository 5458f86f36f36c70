/* TLS for the wire, by OpenSSL: TLS 1.2 or later, certificate and host name are always verified.
 * Built without TLS the functions say so. Sockets are non-blocking. */
#pragma once

#include "base/error.h"
#include "base/slice.h"

struct edge_tls;     /* the files, read once */
struct edge_session; /* one connection */

enum status edge_tls_open(const char *ca_file, const char *client_cert, const char *client_key,
	struct edge_tls **ret_tls, struct error *err);
/* From now on nothing older than TLS 1.3 is spoken. */
void edge_tls_require_1_3(struct edge_tls *tls);
void edge_tls_close(struct edge_tls *tls);

struct edge_session *edge_session_open(struct edge_tls *tls, int fd, const char *host);
void edge_session_close(struct edge_session *session);

enum edge_io { EDGE_IO_DONE, EDGE_IO_WANT_READ, EDGE_IO_WANT_WRITE, EDGE_IO_END, EDGE_IO_FAILED };
/* EDGE_IO_FAILED fills err: E_CONFIG when the certificate is not trusted, E_RETRY otherwise. */
enum edge_io edge_session_handshake(struct edge_session *session, struct error *err);
enum edge_io edge_session_read(
	struct edge_session *session, char *bytes, size_t size, size_t *ret_len, struct error *err);
enum edge_io edge_session_write(
	struct edge_session *session, struct slice bytes, size_t *ret_len, struct error *err);
