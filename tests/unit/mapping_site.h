/* Maps a JSON document with a mapping given as text, and says what came out: the document, or
 * "skipped", or the findings a line each, or the mapping's own error. */
#pragma once

#include "harness.h"
#include "map/mapping.h"

#include <stdio.h>

struct mapping_site {
	struct mapping_context context;
	struct buf document, seen, fields;
	enum mapping_verdict verdict;
	bool personal;     /* what is kept tells who the customer is */
	struct slice kept; /* of the record's bytes */
	struct buf kept_buf;
	bool traced;
};

static void site_field(
	void *context, struct slice field, struct slice value, struct slice from, struct slice rule)
{
	struct mapping_site *site = context;
	buf_format(&site->fields, "%.*s=%.*s<-%.*s [%.*s]\n", SLICE_ARG(field), SLICE_ARG(value),
		SLICE_ARG(from), SLICE_ARG(rule));
}

static void site_unused(void *context, struct slice pointer, struct slice value)
{
	struct mapping_site *site = context;
	buf_format(&site->fields, "unused %.*s %.*s\n", SLICE_ARG(pointer), SLICE_ARG(value));
}

static void site_findings(struct mapping_site *site, const struct findings *findings)
{
	for (uint32_t i = 0; i < findings->count; i++)
		buf_format(&site->seen, "%s: %s\n", findings->items[i].pointer,
			findings->items[i].detail);
}

/* A text that ends with a zero. */
static const char *site_text(struct buf *buf)
{
	buf_char(buf, '\0');
	EXPECT(!buf->failed);
	return buf->ptr;
}

static const char *site_apply(
	struct mapping_site *site, const struct mapping *mapping, const char *json)
{
	struct arena arena;
	struct error err;
	struct value *record;
	struct findings findings = { .count = 0 };
	const struct mapping_trace trace = { site_field, site_unused, site };
	arena_init(&arena, 16 << 20);
	EXPECT_OK(value_read_json(slice_of(json), &arena, &record, &err), err);
	enum status s = mapping_apply(mapping, record, &site->context, &arena, &site->document,
		&site->verdict, &findings, site->traced ? &trace : NULL);
	if (s != OK)
		buf_format(&site->seen, "status %s", status_name(s));
	else if (site->verdict == SKIPPED)
		buf_text(&site->seen, "skipped");
	else if (site->verdict == UNMAPPED)
		site_findings(site, &findings);
	else
		buf_slice(&site->seen, buf_get(&site->document));
	if (s == OK && site->verdict == MAPPED)
		EXPECT_NUMBER(mapping_keep(mapping, record, slice_of(json), &site->kept_buf,
				      &site->kept, &site->personal),
			OK);
	arena_release(&arena);
	return site_text(&site->seen);
}

static const char *site_map(struct mapping_site *site, const char *yaml, const char *json)
{
	struct mapping *mapping = NULL;
	struct error err;
	buf_init(&site->document, 1 << 20);
	buf_init(&site->seen, 1 << 20);
	buf_init(&site->fields, 1 << 20);
	buf_init(&site->kept_buf, 1 << 20);
	if (mapping_open("t.yaml", slice_of(yaml), &mapping, &err) != OK) {
		buf_text(&site->seen, err.text);
		return site_text(&site->seen);
	}
	const char *seen = site_apply(site, mapping, json);
	mapping_close(mapping);
	return seen;
}

static void site_close(struct mapping_site *site)
{
	buf_release(&site->document);
	buf_release(&site->seen);
	buf_release(&site->fields);
	buf_release(&site->kept_buf);
}
