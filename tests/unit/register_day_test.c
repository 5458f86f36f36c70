/* What a register's business date is held to: its numbers, and what its closing declares. Through
 * the whole bridge. */
#include "app/commands.h"
#include "bridge_site.h"

static unsigned post_sale(unsigned sequence)
{
	return post("0042", sequence, "A");
}

static unsigned post_document(const char *format, unsigned sequence)
{
	char body[2048];
	snprintf(body, sizeof(body), format, sequence);
	return call(bridge_port(site.bridge), "POST", "/v1/transactions", "application/json", body);
}

static const char close_format[] =
	"{\"store\":\"0042\",\"register\":\"03\",\"business_date\":\"2026-11-23\",\"sequence\":%u,"
	"\"type\":\"close\",\"closed_at\":\"2026-11-23T20:00:00+01:00\",\"currency\":\"EUR\","
	"\"declared\":{\"transactions\":3,\"last_sequence\":3,\"gross\":\"30.60\","
	"\"tenders\":{\"cash\":\"30.60\",\"card\":\"0.00\"}}}";

static void begin(const char *yaml)
{
	site.yaml = yaml;
	start();
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

static void expect_answer(const char *path, const char *part)
{
	EXPECT_NUMBER(get(path), 200);
	if (strstr(site.answer, part) == NULL)
		test_fail(__FILE__, __LINE__, "%s has no %s: %s", path, part, site.answer);
}

TEST(a_number_that_is_missing_for_long_is_an_exception_until_it_arrives)
{
	begin("gap_after: 100ms\n");
	EXPECT_NUMBER(post_sale(1), 201);
	EXPECT_NUMBER(post_sale(5), 201);
	wait_for("/v1/exceptions?kind=gap",
		"\"detail\":\"numbers 2 to 4 of register 03 have not arrived (3 missing)\"");
	expect_answer("/v1/exceptions?kind=gap", "\"key\":\"0042/03/2026-11-23\"");
	EXPECT_NUMBER(post_sale(3), 201);
	wait_for("/v1/exceptions?kind=gap",
		"\"detail\":\"numbers 2, 4 of register 03 have not arrived (2 missing)\"");
	EXPECT_NUMBER(post_sale(3), 200);
	EXPECT_NUMBER(post_sale(2), 201);
	wait_for("/v1/exceptions?kind=gap",
		"\"detail\":\"number 4 of register 03 has not arrived (1 missing)\"");
	expect_answer("/v1/status", "\"exceptions\":{\"open\":1}");
	EXPECT_NUMBER(post_sale(4), 201);
	wait_for("/v1/exceptions?state=closed", "\"close_reason\":\"arrived\"");
	expect_answer("/v1/exceptions", "{\"exceptions\":[],");
	expect_answer("/v1/status", "\"exceptions\":{\"open\":0}");
	EXPECT_NUMBER(get("/v1/exceptions?state=old"), 400);
	expect_same_after_rebuild();
}

/* Method: store 0042 says so at once, which shows that the watch has looked at both. */
TEST(a_store_may_have_its_own_time_or_none)
{
	begin("gap_after: 100ms\nstores:\n  \"0042\": { }\n  \"0043\": { gap_after: 0s }\n");
	EXPECT_NUMBER(post("0043", 1, "A"), 201);
	EXPECT_NUMBER(post("0043", 9, "A"), 201);
	EXPECT_NUMBER(post_sale(1), 201);
	EXPECT_NUMBER(post_sale(9), 201);
	wait_for("/v1/exceptions?kind=gap", "\"store\":\"0042\"");
	EXPECT(strstr(site.answer, "\"store\":\"0043\"") == NULL);
	stop();
}

TEST(numbers_with_holes_that_mean_nothing_are_not_missed)
{
	static const char sparse[] =
		"{\"store\":\"0041\",\"register\":\"web\",\"business_date\":\"2026-11-23\","
		"\"sequence\":%u,\"type\":\"no_sale\",\"closed_at\":\"2026-11-23T20:00:00+01:00\","
		"\"numbering\":\"sparse\"}";
	begin("gap_after: 100ms\n");
	EXPECT_NUMBER(post_document(sparse, 1), 201);
	EXPECT_NUMBER(post_document(sparse, 900), 201);
	EXPECT_NUMBER(post_sale(1), 201);
	EXPECT_NUMBER(post_sale(3), 201);
	wait_for("/v1/exceptions?kind=gap", "\"store\":\"0042\"");
	EXPECT(strstr(site.answer, "\"store\":\"0041\"") == NULL);
	expect_answer("/v1/stores/0041/days/2026-11-23", "\"missing\":0,");
	stop();
}

static unsigned post_on(const char *date, unsigned long long sequence)
{
	char body[2048];
	snprintf(body, sizeof(body),
		"{\"store\":\"0042\",\"register\":\"03\",\"business_date\":\"%s\",\"sequence\":%"
		"llu,"
		"\"type\":\"no_sale\",\"closed_at\":\"%sT20:00:00+01:00\"}",
		date, sequence, date);
	return call(bridge_port(site.bridge), "POST", "/v1/transactions", "application/json", body);
}

TEST(numbers_between_two_business_dates_are_missing_too)
{
	begin("gap_after: 100ms\n");
	EXPECT_NUMBER(post_on("2026-11-22", 1), 201);
	EXPECT_NUMBER(post_on("2026-11-22", 2), 201);
	EXPECT_NUMBER(post_on("2026-11-23", 7), 201);
	wait_for("/v1/exceptions?kind=gap",
		"\"detail\":\"numbers 3 to 6 of register 03 have not arrived (4 missing)\"");
	expect_answer("/v1/exceptions?kind=gap", "\"key\":\"0042/03/2026-11-23\"");
	expect_answer("/v1/stores/0042/days/2026-11-23", "\"missing\":0,\"missing_before\":4}");
	expect_answer("/v1/stores/0042/days/2026-11-23", "\"state\":\"receiving\"");
	expect_answer("/v1/stores/0042/days/2026-11-22", "\"missing_before\":0}");
	/* One of the date before, one of this date, one that leaves a hole in this date. */
	EXPECT_NUMBER(post_on("2026-11-22", 3), 201);
	wait_for("/v1/exceptions?kind=gap", "\"detail\":\"numbers 4 to 6 of register 03");
	EXPECT_NUMBER(post_on("2026-11-23", 5), 201);
	wait_for("/v1/exceptions?kind=gap", "\"detail\":\"numbers 4, 6 of register 03");
	expect_answer("/v1/stores/0042/days/2026-11-23", "\"missing\":1,\"missing_before\":1}");
	EXPECT_NUMBER(post_on("2026-11-22", 4), 201);
	wait_for("/v1/exceptions?kind=gap", "\"detail\":\"number 6 of register 03");
	EXPECT_NUMBER(post_on("2026-11-23", 6), 201);
	wait_for("/v1/exceptions?state=closed", "\"close_reason\":\"arrived\"");
	expect_answer("/v1/exceptions", "{\"exceptions\":[],");
	expect_answer("/v1/stores/0042/days/2026-11-23", "\"missing\":0,\"missing_before\":0}");
	expect_same_after_rebuild();
}

TEST(a_date_that_comes_late_fills_what_was_missing_between_two_others)
{
	begin("gap_after: 100ms\n");
	EXPECT_NUMBER(post_on("2026-11-21", 10), 201);
	EXPECT_NUMBER(post_on("2026-11-23", 20), 201);
	wait_for("/v1/exceptions?kind=gap", "\"detail\":\"numbers 11 to 19 of register 03");
	EXPECT_NUMBER(post_on("2026-11-22", 13), 201);
	wait_for("/v1/exceptions?kind=gap", "\"detail\":\"numbers 11 to 12 of register 03");
	expect_answer("/v1/exceptions?kind=gap", "\"detail\":\"numbers 14 to 19 of register 03");
	for (unsigned n = 11; n < 20; n++)
		EXPECT_NUMBER(post_on("2026-11-22", n), n == 13 ? 200 : 201);
	wait_for("/v1/status", "\"exceptions\":{\"open\":0}");
	expect_same_after_rebuild();
}

/* Method: the last of the dates has a hole that is seen, which shows that the watch has looked. */
TEST(a_numbering_that_begins_anew_misses_nothing)
{
	begin("gap_after: 100ms\n");
	EXPECT_NUMBER(post_on("2026-11-20", 500), 201);
	EXPECT_NUMBER(post_on("2026-11-21", 1), 201);
	EXPECT_NUMBER(post_on("2026-11-22", 10002), 201);
	EXPECT_NUMBER(post_on("2026-11-23", 999999999999), 201);
	EXPECT_NUMBER(post_on("2026-11-24", 1), 201);
	EXPECT_NUMBER(post_on("2026-11-24", 3), 201);
	wait_for("/v1/exceptions?kind=gap", "\"detail\":\"number 2 of register 03");
	wait_for("/v1/exceptions?kind=gap", "\"detail\":\"numbers 2 to 10001 of register 03");
	expect_answer("/v1/status", "\"exceptions\":{\"open\":2}");
	/* The date before reaches beyond the first of the one after it. */
	EXPECT_NUMBER(post_on("2026-11-21", 20000), 201);
	wait_for("/v1/exceptions?state=closed", "\"close_reason\":\"arrived\"");
	expect_same_after_rebuild();
}

TEST(a_store_may_number_each_date_for_itself)
{
	begin("gap_after: 100ms\nstores:\n  \"0042\": { gap_across_dates: no }\n");
	EXPECT_NUMBER(post_on("2026-11-22", 1), 201);
	EXPECT_NUMBER(post_on("2026-11-23", 7), 201);
	EXPECT_NUMBER(post_on("2026-11-23", 9), 201);
	wait_for("/v1/exceptions?kind=gap", "\"detail\":\"number 8 of register 03");
	expect_answer("/v1/stores/0042/days/2026-11-23", "\"missing\":1,\"missing_before\":0}");
	stop();
}

/* More ranges than an exception names, the last of them filled first. */
TEST(more_ranges_than_an_event_carries_close_too)
{
	enum { LAST = 451 };
	begin("gap_after: 100ms\n");
	EXPECT_NUMBER(post_sale(1), 201);
	EXPECT_NUMBER(post_sale(LAST), 201);
	wait_for("/v1/exceptions?kind=gap", "(449 missing)");
	for (unsigned n = 3; n < LAST; n += 2)
		EXPECT_NUMBER(post_sale(n), 201);
	wait_for("/v1/exceptions?kind=gap", "and 213 more ranges of register 03");
	for (unsigned n = LAST - 1; n > 1; n -= 2)
		EXPECT_NUMBER(post_sale(n), 201);
	wait_for("/v1/status", "\"exceptions\":{\"open\":0}");
	expect_same_after_rebuild();
}

TEST(what_a_closing_declares_is_compared_at_once_and_again_when_a_late_sale_comes)
{
	begin(NULL);
	EXPECT_NUMBER(post_sale(1), 201);
	EXPECT_NUMBER(post_document(close_format, 3), 201);
	wait_for("/v1/exceptions?kind=declared",
		"\"detail\":\"transactions 3 declared, 2 received; gross 30.6 declared, 15.3 "
		"received; cash 30.6 declared, 15.3 received\"");
	expect_answer("/v1/exceptions?kind=declared", "\"cause\":\"transactions_missing\"");
	expect_answer("/v1/exceptions?kind=declared", "\"amount\":\"-15.3");
	EXPECT_NUMBER(post_sale(2), 201);
	wait_for("/v1/exceptions?state=closed&kind=declared", "\"close_reason\":\"agrees\"");
	expect_answer("/v1/exceptions", "{\"exceptions\":[],");
	expect_same_after_rebuild();
}

TEST(a_closing_that_agrees_says_nothing_and_sales_behind_it_wait_for_the_next)
{
	begin(NULL);
	EXPECT_NUMBER(post_sale(1), 201);
	EXPECT_NUMBER(post_sale(2), 201);
	EXPECT_NUMBER(post_document(close_format, 3), 201);
	EXPECT_NUMBER(post_sale(4), 201);
	wait_for("/v1/status", "\"agreed\":3,");
	expect_answer("/v1/exceptions?state=all", "{\"exceptions\":[],");
	/* It declares what was true at the first. */
	EXPECT_NUMBER(post_document(close_format, 5), 201);
	wait_for("/v1/exceptions", "transactions 3 declared, 5 received");
	expect_answer("/v1/exceptions", "\"cause\":\"totals_differ\"");
	EXPECT_NUMBER(post_sale(6), 201);
	wait_for("/v1/exceptions?state=closed", "\"close_reason\":\"reopened\"");
	expect_same_after_rebuild();
}

TEST(what_the_erp_refused_is_settled_when_a_revision_takes_its_place)
{
	static const char revised[] =
		"{\"store\":\"0042\",\"register\":\"03\",\"business_date\":\"2026-11-23\","
		"\"sequence\":%u,\"revision\":2,\"type\":\"void\","
		"\"closed_at\":\"2026-11-23T20:00:00+01:00\"}";
	begin(NULL);
	EXPECT_NUMBER(faults("{\"refuse\":1}"), 200);
	EXPECT_NUMBER(post_sale(1), 201);
	wait_for("/v1/exceptions", "\"kind\":\"refused\"");
	EXPECT_NUMBER(post_document(revised, 1), 201);
	wait_for("/v1/exceptions?state=closed", "\"close_reason\":\"superseded\"");
	stop();
}

static unsigned post_of(const char *writer, unsigned sequence)
{
	char body[512];
	snprintf(body, sizeof(body),
		"{\"store\":\"0042\",\"register\":\"03\",\"business_date\":\"2026-11-23\","
		"\"sequence\":%u,\"type\":\"no_sale\",\"writer\":\"%s\","
		"\"closed_at\":\"2026-11-23T20:00:00+01:00\"}",
		sequence, writer);
	return call(bridge_port(site.bridge), "POST", "/v1/transactions", "application/json", body);
}

TEST(two_tills_alive_under_one_name_are_an_exception_and_a_replaced_one_is_not)
{
	begin(NULL);
	EXPECT_NUMBER(post_of("old", 1), 201);
	EXPECT_NUMBER(post_of("old", 3), 201);
	EXPECT_NUMBER(post_of("new", 4), 201);
	EXPECT_NUMBER(post_of("new", 5), 201);
	/* It had this one left. */
	EXPECT_NUMBER(post_of("old", 2), 201);
	EXPECT_NUMBER(post_of("old", 2), 200);
	wait_for("/v1/stores/0042/days/2026-11-23", "\"transactions\":5,");
	expect_answer("/v1/exceptions?state=all", "{\"exceptions\":[],");
	EXPECT_NUMBER(post_of("old", 6), 201);
	wait_for("/v1/exceptions?kind=writers",
		"\"old\\\" and \\\"new\\\" both write for register 03");
	expect_answer("/v1/exceptions", "\"key\":\"0042/03/2026-11-23/6\"");
	EXPECT_NUMBER(post_of("new", 7), 201);
	wait_for("/v1/exceptions", "\"new\\\" and \\\"old\\\" both write");
	expect_answer("/v1/status", "\"exceptions\":{\"open\":1}");
	expect_same_after_rebuild();
}
