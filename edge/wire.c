#include "edge/wire.h"

#include "edge/tls.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

struct wire {
	struct wire_config config;
	struct edge_tls *tls;
	struct edge_session *session;
	int fd;   /* -1: not connected */
	int wake; /* readable once wire_stop() was called */
	uint64_t deadline_ns;
};

enum status wire_open(const struct wire_config *config, struct wire **ret_wire, struct error *err)
{
	struct wire *wire = calloc(1, sizeof(*wire));
	if (wire == NULL)
		return error_set(err, E_FULL, "out of memory");
	wire->config = *config;
	wire->fd = -1;
	wire->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	enum status s = OK;
	if (wire->wake < 0)
		s = error_errno(err, E_IO, "eventfd");
	if (s == OK && config->tls)
		s = edge_tls_open(
			config->ca_file, config->client_cert, config->client_key, &wire->tls, err);
	if (s != OK) {
		wire_close(wire);
		return s;
	}
	*ret_wire = wire;
	return OK;
}

void wire_close(struct wire *wire)
{
	if (wire == NULL)
		return;
	wire_drop(wire);
	edge_tls_close(wire->tls);
	if (wire->wake >= 0)
		close(wire->wake);
	free(wire);
}

void wire_stop(struct wire *wire)
{
	uint64_t one = 1;
	ssize_t n = write(wire->wake, &one, sizeof(one));
	(void)n; /* only a full counter can refuse, and that wakes too */
}

bool wire_connected(const struct wire *wire)
{
	return wire->fd >= 0;
}

void wire_drop(struct wire *wire)
{
	edge_session_close(wire->session);
	wire->session = NULL;
	if (wire->fd >= 0)
		close(wire->fd);
	wire->fd = -1;
}

static uint64_t now_ns(const struct wire *wire)
{
	return wire->config.clock->monotonic_ns(wire->config.clock);
}

void wire_deadline(struct wire *wire, uint64_t timeout_ms)
{
	wire->deadline_ns = now_ns(wire) + timeout_ms * 1000000;
}

static enum status wait_for(struct wire *wire, short events, struct error *err)
{
	struct pollfd fds[2] = { { .fd = wire->fd, .events = events },
		{ .fd = wire->wake, .events = POLLIN } };
	for (;;) {
		uint64_t now = now_ns(wire);
		if (now >= wire->deadline_ns)
			return error_set(err, E_RETRY, "%s:%s did not answer in time",
				wire->config.host, wire->config.port);
		uint64_t left_ms = (wire->deadline_ns - now + 999999) / 1000000;
		int n = poll(fds, 2, left_ms > 60000 ? 60000 : (int)left_ms);
		if (n < 0 && errno != EINTR)
			return error_errno(err, E_IO, "poll");
		if (n > 0 && fds[1].revents != 0)
			return error_set(err, E_STOPPED, "stopped");
		if (n > 0 && fds[0].revents != 0)
			return OK;
	}
}

static enum status connect_to(struct wire *wire, const struct addrinfo *to, struct error *err)
{
	int one = 1, code = 0;
	socklen_t len = sizeof(code);
	wire->fd = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (wire->fd < 0)
		return error_errno(err, E_RETRY, "no socket");
	(void)setsockopt(wire->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(wire->fd, to->ai_addr, to->ai_addrlen) == 0)
		return OK;
	if (errno == EINPROGRESS) {
		enum status s = wait_for(wire, POLLOUT, err);
		if (s != OK)
			return s;
		if (getsockopt(wire->fd, SOL_SOCKET, SO_ERROR, &code, &len) == 0)
			errno = code;
		if (errno == 0)
			return OK;
	}
	return error_errno(err, E_RETRY, "%s:%s", wire->config.host, wire->config.port);
}

static enum status handshake(struct wire *wire, struct error *err)
{
	wire->session = edge_session_open(wire->tls, wire->fd, wire->config.host);
	if (wire->session == NULL)
		return error_set(err, E_RETRY, "no memory for TLS");
	for (;;) {
		enum edge_io io = edge_session_handshake(wire->session, err);
		if (io == EDGE_IO_DONE)
			return OK;
		if (io == EDGE_IO_END)
			return error_set(err, E_RETRY, "TLS handshake: closed by the server");
		if (io == EDGE_IO_FAILED)
			return E_RETRY;
		enum status s = wait_for(wire, io == EDGE_IO_WANT_READ ? POLLIN : POLLOUT, err);
		if (s != OK)
			return s;
	}
}

enum status wire_connect(struct wire *wire, uint64_t timeout_ms, struct error *err)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	if (wire->fd >= 0)
		return OK;
	int code = getaddrinfo(wire->config.host, wire->config.port, &hints, &found);
	if (code != 0)
		return error_set(err, E_RETRY, "%s: %s", wire->config.host, gai_strerror(code));
	enum status s = E_RETRY;
	wire_deadline(wire, timeout_ms);
	for (const struct addrinfo *to = found; to != NULL && s == E_RETRY; to = to->ai_next) {
		wire_drop(wire);
		s = connect_to(wire, to, err);
		if (s == OK && wire->config.tls)
			s = handshake(wire, err);
	}
	freeaddrinfo(found);
	if (s != OK)
		wire_drop(wire);
	return s;
}

bool wire_alive(struct wire *wire)
{
	char byte;
	ssize_t n = recv(wire->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	/* Under TLS a session ticket may wait there. */
	return (n < 0 && errno == EAGAIN) || (n > 0 && wire->session != NULL);
}

static enum status send_some(
	struct wire *wire, struct slice bytes, size_t *ret_len, struct error *err)
{
	*ret_len = 0;
	if (wire->session != NULL) {
		enum edge_io io = edge_session_write(wire->session, bytes, ret_len, err);
		if (io == EDGE_IO_DONE)
			return OK;
		if (io == EDGE_IO_FAILED || io == EDGE_IO_END)
			return E_RETRY;
		return wait_for(wire, io == EDGE_IO_WANT_READ ? POLLIN : POLLOUT, err);
	}
	ssize_t n = send(wire->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
	if (n >= 0) {
		*ret_len = (size_t)n;
		return OK;
	}
	if (errno == EAGAIN)
		return wait_for(wire, POLLOUT, err);
	return errno == EINTR ? OK : error_errno(err, E_RETRY, "send to %s", wire->config.host);
}

enum status wire_send(struct wire *wire, struct slice bytes, struct error *err)
{
	while (bytes.len > 0) {
		size_t len;
		enum status s = send_some(wire, bytes, &len, err);
		if (s != OK)
			return s;
		bytes = slice_make(bytes.ptr + len, bytes.len - len);
	}
	return OK;
}

enum status wire_receive(
	struct wire *wire, char *bytes, size_t size, size_t *ret_len, struct error *err)
{
	*ret_len = 0;
	for (;;) {
		short events = POLLIN;
		if (wire->session != NULL) {
			enum edge_io io =
				edge_session_read(wire->session, bytes, size, ret_len, err);
			if (io == EDGE_IO_DONE || io == EDGE_IO_END)
				return OK;
			if (io == EDGE_IO_FAILED)
				return E_RETRY;
			events = io == EDGE_IO_WANT_READ ? POLLIN : POLLOUT;
		} else {
			ssize_t n = recv(wire->fd, bytes, size, 0);
			if (n >= 0) {
				*ret_len = (size_t)n;
				return OK;
			}
			if (errno != EAGAIN && errno != EINTR)
				return error_errno(
					err, E_RETRY, "receive from %s", wire->config.host);
		}
		enum status s = wait_for(wire, events, err);
		if (s != OK)
			return s;
	}
}
