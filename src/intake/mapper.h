/* A mapper: one record after the other through a door's mapping, into a batch. What fetches
 * (intake/feed.c) and what is called (intake/doors.c) both read with it. One thread at a time. */
#pragma once

#include "intake/door.h"

enum { MAPPER_RECORD_BYTES_MAX = 2 << 20 /* two of them and their frame fit into an event */ };

struct mapper {
	const struct door_config *door;
	struct arena scratch; /* of the record */
	struct buf document;  /* of the record that was mapped last */
};

void mapper_init(struct mapper *mapper, const struct door_config *door);
void mapper_release(struct mapper *mapper);

/* How the door's bytes are cut into records. */
const struct format *mapper_format(const struct door_config *door);
struct format_options mapper_format_options(const struct door_config *door);

/* Makes a document of the record; `findings` says why not. `topic` may be empty. */
enum mapping_verdict mapper_map(struct mapper *mapper, struct value *record, struct slice raw,
	struct slice topic, struct findings *findings);
/* Adds a line for the record that was mapped last and not skipped. E_FULL: out of memory. */
enum status mapper_add(struct mapper *mapper, struct value *record, enum mapping_verdict verdict,
	struct slice raw, const struct findings *findings, struct batch *batch);
