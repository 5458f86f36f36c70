#include "intake/webhooks.h"

#include "intake/rest.h"

enum { NAME_BYTES_MAX = 200 };

/* The door that the path names. */
static struct open_door *find_door(struct door_set *set, const struct http_head *head)
{
	char name[NAME_BYTES_MAX];
	size_t len, prefix = sizeof(WEBHOOKS_PATH) - 1;
	if (!slice_starts(head->path, WEBHOOKS_PATH))
		return NULL;
	struct slice text = slice_make(head->path.ptr + prefix, head->path.len - prefix);
	if (text.len > sizeof(name) || !http_percent_decode(text, name, &len))
		return NULL;
	return door_set_find(set, slice_make(name, len));
}

/* False when the sender was refused, with the answer sent. */
static bool admit(struct open_door *door, struct http_request *request)
{
	struct error err = { OK, "" };
	const struct http_head *head = http_request_head(request);
	const struct door_config *config = open_door_config(door);
	struct door_message message = { head, head->target, http_request_body(request) };
	if (message.body.len > config->body_bytes_max) {
		error_set(&err, E_FULL, "the message has %zu bytes; this door takes at most %llu",
			message.body.len, (unsigned long long)config->body_bytes_max);
		open_door_failed(door, &err);
		problem_respond(request, PROBLEM_TOO_LARGE, "%s", err.text);
		return false;
	}
	enum status s = open_door_authenticate(door, &message, &err);
	if (s == OK)
		return true;
	problem_respond(
		request, s == E_INPUT ? PROBLEM_UNAUTHENTICATED : PROBLEM_BUSY, "%s", err.text);
	return false;
}

static struct slice topic_of(const struct door_config *config, const struct http_head *head)
{
	const char *field = config->type->topic_field;
	return field == NULL ? slice_make(NULL, 0) : http_field(head, field);
}

void webhooks_post(struct door_set *set, struct http_request *request)
{
	const struct http_head *head = http_request_head(request);
	struct open_door *door = find_door(set, head);
	struct door_found found;
	struct error err;
	if (door == NULL) {
		problem_respond(request, PROBLEM_NOT_FOUND,
			"no door of this name is called; GET /v1/doors lists them");
		return;
	}
	if (!admit(door, request))
		return;
	const struct door_config *config = open_door_config(door);
	struct batch *batch = batch_take(config->admission);
	if (batch == NULL) {
		problem_respond(request, PROBLEM_BUSY, "out of memory");
		return;
	}
	enum status s = door_read(config, http_request_body(request), topic_of(config, head),
		NDJSON_LINES_MAX, batch, &found, &err);
	if (s != OK) {
		open_door_failed(door, &err);
		reply_refuse(request, batch, s == E_FULL ? PROBLEM_TOO_LARGE : PROBLEM_MALFORMED,
			"%s; nothing of the message was kept", err.text);
		return;
	}
	open_door_skipped(door, found.skipped);
	struct reply_items items = { found.skipped, open_door_tally(door) };
	reply_submit_items(request, batch, &items);
}
