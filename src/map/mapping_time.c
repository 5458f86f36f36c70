/* Times of a source as RFC 3339, and the business date that a time is on. */
#include "map/mapping_internal.h"

#include <stdio.h>

/* "2025-03-01 10:15:00.250", the offset missing, as if it were UTC. */
static bool parse_without_offset(struct slice text, struct timestamp *ret_time)
{
	char with_offset[48];
	if (text.len < 16 || text.len > 32)
		return false;
	bool seconds = text.len > 16;
	int n = snprintf(
		with_offset, sizeof(with_offset), "%.*s%sZ", SLICE_ARG(text), seconds ? "" : ":00");
	if (with_offset[10] == ' ')
		with_offset[10] = 'T';
	return timestamp_parse(slice_make(with_offset, (size_t)n), ret_time);
}

/* Offsets are also written "+0100" and behind a space. */
static bool parse_with_offset(struct slice text, struct timestamp *ret_time)
{
	char copy[48];
	size_t len = 0;
	if (text.len < 17 || text.len > 40)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == ' ' && i > 10)
			continue;
		copy[len++] = i == 10 && text.ptr[i] == ' ' ? 'T' : text.ptr[i];
	}
	if (len > 5 && (copy[len - 5] == '+' || copy[len - 5] == '-')) {
		memmove(copy + len - 1, copy + len - 2, 2);
		copy[len - 2] = ':';
		len++;
	}
	return timestamp_parse(slice_make(copy, len), ret_time);
}

static void move_to_zone(const struct zone *zone, struct timestamp *time)
{
	int64_t utc_s = time->ms / 1000 - (time->ms % 1000 < 0);
	time->offset_min = (int16_t)(zone_offset(zone, utc_s) / 60);
}

static enum outcome parse_time(
	struct run *run, const struct step *step, struct slice text, struct timestamp *ret_time)
{
	if (!parse_with_offset(text, ret_time)) {
		if (!parse_without_offset(text, ret_time))
			return wrong_value(
				run, text, "a time such as 2025-03-01T10:15:00+01:00 is expected");
		if (step->clock == CLOCK_NONE)
			return wrong_value(run, text,
				"it has no offset; %s: utc or local says what is meant",
				step->name);
		if (step->clock == CLOCK_LOCAL) {
			if (run->zone == NULL)
				return wrong_value(
					run, text, "time_zone must say where this local time is");
			int64_t seconds = ret_time->ms / 1000, ms = ret_time->ms % 1000;
			ret_time->ms = zone_to_utc(run->zone, seconds) * 1000 + ms;
		}
	}
	/* Where the store is, is where its days begin and end. */
	if (run->zone != NULL)
		move_to_zone(run->zone, ret_time);
	return FOUND;
}

enum outcome step_time(struct run *run, const struct step *step, struct slice *text)
{
	struct timestamp time = { 0 };
	char printed[TIME_TEXT_MAX];
	date_t date;
	if (step->kind == STEP_DATE && date_parse(*text, &date))
		return FOUND;
	if (parse_time(run, step, *text, &time) != FOUND)
		return WRONG;
	size_t len = timestamp_print(time, printed);
	/* The local day is what the local time begins with. */
	if (step->kind == STEP_DATE)
		len = DATE_TEXT_LEN;
	return keep_text(run, slice_make(printed, len), text) ? FOUND : WRONG;
}
