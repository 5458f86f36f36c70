#include "base/zone.h"
#include "base/zone_rule.h"
#include "harness.h"

static int64_t utc(const char *text)
{
	struct timestamp time;
	EXPECT(timestamp_parse(slice_of(text), &time));
	return time.ms / 1000;
}

static struct zone *open_zone(const char *name)
{
	struct zone *zone = NULL;
	struct error err;
	EXPECT_OK(zone_open(slice_of(name), &zone, &err), err);
	return zone;
}

TEST(a_zone_has_its_offset_in_winter_summer_and_beyond_its_table)
{
	struct zone *berlin = open_zone("Europe/Berlin");
	EXPECT_NUMBER(zone_offset(berlin, utc("2025-01-15T12:00:00Z")), 3600);
	EXPECT_NUMBER(zone_offset(berlin, utc("2025-07-15T12:00:00Z")), 7200);
	EXPECT_NUMBER(zone_offset(berlin, utc("2025-03-30T00:59:59Z")), 3600);
	EXPECT_NUMBER(zone_offset(berlin, utc("2025-03-30T01:00:00Z")), 7200);
	EXPECT_NUMBER(zone_offset(berlin, utc("2091-07-15T12:00:00Z")), 7200);
	EXPECT_NUMBER(zone_offset(berlin, utc("2091-10-28T00:59:59Z")), 7200);
	EXPECT_NUMBER(zone_offset(berlin, utc("2091-10-28T01:00:00Z")), 3600);
	zone_close(berlin);
	struct zone *sydney = open_zone("Australia/Sydney");
	EXPECT_NUMBER(zone_offset(sydney, utc("2050-01-15T12:00:00Z")), 39600);
	EXPECT_NUMBER(zone_offset(sydney, utc("2050-07-15T12:00:00Z")), 36000);
	zone_close(sydney);
	struct zone *kolkata = open_zone("Asia/Kolkata");
	EXPECT_NUMBER(zone_offset(kolkata, utc("2025-07-15T12:00:00Z")), 19800);
	zone_close(kolkata);
}

TEST(a_local_time_becomes_a_moment)
{
	struct zone *berlin = open_zone("Europe/Berlin");
	EXPECT_NUMBER(
		zone_to_utc(berlin, utc("2025-07-15T12:00:00Z")), utc("2025-07-15T10:00:00Z"));
	/* Twice there, the first time counts. */
	EXPECT_NUMBER(
		zone_to_utc(berlin, utc("2025-10-26T02:30:00Z")), utc("2025-10-26T00:30:00Z"));
	/* Never there: read as if the clocks had not gone forward. */
	EXPECT_NUMBER(
		zone_to_utc(berlin, utc("2025-03-30T02:30:00Z")), utc("2025-03-30T01:30:00Z"));
	zone_close(berlin);
}

TEST(fixed_offsets_and_utc_need_no_file)
{
	struct zone *zone = open_zone("-03:30");
	EXPECT_NUMBER(zone_offset(zone, 0), -12600);
	zone_close(zone);
	zone = open_zone("UTC");
	EXPECT_NUMBER(zone_to_utc(zone, 1000), 1000);
	zone_close(zone);
}

TEST(a_name_that_is_no_zone_is_refused)
{
	static const char *const names[] = { "", "../../../etc/passwd", "/etc/localtime", "Europe",
		"Europe/Nowhere", "Europe/Ber lin", "+25:00", "zone.tab" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct zone *zone = NULL;
		struct error err;
		EXPECT_NUMBER(zone_open(slice_of(names[i]), &zone, &err), E_CONFIG);
		EXPECT(zone == NULL);
	}
}

TEST(a_rule_of_posix_is_read)
{
	static const char *const good[] = { "UTC0", "CET-1CEST,M3.5.0,M10.5.0/3", "<+0330>-3:30",
		"IST-1GMT0,M10.5.0,M3.5.0/1", "EST5EDT,J60,J300/-1", "AAA3BBB,59/23:59:59,300" };
	static const char *const bad[] = { "", "CE-1", "CET", "CET-1CEST",
		"CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M3.5.0", "CET-1CEST,M3.5.0,M10.5.0/3x",
		"CET-1CEST,M3.6.0,M10.5.0", "<CET-1", "CET-1CEST,J0,J3" };
	struct zone_rule rule;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!zone_rule_parse(slice_of(good[i]), &rule))
			test_fail(__FILE__, __LINE__, "refused: %s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (zone_rule_parse(slice_of(bad[i]), &rule))
			test_fail(__FILE__, __LINE__, "taken: %s", bad[i]);
}
