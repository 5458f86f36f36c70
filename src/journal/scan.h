/* A walk through one segment: how far its records are good, and what the bytes behind them mean.
 *
 * At the first place where no good record of the right number stands there are two explanations: a
 * power cut tore a group that nobody was told about, or bytes that were durable have changed. Each
 * record says which event was durable when it was written, and to which life of the process it
 * belongs; a later record that says "event N was durable", or that belongs to a later life than
 * everything before the gap, proves the second. */
#pragma once

#include "journal/segment.h"

struct scan {
	uint64_t end;         /* behind the last good record */
	uint64_t proven_end;  /* what stands before was synced, by the word of a record behind it */
	uint64_t dirty_end;   /* behind the last byte that is not zero; `end` when all are */
	uint64_t next_number; /* one more than the last event */
	uint64_t event_bytes; /* of all events' records */
	uint32_t generation;  /* of the last good record */
	uint32_t generation_max; /* of any record, also of a torn one */
};

enum { SCAN_READ_BYTES = 1 << 20 };

/* The last segment. `hasher` gets every byte before scan.end. E_CORRUPT: durable bytes have
 * changed; the sentence has the offset and the numbers of the events. */
enum status scan_open_segment(struct window *window, const struct segment_header *header,
	struct hasher *hasher, struct scan *ret_scan, struct error *err);
/* A sealed one: every byte must be what was sealed. The hasher is used up. */
enum status scan_sealed_segment(struct window *window, const struct segment_header *header,
	const struct seal *seal, struct hasher *hasher, struct error *err);
