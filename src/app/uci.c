#include "app/uci.h"

#include "app/uci_internal.h"
#include "base/json.h"
#include "retail/codec.h"

#include <ctype.h>
#include <stdlib.h>

enum { STORES_MAX = 1000, REGISTERS_MAX = 99, SCRATCH_BYTES_MAX = 8 << 20 };

struct store {
	struct slice country;
	char id[ID_TEXT_MAX + 1];
	int64_t minute;                        /* of the invoice that began last */
	unsigned begun;                        /* invoices in that minute */
	uint64_t sequences[REGISTERS_MAX + 1]; /* last one given, by register */
};

struct converter {
	struct store *stores;
	uint32_t store_count;
	struct arena scratch; /* one transaction */
	struct buf line;
	uint64_t days_max;
	struct uci_summary summary;
};

static bool is_fee(struct slice item)
{
	static const char *const codes[] = { "POST", "DOT", "M", "m", "C2", "D", "S", "B",
		"BANK CHARGES", "AMAZONFEE", "CRUK" };
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (slice_is(item, codes[i]))
			return true;
	return false;
}

/* Goods that went missing or were thrown away stand in the data as invoices without a price. */
static bool is_write_off(const struct uci_invoice *invoice)
{
	for (const struct uci_row *row = invoice->rows; row != NULL; row = row->next)
		if (!decimal_is_zero(row->price) || decimal_sign(row->quantity) >= 0)
			return false;
	return true;
}

static enum transaction_type type_of(const struct uci_invoice *invoice)
{
	if (invoice->number.ptr[0] == 'C')
		return TYPE_RETURN;
	if (invoice->number.ptr[0] == 'A' || is_write_off(invoice))
		return TYPE_ADJUSTMENT;
	return TYPE_SALE;
}

static enum line_kind kind_of(const struct uci_invoice *invoice, const struct uci_row *row)
{
	if (invoice->number.ptr[0] == 'A')
		return LINE_ADJUSTMENT;
	if (is_fee(row->item))
		return LINE_FEE;
	if (slice_starts(row->item, "gift_"))
		return LINE_GIFT_CARD;
	if (invoice->number.ptr[0] == 'C')
		return LINE_RETURN;
	return is_write_off(invoice) ? LINE_WRITE_OFF : LINE_SALE;
}

/* The description without control characters and the spaces around it; NULL when nothing stays. */
static struct slice clean(struct slice text, struct arena *arena)
{
	struct slice copy = arena_copy(arena, text);
	char *out = (char *)copy.ptr;
	size_t len = 0;
	for (size_t i = 0; copy.ptr != NULL && i < text.len; i++)
		if ((unsigned char)text.ptr[i] >= 0x20 && text.ptr[i] != 0x7f)
			out[len++] = text.ptr[i];
	struct slice trimmed = slice_trim(slice_make(copy.ptr, len));
	return trimmed.len == 0 ? (struct slice){ NULL, 0 } : trimmed;
}

static struct decimal with_minor_units(struct decimal d)
{
	d = decimal_normal(d);
	while (d.scale < 2 && d.coefficient < INT64_MAX / 10 && d.coefficient > INT64_MIN / 10) {
		d.coefficient *= 10;
		d.scale++;
	}
	return d;
}

static bool add_line(const struct uci_invoice *invoice, const struct uci_row *row,
	struct converter *c, struct transaction *t, struct total *net)
{
	struct line *line = &t->lines.items[t->lines.count++];
	line->number = t->lines.count;
	line->kind = kind_of(invoice, row);
	line->item = row->item;
	line->description = clean(row->description, &c->scratch);
	line->quantity = row->quantity;
	line->unit = slice_of("EA");
	line->unit_price = row->price;
	struct total amount =
		total_product(row->quantity, row->price, DECIMAL_SCALE_MAX, ROUND_HALF_UP);
	*net = total_add(*net, amount);
	if (row->quantity.scale + row->price.scale > DECIMAL_SCALE_MAX ||
		!total_to_decimal(amount, &line->amount))
		return false;
	line->amount = with_minor_units(line->amount);
	return true;
}

static void add_tender(struct converter *c, struct transaction *t)
{
	/* The data does not say how an invoice was paid. */
	if (decimal_is_zero(t->totals.gross))
		return;
	t->tenders.items = arena_new(&c->scratch, struct tender);
	if (t->tenders.items == NULL)
		return;
	t->tenders.count = 1;
	t->tenders.items[0] = (struct tender){
		.number = 1, .kind = slice_of("other"), .amount = t->totals.gross
	};
}

static struct slice extensions(const struct uci_invoice *invoice, struct arena *arena)
{
	struct buf buf;
	buf_init(&buf, 1024);
	buf_char(&buf, '{');
	json_write_member_text(&buf, "source", "uci_online_retail");
	json_write_member(&buf, "invoice", invoice->number);
	json_write_member(&buf, "country", invoice->country);
	buf_char(&buf, '}');
	struct slice copy = arena_copy(arena, buf_get(&buf));
	buf_release(&buf);
	return copy;
}

/* The transaction without its key. */
static enum status make_transaction(struct converter *c, const struct uci_invoice *invoice,
	struct transaction *t, struct total *ret_net, struct error *err)
{
	struct total net = total_zero();
	t->revision = 1;
	t->type = type_of(invoice);
	t->began_at = (struct timestamp){ .ms = invoice->first_ms, .set = true };
	t->closed_at = (struct timestamp){ .ms = invoice->last_ms, .set = true };
	t->customer = invoice->customer;
	t->currency = slice_of("GBP");
	t->extensions = extensions(invoice, &c->scratch);
	t->lines.items = arena_array(&c->scratch, struct line, invoice->row_count);
	if (t->lines.items == NULL)
		return error_set(err, E_FULL, "invoice %.*s needs too much memory",
			SLICE_ARG(invoice->number));
	bool fits = true;
	for (const struct uci_row *row = invoice->rows; row != NULL; row = row->next)
		fits = add_line(invoice, row, c, t, &net) && fits;
	if (!fits || !total_to_decimal(net, &t->totals.net))
		return error_set(err, E_INPUT, "invoice %.*s: an amount has more than 18 digits",
			SLICE_ARG(invoice->number));
	t->totals.net = with_minor_units(t->totals.net);
	t->totals.gross = t->totals.net;
	t->totals.tax = decimal_make(0, 0);
	t->totals.set = true;
	add_tender(c, t);
	*ret_net = net;
	return OK;
}

static struct store *find_or_add_store(struct converter *c, struct slice country)
{
	for (uint32_t i = 0; i < c->store_count; i++)
		if (slice_equal(c->stores[i].country, country))
			return &c->stores[i];
	if (c->store_count == STORES_MAX)
		return NULL;
	struct store *store = &c->stores[c->store_count++];
	store->country = country;
	for (size_t i = 0; i < country.len; i++) {
		unsigned char letter = (unsigned char)country.ptr[i];
		store->id[i] = (char)(isascii(letter) && isalnum(letter) ? tolower(letter) : '-');
	}
	return store;
}

static enum status number(
	struct converter *c, const struct uci_invoice *invoice, struct key *key, struct error *err)
{
	enum { MINUTE_MS = 60000, DAY_MS = 86400000 };
	struct store *store = find_or_add_store(c, invoice->country);
	if (store == NULL)
		return error_set(err, E_INPUT, "more than %d countries", STORES_MAX);
	int64_t minute = invoice->first_ms / MINUTE_MS;
	store->begun = store->minute == minute ? store->begun + 1 : 1;
	store->minute = minute;
	if (store->begun > REGISTERS_MAX)
		return error_set(err, E_INPUT, "invoice %.*s: more than %d begin in its minute",
			SLICE_ARG(invoice->number), REGISTERS_MAX);
	key->store = slice_of(store->id);
	key->reg = arena_format(&c->scratch, "%02u", store->begun);
	key->business_date = date_from_days(invoice->first_ms / DAY_MS);
	key->sequence = ++store->sequences[store->begun];
	return OK;
}

static void summarise(struct uci_summary *summary, const struct transaction *t, struct total net)
{
	summary->transactions++;
	summary->sales += t->type == TYPE_SALE;
	summary->returns += t->type == TYPE_RETURN;
	summary->adjustments += t->type == TYPE_ADJUSTMENT;
	summary->lines += t->lines.count;
	summary->net = total_add(summary->net, net);
}

/* Counts the business date; false when it is one too many. */
static bool take_day(struct converter *c, date_t date)
{
	struct uci_summary *summary = &c->summary;
	if (summary->last_date == date)
		return true;
	if (c->days_max != 0 && summary->days == c->days_max)
		return false;
	if (summary->days++ == 0)
		summary->first_date = date;
	summary->last_date = date;
	return true;
}

static enum status convert_one(struct converter *c, const struct uci_invoice *invoice,
	const struct uci_sink *sink, bool *ret_enough, struct error *err)
{
	struct transaction t = { .revision = 1 };
	struct total net = total_zero();
	arena_reset(&c->scratch);
	enum status s = make_transaction(c, invoice, &t, &net, err);
	if (s == OK)
		s = number(c, invoice, &t.key, err);
	if (s != OK)
		return s;
	*ret_enough = !take_day(c, t.key.business_date);
	if (*ret_enough)
		return OK;
	buf_reset(&c->line);
	transaction_encode(&t, &c->line);
	if (c->line.failed || t.key.reg.ptr == NULL || t.extensions.ptr == NULL)
		return error_set(err, E_FULL, "invoice %.*s is longer than %d bytes",
			SLICE_ARG(invoice->number), TRANSACTION_BYTES_MAX);
	summarise(&c->summary, &t, net);
	return sink->take(sink->context, buf_get(&c->line), err);
}

static int by_time_then_place(const void *a, const void *b)
{
	const struct uci_invoice *x = a, *y = b;
	if (x->first_ms != y->first_ms)
		return x->first_ms < y->first_ms ? -1 : 1;
	return x->place < y->place ? -1 : x->place > y->place;
}

static enum status convert_all(struct converter *c, const struct uci_invoices *invoices,
	const struct uci_sink *sink, struct error *err)
{
	enum status s = OK;
	bool enough = false;
	for (uint32_t i = 0; i < invoices->count && s == OK && !enough; i++)
		s = convert_one(c, &invoices->items[i], sink, &enough, err);
	c->summary.stores = c->store_count;
	return s;
}

enum status uci_convert(char *csv, size_t len, const char *name, uint64_t days_max,
	const struct uci_sink *sink, struct uci_summary *ret_summary, struct error *err)
{
	struct arena arena;
	struct uci_invoices invoices = { NULL, 0 };
	struct converter c = { .days_max = days_max };
	arena_init(&arena, UCI_MEMORY_BYTES_MAX);
	arena_init(&c.scratch, SCRATCH_BYTES_MAX);
	buf_init(&c.line, TRANSACTION_BYTES_MAX);
	enum status s = uci_read(csv, len, name, &arena, &invoices, err);
	c.stores = arena_array(&arena, struct store, STORES_MAX);
	if (s == OK && c.stores == NULL)
		s = error_set(err, E_FULL, "%s: out of memory", name);
	if (s == OK) {
		qsort(invoices.items, invoices.count, sizeof(*invoices.items), by_time_then_place);
		s = convert_all(&c, &invoices, sink, err);
	}
	if (s == OK)
		*ret_summary = c.summary;
	buf_release(&c.line);
	arena_release(&c.scratch);
	arena_release(&arena);
	return s;
}
