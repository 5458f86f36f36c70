/* The transactions of the demo, as a file: real sales, or a made-up chain. */
#pragma once

#include "base/error.h"

#include <stdint.h>

/* `source` is "uci:FILE" or "simulate". With days > 0 only the first business days. */
enum status demo_source_write(
	const char *source, uint64_t days, const char *path, struct error *err);
