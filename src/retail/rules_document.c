#include "base/currency.h"
#include "retail/rules_internal.h"

enum { DATE_MIN = 20000101 };

void check_required(
	const struct rule_run *run, const struct transaction *t, struct findings *findings)
{
	if (!transaction_is_posted(t))
		return;
	const char *type = transaction_type_name(t->type);
	if (t->currency.ptr == NULL)
		rule_found(run, findings, "/currency", "is missing; the type %s needs it", type);
	if (t->lines.count == 0)
		rule_found(run, findings, "/lines",
			"is missing or empty; the type %s needs at least one line", type);
	if (!t->totals.set)
		rule_found(run, findings, "/totals", "is missing; the type %s needs it", type);
}

static bool is_goods(const struct line *line)
{
	return line->kind == LINE_SALE || line->kind == LINE_RETURN || line->kind == LINE_WRITE_OFF;
}

void check_required_line(
	const struct rule_run *run, const struct transaction *t, struct findings *findings)
{
	for (uint32_t i = 0; i < t->lines.count; i++) {
		const struct line *line = &t->lines.items[i];
		if (!is_goods(line))
			continue;
		if (line->item.ptr == NULL)
			rule_found(run, findings, rule_at("/lines", i, "item").text,
				"is missing; a line of the kind %s needs it",
				line_kind_name(line->kind));
		if (!line->quantity.set)
			rule_found(run, findings, rule_at("/lines", i, "quantity").text,
				"is missing; a line of the kind %s needs it",
				line_kind_name(line->kind));
	}
}

/* Posted types are held to `required`, which says the same. */
void check_currency_missing(
	const struct rule_run *run, const struct transaction *t, struct findings *findings)
{
	if (t->currency.ptr != NULL || transaction_is_posted(t))
		return;
	const struct declared *d = &t->declared;
	bool amounts = t->lines.count > 0 || t->tenders.count > 0 || t->totals.set ||
		       d->gross.set || d->tenders.count > 0 || d->counted.count > 0;
	if (amounts)
		rule_found(run, findings, "/currency", "is missing, but there are amounts");
}

void check_currency_unknown(
	const struct rule_run *run, const struct transaction *t, struct findings *findings)
{
	if (t->currency.ptr != NULL && currency_minor_units(t->currency) < 0)
		rule_found(run, findings, "/currency",
			"is \"%.*s\", expected a code of ISO 4217 such as \"EUR\"",
			SLICE_ARG(t->currency));
}

/* Numbers mostly rise, and are then seen to differ in one pass. Where they do not, each is
 * compared with all before it: at most 12.5 million steps for 5,000 lines. */
void check_line_numbers(
	const struct rule_run *run, const struct transaction *t, struct findings *findings)
{
	const struct line *lines = t->lines.items;
	uint32_t i = 1;
	while (i < t->lines.count && lines[i].number > lines[i - 1].number)
		i++;
	for (; i < t->lines.count; i++) {
		uint32_t before = 0;
		while (before < i && lines[before].number != lines[i].number)
			before++;
		if (before < i)
			rule_found(run, findings, rule_at("/lines", i, "number").text,
				"is %llu, and so is that of /lines/%u",
				(unsigned long long)lines[i].number, before);
	}
}

void check_tender_numbers(
	const struct rule_run *run, const struct transaction *t, struct findings *findings)
{
	const struct tender *tenders = t->tenders.items;
	for (uint32_t i = 1; i < t->tenders.count; i++) {
		uint32_t before = 0;
		while (before < i && tenders[before].number != tenders[i].number)
			before++;
		if (before < i)
			rule_found(run, findings, rule_at("/tenders", i, "number").text,
				"is %llu, and so is that of /tenders/%u",
				(unsigned long long)tenders[i].number, before);
	}
}

void check_date_range(
	const struct rule_run *run, const struct transaction *t, struct findings *findings)
{
	char text[DATE_TEXT_LEN + 1];
	if (t->key.business_date >= DATE_MIN)
		return;
	date_print(t->key.business_date, text);
	rule_found(run, findings, "/business_date", "is %s, which is before 2000-01-01", text);
}

/* The day that stood on the till's own clock. */
static int64_t local_day(struct timestamp time)
{
	const int64_t day_ms = 86400000;
	int64_t local_ms = time.ms + (int64_t)time.offset_min * 60000;
	int64_t day = local_ms / day_ms;
	return local_ms % day_ms < 0 ? day - 1 : day;
}

void check_date_skew(
	const struct rule_run *run, const struct transaction *t, struct findings *findings)
{
	int64_t days = date_to_days(t->key.business_date) - local_day(t->closed_at);
	if (days < 0)
		days = -days;
	if (total_compare(total_of(decimal_make(days, 0)), total_of(run->limit)) > 0)
		rule_found(run, findings, "/business_date",
			"is %lld days from the local day of closed_at; at most %s are usual",
			(long long)days, rule_limit(run).text);
}

void check_time_order(
	const struct rule_run *run, const struct transaction *t, struct findings *findings)
{
	if (t->began_at.set && t->began_at.ms > t->closed_at.ms)
		rule_found(run, findings, "/began_at", "is %lld ms after closed_at",
			(long long)(t->began_at.ms - t->closed_at.ms));
}

/* Training is left out: its lines and tenders are what it is about. */
void check_no_effect(
	const struct rule_run *run, const struct transaction *t, struct findings *findings)
{
	if (transaction_has_effect(t) || t->type == TYPE_TRAINING)
		return;
	const char *type = transaction_type_name(t->type);
	for (uint32_t i = 0; i < t->lines.count; i++)
		if (!decimal_is_zero(t->lines.items[i].amount))
			rule_found(run, findings, rule_at("/lines", i, "amount").text,
				"is not zero, but the type %s moves no money", type);
	for (uint32_t i = 0; i < t->tenders.count; i++)
		if (!decimal_is_zero(t->tenders.items[i].amount))
			rule_found(run, findings, rule_at("/tenders", i, "amount").text,
				"is not zero, but the type %s moves no money", type);
}

void check_close_declared(
	const struct rule_run *run, const struct transaction *t, struct findings *findings)
{
	if (t->type == TYPE_CLOSE && !t->declared.set)
		rule_found(run, findings, "/declared",
			"is missing; without it nobody can tell whether the day is complete");
}

void check_tender_kind(
	const struct rule_run *run, const struct transaction *t, struct findings *findings)
{
	static const struct slice kinds[] = { SLICE("cash"), SLICE("card"), SLICE("gift_card"),
		SLICE("voucher"), SLICE("account"), SLICE("other") };
	const size_t count = sizeof(kinds) / sizeof(kinds[0]);
	for (uint32_t i = 0; i < t->tenders.count; i++) {
		struct slice kind = t->tenders.items[i].kind;
		size_t known = 0;
		while (known < count && !slice_equal(kinds[known], kind))
			known++;
		if (known == count)
			rule_found(run, findings, rule_at("/tenders", i, "kind").text,
				"is \"%.*s\", expected cash, card, gift_card, voucher, account or "
				"other",
				SLICE_ARG(kind));
	}
}

void check_of(const struct rule_run *run, const struct transaction *t, struct findings *findings)
{
	for (uint32_t i = 0; i < t->lines.count; i++) {
		const struct line *line = &t->lines.items[i];
		if (line->of.set && line->kind != LINE_RETURN)
			rule_found(run, findings, rule_at("/lines", i, "of").text,
				"names a line that is returned, but the kind is %s",
				line_kind_name(line->kind));
	}
}
