/* The worker's view of the outbox: the next postings of one ERP, with their transactions. Reads
 * the state (postings) and the journal (documents); one thread. */
#pragma once

#include "base/arena.h"
#include "deliver/connector.h"
#include "deliver/postings.h"
#include "journal/journal.h"

enum { BATCH_MAX = 200 };

/* Where in the order of an ERP's postings one stands. */
struct outbox_place {
	int64_t ready, event, part;
};

/* Postings on their way, with all that is known of them. Their memory goes with the batch. */
struct batch {
	struct arena arena;
	struct posting postings[BATCH_MAX];
	int64_t recorded_ms[BATCH_MAX]; /* when the transaction was received */
	unsigned states[BATCH_MAX];     /* enum posting_state, when it was fetched */
	bool superseded[BATCH_MAX];     /* never called, and a newer revision stands */
	struct outbox_place last;       /* of what was fetched */
	size_t count;
};

struct outbox;

enum status outbox_open(const char *state_path, struct journal *journal, const char *erp,
	struct outbox **ret_outbox, struct error *err);
void outbox_close(struct outbox *outbox);

/* Fills the batch with the open postings (planned, called, unknown) behind `after`, in order, at
 * most `max`. */
enum status outbox_fetch_open(struct outbox *outbox, const struct outbox_place *after, size_t max,
	struct batch *batch, struct error *err);
/* The same for postings that are settled and were not read back. */
enum status outbox_fetch_settled(struct outbox *outbox, const struct outbox_place *after,
	size_t max, struct batch *batch, struct error *err);
