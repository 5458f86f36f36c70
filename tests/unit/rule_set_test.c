/* What a configuration changes about the rules, and the rules it adds. */
#include "judge.h"

static struct rule_set *open_set(void)
{
	struct rule_set *set;
	struct error err;
	EXPECT_OK(rule_set_open(&set, &err), err);
	return set;
}

static struct rule_scope scope_of(const char *store, const char *currency)
{
	return (struct rule_scope){
		.store = store == NULL ? slice_make(NULL, 0) : slice_of(store),
		.currency = currency == NULL ? slice_make(NULL, 0) : slice_of(currency),
	};
}

static void change_limit(struct rule_set *set, const char *rule, const char *store,
	const char *currency, int64_t limit)
{
	struct error err;
	struct rule_change change = { .limit = decimal_make(limit, 0) };
	EXPECT_OK(rule_set_change(set, slice_of(rule), scope_of(store, currency), &change, &err),
		err);
}

static void change_severity(struct rule_set *set, const char *rule, const char *store,
	const char *currency, enum severity severity)
{
	struct error err;
	struct rule_change change = { .has_severity = true, .severity = severity };
	EXPECT_OK(rule_set_change(set, slice_of(rule), scope_of(store, currency), &change, &err),
		err);
}

static const char *change_error(const char *rule, const char *currency, struct rule_change change)
{
	static struct error err;
	struct rule_set *set = open_set();
	EXPECT(rule_set_change(set, slice_of(rule), scope_of(NULL, currency), &change, &err) ==
		E_CONFIG);
	rule_set_close(set);
	return err.text;
}

/* A sale whose tax is 2.00 off its lines' taxes. */
static const char *off_by(const char *store, const char *currency, const struct rule_set *set)
{
	char text[2048];
	snprintf(text, sizeof(text),
		"{\"store\":\"%s\",\"register\":\"1\",\"business_date\":\"2026-11-23\","
		"\"sequence\":"
		"1,\"closed_at\":\"2026-11-23T17:03:40Z\",\"type\":\"sale\",\"currency\":\"%s\","
		"\"lines\":[{\"number\":1,\"kind\":\"fee\",\"amount\":\"10\",\"taxes\":[{\"code\":"
		"\"S\",\"amount\":\"1\"}]}],\"tenders\":[{\"number\":1,\"kind\":\"card\","
		"\"amount\":\"13\"}],\"totals\":{\"net\":\"10\",\"tax\":\"3\",\"gross\":\"13\"}}",
		store, currency);
	return judge_by(text, set);
}

TEST(a_store_goes_before_a_currency_and_a_currency_before_all)
{
	struct rule_set *set = open_set();
	EXPECT_TEXT(off_by("1", "JPY", set), "tax.totals /totals/tax");
	change_limit(set, "tax.totals", NULL, NULL, 2);
	EXPECT_TEXT(off_by("1", "JPY", set), "");
	EXPECT_TEXT(off_by("1", "EUR", set), "tax.totals /totals/tax");
	change_limit(set, "tax.totals", NULL, "JPY", 1);
	EXPECT_TEXT(off_by("1", "JPY", set), "tax.totals /totals/tax");
	change_limit(set, "tax.totals", "1", NULL, 200);
	EXPECT_TEXT(off_by("1", "JPY", set), "");
	EXPECT_TEXT(off_by("1", "EUR", set), "");
	EXPECT_TEXT(off_by("2", "JPY", set), "tax.totals /totals/tax");
	rule_set_close(set);
}

/* A store that says only one of the two takes the other from the currency. */
TEST(severity_and_limit_are_looked_for_apart)
{
	struct rule_set *set = open_set();
	change_limit(set, "tax.totals", NULL, "JPY", 1);
	change_severity(set, "tax.totals", "1", NULL, RULE_REFUSE);
	change_limit(set, "tax.totals", NULL, NULL, 5000);
	EXPECT_TEXT(off_by("1", "JPY", set), "!tax.totals /totals/tax");
	EXPECT_TEXT(off_by("2", "JPY", set), "tax.totals /totals/tax");
	EXPECT_TEXT(off_by("1", "EUR", set), "");
	change_severity(set, "tax.totals", NULL, NULL, RULE_OFF);
	EXPECT_TEXT(off_by("2", "JPY", set), "");
	EXPECT_TEXT(off_by("1", "JPY", set), "!tax.totals /totals/tax");
	rule_set_close(set);
}

TEST(what_cannot_be_changed_is_said)
{
	struct rule_change off = { .has_severity = true, .severity = RULE_OFF };
	struct rule_change limit = { .limit = decimal_make(1, 0) };
	struct rule_change negative = { .limit = decimal_make(-1, 0) };
	struct rule_change huge = { .limit = decimal_make(10001, 0) };
	EXPECT_TEXT(change_error("nope", NULL, off),
		"rules: there is no rule \"nope\"; `tillbridge rules` lists them");
	EXPECT_TEXT(change_error("required", NULL, off),
		"rules: required always refuses: books and postings rely on it");
	EXPECT_TEXT(change_error("line.sign", NULL, limit), "rules: line.sign has no limit");
	EXPECT_TEXT(change_error("tax.totals", NULL, negative),
		"rules: tax.totals: limit: is negative");
	EXPECT_TEXT(change_error("discount.large", NULL, huge),
		"rules: discount.large: limit: is more than 10000 percent");
	EXPECT_TEXT(change_error("tax.totals", "XYZ", limit),
		"rules: tax.totals: \"XYZ\" is no currency of ISO 4217");
}

static void add_rule(struct rule_set *set, const char *id, const char *when, const char *each,
	enum severity severity)
{
	struct error err;
	struct user_rule rule = { slice_of(id), slice_of(when), slice_of(each),
		slice_of("what was said"), severity };
	EXPECT_OK(rule_set_add(set, &rule, NULL, &err), err);
}

TEST(a_user_has_rules_too)
{
	struct rule_set *set = open_set();
	add_rule(set, "dear", "totals.gross > 15", "", RULE_REPORT);
	add_rule(set, "big_note", "kind = \"cash\" and amount >= 20", "tenders", RULE_REFUSE);
	add_rule(set, "fine", "operator = \"18\"", "", RULE_REFUSE);
	EXPECT_TEXT(judge_by(sale_text, set), "dear \n!big_note /tenders/0");
	change_severity(set, "dear", "0042", NULL, RULE_OFF);
	EXPECT_TEXT(judge_by(sale_text, set), "!big_note /tenders/0");
	rule_set_close(set);
}

TEST(a_rule_that_cannot_be_computed_says_so)
{
	struct rule_set *set = open_set();
	add_rule(set, "huge", "1000000000 * 1000000000 * 1000000000 > 1", "", RULE_REPORT);
	EXPECT_TEXT(judge_by(sale_text, set), "huge ");
	rule_set_close(set);
}

TEST(a_bad_rule_is_refused)
{
	struct rule_set *set = open_set();
	struct error err;
	size_t offset;
	struct user_rule rule = { slice_of("x"), slice_of("totals.gros > 1"), slice_of(""),
		slice_of("m"), RULE_REPORT };
	EXPECT(rule_set_add(set, &rule, &offset, &err) == E_CONFIG);
	EXPECT_NUMBER(offset, 0);
	EXPECT_TEXT(err.text,
		"user_rules: x: when: there is no field or function \"totals.gros\" here");
	rule.when = slice_of("true");
	rule.id = slice_of("tax.rate");
	EXPECT(rule_set_add(set, &rule, &offset, &err) == E_CONFIG && offset == SIZE_MAX);
	EXPECT_TEXT(err.text, "user_rules: \"tax.rate\" is the name of a rule already");
	rule.id = slice_of("a b");
	EXPECT(rule_set_add(set, &rule, &offset, &err) == E_CONFIG);
	rule.id = slice_of("y");
	rule.each = slice_of("taxes");
	EXPECT(rule_set_add(set, &rule, &offset, &err) == E_CONFIG);
	EXPECT_TEXT(err.text, "user_rules: y: each: is \"taxes\", expected lines or tenders");
	rule.each = slice_of("");
	rule.message = slice_of("");
	EXPECT(rule_set_add(set, &rule, &offset, &err) == E_CONFIG);
	EXPECT_NUMBER(rule_set_count(set), rules_count());
	rule_set_close(set);
}

TEST(a_store_rounds_as_it_says_unless_the_document_does)
{
	struct rule_set *set = open_set();
	struct error err;
	struct practice practice = { .tax_rounding = TAX_PER_DOCUMENT,
		.cash_increment = decimal_make(5, 2) };
	EXPECT_OK(rule_set_practice(set, slice_of("1"), &practice, &err), err);
	/* two taxes, each a cent off: fine per line, not fine as a sum */
	static const char parts[] =
		"%s,\"lines\":["
		"{\"number\":1,\"kind\":\"sale\",\"item\":\"A\",\"quantity\":\"1\",\"amount\":"
		"\"10\","
		"\"taxes\":[{\"code\":\"S\",\"rate\":\"0.2\",\"base\":\"10\",\"amount\":\"2.01\"}]}"
		","
		"{\"number\":2,\"kind\":\"sale\",\"item\":\"A\",\"quantity\":\"1\",\"amount\":"
		"\"10\","
		"\"taxes\":[{\"code\":\"S\",\"rate\":\"0.2\",\"base\":\"10\",\"amount\":\"2.01\"}]}"
		"],"
		"\"tenders\":[{\"number\":1,\"kind\":\"cash\",\"amount\":\"24.02\"}],"
		"\"totals\":{\"net\":\"20\",\"tax\":\"4.02\",\"gross\":\"24.02\"}}";
	static const char *const heads[][2] = {
		{ "\"store\":\"1\"", "tax.rate /lines/0/taxes\nrounding.cash /totals/rounding" },
		{ "\"store\":\"1\",\"tax_rounding\":\"line\"", "rounding.cash /totals/rounding" },
		{ "\"store\":\"2\"", "" },
		{ "\"store\":\"2\",\"tax_rounding\":\"document\"", "tax.rate /lines/0/taxes" },
	};
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		char head[512], text[2048];
		snprintf(head, sizeof(head),
			"{%s,\"register\":\"1\",\"business_date\":\"2026-11-23\",\"sequence\":1,"
			"\"closed_at\":\"2026-11-23T17:03:40Z\"," SALE_EUR,
			heads[i][0]);
		snprintf(text, sizeof(text), parts, head);
		EXPECT_TEXT(judge_by(text, set), heads[i][1]);
	}
	rule_set_close(set);
}

static void write_set(const struct rule_set *set, const char *store, struct buf *buf)
{
	buf_init(buf, RULE_SET_JSON_MAX);
	rule_set_write(set, slice_of(store), slice_make(NULL, 0), buf);
	EXPECT(!buf->failed);
}

TEST(a_register_checks_what_the_centre_says)
{
	struct rule_set *set = open_set(), *copy;
	struct practice practice = { .tax_rounding = TAX_PER_DOCUMENT,
		.cash_increment = decimal_make(5, 2) };
	struct buf once, twice;
	struct error err;
	unsigned unknown;
	change_limit(set, "tax.totals", NULL, "JPY", 1);
	change_limit(set, "tax.totals", NULL, NULL, 500);
	change_severity(set, "tax.totals", "1", NULL, RULE_REFUSE);
	add_rule(set, "dear", "totals.gross > 12", "", RULE_REPORT);
	add_rule(set, "line_9", "amount > 9 and \"\\\" != unit", "lines", RULE_OFF);
	change_severity(set, "line_9", NULL, "JPY", RULE_REPORT);
	EXPECT_OK(rule_set_practice(set, slice_of("1"), &practice, &err), err);
	write_set(set, "1", &once);
	EXPECT_OK(rule_set_read(buf_get(&once), &copy, &unknown, &err), err);
	EXPECT_NUMBER(unknown, 0);
	write_set(copy, "1", &twice);
	EXPECT(slice_equal(buf_get(&once), buf_get(&twice)));
	EXPECT_TEXT(off_by("1", "JPY", set), "!tax.totals /totals/tax\ndear \nline_9 /lines/0");
	EXPECT_TEXT(off_by("1", "JPY", copy), "!tax.totals /totals/tax\ndear \nline_9 /lines/0");
	EXPECT_TEXT(off_by("1", "EUR", set), off_by("1", "EUR", copy));
	rule_set_close(set);
	rule_set_close(copy);
	buf_release(&once);
	buf_release(&twice);
}

TEST(the_table_itself_can_be_written_and_read)
{
	struct rule_set *copy;
	struct buf once, twice;
	struct error err;
	unsigned unknown;
	write_set(NULL, "7", &once);
	EXPECT_OK(rule_set_read(buf_get(&once), &copy, &unknown, &err), err);
	write_set(copy, "7", &twice);
	EXPECT(slice_equal(buf_get(&once), buf_get(&twice)));
	rule_set_close(copy);
	buf_release(&once);
	buf_release(&twice);
}

TEST(a_register_that_is_older_leaves_out_what_it_does_not_know)
{
	struct rule_set *set;
	struct error err;
	unsigned unknown;
	EXPECT_OK(rule_set_read(
			  slice_of("{\"later\":[1],\"rules\":[{\"id\":\"moon.phase\","
				   "\"severity\":\"refuse\",\"unit\":\"days\",\"limit\":\"3\"},"
				   "{\"id\":\"tender.kind\",\"severity\":\"refuse\",\"x\":1}]}"),
			  &set, &unknown, &err),
		err);
	EXPECT_NUMBER(unknown, 1);
	char *text = sale_with("\"cash\"", "\"shell\"");
	EXPECT_TEXT(judge_by(text, set), "!tender.kind /tenders/0/kind");
	free(text);
	rule_set_close(set);
}

TEST(what_is_no_rule_set_is_refused)
{
	static const char *const bad[] = { "", "[]", "{\"rules\":1}", "{\"rules\":[1]}",
		"{\"rules\":[{}]}", "{\"rules\":[{\"id\":\"tax.rate\"}]}",
		"{\"rules\":[{\"id\":\"tax.rate\",\"severity\":\"maybe\"}]}",
		"{\"rules\":[{\"id\":\"tax.rate\",\"severity\":\"report\",\"limit\":\"-1\"}]}",
		"{\"rules\":[{\"id\":\"tax.rate\",\"severity\":\"report\",\"limit\":\"1e3\"}]}",
		"{\"rules\":[{\"id\":\"x\",\"severity\":\"off\",\"when\":\"1\",\"message\":\"m\"}]"
		"}",
		"{\"rules\":[{\"id\":\"tax.rate\",\"severity\":\"off\",\"currencies\":[]}]}",
		"{\"rules\":[{\"id\":\"tax.rate\",\"severity\":\"off\",\"currencies\":{\"QQQ\":{}}}"
		"]}",
		"{\"rules\":[]", "{\"rules\":[]} x", "{\"cash_increment\":5}" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct rule_set *set = NULL;
		struct error err;
		unsigned unknown;
		if (rule_set_read(slice_of(bad[i]), &set, &unknown, &err) != E_INPUT)
			test_fail(__FILE__, __LINE__, "taken: %s", bad[i]);
		EXPECT(set == NULL && err.text[0] != '\0');
	}
}
