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
	unsigned query_threads;
};

enum status api_open(const struct api_config *config, struct api **ret_api, struct error *err);
/* After the server is closed. */
void api_close(struct api *api);
/* From now on /readyz answers 200, or 503 again. */
void api_set_ready(struct api *api, bool ready);
/* For server_config: answers every request. */
void api_handle(void *api, struct http_request *request);
