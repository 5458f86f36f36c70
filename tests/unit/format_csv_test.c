#include "format_site.h"

static void expect_read(const char *text, const char *group_by, char separator, const char *seen)
{
	struct format_options options = {
		.group_by = slice_of(group_by), .separator = separator, .record_bytes_max = 1 << 20
	};
	struct site site = { 0 };
	site_read(&site, &format_csv, slice_of(text), &options);
	EXPECT_TEXT(site.err.text, "");
	EXPECT_NUMBER(site.status, OK);
	EXPECT_TEXT(site.seen.ptr, seen);
	site_release(&site);
}

static void expect_refused(const char *text, const char *group_by, const char *sentence)
{
	struct format_options options = { .group_by = slice_of(group_by),
		.record_bytes_max = 1 << 20 };
	struct site site = { 0 };
	site_read(&site, &format_csv, slice_of(text), &options);
	EXPECT_NUMBER(site.status, E_INPUT);
	EXPECT_TEXT(site.err.text, sentence);
	EXPECT_TEXT(site.seen.ptr, "");
	site_release(&site);
}

TEST(a_row_is_a_record_of_its_columns)
{
	expect_read("\xef\xbb\xbf"
		    "a,b\r\n1,\"x, \"\"y\"\"\r\n\"\r\n\r\n,\xc3\xa9",
		"", 0,
		"{\"a\":\"1\",\"b\":\"x, "
		"\\\"y\\\"\\u000d\\u000a\"}\n{\"a\":\"\",\"b\":\"\xc3\xa9\"}\n");
}

TEST(rows_of_the_same_group_become_one_record_with_lines)
{
	expect_read("store;ticket;item;amount\n1;17;a;5.00\n1;17;b;6.50\n1;18;a;5.00\n2;18;a;1\n",
		"store, ticket", ';',
		"{\"store\":\"1\",\"ticket\":\"17\",\"lines\":[{\"item\":\"a\",\"amount\":\"5.00\"}"
		","
		"{\"item\":\"b\",\"amount\":\"6.50\"}]}\n"
		"{\"store\":\"1\",\"ticket\":\"18\",\"lines\":[{\"item\":\"a\",\"amount\":\"5.00\"}"
		"]}\n"
		"{\"store\":\"2\",\"ticket\":\"18\",\"lines\":[{\"item\":\"a\",\"amount\":\"1\"}]}"
		"\n");
}

TEST(a_group_whose_values_are_quoted_survives_the_record_before_it)
{
	expect_read("k,v\n\"a\"\"1\",1\n\"a\"\"2\",2\n\"a\"\"2\",3\n", "k", 0,
		"{\"k\":\"a\\\"1\",\"lines\":[{\"v\":\"1\"}]}\n"
		"{\"k\":\"a\\\"2\",\"lines\":[{\"v\":\"2\"},{\"v\":\"3\"}]}\n");
}

TEST(a_header_is_needed_and_names_each_column_once)
{
	expect_refused("", "", "is empty; a header row is expected");
	expect_refused("a,,b\n", "", "line 1: column 2 has no name");
	expect_refused("a,b,a\n", "", "line 1: columns 1 and 3 have the same name, \"a\"");
	expect_refused(
		"a,b\n1,2\n", "c", "line 1: the header has no column \"c\", which group_by names");
	expect_refused("lines,b\n1,2\n", "lines",
		"group_by names the column \"lines\", which the rows of a record are");
	expect_refused("a,\xe9\n", "", "line 1: the header: is not UTF-8");
}

TEST(a_bad_row_is_reported_with_its_line_and_the_next_is_read)
{
	expect_read("a,b\n1,2\n1\n1,2,3\n\"x\"y,2\n1,"
		    "x\"y\n\xff\xbf\xbf\xbf\xbf\xbf\xbf\xbf\xbf\xbf,2\n7,8\n",
		"", 0,
		"{\"a\":\"1\",\"b\":\"2\"}\n"
		"bad line 3, byte 8: line 3: has too few columns\n"
		"bad line 4, byte 10: line 4: has too many columns\n"
		"bad line 5, byte 16: line 5: something stands behind a closing quote\n"
		"bad line 6, byte 23: line 6: a quote inside an unquoted field; the whole field "
		"must be quoted\n"
		"bad line 7, byte 29: line 7: is not UTF-8\n"
		"{\"a\":\"7\",\"b\":\"8\"}\n");
}

TEST(a_bad_row_takes_the_records_around_it_along)
{
	expect_read("k,v\n1,a\n2,b\n2\n2,c\n3,d\n", "k", 0,
		"{\"k\":\"1\",\"lines\":[{\"v\":\"a\"}]}\n"
		"bad line 3, byte 8: the row behind it (line 4) cannot be read and may belong to "
		"it\n"
		"bad line 4, byte 12: line 4: has too few columns\n"
		"bad line 5, byte 14: the row before it cannot be read and may belong to it\n"
		"{\"k\":\"3\",\"lines\":[{\"v\":\"d\"}]}\n");
}

TEST(a_quote_that_is_never_closed_ends_the_reading)
{
	expect_read("a,b\n1,2\n\"1,2\n3,4\n", "", 0,
		"{\"a\":\"1\",\"b\":\"2\"}\n"
		"bad line 3, byte 8: line 3: a quoted field is not closed; nothing behind it can "
		"be read\n");
}

TEST(a_record_beyond_a_limit_is_left_out)
{
	struct format_options options = { .group_by = SLICE("k"), .record_bytes_max = 1000 };
	struct site site = { 0 };
	struct buf text;
	buf_init(&text, 1 << 20);
	buf_text(&text, "k,v\n");
	for (unsigned i = 0; i < 300; i++)
		buf_text(&text, "1,x\n");
	buf_text(&text, "2,y\n");
	site_read(&site, &format_csv, buf_get(&text), &options);
	EXPECT_TEXT(site.seen.ptr, "bad line 2, byte 4: the record has more than 1000 bytes\n"
				   "{\"k\":\"2\",\"lines\":[{\"v\":\"y\"}]}\n");
	EXPECT_NUMBER(site.raw_bytes, 4);
	site_release(&site);
	buf_release(&text);
}

TEST(csv_memory_follows_the_record_and_not_the_file)
{
	struct format_options options = { .record_bytes_max = 1000 };
	struct site site = { .arena_limit = 64 << 10 };
	struct buf text;
	buf_init(&text, 8 << 20);
	buf_text(&text, "k,v\n");
	for (unsigned i = 0; i < 50000; i++)
		buf_text(&text, "1,\"x\"\"\"\n");
	site_read(&site, &format_csv, buf_get(&text), &options);
	EXPECT_NUMBER(site.status, OK);
	EXPECT_NUMBER(site.records, 50000);
	EXPECT_NUMBER(site.raw_bytes, 50000 * 8);
	site_release(&site);
	buf_release(&text);
}
