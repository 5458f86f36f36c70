#include "base/arena.h"
#include "base/crc32c.h"
#include "base/currency.h"
#include "base/decimal.h"
#include "base/hash.h"
#include "base/option.h"
#include "base/random.h"
#include "base/time.h"
#include "harness.h"

#include <stdlib.h>

static const char *printed(const char *text)
{
	static char out[DECIMAL_TEXT_MAX];
	struct decimal d;
	enum decimal_problem problem = decimal_parse(slice_of(text), &d);
	if (problem != DECIMAL_FINE)
		return decimal_problem_text(problem);
	decimal_print(d, out);
	return out;
}

TEST(a_decimal_prints_as_it_was_written)
{
	static const char *const texts[] = { "0", "2.550", "-12.50", "0.001", "-0.5", "100",
		"999999999999999999", "-999999999.999999999", "0.000000001" };
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		EXPECT_TEXT(printed(texts[i]), texts[i]);
}

TEST(what_is_no_decimal_is_refused_with_its_reason)
{
	static const char *const texts[] = { "", "-", "+1", "1.", ".5", "1..2", "1,5", "007", "NaN",
		"Infinity", "0x10", " 1", "1 ", "--1", "1-", "e5", "12a" };
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		EXPECT_TEXT(printed(texts[i]), decimal_problem_text(DECIMAL_NOT_A_NUMBER));
	EXPECT_TEXT(printed("1e5"), decimal_problem_text(DECIMAL_EXPONENT));
	EXPECT_TEXT(printed("1234567890123456789"), decimal_problem_text(DECIMAL_TOO_MANY_DIGITS));
	EXPECT_TEXT(printed("0.0000000001"), decimal_problem_text(DECIMAL_TOO_FINE));
}

static struct decimal dec(const char *text)
{
	struct decimal d = { 0 };
	EXPECT(decimal_parse(slice_of(text), &d) == DECIMAL_FINE);
	return d;
}

static const char *product(const char *a, const char *b, unsigned scale, enum rounding mode)
{
	static char out[TOTAL_TEXT_MAX];
	total_print(total_product(dec(a), dec(b), scale, mode), 0, out);
	return out;
}

TEST(products_are_rounded_by_the_stated_rule)
{
	EXPECT_TEXT(product("6", "2.55", 2, ROUND_HALF_UP), "15.3");
	EXPECT_TEXT(product("0.5", "0.01", 2, ROUND_HALF_UP), "0.01");
	EXPECT_TEXT(product("0.5", "0.01", 2, ROUND_HALF_EVEN), "0");
	EXPECT_TEXT(product("1.5", "0.01", 2, ROUND_HALF_EVEN), "0.02");
	EXPECT_TEXT(product("-0.5", "0.01", 2, ROUND_HALF_UP), "-0.01");
	EXPECT_TEXT(product("-0.59", "0.01", 2, ROUND_DOWN), "0");
	EXPECT_TEXT(product("999999999999999999", "999999999", 9, ROUND_HALF_UP),
		"999999998999999999000000001");
}

TEST(sums_of_many_scales_are_exact)
{
	struct total sum = total_zero();
	char out[TOTAL_TEXT_MAX];
	for (int i = 0; i < 1000; i++)
		sum = total_add(sum, total_of(dec("0.001")));
	sum = total_subtract(sum, total_of(dec("999999999999999999")));
	total_print(sum, 2, out);
	EXPECT_TEXT(out, "-999999999999999998.00");
	struct total again;
	EXPECT(total_parse(slice_of(out), &again) && total_compare(again, sum) == 0);
	EXPECT(!total_parse(slice_of("1.2.3"), &again));
	EXPECT(!total_parse(slice_of("-"), &again));
}

/* Once a sum of absurd quantities was written and could not be read again. */
TEST(every_sum_that_is_printed_can_be_read)
{
	struct total sum = total_of(dec("0.000000001")), again;
	char out[TOTAL_TEXT_MAX];
	for (int i = 0; i < 36; i++) {
		total_print(sum, 0, out);
		EXPECT(total_parse(slice_of(out), &again) && total_compare(again, sum) == 0);
		struct total ten = total_zero();
		for (int j = 0; j < 10; j++)
			ten = total_add(ten, sum);
		sum = total_add(ten, total_of(dec("-0.000000007")));
	}
	EXPECT(!total_parse(slice_of("999999999999999999999999999999999999999999"), &again));
}

TEST(decimals_compare_by_value)
{
	EXPECT(decimal_compare(dec("2.5"), dec("2.500")) == 0);
	EXPECT(decimal_compare(dec("-0.01"), dec("0")) < 0);
	EXPECT(decimal_normal(dec("2.500")).scale == 1);
}

TEST(currencies_know_their_minor_units)
{
	EXPECT_NUMBER(currency_minor_units(slice_of("EUR")), 2);
	EXPECT_NUMBER(currency_minor_units(slice_of("JPY")), 0);
	EXPECT_NUMBER(currency_minor_units(slice_of("BHD")), 3);
	EXPECT_NUMBER(currency_minor_units(slice_of("ZZZ")), -1);
	EXPECT_NUMBER(currency_minor_units(slice_of("eur")), -1);
	EXPECT_NUMBER(currency_minor_units(slice_of("")), -1);
}

TEST(dates_are_days_of_the_calendar)
{
	date_t date;
	EXPECT(date_parse(slice_of("2024-02-29"), &date) && date == 20240229);
	EXPECT(!date_parse(slice_of("2023-02-29"), &date));
	EXPECT(!date_parse(slice_of("2026-13-01"), &date));
	EXPECT(!date_parse(slice_of("2026-1-01"), &date));
	for (int64_t day = -20000; day < 60000; day++)
		EXPECT(date_to_days(date_from_days(day)) == day);
	EXPECT_NUMBER(date_to_days(19700101), 0);
}

TEST(times_keep_their_offset)
{
	struct timestamp t;
	char out[TIME_TEXT_MAX];
	EXPECT(timestamp_parse(slice_of("2026-11-23T17:03:40+01:00"), &t));
	timestamp_print(t, out);
	EXPECT_TEXT(out, "2026-11-23T17:03:40+01:00");
	timestamp_print_utc(t.ms, out);
	EXPECT_TEXT(out, "2026-11-23T16:03:40.000Z");
	EXPECT(timestamp_parse(slice_of("2026-11-23T00:30:00.25-03:30"), &t));
	timestamp_print(t, out);
	EXPECT_TEXT(out, "2026-11-23T00:30:00.250-03:30");
	EXPECT(!timestamp_parse(slice_of("2026-11-23T17:03:40"), &t));
	EXPECT(!timestamp_parse(slice_of("2026-11-23 17:03:40Z"), &t));
	EXPECT(!timestamp_parse(slice_of("2026-11-23T24:03:40Z"), &t));
	EXPECT(!timestamp_parse(slice_of("2026-11-23T17:03:40.Z"), &t));
}

TEST(an_arena_gives_zeroed_memory_up_to_its_limit)
{
	struct arena arena;
	arena_init(&arena, 200000);
	char *a = arena_alloc(&arena, 100000);
	EXPECT(a != NULL && a[99999] == 0);
	memset(a, 1, 100000);
	EXPECT(arena_alloc(&arena, 150000) == NULL);
	EXPECT(arena_alloc(&arena, 90000) != NULL);
	arena_reset(&arena);
	a = arena_alloc(&arena, 1000);
	EXPECT(a != NULL && a[999] == 0);
	EXPECT(slice_is(arena_format(&arena, "%d-%s", 7, "x"), "7-x"));
	arena_release(&arena);
}

TEST(a_full_buffer_fails_and_keeps_what_it_had)
{
	struct buf buf;
	buf_init(&buf, 8);
	buf_text(&buf, "12345");
	buf_text(&buf, "6789");
	EXPECT(buf.failed && slice_is(buf_get(&buf), "12345"));
	buf_reset(&buf);
	buf_u64(&buf, 18446744);
	EXPECT(!buf.failed && slice_is(buf_get(&buf), "18446744"));
	buf_release(&buf);
}

TEST(checksums_agree_with_published_vectors)
{
	unsigned char zeros[32] = { 0 };
	char hex[65];
	EXPECT_NUMBER(crc32c(0, zeros, 32), 0x8a9136aa); /* RFC 3720, B.4 */
	EXPECT_NUMBER(crc32c(0, "123456789", 9), 0xe3069283);
	EXPECT_NUMBER(crc32c(crc32c(0, "1234", 4), "56789", 5), 0xe3069283);
	struct hash hash = hash_of(slice_of("abc"));
	hash_hex(&hash, 32, hex);
	EXPECT_TEXT(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	struct hasher *hasher = hasher_open();
	hasher_add(hasher, "a", 1);
	hasher_add(hasher, "bc", 2);
	struct hash pieces = hasher_finish(hasher);
	EXPECT(memcmp(&pieces, &hash, sizeof(hash)) == 0);
	hasher_close(hasher);
}

struct sample {
	char *name;
	uint64_t port, size, wait_ms;
	bool on;
	unsigned kind;
};

static const char *const kinds[] = { "red", "blue", NULL };

static const struct option sample_options[] = {
	{ .name = "name",
		.type = OPTION_TEXT,
		.offset = offsetof(struct sample, name),
		.required = true,
		.min = 1,
		.max = 5,
		.help = "A name." },
	{ .name = "port",
		.type = OPTION_U64,
		.offset = offsetof(struct sample, port),
		.fallback = "80",
		.min = 1,
		.max = 65535,
		.help = "A port." },
	{ .name = "size",
		.type = OPTION_BYTES,
		.offset = offsetof(struct sample, size),
		.fallback = "8M",
		.help = "A size." },
	{ .name = "wait",
		.type = OPTION_DURATION,
		.offset = offsetof(struct sample, wait_ms),
		.fallback = "5s",
		.help = "A time." },
	{ .name = "on",
		.type = OPTION_BOOL,
		.offset = offsetof(struct sample, on),
		.fallback = "yes",
		.help = "A switch." },
	{ .name = "kind",
		.type = OPTION_CHOICE,
		.offset = offsetof(struct sample, kind),
		.fallback = "blue",
		.choices = kinds,
		.help = "A kind." },
	{ 0 },
};

static const char *set(struct sample *sample, const char *name, const char *value)
{
	static struct error err;
	err.text[0] = '\0';
	option_set(option_find(sample_options, slice_of(name)), sample, slice_of(value), &err);
	return err.text;
}

TEST(options_have_defaults_ranges_and_clear_errors)
{
	struct sample s = { 0 };
	struct error err;
	options_default(sample_options, &s);
	EXPECT(s.port == 80 && s.size == 8 << 20 && s.wait_ms == 5000 && s.on && s.kind == 1);
	EXPECT(options_complete(sample_options, &s, &err) == E_CONFIG);
	EXPECT_TEXT(err.text, "name is missing: A name.");
	EXPECT_TEXT(set(&s, "name", "till"), "");
	EXPECT_TEXT(set(&s, "name", "too long"), "name: has 8 characters; 1 to 5 are allowed");
	EXPECT_TEXT(set(&s, "port", "0"), "port: 0 is outside 1 to 65535");
	EXPECT_TEXT(set(&s, "port", "x"), "port: \"x\" is not a whole number");
	EXPECT_TEXT(set(&s, "wait", "250ms"), "");
	EXPECT_NUMBER(s.wait_ms, 250);
	EXPECT_TEXT(
		set(&s, "size", "9T"), "size: \"9T\" is not a size such as 65536, 64K, 8M or 2G");
	EXPECT_TEXT(set(&s, "on", "maybe"), "on: \"maybe\" is not yes or no");
	EXPECT_TEXT(set(&s, "kind", "green"), "kind: \"green\" is not one of red, blue");
	options_release(sample_options, &s);
}

TEST(a_seed_gives_the_same_numbers)
{
	struct random a, b;
	random_init(&a, 42);
	random_init(&b, 42);
	for (int i = 0; i < 1000; i++) {
		EXPECT(random_u64(&a) == random_u64(&b));
		EXPECT(random_below(&a, 7) < 7);
		random_below(&b, 7);
	}
}
