/* A simulated disk that is as unkind as a real one may be.
 *
 * What was written and not synced is a list of 512-byte sectors. When the power goes each of them
 * is kept, lost, or torn (some bytes new, some old), on its own; a size or a name that was not
 * synced is the old one, the new one, or one in between. A sync that fails does the same to the
 * sectors and then forgets that they were dirty, while reads go on showing them: so does Linux.
 *
 * Everything is decided by one seeded generator: the same calls on the same seed give the same
 * disk. */
#pragma once

#include "base/disk.h"
#include "base/random.h"

enum { SIM_SECTOR = 512 };

enum sim_op {
	SIM_LIST = 1 << 0,
	SIM_OPEN = 1 << 1,
	SIM_ALLOCATE = 1 << 2,
	SIM_WRITE = 1 << 3,
	SIM_READ = 1 << 4,
	SIM_TRUNCATE = 1 << 5,
	SIM_SYNC = 1 << 6,
	SIM_SYNC_NAMES = 1 << 7,
	SIM_REMOVE = 1 << 8,
	SIM_RENAME = 1 << 9,
	SIM_ANY = (1 << 10) - 1,
};

struct disk *sim_disk_open(uint64_t seed);

/* All files together hold at most `bytes`; UINT64_MAX for no limit. */
void sim_disk_limit(struct disk *disk, uint64_t bytes);
uint64_t sim_disk_used(struct disk *disk);
/* The n-th operation (1: the next) of those in `ops` fails: once, or from then on. 0 ends it. */
void sim_disk_fail(struct disk *disk, unsigned ops, uint64_t n, bool for_ever);
/* The power goes during the n-th operation from now (1: the next). 0: it stays. */
void sim_disk_cut_at(struct disk *disk, uint64_t n);
bool sim_disk_is_off(struct disk *disk);
/* The power goes now, if it has not, and comes back. Files that were open answer E_IO. */
void sim_disk_restart(struct disk *disk);

/* Called before each sync: a sync takes time, in which others work. */
void sim_disk_on_sync(struct disk *disk, void (*pause)(void));

/* For tests that do damage or look at it. The bytes are those a read shows; NULL when there is no
 * such file. A change is durable at once. */
const char *sim_disk_bytes(struct disk *disk, const char *name, uint64_t *ret_size);
void sim_disk_flip(struct disk *disk, const char *name, uint64_t offset, unsigned bit);
/* A hash of all names and bytes: equal when nothing was changed. */
uint64_t sim_disk_state(struct disk *disk);
