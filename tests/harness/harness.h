/* The test harness. A test registers itself, runs in a process of its own, and is named after the
 * behaviour it states:
 *
 *     TEST(an_amount_without_digits_is_refused)
 *     {
 *             EXPECT(decimal_parse(slice_of("-"), &d) == DECIMAL_NOT_A_NUMBER);
 *     }
 *
 * A test fails when an EXPECT is false, when it crashes, when a sanitizer speaks, and after 300 s
 * (TEST_SECONDS in the environment).
 * A program ends with the line "N passed, N failed" and exits with 1 when one failed.
 * Arguments: names (or parts of names) of tests to run; --list. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct test {
	const char *name;
	void (*run)(void);
	struct test *next;
};

void test_register(struct test *test);
/* Ends the test: only for what makes the rest of it meaningless. */
_Noreturn void test_fail(const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void test_expect_text(const char *file, int line, const char *found, const char *expected);
void test_expect_number(
	const char *file, int line, const char *what, long long found, long long expected);

/* A new empty folder that goes away with the test program; the path ends without a slash. */
const char *test_folder(void);
/* The seed of a random test: TEST_SEED from the environment, or `fallback`. It is printed when
 * the test fails. */
uint64_t test_seed(uint64_t fallback);
/* How many rounds a random test runs: TEST_ROUNDS from the environment, or `fallback`. */
unsigned test_rounds(unsigned fallback);

#define TEST(title)                                                                                \
	static void test_##title(void);                                                            \
	__attribute__((constructor)) static void register_##title(void)                            \
	{                                                                                          \
		static struct test test = { .name = #title, .run = test_##title };                 \
		test_register(&test);                                                              \
	}                                                                                          \
	static void test_##title(void)

#define EXPECT(condition)                                                                          \
	((condition) ? (void)0 : test_fail(__FILE__, __LINE__, "expected: %s", #condition))
#define EXPECT_TEXT(found, expected) test_expect_text(__FILE__, __LINE__, (found), (expected))
#define EXPECT_NUMBER(found, expected)                                                             \
	test_expect_number(__FILE__, __LINE__, #found, (long long)(found), (long long)(expected))
/* For a call that returns enum status and fills `err`. */
#define EXPECT_OK(call, err)                                                                       \
	do {                                                                                       \
		if ((call) != OK)                                                                  \
			test_fail(__FILE__, __LINE__, "%s: %s", #call, (err).text);                \
	} while (0)
