#include "app/simulator_events.h"

#include <stdlib.h>

static bool before(const struct simulator_event *a, const struct simulator_event *b)
{
	return a->ms != b->ms ? a->ms < b->ms : a->order < b->order;
}

static void swap(struct simulator_event *a, struct simulator_event *b)
{
	struct simulator_event old = *a;
	*a = *b;
	*b = old;
}

static enum status add(
	struct simulator_events *events, struct simulator_event event, struct error *err)
{
	if (events->count == SIMULATOR_EVENTS_MAX)
		return error_set(err, E_FULL, "more than %d transactions are under way",
			SIMULATOR_EVENTS_MAX);
	if (events->count == events->size) {
		size_t size = events->size == 0 ? 256 : 2 * events->size;
		struct simulator_event *items = reallocarray(events->items, size, sizeof(*items));
		if (items == NULL)
			return error_set(err, E_FULL, "out of memory");
		events->items = items;
		events->size = size;
	}
	event.order = events->added++;
	size_t at = events->count++;
	events->items[at] = event;
	for (; at > 0 && before(&events->items[at], &events->items[(at - 1) / 2]);
		at = (at - 1) / 2)
		swap(&events->items[at], &events->items[(at - 1) / 2]);
	return OK;
}

enum status simulator_events_add_register(
	struct simulator_events *events, int64_t ms, uint64_t register_index, struct error *err)
{
	return add(events, (struct simulator_event){ .ms = ms, .register_index = register_index },
		err);
}

enum status simulator_events_add_line(
	struct simulator_events *events, int64_t ms, struct slice line, struct error *err)
{
	char *copy = malloc(line.len + 1);
	if (copy == NULL)
		return error_set(err, E_FULL, "out of memory");
	memcpy(copy, line.ptr, line.len);
	copy[line.len] = '\0';
	enum status s = add(events,
		(struct simulator_event){ .ms = ms, .line = copy, .line_len = line.len }, err);
	if (s != OK)
		free(copy);
	return s;
}

bool simulator_events_take(struct simulator_events *events, struct simulator_event *ret_event)
{
	if (events->count == 0)
		return false;
	*ret_event = events->items[0];
	events->items[0] = events->items[--events->count];
	for (size_t at = 0;;) {
		size_t least = at, left = 2 * at + 1, right = left + 1;
		if (left < events->count && before(&events->items[left], &events->items[least]))
			least = left;
		if (right < events->count && before(&events->items[right], &events->items[least]))
			least = right;
		if (least == at)
			return true;
		swap(&events->items[at], &events->items[least]);
		at = least;
	}
}

void simulator_events_release(struct simulator_events *events)
{
	for (size_t i = 0; i < events->count; i++)
		free(events->items[i].line);
	free(events->items);
	*events = (struct simulator_events){ .items = NULL };
}
