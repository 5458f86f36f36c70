/* The demo's folder: made anew for each run, and wiped only when a demo made it, which a file in it
 * says. */
#pragma once

#include "base/error.h"

/* E_CONFIG when the path is there but not ours. */
enum status demo_folder_make(const char *path, struct error *err);

/* A port of 127.0.0.1 that nobody listens on: the first free one from `wanted` on, within 100;
 * 0 when there is none. */
unsigned demo_free_port(unsigned wanted);
