#include "base/time.h"

#include "base/check.h"

#include <stdio.h>

enum { YEAR_MIN = 1900, YEAR_MAX = 2999 };

static bool digits(const char *p, size_t n, unsigned *ret_value)
{
	unsigned value = 0;
	for (size_t i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		value = value * 10 + (unsigned)(p[i] - '0');
	}
	*ret_value = value;
	return true;
}

static unsigned days_in_month(unsigned year, unsigned month)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return month == 2 && leap ? 29 : days[month - 1];
}

bool date_parse(struct slice text, date_t *ret_date)
{
	unsigned year, month, day;
	if (text.len != DATE_TEXT_LEN || text.ptr[4] != '-' || text.ptr[7] != '-')
		return false;
	if (!digits(text.ptr, 4, &year) || !digits(text.ptr + 5, 2, &month) ||
		!digits(text.ptr + 8, 2, &day))
		return false;
	if (year < YEAR_MIN || year > YEAR_MAX || month < 1 || month > 12 || day < 1 ||
		day > days_in_month(year, month))
		return false;
	*ret_date = year * 10000 + month * 100 + day;
	return true;
}

void date_print(date_t date, char text[static DATE_TEXT_LEN + 1])
{
	check(date <= 99991231);
	snprintf(text, DATE_TEXT_LEN + 1, "%04u-%02u-%02u", date / 10000 % 10000, date / 100 % 100,
		date % 100);
}

/* Days from civil, counted in eras of 400 years that begin in March (so that the leap day is the
 * last day of its year). */
int64_t date_to_days(date_t date)
{
	int64_t year = date / 10000, month = date / 100 % 100, day = date % 100;
	year -= month <= 2;
	int64_t era = year / 400, of_era = year % 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

date_t date_from_days(int64_t days)
{
	days += 719468;
	int64_t era = days / 146097, of_era = days % 146097;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	int64_t shifted = (5 * of_year + 2) / 153;
	int64_t day = of_year - (153 * shifted + 2) / 5 + 1;
	int64_t month = shifted < 10 ? shifted + 3 : shifted - 9;
	year += era * 400 + (month <= 2);
	return (date_t)(year * 10000 + month * 100 + day);
}

static bool parse_offset(struct slice text, int *ret_offset_min)
{
	unsigned hours, minutes;
	if (text.len == 1 && (text.ptr[0] == 'Z' || text.ptr[0] == 'z')) {
		*ret_offset_min = 0;
		return true;
	}
	if (text.len != 6 || (text.ptr[0] != '+' && text.ptr[0] != '-') || text.ptr[3] != ':')
		return false;
	if (!digits(text.ptr + 1, 2, &hours) || !digits(text.ptr + 4, 2, &minutes) || hours > 23 ||
		minutes > 59)
		return false;
	int offset = (int)(hours * 60 + minutes);
	*ret_offset_min = text.ptr[0] == '-' ? -offset : offset;
	return true;
}

bool timestamp_parse(struct slice text, struct timestamp *ret_time)
{
	date_t date;
	unsigned hour, minute, second, ms = 0;
	int offset_min;
	if (text.len < 20 || !date_parse(slice_make(text.ptr, DATE_TEXT_LEN), &date))
		return false;
	const char *p = text.ptr;
	if ((p[10] != 'T' && p[10] != 't') || p[13] != ':' || p[16] != ':')
		return false;
	if (!digits(p + 11, 2, &hour) || !digits(p + 14, 2, &minute) ||
		!digits(p + 17, 2, &second) || hour > 23 || minute > 59 || second > 60)
		return false;
	size_t at = 19;
	if (p[at] == '.') {
		unsigned weight = 100;
		size_t first = ++at;
		for (; at < text.len && p[at] >= '0' && p[at] <= '9'; at++) {
			ms += (unsigned)(p[at] - '0') * weight;
			weight /= 10;
		}
		if (at == first || at - first > 9)
			return false;
	}
	if (!parse_offset(slice_make(p + at, text.len - at), &offset_min))
		return false;
	if (second == 60) {
		second = 59;
		ms = 999;
	}
	int64_t local_s = date_to_days(date) * 86400 + hour * 3600 + minute * 60 + second;
	ret_time->ms = (local_s - (int64_t)offset_min * 60) * 1000 + ms;
	ret_time->offset_min = (int16_t)offset_min;
	ret_time->set = true;
	return true;
}

struct parts {
	date_t date;
	unsigned hour, minute, second, ms;
};

static struct parts split(int64_t ms)
{
	int64_t days = ms / 86400000, rest = ms % 86400000;
	if (rest < 0) {
		rest += 86400000;
		days--;
	}
	return (struct parts){ date_from_days(days), (unsigned)(rest / 3600000),
		(unsigned)(rest / 60000 % 60), (unsigned)(rest / 1000 % 60),
		(unsigned)(rest % 1000) };
}

size_t timestamp_print_utc(int64_t ms, char text[static TIME_TEXT_MAX])
{
	struct parts t = split(ms);
	date_print(t.date, text);
	int n = snprintf(text + DATE_TEXT_LEN, TIME_TEXT_MAX - DATE_TEXT_LEN,
		"T%02u:%02u:%02u.%03uZ", t.hour, t.minute, t.second, t.ms);
	return DATE_TEXT_LEN + (size_t)n;
}

size_t timestamp_print(struct timestamp time, char text[static TIME_TEXT_MAX])
{
	struct parts t = split(time.ms + (int64_t)time.offset_min * 60000);
	unsigned offset = (unsigned)(time.offset_min < 0 ? -time.offset_min : time.offset_min);
	char fraction[8] = "";
	if (t.ms != 0)
		snprintf(fraction, sizeof(fraction), ".%03u", t.ms % 1000);
	date_print(t.date, text);
	int n = snprintf(text + DATE_TEXT_LEN, TIME_TEXT_MAX - DATE_TEXT_LEN,
		"T%02u:%02u:%02u%s%c%02u:%02u", t.hour, t.minute, t.second, fraction,
		time.offset_min < 0 ? '-' : '+', offset / 60 % 24, offset % 60);
	return DATE_TEXT_LEN + (size_t)n;
}
