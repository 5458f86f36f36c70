/* The open doors of a running server: those that are called are found by their name, those that
 * fetch run in threads of their own. */
#pragma once

#include "intake/door.h"
#include "intake/reply.h"

struct door_set;

struct door_set_config {
	const struct door_config *const *doors; /* as configured; they outlive the set */
	size_t count;
	struct admission *admission;
	struct clock *clock;
	const char *data; /* folder of what fetching doors remember; it is made when one needs it */
};

/* A door that is called, while it is called. */
struct open_door;

/* E_CONFIG: a door's options or its secrets; `err` names the door. */
enum status door_set_open(
	const struct door_set_config *config, struct door_set **ret_set, struct error *err);
/* Starts those that fetch. */
enum status door_set_start(struct door_set *set, struct error *err);
/* Their threads have ended when it returns. Before the acceptor is closed. */
void door_set_stop(struct door_set *set);
/* After the server and door_set_stop(). NULL is fine. */
void door_set_close(struct door_set *set);
/* Reads the secrets of the doors that are called again. E_CONFIG: a door keeps those it has. */
enum status door_set_reload(struct door_set *set, struct error *err);

/* NULL: there is no such door that is called. */
struct open_door *door_set_find(struct door_set *set, struct slice name);
const struct door_config *open_door_config(const struct open_door *door);
/* Is this message from who it says? Counts it; E_INPUT says why not. */
enum status open_door_authenticate(
	struct open_door *door, const struct door_message *message, struct error *err);
/* What was refused before it had lines, and what was skipped. */
void open_door_failed(struct open_door *door, const struct error *why);
void open_door_skipped(struct open_door *door, uint32_t records);
/* Counts the lines of an answer; lives as long as the set. */
struct reply_tally *open_door_tally(struct open_door *door);

enum door_state {
	DOOR_OPEN,     /* called: it answers */
	DOOR_RUNNING,  /* fetches */
	DOOR_RETRYING, /* fetches, but its source or the disk fails at the moment */
	DOOR_STOPPED,
};
const char *door_state_name(enum door_state state);

/* How a door gets on; for the API, any thread. */
struct door_view {
	const struct door_config *config;
	enum door_state state;
	uint64_t messages, unauthenticated; /* of one that is called */
	struct door_report report;
};
size_t door_set_count(const struct door_set *set);
void door_set_view(const struct door_set *set, size_t at, struct door_view *ret_view);
