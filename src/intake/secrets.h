/* The secrets of a door, from a file: one a line, so that a new one can be added before the sender
 * changes over and the old one removed afterwards. They are never printed. */
#pragma once

#include "base/error.h"
#include "base/slice.h"

enum { SECRETS_MAX = 8, SECRET_BYTES_MAX = 512 };

struct secret {
	size_t len;
	char bytes[SECRET_BYTES_MAX];
};

struct secrets {
	unsigned count; /* at least 1 when they were read */
	struct secret items[SECRETS_MAX];
};

/* Empty lines and the line ends do not count. E_CONFIG names the option (`option`), the file, and
 * what is wrong: it must be a regular file of ours or root's that others can neither read nor
 * change, nor its group change. */
enum status secrets_read(
	const char *option, const char *path, struct secrets *ret_secrets, struct error *err);
/* Overwrites them. */
void secrets_wipe(struct secrets *secrets);
struct slice secret_get(const struct secret *secret);

/* True when `base64` is the HMAC-SHA256, by one of the secrets, of the parts as if they stood
 * behind each other. Takes the same time whatever is wrong with it, once it has the right length.
 */
bool secrets_signed(const struct secrets *secrets, const struct slice *parts, size_t count,
	struct slice base64);
/* True when `text` is one of the secrets itself: for senders that cannot sign. */
bool secrets_include(const struct secrets *secrets, struct slice text);
