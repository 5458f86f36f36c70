/* Finding orders again by our external id. In 18 and 19 that is the order's uuid, by which Odoo
 * itself recognises an order that comes twice; in 17 it is the receipt number. */
#include "erp/odoo_internal.h"

#include "base/check.h"
#include "base/clock.h"

#include <openssl/evp.h>

enum { DIGEST_BYTES = 32, FIND_BATCH_MAX = 50 };

static void digest(const char *external_id, uint32_t part, unsigned char bytes[static DIGEST_BYTES])
{
	char text[EXTERNAL_ID_MAX + 16];
	unsigned len = 0;
	int n = snprintf(text, sizeof(text), "%s\n%u", external_id, part);
	check(EVP_Digest(text, (size_t)n, bytes, &len, EVP_sha256(), NULL) == 1);
	check(len == DIGEST_BYTES);
}

/* Version 8 of RFC 9562: what the bits mean is our own matter. */
void odoo_uuid(const char *external_id, uint32_t part, char text[static ODOO_KEY_MAX])
{
	unsigned char b[DIGEST_BYTES];
	digest(external_id, part, b);
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x80);
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	size_t used = 0;
	for (unsigned i = 0; i < 16; i++) {
		bool dash = i == 4 || i == 6 || i == 8 || i == 10;
		used += (size_t)snprintf(
			text + used, ODOO_KEY_MAX - used, dash ? "-%02x" : "%02x", b[i]);
	}
}

/* Odoo 17's registers look for a run of 14 digits and dashes in a receipt number and fail without
 * one; an external id need not have it. */
void odoo_reference_text(const char *external_id, char text[static ODOO_KEY_MAX])
{
	unsigned char b[DIGEST_BYTES];
	digest(external_id, 0, b);
	unsigned a = (unsigned)b[0] << 16 | (unsigned)b[1] << 8 | b[2];
	unsigned c = (unsigned)b[3] << 8 | b[4], d = (unsigned)b[5] << 8 | b[6];
	snprintf(text, ODOO_KEY_MAX, "%s %05u-%03u-%04u", external_id, a % 100000, c % 1000,
		d % 10000);
}

const char *odoo_key_field(const struct odoo *o)
{
	return o->config->version == ODOO_17 ? "pos_reference" : "uuid";
}

void odoo_key(const struct odoo *o, const char *external_id, char text[static ODOO_KEY_MAX])
{
	if (o->config->version == ODOO_17)
		odoo_reference_text(external_id, text);
	else
		odoo_uuid(external_id, 0, text);
}

/* An order that is paid goes before a draft; further ones are copies. */
static void keep_order(const struct odoo *o, const struct json_t *row, struct odoo_task *task)
{
	char key[ODOO_KEY_MAX];
	struct slice state = wire_text(wire_get(row, "state"));
	struct slice number = wire_text(wire_get(row, "name"));
	odoo_key(o, task->posting->external_id, key);
	if (!slice_is(wire_text(wire_get(row, odoo_key_field(o))), key))
		return;
	bool settled =
		slice_is(state, "paid") || slice_is(state, "done") || slice_is(state, "invoiced");
	task->order.copies++;
	task->touched = true;
	if (task->order.id != 0 && (task->order.settled || !settled))
		return;
	task->order.id = wire_id(wire_get(row, "id"));
	task->order.settled = settled;
	snprintf(task->order.number, DOCUMENT_TEXT_MAX, "%.*s",
		number.len < DOCUMENT_TEXT_MAX ? (int)number.len : DOCUMENT_TEXT_MAX - 1,
		number.ptr == NULL ? "" : number.ptr);
}

enum status odoo_locate(
	struct odoo *o, struct odoo_task *const *tasks, size_t count, struct error *err)
{
	struct json_t *rows WIRE_OWNED = NULL;
	odoo_begin(o, "pos.order", "search_read", NULL, 0);
	wire_write(odoo_parameter(o, "domain"), "[['state','!=','cancel'],[%s,'in',[",
		odoo_key_field(o));
	for (size_t i = 0; i < count; i++) {
		char key[ODOO_KEY_MAX];
		odoo_key(o, tasks[i]->posting->external_id, key);
		wire_write(&o->request, i == 0 ? "%s" : ",%s", key);
		tasks[i]->order = (struct odoo_order){ 0 };
	}
	wire_write(&o->request, "]]]");
	wire_write(odoo_parameter(o, "fields"), "[%s,'name','state']", odoo_key_field(o));
	wire_write(odoo_parameter(o, "order"), "'id'");
	enum status s = odoo_send_search(o, &rows, err);
	for (size_t k = 0; k < wire_count(rows) && s == OK; k++)
		for (size_t i = 0; i < count; i++)
			keep_order(o, wire_at(rows, k), tasks[i]);
	return s;
}

static enum status find_part(struct odoo *o, const struct posting *postings, size_t count,
	struct posting_result *results, struct error *err)
{
	struct odoo_task tasks[FIND_BATCH_MAX], *list[FIND_BATCH_MAX] = { NULL };
	for (size_t i = 0; i < count; i++) {
		tasks[i] = (struct odoo_task){ .posting = &postings[i] };
		list[i] = &tasks[i];
	}
	enum status s = odoo_locate(o, list, count, err);
	for (size_t i = 0; i < count && s == OK; i++) {
		const struct odoo_order *order = &tasks[i].order;
		results[i] =
			(struct posting_result){ .outcome = order->settled ? OUTCOME_SETTLED
									   : OUTCOME_NOT_SENT };
		memcpy(results[i].document, order->number, DOCUMENT_TEXT_MAX);
		if (!order->settled &&
			clock_system()->monotonic_ns(clock_system()) < o->unsure_until_ns)
			return error_set(err, E_RETRY,
				"Odoo may still be at work on a call that it has not answered; %s "
				"is "
				"%s, and will be asked for again",
				postings[i].external_id, order->id == 0 ? "not there" : "not paid");
	}
	return s;
}

enum status odoo_find(void *instance, const struct posting *postings, size_t count,
	struct posting_result *results, struct error *err)
{
	struct odoo *o = instance;
	enum status s = odoo_log_in(o, err);
	for (size_t done = 0; done < count && s == OK;) {
		size_t part = count - done < FIND_BATCH_MAX ? count - done : FIND_BATCH_MAX;
		s = find_part(o, postings + done, part, results + done, err);
		done += part;
	}
	return s == E_REFUSED ? error_set(err, E_RETRY, "Odoo cannot be asked now") : s;
}
