#include "intake/rest.h"

#include "base/check.h"
#include "base/json.h"
#include "net/problem.h"
#include "retail/record.h"
#include "retail/rules.h"

#include <pthread.h>
#include <stdlib.h>

enum {
	SCRATCH_BYTES_MAX = 32 << 20,
	RECORDS_BYTES_MAX = 64 << 20,
	ANSWER_BYTES_MAX = 16 << 20,
	SPARE_MAX = 512, /* submissions kept for the next request */
	KEPT_BYTES_MAX = 256 << 10,
};

/* What became of one line before the acceptor saw it. */
struct line_state {
	bool submitted;
	enum problem problem;        /* when it was not */
	size_t text_start, text_len; /* in `texts`: the problem's members, or the findings */
	uint32_t item;               /* of the work, when it was */
	size_t record_start, record_len;
};

/* One request on its way. Reused, because its buffers are what a request costs. */
struct submission {
	struct submission *next;
	struct rest *rest;
	struct http_request *request;
	bool many;
	struct arena scratch; /* of the line that is being decoded */
	struct buf records;   /* the journal's payloads, one behind the other */
	struct buf texts;
	struct line_state *lines;
	struct accept_item *items;
	uint32_t line_count, line_size;
	struct accept_work work;
};

struct rest {
	struct rest_config config;
	struct rest_counters counters;
	pthread_mutex_t lock;
	struct submission *spare; /* lock */
	unsigned spare_count;     /* lock */
};

enum status rest_open(const struct rest_config *config, struct rest **ret_rest, struct error *err)
{
	struct rest *rest = calloc(1, sizeof(*rest));
	if (rest == NULL)
		return error_set(err, E_FULL, "intake: out of memory");
	rest->config = *config;
	pthread_mutex_init(&rest->lock, NULL);
	*ret_rest = rest;
	return OK;
}

static void submission_free(struct submission *s)
{
	arena_release(&s->scratch);
	buf_release(&s->records);
	buf_release(&s->texts);
	free(s->lines);
	free(s->items);
	free(s);
}

void rest_close(struct rest *rest)
{
	if (rest == NULL)
		return;
	while (rest->spare != NULL) {
		struct submission *next = rest->spare->next;
		submission_free(rest->spare);
		rest->spare = next;
	}
	pthread_mutex_destroy(&rest->lock);
	free(rest);
}

const struct rest_counters *rest_counters(const struct rest *rest)
{
	return &rest->counters;
}

static struct submission *submission_take(struct rest *rest)
{
	pthread_mutex_lock(&rest->lock);
	struct submission *s = rest->spare;
	if (s != NULL) {
		rest->spare = s->next;
		rest->spare_count--;
	}
	pthread_mutex_unlock(&rest->lock);
	if (s != NULL)
		return s;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return NULL;
	s->rest = rest;
	arena_init(&s->scratch, SCRATCH_BYTES_MAX);
	buf_init(&s->records, RECORDS_BYTES_MAX);
	buf_init(&s->texts, ANSWER_BYTES_MAX);
	return s;
}

static void submission_give_back(struct submission *s)
{
	struct rest *rest = s->rest;
	bool small = s->records.size <= KEPT_BYTES_MAX && s->texts.size <= KEPT_BYTES_MAX;
	arena_reset(&s->scratch);
	buf_reset(&s->records);
	buf_reset(&s->texts);
	s->line_count = 0;
	pthread_mutex_lock(&rest->lock);
	bool keep = small && rest->spare_count < SPARE_MAX;
	if (keep) {
		s->next = rest->spare;
		rest->spare = s;
		rest->spare_count++;
	}
	pthread_mutex_unlock(&rest->lock);
	if (!keep)
		submission_free(s);
}

/* Room for the next line; NULL without memory. */
static struct line_state *add_line(struct submission *s)
{
	if (s->line_count == s->line_size) {
		uint32_t size = s->line_size == 0 ? 1 : s->line_size * 8;
		void *lines = realloc(s->lines, size * sizeof(*s->lines));
		if (lines != NULL)
			s->lines = lines;
		void *items = realloc(s->items, size * sizeof(*s->items));
		if (items != NULL)
			s->items = items;
		if (lines == NULL || items == NULL)
			return NULL;
		s->line_size = size;
	}
	s->lines[s->line_count] = (struct line_state){ 0 };
	return &s->lines[s->line_count++];
}

static void problem_line(struct submission *s, struct line_state *line, enum problem problem,
	const char *detail, const struct findings *findings)
{
	line->problem = problem;
	line->text_start = s->texts.len;
	problem_begin(&s->texts, problem, detail);
	if (findings != NULL) {
		json_write_name(&s->texts, "errors");
		findings_write(findings, true, &s->texts);
		if (findings->dropped > 0)
			json_write_member_u64(&s->texts, "errors_not_shown", findings->dropped);
	}
	line->text_len = s->texts.len - line->text_start;
	if (findings == NULL || findings->count > 0)
		atomic_fetch_add(&s->rest->counters.refused_total, 1);
}

/* What only this server knows of: its stores, and what it cannot do. */
static void check_here(struct rest *rest, const struct transaction *t, struct findings *findings)
{
	if (rest->config.store_known != NULL &&
		!rest->config.store_known(rest->config.context, t->key.store))
		findings_add(findings, "store.unknown", true, "/store",
			"\"%.*s\" is not a store of the configuration", SLICE_ARG(t->key.store));
	if (t->revision > 1)
		findings_add(findings, "revision.unsupported", true, "/revision",
			"is %llu; this version takes first revisions only",
			(unsigned long long)t->revision);
}

static bool decode_failed(struct submission *s, struct line_state *line, enum status status,
	const struct findings *findings)
{
	if (status == OK)
		return false;
	const struct finding *first = &findings->items[0];
	if (status == E_FULL || findings->count == 0)
		problem_line(
			s, line, PROBLEM_TOO_LARGE, "the document needs too much memory", NULL);
	else if (strcmp(first->rule, "json") == 0)
		problem_line(s, line, PROBLEM_MALFORMED, first->detail, NULL);
	else
		problem_line(s, line, PROBLEM_INVALID,
			"the document is not a transaction; errors says where", findings);
	return true;
}

static void write_record(struct submission *s, struct line_state *line, const struct transaction *t,
	const struct hash *hash, struct slice findings, struct slice document)
{
	struct record record = {
		.key = t->key,
		.revision = t->revision,
		.hash = *hash,
		.source = SLICE("rest"),
		.findings = findings,
		.document = document,
	};
	line->submitted = true;
	line->record_start = s->records.len;
	line->item = s->work.count++;
	record_encode(&record, &s->records);
	line->record_len = s->records.len - line->record_start;
}

/* Decodes and checks one document; what is good stands in `records` afterwards. */
static void take_line(struct submission *s, struct line_state *line, struct slice document)
{
	struct findings findings = { .count = 0 };
	struct transaction t;
	struct hash hash;
	arena_reset(&s->scratch);
	if (document.len > TRANSACTION_BYTES_MAX) {
		problem_line(s, line, PROBLEM_TOO_LARGE,
			"a transaction is larger than 1048576 bytes", NULL);
		return;
	}
	enum status status = transaction_decode(document, &s->scratch, &t, &findings);
	if (decode_failed(s, line, status, &findings))
		return;
	check_here(s->rest, &t, &findings);
	transaction_check(&t, &findings);
	if (findings.refusing > 0) {
		problem_line(s, line, PROBLEM_INVALID,
			"the transaction breaks a rule; errors says which", &findings);
		return;
	}
	if (transaction_hash(&t, document, &s->scratch, &hash) != OK) {
		problem_line(
			s, line, PROBLEM_TOO_LARGE, "the document needs too much memory", NULL);
		return;
	}
	line->text_start = s->texts.len;
	if (findings.count > 0)
		findings_write(&findings, false, &s->texts);
	line->text_len = s->texts.len - line->text_start;
	if (t.unknown_count > 0)
		atomic_fetch_add(&s->rest->counters.unknown_fields_total, t.unknown_count);
	write_record(s, line, &t, &hash,
		slice_make(s->texts.ptr + line->text_start, line->text_len), document);
}

/* `records` has stopped growing: now its bytes can be pointed at. */
static void point_items(struct submission *s)
{
	for (uint32_t i = 0; i < s->line_count; i++) {
		struct line_state *line = &s->lines[i];
		if (!line->submitted)
			continue;
		struct record record;
		struct slice payload =
			slice_make(s->records.ptr + line->record_start, line->record_len);
		check(record_decode(payload, &record, NULL) == OK);
		s->items[line->item] = (struct accept_item){
			.payload = payload,
			.has_identity = true,
			.key = record.key,
			.revision = record.revision,
			.fingerprint = record_fingerprint(&record.hash),
		};
	}
}

static enum problem not_accepted_problem(enum status status)
{
	switch (status) {
	case E_FULL:
		return PROBLEM_STORAGE_FULL;
	case E_INPUT:
		return PROBLEM_CONFLICT;
	case E_RETRY:
		return PROBLEM_BUSY;
	default:
		return PROBLEM_STOPPING;
	}
}

/* Opens the object of one line's answer; in NDJSON its first member is the status. */
static void begin_object(const struct submission *s, unsigned status, struct buf *buf)
{
	buf_char(buf, '{');
	if (s->many)
		json_write_member_u64(buf, "status_code", status);
}

/* What problem_begin() wrote, without its opening brace. */
static void add_problem(struct slice members, struct buf *buf)
{
	json_write_comma(buf);
	buf_append(buf, members.ptr + 1, members.len - 1);
}

static void write_problem(const struct submission *s, const struct accept_item *item,
	struct slice key, enum problem problem, struct buf *buf)
{
	struct buf members;
	bool conflict = item->outcome == CONFLICT;
	buf_init(&members, 4096);
	problem_begin(&members, problem,
		conflict ? "this key was accepted with other content; both are kept, do not resend"
			 : s->work.err.text);
	begin_object(s, problem_status(problem), buf);
	add_problem(buf_get(&members), buf);
	buf_release(&members);
	json_write_member(buf, "key", key);
	if (conflict)
		buf_format(buf, ",\"exception\":\"%llu-0\"", (unsigned long long)item->number);
	buf_char(buf, '}');
}

static void write_accepted(const struct submission *s, const struct line_state *line,
	const struct accept_item *item, struct slice key, unsigned status, struct buf *buf)
{
	char receipt[RECEIPT_TEXT_MAX];
	receipt_print(item->number, &item->fingerprint, receipt);
	begin_object(s, status, buf);
	json_write_member(buf, "key", key);
	json_write_member_text(buf, "status", "accepted");
	json_write_member_text(buf, "receipt", receipt);
	json_write_member_bool(buf, "duplicate", item->outcome == DUPLICATE);
	if (line->text_len > 0)
		json_write_member_raw(buf, "exceptions",
			slice_make(s->texts.ptr + line->text_start, line->text_len));
	buf_char(buf, '}');
}

/* The body for one line; returns its HTTP status. */
static unsigned write_line_answer(
	const struct submission *s, const struct line_state *line, struct buf *buf)
{
	if (!line->submitted) {
		unsigned refused = problem_status(line->problem);
		begin_object(s, refused, buf);
		add_problem(slice_make(s->texts.ptr + line->text_start, line->text_len), buf);
		buf_char(buf, '}');
		return refused;
	}
	const struct accept_item *item = &s->items[line->item];
	char key_text[KEY_TEXT_MAX];
	struct slice key_slice = slice_make(key_text, key_print(&item->key, key_text));
	if (item->outcome == CONFLICT || item->outcome == NOT_ACCEPTED) {
		enum problem problem = item->outcome == CONFLICT
					       ? PROBLEM_CONFLICT
					       : not_accepted_problem(item->status);
		write_problem(s, item, key_slice, problem, buf);
		return problem_status(problem);
	}
	unsigned status = item->outcome == ACCEPTED ? 201 : 200;
	write_accepted(s, line, item, key_slice, status, buf);
	return status;
}

static enum problem problem_of_status(unsigned status, const struct submission *s)
{
	if (!s->lines[0].submitted)
		return s->lines[0].problem;
	return status == 409 ? PROBLEM_CONFLICT
			     : not_accepted_problem(s->items[s->lines[0].item].status);
}

static void count_answer(struct rest *rest, struct http_request *request, unsigned status)
{
	uint64_t took_ns = rest->config.clock->monotonic_ns(rest->config.clock) -
			   http_request_arrived_ns(request);
	histogram_add(&rest->counters.acknowledge, took_ns / 1000);
	if (status == 503 || status == 507)
		atomic_fetch_add(&rest->counters.busy_total, 1);
}

static void answer_one(struct submission *s, struct buf *buf)
{
	unsigned status = write_line_answer(s, &s->lines[0], buf);
	count_answer(s->rest, s->request, status);
	if (status >= 400) {
		problem_send(s->request, problem_of_status(status, s), buf);
		return;
	}
	struct http_response response = {
		.status = status, .content_type = "application/json", .body = buf_get(buf)
	};
	http_respond(s->request, &response);
}

static void answer_many(struct submission *s, struct buf *buf)
{
	for (uint32_t i = 0; i < s->line_count; i++) {
		write_line_answer(s, &s->lines[i], buf);
		buf_char(buf, '\n');
	}
	count_answer(s->rest, s->request, 200);
	struct http_response response = {
		.status = 200, .content_type = "application/x-ndjson", .body = buf_get(buf)
	};
	http_respond(s->request, &response);
}

/* On the loop thread, when all lines have their outcome. The scratch arena's memory is free now,
 * but the answer goes into a buffer of its own: it can be larger than any arena chunk. */
static void answer(struct http_request *request)
{
	struct submission *s = http_request_user(request);
	struct buf buf;
	buf_init(&buf, ANSWER_BYTES_MAX);
	if (s->many)
		answer_many(s, &buf);
	else
		answer_one(s, &buf);
	buf_release(&buf);
	submission_give_back(s);
}

static void durable(struct accept_work *work)
{
	struct submission *s = work->context;
	http_resume(s->request, answer);
}

static void submit(struct submission *s)
{
	if (s->work.count == 0) {
		answer(s->request);
		return;
	}
	point_items(s);
	s->work.items = s->items;
	s->work.done = durable;
	s->work.context = s;
	enum status status = acceptor_submit(s->rest->config.acceptor, &s->work);
	if (status == OK)
		return;
	atomic_fetch_add(&s->rest->counters.busy_total, 1);
	problem_respond(s->request, status == E_FULL ? PROBLEM_BUSY : PROBLEM_STOPPING,
		"%s; nothing of this request was kept",
		status == E_FULL ? "the journal's queue is full" : "the server is stopping");
	submission_give_back(s);
}

/* False when the request was refused as a whole, with its answer sent. */
static bool take_lines(struct submission *s, struct slice body)
{
	while (body.len > 0) {
		struct slice rest, text = slice_cut(body, '\n', &rest);
		body = rest;
		if (text.len > 0 && text.ptr[text.len - 1] == '\r')
			text.len--;
		if (slice_trim(text).len == 0)
			continue;
		struct line_state *line = s->line_count < NDJSON_LINES_MAX ? add_line(s) : NULL;
		if (line == NULL) {
			problem_respond(s->request, PROBLEM_TOO_LARGE,
				"the request has more than %d lines; nothing of it was kept",
				NDJSON_LINES_MAX);
			return false;
		}
		take_line(s, line, text);
	}
	if (s->records.failed || s->texts.failed) {
		problem_respond(s->request, PROBLEM_TOO_LARGE,
			"the request needs too much memory; nothing of it was kept");
		return false;
	}
	if (s->line_count > 0)
		return true;
	problem_respond(
		s->request, PROBLEM_MALFORMED, "the body is empty, a transaction is expected");
	return false;
}

static bool take_one(struct submission *s, struct slice body)
{
	struct line_state *line = add_line(s);
	if (line == NULL) {
		problem_respond(s->request, PROBLEM_BUSY, "out of memory");
		return false;
	}
	take_line(s, line, body);
	return true;
}

/* "application/json; charset=utf-8" is application/json; another charset is not. */
static bool media_type_is(struct slice value, const char *type)
{
	struct slice parameters, name = slice_trim(slice_cut(value, ';', &parameters));
	if (!slice_equal_nocase(name, type))
		return false;
	parameters = slice_trim(parameters);
	return parameters.len == 0 || slice_equal_nocase(parameters, "charset=utf-8") ||
	       slice_equal_nocase(parameters, "charset=\"utf-8\"");
}

void rest_post(struct rest *rest, struct http_request *request)
{
	struct slice type = http_field(http_request_head(request), "content-type");
	bool many = media_type_is(type, "application/x-ndjson");
	atomic_fetch_add(&rest->counters.requests_total, 1);
	if (!many && !media_type_is(type, "application/json")) {
		problem_respond(request, PROBLEM_UNSUPPORTED_MEDIA_TYPE,
			"Content-Type is \"%.*s\"; application/json takes one transaction, "
			"application/x-ndjson takes many, one a line",
			type.len > 100 ? 100 : (int)type.len, type.ptr == NULL ? "" : type.ptr);
		return;
	}
	struct submission *s = submission_take(rest);
	if (s == NULL) {
		problem_respond(request, PROBLEM_BUSY, "out of memory");
		return;
	}
	s->request = request;
	s->many = many;
	s->work = (struct accept_work){ .count = 0 };
	http_request_set_user(request, s);
	struct slice body = http_request_body(request);
	if (many ? take_lines(s, body) : take_one(s, body))
		submit(s);
	else
		submission_give_back(s);
}
