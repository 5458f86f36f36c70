/* The register's queue: transactions that wait for the centre, durable, in a folder of segments.
 *
 *     0000000000000007.queue   | header | sale | sale | done | sale | ... zeros |
 *
 * queue_append() returns when the transaction is on the disk. What the centre has is marked with
 * queue_done() in any order; marks become durable with the next append, and one that is lost costs
 * a repetition that the centre recognises. A segment whose transactions are all done is removed
 * when it is the oldest. Only counters and a bit a transaction are kept in memory.
 *
 * A queue has one limit of transactions and one of bytes; E_FULL says so before anything is
 * written. After a failed write or sync the queue goes on in a new segment. Any thread. */
#pragma once

#include "base/buf.h"
#include "base/clock.h"
#include "base/disk.h"
#include "base/error.h"

struct queue;

struct queue_config {
	struct disk *disk; /* stays the caller's */
	struct clock *clock;
	uint64_t bytes_max; /* of all segments' files */
	uint64_t count_max; /* transactions that wait */
	uint64_t segment_bytes;
};

enum {
	QUEUE_SEGMENT_BYTES = 1 << 20,
	/* What queue_room() promises: any sale but an absurd one fits. */
	QUEUE_ROOM_BYTES = 64 << 10,
};

struct queue_entry {
	uint64_t number; /* 1, 2, 3, ... for the life of the folder */
	uint64_t sequence;
	int64_t recorded_ms;
	struct slice payload; /* in the caller's buf */
};

struct queue_counters {
	uint64_t waiting;       /* transactions that are not done */
	uint64_t appended;      /* number of the last one */
	uint64_t last_sequence; /* the largest that was used or given out; 0: none yet */
	uint64_t bytes;         /* of all segments' files */
	uint64_t segments;
	uint64_t damaged; /* transactions that opening could not read any more */
};

enum status queue_open(
	const struct queue_config *config, struct queue **ret_queue, struct error *err);
void queue_close(struct queue *queue);

/* OK: a transaction of up to QUEUE_ROOM_BYTES finds its place, already on the disk. E_FULL says
 * which limit is reached, or that the disk is full. */
enum status queue_room(struct queue *queue, struct error *err);
/* `sequence` is the largest number used so far when this one is included. E_FULL: nothing was
 * written. E_IO: whether it is kept is only known after the next queue_open(). */
enum status queue_append(struct queue *queue, uint64_t sequence, struct slice payload,
	uint64_t *ret_number, struct error *err);
/* Makes a sequence number durable that is given out before its transaction exists. */
enum status queue_use_sequence(struct queue *queue, uint64_t sequence, struct error *err);

/* The first transaction behind number `after` that is not done. E_RETRY: there is none. A record
 * that cannot be read (E_CORRUPT) has its number in ret_entry; queue_done() lets it go. */
enum status queue_next(struct queue *queue, uint64_t after, struct buf *buf,
	struct queue_entry *ret_entry, struct error *err);
/* Marks `count` transactions from `first` on as done. */
enum status queue_done(struct queue *queue, uint64_t first, uint64_t count, struct error *err);

void queue_counters(struct queue *queue, struct queue_counters *ret_counters);
