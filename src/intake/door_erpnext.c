/* ERPNext: webhooks of POS invoices, with "Enable Security" and a secret. */
#include "intake/door_erpnext.h"

#include "intake/door_signed.h"

#include <stddef.h>
#include <stdlib.h>

struct erpnext_options {
	struct signed_options common;
};

static const struct option rows[] = {
	SECRET_FILE_ROW(struct erpnext_options, "A file with the webhook's secrets, one a line."),
	{ .name = NULL },
};

static enum status erpnext_open(
	const struct door_config *config, void **ret_door, struct error *err)
{
	const struct erpnext_options *options = config->options;
	struct secrets *secrets = NULL;
	enum status s = door_signed_open(&options->common, &secrets, err);
	*ret_door = secrets;
	return s;
}

static enum status erpnext_authenticate(
	void *secrets, const struct door_message *message, struct error *err)
{
	return door_signed_check(
		secrets, message->head, "X-Frappe-Webhook-Signature", &message->body, 1, err);
}

const struct door_type door_erpnext = {
	.name = "erpnext",
	.help = "ERPNext: POS invoices that were submitted",
	.mapping = "erpnext",
	.options = rows,
	.options_size = sizeof(struct erpnext_options),
	.open = erpnext_open,
	.close = door_signed_close,
	.authenticate = erpnext_authenticate,
};
