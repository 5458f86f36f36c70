/* The doors there are, and what those that are called do with a message. */
#include "intake/door_erpnext.h"
#include "intake/door_folder.h"
#include "intake/door_kafka.h"
#include "intake/door_odoo.h"
#include "intake/door_shopify.h"
#include "intake/door_square.h"
#include "intake/door_standard.h"
#include "intake/mapper.h"

#include <stdio.h>

enum { TREE_BYTES_MAX = 64 << 20 };

const struct door_type *const door_types[] = { &door_standard, &door_square, &door_shopify,
	&door_odoo, &door_erpnext, &door_folder, &door_kafka, NULL };

const struct door_type *door_type_find(struct slice name)
{
	for (const struct door_type *const *type = door_types; *type != NULL; type++)
		if (slice_is(name, (*type)->name))
			return *type;
	return NULL;
}

/* One body while it is read. */
struct reading {
	struct mapper mapper;
	struct slice topic;
	struct batch *batch;
	uint32_t lines_max;
	struct door_found found;
};

static enum status room_for_line(const struct reading *r, struct error *err)
{
	if (batch_count(r->batch) < r->lines_max)
		return OK;
	return error_set(err, E_FULL, "the body has more than %u records", r->lines_max);
}

static enum status take(void *context, struct value *record, struct slice raw, struct error *err)
{
	struct reading *r = context;
	struct findings findings = { .count = 0 };
	enum mapping_verdict verdict = mapper_map(&r->mapper, record, raw, r->topic, &findings);
	if (verdict == SKIPPED) {
		r->found.skipped++;
		return OK;
	}
	enum status s = room_for_line(r, err);
	if (s == OK && mapper_add(&r->mapper, record, verdict, raw, &findings, r->batch) != OK)
		s = error_set(err, E_FULL, "the body takes too much memory");
	return s;
}

static enum status bad(void *context, const char *where, const struct error *why, struct slice raw,
	struct error *err)
{
	struct reading *r = context;
	char detail[ERROR_TEXT_MAX + 80];
	(void)raw;
	enum status s = room_for_line(r, err);
	snprintf(detail, sizeof(detail), "%s: %s", where, why->text);
	if (s == OK && batch_refuse(r->batch, PROBLEM_MALFORMED, detail, NULL) != OK)
		s = error_set(err, E_FULL, "the body takes too much memory");
	return s;
}

enum status door_read(const struct door_config *config, struct slice body, struct slice topic,
	uint32_t lines_max, struct batch *batch, struct door_found *ret_found, struct error *err)
{
	struct reading r = { .topic = topic, .batch = batch, .lines_max = lines_max };
	struct record_sink sink = { take, bad, &r };
	struct format_options options = mapper_format_options(config);
	struct arena tree;
	arena_init(&tree, TREE_BYTES_MAX);
	mapper_init(&r.mapper, config);
	enum status s = mapper_format(config)->read(body, &options, &tree, &sink, err);
	mapper_release(&r.mapper);
	arena_release(&tree);
	*ret_found = r.found;
	return s;
}
