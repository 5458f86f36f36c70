#include "retail/rule_set.h"

#include "base/check.h"
#include "base/currency.h"
#include "retail/expression.h"
#include "retail/rule_set_internal.h"

#include <stdio.h>
#include <stdlib.h>

enum { SET_BYTES_MAX = 64 << 20, PERCENT_MAX = 10000 };

enum status rule_set_open(struct rule_set **ret_set, struct error *err)
{
	struct rule_set *set = calloc(1, sizeof(*set));
	if (set == NULL)
		return error_set(err, E_FULL, "out of memory");
	arena_init(&set->arena, SET_BYTES_MAX);
	for (unsigned i = 0; i < rules_count(); i++)
		set->general.items[i] = transaction_rules[i].usual;
	*ret_set = set;
	return OK;
}

void rule_set_close(struct rule_set *set)
{
	if (set == NULL)
		return;
	arena_release(&set->arena);
	free(set->stores.items);
	free(set->currencies.items);
	free(set);
}

unsigned rule_set_count(const struct rule_set *set)
{
	return rules_count() + (set == NULL ? 0 : set->user_count);
}

struct rule_row rule_set_row(const struct rule_set *set, unsigned number)
{
	check(number < rule_set_count(set));
	if (number >= rules_count()) {
		const struct user_row *row = set->users[number - rules_count()];
		return (struct rule_row){ .id = row->rule.id.ptr,
			.help = row->rule.message.ptr,
			.user = &row->rule,
			.when = row->when };
	}
	const struct rule *rule = &transaction_rules[number];
	return (struct rule_row){ .id = rule->id,
		.help = rule->help,
		.fields = rule->fields,
		.unit = rule->unit,
		.fixed = rule->fixed };
}

/* Its number, or rule_set_count(). */
static unsigned find_rule(const struct rule_set *set, struct slice id)
{
	unsigned number = 0, count = rule_set_count(set);
	while (number < count && !slice_is(id, rule_set_row(set, number).id))
		number++;
	return number;
}

/* The place of a name, or where it would stand. */
static uint32_t find_scope(const struct scopes *scopes, struct slice name, bool *ret_found)
{
	uint32_t low = 0, high = scopes->count;
	*ret_found = false;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int order = slice_compare(scopes->items[middle]->name, name);
		if (order == 0)
			*ret_found = true;
		if (order >= 0)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

const struct scope *rule_scope_find(const struct scopes *scopes, struct slice name)
{
	bool found;
	uint32_t place;
	if (scopes->count == 0 || name.ptr == NULL)
		return NULL;
	place = find_scope(scopes, name, &found);
	return found ? scopes->items[place] : NULL;
}

static struct scope *add_scope(struct rule_set *set, struct scopes *scopes, struct slice name)
{
	bool found;
	uint32_t place = find_scope(scopes, name, &found);
	if (found)
		return scopes->items[place];
	if (scopes->count == RULE_STORES_MAX)
		return NULL;
	if (scopes->count == scopes->size) {
		uint32_t size = scopes->size == 0 ? 16 : 2 * scopes->size;
		struct scope **items = realloc(scopes->items, size * sizeof(struct scope *));
		if (items == NULL)
			return NULL;
		scopes->items = items;
		scopes->size = size;
	}
	struct scope *scope = arena_new(&set->arena, struct scope);
	if (scope == NULL || (scope->name = arena_copy(&set->arena, name)).ptr == NULL)
		return NULL;
	memmove(scopes->items + place + 1, scopes->items + place,
		(scopes->count - place) * sizeof(struct scope *));
	scopes->items[place] = scope;
	scopes->count++;
	return scope;
}

static struct change *add_change(struct rule_set *set, struct scope *scope, unsigned rule)
{
	for (uint32_t i = 0; i < scope->count; i++)
		if (scope->changes[i].rule == rule)
			return &scope->changes[i];
	if (scope->count == scope->size) {
		uint32_t size = scope->size == 0 ? 4 : 2 * scope->size;
		struct change *changes = arena_array(&set->arena, struct change, size);
		if (changes == NULL)
			return NULL;
		if (scope->count > 0)
			memcpy(changes, scope->changes, scope->count * sizeof(*changes));
		scope->changes = changes;
		scope->size = size;
	}
	scope->changes[scope->count] = (struct change){ .rule = rule };
	return &scope->changes[scope->count++];
}

static enum status may_change(
	const struct rule_row *row, const struct rule_change *change, struct error *err)
{
	if (row->fixed)
		return error_set(err, E_CONFIG,
			"rules: %s always refuses: books and postings rely on it", row->id);
	if (!change->limit.set)
		return OK;
	if (row->unit == LIMIT_NONE)
		return error_set(err, E_CONFIG, "rules: %s has no limit", row->id);
	if (decimal_sign(change->limit) < 0)
		return error_set(err, E_CONFIG, "rules: %s: limit: is negative", row->id);
	if (row->unit == LIMIT_PERCENT &&
		decimal_compare(change->limit, decimal_make(PERCENT_MAX, 0)) > 0)
		return error_set(err, E_CONFIG, "rules: %s: limit: is more than %d percent",
			row->id, PERCENT_MAX);
	return OK;
}

static void apply(struct rule_setting *setting, const struct rule_change *change)
{
	if (change->has_severity)
		setting->severity = change->severity;
	if (change->limit.set)
		setting->limit = change->limit;
}

enum status rule_set_change(struct rule_set *set, struct slice rule, struct rule_scope scope,
	const struct rule_change *change, struct error *err)
{
	unsigned number = find_rule(set, rule);
	if (number == rule_set_count(set))
		return error_set(err, E_CONFIG,
			"rules: there is no rule \"%.*s\"; `tillbridge rules` lists them",
			SLICE_ARG(rule));
	struct rule_row row = rule_set_row(set, number);
	enum status s = may_change(&row, change, err);
	if (s != OK)
		return s;
	if (scope.store.ptr == NULL && scope.currency.ptr == NULL) {
		apply(&set->general.items[number], change);
		return OK;
	}
	bool store = scope.store.ptr != NULL;
	if (!store && currency_minor_units(scope.currency) < 0)
		return error_set(err, E_CONFIG, "rules: %s: \"%.*s\" is no currency of ISO 4217",
			row.id, SLICE_ARG(scope.currency));
	struct scope *where = add_scope(
		set, store ? &set->stores : &set->currencies, store ? scope.store : scope.currency);
	struct change *place = where == NULL ? NULL : add_change(set, where, number);
	if (place == NULL)
		return error_set(err, E_FULL, "rules: there are too many changes");
	if (change->has_severity) {
		place->change.has_severity = true;
		place->change.severity = change->severity;
	}
	if (change->limit.set)
		place->change.limit = change->limit;
	return OK;
}

enum status rule_set_practice(struct rule_set *set, struct slice store,
	const struct practice *practice, struct error *err)
{
	struct scope *scope = add_scope(set, &set->stores, store);
	if (scope == NULL)
		return error_set(err, E_FULL, "rules: there are too many stores");
	if (practice->tax_rounding != TAX_UNSAID)
		scope->practice.tax_rounding = practice->tax_rounding;
	if (practice->cash_increment.set)
		scope->practice.cash_increment = practice->cash_increment;
	return OK;
}

static bool is_id(struct slice id)
{
	bool good = id.len > 0 && id.len <= RULE_ID_MAX;
	for (size_t i = 0; i < id.len && good; i++) {
		char c = id.ptr[i];
		good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		       c == '.' || c == '_' || c == '-';
	}
	return good;
}

static enum status check_user_rule(
	const struct rule_set *set, const struct user_rule *rule, struct error *err)
{
	if (!is_id(rule->id))
		return error_set(err, E_CONFIG,
			"user_rules: \"%.*s\" is not a name of 1 to %d letters, digits, '.', '_' "
			"or '-'",
			SLICE_ARG(rule->id), RULE_ID_MAX);
	if (find_rule(set, rule->id) < rule_set_count(set))
		return error_set(err, E_CONFIG,
			"user_rules: \"%.*s\" is the name of a rule already", SLICE_ARG(rule->id));
	if (set->user_count == USER_RULES_MAX)
		return error_set(
			err, E_CONFIG, "user_rules: at most %d rules are allowed", USER_RULES_MAX);
	if (rule->message.len == 0 || rule->message.len > RULE_MESSAGE_MAX)
		return error_set(err, E_CONFIG,
			"user_rules: %.*s: message: 1 to %d bytes are expected",
			SLICE_ARG(rule->id), RULE_MESSAGE_MAX);
	if (rule->each.len > 0 && !slice_is(rule->each, "lines") &&
		!slice_is(rule->each, "tenders"))
		return error_set(err, E_CONFIG,
			"user_rules: %.*s: each: is \"%.*s\", expected lines or tenders",
			SLICE_ARG(rule->id), SLICE_ARG(rule->each));
	return OK;
}

enum status rule_set_add(
	struct rule_set *set, const struct user_rule *rule, size_t *ret_offset, struct error *err)
{
	struct expression_fault fault;
	size_t nowhere;
	if (ret_offset == NULL)
		ret_offset = &nowhere;
	*ret_offset = SIZE_MAX;
	enum status s = check_user_rule(set, rule, err);
	if (s != OK)
		return s;
	struct user_row *row = arena_new(&set->arena, struct user_row);
	if (row == NULL)
		return error_set(err, E_FULL, "user_rules: too much memory is needed");
	row->rule = (struct user_rule){
		.id = arena_copy(&set->arena, rule->id),
		.when = arena_copy(&set->arena, rule->when),
		.each = arena_copy(&set->arena, rule->each),
		.message = arena_copy(&set->arena, rule->message),
		.severity = rule->severity,
	};
	if (row->rule.id.ptr == NULL || row->rule.when.ptr == NULL || row->rule.each.ptr == NULL ||
		row->rule.message.ptr == NULL)
		return error_set(err, E_FULL, "user_rules: too much memory is needed");
	struct expression_wanted wanted = { EXPRESSION_TRUTH,
		rule->each.len == 0 ? NULL : row->rule.each.ptr };
	s = expression_parse(row->rule.when, wanted, &set->arena, &row->when, &fault);
	if (s != OK) {
		*ret_offset = fault.offset;
		return error_set(err, E_CONFIG, "user_rules: %.*s: when: %s", SLICE_ARG(rule->id),
			fault.text);
	}
	unsigned number = rules_count() + set->user_count;
	set->general.items[number] = (struct rule_setting){ .severity = rule->severity };
	set->users[set->user_count++] = row;
	return OK;
}

static void apply_scope(const struct scope *scope, struct rule_settings *settings)
{
	for (uint32_t i = 0; i < scope->count; i++)
		apply(&settings->items[scope->changes[i].rule], &scope->changes[i].change);
}

const struct rule_setting *rule_set_resolve(const struct rule_set *set, struct slice store,
	struct slice currency, struct rule_settings *own, struct practice *ret_practice)
{
	*ret_practice = (struct practice){ .tax_rounding = TAX_PER_LINE };
	if (set == NULL)
		return NULL;
	const struct scope *of_store = rule_scope_find(&set->stores, store);
	const struct scope *of_currency = rule_scope_find(&set->currencies, currency);
	if (of_store != NULL) {
		if (of_store->practice.tax_rounding != TAX_UNSAID)
			ret_practice->tax_rounding = of_store->practice.tax_rounding;
		ret_practice->cash_increment = of_store->practice.cash_increment;
	}
	if ((of_store == NULL || of_store->count == 0) && of_currency == NULL)
		return set->general.items;
	memcpy(own->items, set->general.items, rule_set_count(set) * sizeof(own->items[0]));
	if (of_currency != NULL)
		apply_scope(of_currency, own);
	if (of_store != NULL)
		apply_scope(of_store, own);
	return own->items;
}
