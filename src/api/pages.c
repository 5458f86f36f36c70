#include "api/assets.h"
#include "api/resource.h"

/* The page loads nothing from anywhere else, and nobody may frame it. */
static const char page_headers[] =
	"Cache-Control: no-cache\r\n"
	"Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
	"img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
	"frame-ancestors 'none'\r\n"
	"Referrer-Policy: no-referrer\r\n";

void page_get(struct api *api, struct http_request *request)
{
	const struct http_head *head = http_request_head(request);
	(void)api;
	bool reads = slice_is(head->method, "GET") || slice_is(head->method, "HEAD");
	for (const struct asset *asset = assets; asset->path != NULL; asset++) {
		if (!reads || !slice_is(head->path, asset->path))
			continue;
		struct http_response response = {
			.status = 200,
			.content_type = asset->content_type,
			.headers = page_headers,
			.body = slice_make(asset->bytes, asset->len),
		};
		http_respond(request, &response);
		return;
	}
	problem_respond(request, PROBLEM_NOT_FOUND,
		"%.*s is not a path of this API; see /openapi.yaml",
		head->path.len > 200 ? 200 : (int)head->path.len, head->path.ptr);
}
