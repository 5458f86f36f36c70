/* What is kept of a record's bytes: all of them, but for what the mapping calls personal. */
#include "map/mapping_internal.h"

#include <stdlib.h>

/* The byte ranges of `raw` that are to be replaced. */
struct removal {
	struct run *run;
	struct slice raw;
	struct buf *ranges; /* of struct slice */
	bool json;          /* else values have no bytes of their own */
	bool found;         /* something personal that is not removed */
};

static bool remove_value(void *context, struct value *value)
{
	struct removal *removal = context;
	if (!removal->json) {
		removal->found |= value->text.len > 0 || value->count > 0;
		return true;
	}
	if (value->source.ptr == NULL || value->kind == VALUE_NULL)
		return true;
	if (value->source.ptr >= removal->raw.ptr &&
		value->source.ptr + value->source.len <= removal->raw.ptr + removal->raw.len)
		buf_append(removal->ranges, &value->source, sizeof(value->source));
	return true;
}

static int compare_ranges(const void *a, const void *b)
{
	const struct slice *x = a, *y = b;
	return (x->ptr > y->ptr) - (x->ptr < y->ptr);
}

static void write_kept_bytes(struct slice raw, struct buf *ranges, struct buf *out)
{
	struct slice *items = (struct slice *)(void *)ranges->ptr;
	size_t count = ranges->len / sizeof(*items);
	const char *at = raw.ptr;
	qsort(items, count, sizeof(*items), compare_ranges);
	for (size_t i = 0; i < count; i++) {
		/* Something in what is removed already. */
		if (items[i].ptr < at)
			continue;
		buf_append(out, at, (size_t)(items[i].ptr - at));
		buf_text(out, "\"removed\"");
		at = items[i].ptr + items[i].len;
	}
	buf_append(out, at, (size_t)(raw.ptr + raw.len - at));
}

static void remove_all(struct removal *removal, const struct path_list *paths, struct value *root)
{
	struct here here = { .value = root };
	for (uint32_t i = 0; i < paths->count; i++)
		walk_values(removal->run, &paths->items[i], here, remove_value, removal);
}

enum status mapping_keep(const struct mapping *mapping, struct value *record, struct slice raw,
	struct buf *buf, struct slice *ret_kept, bool *ret_personal)
{
	struct run run = { .mapping = mapping, .record = record, .budget = MAPPING_WORK_MAX };
	struct buf ranges;
	buf_init(&ranges, VALUE_NODES_MAX * sizeof(struct slice));
	struct removal removal = { &run, raw, &ranges,
		mapping->format == &format_json || mapping->format == &format_ndjson, false };
	run.root = record;
	remove_all(&removal, &mapping->personal, record);
	/* Every variant's: which of them it was makes no difference to whose names stand in it. */
	for (uint32_t i = 0; i < mapping->variant_count; i++) {
		const struct variant *variant = &mapping->variants[i];
		run.root = variant_root(&run, variant);
		if (run.root != NULL)
			remove_all(&removal, &variant->personal, run.root);
	}
	if (ranges.len == 0) {
		*ret_kept = raw;
	} else {
		write_kept_bytes(raw, &ranges, buf);
		*ret_kept = buf_get(buf);
	}
	*ret_personal = removal.found;
	bool failed = ranges.failed || buf->failed || run.status != OK;
	buf_release(&ranges);
	return failed ? E_FULL : OK;
}
