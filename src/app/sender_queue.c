#include "app/sender_queue.h"

#include "base/json.h"
#include "base/time.h"

#include <stdlib.h>

enum { PLACES = 2 * SENDER_REGISTERS_MAX };

enum status sender_queue_init(struct sender_queue *queue, struct error *err)
{
	*queue = (struct sender_queue){ .places = calloc(PLACES, sizeof(struct till *)) };
	if (queue->places == NULL)
		return error_set(err, E_FULL, "out of memory");
	return OK;
}

void sender_queue_release(struct sender_queue *queue)
{
	for (unsigned i = 0; queue->places != NULL && i < PLACES; i++) {
		struct till *till = queue->places[i];
		while (till != NULL && till->first != NULL) {
			struct parcel *next = till->first->next;
			free(till->first);
			till->first = next;
		}
		free(till);
	}
	free(queue->places);
	queue->places = NULL;
}

/* Takes the value of a member that the sender needs; steps over any other. */
static bool take_member(
	struct json *json, struct slice name, struct waybill *waybill, bool *ret_bad_time)
{
	struct slice text;
	struct timestamp time;
	if (slice_is(name, "store"))
		return json_string(json, &waybill->store);
	if (slice_is(name, "register"))
		return json_string(json, &waybill->reg);
	if (slice_is(name, "business_date")) {
		if (!json_string(json, &text))
			return false;
		*ret_bad_time = !date_parse(text, &waybill->business_date);
		return !*ret_bad_time;
	}
	if (slice_is(name, "closed_at")) {
		if (!json_string(json, &text))
			return false;
		*ret_bad_time = !timestamp_parse(text, &time);
		waybill->closed_ms = *ret_bad_time ? 0 : time.ms;
		waybill->closed = !*ret_bad_time;
		return waybill->closed;
	}
	return json_skip(json, NULL);
}

enum status waybill_read(
	struct slice line, struct arena *arena, struct waybill *ret_waybill, struct error *err)
{
	struct json json;
	struct slice name;
	struct waybill waybill = { .closed = false };
	bool bad_time = false, complete = false;
	json_init(&json, line, arena);
	json_object(&json);
	/* Stops as soon as it knows all it needs: the rest is the server's to judge. */
	while (!complete && json_member(&json, &name)) {
		if (!take_member(&json, name, &waybill, &bad_time))
			break;
		complete = waybill.closed && waybill.store.ptr != NULL && waybill.reg.ptr != NULL &&
			   waybill.business_date != 0;
	}
	if (bad_time)
		return error_set(err, E_INPUT, "business_date or closed_at is not a date or time");
	if (json.problem != NULL)
		return error_set(
			err, E_INPUT, "not JSON: %s (byte %zu)", json.problem, json_offset(&json));
	if (waybill.store.ptr == NULL || waybill.reg.ptr == NULL || waybill.business_date == 0)
		return error_set(err, E_INPUT,
			"no transaction: store, register and business_date are expected");
	*ret_waybill = waybill;
	return OK;
}

static struct till *new_till(const char *name, size_t name_len)
{
	struct till *till = calloc(1, sizeof(*till) + name_len);
	if (till == NULL)
		return NULL;
	till->name = (char *)(till + 1);
	till->name_len = name_len;
	memcpy(till->name, name, name_len);
	return till;
}

static struct till *find_or_add_till(struct sender_queue *queue, const struct waybill *waybill)
{
	char name[512];
	if (waybill->store.len + waybill->reg.len + 1 > sizeof(name))
		return NULL;
	size_t len = 0;
	memcpy(name, waybill->store.ptr, waybill->store.len);
	len += waybill->store.len;
	name[len++] = '\0';
	memcpy(name + len, waybill->reg.ptr, waybill->reg.len);
	len += waybill->reg.len;
	uint64_t at = slice_hash(slice_make(name, len), 0) % PLACES;
	for (; queue->places[at] != NULL; at = (at + 1) % PLACES) {
		struct till *till = queue->places[at];
		if (till->name_len == len && memcmp(till->name, name, len) == 0)
			return till;
	}
	if (queue->till_count == SENDER_REGISTERS_MAX)
		return NULL;
	queue->places[at] = new_till(name, len);
	queue->till_count += queue->places[at] != NULL;
	return queue->places[at];
}

static void make_ready(struct sender_queue *queue, struct till *till)
{
	till->next_ready = NULL;
	if (queue->ready == NULL)
		queue->ready = till;
	else
		queue->ready_last->next_ready = till;
	queue->ready_last = till;
}

enum status sender_queue_add(struct sender_queue *queue, const struct waybill *waybill,
	struct slice line, uint64_t due_ns, struct error *err)
{
	struct till *till = find_or_add_till(queue, waybill);
	struct parcel *parcel = malloc(sizeof(*parcel) + line.len);
	if (parcel == NULL)
		return error_set(err, E_FULL, "out of memory");
	if (till == NULL) {
		free(parcel);
		return error_set(err, E_FULL, "more than %d registers, or out of memory",
			SENDER_REGISTERS_MAX);
	}
	*parcel = (struct parcel){ .till = till,
		.due_ns = due_ns,
		.path = waybill->path,
		.line = waybill->line,
		.len = line.len };
	memcpy(parcel->bytes, line.ptr, line.len);
	if (till->first == NULL)
		till->first = parcel;
	else
		till->last->next = parcel;
	till->last = parcel;
	if (till->first == parcel && !till->busy)
		make_ready(queue, till);
	queue->count++;
	queue->bytes += line.len;
	return OK;
}

struct parcel *sender_queue_take(struct sender_queue *queue)
{
	struct till *till = queue->ready;
	if (till == NULL)
		return NULL;
	struct parcel *parcel = till->first;
	queue->ready = till->next_ready;
	till->first = parcel->next;
	till->busy = true;
	parcel->next = NULL;
	return parcel;
}

void sender_queue_finish(struct sender_queue *queue, struct parcel *parcel)
{
	struct till *till = parcel->till;
	till->busy = false;
	queue->count--;
	queue->bytes -= parcel->len;
	free(parcel);
	if (till->first != NULL)
		make_ready(queue, till);
}

bool sender_queue_has_room(const struct sender_queue *queue)
{
	return queue->count < SENDER_WINDOW_COUNT && queue->bytes < SENDER_WINDOW_BYTES;
}
