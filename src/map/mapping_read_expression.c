/* Reads expressions and conditions of a mapping. */
#include "base/check.h"
#include "base/yaml.h"
#include "map/mapping_internal.h"

static const char *const source_names[] = {
	[SOURCE_FROM] = "from",
	[SOURCE_VALUE] = "value",
	[SOURCE_CONTEXT] = "context",
	[SOURCE_FIRST] = "first",
	[SOURCE_SUM] = "sum",
	[SOURCE_SUBTRACT] = "subtract",
	[SOURCE_MULTIPLY] = "multiply",
	[SOURCE_CONCAT] = "concat",
	[SOURCE_CHOOSE] = "choose",
	[SOURCE_POSITION] = "position",
	[SOURCE_FIND] = "find",
};

enum { SOURCES = sizeof(source_names) / sizeof(source_names[0]) };

static enum status read_items(
	struct mapping_reader *r, yaml_node_t *node, struct expression *expression)
{
	bool one = node->type != YAML_SEQUENCE_NODE;
	uint32_t count = one ? 1 : yaml_count(node);
	enum status s = OK;
	expression->items = arena_array(&r->mapping->arena, struct expression *, count + 1);
	if (expression->items == NULL)
		return reader_full(r);
	if (count == 0)
		return yaml_wrong(r->yaml, node, r->err, "%s: the list is empty", expression->name);
	for (uint32_t i = 0; s == OK && i < count; i++) {
		yaml_node_t *item = node;
		if (!one)
			check(yaml_item(r->yaml, node, i, &item));
		s = read_expression(r, item, &expression->items[i]);
		expression->item_count++;
	}
	return s;
}

static enum status read_context(
	struct mapping_reader *r, yaml_node_t *node, struct expression *expression)
{
	static const char *const names[] = { [CONTEXT_STORE] = "store",
		[CONTEXT_REGISTER] = "register",
		[CONTEXT_CURRENCY] = "currency",
		[CONTEXT_TOPIC] = "topic" };
	struct slice text = yaml_text(node);
	for (unsigned i = 0; text.ptr != NULL && i < sizeof(names) / sizeof(names[0]); i++)
		if (slice_is(text, names[i])) {
			expression->context = (enum context_name)i;
			return OK;
		}
	return yaml_wrong(r->yaml, node, r->err,
		"context: store, register, currency or topic is expected: what the door knows");
}

static enum status read_choice(struct mapping_reader *r, yaml_node_t *node, struct choice *choice)
{
	enum status s = OK;
	yaml_node_t *key, *value;
	if (node->type != YAML_MAPPING_NODE)
		return yaml_wrong(r->yaml, node, r->err,
			"choose: a list of {when: CONDITIONS, then: VALUE} and {else: VALUE} is "
			"expected");
	for (unsigned i = 0; s == OK && yaml_pair(r->yaml, node, i, &key, &value); i++) {
		struct slice name = yaml_text(key);
		if (slice_is(name, "when"))
			s = read_conditions(r, value, &choice->when);
		else if (slice_is(name, "then") || slice_is(name, "else"))
			s = read_expression(r, value, &choice->then);
		else
			s = yaml_wrong(
				r->yaml, key, r->err, "choose: when, then or else is expected");
	}
	if (s == OK && choice->then == NULL)
		s = yaml_wrong(r->yaml, node, r->err, "choose: then (or else) is missing");
	return s;
}

static enum status read_choices(
	struct mapping_reader *r, yaml_node_t *node, struct expression *expression)
{
	uint32_t count = node->type == YAML_SEQUENCE_NODE ? yaml_count(node) : 0;
	enum status s = OK;
	yaml_node_t *item;
	if (count == 0)
		return yaml_wrong(r->yaml, node, r->err,
			"choose: a list of {when: CONDITIONS, then: VALUE} is expected");
	expression->choices = arena_array(&r->mapping->arena, struct choice, count);
	if (expression->choices == NULL)
		return reader_full(r);
	for (unsigned i = 0; s == OK && yaml_item(r->yaml, node, i, &item); i++)
		s = read_choice(r, item, &expression->choices[expression->choice_count++]);
	return s;
}

static enum status read_find(
	struct mapping_reader *r, yaml_node_t *node, struct expression *expression)
{
	enum status s = OK;
	yaml_node_t *key, *value;
	struct find *find = arena_new(&r->mapping->arena, struct find);
	if (find == NULL)
		return reader_full(r);
	for (unsigned i = 0; s == OK && yaml_pair(r->yaml, node, i, &key, &value); i++) {
		struct slice name = yaml_text(key);
		if (slice_is(name, "in"))
			s = read_path(r, value, &find->in);
		else if (slice_is(name, "match"))
			s = read_path(r, value, &find->match);
		else if (slice_is(name, "take"))
			s = read_path(r, value, &find->take);
		else if (slice_is(name, "with"))
			s = read_expression(r, value, &find->with);
		else
			s = yaml_wrong(
				r->yaml, key, r->err, "find: in, match, with or take is expected");
	}
	if (s == OK && (find->in.text.ptr == NULL || find->match.text.ptr == NULL ||
			       find->take.text.ptr == NULL || find->with == NULL))
		s = yaml_wrong(r->yaml, node, r->err,
			"find: {in: LIST, match: PATH, with: VALUE, take: PATH} is expected");
	expression->find = find;
	return s;
}

static enum status read_from(
	struct mapping_reader *r, yaml_node_t *node, struct expression *expression)
{
	struct path_list paths;
	enum status s = read_paths(r, node, &paths);
	if (s == OK) {
		expression->paths = paths.items;
		expression->path_count = paths.count;
	}
	return s;
}

static enum status read_source(struct mapping_reader *r, yaml_node_t *key, yaml_node_t *value,
	struct expression *expression)
{
	struct slice name = yaml_text(key);
	unsigned source = 0;
	while (source < SOURCES && (name.ptr == NULL || !slice_is(name, source_names[source])))
		source++;
	if (source == SOURCES)
		return yaml_wrong(r->yaml, key, r->err,
			"an expression begins with from, value, context, first, sum, subtract, "
			"multiply, concat, choose, position or find, not with \"%.*s\"",
			name.ptr == NULL ? 0 : (int)name.len, name.ptr == NULL ? "" : name.ptr);
	expression->source = (enum source)source;
	expression->name = source_names[source];
	switch (expression->source) {
	case SOURCE_FROM:
		return read_from(r, value, expression);
	case SOURCE_VALUE:
		return read_text(r, value, "value", &expression->text);
	case SOURCE_CONTEXT:
		return read_context(r, value, expression);
	case SOURCE_FIRST:
	case SOURCE_SUM:
	case SOURCE_SUBTRACT:
	case SOURCE_MULTIPLY:
	case SOURCE_CONCAT:
		return read_items(r, value, expression);
	case SOURCE_CHOOSE:
		return read_choices(r, value, expression);
	case SOURCE_FIND:
		return read_find(r, value, expression);
	case SOURCE_POSITION:
		if (slice_is(yaml_text(value), "item"))
			return OK;
		return yaml_wrong(r->yaml, value, r->err,
			"position: item is expected: the item's place in its list, from 1");
	}
	return OK;
}

/* What a condition adds to an expression; everything before it is the expression. */
static bool is_test(struct slice name)
{
	return slice_is(name, "is") || slice_is(name, "not") || slice_is(name, "exists") ||
	       slice_is(name, "sign");
}

static enum status read_steps(struct mapping_reader *r, yaml_node_t *node, bool in_condition,
	struct expression *expression)
{
	enum status s = OK;
	yaml_node_t *key, *value;
	expression->steps = arena_array(&r->mapping->arena, struct step, yaml_count(node));
	if (expression->steps == NULL)
		return reader_full(r);
	for (unsigned i = 1; s == OK && yaml_pair(r->yaml, node, i, &key, &value); i++) {
		bool known;
		struct slice name = yaml_text(key);
		if (in_condition && is_test(name))
			continue;
		s = read_step(r, key, value, &expression->steps[expression->step_count], &known);
		if (s == OK && !known) {
			struct buf names;
			buf_init(&names, 4096);
			step_names(&names);
			buf_char(&names, '\0');
			s = yaml_wrong(r->yaml, key, r->err,
				"there is no step \"%.*s\"; known are: %s",
				name.ptr == NULL ? 0 : (int)name.len,
				name.ptr == NULL ? "" : name.ptr, names.ptr);
			buf_release(&names);
		}
		expression->step_count++;
	}
	return s;
}

static enum status read_pipeline(struct mapping_reader *r, yaml_node_t *node, bool in_condition,
	struct expression *expression)
{
	yaml_node_t *key, *value;
	if (node->type == YAML_SCALAR_NODE) {
		expression->source = SOURCE_FROM;
		expression->name = source_names[SOURCE_FROM];
		return read_from(r, node, expression);
	}
	if (!yaml_pair(r->yaml, node, 0, &key, &value))
		return yaml_wrong(r->yaml, node, r->err,
			"a path, or a mapping such as {from: PATH, table: NAME} is expected");
	enum status s = read_source(r, key, value, expression);
	return s == OK ? read_steps(r, node, in_condition, expression) : s;
}

static enum status read_one_expression(struct mapping_reader *r, yaml_node_t *node,
	bool in_condition, struct expression **ret_expression)
{
	struct expression *expression = arena_new(&r->mapping->arena, struct expression);
	if (expression == NULL)
		return reader_full(r);
	/* An alias may lead back to where it stands. */
	if (r->depth == MAPPING_DEPTH_MAX)
		return yaml_wrong(r->yaml, node, r->err,
			"expressions stand in each other more than %d deep", MAPPING_DEPTH_MAX);
	r->depth++;
	expression->line = yaml_line(node);
	enum status s = read_pipeline(r, node, in_condition, expression);
	r->depth--;
	*ret_expression = expression;
	return s;
}

enum status read_expression(
	struct mapping_reader *r, yaml_node_t *node, struct expression **ret_expression)
{
	return read_one_expression(r, node, false, ret_expression);
}

static enum status read_yes(
	struct mapping_reader *r, yaml_node_t *node, const char *what, bool *ret_yes)
{
	struct slice text = yaml_text(node);
	bool yes = text.ptr != NULL && (slice_is(text, "true") || slice_is(text, "yes"));
	if (!yes && (text.ptr == NULL || (!slice_is(text, "false") && !slice_is(text, "no"))))
		return yaml_wrong(r->yaml, node, r->err, "%s: true or false is expected", what);
	*ret_yes = yes;
	return OK;
}

static enum status read_sign(
	struct mapping_reader *r, yaml_node_t *node, struct condition *condition)
{
	static const char *const names[] = { [SIGN_NEGATIVE] = "negative",
		[SIGN_ZERO] = "zero",
		[SIGN_POSITIVE] = "positive",
		[SIGN_NONZERO] = "nonzero" };
	struct slice text = yaml_text(node);
	for (unsigned i = 0; text.ptr != NULL && i < sizeof(names) / sizeof(names[0]); i++)
		if (slice_is(text, names[i])) {
			condition->sign = (enum sign)i;
			return OK;
		}
	return yaml_wrong(
		r->yaml, node, r->err, "sign: negative, zero, positive or nonzero is expected");
}

static enum status read_test(
	struct mapping_reader *r, struct condition *condition, yaml_node_t *key, yaml_node_t *value)
{
	struct slice name = yaml_text(key);
	if (slice_is(name, "exists")) {
		condition->test = TEST_EXISTS;
		return read_yes(r, value, "exists", &condition->yes);
	}
	if (slice_is(name, "sign")) {
		condition->test = TEST_SIGN;
		return read_sign(r, value, condition);
	}
	condition->test = slice_is(name, "is") ? TEST_IS : TEST_NOT;
	return read_texts(r, value, &condition->values, &condition->value_count);
}

static enum status read_condition(
	struct mapping_reader *r, yaml_node_t *node, struct condition *condition)
{
	yaml_node_t *key, *value;
	unsigned tests = 0;
	if (!yaml_pair(r->yaml, node, 0, &key, &value))
		return yaml_wrong(r->yaml, node, r->err,
			"a condition such as {from: PATH, is: VALUE} is expected");
	if (slice_is(yaml_text(key), "any")) {
		condition->test = TEST_ANY;
		return read_conditions(r, value, &condition->any);
	}
	enum status s = OK;
	for (unsigned i = 0; s == OK && yaml_pair(r->yaml, node, i, &key, &value); i++) {
		if (!is_test(yaml_text(key)))
			continue;
		tests++;
		s = read_test(r, condition, key, value);
	}
	if (s == OK && tests != 1)
		s = yaml_wrong(r->yaml, node, r->err,
			"a condition has one of is, not, exists and sign; this one has %u", tests);
	return s == OK ? read_one_expression(r, node, true, &condition->expression) : s;
}

enum status read_conditions(
	struct mapping_reader *r, yaml_node_t *node, struct conditions *ret_conditions)
{
	bool one = node->type == YAML_MAPPING_NODE;
	struct conditions conditions = { .count = one ? 1 : yaml_count(node) };
	enum status s = OK;
	if (node->type == YAML_SCALAR_NODE || conditions.count == 0)
		return yaml_wrong(r->yaml, node, r->err,
			"a list of conditions such as {from: PATH, is: VALUE} is expected");
	if (r->depth == MAPPING_DEPTH_MAX)
		return yaml_wrong(r->yaml, node, r->err,
			"conditions stand in each other more than %d deep", MAPPING_DEPTH_MAX);
	conditions.items = arena_array(&r->mapping->arena, struct condition, conditions.count);
	if (conditions.items == NULL)
		return reader_full(r);
	r->depth++;
	for (uint32_t i = 0; s == OK && i < conditions.count; i++) {
		yaml_node_t *item = node;
		if (!one)
			check(yaml_item(r->yaml, node, i, &item));
		s = read_condition(r, item, &conditions.items[i]);
	}
	r->depth--;
	*ret_conditions = conditions;
	return s;
}
