/* Applies a mapping to one record: which variant it is, and the fields one after the other, in the
 * order of the contract. */
#include "base/json.h"
#include "map/mapping_internal.h"

#include <stdio.h>

/* Lengthens the pointer of the field at hand; gives back how long it was. */
static size_t enter(struct run *run, struct slice name)
{
	size_t len = strlen(run->pointer);
	snprintf(run->pointer + len, sizeof(run->pointer) - len, "/%.*s", SLICE_ARG(name));
	return len;
}

static size_t enter_item(struct run *run, uint32_t index)
{
	size_t len = strlen(run->pointer);
	snprintf(run->pointer + len, sizeof(run->pointer) - len, "/%u", index);
	return len;
}

static void leave(struct run *run, size_t len)
{
	run->pointer[len] = '\0';
}

static void write_name(struct run *run, struct slice name)
{
	json_write_comma(run->out);
	json_write_string(run->out, name);
	buf_char(run->out, ':');
}

/* "square.yaml:41: from, minor" */
static void describe(const struct run *run, const struct expression *e, struct buf *buf)
{
	buf_format(buf, "%s:%u: %s", run->mapping->path, e->line, e->name);
	for (uint32_t i = 0; i < e->step_count; i++)
		buf_format(buf, ", %s", e->steps[i].name);
}

/* Tells the trace about what was written to `out` from `start` on. */
static void report(struct run *run, const struct expression *e, const char *rule, size_t start)
{
	if (run->trace == NULL || run->trace->field == NULL || run->out->failed)
		return;
	struct buf from, text;
	buf_init(&from, 64 << 10);
	buf_init(&text, 8 << 10);
	for (uint32_t i = 0; i < run->source_count; i++) {
		buf_text(&from, i > 0 ? " " : "");
		value_pointer(run->sources[i], &from);
	}
	if (e != NULL)
		describe(run, e, &text);
	else
		buf_text(&text, rule);
	run->trace->field(run->trace->context, slice_of(run->pointer),
		slice_make(run->out->ptr + start, run->out->len - start), buf_get(&from),
		buf_get(&text));
	buf_release(&from);
	buf_release(&text);
}

/* Where a missing value should have stood: the first path that was tried. */
static void missing(struct run *run, const struct expression *e, struct here here)
{
	struct buf pointer;
	buf_init(&pointer, 4096);
	if (e != NULL && e->source == SOURCE_FIRST)
		e = e->items[0];
	if (e != NULL && e->path_count > 0) {
		const struct path *path = &e->paths[0];
		struct value *start = path->start == PATH_ROOT     ? run->root
				      : path->start == PATH_RECORD ? run->record
								   : here.value;
		for (unsigned i = 0; i < path->up && start != NULL; i++)
			start = start->parent;
		if (start != NULL)
			value_pointer(start, &pointer);
		for (unsigned i = 0; i < path->count; i++)
			buf_format(&pointer, "/%.*s", SLICE_ARG(path->steps[i]));
	} else if (here.value != NULL) {
		value_pointer(here.value, &pointer);
	}
	buf_char(&pointer, '\0');
	findings_add(run->findings, "mapping", true, pointer.failed ? "" : pointer.ptr,
		"is missing or empty; %s needs it%s", run->pointer,
		e == NULL ? ", and neither the mapping nor the door says what it is" : "");
	buf_release(&pointer);
}

static bool is_choice(const struct field *field, struct slice text)
{
	for (unsigned i = 0; field->choices[i] != NULL; i++)
		if (slice_is(text, field->choices[i]))
			return true;
	return false;
}

static enum outcome write_choice(struct run *run, const struct field *field, struct slice text)
{
	char names[150] = "";
	size_t used = 0;
	if (is_choice(field, text)) {
		json_write_string(run->out, text);
		return FOUND;
	}
	for (unsigned i = 0; field->choices[i] != NULL && used < sizeof(names); i++) {
		int n = snprintf(names + used, sizeof(names) - used, "%s%s", i > 0 ? ", " : "",
			field->choices[i]);
		used += n > 0 ? (size_t)n : 0;
	}
	return wrong_value(run, text, "expected one of %s", names);
}

static enum outcome write_number(struct run *run, const struct field *field, struct slice text)
{
	uint64_t number;
	if (!slice_to_u64(text, &number) || number < field->min || number > field->max)
		return wrong_value(run, text, "a whole number from %llu to %llu is expected",
			(unsigned long long)field->min, (unsigned long long)field->max);
	buf_u64(run->out, number);
	return FOUND;
}

static enum outcome write_bool(struct run *run, struct slice text)
{
	bool yes = slice_is(text, "true") || slice_is(text, "1") || slice_is(text, "yes");
	if (!yes && !slice_is(text, "false") && !slice_is(text, "0") && !slice_is(text, "no"))
		return wrong_value(run, text, "true or false is expected");
	buf_text(run->out, yes ? "true" : "false");
	return FOUND;
}

static enum outcome write_text(struct run *run, const struct field *field, struct slice text)
{
	if (text.len < field->min || (field->max > 0 && text.len > field->max))
		return wrong_value(run, text, "%llu to %llu bytes are expected, there are %zu",
			(unsigned long long)field->min, (unsigned long long)field->max, text.len);
	json_write_string(run->out, text);
	return FOUND;
}

static enum outcome write_scalar(struct run *run, const struct field *field, struct slice text)
{
	struct decimal d;
	struct timestamp time;
	date_t date;
	switch (field->kind) {
	case FIELD_NUMBER:
		return write_number(run, field, text);
	case FIELD_DECIMAL:
		if (!decimal_of(run, text, &d))
			return WRONG;
		json_write_string(run->out, text);
		return FOUND;
	case FIELD_DATE:
		if (!date_parse(text, &date))
			return wrong_value(run, text, "a date such as 2025-03-01 is expected");
		json_write_string(run->out, text);
		return FOUND;
	case FIELD_TIME:
		if (!timestamp_parse(text, &time))
			return wrong_value(
				run, text, "a time such as 2025-03-01T10:15:00+01:00 is expected");
		json_write_string(run->out, text);
		return FOUND;
	case FIELD_BOOL:
		return write_bool(run, text);
	case FIELD_CHOICE:
		return write_choice(run, field, text);
	default:
		return write_text(run, field, text);
	}
}

/* Writes `"name": value`; what could not be written leaves nothing behind. */
static bool write_member(struct run *run, const struct field *field, struct slice text,
	const struct expression *e, const char *rule)
{
	size_t before = run->out->len;
	write_name(run, field->name);
	size_t start = run->out->len;
	if (write_scalar(run, field, text) != FOUND) {
		run->out->len = before;
		return false;
	}
	report(run, e, rule, start);
	return true;
}

/* What the door knows wins over the record: an endpoint speaks for its own store. */
static struct slice door_value(
	const struct run *run, const struct object_rule *object, const struct field *field)
{
	if (object->schema == &transaction_schema) {
		if (slice_is(field->name, "store"))
			return run->context->store;
		if (slice_is(field->name, "register"))
			return run->context->reg;
		if (slice_is(field->name, "currency"))
			return run->context->currency;
	}
	return (struct slice){ 0 };
}

static bool write_expression_field(struct run *run, const struct object_rule *object,
	const struct field *field, const struct expression *e, struct here here)
{
	struct slice text = door_value(run, object, field);
	run->source_count = 0;
	if (text.len > 0)
		return write_member(run, field, text, NULL, "the door");
	enum outcome outcome = e == NULL ? ABSENT : evaluate(run, e, here, &text);
	if (outcome == ABSENT && field->required)
		missing(run, e, here);
	return outcome == FOUND && write_member(run, field, text, e, NULL);
}

/* Calls back for each item that a group leads to. */
struct items {
	struct run *run;
	const struct field_rule *rule;
	const struct group *group;
	void (*write)(struct items *items, struct here here);
	uint32_t written;  /* of all groups */
	uint32_t position; /* in this group */
};

static bool take_item(struct items *items, struct value *value)
{
	struct here here = { value, items->position + 1 };
	if (!conditions_hold(items->run, &items->group->where, here))
		return items->run->status == OK;
	items->position++;
	items->write(items, here);
	return items->run->status == OK && !items->run->out->failed;
}

static bool ends_with_star(const struct path *path)
{
	return path->count > 0 && slice_is(path->steps[path->count - 1], "*");
}

/* A list counts as its elements, unless it is itself one that "*" picked; one element alone, as XML
 * has it, counts as itself. */
static bool each_item(void *context, struct value *value)
{
	const struct items *items = context;
	if (value->kind == VALUE_NULL || (value->kind == VALUE_TEXT && value->text.len == 0)) {
		value->used = true;
		return true;
	}
	if (value->kind != VALUE_LIST || ends_with_star(&items->group->each))
		return take_item(context, value);
	for (struct value *v = value->first; v != NULL; v = v->next)
		if (!take_item(context, v))
			return false;
	return true;
}

static void walk_groups(struct items *items, struct here here)
{
	for (uint32_t i = 0; i < items->rule->group_count; i++) {
		items->group = &items->rule->groups[i];
		items->position = 0;
		if (items->group->has_each)
			walk_values(items->run, &items->group->each, here, each_item, items);
		else
			take_item(items, here.value);
	}
}

static void write_list_item(struct items *items, struct here here)
{
	struct run *run = items->run;
	bool written;
	size_t before = run->out->len, len = enter_item(run, items->written);
	if (items->written >= items->rule->field->max) {
		findings_add(run->findings, "mapping", true, "", "there are more than %llu %s",
			(unsigned long long)items->rule->field->max,
			items->rule->field->schema->plural);
		run->budget = 0;
		run_full(run);
		return;
	}
	json_write_comma(run->out);
	run_object(run, items->group->object, here, items->written + 1, &written);
	if (written)
		items->written++;
	else
		run->out->len = before;
	leave(run, len);
}

static void write_amount(struct items *items, struct here here)
{
	struct run *run = items->run;
	struct slice name, amount;
	struct decimal d;
	run->source_count = 0;
	if (evaluate(run, items->group->name, here, &name) != FOUND ||
		evaluate(run, items->group->amount, here, &amount) != FOUND ||
		!decimal_of(run, amount, &d))
		return;
	size_t len = enter(run, name);
	write_name(run, name);
	size_t start = run->out->len;
	json_write_string(run->out, amount);
	report(run, items->group->amount, NULL, start);
	leave(run, len);
	items->written++;
}

static bool write_groups(struct run *run, const struct field_rule *rule, struct here here)
{
	bool list = rule->field->kind == FIELD_LIST;
	struct items items = {
		.run = run, .rule = rule, .write = list ? write_list_item : write_amount
	};
	size_t before = run->out->len;
	write_name(run, rule->field->name);
	buf_char(run->out, list ? '[' : '{');
	walk_groups(&items, here);
	buf_char(run->out, list ? ']' : '}');
	if (items.written == 0)
		run->out->len = before;
	return items.written > 0;
}

/* A bare path keeps what it leads to as it is, anything else is a text. */
static bool write_kept_value(struct run *run, const struct expression *e, struct here here)
{
	struct slice text;
	if (e->source == SOURCE_FROM && e->step_count == 0) {
		for (uint32_t i = 0; i < e->path_count; i++) {
			struct value *value = find_value(run, &e->paths[i], here);
			if (value == NULL || value->kind == VALUE_NULL)
				continue;
			value->used = true;
			run->sources[run->source_count++] = value;
			value_write_json(value, run->out);
			return true;
		}
		return false;
	}
	if (evaluate(run, e, here, &text) != FOUND)
		return false;
	json_write_string(run->out, text);
	return true;
}

static bool write_kept(struct run *run, const struct field_rule *rule, struct here here)
{
	size_t before = run->out->len;
	bool any = false;
	write_name(run, rule->field->name);
	buf_char(run->out, '{');
	for (uint32_t i = 0; i < rule->kept_count; i++) {
		const struct kept *kept = &rule->kept[i];
		size_t back = run->out->len, len = enter(run, kept->name);
		run->source_count = 0;
		write_name(run, kept->name);
		size_t start = run->out->len;
		if (write_kept_value(run, kept->expression, here)) {
			report(run, kept->expression, NULL, start);
			any = true;
		} else {
			run->out->len = back;
		}
		leave(run, len);
	}
	buf_char(run->out, '}');
	if (!any)
		run->out->len = before;
	return any;
}

static bool write_nested(struct run *run, const struct field_rule *rule, struct here here)
{
	size_t before = run->out->len;
	bool written;
	uint32_t findings = run->findings->count, dropped = run->findings->dropped,
		 refusing = run->findings->refusing;
	write_name(run, rule->field->name);
	size_t start = run->out->len;
	run_object(run, rule->object, here, 0, &written);
	/* Nothing of an optional object is there: it is left out, whatever it would need. */
	if (run->out->len == start + 2 && !written && !rule->field->required) {
		run->findings->count = findings;
		run->findings->dropped = dropped;
		run->findings->refusing = refusing;
	}
	if (!written)
		run->out->len = before;
	return written;
}

static bool write_field(struct run *run, const struct object_rule *object, unsigned at,
	struct here here, uint32_t number)
{
	const struct field *field = &object->schema->fields[at];
	const struct field_rule *rule = object->rules[at];
	if (rule == NULL && object->numbered && slice_is(field->name, "number")) {
		char text[16];
		snprintf(text, sizeof(text), "%u", number);
		run->source_count = 0;
		return write_member(run, field, slice_of(text), NULL, "counted");
	}
	if (rule == NULL && object->schema == &transaction_schema &&
		slice_is(field->name, "numbering") && run->mapping->numbering.len > 0) {
		run->source_count = 0;
		return write_member(run, field, run->mapping->numbering, NULL, "numbering");
	}
	if (rule == NULL)
		return (field->required || door_value(run, object, field).len > 0) &&
		       write_expression_field(run, object, field, NULL, here);
	switch (field->kind) {
	case FIELD_OBJECT:
		return write_nested(run, rule, here);
	case FIELD_LIST:
	case FIELD_AMOUNTS:
		return write_groups(run, rule, here);
	case FIELD_RAW:
		return write_kept(run, rule, here);
	default:
		return write_expression_field(run, object, field, rule->expression, here);
	}
}

/* *ret_written is false when nothing but numbers of our own stands in it, or something that the
 * object must have is missing. */
void run_object(struct run *run, const struct object_rule *object, struct here here,
	uint32_t number, bool *ret_written)
{
	uint32_t refusing = run->findings->refusing;
	bool any = false;
	buf_char(run->out, '{');
	for (unsigned i = 0; i < object->schema->field_count && run->status == OK; i++) {
		size_t len = enter(run, object->schema->fields[i].name);
		bool written = write_field(run, object, i, here, number);
		any = any || (written && object->rules[i] != NULL);
		leave(run, len);
	}
	buf_char(run->out, '}');
	*ret_written = any && run->findings->refusing == refusing;
}

static bool mark_used(void *context, struct value *value)
{
	(void)context;
	value->used = true;
	for (struct value *v = value->first; v != NULL; v = v->next)
		mark_used(context, v);
	return true;
}

static void mark_ignored(struct run *run, const struct path_list *paths)
{
	struct here here = { .value = run->root };
	for (uint32_t i = 0; i < paths->count; i++)
		walk_values(run, &paths->items[i], here, mark_used, NULL);
}

static void report_unused(struct run *run, const struct value *value)
{
	if (value->used && value->first == NULL)
		return;
	if (value->kind == VALUE_LIST || value->kind == VALUE_OBJECT) {
		for (const struct value *v = value->first; v != NULL; v = v->next)
			report_unused(run, v);
		return;
	}
	if (value->kind == VALUE_NULL || (value->kind == VALUE_TEXT && value->text.len == 0))
		return;
	struct buf pointer, text;
	buf_init(&pointer, 64 << 10);
	buf_init(&text, MAPPING_RECORD_BYTES_MAX);
	value_pointer(value, &pointer);
	value_write_json(value, &text);
	run->trace->unused(run->trace->context, buf_get(&pointer), buf_get(&text));
	buf_release(&pointer);
	buf_release(&text);
}

/* The currency comes first: without it nobody knows what a minor unit is. */
static void find_currency(struct run *run)
{
	unsigned next = 0;
	struct here here = { .value = run->root };
	const struct field *field = schema_find(&transaction_schema, slice_of("currency"), &next);
	const struct field_rule *rule =
		run->variant->fields->rules[field - transaction_schema.fields];
	if (run->context->currency.len > 0)
		run->currency = run->context->currency;
	else if (rule != NULL && evaluate(run, rule->expression, here, &run->currency) != FOUND)
		run->currency = (struct slice){ 0 };
}

struct value *variant_root(struct run *run, const struct variant *variant)
{
	struct here record = { .value = run->record };
	struct value *root = variant->roots.count == 0 ? run->record : NULL;
	run->root = run->record;
	for (uint32_t i = 0; i < variant->roots.count && root == NULL; i++)
		root = find_value(run, &variant->roots.items[i], record);
	return root;
}

/* The variant whose root the record has and whose conditions hold; NULL: none. */
static const struct variant *choose_variant(struct run *run)
{
	struct here record = { .value = run->record };
	run->root = run->record;
	if (!conditions_hold(run, &run->mapping->when, record))
		return NULL;
	for (uint32_t i = 0; i < run->mapping->variant_count; i++) {
		const struct variant *variant = &run->mapping->variants[i];
		struct here root = { .value = variant_root(run, variant) };
		run->root = root.value;
		if (run->root != NULL && conditions_hold(run, &variant->when, root))
			return variant;
		run->root = run->record;
	}
	return NULL;
}

static enum status finish(struct run *run, bool written, enum mapping_verdict *ret_verdict)
{
	if (run->status != OK || run->out->failed)
		return E_FULL;
	bool good = written && run->findings->refusing == 0;
	if (!good && run->findings->refusing == 0)
		findings_add(
			run->findings, "mapping", true, "", "nothing of the record became a field");
	*ret_verdict = good ? MAPPED : UNMAPPED;
	if (run->trace != NULL && run->trace->unused != NULL) {
		mark_ignored(run, &run->mapping->ignore);
		mark_ignored(run, &run->variant->ignore);
		report_unused(run, run->record);
	}
	return OK;
}

enum status mapping_apply(const struct mapping *mapping, struct value *record,
	const struct mapping_context *context, struct arena *arena, struct buf *ret_document,
	enum mapping_verdict *ret_verdict, struct findings *findings,
	const struct mapping_trace *trace)
{
	struct run run = { .mapping = mapping,
		.context = context,
		.record = record,
		.arena = arena,
		.out = ret_document,
		.findings = findings,
		.trace = trace,
		.zone = context->zone != NULL ? context->zone : mapping->zone,
		.budget = MAPPING_WORK_MAX };
	bool written = false;
	run.variant = choose_variant(&run);
	if (run.status != OK)
		return run.status;
	if (run.variant == NULL) {
		*ret_verdict = SKIPPED;
		return OK;
	}
	struct findings again = *findings;
	find_currency(&run);
	*findings = again;
	struct here here = { .value = run.root };
	run_object(&run, run.variant->fields, here, 0, &written);
	return finish(&run, written, ret_verdict);
}
