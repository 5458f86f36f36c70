#include "books/store_day.h"

#include "store/tally.h"

#include <stdlib.h>

static const struct migration migrations[] = {
	{ "store_day.1",
		"CREATE TABLE store_summary (store TEXT PRIMARY KEY, transactions BIGINT NOT NULL,"
		" line_count BIGINT NOT NULL, returns BIGINT NOT NULL, last_date BIGINT NOT NULL,"
		" last_recorded_ms BIGINT NOT NULL, last_event BIGINT NOT NULL) WITHOUT ROWID;"
		"CREATE TABLE store_total (store TEXT NOT NULL, currency TEXT NOT NULL,"
		" net TEXT NOT NULL, tax TEXT NOT NULL, gross TEXT NOT NULL,"
		" last_event BIGINT NOT NULL, PRIMARY KEY (store, currency)) WITHOUT ROWID;"
		"CREATE TABLE register_day (store TEXT NOT NULL, business_date BIGINT NOT NULL,"
		" register TEXT NOT NULL, transactions BIGINT NOT NULL, line_count BIGINT NOT NULL,"
		" first_sequence BIGINT NOT NULL, last_sequence BIGINT NOT NULL,"
		" PRIMARY KEY (store, business_date, register)) WITHOUT ROWID;"
		"CREATE TABLE day_total (store TEXT NOT NULL, business_date BIGINT NOT NULL,"
		" currency TEXT NOT NULL, net TEXT NOT NULL, tax TEXT NOT NULL, gross TEXT NOT "
		"NULL,"
		" rounding TEXT NOT NULL, PRIMARY KEY (store, business_date, currency)) WITHOUT "
		"ROWID;"
		"CREATE TABLE day_tender (store TEXT NOT NULL, business_date BIGINT NOT NULL,"
		" kind TEXT NOT NULL, currency TEXT NOT NULL, amount TEXT NOT NULL,"
		" PRIMARY KEY (store, business_date, kind, currency)) WITHOUT ROWID;"
		"CREATE TABLE day_tax (store TEXT NOT NULL, business_date BIGINT NOT NULL,"
		" code TEXT NOT NULL, rate TEXT NOT NULL, currency TEXT NOT NULL,"
		" base TEXT NOT NULL, amount TEXT NOT NULL,"
		" PRIMARY KEY (store, business_date, code, rate, currency)) WITHOUT ROWID" },
	{ "store_day.2",
		"ALTER TABLE store_summary ADD COLUMN revisions BIGINT NOT NULL DEFAULT 0" },
};

enum { SUMMARY, STORE_TOTAL, DAY_TOTAL, DAY_TENDER, DAY_TAX, TABLES };

static const struct tally_table tables[TABLES] = {
	[SUMMARY] = { .name = "store_summary",
		.keys = { "store" },
		.values = { { "transactions", TALLY_COUNT }, { "line_count", TALLY_COUNT },
			{ "returns", TALLY_COUNT }, { "last_date", TALLY_MAX },
			{ "last_recorded_ms", TALLY_MAX }, { "last_event", TALLY_MAX },
			{ "revisions", TALLY_COUNT } } },
	[STORE_TOTAL] = { .name = "store_total",
		.keys = { "store", "currency" },
		.values = { { "net", TALLY_TOTAL }, { "tax", TALLY_TOTAL },
			{ "gross", TALLY_TOTAL }, { "last_event", TALLY_MAX } } },
	[DAY_TOTAL] = { .name = "day_total",
		.keys = { "store", "#business_date", "currency" },
		.values = { { "net", TALLY_TOTAL }, { "tax", TALLY_TOTAL },
			{ "gross", TALLY_TOTAL }, { "rounding", TALLY_TOTAL } } },
	[DAY_TENDER] = { .name = "day_tender",
		.keys = { "store", "#business_date", "kind", "currency" },
		.values = { { "amount", TALLY_TOTAL } } },
	[DAY_TAX] = { .name = "day_tax",
		.keys = { "store", "#business_date", "code", "rate", "currency" },
		.values = { { "base", TALLY_TOTAL }, { "amount", TALLY_TOTAL } } },
};

struct store_day {
	struct tally *tallies[TABLES];
};

static void store_day_close(void *state)
{
	struct store_day *d = state;
	for (int i = 0; i < TABLES; i++)
		tally_close(d->tallies[i]);
	free(d);
}

static enum status store_day_open(struct store *store, void **ret_state, struct error *err)
{
	struct store_day *d = calloc(1, sizeof(*d));
	if (d == NULL)
		return error_set(err, E_FULL, "out of memory");
	for (int i = 0; i < TABLES; i++) {
		enum status s = tally_open(store, &tables[i], &d->tallies[i], err);
		if (s != OK) {
			store_day_close(d);
			return s;
		}
	}
	*ret_state = d;
	return OK;
}

/* A number counts once, however many revisions of it come; its lines are those of the revision
 * that stands. */
static enum status count_received(
	struct store_day *d, const struct applied_event *e, struct error *err)
{
	const struct transaction *t = e->transaction, *old = e->superseded;
	bool first = e->standing_event == 0;
	int64_t lines = 0, returns = 0;
	if (!e->outdated) {
		lines = (int64_t)t->lines.count - (old == NULL ? 0 : (int64_t)old->lines.count);
		returns = (t->type == TYPE_RETURN) - (old != NULL && old->type == TYPE_RETURN);
	}
	struct tally_key store = { .text = t->key.store };
	struct tally_value summary[] = { { .number = first }, { .number = lines },
		{ .number = returns }, { .number = t->key.business_date },
		{ .number = e->event.recorded_ms }, { .number = (int64_t)e->event.number },
		{ .number = !first } };
	return tally_add(d->tallies[SUMMARY], &store, summary, err);
}

static enum status add_totals(struct store_day *d, const struct applied_event *e,
	const struct transaction *t, struct error *err)
{
	struct tally_value values[] = { { .total = total_of(t->totals.net) },
		{ .total = total_of(t->totals.tax) }, { .total = total_of(t->totals.gross) },
		{ .total = total_of(t->totals.rounding), .number = (int64_t)e->event.number } };
	struct tally_key day[] = { { .text = t->key.store }, { .number = t->key.business_date },
		{ .text = t->currency } };
	struct tally_key store[] = { day[0], day[2] };
	enum status s = tally_add(d->tallies[DAY_TOTAL], day, values, err);
	return s == OK ? tally_add(d->tallies[STORE_TOTAL], store, values, err) : s;
}

static enum status add_tenders(struct store_day *d, const struct transaction *t, struct error *err)
{
	enum status s = OK;
	for (uint32_t i = 0; i < t->tenders.count && s == OK; i++) {
		const struct tender *tender = &t->tenders.items[i];
		struct tally_key keys[] = { { .text = t->key.store },
			{ .number = t->key.business_date }, { .text = tender->kind },
			{ .text = t->currency } };
		/* Change is always given in cash. */
		struct tally_value value = { .total = total_of(tender->amount) };
		s = tally_add(d->tallies[DAY_TENDER], keys, &value, err);
		if (s != OK || decimal_is_zero(tender->change))
			continue;
		keys[2].text = slice_of("cash");
		value.total = total_negate(total_of(tender->change));
		s = tally_add(d->tallies[DAY_TENDER], keys, &value, err);
	}
	return s;
}

static enum status add_taxes(struct store_day *d, const struct transaction *t, struct error *err)
{
	enum status s = OK;
	for (uint32_t i = 0; i < t->lines.count; i++) {
		const struct line *line = &t->lines.items[i];
		for (uint32_t j = 0; j < line->taxes.count && s == OK; j++) {
			const struct tax *tax = &line->taxes.items[j];
			char rate[DECIMAL_TEXT_MAX];
			size_t rate_len = decimal_print(decimal_normal(tax->rate), rate);
			struct tally_key keys[] = { { .text = t->key.store },
				{ .number = t->key.business_date }, { .text = tax->code },
				{ .text = slice_make(rate, rate_len) }, { .text = t->currency } };
			struct tally_value values[] = { { .total = total_of(tax->base) },
				{ .total = total_of(tax->amount) } };
			s = tally_add(d->tallies[DAY_TAX], keys, values, err);
		}
	}
	return s;
}

static enum status add_effect(struct store_day *d, const struct applied_event *e,
	const struct transaction *t, struct error *err)
{
	enum status s = OK;
	if (!transaction_has_effect(t) || t->currency.len == 0)
		return OK;
	if (t->totals.set)
		s = add_totals(d, e, t, err);
	if (s == OK)
		s = add_tenders(d, t, err);
	if (s == OK)
		s = add_taxes(d, t, err);
	return s;
}

static enum status store_day_apply(void *state, const struct applied_event *e, struct error *err)
{
	struct store_day *d = state;
	if (e->transaction == NULL || e->event.kind == EVENT_CONFLICT)
		return OK;
	enum status s = count_received(d, e, err);
	for (unsigned i = 0; i < e->effect_count && s == OK; i++)
		s = add_effect(d, e, e->effects[i], err);
	return s;
}

static enum status store_day_flush(void *state, struct error *err)
{
	struct store_day *d = state;
	enum status s = OK;
	for (int i = 0; i < TABLES && s == OK; i++)
		s = tally_flush(d->tallies[i], err);
	return s;
}

static void store_day_forget(void *state)
{
	struct store_day *d = state;
	for (int i = 0; i < TABLES; i++)
		tally_forget(d->tallies[i]);
}

const struct consumer store_day_consumer = {
	.name = "store_day",
	.migrations = migrations,
	.migration_count = sizeof(migrations) / sizeof(migrations[0]),
	.open = store_day_open,
	.apply = store_day_apply,
	.flush = store_day_flush,
	.forget = store_day_forget,
	.close = store_day_close,
};
