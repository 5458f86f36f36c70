/* What the sender has read but not finished: a queue for each register. */
#pragma once

#include "app/sender.h"
#include "base/arena.h"

struct till;

/* One transaction on its way. */
struct parcel {
	struct parcel *next;
	struct till *till;
	uint64_t due_ns;
	const char *path; /* the file it stands in; lives as long as the queue */
	uint64_t line;
	unsigned attempts;
	size_t len;
	char bytes[];
};

struct till {
	struct till *next_ready;
	struct parcel *first, *last; /* waiting, in order */
	bool busy;                   /* one of its parcels is with a lane */
	char *name;                  /* store, a zero, register */
	size_t name_len;
};

struct sender_queue {
	struct till **places; /* open addressing, 2 * SENDER_REGISTERS_MAX */
	unsigned till_count;
	struct till *ready, *ready_last; /* have something to send and are not busy */
	uint64_t count;
	uint64_t bytes;
};

enum status sender_queue_init(struct sender_queue *queue, struct error *err);
void sender_queue_release(struct sender_queue *queue);

/* What the sender has to know of a transaction. */
struct waybill {
	struct slice store, reg;
	uint32_t business_date;
	int64_t closed_ms;
	bool closed;
	const char *path; /* set by the reader of the file */
	uint64_t line;
};

/* Reads it from a line; the slices point into the line or the arena. E_INPUT without file and
 * line. */
enum status waybill_read(
	struct slice line, struct arena *arena, struct waybill *ret_waybill, struct error *err);

enum status sender_queue_add(struct sender_queue *queue, const struct waybill *waybill,
	struct slice line, uint64_t due_ns, struct error *err);
/* The next parcel of a register that is free; NULL when there is none. Its register is then busy
 * until the parcel is finished. */
struct parcel *sender_queue_take(struct sender_queue *queue);
void sender_queue_finish(struct sender_queue *queue, struct parcel *parcel);
bool sender_queue_has_room(const struct sender_queue *queue);
