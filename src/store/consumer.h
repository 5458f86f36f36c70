/* A consumer: a part that applies events in order and keeps derived state. One file, one const
 * struct; src/app/consumers.c lists them. A new capability is a new consumer.
 *
 * The contract. Events come in the journal's order, each at least once: the checkpoint commits in
 * the transaction of the rows it describes, so after a crash a consumer sees again exactly what did
 * not commit. State depends on the events alone (no clock, no configuration, no randomness), so
 * that a rebuild gives the same rows. Everything runs on the apply thread. */
#pragma once

#include "journal/journal.h"
#include "retail/record.h"
#include "store/store.h"

/* An event with what it means, decoded once for all consumers. */
struct applied_event {
	struct event event;
	struct record record;                  /* of a transaction or conflict */
	const struct transaction *transaction; /* the same, decoded; NULL for other kinds */
	struct arena *arena;                   /* goes with the batch */
};

struct consumer {
	const char *name;
	const struct migration *migrations;
	size_t migration_count;
	enum status (*open)(struct store *store, void **ret_state, struct error *err);
	enum status (*apply)(void *state, const struct applied_event *event, struct error *err);
	/* Before the commit: writes what was gathered in memory. May be NULL. */
	enum status (*flush)(void *state, struct error *err);
	/* After a roll-back: forgets everything in memory. May be NULL. */
	void (*forget)(void *state);
	void (*close)(void *state);
};
