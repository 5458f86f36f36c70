#include "judge.h"

TEST(the_examples_break_no_rule)
{
	EXPECT_TEXT(judge(sale_text), "");
	EXPECT_TEXT(judge(return_text), "");
	EXPECT_TEXT(judge(close_text), "");
}

TEST(real_sales_pass)
{
	/* zero prices, three decimals, the same item twice, fees, and fees that are deductions */
	EXPECT_TEXT(ONE_LINE("sale", "12", "0.00", "0.00"), "");
	EXPECT_TEXT(ONE_LINE("sale", "1000", "0.001", "1.00"), "");
	EXPECT_TEXT(ONE_LINE("sale", "0.355", "2.99", "1.06"), "");
	EXPECT_TEXT(ONE_LINE("sale", "-10", "0", "0"), "");
	EXPECT_TEXT(judge_parts(SALE_EUR,
			    LINE("1", "sale", "1", "2.50", "2.50") "," LINE(
				    "2", "sale", "3", "2.50", "7.50") "," LINE("3", "fee", "1",
				    "15.00", "15.00") "," LINE("4", "fee", "-1", "5.00", "-5.00"),
			    CASH("20.00"), NET("20.00")),
		"");
	EXPECT_TEXT(judge_parts("\"type\":\"adjustment\",\"currency\":\"GBP\"",
			    LINE("1", "adjustment", "1", "-11062.06", "-11062.06"),
			    "{\"number\":1,\"kind\":\"other\",\"amount\":\"-11062.06\"}",
			    NET("-11062.06")),
		"");
	EXPECT_TEXT(judge_parts("\"type\":\"adjustment\",\"currency\":\"GBP\"",
			    LINE("1", "write_off", "-25", "0", "0"), "", NET("0")),
		"");
}

TEST(a_sale_needs_a_currency_lines_and_totals)
{
	EXPECT_TEXT(judge_with(sale_text, "\"EUR\"", "null"), "!required /currency");
	EXPECT_TEXT(judge_with(sale_text, "\"totals\"", "\"totally\""), "!required /totals");
	EXPECT_TEXT(judge_parts(SALE_EUR, "", "", NET("0")), "!required /lines");
}

TEST(goods_need_an_item_and_a_quantity)
{
	EXPECT_TEXT(judge_with(sale_text, "\"85123A\"", "null"), "!required.line /lines/0/item");
	EXPECT_TEXT(judge_with(sale_text, "\"6\"", "null"), "!required.line /lines/0/quantity");
	EXPECT_TEXT(judge_parts(SALE_EUR, "{\"number\":1,\"kind\":\"fee\",\"amount\":\"1\"}",
			    CASH("1"), NET("1")),
		"");
}

TEST(a_bare_amount_is_refused)
{
	EXPECT_TEXT(judge_with(close_text, "\"EUR\"", "null"), "!currency.missing /currency");
}

TEST(a_currency_is_one_of_the_standard)
{
	EXPECT_TEXT(judge_with(sale_text, "\"EUR\"", "\"EUX\""), "!currency.unknown /currency");
	EXPECT_TEXT(judge_with(sale_text, "\"EUR\"", "\"eur\""), "!currency.unknown /currency");
}

TEST(a_number_stands_once)
{
	EXPECT_TEXT(judge_parts(SALE_EUR,
			    LINE("2", "sale", "1", "1", "1") "," LINE("1", "sale", "1", "1",
				    "1") "," LINE("2", "sale", "1", "1", "1"),
			    CASH("3"), NET("3")),
		"!lines.duplicate /lines/2/number");
	EXPECT_TEXT(judge_parts(SALE_EUR,
			    LINE("2", "sale", "1", "1", "1") "," LINE("1", "sale", "1", "1", "1"),
			    CASH("1") "," CASH("1"), NET("2")),
		"!tenders.duplicate /tenders/1/number");
}

TEST(lines_add_up_to_the_gross_or_to_the_net)
{
	EXPECT_TEXT(judge_with(sale_text, "\"amount\": \"15.30\"", "\"amount\": \"15.31\""),
		"!balance.lines /totals/gross");
	EXPECT_TEXT(judge_parts(SALE_EUR, LINE("1", "sale", "1", "10", "10"), CASH("12"),
			    "\"net\":\"10\",\"tax\":\"2\",\"gross\":\"12\""),
		"");
	EXPECT_TEXT(judge_parts(SALE_EUR, LINE("1", "sale", "1", "10", "10"), CASH("12"),
			    "\"net\":\"9\",\"tax\":\"3\",\"gross\":\"12\""),
		"!balance.lines /totals/net");
}

TEST(finer_lines_may_be_a_unit_off_when_tax_is_rounded_per_document)
{
	const char *head = SALE_EUR ",\"tax_rounding\":\"document\"";
	EXPECT_TEXT(judge_parts(head, LINE("1", "sale", "1", "9.996", "9.996"), CASH("10.00"),
			    NET("10.00")),
		"");
	EXPECT_TEXT(judge_parts(head, LINE("1", "sale", "1", "9.98", "9.98"), CASH("10.00"),
			    NET("10.00")),
		"!balance.lines /totals/net");
}

TEST(net_and_tax_make_the_gross)
{
	EXPECT_TEXT(judge_with(sale_text, "\"net\": \"12.75\"", "\"net\": \"12.74\""),
		"!balance.totals /totals/gross");
}

TEST(tenders_pay_the_gross_and_its_rounding)
{
	EXPECT_TEXT(judge_with(sale_text, "\"4.70\"", "\"4.71\""), "!balance.tenders /tenders");
	EXPECT_TEXT(judge_with(sale_text, "\"change\": \"4.70\"", "\"change\": \"4.68\""),
		"!balance.tenders /tenders");
	char *rounded = sale_with("\"4.70\"", "\"4.68\"");
	EXPECT_TEXT(judge_with(rounded, "\"rounding\": \"0.00\"", "\"rounding\": \"0.02\""), "");
	free(rounded);
}

TEST(a_sale_on_account_is_reported)
{
	EXPECT_TEXT(judge_parts(SALE_EUR, LINE("1", "sale", "1", "1", "1"), "", NET("1")),
		"tender.missing /tenders");
	EXPECT_TEXT(judge_parts(SALE_EUR, LINE("1", "sale", "1", "0", "0"), "", NET("0")), "");
}

TEST(an_amount_has_the_sign_of_its_quantity_times_its_price)
{
	EXPECT_TEXT(ONE_LINE("fee", "1", "2.00", "-2.00"),
		"!line.sign /lines/0/amount\nline.arithmetic /lines/0/amount");
	EXPECT_TEXT(ONE_LINE("return", "-1", "2.00", "2.00"),
		"!line.sign /lines/0/amount\nline.arithmetic /lines/0/amount");
	EXPECT_TEXT(ONE_LINE("return", "-1", "2.00", "-2.00"), "");
}

TEST(a_coupon_may_be_worth_more_than_the_goods)
{
	EXPECT_TEXT(judge_parts(SALE_EUR,
			    "{\"number\":1,\"kind\":\"sale\",\"item\":\"A\",\"quantity\":\"1\","
			    "\"unit_price\":\"2.00\",\"amount\":\"-0.50\","
			    "\"discounts\":[{\"amount\":\"2.50\"}]}",
			    CASH("-0.50"), NET("-0.50")),
		"");
}

TEST(no_goods_cost_nothing)
{
	EXPECT_TEXT(ONE_LINE("sale", "0", "0", "2.00"),
		"!line.quantity_zero /lines/0/quantity\nline.arithmetic /lines/0/amount");
	EXPECT_TEXT(ONE_LINE("fee", "0", "0", "0.01"), "");
}

TEST(signs_that_do_not_fit_the_kind_are_reported)
{
	EXPECT_TEXT(ONE_LINE("return", "1", "2.00", "2.00"), "line.return_sign /lines/0/quantity");
	EXPECT_TEXT(ONE_LINE("sale", "-1", "2.00", "-2.00"), "line.sale_sign /lines/0/quantity");
}

TEST(an_amount_is_its_quantity_times_its_price)
{
	EXPECT_TEXT(ONE_LINE("sale", "3", "1.11", "3.34"), "");
	EXPECT_TEXT(ONE_LINE("sale", "3", "1.11", "3.35"), "line.arithmetic /lines/0/amount");
	/* the price before the discount instead of behind it */
	EXPECT_TEXT(
		judge_with(sale_text, "\"unit_price\": \"2.55\"", "\"unit_price\": \"2.95\""), "");
	EXPECT_TEXT(judge_with(sale_text, "\"unit_price\": \"2.55\"", "\"unit_price\": \"2.75\""),
		"line.arithmetic /lines/0/amount");
}

TEST(only_a_return_names_what_it_returns)
{
	EXPECT_TEXT(judge_with(sale_text, "\"unit\"",
			    "\"of\": {\"store\": \"1\", \"register\": \"1\", \"business_date\": "
			    "\"2026-11-23\", \"sequence\": 1, \"line\": 1}, \"unit\""),
		"line.of /lines/0/of");
}

TEST(a_negative_discount_is_reported)
{
	EXPECT_TEXT(judge_with(sale_text, "\"2.40\"", "\"-2.40\""),
		"discount.negative /lines/0/discounts/0/amount");
}

TEST(an_amount_is_no_finer_than_its_currency)
{
	EXPECT_TEXT(ONE_LINE("sale", "1", "1.005", "1.005"),
		"amount.scale /lines/0/amount\namount.scale /tenders/0/amount\n"
		"amount.scale /totals/net\namount.scale /totals/gross");
	EXPECT_TEXT(ONE_LINE("sale", "1", "1.000", "1.000"), "");
	EXPECT_TEXT(judge_parts("\"type\":\"sale\",\"currency\":\"BHD\"",
			    LINE("1", "sale", "1", "1.005", "1.005"), CASH("1.005"), NET("1.005")),
		"");
	EXPECT_TEXT(judge_with(sale_text, "\"amount\": \"2.55\"", "\"amount\": \"2.549\""),
		"amount.scale /lines/0/taxes/0/amount");
	EXPECT_TEXT(judge_parts("\"type\":\"sale\",\"currency\":\"JPY\"",
			    LINE("1", "sale", "1", "1.5", "1.5"), CASH("1.5"),
			    "\"net\":\"1.5\",\"tax\":\"0.0\",\"gross\":\"1.5\""),
		"amount.scale /lines/0/amount\namount.scale /tenders/0/amount\n"
		"amount.scale /totals/net\namount.scale /totals/gross");
}

TEST(a_tax_is_its_base_times_its_rate)
{
	EXPECT_TEXT(judge_with(sale_text, "\"base\": \"12.75\"", "\"base\": \"12.80\""),
		"tax.base /lines/0/taxes");
	EXPECT_TEXT(judge_with(sale_text, "\"base\": \"12.75\"", "\"base\": \"12.81\""),
		"tax.rate /lines/0/taxes/0/amount\ntax.base /lines/0/taxes");
}

#define TAXED(number, base, tax)                                                                   \
	"{\"number\":" number                                                                      \
	",\"kind\":\"sale\",\"item\":\"A\",\"quantity\":\"1\",\"amount\":\"" base                  \
	"\",\"taxes\":[{\"code\":\"S\",\"rate\":\"0.2\",\"base\":\"" base "\",\"amount\":\"" tax   \
	"\"}]}"

TEST(a_documents_tax_is_looked_at_as_a_sum)
{
	const char *head = SALE_EUR ",\"tax_rounding\":\"document\"";
	EXPECT_TEXT(judge_parts(head, TAXED("1", "10.00", "2.10") "," TAXED("2", "10.00", "1.90"),
			    CASH("24.00"), "\"net\":\"20\",\"tax\":\"4\",\"gross\":\"24\""),
		"");
	EXPECT_TEXT(judge_parts(head, TAXED("1", "10.00", "2.01") "," TAXED("2", "10.00", "2.01"),
			    CASH("24.02"), "\"net\":\"20\",\"tax\":\"4.02\",\"gross\":\"24.02\""),
		"tax.rate /lines/0/taxes");
	EXPECT_TEXT(
		judge_parts(SALE_EUR, TAXED("1", "10.00", "2.01") "," TAXED("2", "10.00", "2.01"),
			CASH("24.02"), "\"net\":\"20\",\"tax\":\"4.02\",\"gross\":\"24.02\""),
		"");
}

TEST(the_lines_taxes_add_up_to_the_documents)
{
	const char *lines = TAXED("1", "10.00", "2.00") "," TAXED("2", "10.00", "2.00");
	EXPECT_TEXT(judge_parts(SALE_EUR, lines, CASH("24.01"),
			    "\"net\":\"20\",\"tax\":\"4.01\",\"gross\":\"24.01\""),
		"");
	EXPECT_TEXT(judge_parts(SALE_EUR, lines, CASH("24.02"),
			    "\"net\":\"20\",\"tax\":\"4.02\",\"gross\":\"24.02\""),
		"tax.totals /totals/tax");
	EXPECT_TEXT(judge_parts(SALE_EUR ",\"tax_rounding\":\"document\"", lines, CASH("24.02"),
			    "\"net\":\"20\",\"tax\":\"4.02\",\"gross\":\"24.02\""),
		"");
}

TEST(a_large_rounding_is_reported)
{
	EXPECT_TEXT(judge_parts(SALE_EUR, LINE("1", "sale", "1", "20", "20"), CASH("21"),
			    NET("20") ",\"rounding\":\"1.00\""),
		"");
	EXPECT_TEXT(judge_parts(SALE_EUR, LINE("1", "sale", "1", "20", "20"), CASH("21.01"),
			    NET("20") ",\"rounding\":\"1.01\""),
		"rounding.large /totals/rounding");
	EXPECT_TEXT(judge_parts("\"type\":\"sale\",\"currency\":\"HUF\"",
			    LINE("1", "sale", "1", "1998", "1998"), CASH("2000"),
			    NET("1998") ",\"rounding\":\"2\""),
		"");
}

TEST(an_unknown_tender_and_negative_change_are_reported)
{
	EXPECT_TEXT(judge_with(sale_text, "\"cash\"", "\"cheque\""), "tender.kind /tenders/0/kind");
	EXPECT_TEXT(judge_with(sale_text, "\"20.00\", \"change\": \"4.70\"",
			    "\"15.00\", \"change\": \"-0.30\""),
		"tender.change /tenders/0/change");
}

TEST(dates_that_cannot_be_or_are_odd_are_found)
{
	EXPECT_TEXT(
		judge_with(sale_text, "_date\": \"2026-11-23\"", "_date\": \"2026-11-25\""), "");
	EXPECT_TEXT(judge_with(sale_text, "_date\": \"2026-11-23\"", "_date\": \"2026-11-26\""),
		"date.skew /business_date");
	EXPECT_TEXT(judge_with(sale_text, "_date\": \"2026-11-23\"", "_date\": \"2026-11-20\""),
		"date.skew /business_date");
	EXPECT_TEXT(judge_with(sale_text, "_date\": \"2026-11-23\"", "_date\": \"1999-12-31\""),
		"!date.range /business_date\ndate.skew /business_date");
	EXPECT_TEXT(judge_with(sale_text, "17:02:11", "17:03:41"), "time.order /began_at");
	EXPECT_TEXT(judge_with(sale_text, "17:02:11", "17:03:40"), "");
	/* late in the evening, it is the next day in UTC but not in the store */
	EXPECT_TEXT(judge_with(close_text, "20:01:00.250+01:00", "23:59:00-11:00"), "");
}

TEST(what_moves_no_money_has_no_amounts)
{
	EXPECT_TEXT(judge_with(sale_text, "\"type\": \"sale\"", "\"type\": \"void\""),
		"type.no_effect /lines/0/amount\ntype.no_effect /tenders/0/amount");
	EXPECT_TEXT(judge_with(sale_text, "\"type\": \"sale\"", "\"type\": \"training\""), "");
	EXPECT_TEXT(judge_with(close_text, "\"close\"", "\"no_sale\""), "");
}

TEST(a_closing_says_what_the_till_believes)
{
	EXPECT_TEXT(
		judge_with(close_text, "\"declared\"", "\"believed\""), "close.declared /declared");
}

TEST(every_rule_has_a_name_a_sentence_and_its_fields)
{
	unsigned count = 0;
	for (const struct rule *rule = transaction_rules; rule->id != NULL; rule++, count++) {
		EXPECT(rule->check != NULL);
		EXPECT(rule->fields[0] == '/');
		EXPECT(rule->help[strlen(rule->help) - 1] == '.');
		for (const struct rule *other = transaction_rules; other != rule; other++)
			EXPECT(strcmp(rule->id, other->id) != 0);
	}
	EXPECT(count >= 40);
	EXPECT_NUMBER(count, rules_count());
}

/* docs/RULES.md shows the table as it is: a row for each rule, and no others. */
TEST(the_documentation_has_the_same_table)
{
	static char document[1 << 16], line[1024];
	unsigned rows = 0;
	FILE *file = fopen(DOCS_FOLDER "/RULES.md", "re");
	EXPECT(file != NULL);
	document[fread(document, 1, sizeof(document) - 1, file)] = '\0';
	EXPECT(fclose(file) == 0);
	for (const struct rule *rule = transaction_rules; rule->id != NULL; rule++) {
		char limit[64] = "", number[DECIMAL_TEXT_MAX];
		decimal_print(rule->usual.limit, number);
		if (rule->usual.limit.set)
			snprintf(
				limit, sizeof(limit), "%s %s", number, limit_unit_name(rule->unit));
		snprintf(line, sizeof(line), "\n| `%s` | %s%s | %s | %s |\n", rule->id,
			severity_name(rule->usual.severity), rule->fixed ? " (fixed)" : "", limit,
			rule->help);
		if (strstr(document, line) == NULL)
			test_fail(__FILE__, __LINE__, "docs/RULES.md lacks:%s", line);
	}
	const char *at = strstr(document, "| rule | does |");
	EXPECT(at != NULL);
	for (at = strstr(at, "\n| `"); at != NULL && strncmp(at, "\n| `", 4) == 0; rows++)
		at = strchr(at + 1, '\n');
	EXPECT_NUMBER(rows, rules_count());
}

/* Sums of the largest decimals must not overflow: an overflow would stop the process. */
TEST(the_largest_amounts_are_only_wrong)
{
	struct buf buf;
	buf_init(&buf, 1 << 20);
	buf_text(&buf, "{\"store\":\"1\",\"register\":\"1\",\"business_date\":\"2026-11-23\","
		       "\"sequence\":1,\"type\":\"sale\",\"currency\":\"EUR\",\"tax_rounding\":"
		       "\"document\",\"closed_at\":\"2026-11-23T17:03:40Z\",\"lines\":[");
	for (unsigned i = 0; i < 3000; i++) {
		const char *sign = i < 1500 ? "" : "-";
		buf_format(&buf,
			"%s{\"number\":%u,\"kind\":\"sale\",\"item\":\"A\",\"quantity\":"
			"999999999999999999,\"unit_price\":%s999999999999999999,\"amount\":"
			"-999999999999999999,\"taxes\":[{\"code\":\"S\",\"rate\":"
			"999999999999999999,\"base\":%s999999999999999999,\"amount\":1}]}",
			i == 0 ? "" : ",", i, sign, sign);
	}
	buf_text(&buf, "],\"totals\":{\"net\":-999999999999999999,\"tax\":-999999999999999999,"
		       "\"gross\":999999999999999999,\"rounding\":999999999999999999}}");
	buf_char(&buf, '\0');
	EXPECT(strstr(judge(buf.ptr), "!balance.lines /totals/net") != NULL);
	buf_release(&buf);
}
