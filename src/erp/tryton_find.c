#include "base/clock.h"
#include "erp/tryton_internal.h"

#include <stdlib.h>

static bool begun(const struct tryton_document *document)
{
	return strcmp(document->state, "draft") != 0 && strcmp(document->state, "quotation") != 0 &&
	       strcmp(document->state, "request") != 0;
}

/* Of several documents with one reference the one that counts is the first that has gone beyond
 * a draft, else the first: rows come in the order of their ids. */
static bool replaces(const struct tryton_document *found, const struct tryton_document *kept)
{
	return kept->id == 0 || (begun(found) && !begun(kept));
}

static void copy_text(char *to, size_t size, struct slice from)
{
	snprintf(to, size, "%.*s", from.len < size ? (int)from.len : (int)size - 1,
		from.ptr == NULL ? "" : from.ptr);
}

static struct tryton_document document_of(const struct json_t *row)
{
	struct tryton_document document = { .id = wire_id(wire_get(row, "id")),
		.copies = 1,
		.total = wire_total(wire_get(row, "total_amount")) };
	copy_text(document.state, sizeof(document.state), wire_text(wire_get(row, "state")));
	copy_text(document.number, sizeof(document.number), wire_text(wire_get(row, "number")));
	return document;
}

/* Drafts have no effect; what has one counts as a copy. */
static void keep(struct tryton_document *kept, const struct tryton_document *found)
{
	unsigned copies = kept->copies + (kept->id == 0 || begun(found) ? 1 : 0);
	if (replaces(found, kept)) {
		if (kept->id != 0 && !begun(kept))
			copies--;
		*kept = *found;
	}
	kept->copies = copies;
}

static struct task *task_of(struct task *const *tasks, size_t count, struct slice reference)
{
	for (size_t i = 0; i < count; i++)
		if (slice_is(reference, tasks[i]->posting->external_id))
			return tasks[i];
	return NULL;
}

static void write_references(struct tryton *t, struct task *const *tasks, size_t count)
{
	wire_write(&t->request,
		"[['company','=',%i],['state','!=','cancelled'],['reference','in',[",
		t->master.company);
	for (size_t i = 0; i < count; i++)
		wire_write(&t->request, i == 0 ? "%s" : ",%s", tasks[i]->posting->external_id);
	wire_write(&t->request, "]]],0,null,[['id','ASC']],");
}

/* A create whose answer was lost and that was then sent again leaves a draft behind. */
static enum status delete_drafts(struct tryton *t, const char *method, struct task *const *tasks,
	size_t count, const struct json_t *rows, enum tryton_part part, struct error *err)
{
	enum status s = OK;
	for (size_t i = 0; i < wire_count(rows) && s == OK; i++) {
		const struct json_t *row = wire_at(rows, i);
		struct task *task = task_of(tasks, count, wire_text(wire_get(row, "reference")));
		struct tryton_document found = document_of(row);
		if (task != NULL && found.id != task->parts[part].id && !begun(&found))
			s = tryton_button(t, method, &found.id, 1, err);
	}
	return s;
}

static enum status locate_sales(
	struct tryton *t, struct task *const *tasks, size_t count, bool clean, struct error *err)
{
	struct json_t *rows WIRE_OWNED = NULL;
	bool wanted = false;
	for (size_t i = 0; i < count; i++)
		wanted |= tryton_needs_sale(tasks[i]->posting->transaction);
	if (!wanted)
		return OK;
	tryton_begin(t, "model.sale.sale.search_read");
	write_references(t, tasks, count);
	wire_write(&t->request, "['reference','state','number','total_amount']");
	enum status s = tryton_send(t, true, &rows, err);
	for (size_t i = 0; i < wire_count(rows) && s == OK; i++) {
		const struct json_t *row = wire_at(rows, i);
		struct task *task = task_of(tasks, count, wire_text(wire_get(row, "reference")));
		struct tryton_document found = document_of(row);
		if (task != NULL)
			keep(&task->parts[PART_SALE], &found);
	}
	if (s == OK && clean && wire_count(rows) > count)
		s = delete_drafts(t, "model.sale.sale.delete", tasks, count, rows, PART_SALE, err);
	return s;
}

static enum status locate_shipments(
	struct tryton *t, struct task *const *tasks, size_t count, struct error *err)
{
	struct json_t *rows WIRE_OWNED = NULL;
	bool wanted = false;
	for (size_t i = 0; i < count; i++)
		wanted |= tryton_needs_shipment(tasks[i]->posting->transaction, true) ||
			  tryton_needs_shipment(tasks[i]->posting->transaction, false);
	if (!wanted)
		return OK;
	tryton_begin(t, "model.stock.shipment.internal.search_read");
	write_references(t, tasks, count);
	wire_write(&t->request, "['reference','state','number','to_location.type']");
	enum status s = tryton_send(t, true, &rows, err);
	for (size_t i = 0; i < wire_count(rows) && s == OK; i++) {
		const struct json_t *row = wire_at(rows, i);
		struct task *task = task_of(tasks, count, wire_text(wire_get(row, "reference")));
		struct tryton_document found = document_of(row);
		bool out =
			slice_is(wire_text(wire_path(row, "to_location.", "type")), "lost_found");
		if (task != NULL)
			keep(&task->parts[out ? PART_SHIPMENT_OUT : PART_SHIPMENT_IN], &found);
	}
	return s;
}

/* A receipt that comes to 0 settles its own invoice, so that its sale may be done while its
 * tenders (a refund to a card that is handed out in cash) are not booked yet. */
static bool needs_entry(const struct transaction *t)
{
	struct total paid = total_add(total_of(t->totals.gross), total_of(t->totals.rounding));
	for (uint32_t i = 0; i < t->tenders.count; i++)
		if (decimal_compare(t->tenders.items[i].amount, t->tenders.items[i].change) != 0)
			return total_sign(paid) == 0;
	return false;
}

static enum status locate_entries(
	struct tryton *t, struct task *const *tasks, size_t count, struct error *err)
{
	struct json_t *rows WIRE_OWNED = NULL;
	size_t listed = 0;
	tryton_begin(t, "model.account.move.search_read");
	wire_write(&t->request,
		"[['company','=',%i],['origin','=',null],['state','=','posted'],"
		"['description','in',[",
		t->master.company);
	for (size_t i = 0; i < count; i++) {
		tasks[i]->entry = !needs_entry(tasks[i]->posting->transaction);
		if (!tasks[i]->entry)
			wire_write(&t->request, listed++ == 0 ? "%s" : ",%s",
				tasks[i]->posting->external_id);
	}
	wire_write(&t->request, "]]],0,null,null,['description']");
	enum status s = listed == 0 ? OK : tryton_send(t, true, &rows, err);
	for (size_t i = 0; i < wire_count(rows) && s == OK; i++) {
		struct task *task =
			task_of(tasks, count, wire_text(wire_get(wire_at(rows, i), "description")));
		if (task != NULL)
			task->entry = true;
	}
	return s;
}

enum status tryton_locate(
	struct tryton *t, struct task *const *tasks, size_t count, bool clean, struct error *err)
{
	for (size_t i = 0; i < count; i++)
		memset(tasks[i]->parts, 0, sizeof(tasks[i]->parts));
	enum status s = locate_sales(t, tasks, count, clean, err);
	if (s == OK)
		s = locate_shipments(t, tasks, count, err);
	if (s == OK)
		s = locate_entries(t, tasks, count, err);
	for (size_t i = 0; i < count && s == OK; i++)
		for (unsigned part = 0; part < PART_COUNT; part++)
			tasks[i]->touched |= tasks[i]->parts[part].id != 0;
	return s;
}

static bool part_done(const struct task *task, enum tryton_part part)
{
	return task->parts[part].id != 0 && strcmp(task->parts[part].state, "done") == 0;
}

bool tryton_complete(const struct task *task)
{
	const struct transaction *t = task->posting->transaction;
	return task->entry && (!tryton_needs_sale(t) || part_done(task, PART_SALE)) &&
	       (!tryton_needs_shipment(t, false) || part_done(task, PART_SHIPMENT_OUT)) &&
	       (!tryton_needs_shipment(t, true) || part_done(task, PART_SHIPMENT_IN));
}

const char *tryton_number(const struct task *task)
{
	for (unsigned part = 0; part < PART_COUNT; part++)
		if (task->parts[part].id != 0)
			return task->parts[part].number;
	return "";
}

static bool nothing_found(const struct task *task)
{
	return task->parts[PART_SALE].id == 0 && task->parts[PART_SHIPMENT_OUT].id == 0 &&
	       task->parts[PART_SHIPMENT_IN].id == 0;
}

enum status tryton_find(void *instance, const struct posting *postings, size_t count,
	struct posting_result *results, struct error *err)
{
	struct tryton *t = instance;
	struct task tasks[TRYTON_BATCH_MAX], *list[TRYTON_BATCH_MAX] = { NULL };
	enum status s = tryton_master_load(t, err);
	for (size_t done = 0; done < count && s == OK;) {
		size_t part = count - done < TRYTON_BATCH_MAX ? count - done : TRYTON_BATCH_MAX;
		for (size_t i = 0; i < part; i++) {
			tasks[i] = (struct task){ .posting = &postings[done + i] };
			list[i] = &tasks[i];
		}
		s = tryton_locate(t, list, part, false, err);
		for (size_t i = 0; i < part && s == OK; i++) {
			struct posting_result *result = &results[done + i];
			bool complete = tryton_complete(&tasks[i]);
			*result = (struct posting_result){ .outcome = complete ? OUTCOME_SETTLED
									       : OUTCOME_NOT_SENT };
			if (complete)
				memcpy(result->document, tryton_number(&tasks[i]),
					DOCUMENT_TEXT_MAX);
			else if (clock_system()->monotonic_ns(clock_system()) < t->unsure_until_ns)
				s = error_set(err, E_RETRY,
					"Tryton may still be at work on a call that it has not "
					"answered; %s is %s, and will be asked for again",
					postings[done + i].external_id,
					nothing_found(&tasks[i]) ? "not there" : "not complete");
		}
		done += part;
	}
	return s == E_REFUSED ? error_set(err, E_RETRY, "Tryton cannot be asked now") : s;
}
