/* Computes expressions over one record. Values are texts all the way, and decimals where they are
 * computed with; a float is never made of them. */
#include "map/mapping_internal.h"

#include <stdarg.h>
#include <stdio.h>

enum outcome run_full(struct run *run)
{
	run->status = E_FULL;
	return WRONG;
}

bool keep_text(struct run *run, struct slice text, struct slice *ret_text)
{
	*ret_text = arena_copy(run->arena, text.ptr == NULL ? slice_of("") : text);
	if (ret_text->ptr == NULL)
		run_full(run);
	return ret_text->ptr != NULL;
}

enum outcome wrong_value(struct run *run, struct slice text, const char *format, ...)
{
	char why[FINDING_DETAIL_MAX];
	struct buf pointer;
	va_list args;
	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	buf_init(&pointer, 4096);
	if (run->source_count > 0)
		value_pointer(run->sources[0], &pointer);
	buf_char(&pointer, '\0');
	findings_add(run->findings, "mapping", true, pointer.failed ? "" : pointer.ptr,
		"is \"%.*s\"; %s (for %s)", text.len > 60 ? 60 : (int)text.len,
		text.ptr == NULL ? "" : text.ptr, why, run->pointer);
	buf_release(&pointer);
	return WRONG;
}

static void remember_source(struct run *run, struct value *value)
{
	value->used = true;
	if (run->source_count < MAPPING_SOURCES_MAX)
		run->sources[run->source_count++] = value;
}

static struct value *start_of(struct run *run, const struct path *path, struct here here)
{
	switch (path->start) {
	case PATH_ROOT:
		return run->root;
	case PATH_RECORD:
		return run->record;
	case PATH_HERE:
		break;
	}
	return here.value;
}

bool walk_values(struct run *run, const struct path *path, struct here here,
	bool (*found)(void *context, struct value *value), void *context)
{
	bool on = path_walk(path, start_of(run, path, here), &run->budget, found, context);
	if (run->budget == 0)
		run_full(run);
	return on;
}

static bool stop_at_first(void *context, struct value *value)
{
	*(struct value **)context = value;
	return false;
}

struct value *find_value(struct run *run, const struct path *path, struct here here)
{
	struct value *value = NULL;
	walk_values(run, path, here, stop_at_first, &value);
	return value;
}

/* An XML element with attributes has its own text beside them. */
static struct value *text_of(struct value *value)
{
	static const struct slice name = SLICE("#text");
	struct value *text = value->kind == VALUE_OBJECT ? value_member(value, name) : NULL;
	return text == NULL ? value : text;
}

static bool is_absent(const struct value *value)
{
	return value->kind == VALUE_NULL || (value->kind == VALUE_TEXT && value->text.len == 0);
}

struct search {
	struct run *run;
	struct value *value;
};

/* The first that is not null, empty or an element without text. */
static bool stop_at_value(void *context, struct value *value)
{
	struct search *search = context;
	value = text_of(value);
	if (is_absent(value)) {
		value->used = true;
		return true;
	}
	search->value = value;
	return false;
}

static enum outcome from_paths(
	struct run *run, const struct expression *e, struct here here, struct slice *ret_text)
{
	struct search search = { run, NULL };
	for (uint32_t i = 0; i < e->path_count && search.value == NULL; i++)
		walk_values(run, &e->paths[i], here, stop_at_value, &search);
	if (run->status != OK)
		return WRONG;
	if (search.value == NULL)
		return ABSENT;
	remember_source(run, search.value);
	if (search.value->kind == VALUE_LIST || search.value->kind == VALUE_OBJECT)
		return wrong_value(run,
			slice_of(search.value->kind == VALUE_LIST ? "[...]" : "{...}"),
			"one value is expected, not a list or an object");
	*ret_text = search.value->text;
	return FOUND;
}

static enum outcome from_context(
	struct run *run, const struct expression *e, struct slice *ret_text)
{
	const struct mapping_context *c = run->context;
	const struct slice texts[] = { [CONTEXT_STORE] = c->store,
		[CONTEXT_REGISTER] = c->reg,
		[CONTEXT_CURRENCY] = c->currency,
		[CONTEXT_TOPIC] = c->topic };
	*ret_text = texts[e->context];
	return ret_text->ptr == NULL || ret_text->len == 0 ? ABSENT : FOUND;
}

static enum outcome from_first(
	struct run *run, const struct expression *e, struct here here, struct slice *ret_text)
{
	enum outcome outcome = ABSENT;
	for (uint32_t i = 0; i < e->item_count && outcome == ABSENT; i++)
		outcome = evaluate(run, e->items[i], here, ret_text);
	return outcome;
}

bool decimal_of(struct run *run, struct slice text, struct decimal *ret_decimal)
{
	enum decimal_problem problem = decimal_parse(text, ret_decimal);
	if (problem == DECIMAL_FINE)
		return true;
	wrong_value(run, text, "a decimal number is expected: %s", decimal_problem_text(problem));
	return false;
}

/* A sum of decimals and the finest of their scales. */
struct sum {
	struct run *run;
	struct total total;
	unsigned scale;
	bool any, wrong;
};

static bool add_text(struct sum *sum, struct slice text)
{
	struct decimal d;
	if (!decimal_of(sum->run, text, &d)) {
		sum->wrong = true;
		return false;
	}
	sum->total = total_add(sum->total, total_of(d));
	sum->scale = d.scale > sum->scale ? d.scale : sum->scale;
	sum->any = true;
	return true;
}

static bool add_value(void *context, struct value *value)
{
	struct sum *sum = context;
	value = text_of(value);
	if (is_absent(value)) {
		value->used = true;
		return true;
	}
	remember_source(sum->run, value);
	return add_text(sum, value->text);
}

/* A bare path counts everything that it leads to, anything else its one value. */
static void add_item(struct sum *sum, const struct expression *item, struct here here)
{
	struct slice text;
	if (item->source == SOURCE_FROM && item->step_count == 0 && item->path_count == 1) {
		walk_values(sum->run, &item->paths[0], here, add_value, sum);
		return;
	}
	enum outcome outcome = evaluate(sum->run, item, here, &text);
	sum->wrong = sum->wrong || outcome == WRONG;
	if (outcome == FOUND)
		add_text(sum, text);
}

static enum outcome print_total(
	struct run *run, struct total total, unsigned scale, struct slice *ret_text)
{
	char text[TOTAL_TEXT_MAX];
	size_t len = total_print(total, scale, text);
	return keep_text(run, slice_make(text, len), ret_text) ? FOUND : WRONG;
}

/* The first counts as it is, the others are added or taken off; what is absent counts nothing. */
static enum outcome from_sum(
	struct run *run, const struct expression *e, struct here here, struct slice *ret_text)
{
	struct sum sum = { .run = run }, rest = { .run = run };
	for (uint32_t i = 0; i < e->item_count && !sum.wrong && !rest.wrong; i++)
		add_item(e->source == SOURCE_SUBTRACT && i > 0 ? &rest : &sum, e->items[i], here);
	if (sum.wrong || rest.wrong || run->status != OK)
		return WRONG;
	if (!sum.any && !rest.any)
		return ABSENT;
	return print_total(run, total_subtract(sum.total, rest.total),
		sum.scale > rest.scale ? sum.scale : rest.scale, ret_text);
}

static enum outcome from_product(
	struct run *run, const struct expression *e, struct here here, struct slice *ret_text)
{
	struct decimal product = decimal_make(1, 0), factor;
	unsigned scale = 0;
	for (uint32_t i = 0; i < e->item_count; i++) {
		struct slice text;
		enum outcome outcome = evaluate(run, e->items[i], here, &text);
		if (outcome != FOUND)
			return outcome;
		if (!decimal_of(run, text, &factor))
			return WRONG;
		scale = factor.scale > scale ? factor.scale : scale;
		struct total exact =
			total_product(product, factor, DECIMAL_SCALE_MAX, ROUND_HALF_UP);
		/* Fewer decimals leave more room for digits in front of them. */
		if (!total_to_decimal(exact, &product))
			return wrong_value(run, text, "the product has more than 18 digits");
		product = decimal_normal(product);
	}
	return print_total(run, total_of(product), scale < 2 ? scale : 2, ret_text);
}

static enum outcome from_concat(
	struct run *run, const struct expression *e, struct here here, struct slice *ret_text)
{
	struct buf joined;
	enum outcome result = ABSENT;
	buf_init(&joined, 64 << 10);
	for (uint32_t i = 0; i < e->item_count && result != WRONG; i++) {
		struct slice text;
		enum outcome outcome = evaluate(run, e->items[i], here, &text);
		if (outcome == WRONG || (outcome == FOUND && e->items[i]->source != SOURCE_VALUE))
			result = outcome;
		if (outcome == FOUND)
			buf_slice(&joined, text);
	}
	if (joined.failed)
		result = run_full(run);
	if (result == FOUND && !keep_text(run, buf_get(&joined), ret_text))
		result = WRONG;
	buf_release(&joined);
	return result;
}

static enum outcome from_choice(
	struct run *run, const struct expression *e, struct here here, struct slice *ret_text)
{
	for (uint32_t i = 0; i < e->choice_count; i++)
		if (conditions_hold(run, &e->choices[i].when, here))
			return evaluate(run, e->choices[i].then, here, ret_text);
	return ABSENT;
}

struct finder {
	struct run *run;
	const struct find *find;
	struct slice key;
	struct value *taken;
};

static bool stop_at_match(void *context, struct value *value)
{
	struct finder *f = context;
	/* A list counts as its elements. */
	if (value->kind == VALUE_LIST) {
		for (struct value *v = value->first; v != NULL; v = v->next)
			if (!stop_at_match(context, v))
				return false;
		return true;
	}
	struct here here = { .value = value };
	struct value *match = find_value(f->run, &f->find->match, here);
	if (match == NULL || !slice_equal(text_of(match)->text, f->key))
		return f->run->status == OK;
	match->used = true;
	f->taken = find_value(f->run, &f->find->take, here);
	return false;
}

static enum outcome from_find(
	struct run *run, const struct expression *e, struct here here, struct slice *ret_text)
{
	struct finder finder = { .run = run, .find = e->find };
	enum outcome outcome = evaluate(run, e->find->with, here, &finder.key);
	if (outcome != FOUND)
		return outcome;
	walk_values(run, &e->find->in, here, stop_at_match, &finder);
	if (run->status != OK)
		return WRONG;
	if (finder.taken == NULL)
		return ABSENT;
	struct value *taken = text_of(finder.taken);
	if (is_absent(taken) || taken->kind == VALUE_LIST || taken->kind == VALUE_OBJECT)
		return ABSENT;
	remember_source(run, taken);
	*ret_text = taken->text;
	return FOUND;
}

static enum outcome from_position(struct run *run, struct here here, struct slice *ret_text)
{
	char text[16];
	if (here.position == 0)
		return ABSENT;
	snprintf(text, sizeof(text), "%u", here.position);
	return keep_text(run, slice_of(text), ret_text) ? FOUND : WRONG;
}

static enum outcome evaluate_source(
	struct run *run, const struct expression *e, struct here here, struct slice *ret_text)
{
	switch (e->source) {
	case SOURCE_FROM:
		return from_paths(run, e, here, ret_text);
	case SOURCE_VALUE:
		*ret_text = e->text;
		return FOUND;
	case SOURCE_CONTEXT:
		return from_context(run, e, ret_text);
	case SOURCE_FIRST:
		return from_first(run, e, here, ret_text);
	case SOURCE_SUM:
	case SOURCE_SUBTRACT:
		return from_sum(run, e, here, ret_text);
	case SOURCE_MULTIPLY:
		return from_product(run, e, here, ret_text);
	case SOURCE_CONCAT:
		return from_concat(run, e, here, ret_text);
	case SOURCE_CHOOSE:
		return from_choice(run, e, here, ret_text);
	case SOURCE_POSITION:
		return from_position(run, here, ret_text);
	case SOURCE_FIND:
		return from_find(run, e, here, ret_text);
	}
	return ABSENT;
}

/* Recursion is bounded by what the reader allows. */
enum outcome evaluate(
	struct run *run, const struct expression *e, struct here here, struct slice *ret_text)
{
	struct slice text = { 0 };
	enum outcome outcome = evaluate_source(run, e, here, &text);
	for (uint32_t i = 0; i < e->step_count && outcome != WRONG; i++) {
		const struct step *step = &e->steps[i];
		if (outcome == ABSENT && step->kind != STEP_DEFAULT)
			continue;
		if (outcome == FOUND && step->kind == STEP_DEFAULT)
			continue;
		outcome = apply_step(run, step, here, &text);
	}
	if (run->status != OK)
		return WRONG;
	*ret_text = text;
	return outcome;
}

static bool is_one_of(struct slice text, const struct slice *values, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (slice_equal(text, values[i]))
			return true;
	return false;
}

static bool has_sign(struct run *run, const struct condition *c, struct slice text)
{
	struct decimal d;
	if (!decimal_of(run, text, &d))
		return false;
	int sign = decimal_sign(d);
	switch (c->sign) {
	case SIGN_NEGATIVE:
		return sign < 0;
	case SIGN_ZERO:
		return sign == 0;
	case SIGN_POSITIVE:
		return sign > 0;
	case SIGN_NONZERO:
		return sign != 0;
	}
	return false;
}

/* What a path leads to exists also when it is a list or an object. */
static bool exists(struct run *run, const struct condition *c, struct here here)
{
	const struct expression *e = c->expression;
	struct slice text;
	if (e->source != SOURCE_FROM || e->step_count > 0)
		return evaluate(run, e, here, &text) == FOUND;
	for (uint32_t i = 0; i < e->path_count; i++) {
		struct search search = { run, NULL };
		walk_values(run, &e->paths[i], here, stop_at_value, &search);
		struct value *v = search.value;
		if (v == NULL)
			continue;
		bool container = v->kind == VALUE_LIST || v->kind == VALUE_OBJECT;
		v->used = v->used || !container;
		if (!container || v->count > 0)
			return true;
	}
	return false;
}

static bool condition_holds(struct run *run, const struct condition *c, struct here here)
{
	struct slice text = { 0 };
	if (c->test == TEST_ANY) {
		for (uint32_t i = 0; i < c->any.count; i++)
			if (condition_holds(run, &c->any.items[i], here))
				return true;
		return false;
	}
	if (c->test == TEST_EXISTS)
		return exists(run, c, here) == c->yes;
	enum outcome outcome = evaluate(run, c->expression, here, &text);
	if (outcome == WRONG)
		return false;
	if (outcome == ABSENT)
		text = slice_of("");
	if (c->test == TEST_SIGN)
		return outcome == FOUND ? has_sign(run, c, text) : c->sign == SIGN_ZERO;
	return is_one_of(text, c->values, c->value_count) == (c->test == TEST_IS);
}

/* What a condition looks at is no source of the field. */
bool conditions_hold(struct run *run, const struct conditions *conditions, struct here here)
{
	uint32_t sources = run->source_count;
	bool hold = true;
	for (uint32_t i = 0; i < conditions->count && hold; i++)
		hold = condition_holds(run, &conditions->items[i], here);
	run->source_count = sources;
	return hold;
}
