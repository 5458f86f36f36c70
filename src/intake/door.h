/* A door: one kind of source, one file, one row in doors.c. Configured doors have names of their
 * own:
 *
 *     doors:
 *       berlin-online:
 *         door: shopify              # a row of doors.c
 *         secret_file: /etc/tillbridge/shopify.key   # intake/secrets.h
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
	void *options;           /* the door's own struct, filled by its option rows */
	struct mapping *mapping; /* NULL: the records are canonical transactions */
	bool lines;              /* without a mapping: one a line (NDJSON), else a JSON document */
	const char *store, *reg, *currency; /* NULL: the record says it */
	const struct zone *zone;            /* NULL: the mapping's */
	struct admission *admission;
	struct clock *clock;
	const char *data;        /* folder for what a fetching door must remember */
	uint64_t body_bytes_max; /* of one message to a door that is called */
};

/* A message to a door that is called. */
struct door_message {
	const struct http_head *head;
	struct slice target; /* path and query, as sent */
	struct slice body;
};

/* How a door that fetches gets on; a door that is called is counted by who calls it. */
struct door_report {
	uint64_t records, accepted, duplicates, refused, skipped;
	uint64_t errors;                 /* of what it reads from: the folder, the broker */
	uint64_t lag;                    /* files or messages that wait to be read */
	bool retrying;                   /* the last round failed and is repeated */
	char last_error[ERROR_TEXT_MAX]; /* empty: none since the start */
	int64_t last_error_ms;
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
	/* Called: the header field in which the sender names the kind of message; it is the
	 * mapping's context "topic". NULL: the body says it. */
	const char *topic_field;
	/* A door that fetches: starts and stops its thread. */
	enum status (*start)(void *door, struct error *err);
	void (*stop)(void *door);
	/* Fetches: any thread, between open() and close(). */
	void (*report)(const void *door, struct door_report *ret_report);
};

/* Ends with NULL. */
extern const struct door_type *const door_types[];
/* NULL: there is no such door. */
const struct door_type *door_type_find(struct slice name);

/* What was found in a body beside the batch's lines. */
struct door_found {
	uint32_t skipped; /* records that the mapping says are no transactions */
};

/* Cuts `body` into records, maps them and offers them. `topic` may be empty. E_INPUT: nothing of
 * the body could be read at all; E_FULL: more than `lines_max` records, or it takes too much
 * memory; `err` says why. */
enum status door_read(const struct door_config *config, struct slice body, struct slice topic,
	uint32_t lines_max, struct batch *batch, struct door_found *ret_found, struct error *err);
