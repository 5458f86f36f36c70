#include "format_site.h"

#include <stdlib.h>

static const struct format_options transactions = {
	.record = SLICE("Transaction"),
	.record_bytes_max = 1 << 20,
};

static void read_text(struct site *site, const char *text)
{
	site_read(site, &format_xml, slice_of(text), &transactions);
}

static void expect(const char *text, const char *seen)
{
	struct site site = { 0 };
	read_text(&site, text);
	EXPECT_NUMBER(site.status, OK);
	EXPECT_TEXT(site.seen.ptr, seen);
	site_release(&site);
}

static void expect_refused(const char *text, const char *words)
{
	struct site site = { 0 };
	read_text(&site, text);
	EXPECT_NUMBER(site.status, E_INPUT);
	if (strstr(site.err.text, words) == NULL)
		test_fail(__FILE__, __LINE__, "\"%s\" does not say \"%s\"", site.err.text, words);
	EXPECT_TEXT(site.seen.ptr, "");
	site_release(&site);
}

TEST(elements_become_members_and_repeated_ones_a_list)
{
	expect("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<POSLog><Transaction>"
	       "<Store>\n 9 </Store><Op Name=\"A &amp; B\">94</Op>"
	       "<Line/><Amount>5.00</Amount><Line x=\"1\"><a>1</a></Line><Line>z</Line>"
	       "</Transaction></POSLog>",
		"{\"Store\":\"9\",\"Op\":{\"@Name\":\"A & B\",\"#text\":\"94\"},"
		"\"Line\":[\"\",{\"@x\":\"1\",\"a\":\"1\"},\"z\"],\"Amount\":\"5.00\"}\n");
}

TEST(prefixes_and_namespaces_do_not_matter)
{
	expect("<p:POSLog xmlns:p=\"urn:x\" xmlns=\"urn:y\"><p:Transaction><a:Code p:Type=\"t\"/>"
	       "</p:Transaction></p:POSLog>",
		"{\"Code\":{\"@Type\":\"t\"}}\n");
}

TEST(text_in_pieces_is_put_together)
{
	expect("<L><Transaction><T>a&lt;<![CDATA[<b>&amp;]]>&#233;<!-- no -->z</T>"
	       "<M>one<x>1</x> two</M></Transaction></L>",
		"{\"T\":\"a<<b>&amp;\xc3\xa9z\",\"M\":{\"x\":\"1\",\"#text\":\"one two\"}}\n");
}

TEST(each_record_hands_out_its_exact_bytes)
{
	const char *first = "<Transaction a='>'><b/><!-- </Transaction> --></Transaction>";
	const char *second = "<x:Transaction\n>\xc3\xa9</x:Transaction >";
	const char *third = "<Transaction/>";
	for (unsigned gap = 0; gap < 70000; gap += 4999) {
		struct buf text;
		struct site site = { .stop_after = 0 };
		buf_init(&text, 1 << 20);
		buf_text(&text, "\xef\xbb\xbf<L xmlns:x='u'>");
		for (unsigned i = 0; i < gap; i++)
			buf_char(&text, i % 80 == 0 ? '\n' : ' ');
		const char *records[] = { first, second, third };
		for (unsigned k = 0; k < 3; k++) {
			buf_text(&text, records[k]);
			buf_text(&text, "\r\n");
		}
		buf_text(&text, "</L>");
		for (unsigned k = 1; k <= 3; k++) {
			site = (struct site){ .stop_after = k };
			site_read(&site, &format_xml, buf_get(&text), &transactions);
			EXPECT_NUMBER(site.status, E_STOPPED);
			EXPECT_NUMBER(site.records, k);
			EXPECT(slice_is(site.last_raw, records[k - 1]));
			site_release(&site);
		}
		buf_release(&text);
	}
}

TEST(without_a_record_name_the_document_is_the_record)
{
	struct format_options options = { .record_bytes_max = 1 << 20 };
	struct site site = { 0 };
	site_read(&site, &format_xml, slice_of("<a><Transaction/><b>1</b></a>"), &options);
	EXPECT_TEXT(site.seen.ptr, "{\"Transaction\":\"\",\"b\":\"1\"}\n");
	site_release(&site);
}

TEST(a_record_within_a_record_is_a_part_of_it)
{
	expect("<L><Transaction><Transaction><a/></Transaction></Transaction></L>",
		"{\"Transaction\":{\"a\":\"\"}}\n");
}

TEST(a_doctype_refuses_the_document_and_no_entity_is_looked_at)
{
	expect_refused("<!DOCTYPE l [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">"
		       "<!ENTITY c \"&b;&b;&b;&b;\">]><l><Transaction>&c;</Transaction></l>",
		"DOCTYPE");
	expect_refused("<!DOCTYPE l [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>"
		       "<l><Transaction>&x;</Transaction></l>",
		"DOCTYPE");
	expect_refused("<!DOCTYPE l SYSTEM \"http://127.0.0.1:1/x.dtd\"><l/>", "DOCTYPE");
	expect_refused(
		"<!DOCTYPE l [<!ENTITY % p SYSTEM \"file:///dev/zero\"> %p;]><l/>", "DOCTYPE");
}

TEST(an_entity_nobody_declared_makes_the_rest_unreadable)
{
	struct site site = { 0 };
	read_text(&site, "<L><Transaction>1</Transaction><Transaction>&x;</Transaction></L>");
	EXPECT_NUMBER(site.status, OK);
	EXPECT_NUMBER(site.records, 1);
	EXPECT_NUMBER(site.bad, 1);
	EXPECT(strstr(site.seen.ptr, "bad line 1, byte 31: ") != NULL);
	site_release(&site);
}

TEST(what_is_no_xml_is_refused)
{
	expect_refused("", "does not begin");
	expect_refused("{\"a\":1}", "does not begin");
	expect_refused("\xff\xfe<\0a\0", "does not begin");
	expect_refused("<?xml version='1.0' encoding='ISO-8859-1'?><l/>", "ISO-8859-1");
	expect_refused("<?xml version='1.0' encoding = \"UTF-16\"?><l/>", "UTF-16");
	expect_refused("<", "line 1");
	expect_refused("<a", "line 1");
}

TEST(a_truncated_file_keeps_the_records_before_the_cut)
{
	const char *whole = "<L>\n<Transaction><a>1</a></Transaction>\n"
			    "<Transaction><a>2</a></Transaction>\n</L>";
	for (size_t len = 4; len < strlen(whole); len++) {
		struct site site = { 0 };
		site_read(&site, &format_xml, slice_make(whole, len), &transactions);
		EXPECT_NUMBER(site.status, OK);
		EXPECT_NUMBER(site.records, (len >= 39) + (len >= 75));
		EXPECT_NUMBER(site.bad, 1);
		if (len >= 53 && len < 75)
			EXPECT(strstr(site.seen.ptr,
				       "bad line 3, byte 40: the record that begins here") != NULL);
		EXPECT(site.last_raw.ptr + site.last_raw.len == whole + len);
		site_release(&site);
	}
}

TEST(bytes_that_are_no_utf8_end_the_reading)
{
	struct site site = { 0 };
	read_text(&site, "<L><Transaction>1</Transaction><Transaction>\xe9</Transaction></L>");
	EXPECT_NUMBER(site.status, OK);
	EXPECT_NUMBER(site.records, 1);
	EXPECT_NUMBER(site.bad, 1);
	site_release(&site);
}

/* `count` times `text` in the middle. */
static struct slice repeated(
	struct buf *buf, const char *before, const char *text, unsigned count, const char *after)
{
	buf_init(buf, 64 << 20);
	buf_text(buf, before);
	for (unsigned i = 0; i < count; i++)
		buf_text(buf, text);
	buf_text(buf, after);
	return buf_get(buf);
}

static void expect_one_bad(struct slice text, const char *words, size_t arena_limit)
{
	struct site site = { .arena_limit = arena_limit };
	site_read(&site, &format_xml, text, &transactions);
	EXPECT_NUMBER(site.status, OK);
	EXPECT_NUMBER(site.bad, 1);
	EXPECT_NUMBER(site.records, 1);
	if (strstr(site.seen.ptr, words) == NULL)
		test_fail(
			__FILE__, __LINE__, "\"%.300s\" does not say \"%s\"", site.seen.ptr, words);
	site_release(&site);
}

TEST(a_record_beyond_a_limit_is_left_out_and_the_next_one_is_read)
{
	const char *next = "</Transaction><Transaction>x</Transaction></L>";
	struct buf text, end;
	repeated(&end, "", "</a>", 80, next);
	buf_char(&end, '\0');
	expect_one_bad(repeated(&text, "<L><Transaction>", "<a>", 80, end.ptr), "64 levels", 0);
	buf_release(&text);
	buf_release(&end);
	expect_one_bad(repeated(&text, "<L><Transaction>", "0123456789", 110000, next),
		"more than 1048576 bytes", 0);
	buf_release(&text);
	expect_one_bad(repeated(&text, "<L><Transaction>", "<!-- 0123456789 -->", 60000, next),
		"at most 1048576", 0);
	buf_release(&text);
	expect_one_bad(repeated(&text, "<L><Transaction>", "<a/>", 20000, next), "more", 1 << 20);
	buf_release(&text);
	expect_one_bad(repeated(&text, "<L><Transaction><a b='", "x", 65537,
			       "'/></Transaction>"
			       "<Transaction>x</Transaction></L>"),
		"65536", 0);
	buf_release(&text);
}

TEST(an_element_has_a_limit_of_names_and_attributes)
{
	struct buf text;
	buf_init(&text, 1 << 20);
	buf_text(&text, "<L><Transaction>");
	for (unsigned i = 0; i < 257; i++)
		buf_format(&text, "<n%u/>", i);
	buf_text(&text, "</Transaction><Transaction/></L>");
	expect_one_bad(buf_get(&text), "256 different names", 0);
	buf_reset(&text);
	buf_text(&text, "<L><Transaction");
	for (unsigned i = 0; i < 65; i++)
		buf_format(&text, " n%u=''", i);
	buf_text(&text, "/><Transaction/></L>");
	expect_one_bad(buf_get(&text), "65 attributes", 0);
	buf_release(&text);
}

TEST(nesting_around_the_records_has_a_limit)
{
	struct buf text;
	struct site site = { 0 };
	repeated(&text, "<L><Transaction/>", "<a>", 100000, "");
	site_read(&site, &format_xml, buf_get(&text), &transactions);
	EXPECT_NUMBER(site.status, OK);
	EXPECT_NUMBER(site.records, 1);
	EXPECT(strstr(site.seen.ptr, "256 levels") != NULL);
	site_release(&site);
	buf_release(&text);
}

TEST(memory_follows_the_record_and_not_the_file)
{
	struct buf text;
	struct site site = { .arena_limit = 64 << 10 };
	repeated(
		&text, "<L>", "<Transaction><a>1</a><b c='2'>3</b></Transaction>\n", 20000, "</L>");
	site_read(&site, &format_xml, buf_get(&text), &transactions);
	EXPECT_NUMBER(site.status, OK);
	EXPECT_NUMBER(site.records, 20000);
	EXPECT_NUMBER(site.raw_bytes, 20000 * 49);
	site_release(&site);
	buf_release(&text);
}
