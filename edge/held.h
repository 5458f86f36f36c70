/* What the centre will not take: kept for a person in the file held.ndjson, one JSON object a line,
 *
 *     {"held_at":"...","status":422,"answer":{...},"document":{...}}
 *
 * durable before its transaction leaves the queue. The file may be moved away while the register is
 * not running. For one thread, but for held_count(). */
#pragma once

#include "base/buf.h"
#include "base/clock.h"
#include "base/disk.h"
#include "base/error.h"

#define HELD_FILE "held.ndjson"

struct held;

/* The disk and the clock stay the caller's. */
enum status held_open(
	struct disk *disk, struct clock *clock, struct held **ret_held, struct error *err);
void held_close(struct held *held);
/* `answer` is put in as JSON when it is JSON, else as a text. */
enum status held_add(struct held *held, unsigned status, struct slice answer, struct slice document,
	struct error *err);
uint64_t held_count(struct held *held);
/* Line `index`, from 0 on, into `buf`. E_RETRY: there is none. */
enum status held_read(struct held *held, uint64_t index, struct buf *buf, struct error *err);
