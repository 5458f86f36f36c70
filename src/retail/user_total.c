#include "retail/user_total.h"

#include "base/check.h"
#include "base/currency.h"
#include "base/json.h"
#include "retail/expression.h"

static const char *const group_names[TOTAL_GROUPS] = {
	[TOTAL_BY_DAY] = "day",
	[TOTAL_BY_REGISTER] = "register",
	[TOTAL_BY_OPERATOR] = "operator",
	[TOTAL_BY_TENDER] = "tender",
};

const char *total_group_name(enum total_group group)
{
	return group_names[group];
}

bool total_group_find(struct slice name, enum total_group *ret_group)
{
	for (unsigned i = 0; i < TOTAL_GROUPS; i++)
		if (slice_is(name, group_names[i])) {
			*ret_group = (enum total_group)i;
			return true;
		}
	return false;
}

static bool is_name(struct slice name)
{
	bool good = name.len > 0 && name.len <= TOTAL_NAME_MAX;
	for (size_t i = 0; i < name.len && good; i++) {
		char c = name.ptr[i];
		good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		       c == '.' || c == '_' || c == '-';
	}
	return good;
}

static enum status check_total(const struct user_total *total, struct error *err)
{
	if (!is_name(total->name))
		return error_set(err, E_CONFIG,
			"totals: \"%.*s\" is not a name of 1 to %d letters, digits, '.', '_' or "
			"'-'",
			SLICE_ARG(total->name), TOTAL_NAME_MAX);
	if (total->each.len > 0 && !slice_is(total->each, "lines") &&
		!slice_is(total->each, "tenders"))
		return error_set(err, E_CONFIG,
			"totals: %.*s: each: is \"%.*s\", expected lines or tenders",
			SLICE_ARG(total->name), SLICE_ARG(total->each));
	if (total->by == TOTAL_BY_TENDER && !slice_is(total->each, "tenders"))
		return error_set(err, E_CONFIG, "totals: %.*s: by tender needs each: tenders",
			SLICE_ARG(total->name));
	if (total->amount_text.len == 0)
		return error_set(
			err, E_CONFIG, "totals: %.*s: amount is missing", SLICE_ARG(total->name));
	for (uint32_t i = 0; i < total->limits.count; i++)
		if (currency_minor_units(total->limits.items[i].name) < 0)
			return error_set(err, E_CONFIG,
				"totals: %.*s: \"%.*s\" is no currency of ISO 4217",
				SLICE_ARG(total->name), SLICE_ARG(total->limits.items[i].name));
	return OK;
}

enum status user_total_prepare(struct user_total *total, struct arena *arena,
	struct total_fault *ret_fault, struct error *err)
{
	struct expression_fault fault;
	struct expression_wanted wanted = { EXPRESSION_NUMBER, NULL };
	*ret_fault = (struct total_fault){ .offset = 0 };
	enum status s = check_total(total, err);
	if (s != OK)
		return s;
	if (total->each.len > 0)
		wanted.each = slice_is(total->each, "lines") ? "lines" : "tenders";
	s = expression_parse(total->amount_text, wanted, arena, &total->amount, &fault);
	ret_fault->in_amount = s != OK;
	wanted.type = EXPRESSION_TRUTH;
	total->when = NULL;
	if (s == OK && total->when_text.len > 0) {
		s = expression_parse(total->when_text, wanted, arena, &total->when, &fault);
		ret_fault->in_when = s != OK;
	}
	ret_fault->offset = fault.offset;
	if (s == E_FULL)
		return error_set(err, E_FULL, "totals: too much memory is needed");
	if (s != OK)
		return error_set(err, E_CONFIG, "totals: %.*s: %s: %s", SLICE_ARG(total->name),
			ret_fault->in_when ? "when" : "amount", fault.text);
	return OK;
}

static void write_decimal(struct buf *buf, const char *name, struct decimal value)
{
	char text[DECIMAL_TEXT_MAX];
	size_t len = decimal_print(value, text);
	json_write_member(buf, name, slice_make(text, len));
}

void user_total_encode(const struct user_total *total, struct buf *buf)
{
	buf_char(buf, '{');
	json_write_member(buf, "name", total->name);
	json_write_member(buf, "amount", total->amount_text);
	if (total->when_text.len > 0)
		json_write_member(buf, "when", total->when_text);
	if (total->each.len > 0)
		json_write_member(buf, "each", total->each);
	json_write_member_text(buf, "by", group_names[total->by]);
	if (total->limit.set)
		write_decimal(buf, "limit", total->limit);
	if (total->limits.count > 0) {
		json_write_name(buf, "limits");
		buf_char(buf, '{');
		for (uint32_t i = 0; i < total->limits.count; i++) {
			char currency[8] = "";
			memcpy(currency, total->limits.items[i].name.ptr, 3);
			write_decimal(buf, currency, total->limits.items[i].amount);
		}
		buf_char(buf, '}');
	}
	buf_char(buf, '}');
}

void user_totals_encode(const struct user_totals *totals, struct buf *buf)
{
	buf_text(buf, "{\"totals\":[");
	for (uint32_t i = 0; i < totals->count; i++) {
		json_write_comma(buf);
		user_total_encode(&totals->items[i], buf);
	}
	buf_text(buf, "]}");
}

static bool read_decimal(struct json *json, struct decimal *ret_value)
{
	struct slice text;
	return json_string(json, &text) && decimal_parse(text, ret_value) == DECIMAL_FINE;
}

static bool read_limits(struct json *json, struct arena *arena, struct named_amount_list *limits)
{
	struct slice currency;
	limits->items = arena_array(arena, struct named_amount, TOTAL_LIMITS_MAX);
	if (limits->items == NULL || !json_object(json))
		return false;
	while (json_member(json, &currency)) {
		struct named_amount limit = { .name = currency };
		if (limits->count == TOTAL_LIMITS_MAX || !read_decimal(json, &limit.amount))
			return false;
		limits->items[limits->count++] = limit;
	}
	return json->problem == NULL;
}

static bool read_total(struct json *json, struct arena *arena, struct user_total *total)
{
	struct slice name, by;
	*total = (struct user_total){ .by = TOTAL_BY_DAY };
	if (!json_object(json))
		return false;
	while (json_member(json, &name)) {
		bool good;
		if (slice_is(name, "name"))
			good = json_string(json, &total->name);
		else if (slice_is(name, "amount"))
			good = json_string(json, &total->amount_text);
		else if (slice_is(name, "when"))
			good = json_string(json, &total->when_text);
		else if (slice_is(name, "each"))
			good = json_string(json, &total->each);
		else if (slice_is(name, "by"))
			good = json_string(json, &by) && total_group_find(by, &total->by);
		else if (slice_is(name, "limit"))
			good = read_decimal(json, &total->limit);
		else if (slice_is(name, "limits"))
			good = read_limits(json, arena, &total->limits);
		else
			good = json_skip(json, NULL);
		if (!good)
			return false;
	}
	return json->problem == NULL;
}

static enum status corrupt(const struct json *json, struct error *err)
{
	return error_set(err, E_CORRUPT, "totals cannot be decoded at byte %zu: %s",
		json_offset(json), json->problem == NULL ? "not a total" : json->problem);
}

static enum status take_total(
	struct json *json, struct arena *arena, struct user_total *ret_total, struct error *err)
{
	struct total_fault fault;
	if (!read_total(json, arena, ret_total))
		return corrupt(json, err);
	enum status s = user_total_prepare(ret_total, arena, &fault, err);
	if (s == E_CONFIG && err != NULL)
		err->status = E_CORRUPT;
	return s == E_CONFIG ? E_CORRUPT : s;
}

enum status user_total_decode(
	struct slice text, struct arena *arena, struct user_total *ret_total, struct error *err)
{
	struct json json;
	json_init(&json, text, arena);
	return take_total(&json, arena, ret_total, err);
}

enum status user_totals_decode(
	struct slice text, struct arena *arena, struct user_totals *ret_totals, struct error *err)
{
	struct json json;
	struct slice name;
	*ret_totals = (struct user_totals){ .items = arena_array(
						    arena, struct user_total, USER_TOTALS_MAX) };
	if (ret_totals->items == NULL)
		return error_set(err, E_FULL, "totals: too much memory is needed");
	json_init(&json, text, arena);
	if (!json_object(&json))
		return corrupt(&json, err);
	while (json_member(&json, &name)) {
		if (!slice_is(name, "totals")) {
			if (!json_skip(&json, NULL))
				return corrupt(&json, err);
			continue;
		}
		if (!json_array(&json))
			return corrupt(&json, err);
		while (json_element(&json)) {
			if (ret_totals->count == USER_TOTALS_MAX)
				return corrupt(&json, err);
			enum status s = take_total(
				&json, arena, &ret_totals->items[ret_totals->count++], err);
			if (s != OK)
				return s;
		}
	}
	return json.problem == NULL ? OK : corrupt(&json, err);
}

struct decimal user_total_limit(const struct user_total *total, struct slice currency)
{
	for (uint32_t i = 0; i < total->limits.count; i++)
		if (slice_equal(total->limits.items[i].name, currency))
			return total->limits.items[i].amount;
	return total->limit;
}

/* 10^18: what is larger is no amount of a store, and sums of it would not stay in 128 bits. */
static bool further_than_sums_go(struct total amount)
{
	return total_compare(total_absolute(amount),
		       total_of(decimal_make(INT64_C(1000000000000000000), 0))) > 0;
}

static struct slice part_of(
	const struct user_total *total, const struct transaction *t, const void *item)
{
	switch (total->by) {
	case TOTAL_BY_REGISTER:
		return t->key.reg;
	case TOTAL_BY_OPERATOR:
		return t->operator_id.ptr == NULL ? slice_of("") : t->operator_id;
	case TOTAL_BY_TENDER:
		check(item != NULL); /* user_total_prepare() sees to it */
		return ((const struct tender *)item)->kind;
	default:
		return slice_of("");
	}
}

enum status user_total_of(const struct user_total *total, const struct transaction *t,
	enum status (*add)(void *context, struct slice part, struct total amount), void *context)
{
	struct expression_place place = { .transaction = t };
	bool lines = slice_is(total->each, "lines"), each = total->each.len > 0;
	uint32_t count = !each ? 1 : lines ? t->lines.count : t->tenders.count;
	const char *problem;
	enum status s = OK;
	if (t->type == TYPE_VOID || t->type == TYPE_TRAINING)
		return OK;
	for (uint32_t i = 0; i < count && s == OK; i++) {
		struct total amount;
		bool counts = true;
		if (each)
			place.item = lines ? (const void *)&t->lines.items[i]
					   : (const void *)&t->tenders.items[i];
		if (total->when != NULL &&
			(!expression_truth(total->when, &place, &counts, &problem) || !counts))
			continue;
		if (expression_number(total->amount, &place, &amount, &problem) &&
			total_sign(amount) != 0 && !further_than_sums_go(amount))
			s = add(context, part_of(total, t, place.item), amount);
	}
	return s;
}
