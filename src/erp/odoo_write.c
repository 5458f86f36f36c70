/* Orders as Odoo's own registers send them. The amounts are the till's: create_from_ui and
 * sync_from_ui keep what they are given. */
#include "erp/odoo_internal.h"

static void write_text(struct buf *buf, const char *name, const char *text)
{
	if (text == NULL)
		wire_write(buf, ",%s:''", name);
	else
		wire_write(buf, ",%s:%s", name, text);
}

static void write_line(
	struct odoo *o, const struct odoo_line *line, const char *external_id, uint32_t index)
{
	struct buf *buf = &o->request;
	char uuid[ODOO_KEY_MAX];
	odoo_uuid(external_id, index + 1, uuid);
	wire_write(buf,
		"[0,0,{'product_id':%i,'qty':%q,'price_unit':%q,'discount':0,"
		"'price_subtotal':%q,'price_subtotal_incl':%q,'full_product_name':%t,'uuid':%s",
		line->product, &line->quantity, &line->price, &line->net, &line->gross,
		&line->description, uuid);
	write_text(buf, "customer_note", line->note);
	wire_write(buf, ",'tax_ids':[[6,0,[");
	for (uint32_t i = 0; i < line->tax_count; i++)
		wire_write(buf, i == 0 ? "%i" : ",%i", line->taxes[i]);
	wire_write(buf, "]]]}]");
}

static void write_payments(struct odoo *o, const struct odoo_plan *plan)
{
	/* In 17 the payment's date is called name. */
	bool old = o->config->version == ODOO_17;
	for (uint32_t i = 0; i < plan->payment_count; i++)
		wire_write(&o->request,
			i == 0 ? "[0,0,{%s:%s,'payment_method_id':%i,'amount':%q}]"
			       : ",[0,0,{%s:%s,'payment_method_id':%i,'amount':%q}]",
			old ? "name" : "payment_date", plan->date_order, plan->payments[i].method,
			&plan->payments[i].amount);
}

static struct total paid(const struct odoo_plan *plan)
{
	struct total sum = total_zero();
	for (uint32_t i = 0; i < plan->payment_count; i++)
		sum = total_add(sum, plan->payments[i].amount);
	return sum;
}

/* What is the same in every version. */
static void write_body(struct odoo *o, const struct odoo_task *task)
{
	const struct odoo_plan *plan = &task->plan;
	struct total sum = paid(plan);
	wire_write(&o->request,
		"'date_order':%s,'partner_id':false,'fiscal_position_id':false,"
		"'pricelist_id':false,'amount_total':%q,'amount_tax':%q,'amount_paid':%q,"
		"'amount_return':0,'to_invoice':false,'access_token':'','lines':[",
		plan->date_order, &plan->gross, &plan->tax, &sum);
	for (uint32_t i = 0; i < plan->line_count; i++) {
		if (i > 0)
			buf_char(&o->request, ',');
		write_line(o, &plan->lines[i], task->posting->external_id, i);
	}
	wire_write(&o->request, "],%s:[",
		o->config->version == ODOO_17 ? "statement_ids" : "payment_ids");
	write_payments(o, plan);
	wire_write(&o->request, "]");
}

static void write_order_17(struct odoo *o, const struct odoo_task *task, const char *reference)
{
	uint64_t sequence = task->posting->transaction->key.sequence;
	wire_write(&o->request,
		"{'id':%s,'to_invoice':false,'data':{'name':%s,'uid':%s,'user_id':%i,"
		"'pos_session_id':%i,'sequence_number':%i,",
		reference, reference, reference, o->user_id, task->plan.point->session,
		sequence <= INT32_MAX ? (int64_t)sequence : 0);
	write_body(o, task);
	wire_write(&o->request, "}}");
}

static void write_order(struct odoo *o, const struct odoo_task *task, const char *reference)
{
	char uuid[ODOO_KEY_MAX];
	odoo_uuid(task->posting->external_id, 0, uuid);
	wire_write(&o->request, "{'uuid':%s,'pos_reference':%s,'session_id':%i,'company_id':%i,",
		uuid, reference, task->plan.point->session, task->plan.point->company);
	write_body(o, task);
	wire_write(&o->request, "}");
}

void odoo_write_orders(struct odoo *o, struct odoo_task *const *tasks, size_t count)
{
	bool old = o->config->version == ODOO_17;
	odoo_begin(o, "pos.order", old ? "create_from_ui" : "sync_from_ui", NULL, 0);
	buf_char(odoo_parameter(o, "orders"), '[');
	for (size_t i = 0; i < count; i++) {
		char reference[ODOO_KEY_MAX];
		odoo_reference_text(tasks[i]->posting->external_id, reference);
		if (i > 0)
			buf_char(&o->request, ',');
		if (old)
			write_order_17(o, tasks[i], reference);
		else
			write_order(o, tasks[i], reference);
	}
	buf_char(&o->request, ']');
	if (old)
		wire_write(odoo_parameter(o, "draft"), "false");
}
