/* What Tryton holds for a posting, for the comparison line by line. */
#include "erp/tryton_internal.h"

enum { READ_BATCH_MAX = 20 };

static struct slice keep_text(struct arena *arena, const struct json_t *value)
{
	return arena_copy(arena, wire_text(value));
}

/* Tryton keeps tax per document, not per line: a till that counts its lines with tax has its own
 * tax of the line added to Tryton's net, and the sums of tax are compared besides. */
static struct total line_tax(const struct transaction *t, int64_t sequence)
{
	struct total tax = total_zero();
	if (!t->prices_include_tax || sequence < 1 || sequence > t->lines.count)
		return tax;
	const struct line *line = &t->lines.items[sequence - 1];
	for (uint32_t i = 0; i < line->taxes.count; i++)
		tax = total_add(tax, total_of(line->taxes.items[i].amount));
	return tax;
}

/* Our own two lines are no lines of the till's. */
static bool is_rounding(const struct tryton *t, const struct json_t *line,
	struct erp_document *document, struct total *cash_rounding)
{
	int64_t sequence = wire_id(wire_get(line, "sequence"));
	struct total amount = wire_total(wire_get(line, "amount"));
	if (wire_id(wire_get(line, "product")) != t->master.rounding.id)
		return false;
	if (sequence == TRYTON_SEQUENCE_CASH_ROUNDING)
		*cash_rounding = total_add(*cash_rounding, amount);
	else if (sequence == TRYTON_SEQUENCE_TAX_ROUNDING)
		document->rounding = total_add(document->rounding, amount);
	else
		return false;
	return true;
}

static bool add_line(struct erp_document *document, struct arena *arena, const struct json_t *code,
	struct total quantity, struct total amount)
{
	struct erp_line *line = &document->lines[document->line_count];
	line->item = keep_text(arena, code);
	line->quantity = quantity;
	line->amount = amount;
	document->line_count++;
	return line->item.ptr != NULL;
}

static bool read_lines(struct tryton *t, const struct transaction *transaction,
	const struct json_t *sale, struct erp_document *document, struct arena *arena)
{
	const struct json_t *lines = wire_get(sale, "lines.");
	struct total cash_rounding = total_zero();
	document->lines = arena_array(arena, struct erp_line, wire_count(lines) + 1);
	if (document->lines == NULL)
		return false;
	for (size_t i = 0; i < wire_count(lines); i++) {
		const struct json_t *line = wire_at(lines, i);
		struct total amount = wire_total(wire_get(line, "amount"));
		if (is_rounding(t, line, document, &cash_rounding))
			continue;
		amount = total_add(
			amount, line_tax(transaction, wire_id(wire_get(line, "sequence"))));
		if (!add_line(document, arena, wire_path(line, "product.", "code"),
			    wire_total(wire_get(line, "quantity")), amount))
			return false;
	}
	/* The till counts cash rounding beside its total; in Tryton it is part of it. */
	document->gross = total_subtract(document->gross, cash_rounding);
	document->net =
		total_subtract(total_subtract(document->net, cash_rounding), document->rounding);
	return true;
}

/* The lines of one entry, but not the one on the customer's account. */
static bool read_entry(const struct json_t *entry, int64_t receivable,
	struct erp_document *document, uint32_t max, struct arena *arena)
{
	const struct json_t *lines = wire_get(entry, "lines.");
	for (size_t i = 0; i < wire_count(lines) && document->payment_count < max; i++) {
		const struct json_t *line = wire_at(lines, i);
		if (wire_id(wire_get(line, "account")) == receivable)
			continue;
		struct erp_payment *payment = &document->payments[document->payment_count++];
		payment->method = keep_text(arena, wire_get(line, "description"));
		payment->amount = total_subtract(
			wire_total(wire_get(line, "debit")), wire_total(wire_get(line, "credit")));
		if (payment->method.ptr == NULL)
			return false;
	}
	return true;
}

/* What settles the invoice: the other lines of its reconciliations, and their entries. */
static bool read_settlements(const struct json_t *invoice, struct erp_document *document,
	uint32_t max, struct arena *arena)
{
	const struct json_t *open = wire_get(invoice, "lines_to_pay.");
	int64_t own = wire_id(wire_get(invoice, "move"));
	int64_t receivable = wire_id(wire_get(invoice, "account"));
	for (size_t i = 0; i < wire_count(open); i++) {
		const struct json_t *lines =
			wire_path(wire_at(open, i), "reconciliation.", "lines.");
		for (size_t k = 0; k < wire_count(lines); k++) {
			const struct json_t *entry = wire_get(wire_at(lines, k), "move.");
			if (wire_id(wire_get(entry, "id")) == own)
				continue;
			if (!read_entry(entry, receivable, document, max, arena))
				return false;
		}
	}
	return true;
}

static bool read_payments(
	const struct json_t *sale, struct erp_document *document, struct arena *arena)
{
	const struct json_t *invoices = wire_get(sale, "invoices.");
	document->payments = arena_array(arena, struct erp_payment, TRANSACTION_TENDERS_MAX);
	if (document->payments == NULL)
		return false;
	for (size_t i = 0; i < wire_count(invoices); i++)
		if (!read_settlements(
			    wire_at(invoices, i), document, TRANSACTION_TENDERS_MAX, arena))
			return false;
	return true;
}

static bool read_sale(struct tryton *t, const struct transaction *transaction,
	const struct json_t *sale, struct erp_document *document, struct arena *arena)
{
	document->date = wire_date(wire_get(sale, "sale_date"));
	document->currency = keep_text(arena, wire_path(sale, "currency.", "code"));
	document->net = wire_total(wire_get(sale, "untaxed_amount"));
	document->tax = wire_total(wire_get(sale, "tax_amount"));
	document->gross = wire_total(wire_get(sale, "total_amount"));
	return document->currency.ptr != NULL &&
	       read_lines(t, transaction, sale, document, arena) &&
	       read_payments(sale, document, arena);
}

static enum status read_sales(struct tryton *t, struct task *const *tasks, size_t count,
	struct erp_document *documents, struct arena *arena, struct error *err)
{
	struct json_t *rows WIRE_OWNED = NULL;
	size_t listed = 0;
	tryton_begin(t, "model.sale.sale.read");
	buf_char(&t->request, '[');
	for (size_t i = 0; i < count; i++)
		if (tasks[i]->parts[PART_SALE].id != 0)
			wire_write(&t->request, listed++ == 0 ? "%i" : ",%i",
				tasks[i]->parts[PART_SALE].id);
	wire_write(&t->request,
		"],['sale_date','currency.code','untaxed_amount','tax_amount','total_amount',"
		"'lines.sequence','lines.product','lines.product.code','lines.quantity',"
		"'lines.amount','invoices.move','invoices.account',"
		"'invoices.lines_to_pay.reconciliation.lines.move.lines.account',"
		"'invoices.lines_to_pay.reconciliation.lines.move.lines.description',"
		"'invoices.lines_to_pay.reconciliation.lines.move.lines.debit',"
		"'invoices.lines_to_pay.reconciliation.lines.move.lines.credit']");
	enum status s = listed == 0 ? OK : tryton_send(t, true, &rows, err);
	for (size_t k = 0; k < wire_count(rows) && s == OK; k++) {
		const struct json_t *row = wire_at(rows, k);
		for (size_t i = 0; i < count && s == OK; i++)
			if (tasks[i]->parts[PART_SALE].id == wire_id(wire_get(row, "id")) &&
				!read_sale(t, tasks[i]->posting->transaction, row, &documents[i],
					arena))
				s = error_set(err, E_FULL, "no memory to read documents back");
	}
	return s;
}

/* Write-offs are lines of the same document: their quantity is the stock's change. */
static bool add_write_offs(const struct json_t *shipment, bool into_store,
	struct erp_document *document, struct arena *arena)
{
	const struct json_t *moves = wire_get(shipment, "moves.");
	size_t count = document->line_count + wire_count(moves);
	struct erp_line *lines = arena_array(arena, struct erp_line, count + 1);
	if (lines == NULL)
		return false;
	if (document->line_count > 0)
		memcpy(lines, document->lines, document->line_count * sizeof(*lines));
	document->lines = lines;
	for (size_t i = 0; i < wire_count(moves); i++) {
		const struct json_t *move = wire_at(moves, i);
		struct total quantity = wire_total(wire_get(move, "quantity"));
		if (!add_line(document, arena, wire_path(move, "product.", "code"),
			    into_store ? quantity : total_negate(quantity), total_zero()))
			return false;
	}
	return true;
}

static enum status read_shipment(struct tryton *t, const struct task *task, enum tryton_part part,
	struct erp_document *document, struct arena *arena, struct error *err)
{
	struct json_t *rows WIRE_OWNED = NULL;
	if (task->parts[part].id == 0)
		return OK;
	tryton_begin(t, "model.stock.shipment.internal.read");
	wire_write(&t->request, "[%i],['effective_date','moves.quantity','moves.product.code']",
		task->parts[part].id);
	enum status s = tryton_send(t, true, &rows, err);
	if (s != OK)
		return s;
	const struct json_t *row = wire_at(rows, 0);
	if (!add_write_offs(row, part == PART_SHIPMENT_IN, document, arena))
		return error_set(err, E_FULL, "no memory to read documents back");
	if (document->date == 0)
		document->date = wire_date(wire_get(row, "effective_date"));
	if (document->currency.ptr == NULL)
		document->currency = arena_copy(arena, slice_of(t->master.currency_code));
	return OK;
}

static void read_head(const struct task *task, struct erp_document *document)
{
	*document = (struct erp_document){ .found = tryton_complete(task) };
	for (unsigned part = 0; part < PART_COUNT; part++)
		if (task->parts[part].copies > document->copies)
			document->copies = task->parts[part].copies;
	snprintf(document->number, sizeof(document->number), "%s", tryton_number(task));
}

/* A receipt that comes to 0 settles itself; the tenders it has all the same (a refund to a card
 * that is handed out in cash) were booked without a line that could lead here, so they are found
 * by their reference. */
static enum status read_loose_entries(struct tryton *t, struct task *const *tasks, size_t count,
	struct erp_document *documents, struct arena *arena, struct error *err)
{
	struct json_t *rows WIRE_OWNED = NULL;
	size_t listed = 0;
	tryton_begin(t, "model.account.move.search_read");
	wire_write(&t->request,
		"[['company','=',%i],['origin','=',null],['state','=','posted'],"
		"['description','in',[",
		t->master.company);
	for (size_t i = 0; i < count; i++)
		if (tasks[i]->posting->transaction->tenders.count > 0 &&
			tasks[i]->parts[PART_SALE].id != 0 && documents[i].payment_count == 0)
			wire_write(&t->request, listed++ == 0 ? "%s" : ",%s",
				tasks[i]->posting->external_id);
	wire_write(&t->request, "]]],0,null,null,['description','lines.account',"
				"'lines.description','lines.debit','lines.credit']");
	enum status s = listed == 0 ? OK : tryton_send(t, true, &rows, err);
	for (size_t k = 0; k < wire_count(rows) && s == OK; k++) {
		const struct json_t *row = wire_at(rows, k);
		struct slice reference = wire_text(wire_get(row, "description"));
		for (size_t i = 0; i < count && s == OK; i++)
			if (slice_is(reference, tasks[i]->posting->external_id) &&
				documents[i].payments != NULL &&
				!read_entry(row, 0, &documents[i], TRANSACTION_TENDERS_MAX, arena))
				s = error_set(err, E_FULL, "no memory to read documents back");
	}
	return s;
}

static enum status read_part(struct tryton *t, const struct posting *postings, size_t count,
	struct erp_document *documents, struct arena *arena, struct error *err)
{
	struct task tasks[READ_BATCH_MAX], *list[READ_BATCH_MAX] = { NULL };
	for (size_t i = 0; i < count; i++) {
		tasks[i] = (struct task){ .posting = &postings[i] };
		list[i] = &tasks[i];
	}
	enum status s = tryton_locate(t, list, count, false, err);
	for (size_t i = 0; i < count && s == OK; i++)
		read_head(&tasks[i], &documents[i]);
	if (s == OK)
		s = read_sales(t, list, count, documents, arena, err);
	if (s == OK)
		s = read_loose_entries(t, list, count, documents, arena, err);
	for (size_t i = 0; i < count && s == OK; i++) {
		s = read_shipment(t, &tasks[i], PART_SHIPMENT_OUT, &documents[i], arena, err);
		if (s == OK)
			s = read_shipment(
				t, &tasks[i], PART_SHIPMENT_IN, &documents[i], arena, err);
	}
	return s;
}

enum status tryton_read_back(void *instance, const struct posting *postings, size_t count,
	struct erp_document *documents, struct arena *arena, struct error *err)
{
	struct tryton *t = instance;
	enum status s = tryton_master_load(t, err);
	for (size_t done = 0; done < count && s == OK;) {
		size_t part = count - done < READ_BATCH_MAX ? count - done : READ_BATCH_MAX;
		s = read_part(t, postings + done, part, documents + done, arena, err);
		done += part;
	}
	/* Nothing is wrong with a document because it cannot be read. */
	if (s == E_REFUSED)
		return error_set(err, E_RETRY, "what Tryton holds cannot be read now");
	return s;
}
