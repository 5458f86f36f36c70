/* Posting:
 *
 *     look up -> session -> one call with all orders -> look up again -> push what stayed a draft
 *
 * The call is one transaction in Odoo: when it refuses the batch, each order is sent alone, and
 * only the culprit is refused. What became of an order is never read from the answer to the call,
 * but from the order. */
#include "erp/odoo_internal.h"

#include "base/check.h"

typedef struct odoo_task *const *task_list;

static void settle(struct odoo_task *task)
{
	task->closed = true;
	*task->result = (struct posting_result){ .outcome = OUTCOME_SETTLED };
	memcpy(task->result->document, task->order.number, DOCUMENT_TEXT_MAX);
}

static void refuse(struct odoo_task *task, const struct error *why)
{
	task->closed = true;
	*task->result = (struct posting_result){ .outcome = OUTCOME_REFUSED };
	snprintf(task->result->detail, DETAIL_TEXT_MAX, "%.*s", DETAIL_TEXT_MAX - 1, why->text);
}

/* --- sessions --- */

/* The open sessions of the tasks' points of sale; 0 for those that have none. */
static enum status load_sessions(
	struct odoo *o, task_list tasks, size_t count, struct json_t **ret_rows, struct error *err)
{
	odoo_begin(o, "pos.session", "search_read", NULL, 0);
	struct buf *buf = odoo_parameter(o, "domain");
	wire_write(buf, "[['state','in',['opened','opening_control']],['config_id','in',[");
	for (size_t i = 0; i < count; i++) {
		wire_write(buf, i == 0 ? "%i" : ",%i", tasks[i]->plan.point->id);
		tasks[i]->plan.point->session = 0;
	}
	wire_write(buf, "]]]");
	wire_write(
		odoo_parameter(o, "fields"), "['config_id','state','cash_register_balance_start']");
	wire_write(odoo_parameter(o, "order"), "'id'");
	enum status s = odoo_send_search(o, ret_rows, err);
	for (size_t k = 0; k < wire_count(*ret_rows) && s == OK; k++) {
		const struct json_t *row = wire_at(*ret_rows, k);
		for (size_t i = 0; i < count; i++)
			if (tasks[i]->plan.point->id == odoo_reference(wire_get(row, "config_id")))
				tasks[i]->plan.point->session = wire_id(wire_get(row, "id"));
	}
	return s;
}

/* A session that counts its cash waits for what is in the drawer: what Odoo proposes, which is what
 * the last session left. Odoo's words about it are no matter of a record. */
static enum status count_cash(struct odoo *o, const struct json_t *rows, struct error *err)
{
	bool old = o->config->version == ODOO_17;
	for (size_t k = 0; k < wire_count(rows); k++) {
		struct json_t *nothing WIRE_OWNED = NULL;
		const struct json_t *row = wire_at(rows, k);
		int64_t id = wire_id(wire_get(row, "id"));
		struct total start = wire_total(wire_get(row, "cash_register_balance_start"));
		if (!slice_is(wire_text(wire_get(row, "state")), "opening_control"))
			continue;
		odoo_begin(
			o, "pos.session", old ? "set_cashbox_pos" : "set_opening_control", &id, 1);
		wire_write(odoo_parameter(o, "cashbox_value"), "%q", &start);
		wire_write(odoo_parameter(o, "notes"), "'opened by tillbridge'");
		enum status s = odoo_send(o, false, &nothing, err);
		if (s != OK)
			return s;
	}
	return OK;
}

/* An answer that does not come is no trouble: what is open now is asked next. */
static enum status open_missing(struct odoo *o, task_list tasks, size_t count, struct error *err)
{
	for (size_t i = 0; i < count; i++) {
		struct json_t *nothing WIRE_OWNED = NULL;
		struct odoo_point *point = tasks[i]->plan.point;
		bool seen = point->session != 0;
		for (size_t k = 0; k < i && !seen; k++)
			seen = tasks[k]->plan.point == point;
		if (seen)
			continue;
		if (!o->config->open_sessions)
			return error_set(err, E_RETRY,
				"Odoo's point of sale \"%.*s\" has no session",
				SLICE_ARG(point->name));
		odoo_begin(o, "pos.config", "open_ui", &point->id, 1);
		enum status s = odoo_send(o, false, &nothing, err);
		if (s != OK)
			return s;
	}
	return OK;
}

static bool is_missing(task_list tasks, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (tasks[i]->plan.point->session == 0)
			return true;
	return false;
}

static enum status find_sessions(struct odoo *o, task_list tasks, size_t count, struct error *err)
{
	struct json_t *rows WIRE_OWNED = NULL, *again WIRE_OWNED = NULL;
	struct error why = { 0 };
	enum status s = load_sessions(o, tasks, count, &rows, &why);
	if (s == OK && is_missing(tasks, count)) {
		s = open_missing(o, tasks, count, &why);
		if (s == OK)
			s = load_sessions(o, tasks, count, &again, &why);
		if (s == OK && is_missing(tasks, count))
			return error_set(
				err, E_RETRY, "Odoo opens no session of the point of sale");
	}
	if (s == OK)
		s = count_cash(o, wire_is_list(again) ? again : rows, &why);
	/* No order has been sent, so none can be unknown or refused. */
	if (s == E_REFUSED || s == E_UNKNOWN)
		return error_set(err, E_RETRY,
			"a session of the point of sale cannot be opened: %s", why.text);
	return s == OK ? OK : error_set(err, s, "%s", why.text);
}

/* --- orders --- */

static enum status send_orders(struct odoo *o, task_list tasks, size_t count, struct error *err)
{
	struct json_t *nothing WIRE_OWNED = NULL;
	odoo_write_orders(o, tasks, count);
	enum status s = odoo_send(o, false, &nothing, err);
	/* What was surely not carried out may be sent again without asking. */
	for (size_t i = 0; i < count; i++)
		tasks[i]->touched |= s != E_RETRY && s != E_REFUSED;
	return s == OK ? odoo_locate(o, tasks, count, err) : s;
}

/* Odoo keeps an order whose payments do not fit as a draft and says nothing; asked to pay it, it
 * says why not. */
static enum status push_draft(struct odoo *o, struct odoo_task *task, struct error *err)
{
	struct json_t *nothing WIRE_OWNED = NULL;
	odoo_begin(o, "pos.order", "action_pos_order_paid", &task->order.id, 1);
	enum status s = odoo_send(o, false, &nothing, err);
	return s == OK ? odoo_locate(o, &task, 1, err) : s;
}

/* Takes the orders that are there and paid out of the list; pays those that are there only. */
static enum status take_settled(struct odoo *o, task_list tasks, size_t count,
	struct odoo_task **open, size_t *ret_left, struct error *err)
{
	*ret_left = 0;
	for (size_t i = 0; i < count; i++) {
		struct odoo_task *task = tasks[i];
		enum status s = OK;
		if (task->order.id != 0 && !task->order.settled)
			s = push_draft(o, task, err);
		if (s == E_REFUSED)
			refuse(task, err);
		else if (s != OK)
			return s;
		else if (task->order.settled)
			settle(task);
		else
			open[(*ret_left)++] = task;
	}
	return OK;
}

static enum status drive(struct odoo *o, task_list tasks, size_t count, struct error *err)
{
	struct odoo_task *open[ODOO_BATCH_MAX] = { NULL };
	size_t left = 0;
	enum status s = odoo_locate(o, tasks, count, err);
	if (s == OK)
		s = take_settled(o, tasks, count, open, &left, err);
	if (s == OK && left > 0)
		s = find_sessions(o, open, left, err);
	if (s == OK && left > 0)
		s = send_orders(o, open, left, err);
	if (s == OK && left > 0)
		s = take_settled(o, open, left, open, &left, err);
	if (s == OK && left > 0)
		return error_set(err, E_UNKNOWN, "Odoo took the order %s and does not have it",
			open[0]->posting->external_id);
	return s;
}

static enum status drive_alone(struct odoo *o, task_list tasks, size_t count, struct error *err)
{
	for (size_t i = 0; i < count; i++) {
		if (tasks[i]->closed)
			continue;
		enum status s = drive(o, &tasks[i], 1, err);
		if (s == E_REFUSED)
			refuse(tasks[i], err);
		else if (s != OK)
			return s;
	}
	return OK;
}

/* What is not settled or refused: not sent when nothing of it has reached Odoo. */
static void leave_open(struct odoo_task *tasks, size_t count, const struct error *why)
{
	for (size_t i = 0; i < count; i++) {
		if (tasks[i].closed)
			continue;
		*tasks[i].result =
			(struct posting_result){ .outcome = tasks[i].touched ? OUTCOME_UNKNOWN
									     : OUTCOME_NOT_SENT };
		snprintf(tasks[i].result->detail, DETAIL_TEXT_MAX, "%.*s", DETAIL_TEXT_MAX - 1,
			why->text);
	}
}

static enum status post_tasks(
	struct odoo *o, struct odoo_task *tasks, size_t count, bool *ret_refused, struct error *err)
{
	struct odoo_task *open[ODOO_BATCH_MAX] = { NULL };
	size_t left = 0;
	for (size_t i = 0; i < count; i++) {
		enum status s = odoo_plan(o, tasks[i].posting, &tasks[i].plan, err);
		if (s == E_REFUSED)
			refuse(&tasks[i], err);
		else if (s != OK)
			return s;
		else
			open[left++] = &tasks[i];
	}
	enum status s = left == 0 ? OK : drive(o, open, left, err);
	if (s == E_REFUSED)
		s = drive_alone(o, open, left, err);
	for (size_t i = 0; i < count; i++)
		*ret_refused |= tasks[i].closed && tasks[i].result->outcome == OUTCOME_REFUSED;
	return s;
}

enum status odoo_post(void *instance, const struct posting *postings, size_t count,
	struct posting_result *results, uint64_t *ret_retry_after_ms, struct error *err)
{
	struct odoo *o = instance;
	struct error ours = { 0 };
	struct odoo_task tasks[ODOO_BATCH_MAX];
	bool refused = false;
	check(count <= ODOO_BATCH_MAX);
	for (size_t i = 0; i < count; i++) {
		results[i] = (struct posting_result){ .outcome = OUTCOME_NOT_SENT };
		tasks[i] = (struct odoo_task){ .posting = &postings[i], .result = &results[i] };
	}
	arena_reset(&o->arena);
	o->retry_after_ms = 0;
	enum status s = odoo_master_load(o, &ours);
	if (s == OK)
		s = odoo_master_learn(o, postings, count, &ours);
	if (s == OK)
		s = post_tasks(o, tasks, count, &refused, &ours);
	if (s != OK)
		leave_open(tasks, count, &ours);
	/* A person may have changed Odoo's master data by the next attempt. */
	if (refused || s != OK)
		odoo_master_forget(o);
	*ret_retry_after_ms = s == E_RETRY ? o->retry_after_ms : 0;
	if (s == E_REFUSED)
		s = E_RETRY; /* a question that was refused, not a record */
	if (s != OK && s != E_UNKNOWN)
		return error_set(err, s, "%s", ours.text);
	return OK;
}
