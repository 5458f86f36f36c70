/* The files of a watched folder: which are complete, and the moves between its sub-folders. Every
 * move is a rename within one file system, and durable when the function has returned. Links are
 * never followed: all names are opened relative to folders that were opened once. */
#pragma once

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

enum { FOLDER_NAME_MAX = 255, FOLDER_FILES_MAX = 4096 };

/* What was seen of a file in the folder, to tell whether it still grows. */
struct folder_file {
	char name[FOLDER_NAME_MAX + 1];
	uint64_t inode;
	int64_t size, changed_ns;
	unsigned same; /* scans on end in which nothing changed */
	bool moved_in; /* it was renamed into place: complete at once */
	bool seen;     /* in the last scan */
};

struct folder_files {
	int incoming, working, done, failed; /* folders; -1: not open */
	const char *pattern;
	bool any_owner;
	unsigned settle_scans;
	uint64_t bytes_max;
	struct folder_file *files;
	uint32_t count, ignored;
};

/* Makes the sub-folders that are missing. E_CONFIG: `path` is no folder that can be used. */
enum status folder_files_open(struct folder_files *folder, const char *path, struct error *err);
void folder_files_close(struct folder_files *folder);

/* Looks at every file; `timed` scans are those that count for settling. */
enum status folder_files_scan(struct folder_files *folder, bool timed, struct error *err);
/* A name was renamed into the folder. */
void folder_files_moved_in(struct folder_files *folder, const char *name);
/* Moves the oldest complete file to working/. False: there is none. */
bool folder_files_pick(struct folder_files *folder, char name[static FOLDER_NAME_MAX + 1]);
/* The name of a file that is in working/ already: from before a crash. */
bool folder_files_left(struct folder_files *folder, char name[static FOLDER_NAME_MAX + 1]);

/* A copy of a file in working/ that nobody else can change or cut, mapped for reading. The copy has
 * no name and lies in `folder_fd`. E_INPUT: not a file that is taken. Release with munmap(). */
enum status folder_files_map(struct folder_files *folder, const char *name, int folder_fd,
	struct slice *ret_text, struct error *err);

/* Moves a file from working/ on; where the name is taken, the new one gets "~2", "~3", ... behind
 * it. `problems` (failed only) is written beside it first. */
enum status folder_files_finish(struct folder_files *folder, const char *name,
	const struct buf *problems, struct error *err);
