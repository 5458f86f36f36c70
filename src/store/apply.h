/* The apply thread: runs all consumers over the journal, a batch at a time, each batch one
 * transaction of the store with the consumers' checkpoints in it. */
#pragma once

#include "store/consumer.h"

enum { APPLY_EVENTS_MAX = 1024, APPLY_CONSUMERS_MAX = 16 };

struct apply;

struct apply_config {
	struct journal *journal;
	struct store *store; /* opened for writing; used by the apply thread only from here on */
	const struct consumer *const *consumers; /* ends with NULL */
	/* From the apply thread: the batch that ends with this event is committed. May be NULL. */
	void (*advanced)(void *context, uint64_t number);
	/* From the apply thread, once: state or journal cannot be used any more. May be NULL. */
	void (*failed)(void *context, const struct error *err);
	void *context;
};

/* Migrates the schema and opens the consumers. Applies nothing yet. */
enum status apply_open(
	const struct apply_config *config, struct apply **ret_apply, struct error *err);
/* Applies everything that is durable now, on the calling thread. For start-up and rebuild, before
 * apply_start(). `progress` (may be NULL) is called after each batch. */
enum status apply_catch_up(struct apply *apply,
	void (*progress)(void *context, uint64_t number, uint64_t last), void *context,
	struct error *err);
/* Starts the thread; from now on apply_wake() says that there is more. */
enum status apply_start(struct apply *apply, struct error *err);
void apply_wake(struct apply *apply);
/* Ends the thread after its batch, closes the consumers. The store stays the caller's. */
void apply_close(struct apply *apply);

/* Any thread: the last event that is committed. */
uint64_t apply_number(const struct apply *apply);
/* Any thread: how often a full disk made it wait. */
uint64_t apply_waits(const struct apply *apply);
