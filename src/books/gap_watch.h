/* The watch for numbers that do not arrive. A thread looks at the derived state from time to time;
 * what is missing for longer than its store allows becomes an event of the journal (EVENT_GAP), for
 * only events change state: a rebuild then has the same exceptions. */
#pragma once

#include "base/clock.h"
#include "intake/acceptor.h"

struct gap_watch;

struct gap_watch_config {
	const char *state_path;
	struct acceptor *acceptor;
	struct clock *clock;
	uint64_t interval_ms; /* between two looks */
	/* How long a number of this store may be missing, from when a higher one of the same
	 * register and business date was received; 0: for ever, nothing is said. */
	uint64_t (*allowed_ms)(void *context, struct slice store);
	/* Whether the numbers of this store's registers go on from one business date to the next.
	 */
	bool (*across_dates)(void *context, struct slice store);
	void *context;
};

enum status gap_watch_open(
	const struct gap_watch_config *config, struct gap_watch **ret_watch, struct error *err);
/* Before the acceptor is closed. NULL is fine. */
void gap_watch_close(struct gap_watch *watch);
