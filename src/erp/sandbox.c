/* The connector of the sandbox ERP (src/sandbox/sandbox.h): the smallest one that is real, and the
 * one to copy.
 *
 * The sandbox knows no idempotency, so everything rests on knowing what a failed call may have done
 * (rpc.h) and on asking for documents by our external id, which is their reference. */
#include "base/check.h"
#include "base/json.h"
#include "erp/registry.h"
#include "erp/rpc.h"
#include "erp/sandbox_wire.h"

#include <stdio.h>
#include <stdlib.h>

enum { BATCH_MAX = 100, BODY_BYTES_MAX = 8 << 20, ARENA_BYTES_MAX = 64 << 20, URL_MAX = 1024 };

struct config {
	char *url;
};

static const struct option options[] = {
	{ .name = "url",
		.type = OPTION_TEXT,
		.offset = offsetof(struct config, url),
		.fallback = "http://127.0.0.1:8091",
		.min = 8,
		.max = URL_MAX - 32,
		.help = "Where the sandbox ERP listens." },
	{ .name = NULL },
};

struct instance {
	uint64_t timeout_ms;
	struct rpc *rpc;
	struct buf body;
	struct arena arena; /* of the answer that is being read */
	char sales_url[URL_MAX], search_url[URL_MAX];
};

static void sandbox_close_instance(void *context)
{
	struct instance *in = context;
	if (in == NULL)
		return;
	rpc_close(in->rpc);
	buf_release(&in->body);
	arena_release(&in->arena);
	free(in);
}

static enum status sandbox_open_instance(const void *config,
	const struct connector_environment *environment, void **ret_instance, struct error *err)
{
	const struct config *c = config;
	struct slice url = slice_of(c->url);
	struct instance *in = calloc(1, sizeof(*in));
	if (in == NULL)
		return error_set(err, E_FULL, "out of memory for a connector");
	while (url.len > 0 && url.ptr[url.len - 1] == '/')
		url.len--;
	snprintf(in->sales_url, URL_MAX, "%.*s/api/sales", SLICE_ARG(url));
	snprintf(in->search_url, URL_MAX, "%.*s/api/sales/search", SLICE_ARG(url));
	in->timeout_ms = environment->timeout_ms;
	buf_init(&in->body, BODY_BYTES_MAX);
	arena_init(&in->arena, ARENA_BYTES_MAX);
	enum status s = rpc_open(environment->stop, &in->rpc, err);
	if (s != OK) {
		sandbox_close_instance(in);
		return s;
	}
	*ret_instance = in;
	return OK;
}

static enum status call(struct instance *in, const char *url, bool reads, struct rpc_answer *answer,
	struct error *err)
{
	struct rpc_request request = {
		.method = "POST",
		.url = url,
		.body = buf_get(&in->body),
		.timeout_ms = in->timeout_ms,
		.reads = reads,
	};
	return rpc_call(in->rpc, &request, answer, err);
}

static void set_all(
	struct posting_result *results, size_t count, enum outcome outcome, const char *detail)
{
	for (size_t i = 0; i < count; i++) {
		results[i] = (struct posting_result){ .outcome = outcome };
		rpc_text(slice_of(detail), results[i].detail, DETAIL_TEXT_MAX);
	}
}

/* A whole answer that is not 200: what was asked is wrong, or who asked. */
static enum status refused_as_a_whole(const struct rpc_answer *answer, struct error *err)
{
	char excerpt[RPC_EXCERPT_MAX];
	rpc_excerpt(answer, excerpt);
	switch (answer->http_status) {
	case 400:
	case 413:
	case 422:
		return error_set(err, E_REFUSED, "answered %u: %s", answer->http_status, excerpt);
	default:
		return error_set(err, E_CONFIG, "this is no sandbox ERP: it answered %u: %s",
			answer->http_status, excerpt);
	}
}

/* One POST; E_REFUSED when the ERP refuses the request as a whole. */
static enum status post_once(struct instance *in, const struct posting *postings, size_t count,
	struct posting_result *results, uint64_t *ret_retry_after_ms, struct error *err)
{
	struct rpc_answer answer;
	buf_reset(&in->body);
	sandbox_write_postings(postings, count, &in->body);
	if (in->body.failed)
		return error_set(err, E_REFUSED, "the sale is longer than 8 MiB");
	enum status s = call(in, in->sales_url, false, &answer, err);
	switch (s) {
	case OK:
		break;
	case E_UNKNOWN:
		set_all(results, count, OUTCOME_UNKNOWN, err->text);
		return OK;
	case E_RETRY:
		*ret_retry_after_ms = answer.retry_after_ms;
		return s;
	default:
		if (answer.sent)
			set_all(results, count, OUTCOME_UNKNOWN, err->text);
		return s;
	}
	if (answer.http_status != 200)
		return refused_as_a_whole(&answer, err);
	arena_reset(&in->arena);
	sandbox_read_results(answer.body, &in->arena, postings, count, results);
	return OK;
}

/* Splits what is refused as a whole until the one sale that is to blame is alone. */
static enum status post_range(struct instance *in, const struct posting *postings, size_t count,
	struct posting_result *results, uint64_t *ret_retry_after_ms, struct error *err)
{
	enum status s = post_once(in, postings, count, results, ret_retry_after_ms, err);
	if (s != E_REFUSED)
		return s;
	if (count == 1) {
		set_all(results, 1, OUTCOME_REFUSED, err->text);
		return OK;
	}
	size_t half = count / 2;
	s = post_range(in, postings, half, results, ret_retry_after_ms, err);
	if (s == OK)
		s = post_range(
			in, postings + half, count - half, results + half, ret_retry_after_ms, err);
	return s;
}

static enum status sandbox_post(void *instance, const struct posting *postings, size_t count,
	struct posting_result *results, uint64_t *ret_retry_after_ms, struct error *err)
{
	check(count > 0 && count <= BATCH_MAX);
	*ret_retry_after_ms = 0;
	set_all(results, count, OUTCOME_NOT_SENT, "");
	return post_range(instance, postings, count, results, ret_retry_after_ms, err);
}

/* Asks for the documents of all the postings; their texts and lists live in `arena`. An answer that
 * would be too long is asked for in halves. */
static enum status search(struct instance *in, const struct posting *postings, size_t count,
	struct erp_document *documents, struct arena *arena, struct error *err)
{
	struct rpc_answer answer;
	buf_reset(&in->body);
	sandbox_write_references(postings, count, &in->body);
	if (in->body.failed)
		return error_set(err, E_FULL, "out of memory for a search");
	enum status s = call(in, in->search_url, true, &answer, err);
	if (s != OK)
		return s;
	if (answer.http_status == 413 && count > 1) {
		size_t half = count / 2;
		s = search(in, postings, half, documents, arena, err);
		return s != OK ? s
			       : search(in, postings + half, count - half, documents + half, arena,
					 err);
	}
	if (answer.http_status != 200) {
		s = refused_as_a_whole(&answer, err);
		return s == E_REFUSED ? error_set(err, E_CONFIG, "the search was refused") : s;
	}
	return sandbox_read_documents(answer.body, arena, postings, count, documents, err);
}

static enum status sandbox_read_back(void *instance, const struct posting *postings, size_t count,
	struct erp_document *documents, struct arena *arena, struct error *err)
{
	check(count > 0 && count <= BATCH_MAX);
	for (size_t i = 0; i < count; i++)
		documents[i] = (struct erp_document){ 0 };
	return search(instance, postings, count, documents, arena, err);
}

/* A call that timed out may still be on its way. The sandbox answers in the order in which it has
 * read requests, so a sale that it had read is found; one that was still in a socket is not. Who
 * asks at once after a time-out has to ask again before it sends. */
static enum status sandbox_find(void *instance, const struct posting *postings, size_t count,
	struct posting_result *results, struct error *err)
{
	struct instance *in = instance;
	struct erp_document *documents = calloc(count, sizeof(*documents));
	if (documents == NULL)
		return error_set(err, E_FULL, "out of memory for a search");
	arena_reset(&in->arena);
	enum status s = sandbox_read_back(in, postings, count, documents, &in->arena, err);
	for (size_t i = 0; s == OK && i < count; i++) {
		results[i] = (struct posting_result){
			.outcome = documents[i].found ? OUTCOME_SETTLED : OUTCOME_NOT_SENT,
		};
		memcpy(results[i].document, documents[i].number, DOCUMENT_TEXT_MAX);
	}
	free(documents);
	return s;
}

const struct erp_type erp_sandbox = {
	.name = "sandbox",
	.help = "The sandbox ERP that comes with tillbridge, for trying things out.",
	.options = options,
	.config_size = sizeof(struct config),
	.batch_max = BATCH_MAX,
	.connections_max = 4,
	.open = sandbox_open_instance,
	.post = sandbox_post,
	.find = sandbox_find,
	.read_back = sandbox_read_back,
	.close = sandbox_close_instance,
};
