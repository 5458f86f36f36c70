#include "retail/canonical.h"

#include "base/check.h"
#include "base/json.h"

#include <stdlib.h>

struct member {
	struct slice name;
	struct slice value;
};

static int by_name(const void *a, const void *b)
{
	return slice_compare(((const struct member *)a)->name, ((const struct member *)b)->name);
}

static const char *string_end(const char *p)
{
	for (p++; *p != '"'; p++)
		p += *p == '\\';
	return p + 1;
}

static const char *brackets_end(const char *p)
{
	unsigned depth = 0;
	do {
		if (*p == '"') {
			p = string_end(p);
			continue;
		}
		depth += *p == '{' || *p == '[';
		depth -= *p == '}' || *p == ']';
		p++;
	} while (depth > 0);
	return p;
}

/* A number, true, false or null. */
static const char *word_end(const char *p, const char *end)
{
	while (p < end && *p != ',' && *p != '}' && *p != ']' && (unsigned char)*p > ' ')
		p++;
	return p;
}

/* Steps over the next value. The text is known to be valid, so nothing is checked, and no memory
 * is needed however deep it is nested. */
static struct slice take_value(struct json *json)
{
	enum json_type type = json_peek(json);
	const char *start = json->at;
	if (type == JSON_STRING)
		json->at = string_end(start);
	else if (type == JSON_OBJECT || type == JSON_ARRAY)
		json->at = brackets_end(start);
	else
		json->at = word_end(start, json->end);
	return slice_make(start, (size_t)(json->at - start));
}

/* Counted first, so that the place for them is no larger than it must be. */
static size_t count_members(struct json json)
{
	struct slice name;
	size_t count = 0;
	for (json_object(&json); json_member(&json, &name); count++)
		take_value(&json);
	return count;
}

static enum status write_object(struct json *json, struct buf *buf)
{
	size_t size = count_members(*json), count = 0;
	struct member *members = arena_array(json->arena, struct member, size);
	if (members == NULL || !json_object(json))
		return E_FULL;
	while (count < size && json_member(json, &members[count].name))
		members[count++].value = take_value(json);
	if (json->problem != NULL)
		return E_FULL;
	if (count > 1)
		qsort(members, count, sizeof(*members), by_name);
	buf_char(buf, '{');
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buf_char(buf, ',');
		json_write_string(buf, members[i].name);
		buf_char(buf, ':');
		enum status s = canonical_write(members[i].value, json->arena, buf);
		if (s != OK)
			return s;
	}
	buf_char(buf, '}');
	return OK;
}

static enum status write_array(struct json *json, struct buf *buf)
{
	bool first = true;
	if (!json_array(json))
		return E_FULL;
	buf_char(buf, '[');
	while (json_element(json)) {
		if (!first)
			buf_char(buf, ',');
		first = false;
		enum status s = canonical_write(take_value(json), json->arena, buf);
		if (s != OK)
			return s;
	}
	buf_char(buf, ']');
	return json->problem == NULL ? OK : E_FULL;
}

/* The value is valid, so the scanner can only fail for memory. Recursion is bounded by
 * JSON_DEPTH_MAX, which the first scan has enforced. */
enum status canonical_write(struct slice value, struct arena *arena, struct buf *buf)
{
	struct json json;
	struct slice text;
	enum status s = OK;
	json_init(&json, value, arena);
	switch (json_peek(&json)) {
	case JSON_OBJECT:
		s = write_object(&json, buf);
		break;
	case JSON_ARRAY:
		s = write_array(&json, buf);
		break;
	case JSON_STRING:
		if (!json_string(&json, &text))
			return E_FULL;
		json_write_string(buf, text);
		break;
	case JSON_NUMBER:
	case JSON_TRUE:
	case JSON_FALSE:
	case JSON_NULL:
		buf_slice(buf, value);
		break;
	case JSON_NONE:
		return E_INPUT;
	}
	return s == OK && buf->failed ? E_FULL : s;
}
