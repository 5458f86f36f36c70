/* The API's resources: a table of routes, and the handlers behind them.
 *
 * What answers from memory (health, metrics, pages, intake) runs on the connection's loop thread.
 * What reads the state runs on the query threads, each with its own read-only connection, behind a
 * bounded queue (503 when it is full), so that a long list never delays an acknowledgement. */
#pragma once

#include "watch/sampler.h"

struct api;

struct api_config {
	struct sources *sources; /* `server` is filled in later */
	struct sampler *sampler;
	const char *state_path;
	bool development;
	const struct rule_set *rules; /* NULL: the table as it stands */
	unsigned query_threads;       /* 1 to 16 */
	uint64_t query_timeout_ms;    /* a query that takes longer ends with 503 */
};

enum status api_open(const struct api_config *config, struct api **ret_api, struct error *err);
/* Queries that run end at once and those that wait are not begun: 503. Before the server is closed,
 * which waits for its answers. */
void api_stop(struct api *api);
/* After the server is closed. */
void api_close(struct api *api);
/* From now on /readyz answers 200, or 503 again. */
void api_set_ready(struct api *api, bool ready);
/* For server_config: answers every request. */
void api_handle(void *api, struct http_request *request);
