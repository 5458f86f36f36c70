/* Dates and times as retail documents write them. All functions are pure. */
#pragma once

#include "base/buf.h"
#include "base/slice.h"

enum { DATE_TEXT_LEN = 10, TIME_TEXT_MAX = 32 };

/* A calendar day as the number yyyymmdd; 0 is no date. Years 1900 to 2999. */
typedef uint32_t date_t;

/* A point in time and the local offset it was written with. */
struct timestamp {
	int64_t ms;         /* since 1970-01-01T00:00:00Z */
	int16_t offset_min; /* minutes east of UTC */
	bool set;
};

/* "2026-11-23", a real day of the calendar, and nothing else. */
bool date_parse(struct slice text, date_t *ret_date);
void date_print(date_t date, char text[static DATE_TEXT_LEN + 1]);
/* Days since 1970-01-01 (negative before), for differences between days. */
int64_t date_to_days(date_t date);
date_t date_from_days(int64_t days);

/* RFC 3339 with offset: "2026-11-23T17:03:40+01:00", "...40.250Z". Seconds may be 60 (a leap
 * second counts as 59.999). Fractions beyond milliseconds are cut. */
bool timestamp_parse(struct slice text, struct timestamp *ret_time);
/* UTC with milliseconds: "2026-11-23T16:03:40.000Z"; returns the length. */
size_t timestamp_print_utc(int64_t ms, char text[static TIME_TEXT_MAX]);
/* With its own offset, milliseconds only when there are any; returns the length. */
size_t timestamp_print(struct timestamp time, char text[static TIME_TEXT_MAX]);
