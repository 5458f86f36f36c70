/* HTTP/1.1 requests to the centre, one after the other over one connection that is kept. */
#pragma once

#include "base/buf.h"
#include "edge/response.h"
#include "edge/wire.h"

struct client;

struct client_config {
	const char *url; /* "https://tills.example.com" or with a path */
	const char *ca_file, *client_cert, *client_key;
	uint64_t timeout_ms; /* of a whole exchange */
	struct clock *clock;
	/* Writes the bearer token into `buf`; nothing is sent when it stays empty. May be NULL. */
	void (*token)(void *context, struct buf *buf);
	void *context;
};

struct client_answer {
	struct response head;
	struct slice body;     /* until the next request */
	int64_t skew_ms;       /* our clock minus the server's, when has_skew */
	int64_t skew_error_ms; /* how far that may be off */
	bool has_skew;
};

/* E_CONFIG: the url or a file of TLS is wrong. */
enum status client_open(
	const struct client_config *config, struct client **ret_client, struct error *err);
void client_close(struct client *client);

/* `path` begins with a slash; `type` and `body` are NULL and empty for a GET. E_RETRY: there was no
 * (whole) answer, and what the server did is unknown. E_STOPPED after client_stop(). */
enum status client_request(struct client *client, const char *method, const char *path,
	const char *type, struct slice body, struct client_answer *ret_answer, struct error *err);
/* Any thread, once: ends what is under way and everything later. */
void client_stop(struct client *client);
