/* The disk, as a door: a folder of files that can be appended to, synced and read. Production opens
 * disk_open_folder(); tests open a simulated disk that forgets what was not synced, tears writes,
 * runs full and fails.
 *
 * Names have no slash. Every function that can fail fills `err`: E_IO for what the operating system
 * refused, E_FULL for a full disk (ENOSPC, EDQUOT, EFBIG) and for too many open files. After a
 * failed sync the file's unsynced bytes are in an unknown state: the caller must not go on with it.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct disk;
struct disk_file;

struct disk_ops {
	/* Calls `each` for every file of the folder, in no order. */
	enum status (*list)(struct disk *disk, void (*each)(void *context, const char *name),
		void *context, struct error *err);
	/* Opens for reading and writing; `create` makes a new one and fails when it exists. A file
	 * that does not exist is E_INPUT. */
	enum status (*open)(struct disk *disk, const char *name, bool create,
		struct disk_file **ret_file, struct error *err);
	void (*close)(struct disk_file *file);
	/* Reserves and zeroes bytes up to `size`, so that writing them later neither runs out of
	 * space nor changes metadata. */
	enum status (*allocate)(struct disk_file *file, uint64_t size, struct error *err);
	enum status (*write)(struct disk_file *file, const void *bytes, size_t len, uint64_t offset,
		struct error *err);
	/* Reads what is there: *ret_len is shorter than len only at the end of the file. */
	enum status (*read)(struct disk_file *file, void *bytes, size_t len, uint64_t offset,
		size_t *ret_len, struct error *err);
	enum status (*size)(struct disk_file *file, uint64_t *ret_size, struct error *err);
	enum status (*truncate)(struct disk_file *file, uint64_t size, struct error *err);
	/* Makes the file's bytes durable (fdatasync). */
	enum status (*sync)(struct disk_file *file, struct error *err);
	/* Makes created, renamed and removed names durable (fsync of the folder). */
	enum status (*sync_names)(struct disk *disk, struct error *err);
	enum status (*remove)(struct disk *disk, const char *name, struct error *err);
	enum status (*rename)(
		struct disk *disk, const char *from, const char *to, struct error *err);
	void (*close_disk)(struct disk *disk);
};

/* Implementations begin with these. */
struct disk {
	const struct disk_ops *ops;
};

struct disk_file {
	const struct disk_ops *ops;
};

/* A folder of the real file system; it is created when its parent exists. The folder is locked
 * (flock) until the disk is closed: E_CONFIG when another process has it. */
enum status disk_open_folder(const char *path, struct disk **ret_disk, struct error *err);
