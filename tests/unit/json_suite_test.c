/* JSONTestSuite (Nicolas Seriot, "Parsing JSON is a minefield"): files y_* must be taken, n_* must
 * be refused, i_* may be either, and a table says which. The suite holds to RFC 8259, which allows
 * names that stand twice in an object; the scanner refuses them unless it is told otherwise, so it
 * is told so here, and that it refuses them is looked at besides. JSON_SUITE names the folder of
 * the files; without it a subset of the same kinds, written here, is run. */
#include "base/json.h"
#include "harness.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

enum { SUITE_FILE_BYTES_MAX = 1 << 20 };

/* What is done with the files that a parser may take or refuse: NULL when it is taken, else the
 * words of the refusal. A number of any size is JSON; whether it fits is asked where it becomes a
 * decimal. */
struct choice {
	const char *name; /* between "i_" and ".json" */
	const char *problem;
};

/* clang-format off */
static const struct choice choices[] = {
	{ "number_double_huge_neg_exp", NULL },
	{ "number_huge_exp", NULL },
	{ "number_neg_int_huge_exp", NULL },
	{ "number_pos_double_huge_exp", NULL },
	{ "number_real_neg_overflow", NULL },
	{ "number_real_pos_overflow", NULL },
	{ "number_real_underflow", NULL },
	{ "number_too_big_neg_int", NULL },
	{ "number_too_big_pos_int", NULL },
	{ "number_very_big_negative_int", NULL },
	{ "object_key_lone_2nd_surrogate", "an escape in a string is not one of JSON" },
	{ "string_1st_surrogate_but_2nd_missing", "an escape in a string is not one of JSON" },
	{ "string_1st_valid_surrogate_2nd_invalid", "an escape in a string is not one of JSON" },
	{ "string_UTF-16LE_with_BOM", "a value is expected" },
	{ "string_UTF-8_invalid_sequence", "the bytes are not UTF-8" },
	{ "string_UTF8_surrogate_U+D800", "the bytes are not UTF-8" },
	{ "string_incomplete_surrogate_and_escape_valid", "an escape in a string is not one of JSON" },
	{ "string_incomplete_surrogate_pair", "an escape in a string is not one of JSON" },
	{ "string_incomplete_surrogates_escape_valid", "an escape in a string is not one of JSON" },
	{ "string_invalid_lonely_surrogate", "an escape in a string is not one of JSON" },
	{ "string_invalid_surrogate", "an escape in a string is not one of JSON" },
	{ "string_invalid_utf-8", "the bytes are not UTF-8" },
	{ "string_inverted_surrogates_U+1D11E", "an escape in a string is not one of JSON" },
	{ "string_iso_latin_1", "the bytes are not UTF-8" },
	{ "string_lone_second_surrogate", "an escape in a string is not one of JSON" },
	{ "string_lone_utf8_continuation_byte", "the bytes are not UTF-8" },
	{ "string_not_in_unicode_range", "the bytes are not UTF-8" },
	{ "string_overlong_sequence_2_bytes", "the bytes are not UTF-8" },
	{ "string_overlong_sequence_6_bytes", "the bytes are not UTF-8" },
	{ "string_overlong_sequence_6_bytes_null", "the bytes are not UTF-8" },
	{ "string_truncated-utf-8", "the bytes are not UTF-8" },
	{ "string_utf16BE_no_BOM", "a value is expected" },
	{ "string_utf16LE_no_BOM", "a value is expected" },
	{ "structure_500_nested_arrays", "the document is nested deeper than 32 levels" },
	{ "structure_UTF-8_BOM_empty_object", "a value is expected" },
};
/* clang-format on */

static const struct choice *choice_of(const char *name)
{
	for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
		size_t len = strlen(choices[i].name);
		if (strncmp(name + 2, choices[i].name, len) == 0 &&
			strcmp(name + 2 + len, ".json") == 0)
			return &choices[i];
	}
	test_fail(__FILE__, __LINE__, "%s is not in the table of choices", name);
}

/* The text is put at the end of its own allocation, so that a read beyond it is seen. */
static bool judged(struct slice text, bool repeats, const char **ret_problem)
{
	struct arena arena;
	struct json json;
	char *copy = malloc(text.len + 1);
	EXPECT(copy != NULL);
	char *begin = copy + 1;
	memcpy(begin, text.ptr, text.len);
	arena_init(&arena, 16 << 20);
	json_init(&json, slice_make(begin, text.len), &arena);
	json.repeats = repeats;
	bool good = json_skip(&json, NULL) && json_end(&json);
	EXPECT(good == (json.problem == NULL));
	if (ret_problem != NULL)
		*ret_problem = json.problem;
	arena_release(&arena);
	free(copy);
	return good;
}

static bool taken(struct slice text)
{
	return judged(text, true, NULL);
}

struct counts {
	unsigned taken, refused, either, repeats;
};

static void judge_file(const char *folder, const char *name, char *text, struct counts *counts)
{
	char path[1024];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *file = fopen(path, "rb");
	if (file == NULL)
		test_fail(__FILE__, __LINE__, "%s cannot be opened", path);
	size_t len = fread(text, 1, SUITE_FILE_BYTES_MAX, file);
	fclose(file);
	const char *problem = NULL;
	bool good = judged(slice_make(text, len), true, &problem);
	if (name[0] == 'y' && !good)
		test_fail(__FILE__, __LINE__, "%s was refused", name);
	if (name[0] == 'n' && good)
		test_fail(__FILE__, __LINE__, "%s was taken", name);
	if (name[0] == 'y' && !judged(slice_make(text, len), false, NULL)) {
		EXPECT(strstr(name, "duplicated_key") != NULL);
		counts->repeats++;
	}
	if (name[0] == 'i') {
		const char *expected = choice_of(name)->problem;
		if (good != (expected == NULL))
			test_fail(
				__FILE__, __LINE__, "%s was %s", name, good ? "taken" : "refused");
		if (!good)
			EXPECT_TEXT(problem, expected);
	}
	counts->taken += name[0] == 'y';
	counts->refused += name[0] == 'n';
	counts->either += name[0] == 'i';
}

static void run_folder(const char *folder)
{
	struct counts counts = { 0 };
	DIR *dir = opendir(folder);
	if (dir == NULL)
		test_fail(__FILE__, __LINE__, "JSON_SUITE: %s cannot be opened", folder);
	char *text = malloc(SUITE_FILE_BYTES_MAX);
	EXPECT(text != NULL);
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
		if (entry->d_name[0] != '.')
			judge_file(folder, entry->d_name, text, &counts);
	free(text);
	closedir(dir);
	EXPECT_NUMBER(counts.taken, 95);
	EXPECT_NUMBER(counts.refused, 188);
	EXPECT_NUMBER(counts.repeats, 2);
	EXPECT_NUMBER(counts.either, sizeof(choices) / sizeof(choices[0]));
}

#define BYTES(literal)                                                                             \
	{                                                                                          \
		(literal), sizeof(literal) - 1                                                     \
	}

static const struct slice good[] = {
	BYTES("[[]   ]"),
	BYTES("[\"\"]"),
	BYTES("[]"),
	BYTES("[null, 1, \"1\", {}]"),
	BYTES("[1\n]"),
	BYTES(" [1]"),
	BYTES("[123e65]"),
	BYTES("[0e+1]"),
	BYTES("[0e1]"),
	BYTES("[ 4]"),
	BYTES("[-0]"),
	BYTES("[-123]"),
	BYTES("[1E22]"),
	BYTES("[1E-2]"),
	BYTES("[1E+2]"),
	BYTES("[123e45]"),
	BYTES("[123.456e78]"),
	BYTES("[123.456789]"),
	BYTES("{\"\":0}"),
	BYTES("{\"foo\\u0000bar\": 42}"),
	BYTES("{\"min\": -1.0e+28, \"max\": 1.0e+28}"),
	BYTES("[\"\\u0060\\u012a\\u12AB\"]"),
	BYTES("[\"\\uD801\\udc37\"]"),
	BYTES("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]"),
	BYTES("[\"\\\\u0000\"]"),
	BYTES("[\"a/*b*/c/*d//e\"]"),
	BYTES("[\"\xf4\x8f\xbf\xbf\"]"),
	BYTES("[\"\xef\xbf\xbf\"]"),
	BYTES("[\"\x7f\"]"),
	BYTES("\" \""),
	BYTES("-0.1"),
	BYTES("true"),
	BYTES("[\"\\uFFFF\"]"),
	BYTES("\t[true] \r\n"),
};

static const struct slice bad[] = {
	BYTES(""),
	BYTES(" "),
	BYTES("[1 true]"),
	BYTES("[a\xe5]"),
	BYTES("[\"\": 1]"),
	BYTES("[\"\"],"),
	BYTES("[,1]"),
	BYTES("[1,,2]"),
	BYTES("[\"x\"]]"),
	BYTES("[\"\",]"),
	BYTES("[\"x\""),
	BYTES("[3[ 4]]"),
	BYTES("[1:2]"),
	BYTES("[-]"),
	BYTES("[*]"),
	BYTES("[1,\n1\n,1"),
	BYTES("[fals]"),
	BYTES("[nul]"),
	BYTES("[tru]"),
	BYTES("123\0"),
	BYTES("[++1234]"),
	BYTES("[+1]"),
	BYTES("[-01]"),
	BYTES("[-1.0.]"),
	BYTES("[-2.]"),
	BYTES("[.-1]"),
	BYTES("[.2e-3]"),
	BYTES("[0.1.2]"),
	BYTES("[0.3e+]"),
	BYTES("[0.e1]"),
	BYTES("[0E]"),
	BYTES("[1 000.0]"),
	BYTES("[1eE2]"),
	BYTES("[2.e3]"),
	BYTES("[NaN]"),
	BYTES("[Inf]"),
	BYTES("[-Infinity]"),
	BYTES("[0x1]"),
	BYTES("[1+2]"),
	BYTES("[012]"),
	BYTES("[\xef\xbc\x91]"),
	BYTES("[\"x\", truth]"),
	BYTES("{\"x\", null}"),
	BYTES("{\"x\"::\"b\"}"),
	BYTES("{\"a\":\"a\" 123}"),
	BYTES("{\"a\" b}"),
	BYTES("{:\"b\"}"),
	BYTES("{\"a\":"),
	BYTES("{1:1}"),
	BYTES("{\"id\":0,,,,,}"),
	BYTES("{'a':0}"),
	BYTES("{\"id\":0,}"),
	BYTES("{\"a\":\"b\"}/**/"),
	BYTES("{\"a\":\"b\"}#"),
	BYTES("[\"\\uD800\\u\"]"),
	BYTES("[\"\\uD800\\u1x\"]"),
	BYTES("[\"\\x00\"]"),
	BYTES("[\"\\\\\\\"]"),
	BYTES("[\"\\a\"]"),
	BYTES("[\"\\u00A\"]"),
	BYTES("[\"\\\xe5\"]"),
	BYTES("[\"a\0a\"]"),
	BYTES("[\"new\nline\"]"),
	BYTES("\"\\UA66D\""),
	BYTES("<.>"),
	BYTES("[\xe2\x81\xa0]"),
	BYTES("\xef\xbb\xbf{}"),
	BYTES("[\f]"),
	BYTES("{\"a\":\"b\"}{}"),
	BYTES("[1]x"),
	BYTES("abc"),
	BYTES("\xef\xbb\xbf"),
	BYTES("{\"asd\":\"asd\""),
	BYTES("[\"asd]"),
	BYTES("True"),
	BYTES("\0"),
};

static void run_subset(void)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!taken(good[i]))
			test_fail(__FILE__, __LINE__, "%.*s was refused", SLICE_ARG(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (taken(bad[i]))
			test_fail(__FILE__, __LINE__, "%.*s was taken", SLICE_ARG(bad[i]));
}

TEST(the_scanner_takes_and_refuses_what_the_suite_says)
{
	const char *folder = getenv("JSON_SUITE");
	if (folder != NULL)
		run_folder(folder);
	else
		run_subset();
}

TEST(a_name_that_stands_twice_is_refused_unless_repeats_are_allowed)
{
	struct slice text = slice_of("{\"a\":1,\"b\":{\"c\":1,\"\\u0063\":1}}");
	EXPECT(judged(text, true, NULL));
	EXPECT(!judged(text, false, NULL));
}

/* 100,000 opening brackets must not need 100,000 stack frames. */
TEST(an_endless_nesting_is_refused)
{
	enum { BRACKETS = 100000 };
	char *text = malloc(BRACKETS);
	EXPECT(text != NULL);
	memset(text, '[', BRACKETS);
	EXPECT(!taken(slice_make(text, BRACKETS)));
	free(text);
}
