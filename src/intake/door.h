/* A door: one kind of source, one file, one row in doors.c. Configured doors have names of their
 * own:
 *
 *     doors:
 *       berlin-online:
 *         door: shopify              # a row of doors.c
 *         secret_file: /etc/tillbridge/shopify.key
 *         store: "0042"              # this endpoint speaks for this store only
 *         register: web
 *         mapping: shopify           # a shipped one, or a path
 *
 * A door that is called (WEBHOOK) answers at POST /v1/webhooks/{name}; one that fetches (FOLDER,
 * KAFKA) has a thread of its own. Both cut what they receive into records (map/format.h), map each
 * (map/mapping.h) and offer the result to admission with the raw record beside it. */
#pragma once

#include "base/option.h"
#include "intake/admission.h"
#include "map/mapping.h"

/* What every configured door has. */
struct door_config {
	const char *name;
	const struct door_type *type;
	void *options; /* the door's own struct, filled by its option rows */
	struct mapping *mapping;
	const char *store, *reg, *currency; /* NULL: the record says it */
	const struct zone *zone;            /* NULL: the mapping's */
	struct admission *admission;
	struct clock *clock;
	const char *data; /* folder for what a fetching door must remember */
};

/* A message to a door that is called. */
struct door_message {
	const struct http_head *head;
	struct slice target; /* path and query, as sent */
	struct slice body;
};

struct door_type {
	const char *name; /* "square" */
	const char *help;
	const char *mapping; /* the shipped mapping it uses by default */
	const struct option *options;
	size_t options_size;
	enum status (*open)(const struct door_config *config, void **ret_door, struct error *err);
	void (*close)(void *door);
	/* A door that is called: is this message from who it says? Constant time. E_INPUT: `err`
	 * says what is missing or wrong, never what would have been right. NULL for a door that
	 * fetches. */
	enum status (*authenticate)(
		void *door, const struct door_message *message, struct error *err);
	/* A door that fetches: starts and stops its thread. */
	enum status (*start)(void *door, struct error *err);
	void (*stop)(void *door);
};

/* Ends with NULL. */
extern const struct door_type *const door_types[];

/* Cuts `body` into records, maps them and offers them. E_INPUT: nothing of the body could be read
 * at all; `err` says why. */
enum status door_read(const struct door_config *config, struct slice body, struct batch *batch,
	struct error *err);
