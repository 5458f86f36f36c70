/* Goods: what leaves or comes with a sale, and what leaves or comes without one. */
#include "erp/tryton_internal.h"

/* --- moves of sales --- */

/* A move for a line of a sale, written by us because the sale's shipment method is manual. */
static void write_move(
	struct tryton *t, const struct task *task, const struct json_t *line, bool first)
{
	struct total quantity = wire_total(wire_get(line, "quantity"));
	struct total size = total_absolute(quantity);
	struct total price = wire_total(wire_get(line, "unit_price"));
	bool sold = total_sign(quantity) > 0;
	char origin[64];
	int64_t shelf = task->plan.store->storage, customer = t->master.customer_location;
	snprintf(
		origin, sizeof(origin), "sale.line,%lld", (long long)wire_id(wire_get(line, "id")));
	wire_write(&t->request, first ? "{" : ",{");
	wire_write(&t->request,
		"'company':%i,'product':%i,'uom':%i,'quantity':%q,'from_location':%i,"
		"'to_location':%i,'currency':%i,'unit_price':%m,'effective_date':%d,'origin':%s}",
		t->master.company, wire_id(wire_get(line, "product")),
		wire_id(wire_get(line, "unit")), &size, sold ? shelf : customer,
		sold ? customer : shelf, t->master.currency, &price,
		task->posting->transaction->key.business_date, origin);
}

/* Moves that an earlier, unfinished attempt has made are done now, not made again. */
static bool has_moves(
	const struct json_t *line, int64_t *waiting, size_t *waiting_count, size_t waiting_max)
{
	const struct json_t *moves = wire_get(line, "moves.");
	bool any = false;
	for (size_t i = 0; i < wire_count(moves); i++) {
		const struct json_t *move = wire_at(moves, i);
		struct slice state = wire_text(wire_get(move, "state"));
		if (slice_is(state, "cancelled"))
			continue;
		any = true;
		if (!slice_is(state, "done") && *waiting_count < waiting_max)
			waiting[(*waiting_count)++] = wire_id(wire_get(move, "id"));
	}
	return any;
}

static bool is_goods(const struct json_t *line)
{
	struct slice type = wire_text(wire_path(line, "product.", "type"));
	return type.len > 0 && !slice_is(type, "service") &&
	       total_sign(wire_total(wire_get(line, "quantity"))) != 0;
}

static const struct task *task_with_sale(struct task *const *tasks, size_t count, int64_t sale)
{
	for (size_t i = 0; i < count; i++)
		if (tasks[i]->parts[PART_SALE].id == sale)
			return tasks[i];
	return NULL;
}

struct moves {
	int64_t *ids; /* to be done */
	size_t count, max;
};

static size_t write_moves(struct tryton *t, struct task *const *tasks, size_t count,
	const struct json_t *lines, struct moves *moves)
{
	size_t written = 0;
	tryton_begin(t, "model.stock.move.create");
	buf_char(&t->request, '[');
	for (size_t i = 0; i < wire_count(lines); i++) {
		const struct json_t *line = wire_at(lines, i);
		const struct task *task =
			task_with_sale(tasks, count, wire_id(wire_get(line, "sale")));
		if (task == NULL || !is_goods(line) ||
			has_moves(line, moves->ids, &moves->count, moves->max))
			continue;
		write_move(t, task, line, written++ == 0);
	}
	buf_char(&t->request, ']');
	return written;
}

/* The lines of sales that are under way; a sale that is done has moved its goods. */
static enum status read_lines(struct tryton *t, struct task *const *tasks, size_t count,
	struct json_t **ret_lines, struct error *err)
{
	size_t listed = 0;
	tryton_begin(t, "model.sale.line.search_read");
	wire_write(&t->request, "[['type','=','line'],['sale','in',[");
	for (size_t i = 0; i < count; i++)
		if (strcmp(tasks[i]->parts[PART_SALE].state, "processing") == 0)
			wire_write(&t->request, listed++ == 0 ? "%i" : ",%i",
				tasks[i]->parts[PART_SALE].id);
	wire_write(&t->request, "]]],0,null,[['id','ASC']],['sale','product','product.type',"
				"'quantity','unit','unit_price','moves.state']");
	return listed == 0 ? OK : tryton_send(t, true, ret_lines, err);
}

enum status tryton_move_goods(
	struct tryton *t, struct task *const *tasks, size_t count, struct error *err)
{
	struct json_t *lines WIRE_OWNED = NULL, *made WIRE_OWNED = NULL;
	enum status s = read_lines(t, tasks, count, &lines, err);
	if (s != OK || lines == NULL)
		return s;
	struct moves moves = { .max = 2 * wire_count(lines) };
	moves.ids = arena_array(&t->arena, int64_t, moves.max + 1);
	if (moves.ids == NULL)
		return error_set(err, E_FULL, "no memory for %zu moves", moves.max);
	if (write_moves(t, tasks, count, lines, &moves) > 0)
		s = tryton_send(t, false, &made, err);
	for (size_t i = 0; i < wire_count(made) && moves.count < moves.max; i++)
		moves.ids[moves.count++] = wire_id(wire_at(made, i));
	if (s != OK)
		return s;
	return tryton_button(t, "model.stock.move.do", moves.ids, moves.count, err);
}

/* --- shipments of write-offs --- */

static void write_shipment_move(
	struct tryton *t, const struct plan_line *line, int64_t from, int64_t to, bool first)
{
	struct total size = total_absolute(line->quantity);
	wire_write(&t->request, first ? "{" : ",{");
	wire_write(&t->request,
		"'company':%i,'product':%i,'uom':%i,'quantity':%q,'from_location':%i,"
		"'to_location':%i}",
		t->master.company, line->item->id, line->item->unit, &size, from, to);
}

static enum status create_shipment(
	struct tryton *t, struct task *task, enum tryton_part part, struct error *err)
{
	const struct plan *plan = &task->plan;
	bool into_store = part == PART_SHIPMENT_IN, first = true;
	int64_t from = into_store ? plan->store->lost_found : plan->store->storage;
	int64_t to = into_store ? plan->store->storage : plan->store->lost_found;
	date_t date = task->posting->transaction->key.business_date;
	struct json_t *made WIRE_OWNED = NULL;
	if (plan->store->lost_found == 0)
		return error_set(err, E_REFUSED,
			"warehouse \"%.*s\" has no lost and found location for a write-off",
			SLICE_ARG(plan->store->code));
	tryton_begin(t, "model.stock.shipment.internal.create");
	wire_write(&t->request,
		"[{'company':%i,'reference':%s,'from_location':%i,'to_location':%i,"
		"'planned_date':%d,'planned_start_date':%d,'effective_date':%d,"
		"'effective_start_date':%d,'moves':[['create',[",
		t->master.company, task->posting->external_id, from, to, date, date, date, date);
	for (uint32_t i = 0; i < plan->write_off_count; i++) {
		const struct plan_line *line = &plan->write_offs[i];
		if (total_sign(line->quantity) != (into_store ? 1 : -1))
			continue;
		write_shipment_move(t, line, from, to, first);
		first = false;
	}
	wire_write(&t->request, "]]]}]");
	task->touched = true;
	enum status s = tryton_send(t, false, &made, err);
	task->parts[part].id = wire_id(wire_at(made, 0));
	snprintf(task->parts[part].state, STATE_TEXT_MAX, "draft");
	return s;
}

/* The buttons that lead from each state to the end. */
static enum status push_shipment(
	struct tryton *t, const struct tryton_document *shipment, struct error *err)
{
	static const struct {
		const char *state, *method;
	} steps[] = {
		{ "draft", "model.stock.shipment.internal.wait" },
		{ "waiting", "model.stock.shipment.internal.assign_force" },
		{ "assigned", "model.stock.shipment.internal.done" },
	};
	enum status s = OK;
	bool reached = false;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && s == OK; i++) {
		reached |= strcmp(shipment->state, steps[i].state) == 0;
		if (reached)
			s = tryton_button(t, steps[i].method, &shipment->id, 1, err);
	}
	return s;
}

static enum status ship_one(
	struct tryton *t, struct task *task, enum tryton_part part, struct error *err)
{
	enum status s = OK;
	bool needed = tryton_needs_shipment(task->posting->transaction, part == PART_SHIPMENT_IN);
	if (needed && task->parts[part].id == 0)
		s = create_shipment(t, task, part, err);
	if (s == OK && needed)
		s = push_shipment(t, &task->parts[part], err);
	return s;
}

enum status tryton_ship(
	struct tryton *t, struct task *const *tasks, size_t count, struct error *err)
{
	enum status s = OK;
	for (size_t i = 0; i < count && s == OK; i++) {
		s = ship_one(t, tasks[i], PART_SHIPMENT_OUT, err);
		if (s == OK)
			s = ship_one(t, tasks[i], PART_SHIPMENT_IN, err);
	}
	return s;
}
