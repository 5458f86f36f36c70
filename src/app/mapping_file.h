/* A mapping by its name (a shipped one) or its path (a file). */
#pragma once

#include "map/mapping.h"

/* What has a slash or ends in ".yaml" is a path. E_CONFIG. */
enum status mapping_file_open(const char *name, struct mapping **ret_mapping, struct error *err);
