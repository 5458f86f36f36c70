#include "sandbox/sandbox.h"

#include "erp/rpc.h"
#include "harness.h"
#include "sandbox/faults.h"
#include "sandbox/ledger.h"
#include "sandbox/state.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* A sandbox ERP on a port of its own, and a client of it. */
struct fixture {
	char folder[512], text[1 << 16];
	struct sandbox *sandbox;
	struct rpc *rpc;
	struct rpc_answer answer;
	struct error err;
};

static void start(struct fixture *f, const char *fault)
{
	struct sandbox_config config = {
		.listen = (char[]){ "127.0.0.1:0" },
		.data = f->folder,
		.fault = (char *)(uintptr_t)fault,
		.seed = 1,
	};
	EXPECT_OK(sandbox_open(&config, &f->sandbox, &f->err), f->err);
	EXPECT_OK(rpc_open(NULL, &f->rpc, &f->err), f->err);
}

static void stop(struct fixture *f)
{
	rpc_close(f->rpc);
	sandbox_close(f->sandbox);
}

static struct fixture *fixture_open(const char *fault)
{
	struct fixture *f = calloc(1, sizeof(*f));
	EXPECT(f != NULL);
	snprintf(f->folder, sizeof(f->folder), "%s/erp", test_folder());
	start(f, fault);
	return f;
}

static void fixture_close(struct fixture *f)
{
	stop(f);
	free(f);
}

static enum status ask(struct fixture *f, const char *method, const char *path, const char *body)
{
	char url[256];
	snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", sandbox_port(f->sandbox), path);
	struct rpc_request request = {
		.method = method,
		.url = url,
		.body = body == NULL ? (struct slice){ NULL, 0 } : slice_of(body),
		.timeout_ms = 60000,
		.reads = strcmp(method, "GET") == 0,
	};
	enum status s = rpc_call(f->rpc, &request, &f->answer, &f->err);
	snprintf(f->text, sizeof(f->text), "%.*s", SLICE_ARG(f->answer.body));
	return s;
}

static const char *get(struct fixture *f, const char *path)
{
	EXPECT_OK(ask(f, "GET", path, NULL), f->err);
	return f->text;
}

static const char *put_faults(struct fixture *f, const char *body)
{
	EXPECT_OK(ask(f, "PUT", "/api/faults", body), f->err);
	return f->text;
}

static void expect_part(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		test_fail(__FILE__, __LINE__, "%s is not in %s", part, text);
}

#define SALE_OF(reference, item, quantity)                                                         \
	"{\"reference\":\"" reference "\",\"warehouse\":\"0042\",\"date\":\"2026-11-23\","         \
	"\"currency\":\"EUR\",\"lines\":[{\"item\":\"" item "\",\"quantity\":\"" quantity          \
	"\",\"unit_price\":\"2.00\",\"amount\":\"12.00\",\"tax\":\"2.00\",\"kind\":\"sale\"}],"    \
	"\"payments\":[{\"method\":\"cash\",\"amount\":\"12.00\"}],"                               \
	"\"net\":\"10.00\",\"tax\":\"2.00\",\"total\":\"12.00\",\"rounding\":\"0.00\"}"

static const char one_sale[] = "{\"sales\":[" SALE_OF("R1", "A", "6") "]}";

TEST(a_posted_sale_is_a_document_with_stock_and_ledger)
{
	struct fixture *f = fixture_open(NULL);
	EXPECT_OK(ask(f, "POST", "/api/sales", one_sale), f->err);
	EXPECT_TEXT(f->text, "{\"results\":[{\"reference\":\"R1\",\"status\":\"created\","
			     "\"number\":\"SO-00000001\"}]}");
	expect_part(get(f, "/api/sales/SO-00000001"), "\"reference\":\"R1\"");
	EXPECT_TEXT(get(f, "/api/stock?warehouse=0042&item=A"),
		"{\"stock\":[{\"warehouse\":\"0042\",\"item\":\"A\",\"on_hand\":\"-6\"}],"
		"\"next\":null}");
	EXPECT_TEXT(get(f, "/api/ledger?warehouse=0042&date=2026-11-23"),
		"{\"entries\":["
		"{\"number\":\"SO-00000001\",\"account\":\"tender.cash\",\"debit\":\"12.00\","
		"\"credit\":\"0.00\",\"currency\":\"EUR\"},"
		"{\"number\":\"SO-00000001\",\"account\":\"revenue.sale\",\"debit\":\"0.00\","
		"\"credit\":\"10.00\",\"currency\":\"EUR\"},"
		"{\"number\":\"SO-00000001\",\"account\":\"tax\",\"debit\":\"0.00\","
		"\"credit\":\"2.00\",\"currency\":\"EUR\"}],\"next\":null}");
	EXPECT_TEXT(get(f, "/api/ledger?date=2026-11-24"), "{\"entries\":[],\"next\":null}");
	EXPECT_TEXT(get(f, "/api/stock?item=B"), "{\"stock\":[],\"next\":null}");
	EXPECT_TEXT(get(f, "/api/summary"),
		"{\"documents\":1,\"lines\":1,\"references\":1,\"duplicates\":0,\"totals\":["
		"{\"currency\":\"EUR\",\"documents\":1,\"lines\":1,\"net\":\"10.00\","
		"\"tax\":\"2.00\",\"total\":\"12.00\"}],\"warehouses\":[{\"warehouse\":\"0042\","
		"\"currency\":\"EUR\",\"documents\":1,\"lines\":1,\"net\":\"10.00\","
		"\"tax\":\"2.00\",\"total\":\"12.00\"}]}");
	fixture_close(f);
}

TEST(a_sale_posted_twice_is_two_documents)
{
	struct fixture *f = fixture_open(NULL);
	EXPECT_OK(ask(f, "POST", "/api/sales", one_sale), f->err);
	EXPECT_OK(ask(f, "POST", "/api/sales", one_sale), f->err);
	expect_part(get(f, "/api/summary"),
		"\"documents\":2,\"lines\":2,\"references\":1,\"duplicates\":1");
	expect_part(get(f, "/api/stock"), "\"on_hand\":\"-12\"");
	EXPECT_OK(
		ask(f, "POST", "/api/sales/search", "{\"references\":[\"none\",\"R1\"]}"), f->err);
	expect_part(f->text, "{\"sales\":[{\"number\":\"SO-00000001\",\"at\":\"");
	expect_part(f->text, "{\"number\":\"SO-00000002\",\"at\":\"");
	fixture_close(f);
}

/* Each of them alone among good ones, which are created all the same. */
TEST(a_wrong_sale_is_refused_with_its_reason_and_the_others_are_created)
{
	static const struct {
		const char *sale, *reason;
	} cases[] = {
		{ "7", "the sale: found a number; an object is expected" },
		{ "{}", "reference: is missing" },
		{ "{\"reference\":\"\"}", "reference: has 0 bytes; 1 to 256 are allowed" },
		{ "{\"date\":\"2026-02-30\"}", "date: \\\"2026-02-30\\\" is no date" },
		{ "{\"total\":\"1e3\"}", "total: \\\"1e3\\\" is no decimal" },
		{ "{\"total\":true}", "total: found true; a decimal such as" },
		{ "{\"lines\":{}}", "lines: found an object; an array is expected" },
		{ "{\"colour\":1}", "unknown field: \\\"colour\\\"" },
		{ "{\"number\":\"SO-00000009\"}", "unknown field: \\\"number\\\"" },
		{ "{\"lines\":[{\"quantity\":\"1\",\"amount\":\"1\",\"kind\":\"sale\"}]}",
			"lines/0/item: is missing, and the line is about goods" },
		{ "{\"lines\":[{\"quantity\":\"1\",\"amount\":\"1\",\"kind\":\"tip\"}]}",
			"lines/0/kind: \\\"tip\\\" is none of sale" },
		{ "{\"payments\":[7]}", "payments/0/: found a number; an object is expected" },
		{ "{\"net\":\"1\",\"net\":\"1\"}", "net: stands there twice" },
	};
	struct fixture *f = fixture_open(NULL);
	char body[4096], expected[256];
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(body, sizeof(body), "{\"sales\":[%s,%s,%s]}", SALE_OF("R1", "A", "1"),
			cases[i].sale, SALE_OF("R2", "A", "1"));
		EXPECT_OK(ask(f, "POST", "/api/sales", body), f->err);
		snprintf(expected, sizeof(expected), "\"status\":\"refused\",\"error\":\"%s",
			cases[i].reason);
		expect_part(f->text, expected);
		expect_part(f->text, "{\"reference\":\"R2\",\"status\":\"created\"");
	}
	snprintf(expected, sizeof(expected), "\"documents\":%zu,",
		2 * sizeof(cases) / sizeof(cases[0]));
	expect_part(get(f, "/api/summary"), expected);
	fixture_close(f);
}

static enum status read_text(
	struct arena *arena, const char *text, struct sale *ret_sale, struct error *err)
{
	struct json json;
	json_init(&json, slice_of(text), arena);
	return sale_read(&json, false, ret_sale, err);
}

TEST(lines_must_add_up_to_the_total_or_the_net)
{
	static const char head[] =
		"{\"reference\":\"R\",\"warehouse\":\"W\",\"date\":\"2026-01-02\","
		"\"currency\":\"EUR\",\"payments\":[],\"lines\":[{\"item\":\"A\","
		"\"quantity\":\"1\",\"kind\":\"sale\",\"amount\":";
	static const struct {
		const char *rest, *problem;
	} cases[] = {
		{ "\"12.00\"}],\"net\":\"10\",\"tax\":\"2\",\"total\":\"12.0\"}", NULL },
		{ "\"10.00\"}],\"net\":\"10\",\"tax\":\"2\",\"total\":\"12.0\"}", NULL },
		{ "\"11.00\"}],\"net\":\"10\",\"tax\":\"2\",\"total\":\"12.0\"}",
			"lines: add up to 11.00, which is neither the total 12.00 nor the net "
			"10.00" },
		{ "\"12.01\"}],\"net\":\"10\",\"tax\":\"2\",\"total\":\"12.01\"}",
			"total: 12.01 is not the net 10.00 and the tax together" },
	};
	struct arena arena;
	arena_init(&arena, 1 << 20);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[1024];
		struct sale sale;
		struct error err = { 0 };
		snprintf(text, sizeof(text), "%s%s", head, cases[i].rest);
		enum status s = read_text(&arena, text, &sale, &err);
		EXPECT_NUMBER(s, cases[i].problem == NULL ? OK : E_INPUT);
		EXPECT_TEXT(err.text, cases[i].problem == NULL ? "" : cases[i].problem);
	}
	arena_release(&arena);
}

TEST(a_message_never_ends_in_half_a_character)
{
	struct slice long_text = slice_of("123456789012345678901234567890123456789\xc3\xa4");
	EXPECT_NUMBER(sale_excerpt(long_text).len, 39);
	EXPECT_NUMBER(sale_excerpt(slice_of("\xc3\xa4")).len, 2);
}

TEST(a_request_that_is_no_list_of_sales_is_refused_as_a_whole)
{
	static const char *const bodies[] = { "", "[]", "{}", "{\"sales\":7}", "{\"sales\":[]} x",
		"{\"sales\":[],\"sales\":[]}", "{\"sales\":[" SALE_OF("R", "A", "1") "}" };
	struct fixture *f = fixture_open(NULL);
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		EXPECT_OK(ask(f, "POST", "/api/sales", bodies[i]), f->err);
		EXPECT_NUMBER(f->answer.http_status, 400);
		expect_part(f->text, "https://tillbridge.dev/problems/malformed");
	}
	expect_part(get(f, "/api/summary"), "\"documents\":0");
	EXPECT_OK(ask(f, "GET", "/api/nothing", NULL), f->err);
	EXPECT_NUMBER(f->answer.http_status, 404);
	EXPECT_OK(ask(f, "PUT", "/api/sales", "{}"), f->err);
	EXPECT_NUMBER(f->answer.http_status, 405);
	EXPECT_OK(ask(f, "GET", "/api/sales/SO-1", NULL), f->err);
	EXPECT_NUMBER(f->answer.http_status, 404);
	EXPECT_OK(ask(f, "GET", "/api/ledger?date=yesterday", NULL), f->err);
	EXPECT_NUMBER(f->answer.http_status, 400);
	fixture_close(f);
}

/* A sale that is right, with random lines, tenders, signs, and amounts with tax or without. */
static void random_sale(struct random *random, struct buf *buf)
{
	static const char *const kinds[] = { "sale", "return", "fee", "gift_card", "deposit",
		"write_off", "adjustment" };
	bool with_tax = random_chance(random, 1, 2);
	int64_t sum = 0, taxes = (int64_t)random_below(random, 500);
	unsigned lines = (unsigned)random_below(random, 6);
	buf_format(buf, "{\"reference\":\"R%u\",\"warehouse\":\"W%u\",\"date\":\"2026-11-2%u\",",
		(unsigned)random_below(random, 50), (unsigned)random_below(random, 3),
		(unsigned)random_below(random, 9));
	buf_format(buf, "\"currency\":\"%s\",\"lines\":[",
		random_chance(random, 1, 2) ? "EUR" : "GBP");
	for (unsigned i = 0; i < lines; i++) {
		int64_t amount = (int64_t)random_below(random, 20000) - 5000;
		sum += amount;
		buf_format(buf, "%s{\"item\":\"I%u\",\"quantity\":\"%d\",\"amount\":\"",
			i > 0 ? "," : "", (unsigned)random_below(random, 20),
			(int)random_below(random, 9) - 4);
		decimal_write(decimal_make(amount, 2), buf);
		buf_format(buf, "\",\"tax\":\"0.%02u\",\"kind\":\"%s\"}",
			(unsigned)random_below(random, 100), kinds[random_below(random, 7)]);
	}
	buf_text(buf, "],\"payments\":[{\"method\":\"cash\",\"amount\":\"");
	decimal_write(decimal_make((int64_t)random_below(random, 20000) - 5000, 2), buf);
	buf_text(buf, "\"}],\"net\":\"");
	decimal_write(decimal_make(with_tax ? sum - taxes : sum, 2), buf);
	buf_text(buf, "\",\"tax\":\"");
	decimal_write(decimal_make(taxes, 2), buf);
	buf_text(buf, "\",\"total\":\"");
	decimal_write(decimal_make(with_tax ? sum : sum + taxes, 2), buf);
	buf_text(buf, "\",\"rounding\":\"-0.02\"}");
}

TEST(debit_and_credit_of_every_document_are_equal)
{
	struct random random;
	struct arena arena;
	struct buf buf;
	unsigned rounds = test_rounds(2000);
	random_init(&random, test_seed(1));
	arena_init(&arena, 1 << 20);
	buf_init(&buf, 1 << 20);
	for (unsigned i = 0; i < rounds; i++) {
		struct sale sale;
		struct ledger ledger;
		struct error err;
		struct total balance = total_zero();
		buf_reset(&buf);
		arena_reset(&arena);
		random_sale(&random, &buf);
		buf_char(&buf, '\0');
		EXPECT_OK(read_text(&arena, buf.ptr, &sale, &err), err);
		ledger_of(&sale, &ledger);
		for (uint32_t e = 0; e < ledger.count; e++) {
			const struct ledger_entry *entry = &ledger.entries[e];
			EXPECT(total_sign(entry->debit) >= 0 && total_sign(entry->credit) >= 0);
			EXPECT(total_sign(entry->debit) + total_sign(entry->credit) == 1);
			balance = total_add(balance, total_subtract(entry->debit, entry->credit));
		}
		EXPECT_NUMBER(total_sign(balance), 0);
	}
	buf_release(&buf);
	arena_release(&arena);
}

/* Goal: the log is all there is to the state. Method: post random sales, remember what the ERP
 * says about itself, open it again, compare. */
TEST(the_state_after_a_restart_is_the_state_before)
{
	static const char *const paths[] = { "/api/summary", "/api/stock",
		"/api/ledger?date=2026-11-23", "/api/ledger?limit=20&after=10",
		"/api/sales/SO-00000007" };
	enum { PATHS = sizeof(paths) / sizeof(paths[0]) };
	struct fixture *f = fixture_open(NULL);
	struct random random;
	struct buf buf;
	char *before[PATHS];
	random_init(&random, test_seed(2));
	buf_init(&buf, 1 << 20);
	for (unsigned batch = 0; batch < 10; batch++) {
		buf_reset(&buf);
		buf_text(&buf, "{\"sales\":[");
		for (unsigned i = 0; i < 20; i++) {
			json_write_comma(&buf);
			random_sale(&random, &buf);
		}
		buf_append(&buf, "]}", 3);
		EXPECT_OK(ask(f, "POST", "/api/sales", buf.ptr), f->err);
		EXPECT(strstr(f->text, "refused") == NULL);
	}
	for (size_t i = 0; i < PATHS; i++)
		before[i] = strdup(get(f, paths[i]));
	expect_part(before[0], "\"documents\":200,");
	stop(f);
	start(f, NULL);
	for (size_t i = 0; i < PATHS; i++) {
		EXPECT_TEXT(get(f, paths[i]), before[i]);
		free(before[i]);
	}
	buf_release(&buf);
	fixture_close(f);
}

static void append_to_log(const struct fixture *f, const char *text)
{
	char path[600];
	snprintf(path, sizeof(path), "%s/sandbox.log", f->folder);
	FILE *file = fopen(path, "a");
	EXPECT(file != NULL);
	EXPECT(fputs(text, file) >= 0);
	EXPECT(fclose(file) == 0);
}

static long long log_size(const struct fixture *f)
{
	char path[600];
	struct stat st;
	snprintf(path, sizeof(path), "%s/sandbox.log", f->folder);
	EXPECT(stat(path, &st) == 0);
	return st.st_size;
}

TEST(a_torn_last_line_is_cut_and_the_next_sale_follows_the_last_whole_one)
{
	struct fixture *f = fixture_open(NULL);
	EXPECT_OK(ask(f, "POST", "/api/sales", one_sale), f->err);
	stop(f);
	long long size = log_size(f);
	append_to_log(f, "{\"number\":\"SO-00000002\",\"at\":\"2026");
	start(f, NULL);
	EXPECT_NUMBER(log_size(f), size);
	EXPECT_OK(ask(f, "POST", "/api/sales", one_sale), f->err);
	expect_part(f->text, "\"number\":\"SO-00000002\"");
	stop(f);
	start(f, NULL);
	expect_part(get(f, "/api/summary"), "\"documents\":2,");
	fixture_close(f);
}

TEST(a_whole_line_that_is_no_sale_stops_the_opening)
{
	struct fixture *f = fixture_open(NULL);
	struct sandbox *sandbox;
	EXPECT_OK(ask(f, "POST", "/api/sales", one_sale), f->err);
	stop(f);
	append_to_log(f, "{\"number\":\"SO-00000002\"}\n");
	struct sandbox_config config = { .listen = (char[]){ "127.0.0.1:0" }, .data = f->folder };
	EXPECT_NUMBER(sandbox_open(&config, &sandbox, &f->err), E_CORRUPT);
	expect_part(f->err.text, "sandbox.log: the line at byte ");
	free(f);
}

/* The disk ends in the middle of the second sale. */
TEST(after_a_failed_write_nothing_is_told_until_the_log_has_been_read_again)
{
	struct fixture *f = fixture_open(NULL);
	EXPECT_OK(ask(f, "POST", "/api/sales", one_sale), f->err);
	struct rlimit limit, before;
	EXPECT(signal(SIGXFSZ, SIG_IGN) != SIG_ERR && getrlimit(RLIMIT_FSIZE, &before) == 0);
	limit = (struct rlimit){ (rlim_t)log_size(f) + 100, before.rlim_max };
	EXPECT(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	EXPECT_NUMBER(ask(f, "POST", "/api/sales", one_sale), E_UNKNOWN);
	expect_part(f->text, "cannot write to sandbox.log");
	EXPECT_NUMBER(log_size(f), limit.rlim_cur);
	EXPECT(setrlimit(RLIMIT_FSIZE, &before) == 0);
	EXPECT_NUMBER(ask(f, "POST", "/api/sales", one_sale), E_UNKNOWN);
	EXPECT_NUMBER(f->answer.http_status, 507);
	EXPECT_NUMBER(ask(f, "GET", "/api/summary", NULL), E_RETRY);
	stop(f);
	start(f, NULL);
	expect_part(get(f, "/api/summary"), "\"documents\":1,");
	EXPECT_OK(ask(f, "POST", "/api/sales", one_sale), f->err);
	expect_part(f->text, "SO-00000002");
	fixture_close(f);
}

TEST(one_folder_has_one_user)
{
	struct fixture *f = fixture_open(NULL);
	struct sandbox *second;
	struct sandbox_config config = { .listen = (char[]){ "127.0.0.1:0" }, .data = f->folder };
	EXPECT_NUMBER(sandbox_open(&config, &second, &f->err), E_CONFIG);
	expect_part(f->err.text, "is in use by another sandbox ERP");
	fixture_close(f);
}

/* The connection is kept from an earlier call, which is when libcurl would send a POST again. */
TEST(a_lost_answer_is_unknown_and_the_sale_is_there_once)
{
	struct fixture *f = fixture_open(NULL);
	EXPECT_TEXT(put_faults(f, "{\"lost_answer\":1}"),
		"{\"lost_answer\":1,\"error_after_apply\":0,\"throttle\":0,\"refuse\":0,\"slow_"
		"ms\":0,"
		"\"down\":false}");
	EXPECT_NUMBER(ask(f, "POST", "/api/sales", one_sale), E_UNKNOWN);
	EXPECT(f->answer.sent);
	expect_part(f->err.text, "/api/sales: the connection was closed before an answer came");
	expect_part(get(f, "/api/summary"), "\"documents\":1,");
	fixture_close(f);
}

TEST(an_error_after_the_save_is_unknown_and_the_sale_is_there)
{
	struct fixture *f = fixture_open("error_after_apply=1");
	EXPECT_NUMBER(ask(f, "POST", "/api/sales", one_sale), E_UNKNOWN);
	EXPECT_NUMBER(f->answer.http_status, 500);
	expect_part(get(f, "/api/summary"), "\"documents\":1,");
	fixture_close(f);
}

TEST(a_throttled_call_names_the_time_to_wait_and_does_nothing)
{
	struct fixture *f = fixture_open("throttle=1");
	EXPECT_NUMBER(ask(f, "POST", "/api/sales", one_sale), E_RETRY);
	EXPECT_NUMBER(f->answer.http_status, 429);
	EXPECT_NUMBER(f->answer.retry_after_ms, 1000);
	expect_part(get(f, "/api/summary"), "\"documents\":0,");
	fixture_close(f);
}

TEST(a_sandbox_that_is_down_answers_503_until_it_is_told_otherwise)
{
	struct fixture *f = fixture_open("down=true");
	EXPECT_NUMBER(ask(f, "POST", "/api/sales", one_sale), E_RETRY);
	EXPECT_NUMBER(ask(f, "GET", "/api/summary", NULL), E_RETRY);
	EXPECT_NUMBER(f->answer.http_status, 503);
	expect_part(get(f, "/api/faults"), "\"down\":true");
	put_faults(f, "{}");
	expect_part(get(f, "/api/summary"), "\"documents\":0,");
	fixture_close(f);
}

TEST(a_slow_answer_comes_and_is_right)
{
	struct fixture *f = fixture_open("slow_ms=5");
	for (unsigned i = 0; i < 10; i++)
		EXPECT_OK(ask(f, "POST", "/api/sales", one_sale), f->err);
	expect_part(f->text, "SO-00000010");
	fixture_close(f);
}

TEST(a_chance_strikes_as_often_as_it_says)
{
	struct faults faults = { 0 };
	struct random random;
	struct error err;
	unsigned struck = 0;
	EXPECT_OK(faults_set_list(&faults, slice_of("lost_answer=0.25, slow_ms=7"), &err), err);
	EXPECT_NUMBER(faults.lost_answer, 250000);
	EXPECT_NUMBER(faults.slow_ms, 7);
	random_init(&random, test_seed(3));
	for (unsigned i = 0; i < 100000; i++)
		struck += faults_strike(faults.lost_answer, &random);
	EXPECT(struck > 24000 && struck < 26000);
}

TEST(a_fault_that_does_not_exist_or_fit_is_refused)
{
	struct faults faults = { 0 };
	struct error err;
	EXPECT_NUMBER(faults_set_list(&faults, slice_of("lost_answers=1"), &err), E_CONFIG);
	expect_part(err.text, "there is no fault \"lost_answers\"; there are lost_answer");
	EXPECT_NUMBER(faults_set_list(&faults, slice_of("throttle=1.5"), &err), E_CONFIG);
	EXPECT_TEXT(err.text, "throttle: \"1.5\" is not a chance from 0 to 1 such as 0.25");
	EXPECT_NUMBER(faults_set_list(&faults, slice_of("down=perhaps"), &err), E_CONFIG);
	EXPECT_NUMBER(faults_set_list(&faults, slice_of("slow_ms=-1"), &err), E_CONFIG);
}

TEST(a_list_goes_on_where_its_page_ended)
{
	struct fixture *f = fixture_open(NULL);
	EXPECT_OK(ask(f, "POST", "/api/sales",
			  "{\"sales\":[" SALE_OF("R1", "A", "1") "," SALE_OF("R2", "B", "1") "]}"),
		f->err);
	expect_part(get(f, "/api/stock?limit=1"), "\"item\":\"A\"");
	expect_part(f->text, "\"next\":\"1\"");
	expect_part(get(f, "/api/stock?limit=1&after=1"), "\"item\":\"B\"");
	expect_part(f->text, "\"next\":null");
	expect_part(get(f, "/api/ledger?limit=1&after=1"), "\"number\":\"SO-00000002\"");
	EXPECT(strstr(f->text, "SO-00000001") == NULL);
	fixture_close(f);
}

/* Sales of one line, as the state sees them. */
TEST(a_document_costs_at_most_200_bytes_of_memory)
{
	enum { DOCUMENTS = 100000 };
	struct sandbox_state state;
	struct sale_line line = { .item = SLICE("A"), .quantity = { 1, 0, true } };
	struct sale sale = {
		.warehouse = SLICE("W"),
		.currency = SLICE("EUR"),
		.date = 20261123,
		.lines = { &line, 1 },
	};
	struct error err;
	sandbox_state_init(&state);
	for (unsigned i = 0; i < DOCUMENTS; i++) {
		char reference[32];
		snprintf(reference, sizeof(reference), "0042/03/2026-11-23/%u", i);
		sale.reference = slice_of(reference);
		EXPECT_OK(sandbox_state_apply(&state, &sale, i, 1, &err), err);
	}
	size_t bytes = state.documents.size * sizeof(struct document) +
		       state.references.size * sizeof(struct index_place);
	EXPECT(bytes <= DOCUMENTS * 200UL);
	EXPECT_NUMBER(state.references_count, DOCUMENTS);
	uint32_t place;
	EXPECT_NUMBER(sandbox_state_find(&state, slice_of("0042/03/2026-11-23/77"), &place, 1), 1);
	EXPECT_NUMBER(place, 77);
	sandbox_state_release(&state);
}

TEST(options_of_the_sandbox_have_valid_defaults)
{
	struct sandbox_config config = { 0 };
	struct error err;
	options_default(sandbox_options, &config);
	EXPECT_NUMBER(options_complete(sandbox_options, &config, &err), E_CONFIG);
	struct sandbox *sandbox;
	config.data = strdup(test_folder());
	free(config.listen);
	config.listen = strdup("nowhere");
	EXPECT_NUMBER(sandbox_open(&config, &sandbox, &err), E_CONFIG);
	expect_part(err.text, "listen: \"nowhere\" is not an address and a port");
	options_release(sandbox_options, &config);
}
