/* Holding a transaction to the rules, and what their checks say about it. */
#include "base/currency.h"
#include "retail/expression.h"
#include "retail/rules_internal.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const severity_names[] = {
	[RULE_OFF] = "off",
	[RULE_REPORT] = "report",
	[RULE_REFUSE] = "refuse",
};

static const char *const unit_names[] = {
	[LIMIT_NONE] = NULL,
	[LIMIT_MINOR_UNITS] = "minor_units",
	[LIMIT_AMOUNT] = "amount",
	[LIMIT_DAYS] = "days",
	[LIMIT_PERCENT] = "percent",
	[LIMIT_COUNT] = "count",
};

const char *severity_name(enum severity severity)
{
	return severity_names[severity];
}

const char *limit_unit_name(enum limit_unit unit)
{
	return unit_names[unit];
}

bool severity_find(struct slice name, enum severity *ret_severity)
{
	for (unsigned i = RULE_OFF; i <= RULE_REFUSE; i++)
		if (slice_is(name, severity_names[i])) {
			*ret_severity = (enum severity)i;
			return true;
		}
	return false;
}

/* What holds for one place of a user's rule: a line, a tender or the whole document. */
static void check_place(const struct rule_run *run, const struct rule_row *row,
	const struct expression_place *place, const char *pointer, struct findings *findings)
{
	bool broken = false;
	const char *problem = NULL;
	if (!expression_truth(row->when, place, &broken, &problem))
		rule_found(run, findings, pointer, "the rule cannot be computed: %s", problem);
	else if (broken)
		rule_found(run, findings, pointer, "%.*s", SLICE_ARG(row->user->message));
}

static void check_user_rule(const struct rule_run *run, const struct rule_row *row,
	const struct transaction *t, struct findings *findings)
{
	struct expression_place place = { .transaction = t };
	bool lines = slice_is(row->user->each, "lines");
	if (row->user->each.len == 0) {
		check_place(run, row, &place, "", findings);
		return;
	}
	uint32_t count = lines ? t->lines.count : t->tenders.count;
	for (uint32_t i = 0; i < count; i++) {
		char pointer[32];
		snprintf(pointer, sizeof(pointer), lines ? "/lines/%u" : "/tenders/%u", i);
		place.item = lines ? (const void *)&t->lines.items[i]
				   : (const void *)&t->tenders.items[i];
		check_place(run, row, &place, pointer, findings);
	}
}

void transaction_check(
	const struct transaction *t, const struct rule_set *set, struct findings *findings)
{
	struct rule_settings own;
	struct practice practice;
	const struct rule_setting *settings =
		rule_set_resolve(set, t->key.store, t->currency, &own, &practice);
	unsigned table = rules_count(), count = rule_set_count(set);
	struct rule_run run = { .practice = &practice, .minor_units = rule_minor_units(t) };
	if (t->tax_rounding != TAX_UNSAID)
		practice.tax_rounding = t->tax_rounding;
	for (unsigned i = 0; i < count; i++) {
		const struct rule_setting *setting =
			settings != NULL ? &settings[i] : &transaction_rules[i].usual;
		if (setting->severity == RULE_OFF)
			continue;
		run.refuses = setting->severity == RULE_REFUSE;
		run.limit = setting->limit;
		if (i < table) {
			run.id = transaction_rules[i].id;
			transaction_rules[i].check(&run, t, findings);
		} else {
			struct rule_row row = rule_set_row(set, i);
			run.id = row.id;
			check_user_rule(&run, &row, t, findings);
		}
	}
}

struct at rule_at(const char *list, uint32_t index, const char *member)
{
	struct at at;
	snprintf(at.text, sizeof(at.text), "%s/%u/%s", list, index, member);
	return at;
}

struct money rule_money(const struct transaction *t, struct total total)
{
	struct money money;
	total_print(total, rule_minor_units(t), money.text);
	return money;
}

struct money rule_limit(const struct rule_run *run)
{
	struct money money;
	total_print(total_of(run->limit), 0, money.text);
	return money;
}

void rule_found(const struct rule_run *run, struct findings *findings, const char *pointer,
	const char *format, ...)
{
	char detail[2 * FINDING_DETAIL_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	findings_add(findings, run->id, run->refuses, pointer, "%s", detail);
}

unsigned rule_minor_units(const struct transaction *t)
{
	int units = currency_minor_units(t->currency);
	return units < 0 ? 2 : (unsigned)units;
}

struct total rule_limit_units(const struct rule_run *run)
{
	struct decimal limit = run->limit;
	limit.scale = (uint8_t)(limit.scale + run->minor_units);
	if (limit.scale <= DECIMAL_SCALE_MAX)
		return total_of(limit);
	struct total total = total_of(run->limit);
	for (unsigned i = run->minor_units; i > 0; i--)
		total.nanos /= 10;
	return total;
}

bool further_apart(struct total a, struct total b, struct total limit)
{
	return total_compare(total_absolute(total_subtract(a, b)), limit) > 0;
}

/* A product of two decimals may fill a total on its own. No amount comes near 10^24, so a product
 * is cut to that, and a hundred thousand of them can be added. */
struct total rule_product(struct decimal a, struct decimal b)
{
	const __int128 limit = (__int128)1000000000000000000 * 1000000000000000;
	struct total product = total_product(a, b, DECIMAL_SCALE_MAX, ROUND_HALF_UP);
	if (product.nanos > limit)
		product.nanos = limit;
	if (product.nanos < -limit)
		product.nanos = -limit;
	return product;
}
