/* Reads a text by a format and writes down what came out: "{...}" for each record's tree as JSON
 * and "bad WHERE: WHY" for what is none, a line each. */
#pragma once

#include "base/json.h"
#include "harness.h"
#include "map/format.h"

struct site {
	struct buf seen;
	struct slice text;
	unsigned records, bad;
	unsigned stop_after; /* records; 0: never */
	size_t raw_bytes;
	struct slice last_raw;
	struct error err;
	enum status status;
	size_t arena_limit;
};

static void site_write(struct buf *buf, const struct value *value)
{
	if (value->kind == VALUE_TEXT) {
		json_write_string(buf, value->text);
		return;
	}
	bool list = value->kind == VALUE_LIST;
	uint32_t count = 0;
	buf_char(buf, list ? '[' : '{');
	for (const struct value *v = value->first; v != NULL; v = v->next, count++) {
		EXPECT(v->parent == value);
		EXPECT(v->next != NULL || value->last == v);
		if (count > 0)
			buf_char(buf, ',');
		if (!list) {
			json_write_string(buf, v->name);
			buf_char(buf, ':');
		}
		site_write(buf, v);
	}
	EXPECT_NUMBER(count, value->count);
	buf_char(buf, list ? ']' : '}');
}

static enum status site_take(
	void *context, struct value *record, struct slice raw, struct error *err)
{
	struct site *site = context;
	EXPECT(raw.ptr >= site->text.ptr && raw.ptr + raw.len <= site->text.ptr + site->text.len);
	site_write(&site->seen, record);
	buf_char(&site->seen, '\n');
	site->records++;
	site->raw_bytes += raw.len;
	site->last_raw = raw;
	if (site->records == site->stop_after)
		return error_set(err, E_STOPPED, "enough");
	return OK;
}

static enum status site_bad(void *context, const char *where, const struct error *why,
	struct slice raw, struct error *err)
{
	struct site *site = context;
	(void)err;
	EXPECT(raw.ptr >= site->text.ptr && raw.ptr + raw.len <= site->text.ptr + site->text.len);
	buf_format(&site->seen, "bad %s: %s\n", where, why->text);
	site->bad++;
	site->last_raw = raw;
	return OK;
}

/* Release with site_release(). */
static void site_read(struct site *site, const struct format *format, struct slice text,
	const struct format_options *options)
{
	struct arena arena;
	struct record_sink sink = { site_take, site_bad, site };
	size_t limit = site->arena_limit == 0 ? 8 << 20 : site->arena_limit;
	site->text = text;
	buf_init(&site->seen, 64 << 20);
	arena_init(&arena, limit);
	site->status = format->read(text, options, &arena, &sink, &site->err);
	buf_char(&site->seen, '\0');
	arena_release(&arena);
}

static inline void site_release(struct site *site)
{
	buf_release(&site->seen);
}
