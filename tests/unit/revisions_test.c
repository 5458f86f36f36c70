/* Revisions: the same key again with a higher revision takes back what the one before it did, in
 * stock, books and ERP. Through the whole bridge, with the sandbox ERP. */
#include "app/commands.h"
#include "bridge_site.h"

static const char revision_format[] =
	"{\"store\":\"0042\",\"register\":\"03\",\"business_date\":\"2026-11-23\",\"sequence\":%u,"
	"\"revision\":%u,\"type\":\"%s\",\"closed_at\":\"2026-11-23T17:03:40+01:00\","
	"\"currency\":\"EUR\",\"lines\":[{\"number\":1,\"kind\":\"sale\",\"item\":\"%s\","
	"\"quantity\":\"%u\",\"unit_price\":\"2.00\",\"amount\":\"%u.00\"}],\"tenders\":["
	"{\"number\":1,\"kind\":\"cash\",\"amount\":\"%u.00\"}],\"totals\":{\"net\":\"%u.00\","
	"\"tax\":\"0.00\",\"gross\":\"%u.00\"}}";

static unsigned post_revision(
	unsigned sequence, unsigned revision, const char *type, const char *item, unsigned quantity)
{
	char body[2048];
	unsigned sum = 2 * quantity;
	snprintf(body, sizeof(body), revision_format, sequence, revision, type, item, quantity, sum,
		sum, sum, sum);
	return call(bridge_port(site.bridge), "POST", "/v1/transactions", "application/json", body);
}

static unsigned erp_sale(const char *reference)
{
	char body[256];
	snprintf(body, sizeof(body), "{\"references\":[\"%s\"]}", reference);
	return call(sandbox_port(site.erp), "POST", "/api/sales/search", "application/json", body);
}

static void expect_sale(const char *reference, const char *part)
{
	EXPECT_NUMBER(erp_sale(reference), 200);
	if (strstr(site.answer, part) == NULL)
		test_fail(__FILE__, __LINE__, "%s in the ERP is %s", reference, site.answer);
}

static void expect_answer(const char *path, const char *part)
{
	EXPECT_NUMBER(get(path), 200);
	if (strstr(site.answer, part) == NULL)
		test_fail(__FILE__, __LINE__, "%s has no %s: %s", path, part, site.answer);
}

/* The state, derived again from the journal, is the same byte for byte. Ends the site. */
static void expect_same_after_rebuild(void)
{
	char command[] = "verify", data[] = "--data";
	char *arguments[] = { command, data, site.data, NULL };
	stop_bridge();
	EXPECT_NUMBER((unsigned)command_verify(3, arguments), 0);
	start_bridge();
	stop();
}

TEST(a_revision_takes_back_the_one_before_it_everywhere)
{
	start();
	EXPECT_NUMBER(post_revision(1, 1, "sale", "A", 6), 201);
	wait_for("/v1/status", "\"agreed\":1,");
	EXPECT_NUMBER(post_revision(1, 2, "sale", "B", 4), 201);
	wait_for("/v1/status", "\"agreed\":3,");
	expect_erp("\"documents\":3,", "\"references\":3,");
	expect_sale("0042/03/2026-11-23/1", "\"quantity\":\"6\"");
	expect_sale("0042/03/2026-11-23/1~r1", "\"reverses\":\"0042/03/2026-11-23/1\"");
	expect_sale("0042/03/2026-11-23/1~r1", "\"quantity\":\"-6\"");
	expect_sale("0042/03/2026-11-23/1~r1", "\"total\":\"-12.00\"");
	expect_sale("0042/03/2026-11-23/1#2", "\"total\":\"8.00\"");
	expect_answer("/v1/stock?item=A&location=0042", "\"on_hand\":\"0\"");
	expect_answer("/v1/stock?item=B&location=0042", "\"on_hand\":\"-4\"");
	expect_answer("/v1/stores/0042/days/2026-11-23", "\"gross\":\"8.00\"");
	expect_answer("/v1/stores/0042/days/2026-11-23", "\"transactions\":1,\"lines\":1,");
	expect_answer("/v1/stores/0042/days/2026-11-23",
		"\"tenders\":[{\"kind\":\"cash\",\"currency\":\"EUR\",\"amount\":\"8.00\"}]");
	expect_answer(
		"/v1/transactions/0042/03/2026-11-23/1", "\"revision\":2,\"state\":\"standing\"");
	expect_answer("/v1/transactions/0042/03/2026-11-23/1",
		"\"account\":\"cash\",\"debit\":\"0.00\",\"credit\":\"12.00\"");
	expect_answer(
		"/v1/transactions/0042/03/2026-11-23/1?revision=1", "\"state\":\"superseded\"");
	EXPECT_NUMBER(get("/v1/transactions/0042/03/2026-11-23/1?revision=3"), 404);
	EXPECT_NUMBER(get("/v1/transactions/0042/03/2026-11-23/1?revision=0"), 400);
	expect_answer("/v1/exceptions", "{\"exceptions\":[],");
	expect_same_after_rebuild();
}

TEST(an_older_revision_that_comes_later_is_kept_without_effect)
{
	start();
	EXPECT_NUMBER(post_revision(1, 2, "sale", "B", 4), 201);
	wait_for("/v1/status", "\"agreed\":1,");
	EXPECT_NUMBER(post_revision(1, 1, "sale", "A", 6), 201);
	EXPECT(strstr(site.answer, "\"receipt\":\"") != NULL);
	EXPECT_NUMBER(post_revision(1, 1, "sale", "A", 6), 200);
	EXPECT_NUMBER(post_revision(1, 1, "sale", "A", 7), 409);
	EXPECT_NUMBER(post_revision(2, 1, "sale", "C", 1), 201);
	wait_for("/v1/status", "\"agreed\":2,");
	expect_erp("\"documents\":2,", "\"references\":2,");
	expect_answer("/v1/stock?item=A", "{\"stock\":[],");
	expect_answer("/v1/stock?item=B&location=0042", "\"on_hand\":\"-4\"");
	expect_answer(
		"/v1/transactions/0042/03/2026-11-23/1?revision=1", "\"state\":\"superseded\"");
	expect_answer("/v1/stores/0042/days/2026-11-23", "\"transactions\":2,\"lines\":2,");
	expect_answer("/v1/status", "\"accepted\":3,");
	stop_bridge();
	start_bridge();
	expect_answer("/v1/status", "\"accepted\":3,");
	expect_same_after_rebuild();
}

TEST(revision_three_after_one_needs_no_two)
{
	start();
	EXPECT_NUMBER(post_revision(1, 1, "sale", "A", 6), 201);
	EXPECT_NUMBER(post_revision(1, 3, "sale", "A", 5), 201);
	EXPECT_NUMBER(post_revision(1, 2, "sale", "A", 9), 201);
	wait_for("/v1/transactions/0042/03/2026-11-23/1",
		"\"external_id\":\"0042/03/2026-11-23/1#3\"");
	wait_for("/v1/stores/0042/days/2026-11-23", "\"state\":\"agreed\"");
	expect_answer("/v1/stock?item=A&location=0042", "\"on_hand\":\"-5\"");
	expect_sale("0042/03/2026-11-23/1#3", "\"total\":\"10.00\"");
	expect_sale("0042/03/2026-11-23/1#2", "{\"sales\":[]}");
	expect_same_after_rebuild();
}

TEST(a_revision_without_effect_only_takes_back)
{
	start();
	EXPECT_NUMBER(post_revision(1, 1, "sale", "A", 6), 201);
	wait_for("/v1/status", "\"agreed\":1,");
	EXPECT_NUMBER(post_revision(1, 2, "void", "A", 6), 201);
	wait_for("/v1/status", "\"agreed\":2,");
	expect_erp("\"documents\":2,", "\"references\":2,");
	expect_answer("/v1/stock?item=A&location=0042", "\"on_hand\":\"0\"");
	EXPECT_NUMBER(post_revision(1, 3, "sale", "A", 2), 201);
	wait_for("/v1/status", "\"agreed\":3,");
	expect_answer("/v1/stock?item=A&location=0042", "\"on_hand\":\"-2\"");
	expect_same_after_rebuild();
}

/* Method: the ERP is down while the worker holds the first sale, so that the second one's postings
 * are only planned when its revisions come. */
TEST(what_was_never_called_is_never_reversed)
{
	start();
	EXPECT_NUMBER(faults("{\"down\":true}"), 200);
	EXPECT_NUMBER(post_revision(1, 1, "sale", "A", 1), 201);
	wait_for("/v1/erps", "\"state\":\"retrying\"");
	EXPECT_NUMBER(post_revision(2, 1, "sale", "A", 2), 201);
	EXPECT_NUMBER(post_revision(2, 2, "sale", "A", 3), 201);
	EXPECT_NUMBER(post_revision(2, 3, "sale", "A", 4), 201);
	wait_for("/v1/transactions/0042/03/2026-11-23/2", "\"revision\":3,\"state\":\"standing\"");
	EXPECT(strstr(site.answer, "\"state\":\"waiting\"") != NULL);
	EXPECT_NUMBER(faults("{}"), 200);
	wait_for("/v1/stores/0042/days/2026-11-23", "\"state\":\"agreed\"");
	expect_erp("\"documents\":2,", "\"references\":2,");
	expect_sale("0042/03/2026-11-23/2#3", "\"total\":\"8.00\"");
	expect_answer("/v1/transactions/0042/03/2026-11-23/2?revision=1",
		"\"erp\":\"sandbox\",\"state\":\"superseded\"");
	expect_same_after_rebuild();
}

/* What the ERP refused has had no effect there: the next revision needs no reversal. */
TEST(a_refused_revision_is_replaced_without_a_reversal)
{
	start();
	EXPECT_NUMBER(faults("{\"refuse\":1}"), 200);
	EXPECT_NUMBER(post_revision(1, 1, "sale", "A", 6), 201);
	wait_for("/v1/exceptions", "\"kind\":\"refused\"");
	EXPECT_NUMBER(faults("{}"), 200);
	EXPECT_NUMBER(post_revision(1, 2, "sale", "A", 5), 201);
	wait_for("/v1/status", "\"agreed\":1,");
	expect_erp("\"documents\":1,", "\"references\":1,");
	expect_sale("0042/03/2026-11-23/1~r1", "{\"sales\":[]}");
	expect_same_after_rebuild();
}

/* Goal: however answers are lost, every key ends with one document that stands, and every other one
 * is reversed exactly once. Method: three revisions of each of forty keys in any order; then the
 * sum of what the ERP holds is what the last revisions say. */
TEST(lost_answers_leave_every_revision_reversed_once)
{
	unsigned sum = 0;
	char on_hand[64];
	start();
	EXPECT_NUMBER(faults("{\"lost_answer\":0.3}"), 200);
	for (unsigned key = 1; key <= 40; key++) {
		for (unsigned step = 0; step < 3; step++) {
			unsigned revision = (key + step * (1 + key % 2)) % 3 + 1;
			EXPECT_NUMBER(
				post_revision(key, revision, "sale", "A", 10 * revision + key),
				201);
		}
		sum += 30 + key;
	}
	wait_for("/v1/status", "\"accepted\":120,");
	snprintf(on_hand, sizeof(on_hand), "\"on_hand\":\"-%u\"", sum);
	wait_for("/v1/stock?item=A&location=0042", on_hand);
	wait_for("/v1/stores/0042/days/2026-11-23", "\"state\":\"agreed\"");
	EXPECT_NUMBER(faults("{}"), 200);
	EXPECT_NUMBER(
		call(sandbox_port(site.erp), "GET", "/api/summary", "application/json", NULL), 200);
	unsigned documents = 0, references = 0;
	const char *at = strstr(site.answer, "\"documents\":");
	EXPECT(at != NULL && sscanf(at, "\"documents\":%u", &documents) == 1);
	at = strstr(site.answer, "\"references\":");
	EXPECT(at != NULL && sscanf(at, "\"references\":%u", &references) == 1);
	EXPECT_NUMBER(documents, references);
	EXPECT_NUMBER(
		call(sandbox_port(site.erp), "GET", "/api/stock?item=A", "application/json", NULL),
		200);
	snprintf(on_hand, sizeof(on_hand), "-%u", sum);
	if (strstr(site.answer, on_hand) == NULL)
		test_fail(
			__FILE__, __LINE__, "the ERP's stock is %s, not %s", site.answer, on_hand);
	expect_same_after_rebuild();
}
