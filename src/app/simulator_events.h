/* What happens next in the made-up chain: a heap by time. An event is a register's next
 * transaction, or a line that reaches the server later than it was made. */
#pragma once

#include "base/error.h"
#include "base/slice.h"

enum { SIMULATOR_EVENTS_MAX = 1 << 20 };

struct simulator_event {
	int64_t ms;
	uint64_t order; /* of adding: events of one moment keep it */
	uint64_t register_index;
	char *line; /* NULL: the register's turn; else owned by who takes the event */
	size_t line_len;
};

struct simulator_events {
	struct simulator_event *items;
	size_t count, size;
	uint64_t added;
};

enum status simulator_events_add_register(
	struct simulator_events *events, int64_t ms, uint64_t register_index, struct error *err);
/* The line is copied. */
enum status simulator_events_add_line(
	struct simulator_events *events, int64_t ms, struct slice line, struct error *err);
/* The earliest; false when there is none. */
bool simulator_events_take(struct simulator_events *events, struct simulator_event *ret_event);
void simulator_events_release(struct simulator_events *events);
