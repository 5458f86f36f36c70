#include "books/match.h"
#include "harness.h"
#include "retail/codec.h"

#include <stdio.h>

static const char sale[] =
	"{\"store\":\"1\",\"register\":\"2\",\"business_date\":\"2026-11-23\",\"sequence\":5,"
	"\"type\":\"sale\",\"closed_at\":\"2026-11-23T10:00:00Z\",\"currency\":\"EUR\","
	"\"lines\":[{\"number\":1,\"kind\":\"sale\",\"item\":\"A\",\"quantity\":\"2\","
	"\"unit_price\":\"5.00\",\"amount\":\"10.00\"},{\"number\":2,\"kind\":\"sale\",\"item\":"
	"\"B\","
	"\"quantity\":\"1\",\"unit_price\":\"3.00\",\"amount\":\"3.00\"},{\"number\":3,"
	"\"kind\":\"sale\",\"item\":\"A\",\"quantity\":\"1\",\"unit_price\":\"5.00\","
	"\"amount\":\"5.00\"}],\"tenders\":[{\"number\":1,\"kind\":\"cash\",\"amount\":\"20.00\","
	"\"change\":\"2.00\"}],\"totals\":{\"net\":\"18.00\",\"tax\":\"0.00\",\"gross\":\"18.00\"}"
	"}";

static struct arena arena;
static struct transaction ours;
static struct erp_line lines[2];
static struct erp_payment payment;

static struct total total(const char *text)
{
	struct total value;
	EXPECT(total_parse(slice_of(text), &value));
	return value;
}

/* What an ERP holds that agrees: it has merged the two lines of item A. */
static struct erp_document agreeing(void)
{
	struct findings findings = { .count = 0 };
	arena_init(&arena, 1 << 20);
	EXPECT(transaction_decode(slice_of(sale), &arena, &ours, &findings) == OK);
	lines[0] = (struct erp_line){ slice_of("A"), total("3"), total("15") };
	lines[1] = (struct erp_line){ slice_of("B"), total("1"), total("3.00") };
	payment = (struct erp_payment){ slice_of("cash"), total("18") };
	return (struct erp_document){ .found = true,
		.copies = 1,
		.date = 20261123,
		.currency = slice_of("EUR"),
		.lines = lines,
		.line_count = 2,
		.payments = &payment,
		.payment_count = 1,
		.net = total("18"),
		.tax = total("0"),
		.gross = total("18") };
}

static const char *causes(const struct erp_document *theirs)
{
	static char text[512];
	struct differences all;
	size_t used = 0;
	EXPECT(match_document(&ours, theirs, &arena, &all) == OK);
	text[0] = '\0';
	for (uint32_t i = 0; i < all.count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s%s",
			i > 0 ? " " : "", cause_name(all.items[i].cause), all.items[i].pointer);
	arena_release(&arena);
	return text;
}

TEST(merged_lines_agree)
{
	struct erp_document theirs = agreeing();
	EXPECT_TEXT(causes(&theirs), "");
}

TEST(every_difference_has_its_cause_and_place)
{
	struct erp_document theirs = agreeing();
	theirs.found = false;
	EXPECT_TEXT(causes(&theirs), "missing");
	theirs = agreeing();
	theirs.copies = 2;
	EXPECT_TEXT(causes(&theirs), "double");
	theirs = agreeing();
	theirs.date = 20261124;
	EXPECT_TEXT(causes(&theirs), "date/business_date");
	theirs = agreeing();
	theirs.currency = slice_of("USD");
	EXPECT_TEXT(causes(&theirs), "currency/currency");
	theirs = agreeing();
	theirs.line_count = 1;
	EXPECT_TEXT(causes(&theirs), "line_missing/lines/1");
	theirs = agreeing();
	lines[1].item = slice_of("C");
	EXPECT_TEXT(causes(&theirs), "line_missing/lines/1 line_not_ours/lines");
	theirs = agreeing();
	lines[0].quantity = total("4");
	EXPECT_TEXT(causes(&theirs), "quantity/lines/0/quantity");
	theirs = agreeing();
	lines[0].amount = total("15.01");
	EXPECT_TEXT(causes(&theirs), "amount/lines/0/amount");
	theirs = agreeing();
	payment.amount = total("17");
	EXPECT_TEXT(causes(&theirs), "payment/tenders/0/amount");
	theirs = agreeing();
	theirs.tax = total("0.01");
	EXPECT_TEXT(causes(&theirs), "tax/totals/tax");
	theirs = agreeing();
	theirs.gross = total("18.01");
	EXPECT_TEXT(causes(&theirs), "total/totals/gross");
}

TEST(a_rounding_that_the_erp_booked_explains_its_own_amount_and_no_more)
{
	struct erp_document theirs = agreeing();
	theirs.tax = total("-0.01");
	theirs.rounding = total("0.01");
	EXPECT_TEXT(causes(&theirs), "");
	theirs = agreeing();
	theirs.tax = total("-0.02");
	theirs.rounding = total("0.01");
	EXPECT_TEXT(causes(&theirs), "tax/totals/tax");
}
