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
	/* What an accepted transaction changes, in this order: the reversal of the revision whose
	 * place it takes, when there is one, and itself. Nothing for a conflict, and nothing when a
	 * newer revision of the key stands already. */
	const struct transaction *effects[2];
	unsigned effect_count;
	/* The revision that stood under its key before it: 0 when this is the first of the key. */
	uint64_t standing_event;
	const struct transaction *superseded; /* that one, when this event takes its place */
	bool outdated;                        /* ... and when that one is newer: no effect */
	struct arena *arena;                  /* goes with the batch */
};

/* The accepted transaction of a key with the highest revision. */
struct standing {
	uint64_t event; /* 0: there is none */
	uint64_t position, revision;
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
	/* One consumer of a list may know what stood under the transaction's key before the event;
	 * it sees each event before the others do. NULL for the rest. */
	enum status (*standing)(void *state, const struct applied_event *event,
		struct standing *ret_standing, struct error *err);
};
