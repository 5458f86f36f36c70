/* The rule of a zone for all times behind its table: a TZ string of POSIX, as the last line of a
 * TZif file has it ("CET-1CEST,M3.5.0,M10.5.0/3"). */
#pragma once

#include "base/slice.h"

/* A day of each year and a local time on it. */
struct zone_change {
	char form; /* 'M': month, week and weekday; 'J': day 1 to 365, never 29 February;
		    * 'N': day 0 to 365 */
	unsigned month, week, day;
	int32_t time_s; /* of the local clock that is about to change; may be negative or beyond 24
			   h */
};

struct zone_rule {
	bool set, has_dst;
	int32_t standard_s, dst_s; /* east of UTC */
	struct zone_change begins, ends;
};

/* False when the text is no TZ string. */
bool zone_rule_parse(struct slice text, struct zone_rule *ret_rule);
/* Seconds east of UTC at this moment. */
int32_t zone_rule_offset(const struct zone_rule *rule, int64_t utc_s);
