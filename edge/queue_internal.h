/* What the files of the queue share. */
#pragma once

#include "edge/queue.h"
#include "edge/queue_format.h"

#include <pthread.h>

/* A segment in memory: how far it is filled, and one bit a transaction. */
struct queue_segment {
	uint64_t index, size, end;
	uint64_t first_number, count; /* of transactions */
	uint64_t last_sequence;       /* before and in it */
	uint64_t undone;
	uint8_t *done; /* count bits */
	size_t done_size;
	bool sealed; /* nothing more is appended */
};

/* Where reading goes on: records before `offset` have numbers below `number`. */
struct queue_cursor {
	struct disk_file *file;
	uint64_t index, offset, number;
};

struct queue {
	struct queue_config config;
	pthread_mutex_t lock;
	struct queue_segment *segments; /* lock: oldest first */
	size_t segment_count, segment_size;
	struct disk_file *file; /* of the last segment; NULL: a new one is made first */
	struct queue_cursor cursor;
	struct buf scratch;
	uint64_t next_number, last_sequence, bytes, damaged;
};

/* queue_scan.c: what a segment holds, record by record, with holes stepped over. `each` may be
 * NULL. Fills end, count, last_sequence and the bits (all undone) of `segment`. */
struct queue_scan {
	struct queue_segment *segment;
	struct buf *window;
	uint64_t damaged;   /* numbers that were stepped over */
	uint64_t dirty_end; /* behind it only zeros */
	bool holes;
	void (*done)(void *context, struct queue_range range);
	void *context;
};
enum status queue_scan(struct disk_file *file, struct queue_scan *scan, struct error *err);

/* queue_recover.c: reads the folder; at the end the last segment is open or sealed. */
enum status queue_recover(struct queue *queue, struct error *err);

/* queue.c */
enum status segment_add(struct queue_segment *segment, struct error *err);
void queue_mark(struct queue *queue, struct queue_range range);
/* The segment that holds or will hold the number; NULL when it is gone. */
struct queue_segment *queue_find(struct queue *queue, uint64_t number);
static inline bool segment_is_done(const struct queue_segment *segment, uint64_t number)
{
	uint64_t bit = number - segment->first_number;
	return (segment->done[bit / 8] >> (bit % 8) & 1) != 0;
}
