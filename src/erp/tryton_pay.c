/* Money: the invoice of a sale is posted, the tenders are booked, and one settles the other. */
#include "erp/tryton_internal.h"

static bool is_open_invoice(const struct task *task)
{
	return task->invoice != 0 && strcmp(task->invoice_state, "paid") != 0 &&
	       strcmp(task->invoice_state, "posted") != 0;
}

/* Tryton numbers invoices in the order of their dates and refuses one that comes late, so it has
 * to be known where a fiscal year stands. Only other writers can move it behind our back; then
 * Tryton refuses, everything is forgotten and asked again. */
static enum status learn_last_date(struct tryton *t, struct tryton_year *year, struct error *err)
{
	struct json_t *rows WIRE_OWNED = NULL;
	if (year->last != 0)
		return OK;
	tryton_begin(t, "model.account.invoice.search_read");
	wire_write(&t->request,
		"[['type','=','out'],['company','=',%i],['state','in',['posted','paid']],"
		"['move.period.fiscalyear','=',%i]],0,1,[['accounting_date','DESC']],"
		"['invoice_date','accounting_date']",
		t->master.company, year->id);
	enum status s = tryton_send(t, true, &rows, err);
	date_t invoiced = wire_date(wire_get(wire_at(rows, 0), "invoice_date"));
	date_t accounted = wire_date(wire_get(wire_at(rows, 0), "accounting_date"));
	if (s == OK)
		year->last = accounted != 0 ? accounted : invoiced != 0 ? invoiced : year->start;
	return s;
}

/* The invoice has the business date; a late one is accounted on the last date that its fiscal
 * year's numbers have reached. The report cache is filled so that posting prints nothing. */
static enum status date_invoices(
	struct tryton *t, struct task *const *tasks, size_t count, struct error *err)
{
	struct json_t *nothing WIRE_OWNED = NULL;
	bool any = false;
	for (size_t i = 0; i < count; i++) {
		date_t date = tasks[i]->posting->transaction->key.business_date;
		struct tryton_year *year = tryton_year_find(t, date);
		enum status s = year != NULL && is_open_invoice(tasks[i])
					? learn_last_date(t, year, err)
					: OK;
		if (s != OK)
			return s;
	}
	tryton_begin(t, "model.account.invoice.write");
	for (size_t i = 0; i < count; i++) {
		date_t date = tasks[i]->posting->transaction->key.business_date;
		const struct tryton_year *year = tryton_year_find(t, date);
		if (!is_open_invoice(tasks[i]) || year == NULL)
			continue;
		wire_write(&t->request,
			any ? ",[%i],{'invoice_date':%d," : "[%i],{'invoice_date':%d,",
			tasks[i]->invoice, date);
		wire_write(&t->request,
			year->last > date ? "'accounting_date':%d," : "'accounting_date':null,",
			year->last);
		wire_write(&t->request,
			"'invoice_report_cache':{'__class__':'bytes','base64':'LQ=='},"
			"'invoice_report_format':'txt'}");
		any = true;
	}
	return any ? tryton_send(t, false, &nothing, err) : OK;
}

enum status tryton_invoice(
	struct tryton *t, struct task *const *tasks, size_t count, struct error *err)
{
	int64_t ids[TRYTON_BATCH_MAX] = { 0 };
	size_t open = 0;
	enum status s = date_invoices(t, tasks, count, err);
	for (size_t i = 0; i < count; i++)
		if (is_open_invoice(tasks[i]))
			ids[open++] = tasks[i]->invoice;
	if (s == OK)
		s = tryton_button(t, "model.account.invoice.post", ids, open, err);
	for (size_t i = 0; i < count && s == OK; i++) {
		date_t date = tasks[i]->posting->transaction->key.business_date;
		struct tryton_year *year = tryton_year_find(t, date);
		if (is_open_invoice(tasks[i]) && year != NULL && year->last < date)
			year->last = date;
	}
	return s;
}

/* One payment: the entry that books a receipt's tenders, and what it settles. */
struct payment {
	const struct task *task;
	const struct json_t *invoice;
	int64_t move; /* 0: not there yet */
	bool move_posted;
	int64_t line; /* of the move, on the invoice's account */
};

static struct payment *payment_of(struct payment *payments, size_t count, struct slice reference)
{
	for (size_t i = 0; i < count; i++)
		if (slice_is(reference, payments[i].task->posting->external_id))
			return &payments[i];
	return NULL;
}

static bool is_posted(const struct json_t *invoice)
{
	return slice_is(wire_text(wire_get(invoice, "state")), "posted");
}

/* Which receipts are still to be paid. One that comes to 0 settles itself; when it has tenders
 * all the same (an exchange that mixes them), they are booked without anything to settle. */
static enum status list_payments(const struct json_t *invoices, struct task *const *tasks,
	size_t count, struct payment *payments, size_t *ret_count, struct error *err)
{
	char a[TOTAL_TEXT_MAX], b[TOTAL_TEXT_MAX];
	*ret_count = 0;
	for (size_t k = 0; k < wire_count(invoices); k++) {
		const struct json_t *invoice = wire_at(invoices, k);
		struct total total = wire_total(wire_get(invoice, "total_amount"));
		for (size_t i = 0; i < count; i++) {
			const struct task *task = tasks[i];
			if (task->invoice != wire_id(wire_get(invoice, "id")))
				continue;
			total_print(total, 0, a);
			total_print(task->plan.paid, 0, b);
			if (total_compare(total, task->plan.paid) != 0)
				return error_set(err, E_REFUSED,
					"Tryton's invoice is %s, but %s was paid", a, b);
			if (task->plan.payment_count > 0 &&
				(is_posted(invoice) || total_sign(total) == 0))
				payments[(*ret_count)++] =
					(struct payment){ .task = task, .invoice = invoice };
		}
	}
	return OK;
}

/* Entries that an earlier, unfinished attempt has made. */
static enum status find_entries(
	struct tryton *t, struct payment *payments, size_t count, struct error *err)
{
	struct json_t *rows WIRE_OWNED = NULL;
	size_t listed = 0;
	tryton_begin(t, "model.account.move.search_read");
	wire_write(&t->request, "[['company','=',%i],['origin','=',null],['description','in',[",
		t->master.company);
	for (size_t i = 0; i < count; i++)
		if (!payments[i].task->fresh)
			wire_write(&t->request, listed++ == 0 ? "%s" : ",%s",
				payments[i].task->posting->external_id);
	wire_write(&t->request, "]]],0,null,[['id','DESC']],['description','state']");
	enum status s = listed == 0 ? OK : tryton_send(t, true, &rows, err);
	for (size_t i = 0; i < wire_count(rows) && s == OK; i++) {
		const struct json_t *row = wire_at(rows, i);
		struct payment *payment =
			payment_of(payments, count, wire_text(wire_get(row, "description")));
		if (payment == NULL)
			continue;
		payment->move = wire_id(wire_get(row, "id"));
		payment->move_posted = slice_is(wire_text(wire_get(row, "state")), "posted");
	}
	return s;
}

static void write_entry_line(struct tryton *t, int64_t account, struct total amount)
{
	struct total zero = total_zero(), size = total_absolute(amount);
	bool debit = total_sign(amount) > 0;
	wire_write(&t->request, "'account':%i,'debit':%m,'credit':%m", account,
		debit ? &size : &zero, debit ? &zero : &size);
}

/* The tender's kind stands in the line's description: several kinds may share an account. */
static void write_entry(struct tryton *t, const struct payment *payment)
{
	const struct plan *plan = &payment->task->plan;
	wire_write(&t->request,
		"{'company':%i,'journal':%i,'period':%i,'date':%d,'description':%s,"
		"'lines':[['create',[",
		t->master.company, plan->payments[0].method->journal,
		wire_id(wire_path(payment->invoice, "move.", "period")),
		wire_date(wire_path(payment->invoice, "move.", "date")),
		payment->task->posting->external_id);
	for (uint32_t i = 0; i < plan->payment_count; i++) {
		const struct plan_payment *p = &plan->payments[i];
		bool taken = total_sign(p->amount) > 0;
		wire_write(&t->request, i == 0 ? "{'description':%t," : ",{'description':%t,",
			&p->kind);
		write_entry_line(
			t, taken ? p->method->debit_account : p->method->credit_account, p->amount);
		wire_write(&t->request, "}");
	}
	if (total_sign(plan->paid) != 0) {
		wire_write(&t->request, ",{'party':%i,", t->master.party);
		write_entry_line(t, wire_id(wire_get(payment->invoice, "account")),
			total_negate(plan->paid));
		wire_write(&t->request, "}");
	}
	wire_write(&t->request, "]]]}");
}

static enum status make_entries(
	struct tryton *t, struct payment *payments, size_t count, struct error *err)
{
	struct json_t *made WIRE_OWNED = NULL;
	int64_t ids[TRYTON_BATCH_MAX] = { 0 };
	size_t missing = 0, made_count = 0, drafts = 0;
	tryton_begin(t, "model.account.move.create");
	buf_char(&t->request, '[');
	for (size_t i = 0; i < count; i++) {
		if (payments[i].move != 0)
			continue;
		if (missing++ > 0)
			buf_char(&t->request, ',');
		write_entry(t, &payments[i]);
	}
	buf_char(&t->request, ']');
	enum status s = missing == 0 ? OK : tryton_send(t, false, &made, err);
	for (size_t i = 0; i < count && s == OK; i++) {
		if (payments[i].move == 0)
			payments[i].move = wire_id(wire_at(made, made_count++));
		if (!payments[i].move_posted)
			ids[drafts++] = payments[i].move;
	}
	if (s == OK)
		s = tryton_button(t, "model.account.move.post", ids, drafts, err);
	return s;
}

static enum status find_entry_lines(
	struct tryton *t, struct payment *payments, size_t count, struct error *err)
{
	struct json_t *rows WIRE_OWNED = NULL;
	size_t listed = 0;
	tryton_begin(t, "model.account.move.line.search_read");
	wire_write(&t->request,
		"[['reconciliation','=',null],['account.reconcile','=',true],"
		"['party','=',%i],['move','in',[",
		t->master.party);
	for (size_t i = 0; i < count; i++)
		if (is_posted(payments[i].invoice))
			wire_write(&t->request, listed++ == 0 ? "%i" : ",%i", payments[i].move);
	wire_write(&t->request, "]]],0,null,null,['move','account']");
	enum status s = listed == 0 ? OK : tryton_send(t, true, &rows, err);
	for (size_t k = 0; k < wire_count(rows) && s == OK; k++) {
		const struct json_t *row = wire_at(rows, k);
		for (size_t i = 0; i < count; i++)
			if (payments[i].move == wire_id(wire_get(row, "move")) &&
				wire_id(wire_get(payments[i].invoice, "account")) ==
					wire_id(wire_get(row, "account")))
				payments[i].line = wire_id(wire_get(row, "id"));
	}
	return s;
}

/* One reconciliation for each receipt, so that what paid it can be read back. */
static enum status reconcile(
	struct tryton *t, const struct payment *payments, size_t count, struct error *err)
{
	struct json_t *nothing WIRE_OWNED = NULL;
	bool any = false;
	tryton_begin(t, "model.account.move.reconciliation.create");
	buf_char(&t->request, '[');
	for (size_t i = 0; i < count; i++) {
		const struct payment *p = &payments[i];
		const struct json_t *lines = wire_get(p->invoice, "lines_to_pay.");
		if (!is_posted(p->invoice) || p->line == 0)
			continue;
		wire_write(&t->request,
			any ? ",{'company':%i,'date':%d,'lines':[['add',[%i"
			    : "{'company':%i,'date':%d,'lines':[['add',[%i",
			t->master.company, wire_date(wire_path(p->invoice, "move.", "date")),
			p->line);
		for (size_t k = 0; k < wire_count(lines); k++)
			if (wire_is_null(wire_get(wire_at(lines, k), "reconciliation")))
				wire_write(&t->request, ",%i",
					wire_id(wire_get(wire_at(lines, k), "id")));
		wire_write(&t->request, "]]]}");
		any = true;
	}
	buf_char(&t->request, ']');
	return any ? tryton_send(t, false, &nothing, err) : OK;
}

static enum status read_invoices(struct tryton *t, struct task *const *tasks, size_t count,
	struct json_t **ret_invoices, struct error *err)
{
	int64_t ids[TRYTON_BATCH_MAX] = { 0 };
	size_t listed = 0;
	for (size_t i = 0; i < count; i++)
		if (tasks[i]->invoice != 0)
			ids[listed++] = tasks[i]->invoice;
	if (listed == 0)
		return OK;
	tryton_begin(t, "model.account.invoice.read");
	tryton_ids(&t->request, ids, listed);
	wire_write(&t->request, ",['state','account','total_amount','move.period','move.date',"
				"'lines_to_pay.reconciliation']");
	return tryton_send(t, true, ret_invoices, err);
}

enum status tryton_pay(struct tryton *t, struct task *const *tasks, size_t count, struct error *err)
{
	struct json_t *invoices WIRE_OWNED = NULL;
	struct payment payments[TRYTON_BATCH_MAX];
	size_t open = 0;
	enum status s = read_invoices(t, tasks, count, &invoices, err);
	if (s == OK)
		s = list_payments(invoices, tasks, count, payments, &open, err);
	if (s != OK || open == 0)
		return s;
	s = find_entries(t, payments, open, err);
	if (s == OK)
		s = make_entries(t, payments, open, err);
	if (s == OK)
		s = find_entry_lines(t, payments, open, err);
	if (s == OK)
		s = reconcile(t, payments, open, err);
	return s;
}
