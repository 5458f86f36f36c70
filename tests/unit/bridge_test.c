/* The whole bridge in one process: real HTTP, real journal, real state, and the sandbox ERP with
 * its faults. */
#include "bridge_site.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

TEST(a_sale_reaches_stock_ledger_and_erp_and_agrees)
{
	start();
	EXPECT_NUMBER(post("0042", 1, "A"), 201);
	wait_for("/v1/transactions/0042/03/2026-11-23/1", "\"state\":\"agreed\"");
	EXPECT(strstr(site.answer, "\"stock\":[{\"item\":\"A\",\"change\":\"-6\"}]") != NULL);
	EXPECT(strstr(site.answer,
		       "{\"account\":\"cash\",\"debit\":\"15.30\",\"credit\":\"0.00\"") != NULL);
	EXPECT_NUMBER(get("/v1/stock?item=A&location=0042"), 200);
	EXPECT(strstr(site.answer, "\"on_hand\":\"-6\"") != NULL);
	EXPECT_NUMBER(get("/v1/stores/0042/days/2026-11-23"), 200);
	EXPECT(strstr(site.answer, "\"state\":\"agreed\"") != NULL);
	expect_erp("\"documents\":1,", "\"references\":1,");
	stop();
}

TEST(the_same_sale_gets_the_same_receipt_for_ever)
{
	char first[1 << 12];
	start();
	EXPECT_NUMBER(post("0042", 1, "A"), 201);
	char *receipt = strstr(site.answer, "\"receipt\":");
	EXPECT(receipt != NULL);
	snprintf(first, sizeof(first), "%.60s", receipt);
	for (int round = 0; round < 3; round++) {
		EXPECT_NUMBER(post("0042", 1, "A"), 200);
		EXPECT(strstr(site.answer, "\"duplicate\":true") != NULL);
		receipt = strstr(site.answer, "\"receipt\":");
		EXPECT(receipt != NULL && strncmp(receipt, first, 40) == 0);
		stop_bridge();
		start_bridge();
	}
	wait_for("/v1/status", "\"agreed\":1,");
	EXPECT(strstr(site.answer, "\"accepted\":1,") != NULL);
	expect_erp("\"documents\":1,", "\"references\":1,");
	stop();
}

TEST(other_content_under_a_known_key_is_kept_as_one_exception)
{
	start();
	EXPECT_NUMBER(post("0042", 1, "A"), 201);
	EXPECT_NUMBER(post("0042", 1, "B"), 409);
	char id[32] = "";
	const char *exception = strstr(site.answer, "\"exception\":\"");
	EXPECT(exception != NULL && sscanf(exception, "\"exception\":\"%30[0-9-]", id) == 1);
	EXPECT_NUMBER(post("0042", 1, "B"), 409);
	EXPECT(strstr(site.answer, id) != NULL);
	char path[64];
	snprintf(path, sizeof(path), "/v1/exceptions/%s", id);
	wait_for(path, "\"kind\":\"conflict\"");
	wait_for("/v1/status", "\"exceptions\":{\"open\":1}");
	EXPECT_NUMBER(get("/v1/stock?item=B"), 200);
	EXPECT_TEXT(site.answer, "{\"stock\":[],\"next\":null}");
	stop();
}

TEST(lines_of_ndjson_are_answered_each_for_itself_in_order)
{
	char body[8192], a[2048], b[2048];
	start();
	snprintf(a, sizeof(a), sale_format, "0042", 1U, "A");
	snprintf(b, sizeof(b), sale_format, "0042", 2U, "B");
	snprintf(body, sizeof(body), "%s\n{\"store\":1}\n%s\nnot json\n%s\n", a, b, a);
	EXPECT_NUMBER(call(bridge_port(site.bridge), "POST", "/v1/transactions",
			      "application/x-ndjson", body),
		200);
	static const char *const expected[] = { "{\"status_code\":201,", "{\"status_code\":422,",
		"{\"status_code\":201,", "{\"status_code\":400,", "{\"status_code\":200," };
	char *line = site.answer;
	for (size_t i = 0; i < 5; i++) {
		if (strncmp(line, expected[i], strlen(expected[i])) != 0)
			test_fail(__FILE__, __LINE__, "line %zu is %.300s", i, line);
		line = strchr(line, '\n');
		EXPECT(line != NULL);
		line++;
	}
	EXPECT_TEXT(line, "");
	stop();
}

TEST(what_cannot_be_accepted_says_why_and_changes_nothing)
{
	start();
	uint16_t port = bridge_port(site.bridge);
	EXPECT_NUMBER(call(port, "POST", "/v1/transactions", "application/json", "{"), 400);
	EXPECT_NUMBER(call(port, "POST", "/v1/transactions", "text/plain", "{}"), 415);
	EXPECT_NUMBER(call(port, "POST", "/v1/transactions", "application/json", "{}"), 422);
	EXPECT(strstr(site.answer, "\"errors\":[{\"pointer\":\"") != NULL);
	EXPECT_NUMBER(call(port, "POST", "/v1/transactions", "application/json",
			      "{\"note\":\";4111111111111111=25121010000000?\"}"),
		422);
	EXPECT(strstr(site.answer, "card.authentication_data") != NULL);
	EXPECT(strstr(site.answer, "4111111111111111") == NULL);
	EXPECT_NUMBER(call(port, "POST", "/v1/transactions", "application/json",
			      "{\"sequence\":\"4111111111111111x\"}"),
		422);
	EXPECT(strstr(site.answer, "411111******1111") != NULL);
	EXPECT_NUMBER(call(port, "PUT", "/v1/transactions", "application/json", "{}"), 405);
	EXPECT_NUMBER(get("/v1/nothing"), 404);
	EXPECT_NUMBER(get("/v1/transactions/a/b/2026-11-23/1"), 404);
	EXPECT_NUMBER(get("/v1/transactions/a/b/yesterday/1"), 400);
	EXPECT_NUMBER(get("/v1/stock?limit=0"), 400);
	EXPECT_NUMBER(get("/v1/stock?after=x"), 400);
	EXPECT_NUMBER(get("/v1/postings?state=lost"), 400);
	EXPECT_NUMBER(get("/v1/status"), 200);
	EXPECT(strstr(site.answer, "\"accepted\":0,") != NULL);
	stop();
}

/* Goal: one effect in an ERP that knows no idempotency, whatever its answers do. */
static void deliver_despite(const char *fault)
{
	start();
	EXPECT_NUMBER(faults(fault), 200);
	for (unsigned i = 1; i <= 60; i++)
		EXPECT_NUMBER(post(i % 2 == 0 ? "0042" : "0043", i, "A"), 201);
	wait_for("/v1/status", "\"agreed\":60,");
	EXPECT_NUMBER(faults("{}"), 200);
	expect_erp("\"documents\":60,", "\"references\":60,");
	EXPECT_NUMBER(get("/v1/exceptions"), 200);
	EXPECT_TEXT(site.answer, "{\"exceptions\":[],\"next\":null}");
	stop();
}

TEST(answers_that_are_lost_after_the_save_make_no_second_document)
{
	deliver_despite("{\"lost_answer\":0.4}");
}

TEST(errors_after_the_save_make_no_second_document)
{
	deliver_despite("{\"error_after_apply\":0.4}");
}

TEST(a_down_erp_costs_nothing_but_lag)
{
	start();
	EXPECT_NUMBER(faults("{\"down\":true}"), 200);
	for (unsigned i = 1; i <= 20; i++)
		EXPECT_NUMBER(post("0042", i, "A"), 201);
	wait_for("/v1/erps", "\"state\":\"retrying\"");
	EXPECT_NUMBER(get("/v1/exceptions"), 200);
	EXPECT_TEXT(site.answer, "{\"exceptions\":[],\"next\":null}");
	EXPECT_NUMBER(faults("{}"), 200);
	wait_for("/v1/status", "\"agreed\":20,");
	expect_erp("\"documents\":20,", "\"references\":20,");
	stop();
}

/* Looks until the ERP has written something to its log: it has saved, and not answered yet. */
static void wait_for_save(void)
{
	const struct timespec pause = { .tv_nsec = 2000000 };
	char path[160];
	struct stat st = { 0 };
	snprintf(path, sizeof(path), "%s/sandbox.log", site.erp_data);
	while (stat(path, &st) != 0 || st.st_size == 0)
		nanosleep(&pause, NULL);
}

/* Goal: an intent without an answer is asked about after a restart. Method: the ERP saves and takes
 * its time to answer; the bridge is stopped while it waits, and comes back. */
TEST(a_stop_between_call_and_answer_makes_no_second_document)
{
	start();
	EXPECT_NUMBER(faults("{\"slow_ms\":3000}"), 200);
	EXPECT_NUMBER(post("0042", 1, "A"), 201);
	wait_for_save();
	stop_bridge();
	EXPECT_NUMBER(faults("{}"), 200);
	start_bridge();
	wait_for("/v1/status", "\"agreed\":1,");
	expect_erp("\"documents\":1,", "\"references\":1,");
	stop();
}

TEST(a_refused_record_holds_only_itself)
{
	start();
	EXPECT_NUMBER(faults("{\"refuse\":1}"), 200);
	EXPECT_NUMBER(post("0042", 1, "A"), 201);
	wait_for("/v1/exceptions", "\"kind\":\"refused\"");
	EXPECT(strstr(site.answer, "0042/03/2026-11-23/1\"") != NULL);
	EXPECT(strstr(site.answer, "the sandbox ERP was told to refuse this sale") != NULL);
	EXPECT_NUMBER(faults("{}"), 200);
	EXPECT_NUMBER(post("0042", 2, "A"), 201);
	wait_for("/v1/status", "\"refused\":1,\"agreed\":1,");
	EXPECT_NUMBER(get("/v1/stores/0042/days/2026-11-23"), 200);
	EXPECT(strstr(site.answer, "\"state\":\"differs\"") != NULL);
	stop();
}

/* A small disk of our own: a tmpfs in a private mount namespace, which goes with the process. */
static void mount_small_disk(const char *path, const char *size, unsigned long flags)
{
	if (mount("tmpfs", path, "tmpfs", flags, size) != 0)
		test_fail(__FILE__, __LINE__, "mount a tmpfs on %s: %s", path, strerror(errno));
}

static void own_mounts(void)
{
	int flags = geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS;
	if (unshare(flags) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		test_fail(__FILE__, __LINE__, "a mount namespace: %s", strerror(errno));
}

static unsigned post_many(unsigned *sequence)
{
	static char body[1 << 20];
	size_t used = 0;
	for (unsigned i = 0; i < 500; i++) {
		used += (size_t)snprintf(
			body + used, sizeof(body) - used, sale_format, "0042", ++*sequence, "A");
		body[used++] = '\n';
	}
	body[used] = '\0';
	EXPECT_NUMBER(call(bridge_port(site.bridge), "POST", "/v1/transactions",
			      "application/x-ndjson", body),
		200);
	unsigned accepted = 0;
	for (const char *at = site.answer; (at = strstr(at, "\"status_code\":201,")) != NULL; at++)
		accepted++;
	return accepted;
}

/* Goal: a full disk answers 507, keeps what was acknowledged, and takes more when space returns,
 * without a restart. */
TEST(a_full_disk_answers_507_and_recovers_when_space_returns)
{
	unsigned sequence = 0, accepted = 0, last = 500;
	char expected[64];
	own_mounts();
	mount_small_disk(test_folder(), "size=40m", 0);
	start();
	while (last == 500 && sequence < 1000000)
		accepted += last = post_many(&sequence);
	EXPECT(strstr(site.answer, "{\"status_code\":507,") != NULL);
	EXPECT_NUMBER(get("/healthz"), 200);
	mount_small_disk(test_folder(), "size=400m", MS_REMOUNT);
	sequence = 2000000;
	accepted += post_many(&sequence);
	snprintf(expected, sizeof(expected), "\"transactions\":%u,", accepted);
	wait_for("/v1/stores", expected);
	stop();
}
