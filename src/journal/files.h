/* Open files of the journal's segments, shared by everybody who reads single events. A few stay
 * open; who reads holds a pin. Any thread. */
#pragma once

#include "base/disk.h"

#include <pthread.h>

enum { FILES_MAX = 64 };

struct files {
	struct disk *disk;
	pthread_mutex_t lock;
	uint64_t uses; /* lock; a clock for the least recently used */
	struct {
		struct disk_file *file; /* NULL: the slot is free */
		uint64_t index;
		uint64_t used;
		unsigned pins;
	} slots[FILES_MAX]; /* lock */
};

void files_init(struct files *files, struct disk *disk);
void files_release(struct files *files);
/* E_RETRY when as many threads as there are slots read from different segments. */
enum status files_pin(
	struct files *files, uint64_t index, struct disk_file **ret_file, struct error *err);
void files_unpin(struct files *files, struct disk_file *file);
