/* The files of web/ and the contract, embedded by embed.py when the program is built. */
#pragma once

#include <stddef.h>

struct asset {
	const char *path; /* "/app.js" */
	const char *content_type;
	const unsigned char *bytes;
	size_t len;
};

/* Ends with a row whose path is NULL. */
extern const struct asset assets[];
