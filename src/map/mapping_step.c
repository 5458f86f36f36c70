/* The steps of an expression: each makes another text of a text. */
#include "base/currency.h"
#include "base/hash.h"
#include "map/mapping_internal.h"

#include <stdio.h>
#include <stdlib.h>

static int currency_decimals(struct run *run, struct slice text)
{
	int units = currency_minor_units(run->currency);
	if (run->currency.ptr == NULL)
		wrong_value(run, text, "the currency must be known first");
	else if (units < 0)
		wrong_value(run, text, "the currency \"%.*s\" is not one of ISO 4217",
			run->currency.len > 10 ? 10 : (int)run->currency.len, run->currency.ptr);
	return units;
}

static enum outcome keep_decimal(struct run *run, struct decimal d, struct slice *text)
{
	char printed[DECIMAL_TEXT_MAX];
	return keep_text(run, slice_make(printed, decimal_print(d, printed)), text) ? FOUND : WRONG;
}

/* 1599 is 15.99 in a currency of two decimals. */
static enum outcome minor(struct run *run, struct slice *text)
{
	struct decimal d;
	if (!decimal_of(run, *text, &d))
		return WRONG;
	if (d.scale > 0)
		return wrong_value(run, *text, "a whole number of minor units is expected");
	int units = currency_decimals(run, *text);
	if (units < 0)
		return WRONG;
	return keep_decimal(run, decimal_make(d.coefficient, (unsigned)units), text);
}

static enum outcome sign(
	struct run *run, const struct step *step, struct here here, struct slice *text)
{
	struct decimal d, model = decimal_make(1, 0);
	if (!decimal_of(run, *text, &d))
		return WRONG;
	bool negative = d.coefficient < 0;
	if (step->kind == STEP_NEGATE && conditions_hold(run, &step->conditions, here))
		negative = !negative;
	if (step->kind == STEP_ABSOLUTE)
		negative = false;
	if (step->kind == STEP_SIGN_OF) {
		struct slice other;
		uint32_t sources = run->source_count;
		enum outcome outcome = evaluate(run, step->expression, here, &other);
		run->source_count = sources;
		if (outcome == WRONG || (outcome == FOUND && !decimal_of(run, other, &model)))
			return WRONG;
		negative = decimal_sign(model) < 0;
	}
	/* At most 18 digits: there is a positive for every negative. */
	int64_t value = d.coefficient < 0 ? -d.coefficient : d.coefficient;
	return keep_decimal(run, decimal_make(negative ? -value : value, d.scale), text);
}

static enum outcome round_text(struct run *run, const struct step *step, struct slice *text)
{
	struct decimal d;
	char printed[TOTAL_TEXT_MAX];
	if (!decimal_of(run, *text, &d))
		return WRONG;
	int decimals = step->number < 0 ? currency_decimals(run, *text) : step->number;
	if (decimals < 0)
		return WRONG;
	struct total rounded = total_round(total_of(d), (unsigned)decimals, ROUND_HALF_UP);
	size_t len = total_print(rounded, (unsigned)decimals, printed);
	return keep_text(run, slice_make(printed, len), text) ? FOUND : WRONG;
}

static int compare_key(const void *key, const void *entry)
{
	return slice_compare(*(const struct slice *)key, ((const struct table_entry *)entry)->key);
}

static enum outcome look_up(struct run *run, const struct step *step, struct slice *text)
{
	const struct table *table = step->table;
	const struct table_entry *entry =
		table->count == 0
			? NULL
			: bsearch(text, table->entries, table->count, sizeof(*entry), compare_key);
	if (entry == NULL && table->other.ptr == NULL)
		return wrong_value(run, *text, "the table %.*s has no such entry and no \"*\"",
			SLICE_ARG(table->name));
	*text = entry == NULL ? table->other : entry->value;
	return text->len == 0 ? ABSENT : FOUND;
}

static enum outcome join(
	struct run *run, struct slice first, struct slice second, struct slice *text)
{
	*text = arena_format(run->arena, "%.*s%.*s", SLICE_ARG(first), SLICE_ARG(second));
	return text->ptr == NULL ? run_full(run) : FOUND;
}

/* What stands before the first or behind the last `part`; all of it when there is none. */
static enum outcome split(bool after, struct slice part, struct slice *text)
{
	struct slice all = *text;
	for (size_t i = 0; i + part.len <= all.len && part.len > 0; i++) {
		if (memcmp(all.ptr + i, part.ptr, part.len) != 0)
			continue;
		*text = after ? slice_make(all.ptr + i + part.len, all.len - i - part.len)
			      : slice_make(all.ptr, i);
		if (!after)
			break;
	}
	return text->len == 0 ? ABSENT : FOUND;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static enum outcome digits(struct run *run, bool last, struct slice *text)
{
	char *out = arena_alloc(run->arena, text->len + 1);
	size_t len = 0, from = 0;
	if (out == NULL)
		return run_full(run);
	if (last)
		for (from = text->len; from > 0 && is_digit(text->ptr[from - 1]);)
			from--;
	for (size_t i = from; i < text->len; i++)
		if (is_digit(text->ptr[i]))
			out[len++] = text->ptr[i];
	if (len == 0)
		return wrong_value(run, *text, "digits are expected");
	/* A number has no zeros in front. */
	size_t zeros = 0;
	while (zeros + 1 < len && out[zeros] == '0')
		zeros++;
	*text = slice_make(out + zeros, len - zeros);
	return FOUND;
}

/* The first 53 bits of the text's SHA-256: the largest whole number that every reader of JSON
 * holds exactly. */
static enum outcome stable_number(struct run *run, struct slice *text)
{
	struct hash hash = hash_of(*text);
	uint64_t number = 0;
	for (unsigned i = 0; i < 8; i++)
		number = number << 8 | hash.bytes[i];
	*text = arena_format(run->arena, "%llu", (unsigned long long)(number >> 11));
	return text->ptr == NULL ? run_full(run) : FOUND;
}

static char changed(enum step_kind kind, char c)
{
	bool upper = c >= 'A' && c <= 'Z', lower = c >= 'a' && c <= 'z';
	if (kind == STEP_UPPER)
		return lower ? (char)(c - 'a' + 'A') : c;
	if (kind == STEP_LOWER)
		return upper ? (char)(c - 'A' + 'a') : c;
	return upper || lower || is_digit(c) || c == '.' || c == '_' || c == '-' ? c : '-';
}

static enum outcome change_letters(struct run *run, enum step_kind kind, struct slice *text)
{
	char *out = arena_alloc(run->arena, text->len + 1);
	if (out == NULL)
		return run_full(run);
	for (size_t i = 0; i < text->len; i++)
		out[i] = changed(kind, text->ptr[i]);
	*text = slice_make(out, text->len);
	return FOUND;
}

static enum outcome cut(const struct step *step, struct slice *text)
{
	size_t max = (size_t)step->number;
	if (text->len <= max)
		return FOUND;
	while (max > 0 && ((unsigned char)text->ptr[max] & 0xc0) == 0x80)
		max--;
	*text = slice_trim(slice_make(text->ptr, max));
	return text->len == 0 ? ABSENT : FOUND;
}

static enum outcome drop(const struct step *step, const struct slice *text)
{
	for (uint32_t i = 0; i < step->value_count; i++)
		if (slice_equal(step->values[i], *text))
			return ABSENT;
	return FOUND;
}

enum outcome apply_step(
	struct run *run, const struct step *step, struct here here, struct slice *text)
{
	switch (step->kind) {
	case STEP_MINOR:
		return minor(run, text);
	case STEP_NEGATE:
	case STEP_ABSOLUTE:
	case STEP_SIGN_OF:
		return sign(run, step, here, text);
	case STEP_ROUND:
		return round_text(run, step, text);
	case STEP_TABLE:
		return look_up(run, step, text);
	case STEP_DEFAULT:
		*text = step->text;
		return FOUND;
	case STEP_DROP:
		return drop(step, text);
	case STEP_PREFIX:
		return join(run, step->text, *text, text);
	case STEP_SUFFIX:
		return join(run, *text, step->text, text);
	case STEP_BEFORE:
	case STEP_AFTER:
		return split(step->kind == STEP_AFTER, step->text, text);
	case STEP_DIGITS:
	case STEP_LAST_DIGITS:
		return digits(run, step->kind == STEP_LAST_DIGITS, text);
	case STEP_STABLE_NUMBER:
		return stable_number(run, text);
	case STEP_UPPER:
	case STEP_LOWER:
	case STEP_CODE:
		return change_letters(run, step->kind, text);
	case STEP_CUT:
		return cut(step, text);
	case STEP_DATE:
	case STEP_TIME:
		return step_time(run, step, text);
	}
	return FOUND;
}
