/* The rules about limits, tax bases, exemptions and cash, each broken once and kept once. */
#include "judge.h"

/* One line with these taxes, net prices, tax of `tax` in all. */
static const char *judge_taxes(const char *amount, const char *taxes, const char *totals)
{
	char line[1024];
	snprintf(line, sizeof(line),
		"{\"number\":1,\"kind\":\"sale\",\"item\":\"A\",\"quantity\":\"1\",\"amount\":\"%"
		"s\","
		"\"taxes\":[%s]}",
		amount, taxes);
	return judge_parts(SALE_EUR, line, CASH("12"), totals);
}

#define TAX(rate, base, amount)                                                                    \
	"{\"code\":\"S\",\"rate\":\"" rate "\",\"base\":\"" base "\",\"amount\":\"" amount "\"}"
#define TEN_AND_TWO "\"net\":\"10\",\"tax\":\"2\",\"gross\":\"12\""

/* Turns on a rule that is off, and judges. */
static const char *judge_when_on(const char *rule, const char *text)
{
	struct rule_set *set;
	struct error err;
	struct rule_change change = { .has_severity = true, .severity = RULE_REPORT };
	EXPECT_OK(rule_set_open(&set, &err), err);
	EXPECT_OK(rule_set_change(set, slice_of(rule), (struct rule_scope){ .store = { NULL, 0 } },
			  &change, &err),
		err);
	const char *said = judge_by(text, set);
	rule_set_close(set);
	return said;
}

static const char *judge_when_on_with(
	const char *rule, const char *text, const char *from, const char *to)
{
	char *changed = text_with(text, from, to);
	const char *said = judge_when_on(rule, changed);
	free(changed);
	return said;
}

TEST(a_quantity_has_a_limit)
{
	EXPECT_TEXT(ONE_LINE("sale", "1000000", "0", "0"), "");
	EXPECT_TEXT(ONE_LINE("sale", "1000000.001", "0", "0"), "!quantity.large /lines/0/quantity");
	EXPECT_TEXT(ONE_LINE("return", "-1000001", "0", "0"), "!quantity.large /lines/0/quantity");
	EXPECT_TEXT(ONE_LINE("sale", "999999999999999999", "0", "0"),
		"!quantity.large /lines/0/quantity");
	EXPECT_TEXT(ONE_LINE("sale", "1.00000000", "0", "0"), "");
}

TEST(an_amount_has_a_limit)
{
	EXPECT_TEXT(ONE_LINE("sale", "1", "1000000000000", "1000000000000"), "");
	EXPECT_TEXT(ONE_LINE("sale", "0", "1000000000000.01", "0"),
		"!amount.large /lines/0/unit_price");
	EXPECT_TEXT(judge_with(sale_text, "\"20.00\", \"change\": \"4.70\"",
			    "\"2000000000004.70\", \"change\": \"1999999999989.40\""),
		"!amount.large /tenders/0/amount\n!amount.large /tenders/0/change");
	EXPECT_TEXT(judge_with(close_text, "\"9120.55\"", "\"9120555555555.55\""),
		"!amount.large /declared/gross");
	EXPECT_TEXT(judge_with(close_text, "\"3120.00\"", "\"-3120555555555\""),
		"!amount.large /declared/tenders");
}

TEST(a_transaction_has_not_too_many_lines)
{
	struct buf buf;
	buf_init(&buf, 1 << 20);
	for (unsigned i = 1; i <= 1001; i++) {
		buf_format(&buf, "%s{\"number\":%u,\"kind\":\"fee\",\"amount\":\"0\"}",
			i > 1 ? "," : "", i);
		if (i < 1000)
			continue;
		struct buf text;
		buf_init(&text, 1 << 20);
		buf_format(&text,
			"{\"store\":\"1\",\"register\":\"1\",\"business_date\":\"2026-11-23\","
			"\"sequence\":1,\"closed_at\":\"2026-11-23T17:03:40Z\"," SALE_EUR
			",\"lines\":[%.*s],\"totals\":{" NET("0") "}}",
			(int)buf.len, buf.ptr);
		buf_char(&text, '\0');
		EXPECT_TEXT(judge(text.ptr), i == 1000 ? "" : "lines.many /lines");
		buf_release(&text);
	}
	buf_release(&buf);
}

TEST(a_gtin_has_a_check_digit)
{
	EXPECT_TEXT(judge_with(sale_text, "05012345678900", "05012345678901"),
		"line.gtin /lines/0/gtin");
	EXPECT_TEXT(judge_with(sale_text, "05012345678900", "4006381333931"), "");
	EXPECT_TEXT(judge_with(sale_text, "05012345678900", "4006381333913"),
		"line.gtin /lines/0/gtin");
	EXPECT_TEXT(judge_with(sale_text, "05012345678900", "96385074"), "");
	EXPECT_TEXT(judge_with(sale_text, "05012345678900", "96385075"), "line.gtin /lines/0/gtin");
	/* codes of the house are nobody else's business */
	EXPECT_TEXT(judge_with(sale_text, "05012345678900", "A6385075"), "");
	EXPECT_TEXT(judge_with(sale_text, "05012345678900", "4711"), "");
}

TEST(goods_have_no_negative_price)
{
	EXPECT_TEXT(
		ONE_LINE("sale", "1", "-2.00", "-2.00"), "line.price_negative /lines/0/unit_price");
	EXPECT_TEXT(ONE_LINE("fee", "1", "-2.00", "-2.00"), "");
}

TEST(a_base_and_its_tax_make_the_line)
{
	EXPECT_TEXT(judge_taxes("10", TAX("0.2", "10", "2"), TEN_AND_TWO), "");
	EXPECT_TEXT(judge_taxes("10", TAX("0.2", "10.01", "2"), TEN_AND_TWO), "");
	EXPECT_TEXT(
		judge_taxes("10", TAX("0.2", "9.98", "2"), TEN_AND_TWO), "tax.base /lines/0/taxes");
	/* two taxes on the same money, and two parts of a line with a tax each */
	EXPECT_TEXT(judge_taxes("10", TAX("0.1", "10", "1") "," TAX("0.1", "10", "1"), TEN_AND_TWO),
		"");
	EXPECT_TEXT(
		judge_taxes("10", TAX("0.2", "4", "0.8") "," TAX("0.2", "6", "1.2"), TEN_AND_TWO),
		"");
	EXPECT_TEXT(judge_taxes("10", TAX("0.2", "4", "0.8") "," TAX("0.2", "5", "1"), TEN_AND_TWO),
		"tax.totals /totals/tax\ntax.base /lines/0/taxes");
	/* with tax in the price */
	EXPECT_TEXT(judge(sale_text), "");
	EXPECT_TEXT(judge_with(sale_text, "\"prices_include_tax\": true", "\"x\": 1"),
		"!balance.lines /totals/net\ntax.base /lines/0/taxes");
}

TEST(a_tax_has_the_sign_of_its_base)
{
	EXPECT_TEXT(
		judge_taxes("10", TAX("0.2", "20", "4") "," TAX("0.2", "-10", "-2"), TEN_AND_TWO),
		"");
	EXPECT_TEXT(judge_taxes("10", TAX("0.2", "10", "-2"),
			    "\"net\":\"10\",\"tax\":\"2\",\"gross\":\"12\""),
		"tax.rate /lines/0/taxes/0/amount\ntax.totals /totals/tax\n"
		"tax.sign /lines/0/taxes/0/amount");
}

TEST(a_rate_is_a_fraction)
{
	EXPECT_TEXT(judge_taxes("10", TAX("1", "6", "6"),
			    "\"net\":\"10\",\"tax\":\"6\",\"gross\":\"16\""),
		"!balance.tenders /tenders\ntax.base /lines/0/taxes");
	EXPECT_TEXT(judge_taxes("10", TAX("20", "10", "2"), TEN_AND_TWO),
		"tax.rate /lines/0/taxes/0/amount\ntax.rate_large /lines/0/taxes/0/rate");
	EXPECT_TEXT(judge_taxes("10", TAX("-0.2", "10", "2"), TEN_AND_TWO),
		"tax.rate /lines/0/taxes/0/amount\ntax.rate_large /lines/0/taxes/0/rate");
}

#define EXEMPT(rate, tax)                                                                          \
	"{\"code\":\"E\",\"rate\":\"" rate "\",\"base\":\"12\",\"amount\":\"" tax                  \
	"\",\"exemption\":\"VATEX-EU-G\"}"

TEST(who_is_exempt_pays_no_tax)
{
	EXPECT_TEXT(judge_taxes("12", EXEMPT("0", "0"), NET("12")), "");
	EXPECT_TEXT(judge_taxes("12", EXEMPT("0.000", "0.01"),
			    "\"net\":\"12\",\"tax\":\"0.00\",\"gross\":\"12\""),
		"tax.exemption /lines/0/taxes/0/exemption");
	EXPECT_TEXT(judge_taxes("12", EXEMPT("0.0001", "0"), NET("12")),
		"tax.exemption /lines/0/taxes/0/exemption");
}

TEST(goods_without_tax_are_found_when_asked_for)
{
	const char *untaxed = "\"taxes\": [ ], \"x";
	EXPECT_TEXT(judge_when_on("tax.missing", sale_text), "");
	EXPECT_TEXT(judge_when_on_with("tax.missing", sale_text, "\"taxes", untaxed),
		"tax.missing /lines/0/taxes");
	EXPECT_TEXT(judge_with(sale_text, "\"taxes", untaxed), "");
}

TEST(cash_is_paid_in_coins_that_exist)
{
	const char *head = "\"type\":\"sale\",\"currency\":\"CHF\"";
	const char *line = LINE("1", "sale", "1", "9.98", "9.98");
	EXPECT_TEXT(
		judge_parts(head, line, CASH("10.00"), NET("9.98") ",\"rounding\":\"0.02\""), "");
	EXPECT_TEXT(judge_parts(head, line, CASH("9.98"), NET("9.98")),
		"rounding.cash /totals/rounding");
	EXPECT_TEXT(judge_parts(head, line, "{\"number\":1,\"kind\":\"card\",\"amount\":\"9.98\"}",
			    NET("9.98")),
		"");
	/* the rest of what a voucher does not cover */
	EXPECT_TEXT(judge_parts(head, line,
			    "{\"number\":2,\"kind\":\"voucher\",\"amount\":\"5.93\"}," CASH("4.05"),
			    NET("9.98")),
		"");
	EXPECT_TEXT(
		judge_parts(head, line,
			"{\"number\":1,\"kind\":\"cash\",\"amount\":\"20\",\"change\":\"10.02\"}",
			NET("9.98")),
		"rounding.cash /totals/rounding");
	EXPECT_TEXT(judge_parts(SALE_EUR, line, CASH("9.98"), NET("9.98")), "");
	EXPECT_TEXT(judge_parts("\"type\":\"sale\",\"currency\":\"SEK\"",
			    LINE("1", "sale", "1", "9.50", "9.50"), CASH("9.50"), NET("9.50")),
		"rounding.cash /totals/rounding");
}

TEST(a_card_is_charged_to_the_cent)
{
	EXPECT_TEXT(judge_parts(SALE_EUR, LINE("1", "sale", "1", "9.98", "9.98"),
			    "{\"number\":1,\"kind\":\"card\",\"amount\":\"10.00\"}",
			    NET("9.98") ",\"rounding\":\"0.02\""),
		"rounding.without_cash /totals/rounding");
	EXPECT_TEXT(judge_parts(SALE_EUR, LINE("1", "sale", "1", "9.98", "9.98"), CASH("10.00"),
			    NET("9.98") ",\"rounding\":\"0.02\""),
		"");
}

TEST(a_transaction_does_not_last_for_days)
{
	EXPECT_TEXT(judge_with(sale_text, "2026-11-23T17:02:11", "2026-11-22T17:03:40"), "");
	EXPECT_TEXT(judge_with(sale_text, "2026-11-23T17:02:11", "2026-11-22T17:03:39"),
		"time.long /closed_at");
}

TEST(what_only_some_want_is_off)
{
	static const char gift_card[] = "{\"number\":1,\"kind\":\"gift_card\",\"amount\":\"-5\"}";
	EXPECT_TEXT(judge_parts(SALE_EUR, gift_card, CASH("-5"), NET("-5")), "");
	char text[2048];
	snprintf(text, sizeof(text),
		"{\"store\":\"1\",\"register\":\"1\",\"business_date\":\"2026-11-23\",\"sequence\":"
		"1,\"closed_at\":\"2026-11-23T17:03:40Z\"," SALE_EUR
		",\"lines\":[%s],\"tenders\":[" CASH("-5") "],\"totals\":{" NET("-5") "}}",
		gift_card);
	EXPECT_TEXT(judge_when_on("line.gift_card_return", text),
		"line.gift_card_return /lines/0/amount");
	EXPECT_TEXT(judge_when_on_with("line.gift_card_return", text, "\"-5\"}]", "\"-5\"} ]"),
		"line.gift_card_return /lines/0/amount");
	EXPECT_TEXT(judge_when_on("line.unit_missing", sale_text), "");
	EXPECT_TEXT(
		judge_when_on("line.unit_missing", return_text), "line.unit_missing /lines/0/unit");
	EXPECT_TEXT(judge_when_on("line.of_missing", return_text), "");
	EXPECT_TEXT(judge_when_on_with("line.of_missing", return_text, "\"of\"", "\"off\""),
		"line.of_missing /lines/0/of");
	EXPECT_TEXT(judge_when_on("refund.large", return_text), "");
	EXPECT_TEXT(judge_when_on("discount.large", sale_text), "");
	EXPECT_TEXT(judge_when_on_with("discount.large", sale_text, "\"2.40\"", "\"17.70\""), "");
	EXPECT_TEXT(judge_when_on_with("discount.large", sale_text, "\"2.40\"", "\"17.71\""),
		"discount.large /lines/0/discounts");
}

TEST(a_large_refund_is_found_when_asked_for)
{
	static const char format[] =
		"{\"store\":\"1\",\"register\":\"1\",\"business_date\":\"2026-11-23\",\"sequence\":"
		"1,\"closed_at\":\"2026-11-23T17:03:40Z\"," SALE_EUR
		",\"lines\":[{\"number\":1,\"kind\":\"fee\",\"amount\":\"%s\"}],\"tenders\":[{"
		"\"number\":1,\"kind\":\"card\",\"amount\":\"%s\"}],\"totals\":{\"net\":\"%s\","
		"\"tax\":\"0\",\"gross\":\"%s\"}}";
	char text[2048];
	snprintf(text, sizeof(text), format, "-1000", "-1000", "-1000", "-1000");
	EXPECT_TEXT(judge_when_on("refund.large", text), "");
	snprintf(text, sizeof(text), format, "-1000.01", "-1000.01", "-1000.01", "-1000.01");
	EXPECT_TEXT(judge_when_on("refund.large", text), "refund.large /totals/gross");
}
