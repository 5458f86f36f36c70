/* Identity for life: which keys the journal has, and with which content.
 *
 * A key is known by its store-register-day (a "till day") and its sequence number. Till days that
 * are in use are held in memory; others are read from the state when a key of theirs arrives, so
 * memory stays bounded while the rule holds for the life of the journal. A till day may leave
 * memory only when the state has applied all of it.
 *
 * Used by the acceptor's thread only. */
#pragma once

#include "base/error.h"
#include "retail/record.h"

enum { IDENTITY_CONFLICTS_MAX = 64 }; /* contents remembered for one key and revision */

/* What is known of a key and revision: the accepted content first, conflicting ones behind it. */
struct identity_entry {
	uint64_t sequence;
	uint64_t number; /* of the event */
	int64_t recorded_ms;
	struct fingerprint fingerprint;
	uint32_t revision;
	bool conflict; /* this content was kept, but never applied */
};

/* Reads every entry of a till day from the state and hands each to identity_load(). */
struct identity;
struct identity_source {
	enum status (*load)(
		void *context, struct identity *identity, const struct key *day, struct error *err);
	/* The last event that the state has applied. */
	uint64_t (*applied)(void *context);
	void *context;
};

enum status identity_open(const struct identity_source *source, size_t entries_max,
	struct identity **ret_identity, struct error *err);
void identity_close(struct identity *identity);

enum identity_verdict { IDENTITY_NEW, IDENTITY_SAME, IDENTITY_OTHER, IDENTITY_OTHER_AGAIN };

/* NEW: nothing is known of this key and revision. SAME: this content was accepted; *ret_entry is
 * it. OTHER: another content was accepted; *ret_entry is that one. OTHER_AGAIN: this content is a
 * conflict that was kept before; *ret_entry is it. */
enum status identity_look_up(struct identity *identity, const struct key *key, uint64_t revision,
	const struct fingerprint *fingerprint, enum identity_verdict *ret_verdict,
	struct identity_entry *ret_entry, struct error *err);

/* Remembers what look_up found to be NEW or OTHER, once it is appended. Directly after that look_up
 * it cannot fail: there is room already. */
enum status identity_remember(struct identity *identity, const struct key *key,
	const struct identity_entry *entry, struct error *err);

/* For the source: an entry of the till day that is being loaded. */
enum status identity_load(
	struct identity *identity, const struct identity_entry *entry, struct error *err);

size_t identity_entries(const struct identity *identity);
