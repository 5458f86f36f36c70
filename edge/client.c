#include "edge/client.h"

#include <stdio.h>
#include <stdlib.h>

enum { HOST_MAX = 256, PATH_MAX_BYTES = 200, READ_BYTES = 16 << 10, KEPT_BYTES = 64 << 10 };

struct client {
	struct client_config config;
	struct wire *wire;
	char host[HOST_MAX], port[8], base[PATH_MAX_BYTES + 2];
	bool host_is_v6;
	struct buf out, in;
};

static enum status bad_url(const char *url, struct error *err)
{
	return error_set(err, E_CONFIG,
		"url: \"%.200s\": an address such as https://tills.example.com or "
		"http://127.0.0.1:8080 is expected",
		url);
}

/* "name", "name:8080", "[::1]:8080" */
static bool split_authority(struct client *client, struct slice authority, bool tls)
{
	struct slice host = authority, port = slice_of(tls ? "443" : "80");
	uint64_t number;
	if (authority.len > 0 && authority.ptr[0] == '[') {
		const char *end = memchr(authority.ptr, ']', authority.len);
		if (end == NULL)
			return false;
		host = slice_make(authority.ptr + 1, (size_t)(end - authority.ptr) - 1);
		struct slice rest = slice_make(end + 1, authority.len - host.len - 2);
		client->host_is_v6 = true;
		if (rest.len > 0 && rest.ptr[0] != ':')
			return false;
		if (rest.len > 0)
			port = slice_make(rest.ptr + 1, rest.len - 1);
	} else if (memchr(authority.ptr, ':', authority.len) != NULL) {
		host = slice_cut(authority, ':', &port);
	}
	if (host.len == 0 || host.len >= HOST_MAX || !slice_to_u64(port, &number) || number < 1 ||
		number > 65535)
		return false;
	for (size_t i = 0; i < host.len; i++)
		if ((unsigned char)host.ptr[i] <= ' ' || host.ptr[i] == '@')
			return false;
	snprintf(client->host, sizeof(client->host), "%.*s", SLICE_ARG(host));
	snprintf(client->port, sizeof(client->port), "%u", (unsigned)number);
	return true;
}

static enum status split_url(struct client *client, bool *ret_tls, struct error *err)
{
	struct slice url = slice_of(client->config.url), base;
	*ret_tls = slice_starts(url, "https://");
	if (!*ret_tls && !slice_starts(url, "http://"))
		return bad_url(url.ptr, err);
	size_t skip = *ret_tls ? 8 : 7;
	struct slice authority = slice_cut(slice_make(url.ptr + skip, url.len - skip), '/', &base);
	while (base.len > 0 && base.ptr[base.len - 1] == '/')
		base.len--;
	if (base.len > PATH_MAX_BYTES || !split_authority(client, authority, *ret_tls))
		return bad_url(client->config.url, err);
	if (base.len > 0)
		snprintf(client->base, sizeof(client->base), "/%.*s", SLICE_ARG(base));
	return OK;
}

enum status client_open(
	const struct client_config *config, struct client **ret_client, struct error *err)
{
	struct client *client = calloc(1, sizeof(*client));
	bool tls;
	if (client == NULL)
		return error_set(err, E_FULL, "out of memory");
	client->config = *config;
	buf_init(&client->out, 4096);
	buf_init(&client->in, RESPONSE_HEAD_MAX + RESPONSE_BODY_MAX + READ_BYTES);
	enum status s = split_url(client, &tls, err);
	if (s == OK) {
		struct wire_config wire = { .host = client->host,
			.port = client->port,
			.tls = tls,
			.ca_file = config->ca_file,
			.client_cert = config->client_cert,
			.client_key = config->client_key,
			.clock = config->clock };
		s = wire_open(&wire, &client->wire, err);
	}
	if (s != OK) {
		client_close(client);
		return s;
	}
	*ret_client = client;
	return OK;
}

void client_close(struct client *client)
{
	if (client == NULL)
		return;
	wire_close(client->wire);
	buf_release(&client->out);
	buf_release(&client->in);
	free(client);
}

void client_stop(struct client *client)
{
	wire_stop(client->wire);
}

static enum status write_head(struct client *client, const char *method, const char *path,
	const char *type, size_t body_len, struct error *err)
{
	struct buf *out = &client->out;
	const char *open = client->host_is_v6 ? "[" : "", *close = client->host_is_v6 ? "]" : "";
	buf_reset(out);
	buf_format(out, "%s %s%s HTTP/1.1\r\nHost: %s%s%s:%s\r\nUser-Agent: libtill\r\n", method,
		client->base, path, open, client->host, close, client->port);
	if (type != NULL)
		buf_format(out, "Content-Type: %s\r\nContent-Length: %zu\r\n", type, body_len);
	if (client->config.token != NULL) {
		size_t before = out->len;
		buf_text(out, "Authorization: Bearer ");
		size_t at = out->len;
		client->config.token(client->config.context, out);
		for (size_t i = at; i < out->len; i++)
			if ((unsigned char)out->ptr[i] <= ' ' || out->ptr[i] == 0x7f)
				return error_set(
					err, E_RETRY, "the token has a byte that no token has");
		if (out->len == at)
			out->len = before;
		else
			buf_text(out, "\r\n");
	}
	buf_text(out, "\r\n");
	return out->failed ? error_set(err, E_RETRY, "the token or path is too long") : OK;
}

/* Reads until the final answer is whole; 1xx ones are stepped over. */
static enum status receive(struct client *client, struct client_answer *answer, struct error *err)
{
	struct buf *in = &client->in;
	bool ended = false;
	for (;;) {
		enum status s = response_head(buf_get(in), &answer->head, err);
		if (s == OK && answer->head.status < 200) {
			buf_consume(in, answer->head.head_len);
			continue;
		}
		if (s == OK)
			s = response_body(
				&answer->head, in->ptr, in->len, ended, &answer->body, err);
		if (s == OK)
			return OK;
		if (s == E_INPUT)
			return E_RETRY;
		if (ended)
			return error_set(err, E_RETRY, "%s closed the connection without an answer",
				client->host);
		size_t len;
		char *at = buf_reserve(in, READ_BYTES);
		if (at == NULL)
			return error_set(err, E_RETRY, "the answer is too large");
		s = wire_receive(client->wire, at, READ_BYTES, &len, err);
		if (s != OK)
			return s;
		in->len += len;
		ended = len == 0;
	}
}

static enum status exchange(
	struct client *client, struct slice body, struct client_answer *answer, struct error *err)
{
	enum status s = wire_connect(client->wire, client->config.timeout_ms, err);
	if (s != OK)
		return s;
	wire_deadline(client->wire, client->config.timeout_ms);
	s = wire_send(client->wire, buf_get(&client->out), err);
	if (s == OK)
		s = wire_send(client->wire, body, err);
	return s == OK ? receive(client, answer, err) : s;
}

/* The server wrote its Date, cut to a second, somewhere between our two looks at the clock. */
static void measure_skew(struct client_answer *answer, int64_t before_ms, int64_t after_ms)
{
	answer->has_skew = answer->head.date_ms != 0 && after_ms >= before_ms;
	if (!answer->has_skew)
		return;
	answer->skew_ms = (before_ms + after_ms) / 2 - (answer->head.date_ms + 500);
	answer->skew_error_ms = (after_ms - before_ms) / 2 + 500;
}

enum status client_request(struct client *client, const char *method, const char *path,
	const char *type, struct slice body, struct client_answer *ret_answer, struct error *err)
{
	struct clock *clock = client->config.clock;
	*ret_answer = (struct client_answer){ 0 };
	if (client->in.size > KEPT_BYTES)
		buf_release(&client->in);
	buf_reset(&client->in);
	if (wire_connected(client->wire) && !wire_alive(client->wire))
		wire_drop(client->wire);
	enum status s = write_head(client, method, path, type, body.len, err);
	if (s != OK)
		return s;
	int64_t before = clock->wall_ms(clock);
	s = exchange(client, body, ret_answer, err);
	if (s == OK)
		measure_skew(ret_answer, before, clock->wall_ms(clock));
	if (s != OK || !ret_answer->head.keep_alive ||
		(!ret_answer->head.chunked && !ret_answer->head.has_length))
		wire_drop(client->wire);
	return s;
}
