#include "app/csv.h"
#include "app/input.h"
#include "app/output.h"
#include "app/uci.h"
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zstd.h>

#define HEADER "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"

struct imported {
	struct buf lines; /* each with its newline */
	struct uci_summary summary;
	struct error err;
	enum status status;
};

static enum status gather(void *context, struct slice line, struct error *err)
{
	struct buf *lines = context;
	(void)err;
	buf_slice(lines, line);
	buf_char(lines, '\n');
	return OK;
}

static struct imported import_days(const char *csv, uint64_t days)
{
	struct imported result = { .err = { OK, "" } };
	struct uci_sink sink = { gather, &result.lines };
	char *copy = strdup(csv);
	buf_init(&result.lines, 1 << 20);
	result.status = uci_convert(
		copy, strlen(copy), "sales.csv", days, &sink, &result.summary, &result.err);
	free(copy);
	buf_char(&result.lines, '\0');
	EXPECT(!result.lines.failed);
	return result;
}

static void expect_lines(const char *csv, const char *lines)
{
	struct imported result = import_days(csv, 0);
	EXPECT_OK(result.status, result.err);
	EXPECT_TEXT(result.lines.ptr, lines);
	buf_release(&result.lines);
}

static void expect_part(const char *csv, const char *part)
{
	struct imported result = import_days(csv, 0);
	EXPECT_OK(result.status, result.err);
	if (strstr(result.lines.ptr, part) == NULL)
		test_fail(__FILE__, __LINE__, "%s is not in %s", part, result.lines.ptr);
	buf_release(&result.lines);
}

static void expect_error(const char *csv, const char *text)
{
	struct imported result = import_days(csv, 0);
	EXPECT(result.status == E_INPUT);
	EXPECT_TEXT(result.err.text, text);
	EXPECT_TEXT(result.lines.ptr, "");
	buf_release(&result.lines);
}

TEST(an_invoice_becomes_one_sale_with_exact_amounts)
{
	expect_lines(HEADER
		"536365,85123A, WHITE HEART ,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom\n"
		"536365,POST,POSTAGE,3,2010-12-01 08:27:00,0.001,17850.0,United Kingdom\n",
		"{\"store\":\"united-kingdom\",\"register\":\"01\",\"business_date\":\"2010-12-"
		"01\","
		"\"sequence\":1,\"type\":\"sale\",\"began_at\":\"2010-12-01T08:26:00+00:00\","
		"\"closed_at\":\"2010-12-01T08:27:00+00:00\",\"customer\":\"17850\","
		"\"currency\":\"GBP\",\"lines\":["
		"{\"number\":1,\"kind\":\"sale\",\"item\":\"85123A\",\"description\":\"WHITE "
		"HEART\","
		"\"quantity\":\"6\",\"unit\":\"EA\",\"unit_price\":\"2.55\",\"amount\":\"15.30\"},"
		"{\"number\":2,\"kind\":\"fee\",\"item\":\"POST\",\"description\":\"POSTAGE\","
		"\"quantity\":\"3\",\"unit\":\"EA\",\"unit_price\":\"0.001\",\"amount\":\"0.003\"}]"
		","
		"\"tenders\":[{\"number\":1,\"kind\":\"other\",\"amount\":\"15.303\"}],"
		"\"totals\":{\"net\":\"15.303\",\"tax\":\"0\",\"gross\":\"15.303\"},"
		"\"extensions\":{\"source\":\"uci_online_retail\",\"invoice\":\"536365\","
		"\"country\":\"United Kingdom\"}}\n");
}

TEST(a_credit_is_a_return_and_its_tender_a_refund)
{
	const char *csv = HEADER "C1,22,CUP,-2,2011-01-05 09:00:00,1.5,,EIRE\n";
	expect_part(csv, "\"type\":\"return\"");
	expect_part(csv, "\"kind\":\"return\",\"item\":\"22\"");
	expect_part(csv,
		"\"quantity\":\"-2\",\"unit\":\"EA\",\"unit_price\":\"1.5\",\"amount\":\"-3.00\"");
	expect_part(csv, "\"tenders\":[{\"number\":1,\"kind\":\"other\",\"amount\":\"-3.00\"}]");
	expect_part(csv, "\"store\":\"eire\"");
}

TEST(bad_debt_and_goods_written_off_are_adjustments)
{
	expect_part(HEADER "A5,B,Adjust bad debt,1,2011-08-12 14:51:00,-11062.06,,RSA\n",
		"\"kind\":\"adjustment\",\"item\":\"B\"");
	const char *csv = HEADER "7,22,?,-10,2011-08-12 14:51:00,0.0,,RSA\n";
	expect_part(csv, "\"type\":\"adjustment\"");
	expect_part(csv, "\"kind\":\"write_off\"");
	expect_part(csv, "\"amount\":\"0.00\"}],\"totals\":{\"net\":\"0.00\"");
}

TEST(invoices_of_one_minute_stand_at_registers_side_by_side)
{
	struct imported result = import_days(HEADER "3,a,,1,2011-01-05 09:01:00,1.0,,Spain\n"
						    "1,a,,1,2011-01-05 09:00:00,1.0,,Spain\n"
						    "2,a,,1,2011-01-05 09:00:00,1.0,,Spain\n"
						    "1,b,,1,2011-01-05 09:00:00,1.0,,Spain\n",
		0);
	EXPECT_OK(result.status, result.err);
	static const char *const starts[] = {
		"{\"store\":\"spain\",\"register\":\"01\",\"business_date\":\"2011-01-05\","
		"\"sequence\":1,",
		"{\"store\":\"spain\",\"register\":\"02\",\"business_date\":\"2011-01-05\","
		"\"sequence\":1,",
		"{\"store\":\"spain\",\"register\":\"01\",\"business_date\":\"2011-01-05\","
		"\"sequence\":2,",
	};
	const char *at = result.lines.ptr;
	for (size_t i = 0; i < 3; i++) {
		EXPECT(strncmp(at, starts[i], strlen(starts[i])) == 0);
		at = strchr(at, '\n') + 1;
	}
	EXPECT_NUMBER(result.summary.transactions, 3);
	EXPECT_NUMBER(result.summary.lines, 4);
	buf_release(&result.lines);
}

TEST(only_the_first_days_are_taken_when_asked_for)
{
	const char *csv = HEADER "1,a,,1,2011-01-05 09:00:00,1.0,,Spain\n"
				 "2,a,,1,2011-01-07 09:00:00,1.0,,Spain\n"
				 "3,a,,1,2011-01-09 09:00:00,1.0,,Spain\n";
	struct imported result = import_days(csv, 2);
	EXPECT_OK(result.status, result.err);
	EXPECT_NUMBER(result.summary.transactions, 2);
	EXPECT_NUMBER(result.summary.days, 2);
	EXPECT_NUMBER(result.summary.last_date, 20110107);
	buf_release(&result.lines);
}

TEST(a_wrong_file_is_refused_with_its_line)
{
	expect_error("", "sales.csv:1: the file is empty; a header is expected");
	expect_error("a,b\n", "sales.csv:1: 2 columns; 8 are expected");
	expect_error(
		"InvoiceNo,StockCode,Description,Quantity,InvoiceDate,Price,CustomerID,Country\n",
		"sales.csv:1: column 6 is \"Price\"; \"UnitPrice\" is expected");
	expect_error(HEADER "1,a,,1,2011-01-05 09:00:00,1.0,,Spain\n"
			    "2,a,,one,2011-01-05 09:00:00,1.0,,Spain\n",
		"sales.csv:3: Quantity: \"one\": is not a decimal number such as \"-12.50\"");
	expect_error(HEADER "1,a,,1,2011-02-29 09:00:00,1.0,,Spain\n",
		"sales.csv:2: InvoiceDate: \"2011-02-29 09:00:00\": a time such as "
		"2010-12-01 08:26:00 is expected");
	expect_error(HEADER "1,a,,1,2011-01-05 09:00:00,1e3,,Spain\n",
		"sales.csv:2: UnitPrice: \"1e3\": has an exponent; write all digits");
	expect_error(HEADER "1,a,,1,2011-01-05 09:00:00,1.0,x,Spain\n",
		"sales.csv:2: CustomerID: \"x\": a number such as 17850.0, or nothing, is "
		"expected");
	expect_error(HEADER "1,a,\xff,1,2011-01-05 09:00:00,1.0,,Spain\n",
		"sales.csv:2: Description: \"\xff\": it is not UTF-8");
	expect_error(HEADER "1,a,\"b\nc\",1,2011-01-05 09:00:00,1.0,,Spain\n"
			    "1,a,b,1,2011-01-05 09:00:00,1.0,,EIRE\n",
		"sales.csv:4: invoice 1 is in Spain and in EIRE");
}

TEST(quotes_are_read_as_rfc_4180_has_them)
{
	char text[] = "\"a,b\",\"say \"\"hi\"\"\"\r\n,\"\"\n\"x\"y,z\n";
	struct csv csv;
	struct slice fields[2];
	struct error err;
	bool end;
	csv_init(&csv, text, strlen(text));
	EXPECT_OK(csv_record(&csv, fields, 2, &end, &err), err);
	EXPECT(!end && slice_is(fields[0], "a,b") && slice_is(fields[1], "say \"hi\""));
	EXPECT_OK(csv_record(&csv, fields, 2, &end, &err), err);
	EXPECT(!end && fields[0].len == 0 && fields[1].len == 0);
	EXPECT(csv_record(&csv, fields, 2, &end, &err) == E_INPUT);
	EXPECT_TEXT(err.text, "\"y\" behind a closing quote; a comma is expected");
	EXPECT_NUMBER(csv.line, 3);
}

static void write_file(const char *path, const void *bytes, size_t len)
{
	FILE *file = fopen(path, "w");
	EXPECT(file != NULL && fwrite(bytes, 1, len, file) == len && fclose(file) == 0);
}

TEST(a_compressed_file_reads_like_a_plain_one)
{
	const char *text = "one\r\ntwo\n\nlast";
	char path[512], packed[256];
	snprintf(path, sizeof(path), "%s/lines.zst", test_folder());
	size_t len = ZSTD_compress(packed, sizeof(packed), text, strlen(text), 3);
	static const char *const lines[] = { "one", "two", "", "last" };
	for (int compressed = 0; compressed < 2; compressed++) {
		write_file(path, compressed ? packed : text, compressed ? len : strlen(text));
		struct input *input = NULL;
		struct error err;
		struct slice line;
		bool end;
		EXPECT_OK(input_open(path, &input, &err), err);
		for (size_t i = 0; i < 4; i++) {
			EXPECT_OK(input_line(input, 100, &line, &end, &err), err);
			EXPECT(!end && slice_is(line, lines[i]));
		}
		EXPECT_OK(input_line(input, 100, &line, &end, &err), err);
		EXPECT(end);
		input_close(input);
	}
	write_file(path, packed, len - 3);
	struct input *input = NULL;
	struct error err;
	struct buf all;
	buf_init(&all, 1 << 20);
	EXPECT_OK(input_open(path, &input, &err), err);
	EXPECT(input_read_all(input, &all, &err) == E_INPUT);
	EXPECT(strstr(err.text, "the compressed file ends too early") != NULL);
	input_close(input);
	buf_release(&all);
}

TEST(an_output_that_is_not_finished_leaves_nothing_behind)
{
	char path[512];
	struct output *output = NULL;
	struct error err;
	snprintf(path, sizeof(path), "%s/out.ndjson", test_folder());
	EXPECT_OK(output_open(path, &output, &err), err);
	EXPECT_OK(output_line(output, slice_of("half"), &err), err);
	output_close(output);
	EXPECT(access(path, F_OK) != 0);
	EXPECT_OK(output_open(path, &output, &err), err);
	EXPECT_OK(output_line(output, slice_of("whole"), &err), err);
	EXPECT_OK(output_finish(output, &err), err);
	output_close(output);
	EXPECT(access(path, F_OK) == 0);
}
