#include "deliver/events.h"

#include "base/json.h"

const char *outcome_name(enum outcome outcome)
{
	static const char *const names[] = {
		[OUTCOME_NOT_SENT] = "not_sent",
		[OUTCOME_SETTLED] = "settled",
		[OUTCOME_REFUSED] = "refused",
		[OUTCOME_UNKNOWN] = "unknown",
		[OUTCOME_SUPERSEDED] = "superseded",
	};
	return names[outcome];
}

static void write_numbers(
	const struct delivery_event *event, const char *name, bool reversal, struct buf *buf)
{
	json_write_name(buf, name);
	buf_char(buf, '[');
	for (uint32_t i = 0; i < event->count; i++) {
		if (event->items[i].reversal != reversal)
			continue;
		json_write_comma(buf);
		buf_u64(buf, event->items[i].posting);
	}
	buf_char(buf, ']');
}

void intent_encode(const struct delivery_event *event, struct buf *buf)
{
	bool reversals = false;
	for (uint32_t i = 0; i < event->count; i++)
		reversals = reversals || event->items[i].reversal;
	buf_char(buf, '{');
	json_write_member(buf, "erp", event->erp);
	write_numbers(event, "postings", false, buf);
	if (reversals)
		write_numbers(event, "reversals", true, buf);
	buf_char(buf, '}');
}

static void begin_results(const struct delivery_event *event, struct buf *buf)
{
	buf_char(buf, '{');
	json_write_member(buf, "erp", event->erp);
	json_write_name(buf, "results");
	buf_char(buf, '[');
}

void answer_encode(const struct delivery_event *event, struct buf *buf)
{
	begin_results(event, buf);
	for (uint32_t i = 0; i < event->count; i++) {
		const struct delivery_item *item = &event->items[i];
		json_write_comma(buf);
		buf_char(buf, '{');
		json_write_member_u64(buf, "posting", item->posting);
		if (item->reversal)
			json_write_member_bool(buf, "reversal", true);
		json_write_member_text(buf, "outcome", outcome_name(item->outcome));
		if (item->document.len > 0)
			json_write_member(buf, "document", item->document);
		if (item->detail.len > 0)
			json_write_member(buf, "detail", item->detail);
		buf_char(buf, '}');
	}
	buf_text(buf, "]}");
}

void read_back_encode(const struct delivery_event *event, struct buf *buf)
{
	begin_results(event, buf);
	for (uint32_t i = 0; i < event->count; i++) {
		const struct delivery_item *item = &event->items[i];
		json_write_comma(buf);
		buf_char(buf, '{');
		json_write_member_u64(buf, "posting", item->posting);
		if (item->reversal)
			json_write_member_bool(buf, "reversal", true);
		json_write_member_bool(buf, "agreed", item->agreed);
		if (!item->agreed)
			json_write_member_raw(buf, "differences", item->differences);
		buf_char(buf, '}');
	}
	buf_text(buf, "]}");
}

static bool outcome_from(struct slice name, enum outcome *ret_outcome)
{
	for (unsigned i = OUTCOME_NOT_SENT; i <= OUTCOME_SUPERSEDED; i++)
		if (slice_is(name, outcome_name(i))) {
			*ret_outcome = i;
			return true;
		}
	return false;
}

static bool decode_number(struct json *json, uint64_t *ret_number)
{
	struct slice text;
	return json_number(json, &text) && slice_to_u64(text, ret_number);
}

static bool decode_result(struct json *json, struct delivery_item *item)
{
	struct slice name, text;
	if (!json_object(json))
		return false;
	while (json_member(json, &name)) {
		bool good;
		if (slice_is(name, "posting"))
			good = decode_number(json, &item->posting);
		else if (slice_is(name, "reversal"))
			good = json_bool(json, &item->reversal);
		else if (slice_is(name, "outcome"))
			good = json_string(json, &text) && outcome_from(text, &item->outcome);
		else if (slice_is(name, "document"))
			good = json_string(json, &item->document);
		else if (slice_is(name, "detail"))
			good = json_string(json, &item->detail);
		else if (slice_is(name, "agreed"))
			good = json_bool(json, &item->agreed);
		else if (slice_is(name, "differences"))
			good = json_skip(json, &item->differences);
		else
			good = json_skip(json, NULL);
		if (!good)
			return false;
	}
	return json->problem == NULL;
}

static bool decode_list(
	struct json *json, struct delivery_event *event, bool results, bool reversals)
{
	if (!json_array(json))
		return false;
	while (json_element(json)) {
		if (event->count == EVENT_POSTINGS_MAX)
			return false;
		struct delivery_item *item = &event->items[event->count++];
		item->reversal = reversals;
		if (results ? !decode_result(json, item) : !decode_number(json, &item->posting))
			return false;
	}
	return json->problem == NULL;
}

static bool decode_event(struct json *json, struct delivery_event *event)
{
	struct slice name;
	if (!json_object(json))
		return false;
	while (json_member(json, &name)) {
		bool good;
		if (slice_is(name, "erp"))
			good = json_string(json, &event->erp);
		else if (slice_is(name, "postings") || slice_is(name, "reversals"))
			good = decode_list(json, event, false, slice_is(name, "reversals"));
		else if (slice_is(name, "results"))
			good = decode_list(json, event, true, false);
		else
			good = json_skip(json, NULL);
		if (!good)
			return false;
	}
	return json_end(json);
}

enum status delivery_decode(struct slice payload, struct arena *arena,
	struct delivery_event *ret_event, struct error *err)
{
	struct delivery_event event = { .count = 0 };
	struct json json;
	struct slice copy = arena_copy(arena, payload);
	event.items = arena_array(arena, struct delivery_item, EVENT_POSTINGS_MAX);
	if (copy.ptr == NULL || event.items == NULL)
		return error_set(err, E_FULL, "a delivery event needs too much memory");
	json_init(&json, copy, arena);
	if (!decode_event(&json, &event))
		return error_set(err, E_CORRUPT,
			"a delivery event cannot be decoded: %s at byte %zu",
			json.problem == NULL ? "a value has the wrong form" : json.problem,
			json_offset(&json));
	*ret_event = event;
	return OK;
}

void routing_encode(const struct routing *routing, struct buf *buf)
{
	buf_char(buf, '{');
	for (uint32_t i = 0; i < routing->count; i++)
		if (routing->routes[i].store.ptr == NULL)
			json_write_member(buf, "default", routing->routes[i].erp);
	json_write_name(buf, "stores");
	buf_char(buf, '{');
	for (uint32_t i = 0; i < routing->count; i++) {
		const struct route *route = &routing->routes[i];
		if (route->store.ptr == NULL)
			continue;
		json_write_comma(buf);
		json_write_string(buf, route->store);
		buf_char(buf, ':');
		json_write_string(buf, route->erp);
	}
	buf_text(buf, "}}");
}

static bool add_route(struct routing *routing, struct json *json, struct slice store)
{
	struct slice erp;
	if (!json_string(json, &erp) || routing->count == ROUTES_MAX)
		return false;
	routing->routes[routing->count++] = (struct route){ store, erp };
	return true;
}

static bool decode_routing(struct json *json, struct routing *routing)
{
	struct slice name, store;
	if (!json_object(json))
		return false;
	while (json_member(json, &name)) {
		if (slice_is(name, "default")) {
			if (!add_route(routing, json, (struct slice){ NULL, 0 }))
				return false;
			continue;
		}
		if (!json_object(json))
			return false;
		while (json_member(json, &store))
			if (!add_route(routing, json, store))
				return false;
	}
	return json_end(json);
}

enum status routing_decode(
	struct slice payload, struct arena *arena, struct routing *ret_routing, struct error *err)
{
	struct routing routing = { .count = 0 };
	struct json json;
	struct slice copy = arena_copy(arena, payload);
	routing.routes = arena_array(arena, struct route, ROUTES_MAX);
	if (copy.ptr == NULL || routing.routes == NULL)
		return error_set(err, E_FULL, "a routing event needs too much memory");
	json_init(&json, copy, arena);
	if (!decode_routing(&json, &routing))
		return error_set(err, E_CORRUPT, "a routing event cannot be decoded at byte %zu",
			json_offset(&json));
	*ret_routing = routing;
	return OK;
}
