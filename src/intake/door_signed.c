#include "intake/door_signed.h"

#include <stdlib.h>

enum status door_need_field(
	const struct http_head *head, const char *name, struct slice *ret_value, struct error *err)
{
	unsigned count = 0;
	for (unsigned i = 0; i < head->field_count; i++)
		if (slice_equal_nocase(head->fields[i].name, name)) {
			*ret_value = head->fields[i].value;
			count++;
		}
	if (count == 1 && ret_value->len > 0)
		return OK;
	return error_set(
		err, E_INPUT, "%s %s", name, count > 1 ? "stands twice in the head" : "is missing");
}

enum status door_signed_open(
	const struct signed_options *options, struct secrets **ret_secrets, struct error *err)
{
	struct secrets *secrets = calloc(1, sizeof(*secrets));
	if (secrets == NULL)
		return error_set(err, E_FULL, "out of memory");
	enum status s = secrets_read("secret_file", options->secret_file, secrets, err);
	if (s != OK) {
		free(secrets);
		return s;
	}
	*ret_secrets = secrets;
	return OK;
}

void door_signed_close(void *context)
{
	struct secrets *secrets = context;
	if (secrets == NULL)
		return;
	secrets_wipe(secrets);
	free(secrets);
}

enum status door_signed_check(const struct secrets *secrets, const struct http_head *head,
	const char *name, const struct slice *parts, size_t count, struct error *err)
{
	struct slice signature = { NULL, 0 };
	enum status s = door_need_field(head, name, &signature, err);
	if (s != OK)
		return s;
	if (!secrets_signed(secrets, parts, count, signature))
		return error_set(err, E_INPUT,
			"%s is not the signature of this body by one of the door's secrets", name);
	return OK;
}
