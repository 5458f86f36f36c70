/* Posting: every document is driven from the state it is in to its end, so that the same function
 * begins a sale and finishes one that a crash or a lost answer has left half done.
 *
 *     look up by reference -> create -> quote -> compare the total -> confirm -> move the goods
 *     -> post the invoice -> book the tenders, settle -> ship write-offs -> look again
 *
 * A batch goes through each step together. When Tryton refuses a step, each of the batch goes
 * through all steps alone, and only the culprit is refused. */
#include "erp/tryton_internal.h"

#include "base/check.h"

#include <inttypes.h>

typedef struct task *const *task_list;

/* --- creating --- */

static void write_line(struct tryton *t, const struct plan_line *line, bool first)
{
	wire_write(&t->request, first ? "{" : ",{");
	wire_write(&t->request,
		"'type':'line','sequence':%i,'product':%i,'unit':%i,'quantity':%q,"
		"'unit_price':%m,'taxes':[['add',",
		(int64_t)line->sequence, line->item->id, line->item->unit, &line->quantity,
		&line->price);
	tryton_ids(&t->request, line->taxes, line->tax_count);
	wire_write(&t->request, "]]}");
}

static void write_rounding(
	struct tryton *t, int64_t sequence, const char *name, const struct total *amount)
{
	wire_write(&t->request,
		"{'type':'line','sequence':%i,'product':%i,'unit':%i,'quantity':1.0,"
		"'unit_price':%m,'description':%s}",
		sequence, t->master.rounding.id, t->master.rounding.unit, amount, name);
}

/* The till has priced the lines: without a price list Tryton keeps the prices as they are. A
 * reversal names the original in its description. */
static void write_sale(struct tryton *t, const struct task *task)
{
	const struct tryton_master *m = &t->master;
	const struct plan *plan = &task->plan;
	wire_write(&t->request,
		"{'company':%i,'currency':%i,'reference':%s,'party':%i,'invoice_address':%i,"
		"'shipment_address':%i,'warehouse':%i,'sale_date':%d,'invoice_method':'order',"
		"'shipment_method':'manual','payment_term':null,",
		m->company, m->currency, task->posting->external_id, m->party, m->address,
		m->address, plan->store->id, task->posting->transaction->key.business_date);
	if (task->posting->reversal)
		wire_write(&t->request, "'description':%s,", task->posting->reverses);
	if (m->has_price_list)
		wire_write(&t->request, "'price_list':null,");
	wire_write(&t->request, "'lines':[['create',[");
	for (uint32_t i = 0; i < plan->line_count; i++)
		write_line(t, &plan->lines[i], i == 0);
	if (total_sign(plan->cash_rounding) != 0) {
		if (plan->line_count > 0)
			buf_char(&t->request, ',');
		write_rounding(
			t, TRYTON_SEQUENCE_CASH_ROUNDING, "Cash rounding", &plan->cash_rounding);
	}
	wire_write(&t->request, "]]]}");
}

static bool to_create(const struct task *task)
{
	return tryton_needs_sale(task->posting->transaction) && task->parts[PART_SALE].id == 0;
}

static enum status create_sales(struct tryton *t, task_list tasks, size_t count, struct error *err)
{
	struct json_t *made WIRE_OWNED = NULL;
	size_t missing = 0, at = 0;
	tryton_begin(t, "model.sale.sale.create");
	buf_char(&t->request, '[');
	for (size_t i = 0; i < count; i++) {
		if (!to_create(tasks[i]))
			continue;
		if (missing++ > 0)
			buf_char(&t->request, ',');
		write_sale(t, tasks[i]);
	}
	buf_char(&t->request, ']');
	if (missing == 0)
		return OK;
	enum status s = tryton_send(t, false, &made, err);
	for (size_t i = 0; i < count; i++) {
		struct tryton_document *sale = &tasks[i]->parts[PART_SALE];
		if (!to_create(tasks[i]))
			continue;
		/* What was surely not carried out may be sent again without asking. */
		tasks[i]->touched |= s != E_RETRY && s != E_REFUSED;
		if (s != OK)
			continue;
		sale->id = wire_id(wire_at(made, at++));
		snprintf(sale->state, sizeof(sale->state), "draft");
		tasks[i]->fresh = true;
	}
	return s;
}

/* --- quoting, and the total --- */

static bool in_state(const struct task *task, const char *state)
{
	return task->parts[PART_SALE].id != 0 && strcmp(task->parts[PART_SALE].state, state) == 0;
}

/* A button on the sales that are in one state; they are in the next one afterwards. */
static enum status push(struct tryton *t, task_list tasks, size_t count, const char *from,
	const char *method, const char *to, struct error *err)
{
	int64_t ids[TRYTON_BATCH_MAX] = { 0 };
	size_t listed = 0;
	for (size_t i = 0; i < count; i++)
		if (in_state(tasks[i], from))
			ids[listed++] = tasks[i]->parts[PART_SALE].id;
	enum status s = tryton_button(t, method, ids, listed, err);
	for (size_t i = 0; i < count && s == OK; i++)
		if (in_state(tasks[i], from))
			snprintf(tasks[i]->parts[PART_SALE].state, STATE_TEXT_MAX, "%s", to);
	return s;
}

/* States, totals and invoices of the sales, as Tryton has them now. */
static enum status read_sales(struct tryton *t, task_list tasks, size_t count, struct error *err)
{
	struct json_t *rows WIRE_OWNED = NULL;
	int64_t ids[TRYTON_BATCH_MAX] = { 0 };
	size_t listed = 0;
	for (size_t i = 0; i < count; i++)
		if (tasks[i]->parts[PART_SALE].id != 0)
			ids[listed++] = tasks[i]->parts[PART_SALE].id;
	if (listed == 0)
		return OK;
	tryton_begin(t, "model.sale.sale.read");
	tryton_ids(&t->request, ids, listed);
	wire_write(&t->request, ",['state','number','total_amount','invoices.state']");
	enum status s = tryton_send(t, true, &rows, err);
	for (size_t k = 0; k < wire_count(rows) && s == OK; k++) {
		const struct json_t *row = wire_at(rows, k);
		const struct json_t *invoice = wire_at(wire_get(row, "invoices."), 0);
		for (size_t i = 0; i < count; i++) {
			struct tryton_document *sale = &tasks[i]->parts[PART_SALE];
			if (sale->id != wire_id(wire_get(row, "id")))
				continue;
			sale->total = wire_total(wire_get(row, "total_amount"));
			snprintf(sale->state, sizeof(sale->state), "%.*s",
				SLICE_ARG(wire_text(wire_get(row, "state"))));
			tasks[i]->invoice = wire_id(wire_get(invoice, "id"));
			snprintf(tasks[i]->invoice_state, STATE_TEXT_MAX, "%.*s",
				SLICE_ARG(wire_text(wire_get(invoice, "state"))));
		}
	}
	return s;
}

static struct total difference(const struct task *task)
{
	return total_subtract(task->plan.paid, task->parts[PART_SALE].total);
}

/* Tryton rounds each net line half-even and the tax once per document. What that makes of the
 * till's total is booked on a line of its own, within one minor unit a line. */
static enum status book_rounding(struct tryton *t, struct task *task, struct error *err)
{
	struct json_t *nothing WIRE_OWNED = NULL;
	struct total rest = difference(task), limit = { 1000000000 };
	char ours[TOTAL_TEXT_MAX], theirs[TOTAL_TEXT_MAX];
	for (unsigned i = 0; i < t->master.currency_digits; i++)
		limit.nanos /= 10;
	limit.nanos *= task->plan.line_count;
	if (total_compare(total_absolute(rest), limit) > 0) {
		total_print(task->plan.paid, 0, ours);
		total_print(task->parts[PART_SALE].total, 0, theirs);
		return error_set(err, E_REFUSED,
			"the till's total is %s and Tryton's %s: more apart than a minor unit for "
			"each of %u lines",
			ours, theirs, task->plan.line_count);
	}
	enum status s = push(t, &task, 1, "quotation", "model.sale.sale.draft", "draft", err);
	if (s != OK)
		return s;
	tryton_begin(t, "model.sale.sale.write");
	wire_write(&t->request, "[%i],{'lines':[['create',[", task->parts[PART_SALE].id);
	write_rounding(t, TRYTON_SEQUENCE_TAX_ROUNDING, "Tax rounding", &rest);
	wire_write(&t->request, "]]]}");
	s = tryton_send(t, false, &nothing, err);
	if (s == OK)
		s = push(t, &task, 1, "draft", "model.sale.sale.quote", "quotation", err);
	if (s == OK)
		s = read_sales(t, &task, 1, err);
	if (s == OK && total_sign(difference(task)) != 0)
		return error_set(err, E_REFUSED,
			"Tryton's total does not become the till's with a rounding line");
	return s;
}

static enum status quote(struct tryton *t, task_list tasks, size_t count, struct error *err)
{
	enum status s = push(t, tasks, count, "draft", "model.sale.sale.quote", "quotation", err);
	if (s == OK)
		s = read_sales(t, tasks, count, err);
	for (size_t i = 0; i < count && s == OK; i++)
		if (in_state(tasks[i], "quotation") && total_sign(difference(tasks[i])) != 0)
			s = book_rounding(t, tasks[i], err);
	return s;
}

/* --- confirming --- */

/* Confirming succeeds even when the sale cannot be processed; only processing tells why. */
static enum status confirm(struct tryton *t, task_list tasks, size_t count, struct error *err)
{
	enum status s =
		push(t, tasks, count, "quotation", "model.sale.sale.confirm", "confirmed", err);
	if (s == OK)
		s = read_sales(t, tasks, count, err);
	if (s == OK)
		s = push(t, tasks, count, "confirmed", "model.sale.sale.process", "processed", err);
	for (size_t i = 0; i < count && s == OK; i++)
		if (in_state(tasks[i], "processed"))
			return read_sales(t, tasks, count, err);
	return s;
}

/* --- the end --- */

/* A sale becomes done by tasks that run behind the last calls; when they failed, asking for them
 * again says so. */
static enum status nudge(struct tryton *t, task_list tasks, size_t count, struct error *err)
{
	int64_t invoices[TRYTON_BATCH_MAX] = { 0 }, sales[TRYTON_BATCH_MAX] = { 0 };
	size_t invoice_count = 0, sale_count = 0;
	for (size_t i = 0; i < count; i++) {
		if (tryton_complete(tasks[i]) || tasks[i]->parts[PART_SALE].id == 0)
			continue;
		sales[sale_count++] = tasks[i]->parts[PART_SALE].id;
		if (tasks[i]->invoice != 0)
			invoices[invoice_count++] = tasks[i]->invoice;
	}
	enum status s =
		tryton_button(t, "model.account.invoice.process", invoices, invoice_count, err);
	if (s == OK)
		s = tryton_button(t, "model.sale.sale.process", sales, sale_count, err);
	return s == OK ? tryton_locate(t, tasks, count, false, err) : s;
}

static enum status verify(struct tryton *t, task_list tasks, size_t count, struct error *err)
{
	bool complete = true;
	enum status s = tryton_locate(t, tasks, count, true, err);
	for (size_t i = 0; i < count; i++)
		complete &= tryton_complete(tasks[i]);
	if (s == OK && !complete)
		s = nudge(t, tasks, count, err);
	for (size_t i = 0; i < count && s == OK; i++)
		if (!tryton_complete(tasks[i]))
			return error_set(err, E_REFUSED,
				"Tryton's sale %s stays \"%s\" after everything was done for it",
				tasks[i]->parts[PART_SALE].number,
				tasks[i]->parts[PART_SALE].state);
	return s;
}

static void settle(struct task *task)
{
	task->closed = true;
	*task->result = (struct posting_result){ .outcome = OUTCOME_SETTLED };
	snprintf(task->result->document, DOCUMENT_TEXT_MAX, "%s", tryton_number(task));
}

/* --- all of it --- */

/* Takes the tasks that have nothing left to do out of the list. */
static size_t unfinished(task_list tasks, size_t count, struct task **open)
{
	size_t left = 0;
	for (size_t i = 0; i < count; i++) {
		if (tryton_complete(tasks[i]))
			settle(tasks[i]);
		else
			open[left++] = tasks[i];
	}
	return left;
}

static enum status drive(struct tryton *t, task_list tasks, size_t count, struct error *err)
{
	static enum status (*const steps[])(
		struct tryton *, task_list, size_t, struct error *) = { create_sales, quote,
		confirm, tryton_move_goods, tryton_invoice, tryton_pay, tryton_ship, verify };
	struct task *open[TRYTON_BATCH_MAX] = { NULL };
	for (size_t i = 0; i < count; i++) {
		tasks[i]->fresh = false;
		tasks[i]->invoice = 0;
	}
	enum status s = tryton_locate(t, tasks, count, true, err);
	if (s != OK)
		return s;
	size_t left = unfinished(tasks, count, open);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && left > 0 && s == OK; i++)
		s = steps[i](t, open, left, err);
	for (size_t i = 0; i < left && s == OK; i++)
		settle(open[i]);
	return s;
}

/* A sale that Tryton will not take has had no effect yet while it is a draft: it goes. */
static void refuse(struct tryton *t, struct task *task, const struct error *why)
{
	struct error ignored;
	task->closed = true;
	*task->result = (struct posting_result){ .outcome = OUTCOME_REFUSED };
	snprintf(task->result->detail, DETAIL_TEXT_MAX, "%.*s", DETAIL_TEXT_MAX - 1, why->text);
	if (in_state(task, "draft") || in_state(task, "quotation"))
		tryton_button(t, "model.sale.sale.delete", &task->parts[PART_SALE].id, 1, &ignored);
}

static enum status drive_alone(struct tryton *t, task_list tasks, size_t count, struct error *err)
{
	for (size_t i = 0; i < count; i++) {
		if (tasks[i]->closed)
			continue;
		enum status s = drive(t, &tasks[i], 1, err);
		if (s == E_REFUSED)
			refuse(t, tasks[i], err);
		else if (s != OK)
			return s;
	}
	return OK;
}

/* What is not settled or refused: not sent when nothing of it has reached Tryton. */
static void leave_open(task_list tasks, size_t count, const struct error *why)
{
	for (size_t i = 0; i < count; i++) {
		if (tasks[i]->closed)
			continue;
		*tasks[i]->result =
			(struct posting_result){ .outcome = tasks[i]->touched ? OUTCOME_UNKNOWN
									      : OUTCOME_NOT_SENT };
		snprintf(tasks[i]->result->detail, DETAIL_TEXT_MAX, "%.*s", DETAIL_TEXT_MAX - 1,
			why->text);
	}
}

static enum status post_tasks(
	struct tryton *t, struct task *tasks, size_t count, bool *ret_refused, struct error *err)
{
	struct task *open[TRYTON_BATCH_MAX] = { NULL };
	size_t left = 0;
	for (size_t i = 0; i < count; i++) {
		enum status s = tryton_plan(t, tasks[i].posting, &tasks[i].plan, err);
		if (s == E_REFUSED)
			refuse(t, &tasks[i], err);
		else if (s != OK)
			return s;
		else
			open[left++] = &tasks[i];
	}
	*ret_refused = left < count;
	enum status s = left == 0 ? OK : drive(t, open, left, err);
	if (s == E_REFUSED) {
		*ret_refused = true;
		/* The dates of invoices may have moved on behind our back. */
		for (size_t i = 0; i < t->master.year_count; i++)
			t->master.years[i].last = 0;
		s = drive_alone(t, open, left, err);
	}
	return s;
}

enum status tryton_post(void *instance, const struct posting *postings, size_t count,
	struct posting_result *results, uint64_t *ret_retry_after_ms, struct error *err)
{
	struct tryton *t = instance;
	struct error ours = { 0 };
	struct task tasks[TRYTON_BATCH_MAX], *list[TRYTON_BATCH_MAX] = { NULL };
	bool refused = false;
	check(count <= TRYTON_BATCH_MAX);
	for (size_t i = 0; i < count; i++) {
		results[i] = (struct posting_result){ .outcome = OUTCOME_NOT_SENT };
		tasks[i] = (struct task){ .posting = &postings[i], .result = &results[i] };
		list[i] = &tasks[i];
	}
	arena_reset(&t->arena);
	t->retry_after_ms = 0;
	enum status s = tryton_master_load(t, &ours);
	if (s == OK)
		s = tryton_master_learn(t, postings, count, &ours);
	if (s == OK)
		s = post_tasks(t, tasks, count, &refused, &ours);
	if (s != OK)
		leave_open(list, count, &ours);
	/* A person may have changed Tryton's master data by the next attempt. */
	if (refused || s != OK)
		tryton_master_forget(t);
	*ret_retry_after_ms = s == E_RETRY ? t->retry_after_ms : 0;
	if (s != OK && s != E_UNKNOWN)
		return error_set(err, s, "%s", ours.text);
	return OK;
}
