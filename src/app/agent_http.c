#include "app/agent.h"
#include "base/json.h"
#include "net/problem.h"

#include <stdio.h>
#include <string.h>

enum { ANSWER_BYTES_MAX = 8 << 20, LINES_MAX = 1000 };

void agent_submit(struct till *till, struct slice document, struct agent_answer *answer)
{
	*answer = (struct agent_answer){ .result = TILL_OK };
	answer->result = till_room(till);
	if (answer->result == TILL_OK)
		answer->result =
			till_sale_from_json(till, document.ptr, document.len, &answer->sale);
	if (answer->result == TILL_OK)
		answer->result = till_commit(answer->sale);
	if (answer->result == TILL_OK)
		snprintf(answer->key, sizeof(answer->key), "%s", till_sale_key(answer->sale));
}

static enum problem problem_of(int result)
{
	switch (result) {
	case TILL_REFUSED:
		return PROBLEM_INVALID;
	case TILL_FULL:
		return PROBLEM_STORAGE_FULL;
	case TILL_IO:
		return PROBLEM_BUSY;
	default:
		return PROBLEM_MALFORMED;
	}
}

static void write_findings(const struct till_sale *sale, struct buf *buf)
{
	const char *pointer, *rule, *sentence;
	int refuses;
	if (sale == NULL)
		return;
	json_write_name(buf, "errors");
	buf_char(buf, '[');
	for (unsigned i = 0; till_finding(sale, i, &pointer, &rule, &sentence, &refuses) == TILL_OK;
		i++) {
		if (!refuses)
			continue;
		json_write_comma(buf);
		buf_char(buf, '{');
		json_write_member_text(buf, "pointer", pointer);
		json_write_member_text(buf, "rule", rule);
		json_write_member_text(buf, "detail", sentence);
		buf_char(buf, '}');
	}
	buf_char(buf, ']');
}

/* The object that answers one document; `status` stands in it when it is one of many. */
static unsigned write_answer(const struct agent_answer *answer, bool with_status, struct buf *buf)
{
	unsigned status =
		answer->result == TILL_OK ? 202 : problem_status(problem_of(answer->result));
	if (answer->result != TILL_OK) {
		problem_begin(buf, problem_of(answer->result), till_error());
		if (answer->result == TILL_REFUSED)
			write_findings(answer->sale, buf);
	} else {
		buf_char(buf, '{');
		json_write_member_text(buf, "key", answer->key);
		json_write_member_text(buf, "status", "kept");
	}
	if (with_status)
		json_write_member_u64(buf, "status_code", status);
	buf_char(buf, '}');
	return status;
}

static void respond(struct http_request *request, unsigned status, const struct buf *buf)
{
	if (buf->failed) {
		problem_respond(request, PROBLEM_BUSY,
			"the answer is too large; what is good of the body is kept, and may be "
			"sent again in smaller parts");
		return;
	}
	struct http_response response = { .status = status,
		.content_type = status < 400 ? "application/json" : "application/problem+json",
		.body = buf_get((struct buf *)buf) };
	http_respond(request, &response);
}

static void post_one(struct till *till, struct http_request *request, struct buf *buf)
{
	struct agent_answer answer;
	agent_submit(till, http_request_body(request), &answer);
	unsigned status = write_answer(&answer, false, buf);
	till_sale_free(answer.sale);
	respond(request, status, buf);
}

/* One line one answer, in their order. */
static void post_lines(struct till *till, struct http_request *request, struct buf *buf)
{
	struct slice rest = http_request_body(request);
	unsigned count = 0;
	buf_text(buf, "{\"items\":[");
	while (rest.len > 0) {
		struct agent_answer answer;
		struct slice line = slice_cut(rest, '\n', &rest);
		if (line.len > 0 && line.ptr[line.len - 1] == '\r')
			line.len--;
		if (line.len == 0)
			continue;
		if (count == LINES_MAX) {
			problem_respond(request, PROBLEM_TOO_LARGE,
				"the body has more than %d lines; the first %d are kept", LINES_MAX,
				LINES_MAX);
			return;
		}
		agent_submit(till, line, &answer);
		buf_text(buf, count++ > 0 ? "," : "");
		write_answer(&answer, true, buf);
		till_sale_free(answer.sale);
	}
	buf_text(buf, "]}");
	if (count == 0)
		problem_respond(request, PROBLEM_MALFORMED, "the body has no line");
	else
		respond(request, 200, buf);
}

/* Forms of a web page cannot send these types across origins without being asked first. */
static void post_transactions(struct till *till, struct http_request *request)
{
	struct slice type = http_field(http_request_head(request), "Content-Type"), rest;
	struct buf buf;
	type = slice_cut(type, ';', &rest);
	bool lines = slice_equal_nocase(type, "application/x-ndjson");
	if (!lines && !slice_equal_nocase(type, "application/json")) {
		problem_respond(request, PROBLEM_UNSUPPORTED_MEDIA_TYPE,
			"Content-Type is application/json for one transaction, or "
			"application/x-ndjson for one a line");
		return;
	}
	buf_init(&buf, ANSWER_BYTES_MAX);
	if (lines)
		post_lines(till, request, &buf);
	else
		post_one(till, request, &buf);
	buf_release(&buf);
}

/* A text of libtill's as the answer; it is freed. */
static void respond_text(struct http_request *request, char *text)
{
	struct http_response response = { .status = 200, .content_type = "application/json" };
	if (text == NULL) {
		problem_respond(request, PROBLEM_BUSY, "out of memory");
		return;
	}
	response.body = slice_of(text);
	http_respond(request, &response);
	till_free(text);
}

static void get_held(struct till *till, struct http_request *request, struct slice rest)
{
	uint64_t index;
	char *text = NULL;
	if (!slice_to_u64(rest, &index) || till_held(till, index, &text) != TILL_OK)
		problem_respond(request, PROBLEM_NOT_FOUND,
			"nothing is held at this place; /v1/status says how much is");
	else
		respond_text(request, text);
}

/* "prices" of "prices" and of "prices/applied"; false when it is longer than a kind is. */
static bool take_kind(struct slice path, char *kind, size_t size, struct slice *ret_rest)
{
	struct slice name = slice_cut(path, '/', ret_rest);
	if (name.len == 0 || name.len >= size)
		return false;
	memcpy(kind, name.ptr, name.len);
	kind[name.len] = '\0';
	return true;
}

static void get_publication(struct till *till, struct http_request *request, struct slice path)
{
	char kind[64], *text = NULL;
	struct slice rest;
	uint64_t version;
	if (!take_kind(path, kind, sizeof(kind), &rest) || rest.len > 0 ||
		till_publication(till, kind, &version, &text) != TILL_OK)
		problem_respond(request, PROBLEM_NOT_FOUND,
			"there is no version of this kind yet: prices, promotions, products, "
			"rules");
	else
		respond_text(request, text);
}

/* PUT /v1/publications/prices/applied?version=7 */
static void put_applied(struct till *till, struct http_request *request, struct slice path)
{
	char kind[64], number[32];
	struct slice rest;
	uint64_t version;
	bool present = false;
	struct http_response response = { .status = 204 };
	if (!take_kind(path, kind, sizeof(kind), &rest) || !slice_is(rest, "applied")) {
		problem_respond(request, PROBLEM_NOT_FOUND, "there is nothing at this path");
		return;
	}
	if (!http_query(http_request_head(request)->query, "version", number, sizeof(number),
		    &present) ||
		!present || !slice_to_u64(slice_of(number), &version))
		problem_respond(request, PROBLEM_MALFORMED,
			"version is missing in the query: ?version=7, the one that is in use now");
	else if (till_applied(till, kind, version) != TILL_OK)
		problem_respond(request, PROBLEM_MALFORMED, "%s", till_error());
	else
		http_respond(request, &response);
}

static bool begins(struct slice path, const char *prefix, struct slice *ret_rest)
{
	size_t len = strlen(prefix);
	if (path.len < len || memcmp(path.ptr, prefix, len) != 0)
		return false;
	*ret_rest = slice_make(path.ptr + len, path.len - len);
	return true;
}

void agent_handle(void *context, struct http_request *request)
{
	struct till *till = context;
	const struct http_head *head = http_request_head(request);
	bool get = slice_is(head->method, "GET") || slice_is(head->method, "HEAD");
	struct slice rest;
	if (slice_is(head->path, "/v1/transactions") && slice_is(head->method, "POST"))
		post_transactions(till, request);
	else if (slice_is(head->path, "/v1/status") && get)
		respond_text(request, till_status(till));
	else if (begins(head->path, "/v1/held/", &rest) && get)
		get_held(till, request, rest);
	else if (begins(head->path, "/v1/publications/", &rest) && get)
		get_publication(till, request, rest);
	else if (begins(head->path, "/v1/publications/", &rest) && slice_is(head->method, "PUT"))
		put_applied(till, request, rest);
	else
		problem_respond(request, PROBLEM_NOT_FOUND,
			"the agent has POST /v1/transactions, GET /v1/status, GET /v1/held/{n}, "
			"GET "
			"/v1/publications/{kind} and PUT /v1/publications/{kind}/applied");
}
