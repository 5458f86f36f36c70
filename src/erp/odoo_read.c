/* What Odoo holds for a posting, for the comparison line by line. */
#include "erp/odoo_internal.h"

enum { READ_BATCH_MAX = 20 };

struct reading {
	struct odoo_task task;
	struct erp_document *document;
	struct total cash_rounding;
	bool claimed[TRANSACTION_TENDERS_MAX]; /* tenders that have their payment */
	size_t lines_left, payments_left;      /* that the order says it has */
};

/* Odoo has no business date. An order whose time is the one that we sent has the till's. */
static date_t business_date(const struct transaction *t, struct slice date_order)
{
	char ours[ODOO_TIME_LEN + 1];
	date_t date = 0;
	odoo_date_order(t, ours);
	if (slice_is(date_order, ours))
		return t->key.business_date;
	if (date_order.len >= 10)
		date_parse(slice_make(date_order.ptr, 10), &date);
	return date;
}

static bool read_head(struct reading *r, const struct json_t *row, struct arena *arena)
{
	struct erp_document *d = r->document;
	d->date =
		business_date(r->task.posting->transaction, wire_text(wire_get(row, "date_order")));
	d->currency = arena_copy(arena, wire_text(wire_at(wire_get(row, "currency_id"), 1)));
	d->gross = wire_total(wire_get(row, "amount_total"));
	d->tax = wire_total(wire_get(row, "amount_tax"));
	r->lines_left = wire_count(wire_get(row, "lines"));
	r->payments_left = wire_count(wire_get(row, "payment_ids"));
	d->lines = arena_array(arena, struct erp_line, r->lines_left + 1);
	d->payments = arena_array(arena, struct erp_payment, r->payments_left + 1);
	d->line_count = 0;
	d->payment_count = 0;
	return d->currency.ptr != NULL && d->lines != NULL && d->payments != NULL;
}

/* The till's own code of the product; Odoo's name of it when the till did not sell it. */
static struct slice item_code(
	const struct odoo *o, const struct transaction *t, const struct json_t *product)
{
	for (uint32_t i = 0; i < t->lines.count; i++) {
		const struct odoo_item *item = odoo_item_find(o, &t->lines.items[i]);
		if (item != NULL && item->id == odoo_reference(product))
			return t->lines.items[i].item.ptr != NULL ? t->lines.items[i].item
								  : t->lines.items[i].gtin;
	}
	return wire_text(wire_at(product, 1));
}

static bool read_line(
	struct odoo *o, struct reading *r, const struct json_t *row, struct arena *arena)
{
	const struct transaction *t = r->task.posting->transaction;
	struct slice note = wire_text(wire_get(row, "customer_note"));
	struct total quantity = wire_total(wire_get(row, "qty"));
	const char *amount = t->prices_include_tax ? "price_subtotal_incl" : "price_subtotal";
	if (slice_is(note, ODOO_NOTE_ROUNDING)) {
		r->cash_rounding = total_add(
			r->cash_rounding, wire_total(wire_get(row, "price_subtotal_incl")));
		return true;
	}
	struct erp_line *line = &r->document->lines[r->document->line_count++];
	line->item = arena_copy(arena, item_code(o, t, wire_get(row, "product_id")));
	line->quantity = slice_is(note, ODOO_NOTE_WRITE_OFF) ? total_negate(quantity) : quantity;
	line->amount = wire_total(wire_get(row, amount));
	return line->item.ptr != NULL;
}

/* Several kinds of tender may share a method: a payment is of the kind of the next tender of that
 * method, and of the method's name when the till has no more. */
static struct slice payment_kind(
	const struct odoo *o, struct reading *r, const struct json_t *method)
{
	const struct transaction *t = r->task.posting->transaction;
	const struct odoo_point *point = odoo_point_find(o, &t->key);
	for (uint32_t i = 0; point != NULL && i < t->tenders.count; i++) {
		const struct tender *tender = &t->tenders.items[i];
		struct total amount =
			total_subtract(total_of(tender->amount), total_of(tender->change));
		if (r->claimed[i] || total_sign(amount) == 0 ||
			point->methods[odoo_method_index(tender->kind)] != odoo_reference(method))
			continue;
		r->claimed[i] = true;
		return tender->kind;
	}
	return wire_text(wire_at(method, 1));
}

static bool read_payment(
	struct odoo *o, struct reading *r, const struct json_t *row, struct arena *arena)
{
	struct erp_payment *payment = &r->document->payments[r->document->payment_count++];
	payment->method = arena_copy(arena, payment_kind(o, r, wire_get(row, "payment_method_id")));
	payment->amount = wire_total(wire_get(row, "amount"));
	return payment->method.ptr != NULL;
}

static void list_orders(struct buf *buf, const struct reading *readings, size_t count)
{
	size_t listed = 0;
	buf_char(buf, '[');
	for (size_t i = 0; i < count; i++)
		if (readings[i].task.order.id != 0)
			wire_write(buf, listed++ == 0 ? "%i" : ",%i", readings[i].task.order.id);
	buf_char(buf, ']');
}

static struct reading *reading_of(struct reading *readings, size_t count, int64_t order)
{
	for (size_t i = 0; i < count && order != 0; i++)
		if (readings[i].task.order.id == order)
			return &readings[i];
	return NULL;
}

static enum status too_much(struct error *err)
{
	return error_set(err, E_FULL, "no memory to read documents back");
}

static enum status read_orders(struct odoo *o, struct reading *readings, size_t count,
	struct arena *arena, struct error *err)
{
	struct json_t *rows WIRE_OWNED = NULL;
	odoo_begin(o, "pos.order", "search_read", NULL, 0);
	wire_write(odoo_parameter(o, "domain"), "[['id','in',");
	list_orders(&o->request, readings, count);
	wire_write(&o->request, "]]");
	wire_write(odoo_parameter(o, "fields"),
		"['date_order','currency_id','amount_total','amount_tax','lines','payment_ids']");
	enum status s = odoo_send_search(o, &rows, err);
	for (size_t k = 0; k < wire_count(rows) && s == OK; k++) {
		const struct json_t *row = wire_at(rows, k);
		struct reading *r = reading_of(readings, count, wire_id(wire_get(row, "id")));
		if (r != NULL && !read_head(r, row, arena))
			s = too_much(err);
	}
	for (size_t i = 0; i < count && s == OK; i++)
		if (readings[i].task.order.id != 0 && readings[i].document->lines == NULL)
			return error_set(err, E_RETRY, "Odoo had the order %s a moment ago",
				readings[i].task.order.number);
	return s;
}

static enum status read_lines(struct odoo *o, struct reading *readings, size_t count,
	struct arena *arena, struct error *err)
{
	struct json_t *rows WIRE_OWNED = NULL;
	odoo_begin(o, "pos.order.line", "search_read", NULL, 0);
	wire_write(odoo_parameter(o, "domain"), "[['order_id','in',");
	list_orders(&o->request, readings, count);
	wire_write(&o->request, "]]");
	wire_write(odoo_parameter(o, "fields"),
		"['order_id','product_id','qty','price_subtotal','price_subtotal_incl',"
		"'customer_note']");
	wire_write(odoo_parameter(o, "order"), "'id'");
	enum status s = odoo_send_search(o, &rows, err);
	for (size_t k = 0; k < wire_count(rows) && s == OK; k++) {
		const struct json_t *row = wire_at(rows, k);
		struct reading *r =
			reading_of(readings, count, odoo_reference(wire_get(row, "order_id")));
		if (r == NULL)
			continue;
		if (r->lines_left == 0)
			return error_set(err, E_RETRY, "Odoo's order %s changes while it is read",
				r->task.order.number);
		r->lines_left--;
		if (!read_line(o, r, row, arena))
			s = too_much(err);
	}
	return s;
}

static enum status read_payments(struct odoo *o, struct reading *readings, size_t count,
	struct arena *arena, struct error *err)
{
	struct json_t *rows WIRE_OWNED = NULL;
	odoo_begin(o, "pos.payment", "search_read", NULL, 0);
	wire_write(odoo_parameter(o, "domain"), "[['pos_order_id','in',");
	list_orders(&o->request, readings, count);
	wire_write(&o->request, "]]");
	wire_write(odoo_parameter(o, "fields"), "['pos_order_id','payment_method_id','amount']");
	wire_write(odoo_parameter(o, "order"), "'id'");
	enum status s = odoo_send_search(o, &rows, err);
	for (size_t k = 0; k < wire_count(rows) && s == OK; k++) {
		const struct json_t *row = wire_at(rows, k);
		struct reading *r =
			reading_of(readings, count, odoo_reference(wire_get(row, "pos_order_id")));
		if (r == NULL)
			continue;
		if (r->payments_left == 0)
			return error_set(err, E_RETRY, "Odoo's order %s changes while it is read",
				r->task.order.number);
		r->payments_left--;
		if (!read_payment(o, r, row, arena))
			s = too_much(err);
	}
	return s;
}

/* The till counts cash rounding beside its total; in Odoo it is part of it. */
static void finish(struct reading *r)
{
	struct erp_document *d = r->document;
	d->gross = total_subtract(d->gross, r->cash_rounding);
	d->net = total_subtract(d->gross, d->tax);
}

static enum status read_part(struct odoo *o, const struct posting *postings, size_t count,
	struct erp_document *documents, struct arena *arena, struct error *err)
{
	struct reading readings[READ_BATCH_MAX] = { 0 };
	struct odoo_task *list[READ_BATCH_MAX] = { NULL };
	bool any = false;
	for (size_t i = 0; i < count; i++) {
		documents[i] = (struct erp_document){ 0 };
		readings[i].task.posting = &postings[i];
		readings[i].document = &documents[i];
		list[i] = &readings[i].task;
	}
	enum status s = odoo_locate(o, list, count, err);
	for (size_t i = 0; i < count && s == OK; i++) {
		documents[i].found = list[i]->order.settled;
		documents[i].copies = list[i]->order.copies;
		memcpy(documents[i].number, list[i]->order.number, DOCUMENT_TEXT_MAX);
		any |= list[i]->order.id != 0;
	}
	if (s != OK || !any)
		return s;
	s = read_orders(o, readings, count, arena, err);
	if (s == OK)
		s = read_lines(o, readings, count, arena, err);
	if (s == OK)
		s = read_payments(o, readings, count, arena, err);
	for (size_t i = 0; i < count && s == OK; i++)
		finish(&readings[i]);
	return s;
}

enum status odoo_read_back(void *instance, const struct posting *postings, size_t count,
	struct erp_document *documents, struct arena *arena, struct error *err)
{
	struct odoo *o = instance;
	enum status s = odoo_master_load(o, err);
	if (s == OK)
		s = odoo_master_learn(o, postings, count, err);
	for (size_t done = 0; done < count && s == OK;) {
		size_t part = count - done < READ_BATCH_MAX ? count - done : READ_BATCH_MAX;
		s = read_part(o, postings + done, part, documents + done, arena, err);
		done += part;
	}
	/* Nothing is wrong with a document because it cannot be read. */
	if (s == E_REFUSED)
		return error_set(err, E_RETRY, "what Odoo holds cannot be read now");
	return s;
}
