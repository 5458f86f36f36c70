/* Rules and totals of the user's, from the configuration to HTTP answers, exceptions and
 * store-days, and the state made again from the journal. */
#include "app/commands.h"
#include "bridge_site.h"

static const char document_format[] =
	"{\"store\":\"%s\",\"register\":\"%s\",\"business_date\":\"2026-11-23\",\"sequence\":%u,"
	"\"revision\":%u,\"type\":\"sale\",\"closed_at\":\"2026-11-23T17:03:40+01:00\","
	"\"operator\":\"7\",\"currency\":\"EUR\",\"lines\":[{\"number\":1,\"kind\":\"sale\","
	"\"item\":\"A\",\"quantity\":\"1\",\"unit_price\":\"%u\",\"amount\":\"%u\"}],\"tenders\":["
	"{\"number\":1,\"kind\":\"cash\",\"amount\":\"%u\"},{\"number\":2,\"kind\":\"card\","
	"\"amount\":\"2\"}],\"totals\":{\"net\":\"%u\",\"tax\":\"0\",\"gross\":\"%u\"}}";

/* A sale of `sum`, of which 2 are paid by card. */
static unsigned post_sale(
	const char *store, const char *reg, unsigned sequence, unsigned revision, unsigned sum)
{
	char body[2048];
	snprintf(body, sizeof(body), document_format, store, reg, sequence, revision, sum, sum,
		sum - 2, sum, sum);
	return call(bridge_port(site.bridge), "POST", "/v1/transactions", "application/json", body);
}

static void expect_part(const char *part)
{
	if (strstr(site.answer, part) == NULL)
		test_fail(__FILE__, __LINE__, "no %s in %s", part, site.answer);
}

static void expect_no(const char *part)
{
	if (strstr(site.answer, part) != NULL)
		test_fail(__FILE__, __LINE__, "%s in %s", part, site.answer);
}

static void expect_same_after_rebuild(void)
{
	char command[] = "verify", data[] = "--data";
	char *arguments[] = { command, data, site.data, NULL };
	stop_bridge();
	EXPECT_NUMBER((unsigned)command_verify(3, arguments), 0);
	start_bridge();
}

static const char rules_yaml[] =
	"user_rules:\n"
	"  dear: { when: totals.gross > 100, message: more than a hundred }\n"
	"  much_cash:\n"
	"    each: tenders\n"
	"    severity: refuse\n"
	"    when: kind = \"cash\" and amount > 500\n"
	"    message: cash over 500 needs a form\n"
	"rules:\n"
	"  dear: { stores: { '0043': { severity: off } } }\n"
	"  quantity.large: { limit: 0.5, severity: report, stores: { '0044': { severity: refuse } "
	"} }\n";

TEST(a_rule_of_the_user_refuses_and_reports)
{
	site.yaml = rules_yaml;
	start();
	EXPECT_NUMBER(post_sale("0042", "1", 1, 1, 50), 201);
	expect_no("dear");
	expect_part("\"rule\":\"quantity.large\",\"detail\":\"is 1, beyond 0.5\"");
	EXPECT_NUMBER(post_sale("0042", "1", 2, 1, 101), 201);
	expect_part("{\"pointer\":\"\",\"rule\":\"dear\",\"detail\":\"more than a hundred\"}");
	EXPECT_NUMBER(post_sale("0043", "1", 2, 1, 101), 201);
	expect_no("dear");
	EXPECT_NUMBER(post_sale("0044", "1", 2, 1, 101), 422);
	expect_part("\"rule\":\"quantity.large\"");
	EXPECT_NUMBER(post_sale("0042", "1", 3, 1, 600), 422);
	expect_part("{\"pointer\":\"/tenders/0\",\"rule\":\"much_cash\",\"detail\":"
		    "\"cash over 500 needs a form\"}");
	wait_for("/v1/exceptions?store=0042", "\"cause\":\"dear\"");
	EXPECT_NUMBER(get("/v1/rules?store=0043"), 200);
	expect_part("\"id\":\"dear\",\"message\":\"more than a hundred\",\"when\":\"totals.gross > "
		    "100\",\"severity\":\"off\"");
	EXPECT_NUMBER(get("/v1/rules?store=0042&currency=EUR"), 200);
	expect_part("\"id\":\"dear\",\"message\":\"more than a hundred\",\"when\":\"totals.gross > "
		    "100\",\"severity\":\"report\"");
	expect_part("\"limit\":\"0.5\"");
	EXPECT_NUMBER(get("/v1/rules?currency=euro"), 400);
	stop();
}

static const char totals_yaml[] =
	"totals:\n"
	"  takings: { amount: totals.gross, limit: 100 }\n"
	"  cash: { each: tenders, when: kind = \"cash\", amount: amount - change, by: register }\n"
	"  paid: { each: tenders, amount: amount, by: tender, currencies: { EUR: { limit: 90 } } "
	"}\n"
	"  dear_items: { each: lines, when: amount > 40, amount: 1, by: operator }\n";

#define DAY "/v1/stores/0042/days/2026-11-23"

TEST(totals_are_summed_by_day_register_operator_and_tender)
{
	site.yaml = totals_yaml;
	start();
	EXPECT_NUMBER(post_sale("0042", "1", 1, 1, 50), 201);
	EXPECT_NUMBER(post_sale("0042", "2", 1, 1, 30), 201);
	wait_for(DAY, "\"name\":\"takings\",\"since\":2,\"part\":\"\",\"currency\":\"EUR\","
		      "\"amount\":\"80.00\",\"limit\":\"100.00\",\"passed\":false");
	expect_part("\"name\":\"cash\",\"since\":2,\"part\":\"1\",\"currency\":\"EUR\","
		    "\"amount\":\"48.00\",\"limit\":null,\"passed\":false");
	expect_part("\"part\":\"2\",\"currency\":\"EUR\",\"amount\":\"28.00\"");
	expect_part("\"name\":\"paid\",\"since\":2,\"part\":\"card\",\"currency\":\"EUR\","
		    "\"amount\":\"4.00\",\"limit\":\"90.00\"");
	expect_part("\"name\":\"dear_items\",\"since\":2,\"part\":\"7\",\"currency\":\"EUR\","
		    "\"amount\":\"1.00\"");
	expect_same_after_rebuild();
	stop();
}

TEST(a_total_beyond_its_limit_is_an_exception_once)
{
	site.yaml = totals_yaml;
	start();
	EXPECT_NUMBER(post_sale("0042", "1", 1, 1, 60), 201);
	EXPECT_NUMBER(post_sale("0042", "1", 2, 1, 40), 201);
	EXPECT_NUMBER(post_sale("0042", "1", 3, 1, 7), 201);
	EXPECT_NUMBER(post_sale("0042", "1", 4, 1, 8), 201);
	wait_for(DAY, "\"amount\":\"115.00\",\"limit\":\"100.00\",\"passed\":true");
	EXPECT_NUMBER(get("/v1/exceptions?store=0042"), 200);
	expect_part("\"kind\":\"total\",\"state\":\"open\",\"severity\":\"low\",\"store\":\"0042\","
		    "\"key\":\"0042/1/2026-11-23/3\"");
	expect_part("\"amount\":\"107.00\",\"currency\":\"EUR\",\"cause\":\"takings\",\"detail\":"
		    "\"takings of 2026-11-23 is 107, beyond 100\"");
	expect_part("\"detail\":\"paid cash of 2026-11-23 is 96, beyond 90\"");
	expect_no("115");
	expect_no("\"key\":\"0042/1/2026-11-23/4\"");
	expect_same_after_rebuild();
	stop();
}

TEST(a_revision_takes_its_part_of_a_total_back)
{
	site.yaml = totals_yaml;
	start();
	EXPECT_NUMBER(post_sale("0042", "1", 1, 1, 50), 201);
	EXPECT_NUMBER(post_sale("0042", "1", 1, 2, 30), 201);
	wait_for(DAY, "\"name\":\"takings\",\"since\":2,\"part\":\"\",\"currency\":\"EUR\","
		      "\"amount\":\"30.00\"");
	expect_part("\"name\":\"dear_items\",\"since\":2,\"part\":\"7\",\"currency\":\"EUR\","
		    "\"amount\":\"0.00\"");
	/* a revision that comes late changes nothing */
	EXPECT_NUMBER(post_sale("0042", "1", 2, 3, 10), 201);
	EXPECT_NUMBER(post_sale("0042", "1", 2, 2, 99), 201);
	wait_for("/v1/status", "\"accepted\":4,");
	wait_for(DAY, "\"amount\":\"40.00\",\"limit\":\"100.00\"");
	expect_same_after_rebuild();
	EXPECT_NUMBER(get(DAY), 200);
	expect_part("\"amount\":\"40.00\",\"limit\":\"100.00\"");
	stop();
}

/* What changes begins anew, what stays goes on, and a revision finds the definition of its time. */
TEST(a_definition_counts_from_its_event_on)
{
	site.yaml = "totals:\n"
		    "  takings: { amount: totals.gross }\n"
		    "  double: { amount: totals.gross * 2 }\n";
	start();
	EXPECT_NUMBER(post_sale("0042", "1", 1, 1, 50), 201);
	wait_for(DAY, "\"amount\":\"100.00\"");
	stop_bridge();
	site.yaml = "totals:\n"
		    "  takings: { amount: totals.gross }\n"
		    "  double: { amount: 2 * totals.gross + 1 }\n";
	start_bridge();
	EXPECT_NUMBER(post_sale("0042", "1", 2, 1, 10), 201);
	wait_for(DAY, "\"name\":\"takings\",\"since\":2,\"part\":\"\",\"currency\":\"EUR\","
		      "\"amount\":\"60.00\"");
	expect_part("\"name\":\"double\",\"since\":2,\"part\":\"\",\"currency\":\"EUR\","
		    "\"amount\":\"100.00\"");
	expect_part("\"currency\":\"EUR\",\"amount\":\"21.00\"");
	EXPECT_NUMBER(post_sale("0042", "1", 1, 2, 20), 201);
	wait_for(DAY, "\"name\":\"takings\",\"since\":2,\"part\":\"\",\"currency\":\"EUR\","
		      "\"amount\":\"30.00\"");
	expect_part("\"name\":\"double\",\"since\":2,\"part\":\"\",\"currency\":\"EUR\","
		    "\"amount\":\"0.00\"");
	expect_part("\"currency\":\"EUR\",\"amount\":\"62.00\"");
	stop_bridge();
	site.yaml = NULL;
	start_bridge();
	EXPECT_NUMBER(post_sale("0042", "1", 3, 1, 10), 201);
	wait_for("/v1/status", "\"accepted\":4,");
	wait_for(DAY, "\"transactions\":3,");
	expect_part("\"currency\":\"EUR\",\"amount\":\"62.00\"");
	expect_same_after_rebuild();
	stop();
}

TEST(a_definition_that_stays_is_written_once)
{
	site.yaml = totals_yaml;
	start();
	EXPECT_NUMBER(post_sale("0042", "1", 1, 1, 50), 201);
	expect_part("\"receipt\":\"3-");
	/* behind it only what delivery writes: an intent, an answer and a comparison */
	wait_for("/v1/transactions/0042/1/2026-11-23/1", "\"state\":\"agreed\"");
	for (unsigned round = 0; round < 2; round++) {
		stop_bridge();
		start_bridge();
	}
	EXPECT_NUMBER(post_sale("0042", "1", 2, 1, 50), 201);
	expect_part("\"receipt\":\"7-");
	stop();
}
