/* The contract of a connector (deliver/connector.h), held against the sandbox ERP and its faults.
 */
#include "erp/registry.h"
#include "erp/rpc.h"
#include "harness.h"
#include "retail/codec.h"
#include "sandbox/sandbox.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { POSTINGS_MAX = 100 };

struct fixture {
	char folder[512], url[64];
	struct sandbox *sandbox;
	const struct erp_type *type;
	void *config, *instance;
	atomic_bool stop;
	struct arena arena;
	struct posting postings[POSTINGS_MAX];
	struct posting_result results[POSTINGS_MAX];
	uint64_t retry_after_ms;
	struct error err;
};

static void connect_to(struct fixture *f, const char *path, uint64_t timeout_ms)
{
	struct connector_environment environment = { "erp", timeout_ms, &f->stop };
	char url[128];
	snprintf(url, sizeof(url), "%s%s", f->url, path);
	f->type = erp_find(slice_of("sandbox"));
	EXPECT(f->type != NULL);
	f->config = calloc(1, f->type->config_size);
	EXPECT(f->config != NULL);
	options_default(f->type->options, f->config);
	EXPECT_OK(option_set(option_find(f->type->options, slice_of("url")), f->config,
			  slice_of(url), &f->err),
		f->err);
	EXPECT_OK(f->type->open(f->config, &environment, &f->instance, &f->err), f->err);
}

static struct fixture *fixture_open(uint64_t timeout_ms)
{
	struct fixture *f = calloc(1, sizeof(*f));
	EXPECT(f != NULL);
	snprintf(f->folder, sizeof(f->folder), "%s/erp", test_folder());
	struct sandbox_config config = { .listen = (char[]){ "127.0.0.1:0" }, .data = f->folder };
	EXPECT_OK(sandbox_open(&config, &f->sandbox, &f->err), f->err);
	snprintf(f->url, sizeof(f->url), "http://127.0.0.1:%u", sandbox_port(f->sandbox));
	arena_init(&f->arena, 64 << 20);
	connect_to(f, "", timeout_ms);
	return f;
}

static void disconnect(struct fixture *f)
{
	f->type->close(f->instance);
	options_release(f->type->options, f->config);
	free(f->config);
}

static void fixture_close(struct fixture *f)
{
	disconnect(f);
	sandbox_close(f->sandbox);
	arena_release(&f->arena);
	free(f);
}

static void ask(struct fixture *f, const char *method, const char *path, const char *body,
	char text[static 2048])
{
	char url[128];
	struct rpc *rpc;
	struct rpc_answer answer;
	snprintf(url, sizeof(url), "%s%s", f->url, path);
	struct rpc_request request = {
		.method = method,
		.url = url,
		.body = body == NULL ? (struct slice){ NULL, 0 } : slice_of(body),
		.timeout_ms = 60000,
		.reads = true,
	};
	EXPECT_OK(rpc_open(NULL, &rpc, &f->err), f->err);
	EXPECT_OK(rpc_call(rpc, &request, &answer, &f->err), f->err);
	snprintf(text, 2048, "%.*s", SLICE_ARG(answer.body));
	rpc_close(rpc);
}

static void set_faults(struct fixture *f, const char *body)
{
	char text[2048];
	ask(f, "PUT", "/api/faults", body, text);
	EXPECT(strstr(text, "\"down\"") != NULL);
}

static unsigned documents(struct fixture *f)
{
	char text[2048];
	unsigned count = 0;
	ask(f, "GET", "/api/summary", NULL, text);
	EXPECT(sscanf(text, "{\"documents\":%u", &count) == 1);
	return count;
}

static void expect_part(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		test_fail(__FILE__, __LINE__, "%s is not in %s", part, text);
}

static struct transaction *decode(struct fixture *f, const char *format, unsigned sequence)
{
	struct findings findings = { 0 };
	struct transaction *t = arena_new(&f->arena, struct transaction);
	struct slice document = arena_format(&f->arena, format, sequence);
	if (transaction_decode(document, &f->arena, t, &findings) != OK)
		test_fail(__FILE__, __LINE__, "%s: %s", findings.items[0].pointer,
			findings.items[0].detail);
	return t;
}

/* Prices with tax, change, cash rounding, a return, a write-off, and a fee without an item that
 * moves. */
static const char rich_sale[] =
	"{\"store\":\"0042\",\"register\":\"03\",\"business_date\":\"2026-11-23\",\"sequence\":%u,"
	"\"type\":\"exchange\",\"began_at\":\"2026-11-23T17:02:11+01:00\","
	"\"closed_at\":\"2026-11-23T17:03:40+01:00\",\"currency\":\"CHF\","
	"\"prices_include_tax\":true,\"lines\":["
	"{\"number\":1,\"kind\":\"sale\",\"item\":\"A\",\"description\":\"Gr\\u00fc\\u00dfe "
	"\\\"x\\\"\","
	"\"quantity\":\"6\",\"unit_price\":\"2.55\",\"amount\":\"15.30\","
	"\"taxes\":[{\"code\":\"S\",\"rate\":\"0.10\",\"base\":\"13.30\",\"amount\":\"1.33\"},"
	"{\"code\":\"C\",\"rate\":\"0.05\",\"base\":\"13.30\",\"amount\":\"0.67\"}]},"
	"{\"number\":2,\"kind\":\"return\",\"item\":\"B\",\"quantity\":\"-1.250\","
	"\"unit_price\":\"2.00\",\"amount\":\"-2.50\",\"taxes\":[]},"
	"{\"number\":3,\"kind\":\"write_off\",\"item\":\"A\",\"quantity\":\"-2\",\"amount\":\"0."
	"00\","
	"\"unit_price\":\"0.00\",\"taxes\":[]},"
	"{\"number\":4,\"kind\":\"fee\",\"item\":\"POST\",\"quantity\":\"1\","
	"\"unit_price\":\"0.01\",\"amount\":\"0.01\",\"taxes\":[]}],"
	"\"tenders\":[{\"number\":1,\"kind\":\"cash\",\"amount\":\"20.00\",\"change\":\"7.20\"}],"
	"\"totals\":{\"net\":\"10.81\",\"tax\":\"2.00\",\"gross\":\"12.81\",\"rounding\":\"-0.01\"}"
	"}";

/* Totals that are not those of the line. */
static const char wrong_sale[] =
	"{\"store\":\"0042\",\"register\":\"03\",\"business_date\":\"2026-11-23\",\"sequence\":%u,"
	"\"type\":\"sale\",\"began_at\":\"2026-11-23T17:02:11+01:00\","
	"\"closed_at\":\"2026-11-23T17:03:40+01:00\",\"currency\":\"CHF\","
	"\"prices_include_tax\":true,\"lines\":["
	"{\"number\":1,\"kind\":\"sale\",\"item\":\"A\",\"quantity\":\"1\",\"unit_price\":\"3.00\","
	"\"amount\":\"3.00\",\"taxes\":[]}],\"tenders\":[],"
	"\"totals\":{\"net\":\"1.00\",\"tax\":\"0.00\",\"gross\":\"1.00\"}}";

static void prepare(struct fixture *f, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct posting *posting = &f->postings[i];
		posting->id = i + 1;
		posting->transaction = decode(f, rich_sale, (unsigned)i + 1);
		snprintf(posting->external_id, EXTERNAL_ID_MAX, "0042/03/2026-11-23/%zu", i + 1);
	}
}

static enum status post(struct fixture *f, size_t count)
{
	return f->type->post(
		f->instance, f->postings, count, f->results, &f->retry_after_ms, &f->err);
}

static enum status find(struct fixture *f, size_t count)
{
	return f->type->find(f->instance, f->postings, count, f->results, &f->err);
}

TEST(a_batch_is_settled_in_its_order)
{
	struct fixture *f = fixture_open(60000);
	prepare(f, POSTINGS_MAX);
	EXPECT_OK(post(f, POSTINGS_MAX), f->err);
	for (unsigned i = 0; i < POSTINGS_MAX; i++) {
		char number[DOCUMENT_TEXT_MAX];
		snprintf(number, sizeof(number), "SO-%08u", i + 1);
		EXPECT_NUMBER(f->results[i].outcome, OUTCOME_SETTLED);
		EXPECT_TEXT(f->results[i].document, number);
	}
	EXPECT_NUMBER(documents(f), POSTINGS_MAX);
	fixture_close(f);
}

TEST(what_is_read_back_is_what_was_posted)
{
	struct fixture *f = fixture_open(60000);
	struct erp_document found[2];
	prepare(f, 2);
	EXPECT_OK(post(f, 1), f->err);
	EXPECT_OK(
		f->type->read_back(f->instance, f->postings, 2, found, &f->arena, &f->err), f->err);
	const struct erp_document *d = &found[0];
	EXPECT(d->found);
	EXPECT_NUMBER(d->copies, 1);
	EXPECT_TEXT(d->number, "SO-00000001");
	EXPECT_NUMBER(d->date, 20261123);
	EXPECT(slice_is(d->currency, "CHF"));
	EXPECT_NUMBER(d->line_count, 4);
	for (uint32_t i = 0; i < 4; i++) {
		const struct line *line = &f->postings[0].transaction->lines.items[i];
		EXPECT(slice_equal(d->lines[i].item, line->item));
		EXPECT(total_compare(d->lines[i].quantity, total_of(line->quantity)) == 0);
		EXPECT(total_compare(d->lines[i].amount, total_of(line->amount)) == 0);
	}
	EXPECT_NUMBER(d->payment_count, 1);
	EXPECT(slice_is(d->payments[0].method, "cash"));
	EXPECT(total_compare(d->payments[0].amount, total_of(decimal_make(1280, 2))) == 0);
	EXPECT(total_compare(d->net, total_of(decimal_make(1081, 2))) == 0);
	EXPECT(total_compare(d->tax, total_of(decimal_make(200, 2))) == 0);
	EXPECT(total_compare(d->gross, total_of(decimal_make(1281, 2))) == 0);
	EXPECT(total_compare(d->rounding, total_of(decimal_make(-1, 2))) == 0);
	EXPECT(!found[1].found);
	EXPECT_NUMBER(found[1].copies, 0);
	fixture_close(f);
}

TEST(a_double_posting_is_seen_as_two_copies)
{
	struct fixture *f = fixture_open(60000);
	struct erp_document found;
	prepare(f, 1);
	EXPECT_OK(post(f, 1), f->err);
	EXPECT_OK(post(f, 1), f->err);
	EXPECT_OK(f->type->read_back(f->instance, f->postings, 1, &found, &f->arena, &f->err),
		f->err);
	EXPECT_NUMBER(found.copies, 2);
	EXPECT_TEXT(found.number, "SO-00000001");
	fixture_close(f);
}

TEST(a_wrong_sale_is_refused_in_the_words_of_the_erp_and_its_neighbours_settle)
{
	struct fixture *f = fixture_open(60000);
	prepare(f, 3);
	f->postings[1].transaction = decode(f, wrong_sale, 2);
	EXPECT_OK(post(f, 3), f->err);
	EXPECT_NUMBER(f->results[0].outcome, OUTCOME_SETTLED);
	EXPECT_NUMBER(f->results[1].outcome, OUTCOME_REFUSED);
	EXPECT_TEXT(f->results[1].detail,
		"lines: add up to 3.00, which is neither the total 1.00 nor the net 1.00");
	EXPECT_NUMBER(f->results[2].outcome, OUTCOME_SETTLED);
	EXPECT_NUMBER(documents(f), 2);
	fixture_close(f);
}

/* 5,000 lines with 4,000 bytes of text each fit into no request. */
TEST(a_sale_that_is_too_long_for_a_request_is_refused_alone)
{
	struct fixture *f = fixture_open(60000);
	static struct line lines[5000];
	static char text[4000];
	memset(text, 'x', sizeof(text));
	prepare(f, 5);
	struct transaction *t = decode(f, rich_sale, 3);
	for (size_t i = 0; i < 5000; i++) {
		lines[i] = t->lines.items[0];
		lines[i].description = slice_make(text, sizeof(text));
	}
	t->lines.items = lines;
	t->lines.count = 5000;
	f->postings[2].transaction = t;
	EXPECT_OK(post(f, 5), f->err);
	for (unsigned i = 0; i < 5; i++)
		EXPECT_NUMBER(f->results[i].outcome, i == 2 ? OUTCOME_REFUSED : OUTCOME_SETTLED);
	EXPECT_TEXT(f->results[2].detail, "the sale is longer than 8 MiB");
	EXPECT_NUMBER(documents(f), 4);
	fixture_close(f);
}

/* The first post leaves a kept connection behind, on which libcurl would repeat the second. */
TEST(a_lost_answer_is_unknown_and_find_settles_it)
{
	struct fixture *f = fixture_open(60000);
	prepare(f, 3);
	EXPECT_OK(post(f, 1), f->err);
	set_faults(f, "{\"lost_answer\":1}");
	EXPECT_OK(f->type->post(f->instance, &f->postings[1], 1, &f->results[1], &f->retry_after_ms,
			  &f->err),
		f->err);
	EXPECT_NUMBER(f->results[1].outcome, OUTCOME_UNKNOWN);
	EXPECT_NUMBER(documents(f), 2);
	EXPECT_OK(find(f, 3), f->err);
	EXPECT_NUMBER(f->results[0].outcome, OUTCOME_SETTLED);
	EXPECT_NUMBER(f->results[1].outcome, OUTCOME_SETTLED);
	EXPECT_TEXT(f->results[1].document, "SO-00000002");
	EXPECT_NUMBER(f->results[2].outcome, OUTCOME_NOT_SENT);
	fixture_close(f);
}

TEST(an_error_after_the_save_is_unknown_and_find_settles_it)
{
	struct fixture *f = fixture_open(60000);
	prepare(f, 1);
	set_faults(f, "{\"error_after_apply\":1}");
	EXPECT_OK(post(f, 1), f->err);
	EXPECT_NUMBER(f->results[0].outcome, OUTCOME_UNKNOWN);
	EXPECT_OK(find(f, 1), f->err);
	EXPECT_NUMBER(f->results[0].outcome, OUTCOME_SETTLED);
	fixture_close(f);
}

TEST(an_answer_that_comes_too_late_is_unknown)
{
	struct fixture *f = fixture_open(1000);
	prepare(f, 1);
	set_faults(f, "{\"slow_ms\":600000}");
	EXPECT_OK(post(f, 1), f->err);
	EXPECT_NUMBER(f->results[0].outcome, OUTCOME_UNKNOWN);
	expect_part(f->results[0].detail, "/api/sales: ");
	EXPECT_NUMBER(find(f, 1), E_RETRY);
	fixture_close(f);
}

TEST(an_erp_that_is_down_or_throttles_is_tried_again_and_nothing_was_sent)
{
	struct fixture *f = fixture_open(60000);
	prepare(f, 2);
	set_faults(f, "{\"down\":true}");
	EXPECT_NUMBER(post(f, 2), E_RETRY);
	EXPECT_NUMBER(f->results[1].outcome, OUTCOME_NOT_SENT);
	EXPECT_NUMBER(find(f, 2), E_RETRY);
	set_faults(f, "{\"throttle\":1}");
	EXPECT_NUMBER(post(f, 2), E_RETRY);
	EXPECT_NUMBER(f->retry_after_ms, 1000);
	EXPECT_NUMBER(f->results[0].outcome, OUTCOME_NOT_SENT);
	EXPECT_NUMBER(documents(f), 0);
	fixture_close(f);
}

TEST(an_erp_where_nobody_listens_is_tried_again_and_nothing_was_sent)
{
	struct fixture *f = fixture_open(60000);
	prepare(f, 1);
	sandbox_close(f->sandbox);
	f->sandbox = NULL;
	EXPECT_NUMBER(post(f, 1), E_RETRY);
	EXPECT_NUMBER(f->results[0].outcome, OUTCOME_NOT_SENT);
	expect_part(f->err.text, "POST http://127.0.0.1:");
	EXPECT_NUMBER(find(f, 1), E_RETRY);
	fixture_close(f);
}

TEST(an_address_that_is_no_sandbox_erp_is_a_matter_of_configuration)
{
	struct fixture *f = fixture_open(60000);
	prepare(f, 1);
	disconnect(f);
	connect_to(f, "/elsewhere/", 60000);
	EXPECT_NUMBER(post(f, 1), E_CONFIG);
	EXPECT_NUMBER(f->results[0].outcome, OUTCOME_NOT_SENT);
	expect_part(f->err.text, "this is no sandbox ERP: it answered 404");
	EXPECT_NUMBER(find(f, 1), E_CONFIG);
	fixture_close(f);
}

/* Waits until the sale is in the log, which is when the call can only wait for its answer. */
static void *stop_when_saved(void *context)
{
	struct fixture *f = context;
	char path[600];
	struct stat st;
	snprintf(path, sizeof(path), "%s/sandbox.log", f->folder);
	while (stat(path, &st) != 0 || st.st_size == 0)
		sched_yield();
	atomic_store(&f->stop, true);
	return NULL;
}

TEST(the_stop_flag_ends_a_slow_call_and_its_outcome_is_unknown)
{
	struct fixture *f = fixture_open(600000);
	pthread_t thread;
	prepare(f, 1);
	set_faults(f, "{\"slow_ms\":600000}");
	EXPECT(pthread_create(&thread, NULL, stop_when_saved, f) == 0);
	EXPECT_NUMBER(post(f, 1), E_STOPPED);
	EXPECT_NUMBER(f->results[0].outcome, OUTCOME_UNKNOWN);
	pthread_join(thread, NULL);
	fixture_close(f);
}

TEST(a_call_after_the_stop_flag_sends_nothing)
{
	struct fixture *f = fixture_open(60000);
	prepare(f, 1);
	atomic_store(&f->stop, true);
	EXPECT_NUMBER(post(f, 1), E_STOPPED);
	EXPECT_NUMBER(f->results[0].outcome, OUTCOME_NOT_SENT);
	EXPECT_NUMBER(documents(f), 0);
	fixture_close(f);
}

TEST(every_connector_has_a_name_of_its_own_and_valid_defaults)
{
	for (const struct erp_type *const *type = erp_types(); *type != NULL; type++) {
		EXPECT(erp_find(slice_of((*type)->name)) == *type);
		EXPECT((*type)->batch_max > 0 && (*type)->connections_max > 0);
		void *config = calloc(1, (*type)->config_size);
		EXPECT(config != NULL);
		options_default((*type)->options, config);
		options_release((*type)->options, config);
		free(config);
	}
	EXPECT(erp_find(slice_of("abacus")) == NULL);
}

TEST(a_text_for_messages_is_one_line_of_utf8_that_fits)
{
	char text[8];
	rpc_text(slice_of(" a\r\n\tb\x01"), text, sizeof(text));
	EXPECT_TEXT(text, "a b ");
	rpc_text(slice_of("\xff\xc3x\xc3\xa4"), text, sizeof(text));
	EXPECT_TEXT(text, "??x\xc3\xa4");
	rpc_text(slice_of("123456\xc3\xa4"), text, sizeof(text));
	EXPECT_TEXT(text, "123456");
}
