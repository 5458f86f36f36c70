/* Square: webhook notifications, signed over the URL that they are sent to and the body; and orders
 * that somebody fetched and sends here, signed in the same way. */
#include "intake/door_square.h"

#include "intake/door_signed.h"

#include <stddef.h>
#include <stdlib.h>

struct square_options {
	struct signed_options common;
	char *notification_url;
};

struct door {
	struct secrets *secrets;
	struct slice url;
};

static const struct option rows[] = {
	SECRET_FILE_ROW(struct square_options,
		"A file with the subscription's signature keys, one a line."),
	{ .name = "notification_url",
		.type = OPTION_TEXT,
		.offset = offsetof(struct square_options, notification_url),
		.required = true,
		.min = 8,
		.max = 2000,
		.help = "The URL as it stands in the subscription, to the letter: it is signed." },
	{ .name = NULL },
};

static void square_close(void *context)
{
	struct door *door = context;
	if (door == NULL)
		return;
	door_signed_close(door->secrets);
	free(door);
}

static enum status square_open(const struct door_config *config, void **ret_door, struct error *err)
{
	const struct square_options *options = config->options;
	struct door *door = calloc(1, sizeof(*door));
	if (door == NULL)
		return error_set(err, E_FULL, "out of memory");
	door->url = slice_of(options->notification_url);
	enum status s = door_signed_open(&options->common, &door->secrets, err);
	if (s != OK) {
		square_close(door);
		return s;
	}
	*ret_door = door;
	return OK;
}

static enum status square_authenticate(
	void *context, const struct door_message *message, struct error *err)
{
	const struct door *door = context;
	const struct slice parts[] = { door->url, message->body };
	return door_signed_check(
		door->secrets, message->head, "x-square-hmacsha256-signature", parts, 2, err);
}

const struct door_type door_square = {
	.name = "square",
	.help = "Square: orders, or payments with the mapping square-payments",
	.mapping = "square",
	.options = rows,
	.options_size = sizeof(struct square_options),
	.open = square_open,
	.close = square_close,
	.authenticate = square_authenticate,
};
