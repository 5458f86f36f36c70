#include "intake/folder_files.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SAME_NAMES_MAX = 1 << 30, SUFFIX_MAX = 32, PLACES = 4 * FOLDER_FILES_MAX };
static_assert(FOLDER_FILES_MAX < UINT16_MAX, "places are uint16_t");

static enum status open_below(
	const struct folder_files *folder, const char *name, int *ret_fd, struct error *err)
{
	if (mkdirat(folder->incoming, name, 0750) != 0 && errno != EEXIST)
		return error_errno(err, E_CONFIG, "cannot make %s/ in it", name);
	*ret_fd = openat(folder->incoming, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*ret_fd < 0)
		return error_errno(err, E_CONFIG, "cannot open %s/ in it", name);
	return OK;
}

enum status folder_files_open(struct folder_files *folder, const char *path, struct error *err)
{
	folder->working = folder->done = folder->failed = -1;
	folder->incoming = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum status s = OK;
	if (folder->incoming < 0)
		s = error_errno(err, E_CONFIG, "cannot open the folder");
	if (s == OK)
		s = open_below(folder, "working", &folder->working, err);
	if (s == OK)
		s = open_below(folder, "done", &folder->done, err);
	if (s == OK)
		s = open_below(folder, "failed", &folder->failed, err);
	folder->files = calloc(FOLDER_FILES_MAX, sizeof(*folder->files));
	if (s == OK && folder->files == NULL)
		s = error_set(err, E_FULL, "out of memory");
	if (s != OK) {
		folder_files_close(folder);
		return error_wrap(err, "%s", path);
	}
	return OK;
}

void folder_files_close(struct folder_files *folder)
{
	int *const fds[] = { &folder->incoming, &folder->working, &folder->done, &folder->failed };
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
	free(folder->files);
	folder->files = NULL;
	folder->count = 0;
}

/* Whose files are taken: those of whom the folder belongs to, and our own. */
static bool owner_fits(const struct folder_files *folder, const struct stat *st)
{
	struct stat top;
	if (folder->any_owner || st->st_uid == geteuid())
		return true;
	return fstat(folder->incoming, &top) == 0 && st->st_uid == top.st_uid;
}

static bool ends_with(const char *name, const char *ending)
{
	size_t len = strlen(name), end = strlen(ending);
	return len >= end && strcmp(name + len - end, ending) == 0;
}

/* Names that programs give to files they still write. */
static bool name_fits(const struct folder_files *folder, const char *name)
{
	return name[0] != '.' && strlen(name) <= FOLDER_NAME_MAX - SUFFIX_MAX &&
	       !ends_with(name, ".tmp") && !ends_with(name, ".part") && !ends_with(name, "~") &&
	       fnmatch(folder->pattern, name, FNM_PERIOD) == 0;
}

static struct folder_file *find(struct folder_files *folder, const char *name)
{
	for (uint32_t i = 0; i < folder->count; i++)
		if (strcmp(folder->files[i].name, name) == 0)
			return &folder->files[i];
	return NULL;
}

static struct folder_file *add(struct folder_files *folder, const char *name)
{
	struct folder_file *file = &folder->files[folder->count++];
	*file = (struct folder_file){ .size = -1 };
	snprintf(file->name, sizeof(file->name), "%s", name);
	return file;
}

static struct folder_file *find_or_add(struct folder_files *folder, const char *name)
{
	struct folder_file *file = find(folder, name);
	return file != NULL || folder->count == FOLDER_FILES_MAX ? file : add(folder, name);
}

/* Where the files stand while the folder is listed, by their names: a folder may have a million. */
struct places {
	uint16_t at[PLACES]; /* place in files, plus one; 0: free */
};

static uint16_t *place_of(
	struct places *places, const struct folder_files *folder, const char *name)
{
	size_t at = (size_t)slice_hash(slice_of(name), 0) & (PLACES - 1);
	while (places->at[at] != 0 && strcmp(folder->files[places->at[at] - 1].name, name) != 0)
		at = (at + 1) & (PLACES - 1);
	return &places->at[at];
}

static void look_at(
	struct folder_files *folder, struct places *places, const char *name, bool timed)
{
	struct stat st;
	uint16_t *place = place_of(places, folder, name);
	/* There is no room to remember it: its turn comes when others have gone. */
	if (*place == 0 && folder->count == FOLDER_FILES_MAX)
		return;
	if (fstatat(folder->incoming, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return;
	if (S_ISDIR(st.st_mode) && (strcmp(name, "working") == 0 || strcmp(name, "done") == 0 ||
					   strcmp(name, "failed") == 0))
		return;
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1 || !owner_fits(folder, &st)) {
		folder->ignored++;
		return;
	}
	if (!name_fits(folder, name))
		return;
	if (*place == 0) {
		add(folder, name);
		*place = (uint16_t)folder->count;
	}
	struct folder_file *file = &folder->files[*place - 1];
	int64_t changed_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
	bool same = file->inode == st.st_ino && file->size == st.st_size &&
		    file->changed_ns == changed_ns;
	file->same = !same ? 0 : file->same + timed;
	file->inode = st.st_ino;
	file->size = st.st_size;
	file->changed_ns = changed_ns;
	file->seen = true;
}

static void forget_unseen(struct folder_files *folder)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < folder->count; i++)
		if (folder->files[i].seen)
			folder->files[kept++] = folder->files[i];
	folder->count = kept;
}

enum status folder_files_scan(struct folder_files *folder, bool timed, struct error *err)
{
	int fd = openat(folder->incoming, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	if (list == NULL) {
		if (fd >= 0)
			close(fd);
		return error_errno(err, E_IO, "cannot list the folder");
	}
	struct places places = { { 0 } };
	for (uint32_t i = 0; i < folder->count; i++) {
		folder->files[i].seen = false;
		*place_of(&places, folder, folder->files[i].name) = (uint16_t)(i + 1);
	}
	folder->ignored = 0;
	for (struct dirent *entry; (entry = readdir(list)) != NULL;)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			look_at(folder, &places, entry->d_name, timed);
	closedir(list);
	forget_unseen(folder);
	return OK;
}

void folder_files_moved_in(struct folder_files *folder, const char *name)
{
	struct folder_file *file = name_fits(folder, name) ? find_or_add(folder, name) : NULL;
	if (file != NULL)
		file->moved_in = true;
}

static bool complete(const struct folder_files *folder, const struct folder_file *file)
{
	return file->size >= 0 && (file->moved_in || file->same >= folder->settle_scans);
}

/* The rename need not be synced: before and after it the file is taken again. */
bool folder_files_pick(struct folder_files *folder, char name[static FOLDER_NAME_MAX + 1])
{
	for (;;) {
		struct folder_file *oldest = NULL;
		for (uint32_t i = 0; i < folder->count; i++) {
			struct folder_file *file = &folder->files[i];
			if (complete(folder, file) &&
				(oldest == NULL || file->changed_ns < oldest->changed_ns ||
					(file->changed_ns == oldest->changed_ns &&
						strcmp(file->name, oldest->name) < 0)))
				oldest = file;
		}
		if (oldest == NULL)
			return false;
		snprintf(name, FOLDER_NAME_MAX + 1, "%s", oldest->name);
		*oldest = folder->files[--folder->count];
		if (renameat2(folder->incoming, name, folder->working, name, RENAME_NOREPLACE) == 0)
			return true;
	}
}

bool folder_files_left(struct folder_files *folder, char name[static FOLDER_NAME_MAX + 1])
{
	int fd = openat(folder->working, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	bool found = false;
	if (list == NULL) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	for (struct dirent *entry; !found && (entry = readdir(list)) != NULL;) {
		found = strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
		if (found)
			snprintf(name, FOLDER_NAME_MAX + 1, "%s", entry->d_name);
	}
	closedir(list);
	return found;
}

static enum status copy_file(int from, int to, uint64_t size, struct error *err)
{
	char bytes[64 << 10];
	uint64_t copied = 0;
	while (copied < size) {
		ssize_t n = read(from, bytes, sizeof(bytes));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, E_IO, "cannot read it");
		if (n == 0 || copied + (uint64_t)n > size)
			return error_set(err, E_RETRY, "its size changes while it is read");
		for (ssize_t at = 0; at < n;) {
			ssize_t written = write(to, bytes + at, (size_t)(n - at));
			if (written < 0 && errno == EINTR)
				continue;
			if (written < 0)
				return error_errno(err, errno == ENOSPC ? E_FULL : E_IO,
					"cannot write a copy of it");
			at += written;
		}
		copied += (uint64_t)n;
	}
	return OK;
}

static enum status open_regular(struct folder_files *folder, const char *name, int *ret_fd,
	uint64_t *ret_size, struct error *err)
{
	struct stat st;
	int fd = openat(folder->working, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && (errno == ELOOP || errno == ENXIO || errno == EACCES || errno == EPERM))
		return error_errno(err, E_INPUT, "cannot be opened");
	if (fd < 0)
		return error_errno(err, errno == ENOENT ? E_RETRY : E_IO, "cannot be opened");
	enum status s = OK;
	if (fstat(fd, &st) != 0)
		s = error_errno(err, E_IO, "cannot be looked at");
	else if (!S_ISREG(st.st_mode))
		s = error_set(err, E_INPUT, "is no regular file");
	else if (!owner_fits(folder, &st))
		s = error_set(err, E_INPUT, "belongs to the user %u, not to the folder's owner",
			(unsigned)st.st_uid);
	else if ((uint64_t)st.st_size > folder->bytes_max)
		s = error_set(err, E_INPUT, "has %lld bytes; at most %llu are taken",
			(long long)st.st_size, (unsigned long long)folder->bytes_max);
	if (s != OK) {
		close(fd);
		return s;
	}
	*ret_fd = fd;
	*ret_size = (uint64_t)st.st_size;
	return OK;
}

enum status folder_files_map(struct folder_files *folder, const char *name, int folder_fd,
	struct slice *ret_text, struct error *err)
{
	int from = -1;
	uint64_t size = 0;
	enum status s = open_regular(folder, name, &from, &size, err);
	if (s != OK)
		return s;
	int copy = openat(folder_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	void *bytes = MAP_FAILED;
	if (copy < 0)
		s = error_errno(err, errno == ENOSPC ? E_FULL : E_IO, "cannot make a copy of it");
	else
		s = copy_file(from, copy, size, err);
	if (s == OK && size > 0) {
		bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, copy, 0);
		if (bytes == MAP_FAILED)
			s = error_errno(err, E_FULL, "cannot be mapped");
	}
	if (s == OK)
		*ret_text = size == 0 ? slice_of("") : slice_make(bytes, size);
	if (copy >= 0)
		close(copy);
	close(from);
	return s;
}

static enum status write_problems(struct folder_files *folder, const char *name,
	const struct buf *problems, struct error *err)
{
	char temporary[FOLDER_NAME_MAX + SUFFIX_MAX], final[FOLDER_NAME_MAX + SUFFIX_MAX];
	snprintf(temporary, sizeof(temporary), ".%s.tmp", name);
	snprintf(final, sizeof(final), "%s.problems.json", name);
	int fd = openat(folder->failed, temporary,
		O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (fd < 0)
		return error_errno(err, E_IO, "cannot write failed/%s", final);
	size_t at = 0;
	while (at < problems->len) {
		ssize_t n = write(fd, problems->ptr + at, problems->len - at);
		if (n < 0 && errno != EINTR)
			break;
		at += n > 0 ? (size_t)n : 0;
	}
	bool good = at == problems->len && fsync(fd) == 0;
	enum status s = good ? OK
			     : error_errno(err, errno == ENOSPC ? E_FULL : E_IO,
				       "cannot write failed/%s", final);
	close(fd);
	if (s == OK && renameat(folder->failed, temporary, folder->failed, final) != 0)
		s = error_errno(err, E_IO, "cannot rename failed/%s", temporary);
	return s;
}

static void numbered(const char *name, uint32_t n, char final[static FOLDER_NAME_MAX + 1])
{
	if (n == 1)
		snprintf(final, FOLDER_NAME_MAX + 1, "%s", name);
	else
		snprintf(final, FOLDER_NAME_MAX + 1, "%.*s~%u", FOLDER_NAME_MAX - SUFFIX_MAX, name,
			n);
}

static enum status is_free(const char *name, uint32_t n, int to,
	char final[static FOLDER_NAME_MAX + 1], bool *ret_free, struct error *err)
{
	struct stat st;
	numbered(name, n, final);
	*ret_free = fstatat(to, final, &st, AT_SYMLINK_NOFOLLOW) != 0;
	if (*ret_free && errno != ENOENT)
		return error_errno(err, E_IO, "cannot look for the name %s", final);
	return OK;
}

/* A name that is free there; nobody but this door puts files there. A till may use one name for
 * years, so the numbers are not tried one after the other. */
static enum status free_name(
	const char *name, int to, char final[static FOLDER_NAME_MAX + 1], struct error *err)
{
	uint32_t taken = 0, free = 1;
	bool is = false;
	enum status s;
	while ((s = is_free(name, free, to, final, &is, err)) == OK && !is) {
		taken = free;
		if (free == SAME_NAMES_MAX)
			return error_set(err, E_IO,
				"cannot be moved: too many files have this name already");
		free *= 2;
	}
	while (s == OK && free - taken > 1) {
		uint32_t middle = taken + (free - taken) / 2;
		s = is_free(name, middle, to, final, &is, err);
		*(is ? &free : &taken) = middle;
	}
	numbered(name, free, final);
	return s;
}

/* The problems come first: a file in failed/ always has them beside it. */
enum status folder_files_finish(struct folder_files *folder, const char *name,
	const struct buf *problems, struct error *err)
{
	char final[FOLDER_NAME_MAX + 1];
	int to = problems == NULL ? folder->done : folder->failed;
	enum status s = free_name(name, to, final, err);
	if (s == OK && problems != NULL)
		s = write_problems(folder, final, problems, err);
	if (s == OK && renameat2(folder->working, name, to, final, RENAME_NOREPLACE) != 0)
		s = error_errno(err, E_IO, "cannot be moved");
	if (s == OK && (fsync(to) != 0 || fsync(folder->working) != 0))
		s = error_errno(err, E_IO, "the move cannot be made durable");
	return s;
}
