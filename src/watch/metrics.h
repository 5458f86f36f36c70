/* The metrics page: Prometheus text format 0.0.4, one row a metric in metrics.c. */
#pragma once

#include "watch/sources.h"

void metrics_write(const struct sources *sources, struct buf *buf);
