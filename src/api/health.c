#include "api/resource.h"
#include "intake/rest.h"
#include "intake/webhooks.h"
#include "watch/metrics.h"

static void respond_json(struct http_request *request, unsigned status, const char *body)
{
	struct http_response response = {
		.status = status, .content_type = "application/json", .body = slice_of(body)
	};
	http_respond(request, &response);
}

void health_live(struct api *api, struct http_request *request)
{
	(void)api;
	respond_json(request, 200, "{\"status\":\"ok\"}");
}

void health_ready(struct api *api, struct http_request *request)
{
	if (api_ready(api))
		respond_json(request, 200, "{\"status\":\"ready\"}");
	else
		problem_respond(request, PROBLEM_STOPPING, "the server is starting or stopping");
}

void health_metrics(struct api *api, struct http_request *request)
{
	struct buf buf;
	buf_init(&buf, 1 << 20);
	metrics_write(api_sources(api), &buf);
	struct http_response response = { .status = 200,
		.content_type = "text/plain; version=0.0.4; charset=utf-8",
		.body = buf_get(&buf) };
	http_respond(request, &response);
	buf_release(&buf);
}

void intake_post(struct api *api, struct http_request *request)
{
	if (api_ready(api))
		rest_post(api_sources(api)->admission, request);
	else
		problem_respond(request, PROBLEM_STOPPING, "the server is starting or stopping");
}

void webhook_post(struct api *api, struct http_request *request)
{
	if (api_ready(api))
		webhooks_post(api_sources(api)->doors, request);
	else
		problem_respond(request, PROBLEM_STOPPING, "the server is starting or stopping");
}

void routes_get(struct api *api, struct http_request *request)
{
	struct buf buf;
	(void)api;
	buf_init(&buf, 64 << 10);
	buf_text(&buf, "{\"routes\":[");
	for (const struct route *r = routes; r->method != NULL; r++) {
		json_write_comma(&buf);
		buf_char(&buf, '{');
		json_write_member_text(&buf, "method", r->method);
		json_write_member_text(&buf, "path", r->path);
		buf_char(&buf, '}');
	}
	buf_text(&buf, "]}");
	struct http_response response = {
		.status = 200, .content_type = "application/json", .body = buf_get(&buf)
	};
	http_respond(request, &response);
	buf_release(&buf);
}
