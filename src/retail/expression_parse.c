#include "retail/expression_internal.h"
#include "retail/expression_lexer.h"

#include <stdarg.h>
#include <stdio.h>

struct parser {
	struct slice source;
	size_t at;
	struct token token; /* the one that comes next */
	struct arena *arena;
	struct expression_fault *fault;
	enum status status;
	unsigned depth, nodes;
	const struct schema *scopes[EXPRESSION_SCOPES_MAX];
	unsigned scope_count;
};

typedef struct expression *parse(struct parser *p);

static struct expression *parse_or(struct parser *p);

static const char *const type_names[] = {
	[EXPRESSION_NUMBER] = "a number",
	[EXPRESSION_TEXT] = "a text",
	[EXPRESSION_TRUTH] = "a truth",
};

/* The first fault stands; everything after it returns NULL. */
static struct expression *wrong(struct parser *p, size_t offset, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static struct expression *wrong(struct parser *p, size_t offset, const char *format, ...)
{
	va_list args;
	if (p->status != OK)
		return NULL;
	p->status = E_INPUT;
	p->fault->offset = offset;
	va_start(args, format);
	vsnprintf(p->fault->text, sizeof(p->fault->text), format, args);
	va_end(args);
	return NULL;
}

static void advance(struct parser *p)
{
	p->token = expression_token(p->source, &p->at);
	if (p->token.kind == TOKEN_BAD)
		wrong(p, p->token.offset, "%s", p->token.problem);
}

static bool next_is(const struct parser *p, enum token_kind kind, const char *text)
{
	return p->status == OK && p->token.kind == kind && slice_is(p->token.text, text);
}

static bool take(struct parser *p, enum token_kind kind, const char *text)
{
	if (!next_is(p, kind, text))
		return false;
	advance(p);
	return true;
}

static bool expect(struct parser *p, const char *sign, const char *where)
{
	if (take(p, TOKEN_SIGN, sign))
		return true;
	wrong(p, p->token.offset, "\"%s\" is expected %s", sign, where);
	return false;
}

static struct expression *node(
	struct parser *p, enum operation operation, enum expression_type type)
{
	if (p->status != OK)
		return NULL;
	if (p->nodes++ == EXPRESSION_NODES_MAX)
		return wrong(p, p->token.offset, "more than %d parts", EXPRESSION_NODES_MAX);
	struct expression *e = arena_new(p->arena, struct expression);
	if (e == NULL) {
		wrong(p, p->token.offset, "the expressions need too much memory");
		p->status = E_FULL;
		return NULL;
	}
	e->operation = operation;
	e->type = type;
	return e;
}

static bool is_type(struct parser *p, const struct expression *e, enum expression_type type,
	size_t offset, const char *what)
{
	if (p->status != OK || e == NULL)
		return false;
	if (e->type == type)
		return true;
	wrong(p, offset, "%s: %s is expected, not %s", what, type_names[type], type_names[e->type]);
	return false;
}

/* "a, b, c" of a choice's names, for a fault. */
static void list_choices(const struct field *field, char *text, size_t size)
{
	size_t used = 0;
	for (const char *const *c = field->choices + field->min; *c != NULL && used < size; c++)
		used += (size_t)snprintf(
			text + used, size - used, "%s%s", used > 0 ? ", " : "", *c);
}

/* A text that a choice can never have is a slip of the pen. */
static void check_choice(
	struct parser *p, const struct expression *e, struct slice text, size_t offset)
{
	char known[160] = "";
	if (e == NULL || e->operation != OP_FIELD || e->field->kind != FIELD_CHOICE)
		return;
	for (const char *const *c = e->field->choices + e->field->min; *c != NULL; c++)
		if (slice_is(text, *c))
			return;
	list_choices(e->field, known, sizeof(known));
	wrong(p, offset, "\"%.*s\" is none of %s", SLICE_ARG(text), known);
}

static enum expression_type type_of_field(const struct field *field)
{
	switch (field->kind) {
	case FIELD_TEXT:
	case FIELD_CODE:
	case FIELD_CHOICE:
		return EXPRESSION_TEXT;
	case FIELD_BOOL:
		return EXPRESSION_TRUTH;
	default:
		return EXPRESSION_NUMBER;
	}
}

/* The row of the first part of a path: in the innermost list first, in the document last. */
static const struct field *find_outer(
	const struct parser *p, struct slice name, unsigned *ret_scope)
{
	for (unsigned scope = p->scope_count; scope-- > 0;) {
		unsigned next = 0;
		const struct field *field = schema_find(p->scopes[scope], name, &next);
		if (field != NULL) {
			*ret_scope = scope;
			return field;
		}
	}
	return NULL;
}

/* "totals.gross" into its row and place. */
static struct expression *parse_path(struct parser *p, struct token name)
{
	struct slice rest, part = slice_cut(name.text, '.', &rest);
	struct expression *e = node(p, OP_FIELD, EXPRESSION_NUMBER);
	if (e == NULL)
		return NULL;
	const struct field *field = find_outer(p, part, &e->scope);
	for (;;) {
		if (field == NULL)
			return wrong(p, name.offset, "there is no field or function \"%.*s\" here",
				SLICE_ARG(name.text));
		e->offset += field->offset;
		if (rest.ptr == NULL)
			break;
		if (field->kind != FIELD_OBJECT)
			return wrong(p, name.offset, "\"%.*s\" has no parts", SLICE_ARG(part));
		unsigned next = 0;
		part = slice_cut(rest, '.', &rest);
		field = schema_find(field->schema, part, &next);
	}
	e->field = field;
	e->type = type_of_field(field);
	return e;
}

static struct expression *parse_field(struct parser *p, struct token name)
{
	struct expression *e = parse_path(p, name);
	if (e == NULL)
		return NULL;
	if (e->field->kind == FIELD_LIST)
		return wrong(p, name.offset,
			"\"%.*s\" is a list: say count(%.*s) or any(%.*s, ...)",
			SLICE_ARG(name.text), SLICE_ARG(name.text), SLICE_ARG(name.text));
	if (e->field->kind == FIELD_OBJECT || e->field->kind == FIELD_RAW ||
		e->field->kind == FIELD_AMOUNTS)
		return wrong(p, name.offset, "\"%.*s\" is an object: name one of its parts",
			SLICE_ARG(name.text));
	return e;
}

static bool enter(struct parser *p, const struct schema *schema, size_t offset)
{
	if (p->scope_count == EXPRESSION_SCOPES_MAX) {
		wrong(p, offset, "lists stand more than %d deep in each other",
			EXPRESSION_SCOPES_MAX - 1);
		return false;
	}
	p->scopes[p->scope_count++] = schema;
	return true;
}

/* The list of a function; its elements' schema becomes the innermost scope. Taxes and discounts
 * belong to a line: without one around them, those of all lines are meant. */
static bool parse_list(struct parser *p, struct expression_list *list)
{
	struct token name = p->token;
	unsigned next = 0;
	if (p->status != OK)
		return false;
	advance(p);
	const struct field *field = NULL;
	if (name.kind == TOKEN_NAME)
		field = find_outer(p, name.text, &list->scope);
	if (field == NULL && (slice_is(name.text, "taxes") || slice_is(name.text, "discounts"))) {
		list->around = find_outer(p, slice_of("lines"), &list->scope);
		field = schema_find(list->around->schema, name.text, &next);
		if (!enter(p, list->around->schema, name.offset))
			return false;
	}
	if (field == NULL || field->kind != FIELD_LIST) {
		wrong(p, name.offset, "a list is expected: lines, tenders, taxes or discounts");
		return false;
	}
	list->field = field;
	return enter(p, field->schema, name.offset);
}

static struct expression *parse_over_list(struct parser *p, enum operation operation)
{
	static const enum expression_type inner[] = { [OP_SUM] = EXPRESSION_NUMBER,
		[OP_COUNT] = EXPRESSION_TRUTH,
		[OP_ANY] = EXPRESSION_TRUTH,
		[OP_ALL] = EXPRESSION_TRUTH };
	unsigned scopes = p->scope_count;
	bool number = operation == OP_SUM || operation == OP_COUNT;
	struct expression *e = node(p, operation, number ? EXPRESSION_NUMBER : EXPRESSION_TRUTH);
	if (e == NULL || !parse_list(p, &e->list))
		return NULL;
	if (operation != OP_COUNT || next_is(p, TOKEN_SIGN, ",")) {
		if (!expect(p, ",", "behind the list"))
			return NULL;
		size_t offset = p->token.offset;
		e->left = parse_or(p);
		if (!is_type(p, e->left, inner[operation], offset, "what each element is asked"))
			return NULL;
	}
	p->scope_count = scopes;
	return expect(p, ")", "at the end of the function") ? e : NULL;
}

/* date("2026-11-23") is a constant. */
static struct expression *parse_date(struct parser *p)
{
	struct token text = p->token;
	date_t date;
	struct expression *e = node(p, OP_NUMBER, EXPRESSION_NUMBER);
	if (e == NULL)
		return NULL;
	if (text.kind != TOKEN_TEXT || !date_parse(text.text, &date))
		return wrong(p, text.offset, "a day such as \"2026-11-23\" is expected");
	advance(p);
	e->number = total_of(decimal_make(date_to_days(date), 0));
	return expect(p, ")", "behind the day") ? e : NULL;
}

/* present(), hour() and weekday() look at a field itself. */
static struct expression *parse_of_field(struct parser *p, enum operation operation)
{
	struct token name = p->token;
	struct expression *e =
		node(p, operation, operation == OP_PRESENT ? EXPRESSION_TRUTH : EXPRESSION_NUMBER);
	if (e == NULL)
		return NULL;
	if (name.kind != TOKEN_NAME)
		return wrong(p, name.offset, "a field is expected");
	advance(p);
	struct expression *field = parse_path(p, name);
	if (field == NULL)
		return NULL;
	enum field_kind kind = field->field->kind;
	if (operation == OP_HOUR && kind != FIELD_TIME)
		return wrong(p, name.offset, "a time is expected: closed_at or began_at");
	if (operation == OP_WEEKDAY && kind != FIELD_DATE)
		return wrong(p, name.offset, "a day is expected: business_date");
	e->left = field;
	return expect(p, ")", "behind the field") ? e : NULL;
}

static struct expression *parse_absolute(struct parser *p)
{
	size_t offset = p->token.offset;
	struct expression *e = node(p, OP_ABSOLUTE, EXPRESSION_NUMBER);
	if (e == NULL)
		return NULL;
	e->left = parse_or(p);
	if (!is_type(p, e->left, EXPRESSION_NUMBER, offset, "abs"))
		return NULL;
	return expect(p, ")", "at the end of the function") ? e : NULL;
}

static struct expression *parse_starts(struct parser *p)
{
	size_t offset = p->token.offset;
	struct expression *e = node(p, OP_STARTS, EXPRESSION_TRUTH);
	if (e == NULL)
		return NULL;
	e->left = parse_or(p);
	if (!is_type(p, e->left, EXPRESSION_TEXT, offset, "starts") ||
		!expect(p, ",", "behind the text"))
		return NULL;
	if (p->token.kind != TOKEN_TEXT)
		return wrong(p, p->token.offset, "a text in quotes is expected");
	e->text = p->token.text;
	advance(p);
	return expect(p, ")", "at the end of the function") ? e : NULL;
}

static struct expression *parse_function(struct parser *p, struct token name)
{
	static const struct {
		const char *name;
		enum operation operation;
		struct expression *(*parse)(struct parser *p, enum operation operation);
	} functions[] = {
		{ "sum", OP_SUM, parse_over_list },
		{ "count", OP_COUNT, parse_over_list },
		{ "any", OP_ANY, parse_over_list },
		{ "all", OP_ALL, parse_over_list },
		{ "present", OP_PRESENT, parse_of_field },
		{ "hour", OP_HOUR, parse_of_field },
		{ "weekday", OP_WEEKDAY, parse_of_field },
	};
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		if (slice_is(name.text, functions[i].name))
			return functions[i].parse(p, functions[i].operation);
	if (slice_is(name.text, "abs"))
		return parse_absolute(p);
	if (slice_is(name.text, "starts"))
		return parse_starts(p);
	if (slice_is(name.text, "date"))
		return parse_date(p);
	return wrong(p, name.offset,
		"there is no function \"%.*s\"; known are sum, count, any, all, abs, present, "
		"starts, date, hour and weekday",
		SLICE_ARG(name.text));
}

static struct expression *parse_literal(struct parser *p)
{
	struct token token = p->token;
	struct expression *e = NULL;
	if (token.kind == TOKEN_NUMBER) {
		e = node(p, OP_NUMBER, EXPRESSION_NUMBER);
		if (e != NULL)
			e->number = token.number;
	} else if (token.kind == TOKEN_TEXT) {
		e = node(p, OP_TEXT, EXPRESSION_TEXT);
		if (e != NULL)
			e->text = token.text;
	} else {
		return wrong(p, token.offset, "a number or a text in quotes is expected");
	}
	advance(p);
	return e;
}

static struct expression *parse_name(struct parser *p)
{
	struct token name = p->token;
	advance(p);
	if (take(p, TOKEN_SIGN, "("))
		return parse_function(p, name);
	bool yes = slice_is(name.text, "true");
	if (!yes && !slice_is(name.text, "false"))
		return parse_field(p, name);
	struct expression *e = node(p, OP_TRUTH, EXPRESSION_TRUTH);
	if (e != NULL)
		e->truth = yes;
	return e;
}

/* Everything that can nest goes through here once a level. */
static struct expression *deeper(struct parser *p, parse *inner)
{
	if (p->status != OK)
		return NULL;
	if (p->depth == EXPRESSION_DEPTH_MAX)
		return wrong(p, p->token.offset, "more than %d levels deep", EXPRESSION_DEPTH_MAX);
	p->depth++;
	struct expression *e = inner(p);
	p->depth--;
	return e;
}

static struct expression *parse_factor_within(struct parser *p)
{
	size_t offset = p->token.offset;
	if (take(p, TOKEN_SIGN, "-")) {
		struct expression *e = node(p, OP_NEGATE, EXPRESSION_NUMBER);
		struct expression *inner = deeper(p, parse_factor_within);
		if (e == NULL || !is_type(p, inner, EXPRESSION_NUMBER, offset, "-"))
			return NULL;
		e->left = inner;
		return e;
	}
	if (take(p, TOKEN_SIGN, "(")) {
		struct expression *e = parse_or(p);
		return expect(p, ")", "for this bracket") ? e : NULL;
	}
	if (p->token.kind == TOKEN_NAME)
		return parse_name(p);
	if (p->token.kind == TOKEN_END)
		return wrong(p, p->token.offset, "the expression ends too early");
	return parse_literal(p);
}

static struct expression *parse_factor(struct parser *p)
{
	return deeper(p, parse_factor_within);
}

/* A row of operators of one rank, from the left. */
struct sign {
	const char *text;
	enum operation operation;
};

static const struct sign *take_sign(struct parser *p, const struct sign *signs)
{
	for (; signs->text != NULL; signs++)
		if (take(p, TOKEN_SIGN, signs->text))
			return signs;
	return NULL;
}

static struct expression *parse_row(struct parser *p, parse *inner, const struct sign *signs)
{
	size_t offset = p->token.offset;
	struct expression *left = inner(p);
	const struct sign *sign;
	while (left != NULL && (sign = take_sign(p, signs)) != NULL) {
		size_t offset_right = p->token.offset;
		struct expression *e = node(p, sign->operation, EXPRESSION_NUMBER);
		struct expression *right = inner(p);
		if (e == NULL || !is_type(p, left, EXPRESSION_NUMBER, offset, sign->text) ||
			!is_type(p, right, EXPRESSION_NUMBER, offset_right, sign->text))
			return NULL;
		e->left = left;
		e->right = right;
		left = e;
	}
	return left;
}

static struct expression *parse_product(struct parser *p)
{
	static const struct sign signs[] = { { "*", OP_MULTIPLY }, { NULL, OP_TRUTH } };
	return parse_row(p, parse_factor, signs);
}

static struct expression *parse_sum(struct parser *p)
{
	static const struct sign signs[] = { { "+", OP_ADD }, { "-", OP_SUBTRACT },
		{ NULL, OP_TRUTH } };
	return parse_row(p, parse_product, signs);
}

/* The values behind "in", as a chain. */
static struct expression *parse_in(struct parser *p, struct expression *left)
{
	struct expression *e = node(p, OP_IN, EXPRESSION_TRUTH), *last = NULL;
	if (e == NULL || !expect(p, "(", "behind \"in\""))
		return NULL;
	e->left = left;
	do {
		size_t offset = p->token.offset;
		bool negative = take(p, TOKEN_SIGN, "-");
		struct expression *value = parse_literal(p);
		if (value == NULL || !is_type(p, value, left->type, offset, "in"))
			return NULL;
		if (negative && value->type != EXPRESSION_NUMBER)
			return wrong(p, offset, "a text has no sign");
		if (negative)
			value->number = total_negate(value->number);
		check_choice(p, left, value->text, offset);
		if (last == NULL)
			e->right = value;
		else
			last->next = value;
		last = value;
	} while (take(p, TOKEN_SIGN, ","));
	return expect(p, ")", "behind the values") ? e : NULL;
}

static struct expression *parse_comparison(struct parser *p)
{
	static const struct sign signs[] = { { "=", OP_EQUAL }, { "!=", OP_NOT_EQUAL },
		{ "<", OP_LESS }, { "<=", OP_LESS_EQUAL }, { ">", OP_GREATER },
		{ ">=", OP_GREATER_EQUAL }, { NULL, OP_TRUTH } };
	size_t offset = p->token.offset;
	struct expression *left = parse_sum(p);
	if (left == NULL)
		return NULL;
	if (next_is(p, TOKEN_NAME, "not") || next_is(p, TOKEN_NAME, "in")) {
		bool negated = take(p, TOKEN_NAME, "not");
		if (!take(p, TOKEN_NAME, "in"))
			return wrong(p, p->token.offset, "\"in\" is expected behind \"not\"");
		struct expression *in = parse_in(p, left);
		if (in == NULL || !negated)
			return in;
		struct expression *e = node(p, OP_NOT, EXPRESSION_TRUTH);
		if (e != NULL)
			e->left = in;
		return e;
	}
	const struct sign *sign = take_sign(p, signs);
	if (sign == NULL)
		return left;
	size_t offset_right = p->token.offset;
	struct expression *e = node(p, sign->operation, EXPRESSION_TRUTH);
	struct expression *right = parse_sum(p);
	if (e == NULL || !is_type(p, right, left->type, offset_right, sign->text))
		return NULL;
	if (sign->operation != OP_EQUAL && sign->operation != OP_NOT_EQUAL &&
		!is_type(p, left, EXPRESSION_NUMBER, offset, sign->text))
		return NULL;
	if (right->operation == OP_TEXT)
		check_choice(p, left, right->text, offset_right);
	if (left->operation == OP_TEXT)
		check_choice(p, right, left->text, offset);
	e->left = left;
	e->right = right;
	return e;
}

static struct expression *parse_not(struct parser *p)
{
	size_t offset = p->token.offset;
	if (!take(p, TOKEN_NAME, "not"))
		return parse_comparison(p);
	struct expression *e = node(p, OP_NOT, EXPRESSION_TRUTH);
	struct expression *inner = deeper(p, parse_not);
	if (e == NULL || !is_type(p, inner, EXPRESSION_TRUTH, offset, "not"))
		return NULL;
	e->left = inner;
	return e;
}

static struct expression *parse_joined(
	struct parser *p, parse *inner, const char *word, enum operation operation)
{
	size_t offset = p->token.offset;
	struct expression *left = inner(p);
	while (left != NULL && take(p, TOKEN_NAME, word)) {
		size_t offset_right = p->token.offset;
		struct expression *e = node(p, operation, EXPRESSION_TRUTH);
		struct expression *right = inner(p);
		if (e == NULL || !is_type(p, left, EXPRESSION_TRUTH, offset, word) ||
			!is_type(p, right, EXPRESSION_TRUTH, offset_right, word))
			return NULL;
		e->left = left;
		e->right = right;
		left = e;
	}
	return left;
}

static struct expression *parse_and(struct parser *p)
{
	return parse_joined(p, parse_not, "and", OP_AND);
}

static struct expression *parse_or(struct parser *p)
{
	return parse_joined(p, parse_and, "or", OP_OR);
}

enum status expression_parse(struct slice text, struct expression_wanted wanted,
	struct arena *arena, const struct expression **ret_expression,
	struct expression_fault *ret_fault)
{
	struct parser p = { .source = text,
		.arena = arena,
		.fault = ret_fault,
		.scopes = { &transaction_schema },
		.scope_count = 1 };
	*ret_fault = (struct expression_fault){ .offset = 0 };
	if (text.len > EXPRESSION_BYTES_MAX) {
		wrong(&p, 0, "has %zu bytes; at most %d are allowed", text.len,
			EXPRESSION_BYTES_MAX);
		return p.status;
	}
	if (wanted.each != NULL) {
		unsigned next = 0;
		const struct field *list =
			schema_find(&transaction_schema, slice_of(wanted.each), &next);
		p.scopes[p.scope_count++] = list->schema;
	}
	advance(&p);
	struct expression *e = parse_or(&p);
	if (p.status == OK && p.token.kind != TOKEN_END)
		wrong(&p, p.token.offset, "nothing is expected behind the expression here");
	if (p.status == OK && is_type(&p, e, wanted.type, 0, "the expression"))
		*ret_expression = e;
	return p.status;
}
