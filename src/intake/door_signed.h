/* What doors have in common whose messages carry, in one field of the head, proof that the sender
 * knows a secret. Their options begin with these. */
#pragma once

#include "intake/door.h"
#include "intake/secrets.h"

struct signed_options {
	char *secret_file;
};

#define SECRET_FILE_ROW(type_name, what)                                                           \
	{                                                                                          \
		.name = "secret_file", .type = OPTION_TEXT,                                        \
		.offset = offsetof(type_name, common) +                                            \
			  offsetof(struct signed_options, secret_file),                            \
		.required = true, .min = 1, .max = 4000, .help = what                              \
	}

/* The field, once and not empty. E_INPUT says that it is not so. */
enum status door_need_field(
	const struct http_head *head, const char *name, struct slice *ret_value, struct error *err);

/* Reads the secrets; the pointer is what authenticate() is given. */
enum status door_signed_open(
	const struct signed_options *options, struct secrets **ret_secrets, struct error *err);
void door_signed_close(void *secrets);
/* The field `name` is the base64 of the HMAC-SHA256 of the parts. */
enum status door_signed_check(const struct secrets *secrets, const struct http_head *head,
	const char *name, const struct slice *parts, size_t count, struct error *err);
