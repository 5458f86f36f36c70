#include "books/gap.h"

#include "base/json.h"
#include "base/time.h"

enum { DESCRIBED_MAX = 12 };

void gap_encode(const struct gap *gap, struct buf *buf)
{
	char date[DATE_TEXT_LEN + 1];
	date_print(gap->business_date, date);
	buf_char(buf, '{');
	json_write_member(buf, "store", gap->store);
	json_write_member(buf, "register", gap->reg);
	json_write_member(buf, "business_date", slice_make(date, DATE_TEXT_LEN));
	json_write_name(buf, "missing");
	buf_char(buf, '[');
	for (uint32_t i = 0; i < gap->count; i++)
		buf_format(buf, "%s[%llu,%llu]", i > 0 ? "," : "",
			(unsigned long long)gap->ranges[i].first,
			(unsigned long long)gap->ranges[i].last);
	buf_text(buf, "]}");
}

static bool decode_number(struct json *json, uint64_t *ret_number)
{
	struct slice text;
	return json_element(json) && json_number(json, &text) && slice_to_u64(text, ret_number);
}

static bool decode_ranges(struct json *json, struct gap *gap)
{
	if (!json_array(json))
		return false;
	while (json_element(json)) {
		struct gap_range range;
		if (gap->count == GAP_RANGES_MAX || !json_array(json) ||
			!decode_number(json, &range.first) || !decode_number(json, &range.last) ||
			json_element(json) || range.first > range.last)
			return false;
		if (gap->count > 0 && gap->ranges[gap->count - 1].last >= range.first)
			return false;
		gap->ranges[gap->count++] = range;
	}
	return json->problem == NULL;
}

static bool decode(struct json *json, struct gap *gap)
{
	struct slice name, date = { NULL, 0 };
	if (!json_object(json))
		return false;
	while (json_member(json, &name)) {
		bool read = slice_is(name, "store")           ? json_string(json, &gap->store)
			    : slice_is(name, "register")      ? json_string(json, &gap->reg)
			    : slice_is(name, "business_date") ? json_string(json, &date)
			    : slice_is(name, "missing")       ? decode_ranges(json, gap)
							      : json_skip(json, NULL);
		if (!read)
			return false;
	}
	return json->problem == NULL && gap->store.ptr != NULL && gap->reg.ptr != NULL &&
	       date.ptr != NULL && date_parse(date, &gap->business_date);
}

enum status gap_decode(
	struct slice payload, struct arena *arena, struct gap *ret_gap, struct error *err)
{
	struct json json;
	struct slice copy = arena_copy(arena, payload);
	*ret_gap = (struct gap){ .count = 0 };
	if (copy.ptr == NULL)
		return error_set(err, E_FULL, "a gap event needs too much memory");
	json_init(&json, copy, arena);
	if (!decode(&json, ret_gap))
		return error_set(err, E_CORRUPT, "a gap event cannot be decoded at byte %zu",
			json_offset(&json));
	return OK;
}

uint64_t gap_numbers(const struct gap *gap)
{
	uint64_t count = 0;
	for (uint32_t i = 0; i < gap->count; i++)
		count += gap->ranges[i].last - gap->ranges[i].first + 1;
	return count;
}

void gap_describe(const struct gap *gap, uint64_t ranges, struct buf *buf)
{
	uint32_t shown = gap->count < DESCRIBED_MAX ? gap->count : DESCRIBED_MAX;
	for (uint32_t i = 0; i < shown; i++) {
		const struct gap_range *range = &gap->ranges[i];
		buf_format(buf, "%s%llu", i > 0 ? ", " : "", (unsigned long long)range->first);
		if (range->last > range->first)
			buf_format(buf, " to %llu", (unsigned long long)range->last);
	}
	if (ranges > shown)
		buf_format(buf, " and %llu more ranges", (unsigned long long)(ranges - shown));
}
