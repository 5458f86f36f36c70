#include "sandbox/api.h"

#include <stdlib.h>

/* One line of the log while the state is rebuilt. */
static enum status replay(void *context, struct slice line, uint64_t offset, struct error *err)
{
	struct sandbox_api *api = context;
	struct sale sale;
	struct json json;
	char number[SALE_NUMBER_MAX];
	arena_reset(&api->arena);
	json_init(&json, line, &api->arena);
	enum status s = sale_read(&json, true, &sale, err);
	if (s == OK && !json_end(&json))
		s = error_set(err, E_CORRUPT, "%s", json.problem);
	sandbox_state_number(api->state.documents.count, number);
	if (s == OK && !slice_is(sale.number, number))
		s = error_set(err, E_CORRUPT, "found number %.*s where %s is next",
			SLICE_ARG(sale.number), number);
	if (s == OK)
		s = sandbox_state_apply(&api->state, &sale, offset, line.len, err);
	if (s == E_INPUT)
		err->status = E_CORRUPT; /* it was right when it was written */
	if (s != OK)
		return error_wrap(
			err, "sandbox.log: the line at byte %llu", (unsigned long long)offset);
	return OK;
}

enum status sandbox_api_open(const char *folder, uint64_t seed, struct clock *clock,
	struct sandbox_api **ret_api, struct error *err)
{
	struct sandbox_api *api = calloc(1, sizeof(*api));
	if (api == NULL)
		return error_set(err, E_FULL, "out of memory for the sandbox ERP");
	api->clock = clock;
	random_init(&api->random, seed);
	sandbox_state_init(&api->state);
	arena_init(&api->arena, API_ARENA_BYTES_MAX);
	buf_init(&api->lines, LOG_LINE_BYTES_MAX);
	enum status s = sandbox_log_open(folder, &api->log, err);
	if (s == OK)
		s = sandbox_log_replay(api->log, replay, api, err);
	if (s == OK)
		s = delay_open(&api->delay, err);
	if (s != OK) {
		sandbox_api_close(api);
		return s;
	}
	*ret_api = api;
	return OK;
}

void sandbox_api_close(struct sandbox_api *api)
{
	if (api == NULL)
		return;
	delay_close(api->delay);
	sandbox_log_close(api->log);
	sandbox_state_release(&api->state);
	arena_release(&api->arena);
	buf_release(&api->lines);
	free(api);
}

enum status sandbox_api_read_document(
	struct sandbox_api *api, uint32_t at, struct sale *ret_sale, struct error *err)
{
	const struct document *document = sandbox_state_document(&api->state, at);
	struct json json;
	buf_reset(&api->lines);
	arena_reset(&api->arena);
	enum status s =
		sandbox_log_read(api->log, document->offset, document->len, &api->lines, err);
	if (s != OK)
		return s;
	json_init(&json, buf_get(&api->lines), &api->arena);
	s = sale_read(&json, true, ret_sale, err);
	return s == E_INPUT ? error_set(err, E_CORRUPT, "sandbox.log has changed") : s;
}

static void put_faults(struct sandbox_api *api, struct slice body, struct reply *reply)
{
	struct error err;
	if (faults_read(body, &api->arena, &api->faults, &err) != OK)
		reply_problem(reply, PROBLEM_MALFORMED, "%s", err.text);
	else
		faults_write(&api->faults, &reply->body);
}

enum route {
	ROUTE_NONE,
	ROUTE_SALES,
	ROUTE_SEARCH,
	ROUTE_SALE,
	ROUTE_STOCK,
	ROUTE_LEDGER,
	ROUTE_SUMMARY,
	ROUTE_FAULTS,
};

#define SALE_PREFIX "/api/sales/"

static enum route find_route(struct slice path)
{
	static const struct {
		const char *path;
		enum route route;
	} rows[] = {
		{ "/api/sales", ROUTE_SALES },
		{ SALE_PREFIX "search", ROUTE_SEARCH },
		{ "/api/stock", ROUTE_STOCK },
		{ "/api/ledger", ROUTE_LEDGER },
		{ "/api/summary", ROUTE_SUMMARY },
		{ "/api/faults", ROUTE_FAULTS },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (slice_is(path, rows[i].path))
			return rows[i].route;
	return slice_starts(path, SALE_PREFIX) ? ROUTE_SALE : ROUTE_NONE;
}

/* The method that a route is for; faults have two. */
static bool allows(enum route route, struct slice method)
{
	switch (route) {
	case ROUTE_SALES:
	case ROUTE_SEARCH:
		return slice_is(method, "POST");
	case ROUTE_FAULTS:
		return slice_is(method, "GET") || slice_is(method, "PUT");
	default:
		return slice_is(method, "GET");
	}
}

static void route_to(struct sandbox_api *api, enum route route, struct http_request *request,
	struct reply *reply)
{
	const struct http_head *head = http_request_head(request);
	struct slice body = http_request_body(request), path = head->path;
	const size_t prefix = sizeof(SALE_PREFIX) - 1;
	switch (route) {
	case ROUTE_SALES:
		sandbox_api_post_sales(api, body, reply);
		return;
	case ROUTE_SEARCH:
		sandbox_api_search_sales(api, body, reply);
		return;
	case ROUTE_SALE:
		sandbox_api_get_sale(api, slice_make(path.ptr + prefix, path.len - prefix), reply);
		return;
	case ROUTE_STOCK:
		sandbox_api_get_stock(api, head->query, reply);
		return;
	case ROUTE_LEDGER:
		sandbox_api_get_ledger(api, head->query, reply);
		return;
	case ROUTE_SUMMARY:
		sandbox_api_get_summary(api, reply);
		return;
	case ROUTE_FAULTS:
		if (slice_is(head->method, "PUT"))
			put_faults(api, body, reply);
		else
			faults_write(&api->faults, &reply->body);
		return;
	case ROUTE_NONE:
		break;
	}
	reply_problem(reply, PROBLEM_NOT_FOUND, "there is nothing at %.*s",
		SLICE_ARG(sale_excerpt(path)));
}

static void answer(struct sandbox_api *api, enum route route, struct http_request *request,
	struct reply *reply)
{
	struct slice method = http_request_head(request)->method;
	bool throttles = route == ROUTE_SALES || route == ROUTE_SEARCH;
	if (api->faults.down && route != ROUTE_FAULTS)
		reply_problem(reply, PROBLEM_BUSY, "the sandbox ERP was told to be down");
	else if (api->broken && route != ROUTE_FAULTS)
		/* What the last write left in the file is not known; a search that finds nothing
		 * would be a lie that leads to a double posting. */
		reply_problem(reply, PROBLEM_STORAGE_FULL,
			"sandbox.log could not be written; start the sandbox ERP again");
	else if (throttles && faults_strike(api->faults.throttle, &api->random))
		reply_throttled(reply);
	else if (route != ROUTE_NONE && !allows(route, method))
		reply_problem(reply, PROBLEM_METHOD_NOT_ALLOWED, "%.*s is not allowed here",
			SLICE_ARG(sale_excerpt(method)));
	else
		route_to(api, route, request, reply);
}

void sandbox_api_handle(void *context, struct http_request *request)
{
	struct sandbox_api *api = context;
	struct reply reply;
	enum route route = find_route(http_request_head(request)->path);
	reply_init(&reply);
	arena_reset(&api->arena);
	buf_reset(&api->lines);
	answer(api, route, request, &reply);
	if (api->faults.slow_ms > 0 && route != ROUTE_FAULTS)
		delay_send(api->delay, &reply, request, api->faults.slow_ms);
	else
		reply_send(&reply, request);
	reply_release(&reply);
}
