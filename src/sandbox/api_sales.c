#include "sandbox/api.h"

/* A sale of the request that is right and will be kept. */
struct accepted {
	struct accepted *next;
	struct sale sale;
	size_t start, len; /* of its line in api->lines */
};

/* One POST /api/sales while it is read. */
struct posting_run {
	struct sandbox_api *api;
	struct reply *reply; /* the results are written while the sales are read */
	char at[TIME_TEXT_MAX];
	struct accepted *first, **last;
	uint32_t accepted_count, count;
};

static enum status accept_sale(struct posting_run *run, const struct sale *sale, struct error *err)
{
	struct buf *lines = &run->api->lines, *body = &run->reply->body;
	char number[SALE_NUMBER_MAX];
	struct accepted *accepted = arena_new(&run->api->arena, struct accepted);
	if (accepted == NULL)
		return error_set(err, E_FULL, "the request needs too much memory");
	sandbox_state_number(run->api->state.documents.count + run->accepted_count, number);
	accepted->sale = *sale;
	accepted->start = lines->len;
	sale_write(sale, slice_of(number), slice_of(run->at), lines);
	accepted->len = lines->len - accepted->start;
	buf_char(lines, '\n');
	*run->last = accepted;
	run->last = &accepted->next;
	run->accepted_count++;
	json_write_member(body, "reference", sale->reference);
	json_write_member_text(body, "status", "created");
	json_write_member_text(body, "number", number);
	return lines->failed ? error_set(err, E_FULL, "the sales are longer than 64 MiB") : OK;
}

static void refuse_sale(struct posting_run *run, const struct sale *sale, const struct error *why)
{
	struct buf *body = &run->reply->body;
	json_write_member(body, "reference", sale->reference);
	json_write_member_text(body, "status", "refused");
	json_write_member_text(body, "error", why->text);
}

static enum status read_sales(struct posting_run *run, struct json *json, struct error *err)
{
	struct buf *body = &run->reply->body;
	if (!json_array(json))
		return error_set(err, E_CORRUPT, "sales: %s", json->problem);
	while (json_element(json)) {
		struct sale sale;
		if (run->count++ == API_SALES_MAX)
			return error_set(
				err, E_FULL, "more than %d sales in one request", API_SALES_MAX);
		enum status s = sale_read(json, false, &sale, err);
		if (s != OK && s != E_INPUT)
			return s;
		if (s == OK && faults_strike(run->api->faults.refuse, &run->api->random))
			s = error_set(err, E_INPUT, "the sandbox ERP was told to refuse this sale");
		json_write_comma(body);
		buf_char(body, '{');
		if (s == E_INPUT)
			refuse_sale(run, &sale, err);
		else
			s = accept_sale(run, &sale, err);
		buf_char(body, '}');
		if (s != OK && s != E_INPUT)
			return s;
	}
	return OK;
}

/* {"sales": [...]} and nothing else. */
static enum status read_request(struct posting_run *run, struct slice text, struct error *err)
{
	struct json json;
	struct slice name;
	bool seen = false;
	enum status s = OK;
	json_init(&json, text, &run->api->arena);
	json_object(&json);
	while (json.problem == NULL && json_member(&json, &name)) {
		if (!slice_is(name, "sales") || seen)
			return error_set(err, E_CORRUPT, "one member \"sales\" is expected");
		seen = true;
		s = read_sales(run, &json, err);
		if (s != OK)
			return s;
	}
	if (json.problem == NULL)
		json_end(&json);
	if (json.problem != NULL)
		return error_set(err, E_CORRUPT, "byte %zu: %s", json_offset(&json), json.problem);
	if (!seen)
		return error_set(err, E_CORRUPT, "\"sales\" is missing");
	return OK;
}

/* All of them with one write and one sync; only then do they exist. */
static enum status keep(struct posting_run *run, struct error *err)
{
	struct sandbox_api *api = run->api;
	uint64_t base = sandbox_log_end(api->log);
	if (run->first == NULL)
		return OK;
	enum status s = sandbox_log_append(api->log, buf_get(&api->lines), err);
	for (struct accepted *a = run->first; s == OK && a != NULL; a = a->next)
		s = sandbox_state_apply(&api->state, &a->sale, base + a->start, a->len, err);
	/* What is in the file now is only known after it has been read again. */
	api->broken = s != OK;
	return s;
}

/* The faults that come after everything is saved. */
static void strike(struct sandbox_api *api, struct reply *reply)
{
	if (faults_strike(api->faults.error_after_apply, &api->random))
		reply_problem(reply, PROBLEM_INTERNAL,
			"the sandbox ERP was told to fail after the sales were saved");
	reply->lost = faults_strike(api->faults.lost_answer, &api->random);
}

static void refuse_request(struct reply *reply, enum status s, const struct error *err)
{
	reply_problem(reply, s == E_FULL ? PROBLEM_TOO_LARGE : PROBLEM_MALFORMED, "%s", err->text);
}

void sandbox_api_post_sales(struct sandbox_api *api, struct slice body, struct reply *reply)
{
	struct posting_run run = { .api = api, .reply = reply };
	struct error err;
	run.last = &run.first;
	timestamp_print_utc(api->clock->wall_ms(api->clock), run.at);
	buf_text(&reply->body, "{\"results\":[");
	enum status s = read_request(&run, body, &err);
	buf_text(&reply->body, "]}");
	if (s != OK) {
		refuse_request(reply, s, &err);
		return;
	}
	if (keep(&run, &err) != OK) {
		reply_problem(reply, PROBLEM_INTERNAL, "%s", err.text);
		return;
	}
	strike(api, reply);
}

/* Appends the documents with this reference. */
static enum status write_found(
	struct sandbox_api *api, struct slice reference, struct buf *body, struct error *err)
{
	uint32_t places[API_COPIES_MAX];
	uint32_t count = sandbox_state_find(&api->state, reference, places, API_COPIES_MAX);
	for (uint32_t i = 0; i < count; i++) {
		const struct document *document = sandbox_state_document(&api->state, places[i]);
		json_write_comma(body);
		enum status s =
			sandbox_log_read(api->log, document->offset, document->len, body, err);
		if (s != OK)
			return s;
	}
	return OK;
}

static enum status search(
	struct sandbox_api *api, struct json *json, struct buf *body, struct error *err)
{
	struct slice reference;
	unsigned count = 0;
	if (!json_array(json))
		return error_set(err, E_CORRUPT, "references: %s", json->problem);
	while (json_element(json)) {
		if (count++ == API_REFERENCES_MAX)
			return error_set(err, E_FULL, "more than %d references in one request",
				API_REFERENCES_MAX);
		if (!json_string(json, &reference))
			return error_set(err, E_CORRUPT, "references: %s", json->problem);
		enum status s = write_found(api, reference, body, err);
		if (s != OK)
			return s;
	}
	return OK;
}

void sandbox_api_search_sales(struct sandbox_api *api, struct slice body, struct reply *reply)
{
	struct json json;
	struct slice name;
	struct error err;
	enum status s = OK;
	json_init(&json, body, &api->arena);
	buf_text(&reply->body, "{\"sales\":[");
	if (!json_object(&json) || !json_member(&json, &name) || !slice_is(name, "references"))
		s = error_set(&err, E_CORRUPT, "one member \"references\" is expected");
	else
		s = search(api, &json, &reply->body, &err);
	if (s == OK && (json_member(&json, &name) || json.problem != NULL || !json_end(&json)))
		s = error_set(&err, E_CORRUPT, "one member \"references\" is expected");
	buf_text(&reply->body, "]}");
	if (s != OK)
		refuse_request(reply, s, &err);
}

void sandbox_api_get_sale(struct sandbox_api *api, struct slice number, struct reply *reply)
{
	uint32_t at;
	struct error err;
	if (!sandbox_state_place(&api->state, number, &at)) {
		reply_problem(reply, PROBLEM_NOT_FOUND, "there is no sale %.*s",
			SLICE_ARG(sale_excerpt(number)));
		return;
	}
	const struct document *document = sandbox_state_document(&api->state, at);
	if (sandbox_log_read(api->log, document->offset, document->len, &reply->body, &err) != OK)
		reply_problem(reply, PROBLEM_INTERNAL, "%s", err.text);
}
