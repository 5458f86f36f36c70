/* A time zone: how far local clocks are from UTC at a given moment. Read once from the system's
 * tzdata (TZif, RFC 8536), so that any thread can ask afterwards; the process's own TZ plays no
 * part. */
#pragma once

#include "base/error.h"
#include "base/time.h"

struct zone;

/* "Europe/Berlin" from /usr/share/zoneinfo, "UTC", or a fixed offset such as "+01:00". E_CONFIG:
 * `err` says what is wrong with the name or its file. */
enum status zone_open(struct slice name, struct zone **ret_zone, struct error *err);
void zone_close(struct zone *zone);

/* The same, for bytes of a TZif file that are already there. */
enum status zone_read(struct slice tzif, struct zone **ret_zone, struct error *err);

/* Seconds east of UTC at this moment (seconds since 1970-01-01T00:00:00Z). */
int32_t zone_offset(const struct zone *zone, int64_t utc_s);
/* The moment at which clocks showed this local time (seconds, counted as if it were UTC). An hour
 * that clocks went through twice is taken as its first run; one that they skipped is read with the
 * offset from before the skip. */
int64_t zone_to_utc(const struct zone *zone, int64_t local_s);
