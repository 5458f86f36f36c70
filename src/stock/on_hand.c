#include "stock/on_hand.h"

#include "store/tally.h"

static const struct migration migrations[] = {
	{ "on_hand.1", "CREATE TABLE on_hand (location TEXT NOT NULL, item TEXT NOT NULL,"
		       " quantity TEXT NOT NULL, event BIGINT NOT NULL, changed_ms BIGINT NOT NULL,"
		       " PRIMARY KEY (location, item)) WITHOUT ROWID" },
	{ "on_hand.2", "CREATE INDEX on_hand_of_item ON on_hand (item, location)" },
};

static const struct tally_table table = {
	.name = "on_hand",
	.keys = { "location", "item" },
	.values = { { "quantity", TALLY_TOTAL }, { "event", TALLY_MAX },
		{ "changed_ms", TALLY_MAX } },
	.rows_max = 200000,
};

static enum status on_hand_open(struct store *store, void **ret_state, struct error *err)
{
	struct tally *tally = NULL;
	enum status s = tally_open(store, &table, &tally, err);
	*ret_state = tally;
	return s;
}

static enum status move_stock(
	void *state, const struct applied_event *e, const struct transaction *t, struct error *err)
{
	for (uint32_t i = 0; i < t->lines.count; i++) {
		const struct line *line = &t->lines.items[i];
		struct total change;
		if (!line_stock_change(line, &change))
			continue;
		struct tally_key keys[] = { { .text = t->key.store }, { .text = line->item } };
		struct tally_value values[] = { { .total = change },
			{ .number = (int64_t)e->event.number },
			{ .number = e->event.recorded_ms } };
		enum status s = tally_add(state, keys, values, err);
		if (s != OK)
			return s;
	}
	return OK;
}

static enum status on_hand_apply(void *state, const struct applied_event *e, struct error *err)
{
	enum status s = OK;
	for (unsigned i = 0; i < e->effect_count && s == OK; i++)
		if (transaction_has_effect(e->effects[i]))
			s = move_stock(state, e, e->effects[i], err);
	return s;
}

static enum status on_hand_flush(void *state, struct error *err)
{
	return tally_flush(state, err);
}

static void on_hand_forget(void *state)
{
	tally_forget(state);
}

static void on_hand_close(void *state)
{
	tally_close(state);
}

const struct consumer on_hand_consumer = {
	.name = "on_hand",
	.migrations = migrations,
	.migration_count = sizeof(migrations) / sizeof(migrations[0]),
	.open = on_hand_open,
	.apply = on_hand_apply,
	.flush = on_hand_flush,
	.forget = on_hand_forget,
	.close = on_hand_close,
};
