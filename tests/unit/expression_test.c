/* The little language of rules and totals. */
#include "base/random.h"
#include "harness.h"
#include "retail/codec.h"
#include "retail/expression.h"
#include "sale.h"

#include <stdio.h>

/* What an expression says about the sale of the contract: "true", a number, or what is wrong. */
static const char *value_in(const char *document, const char *text, const char *each)
{
	static char said[300];
	static struct findings findings;
	struct arena arena;
	struct transaction t;
	const struct expression *e = NULL;
	struct expression_fault fault;
	const char *problem = NULL;
	bool truth = false;
	struct total number = total_zero();
	arena_init(&arena, 32 << 20);
	EXPECT(transaction_decode(slice_of(document), &arena, &t, &findings) == OK);
	struct expression_wanted wanted = { EXPRESSION_TRUTH, each };
	struct expression_place place = { .transaction = &t,
		.item = each == NULL ? NULL : (const void *)&t.lines.items[0] };
	enum status s = expression_parse(slice_of(text), wanted, &arena, &e, &fault);
	if (s == OK) {
		bool good = expression_truth(e, &place, &truth, &problem);
		snprintf(said, sizeof(said), "%s", good ? truth ? "true" : "false" : problem);
	} else {
		struct expression_fault other;
		wanted.type = EXPRESSION_NUMBER;
		if (expression_parse(slice_of(text), wanted, &arena, &e, &other) == OK) {
			bool good = expression_number(e, &place, &number, &problem);
			char digits[TOTAL_TEXT_MAX];
			total_print(number, 0, digits);
			snprintf(said, sizeof(said), "%s", good ? digits : problem);
		} else {
			snprintf(said, sizeof(said), "%zu: %s", fault.offset, fault.text);
		}
	}
	arena_release(&arena);
	return said;
}

static const char *value(const char *text)
{
	return value_in(sale_text, text, NULL);
}

TEST(numbers_are_exact)
{
	EXPECT_TEXT(value("0.1 + 0.2"), "0.3");
	EXPECT_TEXT(value("0.1 + 0.2 = 0.3"), "true");
	EXPECT_TEXT(value("2 + 3 * 4 - 1"), "13");
	EXPECT_TEXT(value("(2 + 3) * -4"), "-20");
	EXPECT_TEXT(value("1 - 2 - 3"), "-4");
	EXPECT_TEXT(value("0.000000001 * 0.5"), "0.000000001");
	EXPECT_TEXT(value("0.000000001 * 0.4"), "0");
	EXPECT_TEXT(value("-0.000000001 * 0.5"), "-0.000000001");
	EXPECT_TEXT(value("999999999999.999999 * 999999999999.999999"), "999999999999999998000000");
	EXPECT_TEXT(value("999999999.999999999 * 999999999.999999999"), "999999999999999998");
	EXPECT_TEXT(value("1000000000000000 * 1000000000"), "1000000000000000000000000");
	EXPECT_TEXT(value("1000000000000000 * 1000000000 + 1"), "a number is beyond 10^24");
	EXPECT_TEXT(value("abs(-2.5)"), "2.5");
	EXPECT_TEXT(value("--2"), "2");
}

TEST(fields_have_the_names_of_the_contract)
{
	EXPECT_TEXT(value("totals.gross"), "15.3");
	EXPECT_TEXT(value("totals.gross - totals.net = totals.tax"), "true");
	EXPECT_TEXT(value("store = \"0042\" and register = '03'"), "true");
	EXPECT_TEXT(value("type = \"sale\""), "true");
	EXPECT_TEXT(value("prices_include_tax"), "true");
	EXPECT_TEXT(value("prices_include_tax = false"), "false");
	EXPECT_TEXT(value("sequence"), "18277");
	EXPECT_TEXT(value("declared.gross"), "0");
	EXPECT_TEXT(value("reason = \"\""), "true");
	EXPECT_TEXT(value("present(reason)"), "false");
	EXPECT_TEXT(value("present(customer) and present(totals)"), "true");
	EXPECT_TEXT(value("present(declared)"), "false");
}

TEST(lists_are_summed_counted_and_searched)
{
	EXPECT_TEXT(value("sum(lines, amount)"), "15.3");
	EXPECT_TEXT(value("sum(tenders, amount - change)"), "15.3");
	EXPECT_TEXT(value("count(lines)"), "1");
	EXPECT_TEXT(value("count(lines, kind = \"return\")"), "0");
	EXPECT_TEXT(value("count(taxes) + count(discounts)"), "2");
	EXPECT_TEXT(value("sum(taxes, base + amount)"), "15.3");
	EXPECT_TEXT(value("any(taxes, rate > 0.19 and quantity = 6)"), "true");
	EXPECT_TEXT(value("all(lines, any(taxes, code = \"S\"))"), "true");
	EXPECT_TEXT(value("all(lines, item in (\"A\", \"B\"))"), "false");
	EXPECT_TEXT(value("any(lines, item not in (\"A\", \"B\"))"), "true");
	EXPECT_TEXT(value("all(lines, amount <= totals.gross)"), "true");
	EXPECT_TEXT(value("any(lines, any(tenders, amount > 19 and kind = \"cash\"))"), "true");
	EXPECT_TEXT(value("any(lines, starts(item, \"851\"))"), "true");
	EXPECT_TEXT(value("any(lines, starts(description, \"T-light holders\"))"), "false");
	EXPECT_TEXT(value("any(lines, of.store = \"1\")"), "false");
	EXPECT_TEXT(value("6 in (-6, 6.00)"), "true");
	EXPECT_TEXT(value("all(discounts, false)"), "false");
	EXPECT_TEXT(value_in(close_text, "all(discounts, false)", NULL), "true");
	EXPECT_TEXT(value_in(return_text, "any(lines, of.line = 1 and of.store = \"0042\")", NULL),
		"true");
}

TEST(an_element_may_be_looked_at_alone)
{
	EXPECT_TEXT(value_in(sale_text, "quantity * unit_price = amount", "lines"), "true");
	EXPECT_TEXT(value_in(sale_text, "count(taxes)", "lines"), "1");
	EXPECT_TEXT(value_in(sale_text, "amount / 2", "lines"),
		"7: this character begins nothing that is known");
}

TEST(days_and_times_are_numbers)
{
	EXPECT_TEXT(value("closed_at - began_at"), "89");
	EXPECT_TEXT(value("hour(closed_at)"), "17");
	EXPECT_TEXT(value("weekday(business_date)"), "1");
	EXPECT_TEXT(value("business_date >= date(\"2026-11-23\")"), "true");
	EXPECT_TEXT(value("business_date - date('2026-11-20')"), "3");
	EXPECT_TEXT(value("hour(business_date)"), "5: a time is expected: closed_at or began_at");
	EXPECT_TEXT(value("weekday(closed_at)"), "8: a day is expected: business_date");
	EXPECT_TEXT(value("date(\"2026-13-01\")"), "5: a day such as \"2026-11-23\" is expected");
}

TEST(and_or_and_not_bind_as_they_should)
{
	EXPECT_TEXT(value("true or false and false"), "true");
	EXPECT_TEXT(value("(true or false) and false"), "false");
	EXPECT_TEXT(value("not false and false"), "false");
	EXPECT_TEXT(value("not (false and false)"), "true");
	EXPECT_TEXT(value("not 1 = 2"), "true");
	/* the second half is not looked at when the first decides */
	EXPECT_TEXT(value("true or 1000000000000000*1000000000000000 > 1"), "true");
}

TEST(what_is_wrong_is_said_with_its_place)
{
	EXPECT_TEXT(value(""), "0: the expression ends too early");
	EXPECT_TEXT(
		value("totals.gros > 1"), "0: there is no field or function \"totals.gros\" here");
	EXPECT_TEXT(value("1 + \"a\""), "4: +: a number is expected, not a text");
	EXPECT_TEXT(value("1 = \"a\""), "4: =: a number is expected, not a text");
	EXPECT_TEXT(value("store < \"a\""), "0: <: a number is expected, not a text");
	EXPECT_TEXT(value("1 and true"), "0: and: a truth is expected, not a number");
	EXPECT_TEXT(value("store"), "0: the expression: a truth is expected, not a text");
	EXPECT_TEXT(value("1 == 1"), "2: \"==\" is not known; equality is \"=\"");
	EXPECT_TEXT(value("!true"), "0: \"!\" is not known; say \"not\" or \"!=\"");
	EXPECT_TEXT(value("1 2"), "2: nothing is expected behind the expression here");
	EXPECT_TEXT(value("1 < 2 < 3"), "6: nothing is expected behind the expression here");
	EXPECT_TEXT(value("sum(lines)"), "9: \",\" is expected behind the list");
	EXPECT_TEXT(value("sum(stuff, 1)"),
		"4: a list is expected: lines, tenders, taxes or discounts");
	EXPECT_TEXT(value("sum(totals, 1)"),
		"4: a list is expected: lines, tenders, taxes or discounts");
	EXPECT_TEXT(value("max(1)"),
		"0: there is no function \"max\"; known are sum, count, any, all, abs, present, "
		"starts, date, hour and weekday");
	EXPECT_TEXT(
		value("lines = 1"), "0: \"lines\" is a list: say count(lines) or any(lines, ...)");
	EXPECT_TEXT(value("totals = 1"), "0: \"totals\" is an object: name one of its parts");
	EXPECT_TEXT(
		value("extensions = 1"), "0: \"extensions\" is an object: name one of its parts");
	EXPECT_TEXT(value("store.name = 1"), "0: \"store\" has no parts");
	EXPECT_TEXT(value("store in ()"), "10: a number or a text in quotes is expected");
	EXPECT_TEXT(value("store in (1)"), "10: in: a text is expected, not a number");
	EXPECT_TEXT(value("store not \"a\""), "10: \"in\" is expected behind \"not\"");
	EXPECT_TEXT(value("(1"), "2: \")\" is expected for this bracket");
	EXPECT_TEXT(value("store = \"a"), "8: the text has no closing quote");
	EXPECT_TEXT(value("store = \"a\nb\""), "10: a text has no line ends or control characters");
	EXPECT_TEXT(value("1x"), "1: a letter stands right behind a number");
	EXPECT_TEXT(value("1 & 2"), "2: this character begins nothing that is known");
	EXPECT_TEXT(value("type = \"sold\""),
		"7: \"sold\" is none of sale, return, exchange, void, no_sale, training, open, "
		"close, paid_in, paid_out, pickup, loan, count, adjustment");
	EXPECT_TEXT(value("any(lines, kind in (\"sale\", \"given\"))"),
		"28: \"given\" is none of sale, return, gift_card, deposit, fee, write_off, "
		"adjustment");
	EXPECT_TEXT(value("tax_rounding = \"document\""), "false");
}

static void expect_too_much(const char *piece, unsigned times, const char *words)
{
	char text[8192] = "";
	size_t len = 0;
	for (unsigned i = 0; i < times; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s", piece);
	snprintf(text + len, sizeof(text) - len, "1");
	const char *said = value(text);
	if (strstr(said, words) == NULL)
		test_fail(__FILE__, __LINE__, "%u times \"%s\": %s", times, piece, said);
}

TEST(nothing_grows_without_a_bound)
{
	expect_too_much("(", 33, "more than 32 levels deep");
	expect_too_much("not ", 40, "more than 32 levels deep");
	expect_too_much("-", 40, "more than 32 levels deep");
	expect_too_much("abs(", 40, "more than 32 levels deep");
	expect_too_much("1+", 250, "more than 400 parts");
	expect_too_much("1 + ", 700, "2801 bytes; at most 2000");
	expect_too_much("any(lines, ", 4, "lists stand more than 3 deep");
}

/* Lists within lists: the work is cut, not the machine. */
TEST(work_is_bounded)
{
	struct buf buf;
	buf_init(&buf, 1 << 20);
	buf_text(&buf, "{\"store\":\"1\",\"register\":\"1\",\"business_date\":\"2026-11-23\","
		       "\"sequence\":1,\"type\":\"sale\",\"closed_at\":\"2026-11-23T17:03:40Z\","
		       "\"lines\":[");
	for (unsigned i = 0; i < 2000; i++)
		buf_format(&buf, "%s{\"number\":%u,\"kind\":\"fee\",\"amount\":1}",
			i == 0 ? "" : ",", i);
	buf_text(&buf, "]}");
	buf_char(&buf, '\0');
	EXPECT_TEXT(value_in(buf.ptr, "sum(lines, amount)", NULL), "2000");
	EXPECT_TEXT(value_in(buf.ptr, "sum(lines, sum(lines, amount))", NULL),
		"it takes too many steps");
	buf_release(&buf);
}

/* Any row of words is an expression or is refused with its place; nothing else happens. */
TEST(any_words_are_taken_or_refused)
{
	static const char *const words[] = { "(", ")", ",", "+", "-", "*", "=", "!=", "<",
		">=", "and", "or", "not", "in", "sum", "count", "any", "all", "abs", "present",
		"hour", "weekday", "date", "starts", "lines", "tenders", "taxes", "discounts",
		"amount", "totals.gross", "type", "store", "closed_at", "\"sale\"", "'2026-11-23'",
		"1", "2.5", "true", "false", "of.store", "999999999999999999" };
	uint64_t seed = test_seed(20261124);
	struct random random;
	random_init(&random, seed);
	for (unsigned round = 0, rounds = test_rounds(2000); round < rounds; round++) {
		char text[1024] = "";
		size_t len = 0;
		unsigned count = 1 + (unsigned)random_below(&random, 12);
		for (unsigned i = 0; i < count; i++)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s ",
				words[random_below(&random, sizeof(words) / sizeof(words[0]))]);
		EXPECT(value(text)[0] != '\0');
	}
}
