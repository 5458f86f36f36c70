#include "base/zone_rule.h"

#include "base/time.h"

enum { DAY_S = 86400 };

struct reader {
	const char *at, *end;
};

static bool take(struct reader *r, char c)
{
	if (r->at == r->end || *r->at != c)
		return false;
	r->at++;
	return true;
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "CET" or "<+03>". */
static bool take_name(struct reader *r)
{
	const char *start = r->at;
	if (take(r, '<')) {
		while (r->at < r->end && *r->at != '>')
			r->at++;
		return take(r, '>');
	}
	while (r->at < r->end && is_letter(*r->at))
		r->at++;
	return r->at - start >= 3;
}

static bool take_number(struct reader *r, unsigned max, unsigned *ret_number)
{
	unsigned number = 0;
	const char *start = r->at;
	for (; r->at < r->end && is_digit(*r->at) && r->at - start < 4; r->at++)
		number = number * 10 + (unsigned)(*r->at - '0');
	*ret_number = number;
	return r->at > start && number <= max;
}

/* "[+-]hh[:mm[:ss]]" in seconds. */
static bool take_time(struct reader *r, int32_t *ret_s)
{
	unsigned hours, minutes = 0, seconds = 0;
	bool negative = take(r, '-');
	if (!negative)
		take(r, '+');
	if (!take_number(r, 167, &hours))
		return false;
	if (take(r, ':') && !take_number(r, 59, &minutes))
		return false;
	if (r->at > r->end - 1 || *r->at != ':') {
		seconds = 0;
	} else {
		r->at++;
		if (!take_number(r, 59, &seconds))
			return false;
	}
	int32_t total = (int32_t)(hours * 3600 + minutes * 60 + seconds);
	*ret_s = negative ? -total : total;
	return true;
}

static bool take_month_form(struct reader *r, struct zone_change *change)
{
	return take_number(r, 12, &change->month) && change->month >= 1 && take(r, '.') &&
	       take_number(r, 5, &change->week) && change->week >= 1 && take(r, '.') &&
	       take_number(r, 6, &change->day);
}

static bool take_change(struct reader *r, struct zone_change *change)
{
	*change = (struct zone_change){ .form = 'N', .time_s = 2 * 3600 };
	if (!take(r, ','))
		return false;
	if (take(r, 'M')) {
		change->form = 'M';
		if (!take_month_form(r, change))
			return false;
	} else {
		if (take(r, 'J'))
			change->form = 'J';
		if (!take_number(r, 365, &change->day) || (change->form == 'J' && change->day == 0))
			return false;
	}
	return !take(r, '/') || take_time(r, &change->time_s);
}

bool zone_rule_parse(struct slice text, struct zone_rule *ret_rule)
{
	struct reader r = { text.ptr, text.ptr + text.len };
	struct zone_rule rule = { .set = true };
	/* POSIX counts west of Greenwich. */
	if (!take_name(&r) || !take_time(&r, &rule.standard_s))
		return false;
	rule.standard_s = -rule.standard_s;
	if (r.at < r.end) {
		rule.has_dst = true;
		rule.dst_s = rule.standard_s + 3600;
		if (!take_name(&r))
			return false;
		if (r.at < r.end && *r.at != ',') {
			if (!take_time(&r, &rule.dst_s))
				return false;
			rule.dst_s = -rule.dst_s;
		}
		if (!take_change(&r, &rule.begins) || !take_change(&r, &rule.ends))
			return false;
	}
	if (r.at != r.end)
		return false;
	*ret_rule = rule;
	return true;
}

static bool is_leap(unsigned year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int64_t day_of_month_form(const struct zone_change *change, unsigned year)
{
	int64_t first = date_to_days(year * 10000 + change->month * 100 + 1);
	int64_t next = change->month == 12
			       ? date_to_days((year + 1) * 10000 + 101)
			       : date_to_days(year * 10000 + (change->month + 1) * 100 + 1);
	/* 1970-01-01 was a Thursday, day 4 of its week. */
	int64_t weekday = ((first + 4) % 7 + 7) % 7;
	int64_t day = first + (change->day + 7 - weekday) % 7 + 7 * ((int64_t)change->week - 1);
	return day >= next ? day - 7 : day;
}

/* When the change happens in this year, on the local clock that it ends. */
static int64_t change_local_s(const struct zone_change *change, unsigned year)
{
	int64_t day;
	if (change->form == 'M')
		day = day_of_month_form(change, year);
	else if (change->form == 'J')
		day = date_to_days(year * 10000 + 101) + change->day - 1 +
		      (is_leap(year) && change->day >= 60);
	else
		day = date_to_days(year * 10000 + 101) + change->day;
	return day * DAY_S + change->time_s;
}

int32_t zone_rule_offset(const struct zone_rule *rule, int64_t utc_s)
{
	if (!rule->has_dst)
		return rule->standard_s;
	int64_t local_s = utc_s + rule->standard_s;
	int64_t days = local_s / DAY_S - (local_s % DAY_S < 0);
	unsigned year = date_from_days(days) / 10000;
	int64_t begins = change_local_s(&rule->begins, year) - rule->standard_s;
	int64_t ends = change_local_s(&rule->ends, year) - rule->dst_s;
	bool dst =
		begins < ends ? utc_s >= begins && utc_s < ends : utc_s >= begins || utc_s < ends;
	return dst ? rule->dst_s : rule->standard_s;
}
