/* The chain of segments as the folder has it: every header, every seal, each tied to the one before
 * by its hash and its numbers. Nothing but headers and seals is read. */
#pragma once

#include "journal/segment.h"

struct link {
	struct segment_header header;
	struct seal seal;         /* when sealed */
	uint32_t seal_generation; /* when sealed */
	bool sealed;              /* all but the last are */
};

struct chain {
	struct link *links; /* segment 1 first */
	uint64_t count;
	bool spare; /* a file is prepared, or half prepared, for the segment behind the last */
	char stale[SEGMENT_NAME_MAX]; /* a prepared file that is of no use; empty if none */
};

/* E_CORRUPT names the segment that is missing, damaged or does not follow the one before. */
enum status chain_load(struct disk *disk, struct chain *ret_chain, struct error *err);
void chain_release(struct chain *chain);
