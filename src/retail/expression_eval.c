#include "retail/expression_internal.h"

/* One evaluation. */
struct run {
	const void *scopes[EXPRESSION_SCOPES_MAX]; /* the structs that fields stand in */
	unsigned scope_count;
	unsigned steps;
	const char *problem;
};

struct value {
	struct total number;
	struct slice text;
	bool truth;
};

static bool evaluate(struct run *run, const struct expression *e, struct value *ret);

static bool cannot(struct run *run, const char *problem)
{
	if (run->problem == NULL)
		run->problem = problem;
	return false;
}

/* 10^24 in billionths: far beyond all money, and far below what 128 bits hold. */
static bool keep(struct run *run, __int128 nanos, struct value *ret)
{
	const __int128 limit = (__int128)1000000000000000000 * 1000000000000000;
	if (nanos > limit || nanos < -limit)
		return cannot(run, "a number is beyond 10^24");
	ret->number.nanos = nanos;
	return true;
}

/* a * b / 10^9, a tie away from zero. Whole parts and fractions are multiplied apart, so that only
 * a result that is too large anyway overflows. */
static bool multiply(struct run *run, struct total a, struct total b, struct value *ret)
{
	const __int128 one = 1000000000;
	bool negative = total_sign(a) * total_sign(b) < 0;
	__int128 x = total_absolute(a).nanos, y = total_absolute(b).nanos, whole, nanos;
	if (__builtin_mul_overflow(x / one, y / one, &whole) ||
		__builtin_mul_overflow(whole, one, &nanos) ||
		__builtin_add_overflow(nanos, x / one * (y % one), &nanos) ||
		__builtin_add_overflow(nanos, x % one * (y / one), &nanos) ||
		__builtin_add_overflow(nanos, (x % one * (y % one) + one / 2) / one, &nanos))
		return cannot(run, "a number is beyond 10^24");
	return keep(run, negative ? -nanos : nanos, ret);
}

static bool load_field(struct run *run, const struct expression *e, struct value *ret)
{
	const char *at = (const char *)run->scopes[e->scope] + e->offset;
	switch (e->field->kind) {
	case FIELD_TEXT:
	case FIELD_CODE:
		ret->text = *(const struct slice *)at;
		return true;
	case FIELD_CHOICE:
		ret->text = slice_of(e->field->choices[*(const unsigned *)at]);
		return true;
	case FIELD_BOOL:
		ret->truth = *(const bool *)at;
		return true;
	case FIELD_NUMBER:
		ret->number = total_of(decimal_make((int64_t) * (const uint64_t *)at, 0));
		return true;
	case FIELD_DECIMAL:
		ret->number = total_of(*(const struct decimal *)at);
		return true;
	case FIELD_DATE: {
		date_t date = *(const date_t *)at;
		int64_t days = date == 0 ? 0 : date_to_days(date);
		ret->number = total_of(decimal_make(days, 0));
		return true;
	}
	case FIELD_TIME:
		ret->number = total_of(decimal_make(((const struct timestamp *)at)->ms, 3));
		return true;
	default:
		return cannot(run, "a field has no value");
	}
}

/* The hour on the till's own clock, 0 to 23. */
static int64_t hour_of(const struct timestamp *time)
{
	const int64_t day_ms = 86400000, hour_ms = 3600000;
	int64_t local_ms = (time->ms + (int64_t)time->offset_min * 60000) % day_ms;
	return (local_ms < 0 ? local_ms + day_ms : local_ms) / hour_ms;
}

/* 1 is Monday, 7 is Sunday; the first day of 1970 was a Thursday. */
static int64_t weekday_of(date_t date)
{
	int64_t days = date == 0 ? 0 : date_to_days(date);
	return ((days + 3) % 7 + 7) % 7 + 1;
}

static bool evaluate_of_field(struct run *run, const struct expression *e, struct value *ret)
{
	const struct expression *field = e->left;
	const char *at = (const char *)run->scopes[field->scope] + field->offset;
	if (e->operation == OP_PRESENT) {
		ret->truth = field_present(field->field, at);
		return true;
	}
	int64_t number = e->operation == OP_HOUR ? hour_of((const struct timestamp *)at)
						 : weekday_of(*(const date_t *)at);
	ret->number = total_of(decimal_make(number, 0));
	return true;
}

static bool evaluate_arithmetic(struct run *run, const struct expression *e, struct value *ret)
{
	struct value left, right = { .truth = false };
	if (!evaluate(run, e->left, &left) ||
		(e->right != NULL && !evaluate(run, e->right, &right)))
		return false;
	switch (e->operation) {
	case OP_NEGATE:
		return keep(run, -left.number.nanos, ret);
	case OP_ABSOLUTE:
		return keep(run, total_absolute(left.number).nanos, ret);
	case OP_ADD:
		return keep(run, left.number.nanos + right.number.nanos, ret);
	case OP_SUBTRACT:
		return keep(run, left.number.nanos - right.number.nanos, ret);
	default:
		return multiply(run, left.number, right.number, ret);
	}
}

/* Of two values of one type; for texts and truths only whether they are the same counts. */
static int compare(enum expression_type type, const struct value *a, const struct value *b)
{
	if (type == EXPRESSION_TEXT)
		return slice_equal(a->text, b->text) ? 0 : 1;
	if (type == EXPRESSION_TRUTH)
		return a->truth == b->truth ? 0 : 1;
	return total_compare(a->number, b->number);
}

static bool evaluate_comparison(struct run *run, const struct expression *e, struct value *ret)
{
	struct value left, right;
	if (!evaluate(run, e->left, &left) || !evaluate(run, e->right, &right))
		return false;
	int order = compare(e->left->type, &left, &right);
	switch (e->operation) {
	case OP_EQUAL:
		ret->truth = order == 0;
		break;
	case OP_NOT_EQUAL:
		ret->truth = order != 0;
		break;
	case OP_LESS:
		ret->truth = order < 0;
		break;
	case OP_LESS_EQUAL:
		ret->truth = order <= 0;
		break;
	case OP_GREATER:
		ret->truth = order > 0;
		break;
	default:
		ret->truth = order >= 0;
	}
	return true;
}

static bool evaluate_in(struct run *run, const struct expression *e, struct value *ret)
{
	struct value left;
	if (!evaluate(run, e->left, &left))
		return false;
	ret->truth = false;
	for (const struct expression *c = e->right; c != NULL && !ret->truth; c = c->next) {
		struct value value = { .number = c->number, .text = c->text };
		ret->truth = compare(e->left->type, &left, &value) == 0;
	}
	return true;
}

static bool evaluate_logic(struct run *run, const struct expression *e, struct value *ret)
{
	if (!evaluate(run, e->left, ret))
		return false;
	if (e->operation == OP_NOT) {
		ret->truth = !ret->truth;
		return true;
	}
	if (ret->truth == (e->operation == OP_OR))
		return true;
	return evaluate(run, e->right, ret);
}

static bool starts_with(struct slice text, struct slice start)
{
	return text.len >= start.len &&
	       (start.len == 0 || memcmp(text.ptr, start.ptr, start.len) == 0);
}

/* One element; *ret_done when the answer cannot change any more. */
static bool take_element(
	struct run *run, const struct expression *e, struct value *ret, bool *ret_done)
{
	struct value value = { .truth = true };
	if (e->left != NULL && !evaluate(run, e->left, &value))
		return false;
	if (e->operation == OP_SUM)
		return keep(run, ret->number.nanos + value.number.nanos, ret);
	if (e->operation == OP_COUNT) {
		ret->number.nanos += value.truth ? 1000000000 : 0;
		return true;
	}
	*ret_done = value.truth == (e->operation == OP_ANY);
	if (*ret_done)
		ret->truth = value.truth;
	return true;
}

static bool take_list(struct run *run, const struct expression *e, const void *inside,
	const struct field *field, struct value *ret, bool *ret_done)
{
	struct list list = list_load((const char *)inside + field->offset);
	unsigned scope = run->scope_count++;
	bool good = true;
	for (uint32_t i = 0; i < list.count && good && !*ret_done; i++) {
		run->scopes[scope] = (const char *)list.items + i * field->schema->size;
		if (field == e->list.around)
			good = take_list(run, e, run->scopes[scope], e->list.field, ret, ret_done);
		else
			good = take_element(run, e, ret, ret_done);
		if (good && ++run->steps > EXPRESSION_STEPS_MAX)
			good = cannot(run, "it takes too many steps");
	}
	run->scope_count = scope;
	return good;
}

static bool evaluate_list(struct run *run, const struct expression *e, struct value *ret)
{
	bool done = false;
	const struct field *outer = e->list.around != NULL ? e->list.around : e->list.field;
	ret->number = total_zero();
	ret->truth = e->operation == OP_ALL;
	return take_list(run, e, run->scopes[e->list.scope], outer, ret, &done);
}

static bool evaluate(struct run *run, const struct expression *e, struct value *ret)
{
	*ret = (struct value){ .truth = false };
	if (++run->steps > EXPRESSION_STEPS_MAX)
		return cannot(run, "it takes too many steps");
	switch (e->operation) {
	case OP_NUMBER:
	case OP_TEXT:
	case OP_TRUTH:
		*ret = (struct value){ e->number, e->text, e->truth };
		return true;
	case OP_FIELD:
		return load_field(run, e, ret);
	case OP_NEGATE:
	case OP_ADD:
	case OP_SUBTRACT:
	case OP_MULTIPLY:
	case OP_ABSOLUTE:
		return evaluate_arithmetic(run, e, ret);
	case OP_EQUAL:
	case OP_NOT_EQUAL:
	case OP_LESS:
	case OP_LESS_EQUAL:
	case OP_GREATER:
	case OP_GREATER_EQUAL:
		return evaluate_comparison(run, e, ret);
	case OP_IN:
		return evaluate_in(run, e, ret);
	case OP_STARTS: {
		struct value left;
		bool good = evaluate(run, e->left, &left);
		ret->truth = good && starts_with(left.text, e->text);
		return good;
	}
	case OP_AND:
	case OP_OR:
	case OP_NOT:
		return evaluate_logic(run, e, ret);
	case OP_PRESENT:
	case OP_HOUR:
	case OP_WEEKDAY:
		return evaluate_of_field(run, e, ret);
	case OP_SUM:
	case OP_COUNT:
	case OP_ANY:
	case OP_ALL:
		return evaluate_list(run, e, ret);
	}
	return cannot(run, "it is not known");
}

static bool begin(const struct expression *e, const struct expression_place *place,
	struct value *ret_value, const char **ret_problem)
{
	struct run run = { .scopes = { place->transaction, place->item },
		.scope_count = place->item == NULL ? 1 : 2 };
	bool good = evaluate(&run, e, ret_value);
	*ret_problem = run.problem;
	return good;
}

bool expression_truth(const struct expression *expression, const struct expression_place *place,
	bool *ret_value, const char **ret_problem)
{
	struct value value;
	bool good = begin(expression, place, &value, ret_problem);
	*ret_value = good && value.truth;
	return good;
}

bool expression_number(const struct expression *expression, const struct expression_place *place,
	struct total *ret_value, const char **ret_problem)
{
	struct value value;
	bool good = begin(expression, place, &value, ret_problem);
	*ret_value = good ? value.number : total_zero();
	return good;
}
