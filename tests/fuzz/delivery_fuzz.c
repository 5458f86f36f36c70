/* The events of the delivery and the routing, as they come back out of the journal. A routing that
 * is taken is written again and must read the same. */
#include "base/check.h"
#include "deliver/events.h"
#include "fuzz.h"

enum { ARENA_BYTES = 16 << 20 };

static void try_routing(struct slice payload, struct arena *arena)
{
	struct routing routing, again;
	struct error err;
	struct buf buf;
	if (routing_decode(payload, arena, &routing, &err) != OK)
		return;
	buf_init(&buf, ARENA_BYTES);
	routing_encode(&routing, &buf);
	check(routing_decode(buf_get(&buf), arena, &again, &err) == OK);
	check(again.count <= routing.count);
	buf_release(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct delivery_event event = { .count = 0 };
	struct arena arena;
	struct error err;
	if (size > 1 << 16)
		return 0;
	struct slice payload = slice_make(data, size);
	arena_init(&arena, ARENA_BYTES);
	enum status s = delivery_decode(payload, &arena, &event, &err);
	check(s == OK || s == E_CORRUPT || s == E_FULL);
	for (uint32_t i = 0; s == OK && i < event.count; i++)
		check(event.items[i].detail.len <= size || event.items[i].detail.ptr != NULL);
	try_routing(payload, &arena);
	arena_release(&arena);
	return 0;
}
