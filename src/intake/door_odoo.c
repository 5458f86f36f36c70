/* Odoo: orders of its point of sale. Odoo signs nothing; whoever sends has a token. */
#include "intake/door_odoo.h"

#include "intake/door_signed.h"

#include <stddef.h>
#include <stdlib.h>

struct odoo_options {
	struct signed_options common;
};

static const struct option rows[] = {
	SECRET_FILE_ROW(struct odoo_options, "A file with the tokens that may be sent as "
					     "\"Authorization: Bearer ...\", one a line."),
	{ .name = NULL },
};

static enum status odoo_open(const struct door_config *config, void **ret_door, struct error *err)
{
	const struct odoo_options *options = config->options;
	struct secrets *secrets = NULL;
	enum status s = door_signed_open(&options->common, &secrets, err);
	*ret_door = secrets;
	return s;
}

static enum status odoo_authenticate(
	void *secrets, const struct door_message *message, struct error *err)
{
	struct slice field = { NULL, 0 }, token;
	enum status s = door_need_field(message->head, "Authorization", &field, err);
	if (s != OK)
		return s;
	struct slice scheme = slice_cut(field, ' ', &token);
	if (!slice_equal_nocase(scheme, "bearer") || !secrets_include(secrets, token))
		return error_set(err, E_INPUT,
			"Authorization is not \"Bearer\" with one of the door's tokens");
	return OK;
}

const struct door_type door_odoo = {
	.name = "odoo",
	.help = "Odoo: orders of its point of sale",
	.mapping = "odoo",
	.options = rows,
	.options_size = sizeof(struct odoo_options),
	.open = odoo_open,
	.close = door_signed_close,
	.authenticate = odoo_authenticate,
};
