/* Reads the fields of a mapping: objects, lists and what is kept as it came. */
#include "base/check.h"
#include "base/yaml.h"
#include "map/mapping_internal.h"

#include <stdio.h>

static enum status read_group_member(struct mapping_reader *r, const struct field *field,
	struct group *group, yaml_node_t *key, yaml_node_t *value)
{
	struct slice name = yaml_text(key);
	bool amounts = field->kind == FIELD_AMOUNTS;
	if (slice_is(name, "each")) {
		group->has_each = true;
		return read_path(r, value, &group->each);
	}
	if (slice_is(name, "where"))
		return read_conditions(r, value, &group->where);
	if (!amounts && slice_is(name, "fields"))
		return read_object(r, value, field->schema, true, &group->object);
	if (amounts && slice_is(name, "name"))
		return read_expression(r, value, &group->name);
	if (amounts && slice_is(name, "amount"))
		return read_expression(r, value, &group->amount);
	return unknown_key(
		r, key, "a list", amounts ? "each, where, name, amount" : "each, where, fields");
}

static enum status read_group(
	struct mapping_reader *r, const struct field *field, yaml_node_t *node, struct group *group)
{
	enum status s = OK;
	yaml_node_t *key, *value;
	if (node->type != YAML_MAPPING_NODE)
		return yaml_wrong(r->yaml, node, r->err,
			"%.*s: a list of {each: PATH, where: CONDITIONS, fields: ...} is expected",
			SLICE_ARG(field->name));
	group->line = yaml_line(node);
	for (unsigned i = 0; s == OK && yaml_pair(r->yaml, node, i, &key, &value); i++)
		s = read_group_member(r, field, group, key, value);
	if (s != OK)
		return s;
	bool complete = field->kind == FIELD_AMOUNTS ? group->name != NULL && group->amount != NULL
						     : group->object != NULL;
	if (!complete)
		return yaml_wrong(r->yaml, node, r->err, "%.*s: %s missing", SLICE_ARG(field->name),
			field->kind == FIELD_AMOUNTS ? "name or amount is" : "fields is");
	return OK;
}

/* One group, or a list of them. */
static enum status read_groups(struct mapping_reader *r, yaml_node_t *node, struct field_rule *rule)
{
	bool one = node->type == YAML_MAPPING_NODE;
	rule->group_count = one ? 1 : yaml_count(node);
	rule->groups = arena_array(&r->mapping->arena, struct group, rule->group_count + 1);
	if (rule->groups == NULL)
		return reader_full(r);
	enum status s = OK;
	for (uint32_t i = 0; i < rule->group_count && s == OK; i++) {
		yaml_node_t *item = node;
		if (!one)
			check(yaml_item(r->yaml, node, i, &item));
		s = read_group(r, rule->field, item, &rule->groups[i]);
	}
	if (s == OK && rule->group_count == 0)
		return yaml_wrong(r->yaml, node, r->err, "%.*s: the list of rules is empty",
			SLICE_ARG(rule->field->name));
	return s;
}

static enum status read_kept(struct mapping_reader *r, yaml_node_t *node, struct field_rule *rule)
{
	enum status s = OK;
	yaml_node_t *key, *value;
	if (node->type != YAML_MAPPING_NODE)
		return yaml_wrong(r->yaml, node, r->err,
			"%.*s: names with what is to be kept under them are expected",
			SLICE_ARG(rule->field->name));
	rule->kept = arena_array(&r->mapping->arena, struct kept, yaml_count(node) + 1);
	if (rule->kept == NULL)
		return reader_full(r);
	for (unsigned i = 0; s == OK && yaml_pair(r->yaml, node, i, &key, &value); i++) {
		struct kept *kept = &rule->kept[rule->kept_count++];
		s = read_text(r, key, "extensions", &kept->name);
		for (uint32_t k = 0; s == OK && k < i; k++)
			if (slice_equal(rule->kept[k].name, kept->name))
				s = yaml_wrong(r->yaml, key, r->err, "\"%.*s\" stands twice",
					SLICE_ARG(kept->name));
		if (s == OK)
			s = read_expression(r, value, &kept->expression);
	}
	return s;
}

static enum status read_field(struct mapping_reader *r, yaml_node_t *node, struct field_rule *rule)
{
	switch (rule->field->kind) {
	case FIELD_OBJECT:
		return read_object(r, node, rule->field->schema, false, &rule->object);
	case FIELD_LIST:
	case FIELD_AMOUNTS:
		return read_groups(r, node, rule);
	case FIELD_RAW:
		return read_kept(r, node, rule);
	default:
		return read_expression(r, node, &rule->expression);
	}
}

static void field_names(const struct schema *schema, char *text, size_t size)
{
	size_t used = 0;
	text[0] = '\0';
	for (unsigned i = 0; i < schema->field_count && used < size; i++) {
		int n = snprintf(text + used, size - used, "%s%.*s", i > 0 ? ", " : "",
			SLICE_ARG(schema->fields[i].name));
		used += n > 0 ? (size_t)n : 0;
	}
}

/* Fields that a document must have need a rule, but for those that a door may know, and the
 * numbers of items, which are counted. */
static enum status expect_required(
	struct mapping_reader *r, yaml_node_t *node, const struct object_rule *object)
{
	bool top = object->schema == &transaction_schema;
	for (unsigned i = 0; i < object->schema->field_count; i++) {
		const struct field *field = &object->schema->fields[i];
		if (!field->required || object->rules[i] != NULL)
			continue;
		if (top && (slice_is(field->name, "store") || slice_is(field->name, "register")))
			continue;
		if (object->numbered && slice_is(field->name, "number"))
			continue;
		return yaml_wrong(r->yaml, node, r->err,
			"%.*s is missing: a transaction must have it", SLICE_ARG(field->name));
	}
	return OK;
}

static enum status read_object_member(
	struct mapping_reader *r, struct object_rule *object, yaml_node_t *key, yaml_node_t *value)
{
	unsigned next = 0;
	struct slice name = yaml_text(key);
	const struct field *field =
		name.ptr == NULL ? NULL : schema_find(object->schema, name, &next);
	if (field == NULL) {
		char names[400];
		field_names(object->schema, names, sizeof(names));
		return unknown_key(r, key, "fields", names);
	}
	struct field_rule **slot = &object->rules[field - object->schema->fields];
	if (*slot != NULL)
		return yaml_wrong(
			r->yaml, key, r->err, "%.*s stands twice", SLICE_ARG(field->name));
	struct field_rule *rule = arena_new(&r->mapping->arena, struct field_rule);
	if (rule == NULL)
		return reader_full(r);
	rule->field = field;
	rule->line = yaml_line(key);
	*slot = rule;
	return read_field(r, value, rule);
}

enum status read_object(struct mapping_reader *r, yaml_node_t *node, const struct schema *schema,
	bool in_list, struct object_rule **ret_object)
{
	enum status s = OK;
	yaml_node_t *key, *value;
	unsigned next = 0;
	if (node->type != YAML_MAPPING_NODE)
		return yaml_wrong(
			r->yaml, node, r->err, "a mapping of fields to their rules is expected");
	struct object_rule *object = arena_new(&r->mapping->arena, struct object_rule);
	if (object == NULL)
		return reader_full(r);
	object->schema = schema;
	object->numbered = in_list && schema_find(schema, slice_of("number"), &next) != NULL;
	for (unsigned i = 0; s == OK && yaml_pair(r->yaml, node, i, &key, &value); i++)
		s = read_object_member(r, object, key, value);
	if (s == OK)
		s = expect_required(r, node, object);
	*ret_object = object;
	return s;
}
