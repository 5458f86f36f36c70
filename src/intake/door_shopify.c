/* Shopify: webhooks of a shop. The field that names the shop is not signed, so a door is for one
 * shop, whose secret it has; the field is not looked at. */
#include "intake/door_shopify.h"

#include "intake/door_signed.h"

#include <stddef.h>
#include <stdlib.h>

struct shopify_options {
	struct signed_options common;
};

static const struct option rows[] = {
	SECRET_FILE_ROW(struct shopify_options,
		"A file with the app's client secrets, one a line (two while they are rotated)."),
	{ .name = NULL },
};

static enum status shopify_open(
	const struct door_config *config, void **ret_door, struct error *err)
{
	const struct shopify_options *options = config->options;
	struct secrets *secrets = NULL;
	enum status s = door_signed_open(&options->common, &secrets, err);
	*ret_door = secrets;
	return s;
}

static enum status shopify_authenticate(
	void *secrets, const struct door_message *message, struct error *err)
{
	return door_signed_check(
		secrets, message->head, "X-Shopify-Hmac-Sha256", &message->body, 1, err);
}

const struct door_type door_shopify = {
	.name = "shopify",
	.help = "Shopify: orders that were paid, and refunds",
	.mapping = "shopify",
	.options = rows,
	.options_size = sizeof(struct shopify_options),
	.open = shopify_open,
	.close = door_signed_close,
	.authenticate = shopify_authenticate,
	.topic_field = "X-Shopify-Topic",
};
