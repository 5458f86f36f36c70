/* The way down: the newest version of each kind of publication (prices, promotions, rules), kept in
 * the folder as publication-KIND.json, and what the register has told to be in use. The report
 * that goes up says so, with the clock's skew and what is unsent.
 *
 * A publication is durable before anybody hears of it, and versions only go up. Any thread. */
#pragma once

#include "base/buf.h"
#include "base/clock.h"
#include "base/disk.h"
#include "base/error.h"

enum { DOWNLINK_KINDS_MAX = 16, DOWNLINK_KIND_MAX = 32, DOWNLINK_BYTES_MAX = 4 << 20 };

struct downlink;

/* The disk and the clock stay the caller's. */
enum status downlink_open(
	struct disk *disk, struct clock *clock, struct downlink **ret_downlink, struct error *err);
void downlink_close(struct downlink *downlink);

/* The largest version that is kept; asked with, the centre sends what is newer. */
uint64_t downlink_version(struct downlink *downlink);
/* Keeps what the centre answered: {"publications":[{"kind","version","published_at","document"}]},
 * lowest version first. Calls `arrived` for each that is new. E_INPUT: it is no such answer. */
enum status downlink_take(struct downlink *downlink, struct slice answer,
	void (*arrived)(void *context, const char *kind, uint64_t version), void *context,
	struct error *err);
/* The newest one of a kind into `buf`. E_RETRY: there is none. */
enum status downlink_read(struct downlink *downlink, const char *kind, uint64_t *ret_version,
	struct buf *buf, struct error *err);

/* The register uses it now. E_INPUT: this version never arrived. */
enum status downlink_applied(
	struct downlink *downlink, const char *kind, uint64_t version, struct error *err);
/* Appends [{"kind","version","applied_at"}] of everything in use. Returns how many the centre has
 * not heard of; `mark` is for downlink_reported() once it has. */
unsigned downlink_report(struct downlink *downlink, struct buf *buf, uint64_t *ret_mark);
void downlink_reported(struct downlink *downlink, uint64_t mark);
