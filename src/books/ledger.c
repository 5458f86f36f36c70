#include "books/ledger.h"

#include <stdlib.h>

static const struct migration migrations[] = {
	{ "ledger.1", "CREATE TABLE ledger (event BIGINT NOT NULL, line BIGINT NOT NULL,"
		      " account TEXT NOT NULL, debit TEXT NOT NULL, credit TEXT NOT NULL,"
		      " currency TEXT NOT NULL, tax_code TEXT, PRIMARY KEY (event, line)) WITHOUT "
		      "ROWID" },
};

enum { ENTRIES_MAX = 256 };

struct entry {
	struct slice account;
	struct slice tax_code; /* NULL ptr when it is not a tax */
	struct total credit;   /* a debit is a negative credit */
};

/* The entries of one transaction, merged by account and tax code. */
struct entries {
	struct entry items[ENTRIES_MAX];
	uint32_t count;
};

struct ledger {
	struct statement *insert;
	struct entries entries;
};

static void ledger_close(void *state)
{
	struct ledger *l = state;
	statement_close(l->insert);
	free(l);
}

static enum status ledger_open(struct store *store, void **ret_state, struct error *err)
{
	struct ledger *l = calloc(1, sizeof(*l));
	if (l == NULL)
		return error_set(err, E_FULL, "out of memory");
	enum status s = store_prepare(store,
		"INSERT INTO ledger (event, line, account, debit, credit, currency, tax_code)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7)",
		&l->insert, err);
	if (s != OK) {
		ledger_close(l);
		return s;
	}
	*ret_state = l;
	return OK;
}

/* When there is no place for one more account, the amount goes to the last entry, which is then
 * suspense: the sum stays right, and a person looks at it. */
static void credit(
	struct entries *entries, struct slice account, struct slice tax_code, struct total amount)
{
	if (total_sign(amount) == 0)
		return;
	for (uint32_t i = 0; i < entries->count; i++) {
		struct entry *entry = &entries->items[i];
		if (slice_equal(entry->account, account) &&
			slice_equal(entry->tax_code, tax_code)) {
			entry->credit = total_add(entry->credit, amount);
			return;
		}
	}
	if (entries->count == ENTRIES_MAX - 1) {
		account = slice_of("suspense");
		tax_code = (struct slice){ NULL, 0 };
	}
	if (entries->count == ENTRIES_MAX) {
		struct entry *last = &entries->items[ENTRIES_MAX - 1];
		last->credit = total_add(last->credit, amount);
		return;
	}
	entries->items[entries->count++] = (struct entry){ account, tax_code, amount };
}

static struct slice line_account(const struct line *line)
{
	static const char *const accounts[LINE_KIND_MAX] = {
		[LINE_SALE] = "sales",
		[LINE_RETURN] = "sales",
		[LINE_GIFT_CARD] = "gift_card_liability",
		[LINE_DEPOSIT] = "deposit_liability",
		[LINE_FEE] = "fees",
		[LINE_WRITE_OFF] = "write_offs",
		[LINE_ADJUSTMENT] = "adjustments",
	};
	return slice_of(accounts[line->kind]);
}

static void credit_lines(struct entries *entries, const struct transaction *t)
{
	const struct slice none = { NULL, 0 };
	for (uint32_t i = 0; i < t->lines.count; i++) {
		const struct line *line = &t->lines.items[i];
		struct total tax = total_zero();
		for (uint32_t j = 0; j < line->taxes.count; j++) {
			struct total amount = total_of(line->taxes.items[j].amount);
			credit(entries, slice_of("tax"), line->taxes.items[j].code, amount);
			tax = total_add(tax, amount);
		}
		struct total net = total_of(line->amount);
		if (t->prices_include_tax)
			net = total_subtract(net, tax);
		credit(entries, line_account(line), none, net);
	}
}

static void debit_tenders(struct entries *entries, const struct transaction *t)
{
	const struct slice none = { NULL, 0 };
	for (uint32_t i = 0; i < t->tenders.count; i++) {
		const struct tender *tender = &t->tenders.items[i];
		credit(entries, tender->kind, none, total_negate(total_of(tender->amount)));
		credit(entries, slice_of("cash"), none, total_of(tender->change));
	}
	if (t->tenders.count == 0 && t->totals.set)
		credit(entries, slice_of("receivable"), none,
			total_negate(total_of(t->totals.gross)));
}

static void balance(struct entries *entries)
{
	struct total sum = total_zero();
	for (uint32_t i = 0; i < entries->count; i++)
		sum = total_add(sum, entries->items[i].credit);
	credit(entries, slice_of("suspense"), (struct slice){ NULL, 0 }, total_negate(sum));
}

static enum status write_entries(struct ledger *l, const struct applied_event *e,
	struct slice currency, int64_t *number, struct error *err)
{
	enum status s = OK;
	for (uint32_t i = 0; i < l->entries.count && s == OK; i++) {
		const struct entry *entry = &l->entries.items[i];
		int sign = total_sign(entry->credit);
		if (sign == 0)
			continue;
		statement_bind_int(l->insert, 1, (int64_t)e->event.number);
		statement_bind_int(l->insert, 2, ++*number);
		statement_bind_text(l->insert, 3, entry->account);
		statement_bind_total(
			l->insert, 4, sign < 0 ? total_negate(entry->credit) : total_zero());
		statement_bind_total(l->insert, 5, sign > 0 ? entry->credit : total_zero());
		statement_bind_text(l->insert, 6, currency);
		statement_bind_text(l->insert, 7, entry->tax_code);
		s = statement_run(l->insert, err);
	}
	return s;
}

static void enter(struct entries *entries, const struct transaction *t)
{
	entries->count = 0;
	debit_tenders(entries, t);
	credit_lines(entries, t);
	credit(entries, slice_of("cash_rounding"), (struct slice){ NULL, 0 },
		total_of(t->totals.rounding));
	balance(entries);
}

/* What a revision takes back and what it enters stand apart, one behind the other. */
static enum status ledger_apply(void *state, const struct applied_event *e, struct error *err)
{
	struct ledger *l = state;
	enum status s = OK;
	int64_t number = 0;
	for (unsigned i = 0; i < e->effect_count && s == OK; i++) {
		const struct transaction *t = e->effects[i];
		if (!transaction_has_effect(t) || t->currency.len == 0)
			continue;
		enter(&l->entries, t);
		s = write_entries(l, e, t->currency, &number, err);
	}
	return s;
}

const struct consumer ledger_consumer = {
	.name = "ledger",
	.migrations = migrations,
	.migration_count = sizeof(migrations) / sizeof(migrations[0]),
	.open = ledger_open,
	.apply = ledger_apply,
	.close = ledger_close,
};
