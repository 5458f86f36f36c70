/* The master key: 32 bytes in a file of its own, as 64 hexadecimal digits. It opens the keys of the
 * subjects, so it belongs neither into the journal's backups nor beside them. */
#pragma once

#include "subjects/crypt.h"

/* *ret_found is false when there is no such file. E_CONFIG names the file and what is wrong with
 * it: not 64 hexadecimal digits, or readable by everybody. */
enum status master_key_read(
	const char *path, struct secret *ret_key, bool *ret_found, struct error *err);
/* Makes a new key and its file (mode 0600), durably. E_CONFIG when the file exists. */
enum status master_key_create(const char *path, struct secret *ret_key, struct error *err);
