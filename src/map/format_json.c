/* JSON: the document is a record, or the elements of a list in it are. JSON with one document a
 * line is read line by line, so that a broken line costs only itself. */
#include "map/format.h"
#include "map/path.h"

#include <stdio.h>

struct json_reader {
	const struct format_options *options;
	struct arena *arena;
	const struct record_sink *sink;
	struct error *err;
	char where[64];
	struct slice raw; /* of the whole document */
	enum status stopped;
	bool found;
};

static void take_record(struct json_reader *r, struct value *record)
{
	struct slice raw = record->parent == NULL ? r->raw : record->source;
	size_t max = r->options->record_bytes_max;
	if (max > 0 && raw.len > max) {
		struct error why;
		error_set(&why, E_FULL, "the record has %zu bytes; at most %zu are allowed",
			raw.len, max);
		r->stopped = r->sink->bad(r->sink->context, r->where, &why, raw, r->err);
		return;
	}
	/* To a mapping the record is all there is. */
	record->parent = NULL;
	r->stopped = r->sink->take(r->sink->context, record, raw, r->err);
}

static bool take_list(void *context, struct value *value)
{
	struct json_reader *r = context;
	r->found = true;
	if (value->kind != VALUE_LIST) {
		take_record(r, value);
		return r->stopped == OK;
	}
	uint64_t number = 0;
	for (struct value *v = value->first, *next; v != NULL && r->stopped == OK; v = next) {
		next = v->next;
		snprintf(r->where, sizeof(r->where), "record %llu",
			(unsigned long long)number++ + 1);
		take_record(r, v);
	}
	return r->stopped == OK;
}

/* The first of the pointers that the document has says where its records are. */
static enum status take_document(struct json_reader *r, struct value *document)
{
	struct slice text = r->options->record;
	while (text.len > 0 && !r->found && r->stopped == OK) {
		struct path path;
		uint64_t budget = VALUE_NODES_MAX;
		struct slice pointer = slice_cut(text, ' ', &text);
		enum status s = path_parse(pointer, r->arena, &path, r->err);
		if (s != OK)
			return s;
		path_walk(&path, document, &budget, take_list, r);
	}
	if (!r->found)
		take_list(r, document);
	return r->stopped;
}

static enum status read_one(struct json_reader *r)
{
	struct value *document;
	struct error why;
	enum status s = value_read_json(r->raw, r->arena, &document, &why);
	if (s == OK)
		return take_document(r, document);
	return r->sink->bad(r->sink->context, r->where, &why, r->raw, r->err);
}

static enum status read_json(struct slice raw, const struct format_options *options,
	struct arena *arena, const struct record_sink *sink, struct error *err)
{
	struct json_reader r = { options, arena, sink, err, "byte 0", raw, OK, false };
	enum status s = read_one(&r);
	arena_reset(arena);
	return s;
}

static enum status read_ndjson(struct slice raw, const struct format_options *options,
	struct arena *arena, const struct record_sink *sink, struct error *err)
{
	enum status s = OK;
	for (uint64_t line = 1; raw.len > 0 && s == OK; line++) {
		struct json_reader r = { options, arena, sink, err, "", { 0 }, OK, false };
		r.raw = slice_cut(raw, '\n', &raw);
		if (r.raw.len > 0 && r.raw.ptr[r.raw.len - 1] == '\r')
			r.raw.len--;
		if (slice_trim(r.raw).len == 0)
			continue;
		snprintf(r.where, sizeof(r.where), "line %llu", (unsigned long long)line);
		s = read_one(&r);
		arena_reset(arena);
	}
	return s;
}

const struct format format_json = { "json", "One JSON document: a record, or a list of them.",
	read_json };
const struct format format_ndjson = { "ndjson", "A JSON document a line.", read_ndjson };
