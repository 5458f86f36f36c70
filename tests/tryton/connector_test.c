/* The Tryton connector against a real Tryton, as tests/tryton/run.sh starts it. The environment
 * names the folder of the server (TRYTON_DIR, with ids.json) and the documents (TRYTON_FILE).
 *
 * Between connector and server stands a proxy when a test wants it, and does something bad to one
 * of the calls. */
#include "books/match.h"
#include "erp/tryton.h"
#include "harness.h"
#include "proxy.h"
#include "retail/codec.h"
#include "retail/reversal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DOCUMENTS_MAX = 64, BATCH = 5, MESSAGE_BYTES_MAX = 1 << 20 };

/* --- what is posted --- */

struct documents {
	struct arena arena;
	char *text;
	struct transaction items[DOCUMENTS_MAX];
	size_t count;
};

static char *read_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	char *text = calloc(1, MESSAGE_BYTES_MAX);
	if (f == NULL || text == NULL)
		test_fail(__FILE__, __LINE__, "%s cannot be read", path);
	EXPECT(fread(text, 1, MESSAGE_BYTES_MAX - 1, f) > 0);
	fclose(f);
	return text;
}

static const char *setting(const char *name)
{
	const char *value = getenv(name);
	if (value == NULL)
		test_fail(__FILE__, __LINE__, "%s is not set: start this by tests/tryton/run.sh",
			name);
	return value;
}

static struct documents *load(void)
{
	struct documents *d = calloc(1, sizeof(*d));
	struct findings findings = { 0 };
	EXPECT(d != NULL);
	arena_init(&d->arena, 8 << 20);
	d->text = read_file(setting("TRYTON_FILE"));
	struct slice rest = slice_of(d->text);
	while (rest.len > 0) {
		struct slice line = slice_cut(rest, '\n', &rest);
		if (line.len == 0)
			continue;
		EXPECT(d->count < DOCUMENTS_MAX);
		if (transaction_decode(line, &d->arena, &d->items[d->count++], &findings) != OK)
			test_fail(__FILE__, __LINE__, "document %zu: %s", d->count,
				findings.items[0].detail);
	}
	return d;
}

static void unload(struct documents *d)
{
	arena_release(&d->arena);
	free(d->text);
	free(d);
}

/* A reference that no other run of the tests has used; the audit leaves out what begins so. */
static struct posting test_posting(const struct transaction *t, const char *name)
{
	struct posting posting = { .id = 1, .transaction = t };
	snprintf(posting.external_id, sizeof(posting.external_id), "test-%d-%s", (int)getpid(),
		name);
	return posting;
}

/* --- the connector --- */

struct connector {
	char *config; /* of the connector's own type */
	void *instance;
	atomic_bool stop;
};

static void set(struct connector *c, const char *name, const char *value)
{
	struct error err;
	const struct option *option = option_find(erp_tryton.options, slice_of(name));
	EXPECT(option != NULL);
	EXPECT_OK(option_set(option, c->config, slice_of(value), &err), err);
}

/* "name": value in ids.json; the file is our own server script's, one member a line. */
static void find_setting(const char *name, char *value, size_t size)
{
	char path[512], key[64];
	snprintf(path, sizeof(path), "%s/ids.json", setting("TRYTON_DIR"));
	char *text = read_file(path);
	snprintf(key, sizeof(key), "\"%s\": ", name);
	char *at = strstr(text, key);
	EXPECT(at != NULL);
	at += strlen(key);
	at += *at == '"';
	snprintf(value, size, "%.*s", (int)strcspn(at, "\",\n"), at);
	free(text);
}

static void configure(struct connector *c, unsigned port)
{
	static const char *const names[] = { "database", "user", "password_file", "party",
		"rounding_product" };
	char value[512];
	*c = (struct connector){ .config = calloc(1, erp_tryton.config_size) };
	EXPECT(c->config != NULL);
	options_default(erp_tryton.options, c->config);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		find_setting(names[i], value, sizeof(value));
		set(c, names[i], value);
	}
	snprintf(value, sizeof(value), "http://127.0.0.1:%u", port);
	set(c, "url", value);
}

static void start(struct connector *c)
{
	struct error err;
	struct connector_environment environment = {
		.name = "tryton", .timeout_ms = 60000, .stop = &c->stop
	};
	EXPECT_OK(erp_tryton.open(c->config, &environment, &c->instance, &err), err);
}

static unsigned server_port(void)
{
	char text[16];
	find_setting("port", text, sizeof(text));
	return (unsigned)strtoul(text, NULL, 10);
}

static void connector_open(struct connector *c, unsigned port)
{
	configure(c, port);
	start(c);
}

static void connector_close(struct connector *c)
{
	erp_tryton.close(c->instance);
	options_release(erp_tryton.options, c->config);
	free(c->config);
}

static enum status post(struct connector *c, const struct posting *postings, size_t count,
	struct posting_result *results, struct error *err)
{
	uint64_t retry_after_ms = 0;
	*err = (struct error){ 0 };
	return erp_tryton.post(c->instance, postings, count, results, &retry_after_ms, err);
}

static void expect_settled(const struct posting_result *result, const char *what)
{
	if (result->outcome != OUTCOME_SETTLED || result->document[0] == '\0')
		test_fail(__FILE__, __LINE__, "%s: outcome %d, document \"%s\": %s", what,
			result->outcome, result->document, result->detail);
}

/* Tryton holds the posting once, and as the till has it. */
static void expect_agreed(struct connector *c, const struct posting *posting)
{
	struct erp_document document;
	struct differences differences;
	struct arena arena;
	struct buf text;
	struct error err;
	arena_init(&arena, 4 << 20);
	buf_init(&text, 64 << 10);
	EXPECT_OK(erp_tryton.read_back(c->instance, posting, 1, &document, &arena, &err), err);
	EXPECT(document.found);
	EXPECT_NUMBER(document.copies, 1);
	EXPECT(match_document(posting->transaction, &document, &arena, &differences) == OK);
	if (differences.count > 0) {
		differences_write(&differences, &text);
		test_fail(__FILE__, __LINE__, "%s: %.*s", posting->external_id, (int)text.len,
			text.ptr);
	}
	buf_release(&text);
	arena_release(&arena);
}

static void expect_outcome(struct connector *c, const struct posting *posting, enum outcome wanted)
{
	struct posting_result result = { 0 };
	struct error err;
	EXPECT_OK(erp_tryton.find(c->instance, posting, 1, &result, &err), err);
	EXPECT_NUMBER(result.outcome, wanted);
}

/* --- the proxy --- */

static void trouble_open(struct proxy *proxy, enum trouble trouble, const char *method)
{
	*proxy = (struct proxy){ .trouble = trouble, .method = method };
	proxy_open(proxy, server_port());
}

/* --- tests --- */

TEST(every_kind_of_document_is_posted_once_and_read_back_as_the_till_has_it)
{
	struct documents *d = load();
	struct connector c;
	struct posting postings[DOCUMENTS_MAX];
	struct posting_result results[DOCUMENTS_MAX];
	struct error err;
	connector_open(&c, server_port());
	for (size_t i = 0; i < d->count; i++) {
		postings[i] = (struct posting){ .id = i + 1, .transaction = &d->items[i] };
		key_print(&d->items[i].key, postings[i].external_id);
	}
	for (size_t at = 0; at < d->count; at += BATCH) {
		size_t count = d->count - at < BATCH ? d->count - at : BATCH;
		EXPECT_OK(post(&c, postings + at, count, results + at, &err), err);
	}
	for (size_t i = 0; i < d->count; i++) {
		expect_settled(&results[i], postings[i].external_id);
		expect_agreed(&c, &postings[i]);
		expect_outcome(&c, &postings[i], OUTCOME_SETTLED);
	}
	connector_close(&c);
	unload(d);
}

TEST(the_same_posting_twice_is_one_document)
{
	struct documents *d = load();
	struct connector c;
	struct posting posting = test_posting(&d->items[0], "twice");
	struct posting_result first, second;
	struct error err;
	connector_open(&c, server_port());
	expect_outcome(&c, &posting, OUTCOME_NOT_SENT);
	EXPECT_OK(post(&c, &posting, 1, &first, &err), err);
	EXPECT_OK(post(&c, &posting, 1, &second, &err), err);
	expect_settled(&first, "first");
	expect_settled(&second, "second");
	EXPECT_TEXT(second.document, first.document);
	expect_agreed(&c, &posting);
	connector_close(&c);
	unload(d);
}

/* A revision takes back what the one before it posted, whatever that was. */
TEST(every_kind_of_document_is_reversed_by_one_of_its_own)
{
	struct documents *d = load();
	struct connector c;
	struct error err;
	connector_open(&c, server_port());
	for (size_t i = 0; i < d->count; i++) {
		struct transaction negated;
		struct posting_result results[2] = { 0 };
		struct posting postings[2];
		char name[32];
		snprintf(name, sizeof(name), "r%zu", i);
		postings[0] = test_posting(&d->items[i], name);
		EXPECT_OK(transaction_reverse(&d->items[i], &d->arena, &negated, &err), err);
		snprintf(name, sizeof(name), "r%zu~r1", i);
		postings[1] = test_posting(&negated, name);
		postings[1].reversal = true;
		snprintf(postings[1].reverses, sizeof(postings[1].reverses), "%s",
			postings[0].external_id);
		for (unsigned part = 0; part < 2; part++) {
			EXPECT_OK(post(&c, &postings[part], 1, &results[part], &err), err);
			expect_settled(&results[part], postings[part].external_id);
			expect_agreed(&c, &postings[part]);
		}
		EXPECT(strcmp(results[0].document, results[1].document) != 0);
	}
	connector_close(&c);
	unload(d);
}

/* One of three postings is changed by `spoil`; it alone is refused, in words that name it. */
static void expect_refused_alone(void (*spoil)(struct transaction *t), const char *words)
{
	struct documents *d = load();
	struct connector c;
	struct transaction spoilt = d->items[1];
	struct line lines[2] = { d->items[1].lines.items[0], d->items[1].lines.items[1] };
	struct posting_result results[3];
	struct error err;
	spoilt.lines.items = lines;
	spoil(&spoilt);
	struct posting postings[3] = { test_posting(&d->items[0], "good-1"),
		test_posting(&spoilt, "spoilt"), test_posting(&d->items[4], "good-2") };
	connector_open(&c, server_port());
	EXPECT_OK(post(&c, postings, 3, results, &err), err);
	expect_settled(&results[0], "before the refused one");
	expect_settled(&results[2], "behind the refused one");
	EXPECT_NUMBER(results[1].outcome, OUTCOME_REFUSED);
	if (strstr(results[1].detail, words) == NULL)
		EXPECT_TEXT(results[1].detail, words);
	expect_outcome(&c, &postings[1], OUTCOME_NOT_SENT);
	expect_agreed(&c, &postings[0]);
	expect_agreed(&c, &postings[2]);
	connector_close(&c);
	unload(d);
}

static void unknown_item(struct transaction *t)
{
	t->lines.items[1].item = slice_of("NO-SUCH-ITEM");
}

static void unknown_store(struct transaction *t)
{
	t->key.store = slice_of("9999");
}

static void unknown_tax(struct transaction *t)
{
	static struct tax tax;
	tax = t->lines.items[0].taxes.items[0];
	tax.rate = decimal_make(173, 3);
	t->lines.items[0].taxes.items = &tax;
}

static void half_a_piece(struct transaction *t)
{
	t->lines.items[0].quantity = decimal_make(5, 1);
}

static void wrong_total(struct transaction *t)
{
	t->lines.items[0].amount = decimal_make(1100, 2);
}

static void old_date(struct transaction *t)
{
	t->key.business_date = 19990101;
}

static void other_currency(struct transaction *t)
{
	t->currency = slice_of("JPY");
}

TEST(an_unknown_product_is_refused_alone)
{
	expect_refused_alone(unknown_item, "line 2: Tryton has no product \"NO-SUCH-ITEM\"");
}

TEST(an_unknown_warehouse_is_refused_alone)
{
	expect_refused_alone(unknown_store, "Tryton has no warehouse with code \"9999\"");
}

TEST(an_unknown_tax_is_refused_alone)
{
	expect_refused_alone(unknown_tax, "no tax for code \"S\" or rate 0.173");
}

TEST(a_quantity_finer_than_the_unit_is_refused_alone_in_trytons_words)
{
	expect_refused_alone(half_a_piece, "The number of digits in the value");
}

TEST(a_total_that_rounding_cannot_explain_is_refused_and_leaves_no_draft)
{
	expect_refused_alone(wrong_total, "more apart than a minor unit");
}

TEST(a_date_without_fiscal_year_is_refused_alone)
{
	expect_refused_alone(old_date, "1999-01-01");
}

TEST(another_currency_than_the_companys_is_refused_alone)
{
	expect_refused_alone(other_currency, "the till's currency is JPY");
}

/* Goal: wherever a crash or a lost answer stops us, the document exists once in the end. Method:
 * the answer of each call that writes is lost in its turn; what is unknown is posted again by a
 * connector that knows nothing of the first. */
static void lose_answer(const struct transaction *t, const char *method)
{
	struct proxy proxy;
	struct connector c;
	struct posting posting = test_posting(t, method);
	struct posting_result result;
	struct error err;
	trouble_open(&proxy, TROUBLE_NO_ANSWER, method);
	connector_open(&c, proxy.port);
	EXPECT_OK(post(&c, &posting, 1, &result, &err), err);
	EXPECT_NUMBER(result.outcome, OUTCOME_UNKNOWN);
	EXPECT_NUMBER(atomic_load(&proxy.troubles), 1);
	connector_close(&c);
	proxy_close(&proxy);
	connector_open(&c, server_port());
	EXPECT_OK(post(&c, &posting, 1, &result, &err), err);
	expect_settled(&result, method);
	expect_agreed(&c, &posting);
	connector_close(&c);
}

TEST(a_sale_whose_answer_was_lost_at_any_call_is_finished_and_not_repeated)
{
	static const char *const methods[] = { "model.sale.sale.create", "model.sale.sale.quote",
		"model.sale.sale.draft", "model.sale.sale.write", "model.sale.sale.confirm",
		"model.stock.move.create", "model.stock.move.do", "model.account.invoice.write",
		"model.account.invoice.post", "model.account.move.create",
		"model.account.move.post", "model.account.move.reconciliation.create" };
	struct documents *d = load();
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		lose_answer(&d->items[5], methods[i]);
	unload(d);
}

TEST(a_write_off_whose_answer_was_lost_at_any_call_is_finished_and_not_repeated)
{
	static const char *const methods[] = { "model.stock.shipment.internal.create",
		"model.stock.shipment.internal.wait", "model.stock.shipment.internal.assign_force",
		"model.stock.shipment.internal.done" };
	struct documents *d = load();
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		lose_answer(&d->items[7], methods[i]);
	unload(d);
}

TEST(an_exchange_that_mixes_tenders_is_not_done_before_they_are_booked)
{
	struct documents *d = load();
	lose_answer(&d->items[15], "model.account.invoice.post");
	unload(d);
}

TEST(an_unanswered_call_is_unknown_and_nothing_is_called_absent_for_a_while)
{
	struct documents *d = load();
	struct proxy proxy;
	struct connector c;
	struct posting posting = test_posting(&d->items[0], "unanswered");
	struct posting_result result;
	struct error err;
	trouble_open(&proxy, TROUBLE_NO_ANSWER, "model.sale.sale.create");
	connector_open(&c, proxy.port);
	EXPECT_OK(post(&c, &posting, 1, &result, &err), err);
	EXPECT_NUMBER(result.outcome, OUTCOME_UNKNOWN);
	EXPECT(erp_tryton.find(c.instance, &posting, 1, &result, &err) == E_RETRY);
	connector_close(&c);
	proxy_close(&proxy);
	connector_open(&c, server_port());
	expect_outcome(&c, &posting, OUTCOME_NOT_SENT);
	EXPECT_OK(post(&c, &posting, 1, &result, &err), err);
	expect_settled(&result, "after the lost create");
	expect_agreed(&c, &posting);
	connector_close(&c);
	unload(d);
}

TEST(a_draft_beside_its_document_is_deleted)
{
	struct documents *d = load();
	struct proxy proxy;
	struct connector c;
	struct posting posting = test_posting(&d->items[1], "two-drafts");
	struct posting_result result;
	struct error err;
	trouble_open(&proxy, TROUBLE_TWICE, "model.sale.sale.create");
	connector_open(&c, proxy.port);
	EXPECT_OK(post(&c, &posting, 1, &result, &err), err);
	expect_settled(&result, "two drafts");
	EXPECT_NUMBER(atomic_load(&proxy.troubles), 1);
	expect_agreed(&c, &posting);
	connector_close(&c);
	proxy_close(&proxy);
	unload(d);
}

TEST(a_session_that_ended_is_begun_again_without_anybody_noticing)
{
	struct documents *d = load();
	struct proxy proxy;
	struct connector c;
	struct posting posting = test_posting(&d->items[0], "logged-out");
	struct posting_result result;
	struct error err;
	trouble_open(&proxy, TROUBLE_LOGGED_OUT, "model.sale.sale.confirm");
	connector_open(&c, proxy.port);
	EXPECT_OK(post(&c, &posting, 1, &result, &err), err);
	expect_settled(&result, "logged out");
	expect_agreed(&c, &posting);
	connector_close(&c);
	proxy_close(&proxy);
	unload(d);
}

TEST(a_busy_server_is_asked_again_later_and_nothing_was_sent)
{
	struct documents *d = load();
	struct proxy proxy;
	struct connector c;
	struct posting posting = test_posting(&d->items[0], "busy");
	struct posting_result result;
	struct error err;
	uint64_t retry_after_ms = 0;
	trouble_open(&proxy, TROUBLE_BUSY, "model.sale.sale.create");
	connector_open(&c, proxy.port);
	EXPECT(erp_tryton.post(c.instance, &posting, 1, &result, &retry_after_ms, &err) == E_RETRY);
	EXPECT_NUMBER(result.outcome, OUTCOME_NOT_SENT);
	EXPECT_NUMBER(retry_after_ms, 2000);
	connector_close(&c);
	proxy_close(&proxy);
	unload(d);
}

TEST(a_server_that_is_down_has_not_been_sent_anything)
{
	struct documents *d = load();
	struct connector c;
	struct posting posting = test_posting(&d->items[0], "down");
	struct posting_result result;
	struct error err;
	connector_open(&c, 1);
	EXPECT(post(&c, &posting, 1, &result, &err) == E_RETRY);
	EXPECT_NUMBER(result.outcome, OUTCOME_NOT_SENT);
	EXPECT(erp_tryton.find(c.instance, &posting, 1, &result, &err) == E_RETRY);
	connector_close(&c);
	unload(d);
}

TEST(a_wrong_password_is_a_matter_of_configuration)
{
	struct documents *d = load();
	struct connector c;
	struct posting posting = test_posting(&d->items[0], "password");
	struct posting_result result;
	struct error err;
	configure(&c, server_port());
	set(&c, "user", "nobody");
	start(&c);
	EXPECT(post(&c, &posting, 1, &result, &err) == E_CONFIG);
	EXPECT(strstr(err.text, "refused the login of user \"nobody\"") != NULL);
	EXPECT_NUMBER(result.outcome, OUTCOME_NOT_SENT);
	connector_close(&c);
	unload(d);
}

TEST(a_stopped_connector_ends_without_sending)
{
	struct documents *d = load();
	struct connector c;
	struct posting posting = test_posting(&d->items[0], "stopped");
	struct posting_result result;
	struct error err;
	connector_open(&c, server_port());
	atomic_store(&c.stop, true);
	EXPECT(post(&c, &posting, 1, &result, &err) == E_STOPPED);
	EXPECT_NUMBER(result.outcome, OUTCOME_NOT_SENT);
	connector_close(&c);
	unload(d);
}
