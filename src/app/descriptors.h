/* Files that may be open: every connection is one, and the journal needs some whatever happens. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* For segments, the state, calls to ERPs. */
enum { DESCRIPTORS_KEPT = 512 };

/* Raises the process's limit so that `connections` and DESCRIPTORS_KEPT fit. True when they do;
 * else the limit is as high as it may be, and *ret_connections is how many fit (at least 1). */
bool descriptors_reserve(uint64_t connections, uint64_t *ret_connections);
