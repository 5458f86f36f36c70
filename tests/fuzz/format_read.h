/* Reads the input by a format and holds what it hands out to its contract: raw bytes lie in the
 * text, in order and without overlapping, and trees are whole. */
#pragma once

#include "base/check.h"
#include "fuzz.h"
#include "map/format.h"

struct fuzz_site {
	struct slice text;
	size_t at; /* behind the last part */
};

static void check_tree(const struct value *value, unsigned depth)
{
	uint32_t count = 0;
	check(depth <= VALUE_DEPTH_MAX);
	for (const struct value *v = value->first; v != NULL; v = v->next, count++) {
		check(v->parent == value && (v->next != NULL || v == value->last));
		check((v->name.ptr != NULL) == (value->kind == VALUE_OBJECT));
		check_tree(v, depth + 1);
	}
	check(count == value->count);
}

static void check_raw(struct fuzz_site *site, struct slice raw)
{
	size_t start = (size_t)(raw.ptr - site->text.ptr);
	check(start >= site->at && start + raw.len <= site->text.len);
	site->at = start + raw.len;
}

static enum status fuzz_take(
	void *context, struct value *record, struct slice raw, struct error *err)
{
	(void)err;
	check_raw(context, raw);
	check_tree(record, 0);
	return OK;
}

static enum status fuzz_bad(void *context, const char *where, const struct error *why,
	struct slice raw, struct error *err)
{
	(void)err;
	check(where[0] != '\0' && why->text[0] != '\0');
	check_raw(context, raw);
	return OK;
}

static inline void fuzz_format(
	const struct format *format, struct slice text, const struct format_options *options)
{
	struct fuzz_site site = { text, 0 };
	struct record_sink sink = { fuzz_take, fuzz_bad, &site };
	struct arena arena;
	struct error err = { OK, "" };
	arena_init(&arena, 8 << 20);
	enum status s = format->read(text, options, &arena, &sink, &err);
	check(s == OK || (s == E_INPUT && err.text[0] != '\0'));
	arena_release(&arena);
}
