/* The contract of deliver/connector.h, held against any connector and its server: real, or a double
 * that is strict about what the vendor's documents say. Which one, the environment says
 * (candidate.h).
 *
 * After every trouble the proof is the same: what a connector that knows nothing of it finds or
 * posts is in the ERP once, and as the till has it. */
#include "candidate.h"
#include "harness.h"
#include "proxy.h"
#include "retail/reversal.h"

#include "base/random.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REQUESTS_MAX = 64 };

/* --- the documents there are --- */

/* The first document that `fits`; every file of documents has one. */
static const struct transaction *pick(
	const struct documents *d, bool (*fits)(const struct transaction *t))
{
	for (size_t i = 0; i < d->count; i++)
		if (fits(&d->items[i]))
			return &d->items[i];
	test_fail(__FILE__, __LINE__, "no document of this kind in %s",
		candidate_setting("CONTRACT_DOCUMENTS"));
}

static bool is_sale(const struct transaction *t)
{
	return t->type == TYPE_SALE && t->lines.count > 1 && t->tenders.count == 1;
}

static bool is_return(const struct transaction *t)
{
	return t->type == TYPE_RETURN;
}

static bool is_exchange(const struct transaction *t)
{
	return t->type == TYPE_EXCHANGE;
}

static bool has_tenders_of_two_kinds(const struct transaction *t)
{
	return t->tenders.count > 1 &&
	       !slice_equal(t->tenders.items[0].kind, t->tenders.items[1].kind);
}

static bool has_change(const struct transaction *t)
{
	return t->tenders.count > 0 && decimal_sign(t->tenders.items[0].change) != 0;
}

static bool includes_tax(const struct transaction *t)
{
	return t->prices_include_tax && t->lines.items[0].taxes.count > 0;
}

static bool excludes_tax(const struct transaction *t)
{
	return !t->prices_include_tax && t->lines.count > 0 && t->lines.items[0].taxes.count > 0;
}

static bool rounds_cash(const struct transaction *t)
{
	return t->totals.set && decimal_sign(t->totals.rounding) != 0;
}

static bool writes_off(const struct transaction *t)
{
	return t->lines.count > 0 && t->lines.items[0].kind == LINE_WRITE_OFF;
}

TEST(the_documents_have_every_kind_that_the_contract_names)
{
	struct documents *d = documents_load();
	EXPECT(pick(d, is_sale) != NULL);
	EXPECT(pick(d, is_return) != NULL);
	EXPECT(pick(d, is_exchange) != NULL);
	EXPECT(pick(d, has_tenders_of_two_kinds) != NULL);
	EXPECT(pick(d, has_change) != NULL);
	EXPECT(pick(d, includes_tax) != NULL);
	EXPECT(pick(d, excludes_tax) != NULL);
	EXPECT(pick(d, rounds_cash) != NULL);
	EXPECT(pick(d, writes_off) != NULL);
	documents_unload(d);
}

/* --- what is posted is there once, as the till has it --- */

TEST(every_kind_of_document_is_posted_in_batches_and_read_back_as_the_till_has_it)
{
	struct documents *d = documents_load();
	struct candidate s;
	struct posting postings[CANDIDATE_DOCUMENTS_MAX];
	struct posting_result results[CANDIDATE_DOCUMENTS_MAX];
	struct error err;
	candidate_open(&s, 0, NULL);
	for (size_t i = 0; i < d->count; i++) {
		char name[32];
		snprintf(name, sizeof(name), "all-%zu", i);
		postings[i] = candidate_posting(&d->items[i], name);
		EXPECT_NUMBER(candidate_find(&s, &postings[i]), OUTCOME_NOT_SENT);
	}
	for (size_t at = 0; at < d->count; at += s.type->batch_max) {
		size_t count =
			d->count - at < s.type->batch_max ? d->count - at : s.type->batch_max;
		EXPECT_OK(candidate_post(&s, postings + at, count, results + at, &err), err);
	}
	for (size_t i = 0; i < d->count; i++) {
		candidate_expect_settled(&results[i], postings[i].external_id);
		candidate_expect_agreed(&s, &postings[i]);
		EXPECT_NUMBER(candidate_find(&s, &postings[i]), OUTCOME_SETTLED);
	}
	candidate_close(&s);
	documents_unload(d);
}

TEST(what_was_never_posted_is_not_found_and_not_read_back)
{
	struct documents *d = documents_load();
	struct candidate s;
	struct posting posting = candidate_posting(pick(d, is_sale), "never");
	struct erp_document document = { .found = true };
	struct arena arena;
	struct error err;
	arena_init(&arena, 1 << 20);
	candidate_open(&s, 0, NULL);
	EXPECT_NUMBER(candidate_find(&s, &posting), OUTCOME_NOT_SENT);
	EXPECT_OK(s.type->read_back(s.instance, &posting, 1, &document, &arena, &err), err);
	EXPECT(!document.found);
	candidate_close(&s);
	arena_release(&arena);
	documents_unload(d);
}

TEST(the_same_posting_twice_is_one_document)
{
	struct documents *d = documents_load();
	struct candidate s;
	struct posting posting = candidate_posting(pick(d, is_sale), "twice");
	struct posting_result first, second;
	candidate_open(&s, 0, NULL);
	candidate_deliver(&s, &posting, &first);
	candidate_deliver(&s, &posting, &second);
	candidate_expect_settled(&first, "first");
	candidate_expect_settled(&second, "second");
	EXPECT_TEXT(second.document, first.document);
	candidate_expect_agreed(&s, &posting);
	candidate_close(&s);
	documents_unload(d);
}

static void post_alone(struct candidate *s, const struct posting *posting)
{
	struct posting_result result;
	struct error err;
	EXPECT_OK(candidate_post(s, posting, 1, &result, &err), err);
	candidate_expect_settled(&result, posting->external_id);
	candidate_expect_agreed(s, posting);
}

/* A revision takes back what the one before it posted, whatever that was, and is posted itself. */
TEST(every_kind_of_document_is_reversed_and_posted_again_as_a_revision)
{
	struct documents *d = documents_load();
	struct candidate s;
	struct error err;
	candidate_open(&s, 0, NULL);
	for (size_t i = 0; i < d->count; i++) {
		struct transaction negated;
		char names[3][32];
		struct posting postings[3];
		snprintf(names[0], sizeof(names[0]), "rev-%zu", i);
		snprintf(names[1], sizeof(names[1]), "rev-%zu~r1", i);
		snprintf(names[2], sizeof(names[2]), "rev-%zu#2", i);
		EXPECT_OK(transaction_reverse(&d->items[i], &d->arena, &negated, &err), err);
		postings[0] = candidate_posting(&d->items[i], names[0]);
		postings[1] = candidate_posting(&negated, names[1]);
		postings[1].reversal = true;
		snprintf(postings[1].reverses, sizeof(postings[1].reverses), "%s",
			postings[0].external_id);
		postings[2] = candidate_posting(&d->items[i], names[2]);
		for (unsigned k = 0; k < 3; k++)
			post_alone(&s, &postings[k]);
	}
	candidate_close(&s);
	documents_unload(d);
}

/* --- what the ERP refuses --- */

/* An item that no ERP has, and amounts that do not add up to the total. */
TEST(a_wrong_record_is_refused_alone_in_words_that_say_why)
{
	struct documents *d = documents_load();
	struct candidate s;
	const struct transaction *good = pick(d, is_sale);
	struct transaction wrong = *good;
	struct line *lines = arena_array(&d->arena, struct line, good->lines.count);
	struct posting_result results[3];
	struct error err;
	if (lines == NULL)
		test_fail(__FILE__, __LINE__, "no memory for lines");
	memcpy(lines, good->lines.items, good->lines.count * sizeof(*lines));
	lines[0].amount = decimal_make(1100, 2);
	lines[1].item = slice_of("NO-SUCH-ITEM");
	wrong.lines.items = lines;
	struct posting postings[3] = { candidate_posting(good, "before"),
		candidate_posting(&wrong, "wrong"), candidate_posting(good, "behind") };
	candidate_open(&s, 0, NULL);
	EXPECT_OK(candidate_post(&s, postings, 3, results, &err), err);
	candidate_expect_settled(&results[0], "before the refused one");
	candidate_expect_settled(&results[2], "behind the refused one");
	EXPECT_NUMBER(results[1].outcome, OUTCOME_REFUSED);
	if (strstr(results[1].detail, candidate_setting("CONTRACT_REFUSAL")) == NULL)
		EXPECT_TEXT(results[1].detail, candidate_setting("CONTRACT_REFUSAL"));
	EXPECT_NUMBER(candidate_find(&s, &postings[1]), OUTCOME_NOT_SENT);
	candidate_expect_agreed(&s, &postings[0]);
	candidate_expect_agreed(&s, &postings[2]);
	candidate_close(&s);
	documents_unload(d);
}

/* --- an ERP that cannot be used as a whole --- */

TEST(a_server_that_is_down_is_tried_again_and_nothing_was_sent)
{
	struct documents *d = documents_load();
	struct proxy proxy = { .trouble = TROUBLE_NONE };
	struct candidate s;
	struct posting posting = candidate_posting(pick(d, is_sale), "down");
	struct posting_result result = { .outcome = OUTCOME_SETTLED };
	struct erp_document document;
	struct error err;
	proxy_open(&proxy, 1);
	proxy_close(&proxy); /* a port on which nobody listens */
	candidate_open(&s, proxy.port, NULL);
	EXPECT_NUMBER(candidate_post(&s, &posting, 1, &result, &err), E_RETRY);
	EXPECT_NUMBER(result.outcome, OUTCOME_NOT_SENT);
	EXPECT(err.text[0] != '\0');
	EXPECT_NUMBER(s.type->find(s.instance, &posting, 1, &result, &err), E_RETRY);
	EXPECT_NUMBER(
		s.type->read_back(s.instance, &posting, 1, &document, &d->arena, &err), E_RETRY);
	candidate_close(&s);
	documents_unload(d);
}

TEST(a_busy_server_is_tried_again_when_it_says_and_nothing_was_sent)
{
	struct documents *d = documents_load();
	struct proxy proxy = { .trouble = TROUBLE_BUSY, .at = 1 };
	struct candidate s;
	struct posting posting = candidate_posting(pick(d, is_sale), "busy");
	struct posting_result result;
	struct error err;
	uint64_t retry_after_ms = 0;
	proxy_open(&proxy, candidate_server_port());
	candidate_open(&s, proxy.port, NULL);
	EXPECT_NUMBER(
		s.type->post(s.instance, &posting, 1, &result, &retry_after_ms, &err), E_RETRY);
	EXPECT_NUMBER(result.outcome, OUTCOME_NOT_SENT);
	EXPECT_NUMBER(retry_after_ms, 2000);
	EXPECT_NUMBER(candidate_find(&s, &posting), OUTCOME_NOT_SENT);
	candidate_close(&s);
	proxy_close(&proxy);
	documents_unload(d);
}

TEST(wrong_credentials_are_a_matter_of_configuration_and_nothing_was_sent)
{
	struct documents *d = documents_load();
	struct candidate s;
	struct posting posting = candidate_posting(pick(d, is_sale), "stranger");
	struct posting_result result = { .outcome = OUTCOME_SETTLED };
	struct error err;
	candidate_open(&s, 0, candidate_setting("CONTRACT_WRONG"));
	EXPECT_NUMBER(candidate_post(&s, &posting, 1, &result, &err), E_CONFIG);
	EXPECT_NUMBER(result.outcome, OUTCOME_NOT_SENT);
	EXPECT(err.text[0] != '\0');
	EXPECT_NUMBER(s.type->find(s.instance, &posting, 1, &result, &err), E_CONFIG);
	candidate_close(&s);
	documents_unload(d);
}

/* --- stopping --- */

TEST(a_call_after_the_stop_flag_sends_nothing)
{
	struct documents *d = documents_load();
	struct proxy proxy = { .trouble = TROUBLE_NONE };
	struct candidate s;
	struct posting posting = candidate_posting(pick(d, is_sale), "stopped");
	struct posting_result result;
	struct error err;
	proxy_open(&proxy, candidate_server_port());
	candidate_open(&s, proxy.port, NULL);
	atomic_store(&s.stop, true);
	EXPECT_NUMBER(candidate_post(&s, &posting, 1, &result, &err), E_STOPPED);
	EXPECT_NUMBER(result.outcome, OUTCOME_NOT_SENT);
	EXPECT_NUMBER(atomic_load(&proxy.requests), 0);
	candidate_close(&s);
	proxy_close(&proxy);
	documents_unload(d);
}

struct stopper {
	struct proxy *proxy;
	atomic_bool *stop;
};

static void *stop_when_stalled(void *context)
{
	struct stopper *stopper = context;
	while (atomic_load(&stopper->proxy->troubles) == 0)
		sched_yield();
	atomic_store(stopper->stop, true);
	return NULL;
}

/* How many requests a fresh connector makes to post this. */
static unsigned count_requests(const struct transaction *t, const char *name)
{
	struct proxy proxy = { .trouble = TROUBLE_NONE };
	struct candidate s;
	struct posting posting = candidate_posting(t, name);
	struct posting_result result;
	struct error err;
	proxy_open(&proxy, candidate_server_port());
	candidate_open(&s, proxy.port, NULL);
	EXPECT_OK(candidate_post(&s, &posting, 1, &result, &err), err);
	candidate_expect_settled(&result, name);
	candidate_close(&s);
	proxy_close(&proxy);
	unsigned requests = atomic_load(&proxy.requests);
	EXPECT(requests > 0 && requests < REQUESTS_MAX);
	return requests;
}

/* Restart: a connector that knows nothing brings it to its end, without the proxy. */
static void expect_one_effect(const struct posting *posting)
{
	struct candidate s;
	struct posting_result result;
	candidate_open(&s, 0, NULL);
	candidate_deliver(&s, posting, &result);
	candidate_expect_settled(&result, posting->external_id);
	candidate_expect_agreed(&s, posting);
	candidate_close(&s);
}

static void expect_stop_at(const struct transaction *t, unsigned at)
{
	struct proxy proxy = { .trouble = TROUBLE_STALL, .at = at };
	struct candidate s;
	struct stopper stopper = { &proxy, &s.stop };
	struct posting_result result = { 0 };
	struct error err;
	pthread_t thread;
	char name[32];
	snprintf(name, sizeof(name), "stall-%u", at);
	struct posting posting = candidate_posting(t, name);
	proxy_open(&proxy, candidate_server_port());
	candidate_open(&s, proxy.port, NULL);
	EXPECT(pthread_create(&thread, NULL, stop_when_stalled, &stopper) == 0);
	EXPECT_NUMBER(candidate_post(&s, &posting, 1, &result, &err), E_STOPPED);
	EXPECT(result.outcome == OUTCOME_UNKNOWN || result.outcome == OUTCOME_NOT_SENT);
	pthread_join(thread, NULL);
	candidate_close(&s);
	proxy_close(&proxy);
	expect_one_effect(&posting);
}

TEST(the_stop_flag_ends_a_call_that_gets_no_answer)
{
	struct documents *d = documents_load();
	const struct transaction *t = pick(d, is_sale);
	unsigned requests = count_requests(t, "stall");
	for (unsigned part = 0; part < 3; part++)
		expect_stop_at(t, 1 + part * (requests - 1) / 2);
	documents_unload(d);
}

/* --- answers that do not come, or are none --- */

/* What the connector said of a call whose answer was spoilt must be true in the ERP. */
static void expect_true(const struct posting *posting, enum status status,
	const struct posting_result *result, const struct error *err)
{
	struct candidate s;
	if (result->outcome == OUTCOME_REFUSED)
		test_fail(__FILE__, __LINE__, "%s: no ERP has refused it: %s", posting->external_id,
			result->detail);
	if (status != OK && result->outcome != OUTCOME_UNKNOWN && err->text[0] == '\0')
		test_fail(__FILE__, __LINE__, "%s: no reason is named", posting->external_id);
	if (result->outcome == OUTCOME_UNKNOWN)
		return;
	candidate_open(&s, 0, NULL);
	EXPECT_NUMBER(candidate_find(&s, posting), result->outcome);
	candidate_close(&s);
}

/* Posts through a proxy that makes `trouble`; returns false when there was nothing to trouble. */
static bool post_in_trouble(const struct transaction *t, struct proxy *proxy, const char *name)
{
	struct candidate s;
	struct posting posting = candidate_posting(t, name);
	struct posting_result result = { 0 };
	struct error err;
	proxy_open(proxy, candidate_server_port());
	candidate_open(&s, proxy->port, NULL);
	enum status status = candidate_post(&s, &posting, 1, &result, &err);
	candidate_close(&s);
	proxy_close(proxy);
	if (atomic_load(&proxy->troubles) == 0) {
		EXPECT_OK(status, err);
		candidate_expect_settled(&result, name);
		return false;
	}
	expect_true(&posting, status, &result, &err);
	expect_one_effect(&posting);
	return true;
}

static void lose_each_answer(const struct transaction *t, const char *kind)
{
	unsigned at = 1;
	bool troubled = true;
	for (; troubled; at++) {
		struct proxy proxy = { .trouble = TROUBLE_NO_ANSWER, .at = at };
		char name[48];
		EXPECT(at < REQUESTS_MAX);
		snprintf(name, sizeof(name), "lost-%s-%u", kind, at);
		troubled = post_in_trouble(t, &proxy, name);
	}
	EXPECT(at > 2); /* at least one request, and the run without trouble */
}

TEST(whichever_answer_of_a_sale_is_lost_it_has_one_effect)
{
	struct documents *d = documents_load();
	lose_each_answer(pick(d, includes_tax), "sale");
	documents_unload(d);
}

TEST(whichever_answer_of_a_write_off_is_lost_it_has_one_effect)
{
	struct documents *d = documents_load();
	lose_each_answer(pick(d, writes_off), "write-off");
	documents_unload(d);
}

TEST(after_a_lost_answer_the_connector_itself_finds_or_waits)
{
	struct documents *d = documents_load();
	const struct transaction *t = pick(d, is_sale);
	unsigned requests = count_requests(t, "wait");
	for (unsigned at = 1; at <= requests; at++) {
		struct proxy proxy = { .trouble = TROUBLE_NO_ANSWER, .at = at };
		struct candidate s;
		struct posting_result result = { 0 };
		struct error err;
		char name[32];
		snprintf(name, sizeof(name), "wait-%u", at);
		struct posting posting = candidate_posting(t, name);
		proxy_open(&proxy, candidate_server_port());
		candidate_open(&s, proxy.port, NULL);
		enum status posted = candidate_post(&s, &posting, 1, &result, &err);
		bool unknown = posted == OK && result.outcome == OUTCOME_UNKNOWN;
		enum status found = s.type->find(s.instance, &posting, 1, &result, &err);
		EXPECT(found == OK || (unknown && found == E_RETRY));
		candidate_close(&s);
		proxy_close(&proxy);
		expect_one_effect(&posting);
	}
	documents_unload(d);
}

/* Nothing of this is an answer of any ERP; some of it is JSON. */
static const char *const garbage[] = {
	"",
	"{",
	"{}",
	"null",
	"true",
	"\"fine\"",
	"17",
	"[[[[[[[[",
	"[null]",
	"{\"result\":\"\"}",
	"{\"results\":[{}]}",
	"{\"results\":{}}",
	"{\"error\":null}",
	"<html><body>It works!</body></html>",
	"\xff\xfe\x80 \x01",
};
enum { GARBAGE_COUNT = sizeof(garbage) / sizeof(garbage[0]) };

TEST(garbage_and_half_answers_are_never_settled_or_refused_and_leave_one_effect)
{
	static const enum trouble troubles[] = { TROUBLE_HALF, TROUBLE_SHORT, TROUBLE_GARBAGE,
		TROUBLE_GARBAGE, TROUBLE_NOT_DONE, TROUBLE_NOT_DONE, TROUBLE_ERROR };
	struct documents *d = documents_load();
	const struct transaction *t = pick(d, is_exchange);
	unsigned requests = count_requests(t, "garbage"), rounds = test_rounds(40);
	struct random random;
	random_init(&random, test_seed(7));
	for (unsigned round = 0; round < rounds; round++) {
		char name[32];
		struct proxy proxy = { 0 };
		proxy.trouble = troubles[random_below(&random, 7)];
		proxy.at = 1 + (unsigned)random_below(&random, requests);
		proxy.garbage = garbage[random_below(&random, GARBAGE_COUNT)];
		snprintf(name, sizeof(name), "garbage-%u", round);
		fprintf(stderr, "%s: trouble %d at request %u: %s\n", name, (int)proxy.trouble,
			proxy.at, proxy.garbage);
		post_in_trouble(t, &proxy, name);
	}
	documents_unload(d);
}

TEST(garbage_in_answer_to_a_question_never_says_what_the_erp_holds)
{
	struct documents *d = documents_load();
	struct posting posting = candidate_posting(pick(d, is_return), "question");
	struct candidate s;
	post_in_trouble(
		posting.transaction, &(struct proxy){ .trouble = TROUBLE_NONE }, "question");
	for (size_t i = 0; i < GARBAGE_COUNT; i++) {
		for (unsigned at = 1; at < REQUESTS_MAX; at++) {
			struct proxy proxy = {
				.trouble = TROUBLE_GARBAGE, .at = at, .garbage = garbage[i]
			};
			struct posting_result result = { 0 };
			struct error err = { 0 };
			proxy_open(&proxy, candidate_server_port());
			candidate_open(&s, proxy.port, NULL);
			enum status status = s.type->find(s.instance, &posting, 1, &result, &err);
			if (status == OK && result.outcome != OUTCOME_SETTLED)
				test_fail(__FILE__, __LINE__,
					"\"%s\" in place of answer %u: it is said not to be there",
					garbage[i], at);
			EXPECT(status == OK || err.text[0] != '\0');
			candidate_close(&s);
			proxy_close(&proxy);
			if (atomic_load(&proxy.troubles) == 0)
				break;
		}
	}
	documents_unload(d);
}
