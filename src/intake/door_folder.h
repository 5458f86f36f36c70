/* The watched folder: files that a till or a transfer program puts there become transactions.
 *
 *     FOLDER/x.xml  ──▶  FOLDER/working/x.xml  ──▶  FOLDER/done/x.xml
 *                                              └─▶  FOLDER/failed/x.xml and x.xml.problems.json
 *
 * docs/DOORS.md says when a file counts as complete. */
#pragma once

#include "intake/door.h"
#include "intake/feed.h"

extern const struct door_type door_folder;

struct folder_counters {
	struct feed_counters feed;
	atomic_uint_fast64_t files_total;        /* taken to their end */
	atomic_uint_fast64_t files_failed_total; /* of those, the ones in failed/ */
	atomic_uint_fast64_t errors_total;       /* rounds that failed and were repeated */
	atomic_uint_fast64_t files_ignored;      /* in the folder now: links, folders, not ours */
	atomic_uint_fast64_t files_waiting;      /* in the folder now: not complete yet, or next */
};

const struct folder_counters *folder_counters(const void *door);
