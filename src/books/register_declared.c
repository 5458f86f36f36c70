#include "books/register_declared.h"

#include "base/check.h"
#include "base/time.h"
#include "store/tally.h"

#include <stdlib.h>

static const char *const tender_kinds[] = { "cash", "card", "gift_card", "voucher", "account",
	"other" };

enum { TOTAL, TENDER, TABLES };

static const struct tally_table tables[TABLES] = {
	[TOTAL] = { .name = "register_total",
		.keys = { "store", "#business_date", "register", "currency" },
		.values = { { "gross", TALLY_TOTAL } } },
	[TENDER] = { .name = "register_tender",
		.keys = { "store", "#business_date", "register", "kind", "currency" },
		.values = { { "amount", TALLY_TOTAL } } },
};

struct register_declared {
	struct tally *tallies[TABLES];
	struct exception_book *book; /* the caller's */
	struct statement *read, *write, *read_tender, *drop_tenders, *write_tender;
};

void register_declared_close(struct register_declared *r)
{
	if (r == NULL)
		return;
	for (int i = 0; i < TABLES; i++)
		tally_close(r->tallies[i]);
	statement_close(r->read);
	statement_close(r->write);
	statement_close(r->read_tender);
	statement_close(r->drop_tenders);
	statement_close(r->write_tender);
	free(r);
}

enum status register_declared_open(struct store *store, struct exception_book *book,
	struct register_declared **ret_declared, struct error *err)
{
	struct register_declared *r = calloc(1, sizeof(*r));
	if (r == NULL)
		return error_set(err, E_FULL, "out of memory");
	const struct {
		struct statement **statement;
		const char *sql;
	} all[] = {
		{ &r->read, "SELECT sequence, currency, transactions, last_sequence, gross"
			    " FROM register_close WHERE store = $1 AND business_date = $2"
			    " AND register = $3" },
		{ &r->write, "INSERT INTO register_close (store, business_date, register,"
			     " sequence, event, currency, transactions, last_sequence, gross)"
			     " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
			     " ON CONFLICT (store, business_date, register) DO UPDATE"
			     " SET sequence = excluded.sequence, event = excluded.event,"
			     " currency = excluded.currency, transactions = excluded.transactions,"
			     " last_sequence = excluded.last_sequence, gross = excluded.gross" },
		{ &r->read_tender, "SELECT kind, amount FROM register_declared WHERE store = $1"
				   " AND business_date = $2 AND register = $3 ORDER BY kind" },
		{ &r->drop_tenders, "DELETE FROM register_declared WHERE store = $1"
				    " AND business_date = $2 AND register = $3" },
		{ &r->write_tender, "INSERT INTO register_declared (store, business_date,"
				    " register, kind, amount) VALUES ($1, $2, $3, $4, $5)"
				    " ON CONFLICT (store, business_date, register, kind)"
				    " DO UPDATE SET amount = excluded.amount" },
	};
	enum status s = OK;
	r->book = book;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]) && s == OK; i++)
		s = store_prepare(store, all[i].sql, all[i].statement, err);
	for (int i = 0; i < TABLES && s == OK; i++)
		s = tally_open(store, &tables[i], &r->tallies[i], err);
	if (s != OK) {
		register_declared_close(r);
		return s;
	}
	*ret_declared = r;
	return OK;
}

struct slice register_day_subject(struct arena *arena, const struct key *day)
{
	char date[DATE_TEXT_LEN + 1];
	date_print(day->business_date, date);
	return arena_format(
		arena, "%.*s/%.*s/%s", SLICE_ARG(day->store), SLICE_ARG(day->reg), date);
}

static void bind_day(struct statement *statement, const struct key *day)
{
	statement_bind_text(statement, 1, day->store);
	statement_bind_int(statement, 2, day->business_date);
	statement_bind_text(statement, 3, day->reg);
}

/* --- what was received --- */

static enum status add_tender(struct register_declared *r, const struct transaction *t,
	struct slice kind, struct total amount, struct error *err)
{
	struct tally_key keys[] = { { .text = t->key.store }, { .number = t->key.business_date },
		{ .text = t->key.reg }, { .text = kind }, { .text = t->currency } };
	struct tally_value value = { .total = amount };
	return tally_add(r->tallies[TENDER], keys, &value, err);
}

/* What a till sums up at its closing are its sales, returns and exchanges. */
static enum status add_effect(
	struct register_declared *r, const struct transaction *t, struct error *err)
{
	enum status s = OK;
	if ((t->type != TYPE_SALE && t->type != TYPE_RETURN && t->type != TYPE_EXCHANGE) ||
		t->currency.len == 0)
		return OK;
	struct tally_key keys[] = { { .text = t->key.store }, { .number = t->key.business_date },
		{ .text = t->key.reg }, { .text = t->currency } };
	struct tally_value value = { .total = total_of(t->totals.gross) };
	if (t->totals.set)
		s = tally_add(r->tallies[TOTAL], keys, &value, err);
	for (uint32_t i = 0; i < t->tenders.count && s == OK; i++) {
		const struct tender *tender = &t->tenders.items[i];
		s = add_tender(r, t, tender->kind, total_of(tender->amount), err);
		/* Change is always given in cash. */
		if (s == OK && !decimal_is_zero(tender->change))
			s = add_tender(r, t, slice_of("cash"),
				total_negate(total_of(tender->change)), err);
	}
	return s;
}

/* --- what was declared --- */

struct closing {
	bool is; /* false: none has come */
	uint64_t sequence, transactions, last_sequence;
	char currency[4];
	bool has_gross;
	struct total gross;
};

static enum status read_closing(struct register_declared *r, const struct key *day,
	struct closing *closing, struct error *err)
{
	bind_day(r->read, day);
	enum status s = statement_step(r->read, &closing->is, err);
	if (s != OK || !closing->is)
		return s;
	struct slice currency = statement_text(r->read, 1);
	check(currency.len < sizeof(closing->currency));
	closing->sequence = (uint64_t)statement_int(r->read, 0);
	memset(closing->currency, 0, sizeof(closing->currency));
	if (currency.len > 0)
		memcpy(closing->currency, currency.ptr, currency.len);
	closing->transactions = (uint64_t)statement_int(r->read, 2);
	closing->last_sequence = (uint64_t)statement_int(r->read, 3);
	closing->has_gross = !statement_is_null(r->read, 4);
	closing->gross = statement_total(r->read, 4);
	statement_reset(r->read);
	return OK;
}

static enum status keep_closing(
	struct register_declared *r, const struct applied_event *e, struct error *err)
{
	const struct transaction *t = e->transaction;
	const struct declared *d = &t->declared;
	struct closing before;
	enum status s = read_closing(r, &t->key, &before, err);
	if (s != OK || (before.is && before.sequence > t->key.sequence))
		return s;
	bind_day(r->write, &t->key);
	statement_bind_int(r->write, 4, (int64_t)t->key.sequence);
	statement_bind_int(r->write, 5, (int64_t)e->event.number);
	statement_bind_text(r->write, 6, t->currency.ptr == NULL ? slice_of("") : t->currency);
	statement_bind_int(r->write, 7, (int64_t)d->transactions);
	statement_bind_int(r->write, 8, (int64_t)d->last_sequence);
	if (d->gross.set)
		statement_bind_total(r->write, 9, total_of(d->gross));
	else
		statement_bind_null(r->write, 9);
	s = statement_run(r->write, err);
	bind_day(r->drop_tenders, &t->key);
	if (s == OK)
		s = statement_run(r->drop_tenders, err);
	for (uint32_t i = 0; i < d->tenders.count && s == OK; i++) {
		bind_day(r->write_tender, &t->key);
		statement_bind_text(r->write_tender, 4, d->tenders.items[i].name);
		statement_bind_total(r->write_tender, 5, total_of(d->tenders.items[i].amount));
		s = statement_run(r->write_tender, err);
	}
	return s;
}

/* --- the comparison --- */

/* What differs, in words, and by how much in all. */
struct differing {
	struct buf text;
	struct total amount;
	unsigned count;
	bool missing; /* fewer transactions than declared, which may be all there is to it */
};

static void differ(struct differing *d, const char *what, struct slice name, struct total declared,
	struct total ours)
{
	if (total_compare(declared, ours) == 0)
		return;
	buf_format(&d->text, "%s%s%.*s ", d->count++ > 0 ? "; " : "", what, SLICE_ARG(name));
	total_write(declared, 0, &d->text);
	buf_text(&d->text, " declared, ");
	total_write(ours, 0, &d->text);
	buf_text(&d->text, " received");
}

static enum status our_tender(struct register_declared *r, const struct key *day, struct slice kind,
	const struct closing *closing, struct total *ret_amount, struct error *err)
{
	struct tally_key keys[] = { { .text = day->store }, { .number = day->business_date },
		{ .text = day->reg }, { .text = kind }, { .text = slice_of(closing->currency) } };
	struct tally_value value;
	enum status s = tally_get(r->tallies[TENDER], keys, &value, err);
	*ret_amount = value.total;
	return s;
}

/* A kind that the closing does not name, although it names others, was not taken. */
static enum status compare_tenders(struct register_declared *r, const struct key *day,
	const struct closing *closing, struct differing *d, struct error *err)
{
	enum { KINDS = sizeof(tender_kinds) / sizeof(tender_kinds[0]) };
	bool named[KINDS] = { false }, any = false, row = true;
	struct total ours;
	enum status s = OK;
	bind_day(r->read_tender, day);
	while (s == OK && (s = statement_step(r->read_tender, &row, err)) == OK && row) {
		struct slice kind = statement_text(r->read_tender, 0);
		any = true;
		for (unsigned i = 0; i < KINDS; i++)
			named[i] = named[i] || slice_is(kind, tender_kinds[i]);
		s = our_tender(r, day, kind, closing, &ours, err);
		if (s == OK)
			differ(d, "", kind, statement_total(r->read_tender, 1), ours);
	}
	statement_reset(r->read_tender);
	for (unsigned i = 0; i < KINDS && any && s == OK; i++) {
		if (named[i])
			continue;
		s = our_tender(r, day, slice_of(tender_kinds[i]), closing, &ours, err);
		if (s == OK)
			differ(d, "", slice_of(tender_kinds[i]), total_zero(), ours);
	}
	return s;
}

static enum status compare_gross(struct register_declared *r, const struct key *day,
	const struct closing *closing, struct differing *d, struct error *err)
{
	struct tally_key keys[] = { { .text = day->store }, { .number = day->business_date },
		{ .text = day->reg }, { .text = slice_of(closing->currency) } };
	struct tally_value ours;
	if (!closing->has_gross)
		return OK;
	enum status s = tally_get(r->tallies[TOTAL], keys, &ours, err);
	if (s != OK)
		return s;
	d->amount = total_subtract(ours.total, closing->gross);
	differ(d, "gross", slice_of(""), closing->gross, ours.total);
	return OK;
}

static struct total number(uint64_t n)
{
	return total_of(decimal_make((int64_t)n, 0));
}

static enum status compare(struct register_declared *r, const struct key *day,
	const struct closing *closing, const struct register_received *received,
	struct differing *d, struct error *err)
{
	if (closing->transactions > 0)
		differ(d, "transactions", slice_of(""), number(closing->transactions),
			number(received->transactions));
	d->missing = received->transactions < closing->transactions;
	if (closing->last_sequence > received->last_sequence)
		differ(d, "last number", slice_of(""), number(closing->last_sequence),
			number(received->last_sequence));
	enum status s = compare_gross(r, day, closing, d, err);
	return s == OK ? compare_tenders(r, day, closing, d, err) : s;
}

static enum status tell(struct register_declared *r, const struct applied_event *e,
	const struct closing *closing, const struct differing *d, struct error *err)
{
	const struct key *day = &e->transaction->key;
	char amount[TOTAL_TEXT_MAX];
	struct slice subject = register_day_subject(e->arena, day);
	if (d->count == 0)
		return exception_settle(r->book, "declared", subject, "agrees", e->event.number,
			e->event.recorded_ms, err);
	size_t len = total_print(d->amount, 0, amount);
	struct raised raised = {
		.event = e->event.number,
		.line = LINE_DECLARED,
		.at_ms = e->event.recorded_ms,
		.kind = "declared",
		.severity = "medium",
		.subject = subject,
		.store = day->store,
		.key = subject,
		.amount = closing->has_gross ? slice_make(amount, len) : (struct slice){ 0 },
		.currency = slice_of(closing->currency),
		.cause = slice_of(d->missing ? "transactions_missing" : "totals_differ"),
		.detail = buf_get(&d->text),
	};
	return exception_keep_open(r->book, &raised, err);
}

enum status register_declared_apply(struct register_declared *r, const struct applied_event *e,
	const struct register_received *received, struct error *err)
{
	const struct transaction *t = e->transaction;
	struct differing differing = { .count = 0 };
	struct closing closing;
	enum status s = OK;
	for (unsigned i = 0; i < e->effect_count && s == OK; i++)
		s = add_effect(r, e->effects[i], err);
	if (s == OK && t->type == TYPE_CLOSE && t->declared.set && !e->outdated)
		s = keep_closing(r, e, err);
	if (s != OK || !received->closed)
		return s;
	s = read_closing(r, &t->key, &closing, err);
	if (s != OK || !closing.is)
		return s;
	if (received->last_sequence > closing.sequence)
		return exception_settle(r->book, "declared",
			register_day_subject(e->arena, &t->key), "reopened", e->event.number,
			e->event.recorded_ms, err);
	buf_init(&differing.text, 4096);
	s = compare(r, &t->key, &closing, received, &differing, err);
	if (s == OK)
		s = tell(r, e, &closing, &differing, err);
	buf_release(&differing.text);
	return s;
}

enum status register_declared_flush(struct register_declared *r, struct error *err)
{
	enum status s = OK;
	for (int i = 0; i < TABLES && s == OK; i++)
		s = tally_flush(r->tallies[i], err);
	return s;
}

void register_declared_forget(struct register_declared *r)
{
	for (int i = 0; i < TABLES; i++)
		tally_forget(r->tallies[i]);
}
