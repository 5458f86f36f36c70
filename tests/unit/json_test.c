#include "base/json.h"
#include "harness.h"

#include <stdlib.h>

static const char *judge(const char *text)
{
	struct arena arena;
	struct json json;
	arena_init(&arena, 1 << 20);
	json_init(&json, slice_of(text), &arena);
	if (json_skip(&json, NULL))
		json_end(&json);
	arena_release(&arena);
	return json.problem == NULL ? "fine" : json.problem;
}

TEST(valid_documents_are_taken)
{
	static const char *const texts[] = { "{}", "[]", "[{}]", "[[],{}]", "{\"a\":{}}",
		" [1, -0.5e+3 ,true,null,\"x\\u00e9\\ud83d\\ude00\\n\"] ", "\"\\u0000\"", "0",
		"{\"a\":[],\"b\":[[]]}", "\"\xc3\xa9\xf0\x9f\x98\x80\"" };
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		EXPECT_TEXT(judge(texts[i]), "fine");
}

TEST(invalid_documents_are_refused)
{
	static const char *const texts[] = { "", "{", "[", "[1,]", "{\"a\":1,}", "[,1]", "[1 2]",
		"{\"a\" 1}", "{a:1}", "01", "-", "1.", "1.e1", "+1", "nul", "truth", "\"",
		"\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"",
		"\"\t\"", "\"\xc0\xaf\"", "\"\xed\xa0\x80\"", "\"\xff\"", "[1]]", "{} x",
		"{\"a\":1,\"a\":2}", "{\"x\":{\"a\":1,\"b\":2,\"\\u0061\":3}}", "[}", "{]",
		"\"abcdefg\\" };
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strcmp(judge(texts[i]), "fine") == 0)
			test_fail(__FILE__, __LINE__, "%s was taken", texts[i]);
}

TEST(nesting_has_its_limit)
{
	char deep[80];
	memset(deep, '[', 32);
	memset(deep + 32, ']', 32);
	deep[64] = '\0';
	EXPECT_TEXT(judge(deep), "fine");
	memset(deep, '[', 33);
	memset(deep + 33, ']', 33);
	deep[66] = '\0';
	EXPECT_TEXT(judge(deep), "the document is nested deeper than 32 levels");
}

TEST(strings_lose_their_escapes)
{
	struct arena arena;
	struct json json;
	struct slice value;
	arena_init(&arena, 1 << 16);
	json_init(&json, slice_of("\"abcdefghijk\\t\\u20ac\\\"z\""), &arena);
	EXPECT(json_string(&json, &value) && slice_is(value, "abcdefghijk\t\xe2\x82\xac\"z"));
	arena_release(&arena);
}

TEST(what_is_written_can_be_read)
{
	struct buf buf;
	buf_init(&buf, 1 << 16);
	buf_char(&buf, '{');
	json_write_member(&buf, "text", slice_of("a\"b\\c\x01\n\xc3\xa9"));
	json_write_member_u64(&buf, "n", 42);
	json_write_member_bool(&buf, "yes", true);
	json_write_member_null(&buf, "none");
	buf_char(&buf, '}');
	buf_char(&buf, '\0');
	EXPECT_TEXT(buf.ptr, "{\"text\":\"a\\\"b\\\\c\\u0001\\u000a\xc3\xa9\",\"n\":42,"
			     "\"yes\":true,\"none\":null}");
	EXPECT_TEXT(judge(buf.ptr), "fine");
	buf_reset(&buf);
	json_minify(&buf, slice_of("{ \"a b\" : [ 1 , \"x \\\" y\" ] }"));
	EXPECT(slice_is(buf_get(&buf), "{\"a b\":[1,\"x \\\" y\"]}"));
	buf_release(&buf);
}
