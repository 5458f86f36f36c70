#include "app/lane.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { OUT_BYTES_MAX = 2 << 20, READ_BYTES = 16 << 10 };

static enum status resolve(
	const char *host, const char *port, struct endpoint *endpoint, struct error *err)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	int code = getaddrinfo(host, port, &hints, &found);
	if (code != 0)
		return error_set(err, E_RETRY, "%s:%s: %s", host, port, gai_strerror(code));
	memcpy(&endpoint->address, found->ai_addr, found->ai_addrlen);
	endpoint->address_len = found->ai_addrlen;
	freeaddrinfo(found);
	return OK;
}

enum status endpoint_parse(
	const char *url, const char *path, struct endpoint *ret_endpoint, struct error *err)
{
	struct slice rest = slice_of(url), base, port;
	char host[256], port_text[8];
	bool secure = slice_starts(rest, "https://");
	if (!secure && !slice_starts(rest, "http://"))
		return error_set(err, E_CONFIG,
			"\"%.200s\": an address such as http://127.0.0.1:8080 or "
			"https://centre.example is expected",
			url);
	size_t scheme_len = secure ? 8 : 7;
	rest = slice_make(rest.ptr + scheme_len, rest.len - scheme_len);
	struct slice authority = slice_cut(rest, '/', &base);
	struct slice name = slice_cut(authority, ':', &port);
	if (port.ptr == NULL)
		port = slice_of(secure ? "443" : "80");
	uint64_t number;
	if (name.len == 0 || name.len >= sizeof(host) || !slice_to_u64(port, &number) ||
		number == 0 || number > 65535)
		return error_set(err, E_CONFIG,
			"\"%.200s\": a host name and a port of 1 to 65535 are expected", url);
	if (base.len > 200)
		return error_set(err, E_CONFIG, "\"%.200s...\": the path is too long", url);
	while (base.len > 0 && base.ptr[base.len - 1] == '/')
		base.len--;
	snprintf(host, sizeof(host), "%.*s", SLICE_ARG(name));
	snprintf(port_text, sizeof(port_text), "%u", (unsigned)number);
	*ret_endpoint = (struct endpoint){ .secure = secure };
	snprintf(ret_endpoint->name, sizeof(ret_endpoint->name), "%s", host);
	snprintf(ret_endpoint->host, sizeof(ret_endpoint->host), "%s:%s", host, port_text);
	snprintf(ret_endpoint->path, sizeof(ret_endpoint->path), "%s%.*s%s",
		base.len > 0 ? "/" : "", (int)base.len, base.len > 0 ? base.ptr : "", path);
	return resolve(host, port_text, ret_endpoint, err);
}

enum status endpoint_secure(struct endpoint *endpoint, const char *ca_file, struct error *err)
{
	if (!endpoint->secure && ca_file != NULL)
		return error_set(err, E_CONFIG,
			"ca-file: http://%s has no certificate; expected https://", endpoint->host);
	if (!endpoint->secure)
		return OK;
	enum status s = edge_tls_open(ca_file, NULL, NULL, &endpoint->tls, err);
	if (s == OK)
		edge_tls_require_1_3(endpoint->tls);
	return s;
}

void endpoint_release(struct endpoint *endpoint)
{
	edge_tls_close(endpoint->tls);
	endpoint->tls = NULL;
}

void lane_init(struct lane *lane, const struct endpoint *endpoint)
{
	*lane = (struct lane){ .fd = -1, .endpoint = endpoint };
	buf_init(&lane->out, OUT_BYTES_MAX);
	buf_init(&lane->in, LANE_HEAD_BYTES_MAX + LANE_ANSWER_BYTES_MAX + READ_BYTES);
}

void lane_release(struct lane *lane)
{
	lane_drop(lane);
	buf_release(&lane->out);
	buf_release(&lane->in);
}

void lane_drop(struct lane *lane)
{
	edge_session_close(lane->session);
	lane->session = NULL;
	lane->shaken = false;
	if (lane->fd >= 0)
		close(lane->fd);
	lane->fd = -1;
	lane->busy = false;
}

static enum status start_connecting(struct lane *lane, int epoll, void *user, struct error *err)
{
	const struct endpoint *to = lane->endpoint;
	int one = 1;
	lane->fd = socket(to->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (lane->fd < 0)
		return error_errno(err, E_IO, "%s: no socket", to->host);
	/* A POST is one small write; waiting for more to send would only cost time. */
	(void)setsockopt(lane->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		.data.ptr = user };
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, lane->fd, &event) != 0)
		return error_errno(err, E_IO, "%s: epoll", to->host);
	if (connect(lane->fd, (const struct sockaddr *)&to->address, to->address_len) != 0 &&
		errno != EINPROGRESS)
		return error_errno(err, E_RETRY, "%s: cannot connect", to->host);
	if (to->secure)
		lane->session = edge_session_open(to->tls, lane->fd, to->name);
	if (to->secure && lane->session == NULL)
		return error_set(err, E_FULL, "%s: no TLS session", to->host);
	return OK;
}

enum status lane_post(
	struct lane *lane, int epoll, void *user, struct slice body, struct error *err)
{
	buf_reset(&lane->out);
	buf_reset(&lane->in);
	lane->sent = 0;
	lane->closes = false;
	buf_format(&lane->out,
		"POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"
		"Content-Length: %zu\r\n\r\n",
		lane->endpoint->path, lane->endpoint->host, body.len);
	buf_slice(&lane->out, body);
	if (lane->out.failed)
		return error_set(err, E_FULL, "a request of %zu bytes is too large", body.len);
	enum status s = lane->fd < 0 ? start_connecting(lane, epoll, user, err) : OK;
	if (s != OK)
		lane_drop(lane);
	lane->busy = s == OK;
	return s;
}

static enum lane_result lost(struct lane *lane, const char *what, struct error *err)
{
	error_set(err, E_RETRY, "%s: %s", lane->endpoint->host, what);
	lane_drop(lane);
	return LANE_LOST;
}

static enum lane_result lost_by_errno(struct lane *lane, const char *what, struct error *err)
{
	error_errno(err, E_RETRY, "%s: %s", lane->endpoint->host, what);
	lane_drop(lane);
	return LANE_LOST;
}

/* What became of a read or write under TLS; `err` says why it failed. LANE_ANSWERED: it is done. */
static enum lane_result secured(
	struct lane *lane, enum edge_io io, struct error *why, struct error *err)
{
	switch (io) {
	case EDGE_IO_DONE:
		return LANE_ANSWERED;
	case EDGE_IO_WANT_READ:
	case EDGE_IO_WANT_WRITE:
		return LANE_AGAIN;
	case EDGE_IO_END:
		return lost(lane, "the connection was closed before the answer", err);
	case EDGE_IO_FAILED:
		break;
	}
	error_set(err, why->status, "%s: %s", lane->endpoint->host, why->text);
	lane_drop(lane);
	return why->status == E_CONFIG ? LANE_UNTRUSTED : LANE_LOST;
}

/* Until the socket is connected there is nothing for TLS to write to. */
static bool is_connected(const struct lane *lane)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);
	return getpeername(lane->fd, (struct sockaddr *)&peer, &len) == 0;
}

static enum lane_result shake(struct lane *lane, struct error *err)
{
	struct error why = { OK, "" };
	int failure = 0;
	socklen_t len = sizeof(failure);
	if (!is_connected(lane)) {
		(void)getsockopt(lane->fd, SOL_SOCKET, SO_ERROR, &failure, &len);
		errno = failure;
		return failure == 0 ? LANE_AGAIN : lost_by_errno(lane, "cannot connect", err);
	}
	enum lane_result result =
		secured(lane, edge_session_handshake(lane->session, &why), &why, err);
	lane->shaken = result == LANE_ANSWERED;
	return result;
}

/* Sends some of `out`. LANE_ANSWERED: some was sent. */
static enum lane_result send_some(struct lane *lane, struct error *err)
{
	struct slice rest = slice_make(lane->out.ptr + lane->sent, lane->out.len - lane->sent);
	if (lane->session != NULL) {
		struct error why = { OK, "" };
		size_t len = 0;
		enum edge_io io = edge_session_write(lane->session, rest, &len, &why);
		lane->sent += len;
		return secured(lane, io, &why, err);
	}
	ssize_t n = 0;
	do
		n = send(lane->fd, rest.ptr, rest.len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == EINPROGRESS || errno == ENOTCONN))
		return LANE_AGAIN;
	if (n < 0)
		return lost_by_errno(lane, "cannot send", err);
	lane->sent += (size_t)n;
	return LANE_ANSWERED;
}

/* LANE_ANSWERED here means: all of it is sent. */
static enum lane_result push(struct lane *lane, struct error *err)
{
	enum lane_result result = LANE_ANSWERED;
	if (lane->session != NULL && !lane->shaken)
		result = shake(lane, err);
	while (result == LANE_ANSWERED && lane->sent < lane->out.len)
		result = send_some(lane, err);
	return result;
}

/* LANE_ANSWERED: some bytes came. */
static enum lane_result receive_some(struct lane *lane, struct error *err)
{
	char *room = buf_reserve(&lane->in, READ_BYTES);
	if (room == NULL)
		return lost(lane, "the answer is too long", err);
	if (lane->session != NULL) {
		struct error why = { OK, "" };
		size_t len = 0;
		enum edge_io io = edge_session_read(lane->session, room, READ_BYTES, &len, &why);
		lane->in.len += len;
		return secured(lane, io, &why, err);
	}
	ssize_t n = 0;
	do
		n = recv(lane->fd, room, READ_BYTES, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == ENOTCONN))
		return LANE_AGAIN;
	if (n < 0)
		return lost_by_errno(lane, "cannot receive", err);
	if (n == 0)
		return lost(lane, "the connection was closed before the answer", err);
	lane->in.len += (size_t)n;
	return LANE_ANSWERED;
}

struct answer_head {
	unsigned status;
	size_t len; /* of the head with its empty line */
	uint64_t body_len;
	bool has_length;
	uint64_t retry_after_s;
	bool closes;
};

static bool parse_status_line(struct slice line, struct answer_head *head)
{
	uint64_t status;
	if (line.len < 12 || !slice_starts(line, "HTTP/1.") || line.ptr[8] != ' ' ||
		!slice_to_u64(slice_make(line.ptr + 9, 3), &status))
		return false;
	head->status = (unsigned)status;
	head->closes = line.ptr[7] == '0';
	return true;
}

static bool parse_field(struct slice line, struct answer_head *head)
{
	struct slice value, name = slice_cut(line, ':', &value);
	value = slice_trim(value);
	if (slice_equal_nocase(name, "content-length")) {
		head->has_length = true;
		return slice_to_u64(value, &head->body_len) &&
		       head->body_len <= LANE_ANSWER_BYTES_MAX;
	}
	if (slice_equal_nocase(name, "connection") && slice_equal_nocase(value, "close"))
		head->closes = true;
	/* A date is allowed there too; then our own backoff has to do. */
	if (slice_equal_nocase(name, "retry-after") && !slice_to_u64(value, &head->retry_after_s))
		head->retry_after_s = 0;
	return true;
}

/* False when it is no answer that we can read. */
static bool parse_head(struct slice text, struct answer_head *head)
{
	struct slice rest = text;
	struct slice line = slice_cut(rest, '\n', &rest);
	if (!parse_status_line(line, head))
		return false;
	while (rest.len > 0) {
		line = slice_cut(rest, '\n', &rest);
		if (line.len > 0 && line.ptr[line.len - 1] == '\r')
			line.len--;
		if (line.len > 0 && !parse_field(line, head))
			return false;
	}
	return head->status < 200 || head->status == 204 || head->has_length;
}

/* Looks at what has come so far. */
static enum lane_result look(struct lane *lane, struct answer *ret_answer, struct error *err)
{
	for (;;) {
		struct answer_head head = { .len = 0 };
		const char *end = lane->in.len == 0
					  ? NULL
					  : memmem(lane->in.ptr, lane->in.len, "\r\n\r\n", 4);
		if (end == NULL && lane->in.len > LANE_HEAD_BYTES_MAX)
			return lost(lane, "the head of the answer is too long", err);
		if (end == NULL)
			return LANE_AGAIN;
		head.len = (size_t)(end - lane->in.ptr) + 4;
		if (!parse_head(slice_make(lane->in.ptr, head.len), &head))
			return lost(lane, "the answer is not HTTP/1.1 with a Content-Length", err);
		if (head.status < 200) {
			buf_consume(&lane->in, head.len);
			continue;
		}
		if (lane->in.len - head.len < head.body_len)
			return LANE_AGAIN;
		lane->closes = head.closes;
		ret_answer->status = head.status;
		ret_answer->retry_after_s = head.retry_after_s;
		ret_answer->body = slice_make(lane->in.ptr + head.len, head.body_len);
		return LANE_ANSWERED;
	}
}

/* Reads all there is, because the events are edge-triggered. */
static enum lane_result pull(struct lane *lane, struct answer *ret_answer, struct error *err)
{
	for (;;) {
		enum lane_result result = receive_some(lane, err);
		if (result == LANE_ANSWERED)
			result = look(lane, ret_answer, err);
		else
			return result;
		if (result != LANE_AGAIN)
			return result;
	}
}

/* Nothing is expected: bytes or an end here mean that the server is leaving. Under TLS the bytes
 * may be its tickets, which are nobody's answer. */
static void look_at_idle(struct lane *lane)
{
	char byte;
	size_t len;
	struct error why = { OK, "" };
	if (lane->session != NULL && lane->shaken) {
		enum edge_io io = edge_session_read(lane->session, &byte, 1, &len, &why);
		if (io != EDGE_IO_WANT_READ && io != EDGE_IO_WANT_WRITE)
			lane_drop(lane);
	} else if (lane->fd >= 0 && recv(lane->fd, &byte, 1, 0) >= 0) {
		lane_drop(lane);
	}
}

enum lane_result lane_step(struct lane *lane, struct answer *ret_answer, struct error *err)
{
	if (!lane->busy) {
		look_at_idle(lane);
		return LANE_AGAIN;
	}
	enum lane_result result = push(lane, err);
	if (result == LANE_LOST || result == LANE_UNTRUSTED)
		return result;
	if (lane->session != NULL && !lane->shaken)
		return LANE_AGAIN;
	/* An answer may come before all is sent (413), so it is looked for in any case. */
	result = pull(lane, ret_answer, err);
	if (result != LANE_ANSWERED)
		return result;
	lane->busy = false;
	if (lane->closes || lane->sent < lane->out.len)
		lane_drop(lane);
	return LANE_ANSWERED;
}
