/* Faults at chosen system calls: an LD_PRELOAD library for a server under test.
 *
 * Counts the calls that change files under one folder, and at the calls of a plan makes them fail
 * or ends the process. It also remembers what every file held before the writes that no sync has
 * followed yet, so that it can end the process as a power cut would: without those bytes.
 *
 *   INJECT_FOLDER   absolute path; files and folders below it count
 *   INJECT_PLAN     class:number:action[:ever],...  such as sync:20:eio,any:60:cut
 *                   class: write, sync, rename, size (ftruncate, fallocate), any;
 *                   class@text counts only paths that contain the text
 *   INJECT_STALL_MS how long the call stands before the process ends, so that an answer that was
 *                   given too early reaches its client
 *   INJECT_TALLY    a file that receives two numbers of 8 bytes: calls seen, entries of the plan
 *                   that came due
 *
 * Actions: eio, enospc (the call fails), short (a write takes half), lie (a sync that does
 * nothing), kill, cut (what was not synced is lost), tear (the same, but half of the last write to
 * a segment stays). After a failed sync the bytes of that file count as lost whatever later syncs
 * say, as Linux has it. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PLAN_MAX = 16, FILES_MAX = 256, TEXT_MAX = 64 };

enum call_class { CALL_WRITE, CALL_SYNC, CALL_RENAME, CALL_SIZE, CALL_ANY };
enum action { PASS, FAIL_EIO, FAIL_ENOSPC, SHORT, LIE, KILL, CUT, TEAR };

static const char *const class_names[] = { "write", "sync", "rename", "size", "any" };
static const char *const action_names[] = { "pass", "eio", "enospc", "short", "lie", "kill", "cut",
	"tear" };

struct entry {
	enum call_class class;
	enum action action;
	bool ever;
	uint64_t number, seen;
	char text[TEXT_MAX]; /* of the path; empty: all */
};

/* What stood in a file before a write. */
struct undo {
	struct undo *before;
	uint64_t offset, len, old_size;
	bool lost; /* a sync has failed since: no later one saves it */
	char old[];
};

struct file {
	dev_t device;
	ino_t inode;
	int fd; /* our own */
	struct undo *last;
	char path[PATH_MAX];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct entry plan[PLAN_MAX];
static unsigned plan_count;
static char folder[PATH_MAX];
static long stall_ms;
static uint64_t *tally; /* calls, due */
static bool undoes;     /* the plan has a cut */
static struct file files[FILES_MAX];
static unsigned file_count;

static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwritev)(int, const struct iovec *, int, off_t);
static int (*real_fdatasync)(int);
static int (*real_fsync)(int);
static int (*real_rename)(const char *, const char *);
static int (*real_renameat)(int, const char *, int, const char *);
static int (*real_ftruncate)(int, off_t);
static int (*real_fallocate)(int, int, off_t, off_t);

static _Noreturn void refuse(const char *what, const char *text)
{
	fprintf(stderr, "inject: %s: %s\n", what, text);
	_exit(99);
}

static unsigned find_name(const char *const *names, unsigned count, const char *name)
{
	for (unsigned i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	refuse("INJECT_PLAN has an unknown word", name);
}

static void read_entry(char *text)
{
	struct entry *entry = &plan[plan_count];
	char *rest = NULL;
	char *class = strtok_r(text, ":", &rest), *number = strtok_r(NULL, ":", &rest);
	char *action = strtok_r(NULL, ":", &rest), *ever = strtok_r(NULL, ":", &rest);
	if (plan_count == PLAN_MAX || action == NULL)
		refuse("INJECT_PLAN has an entry that is not class:number:action", text);
	char *path = strchr(class, '@');
	if (path != NULL) {
		*path = '\0';
		snprintf(entry->text, TEXT_MAX, "%s", path + 1);
	}
	entry->class = (enum call_class)find_name(class_names, 5, class);
	entry->number = strtoull(number, NULL, 10);
	entry->action = (enum action)find_name(
		action_names, sizeof(action_names) / sizeof(action_names[0]), action);
	entry->ever = ever != NULL && strcmp(ever, "ever") == 0;
	undoes = undoes || entry->action == CUT || entry->action == TEAR;
	plan_count++;
}

static void *real(const char *name)
{
	void *found = dlsym(RTLD_NEXT, name);
	if (found == NULL)
		refuse("no such function", name);
	return found;
}

static void set_up(void)
{
	const char *where = getenv("INJECT_FOLDER"), *what = getenv("INJECT_PLAN");
	const char *stall = getenv("INJECT_STALL_MS"), *count = getenv("INJECT_TALLY");
	real_pwrite = real("pwrite");
	real_write = real("write");
	real_pwritev = real("pwritev");
	real_fdatasync = real("fdatasync");
	real_fsync = real("fsync");
	real_rename = real("rename");
	real_renameat = real("renameat");
	real_ftruncate = real("ftruncate");
	real_fallocate = real("fallocate");
	if (where == NULL)
		return;
	snprintf(folder, sizeof(folder), "%s", where);
	stall_ms = stall == NULL ? 0 : strtol(stall, NULL, 10);
	char copy[1024], *rest = NULL;
	snprintf(copy, sizeof(copy), "%s", what == NULL ? "" : what);
	for (char *e = strtok_r(copy, ",", &rest); e != NULL; e = strtok_r(NULL, ",", &rest)) {
		char one[256];
		snprintf(one, sizeof(one), "%s", e);
		read_entry(one);
	}
	if (count == NULL)
		return;
	int fd = open(count, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || real_ftruncate(fd, 16) != 0)
		refuse("INJECT_TALLY cannot be made", count);
	tally = mmap(NULL, 16, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
}

static bool below(const char *path)
{
	size_t len = strlen(folder);
	return len > 0 && strncmp(path, folder, len) == 0 &&
	       (path[len] == '/' || path[len] == '\0');
}

/* False when the descriptor is none of a file that counts. */
static bool path_of(int fd, char path[static PATH_MAX])
{
	char link[64];
	pthread_once(&once, set_up);
	if (folder[0] == '\0')
		return false;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t len = readlink(link, path, PATH_MAX - 1);
	if (len <= 0)
		return false;
	path[len] = '\0';
	return below(path);
}

static struct file *file_of(int fd, const char *path)
{
	struct stat st;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return NULL;
	for (unsigned i = 0; i < file_count; i++)
		if (files[i].device == st.st_dev && files[i].inode == st.st_ino)
			return &files[i];
	if (file_count == FILES_MAX)
		refuse("too many files", path);
	struct file *file = &files[file_count++];
	*file = (struct file){ .device = st.st_dev, .inode = st.st_ino };
	file->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	snprintf(file->path, PATH_MAX, "%s", path);
	return file;
}

static void remember(int fd, const char *path, uint64_t offset, uint64_t len)
{
	struct stat st;
	struct file *file = undoes ? file_of(fd, path) : NULL;
	if (file == NULL || fstat(fd, &st) != 0)
		return;
	uint64_t size = (uint64_t)st.st_size;
	uint64_t old = offset >= size ? 0 : size - offset < len ? size - offset : len;
	struct undo *undo = malloc(sizeof(*undo) + old);
	if (undo == NULL)
		refuse("out of memory", path);
	*undo = (struct undo){ file->last, offset, len, size, false };
	if (pread(file->fd, undo->old, old, (off_t)offset) != (ssize_t)old)
		refuse("cannot read", path);
	file->last = undo;
}

/* What was written before `last` was looked at is on the disk now. */
static void settle(struct file *file, struct undo *last)
{
	struct undo **at = &file->last;
	bool reached = false;
	while (*at != NULL) {
		struct undo *undo = *at;
		reached = reached || undo == last;
		if (reached && !undo->lost) {
			*at = undo->before;
			free(undo);
		} else {
			at = &undo->before;
		}
	}
}

static void take_back(struct file *file, bool tear)
{
	tear = tear && strstr(file->path, ".segment") != NULL;
	for (struct undo *undo = file->last; undo != NULL; undo = undo->before) {
		uint64_t old = undo->offset >= undo->old_size ? 0 : undo->old_size - undo->offset;
		uint64_t keep = tear ? undo->len / 2 & ~(uint64_t)7 : 0;
		tear = false;
		if (old > undo->len)
			old = undo->len;
		if (old > keep && real_pwrite(file->fd, undo->old + keep, old - keep,
					  (off_t)(undo->offset + keep)) < 0)
			refuse("cannot write", file->path);
		if (undo->offset + undo->len > undo->old_size &&
			real_ftruncate(file->fd, (off_t)undo->old_size) != 0)
			refuse("cannot truncate", file->path);
	}
}

static _Noreturn void end(enum action action)
{
	pthread_mutex_unlock(&lock);
	usleep((useconds_t)stall_ms * 1000);
	pthread_mutex_lock(&lock);
	if (action != KILL)
		for (unsigned i = 0; i < file_count; i++)
			take_back(&files[i], action == TEAR);
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

/* Under the lock. PASS, SHORT, or the errno is set and -1 is to be returned. */
static enum action judge(enum call_class class, const char *path)
{
	enum action due = PASS;
	if (tally != NULL)
		tally[0]++;
	for (unsigned i = 0; i < plan_count; i++) {
		struct entry *entry = &plan[i];
		if ((entry->class != CALL_ANY && entry->class != class) ||
			strstr(path, entry->text) == NULL)
			continue;
		entry->seen++;
		if (entry->seen != entry->number && !(entry->ever && entry->seen > entry->number))
			continue;
		due = entry->action;
		if (tally != NULL)
			tally[1]++;
	}
	if (due == KILL || due == CUT || due == TEAR)
		end(due);
	if (due == FAIL_EIO)
		errno = EIO;
	if (due == FAIL_ENOSPC)
		errno = ENOSPC;
	return due;
}

static bool fails(enum action action)
{
	return action == FAIL_EIO || action == FAIL_ENOSPC;
}

#define EXPORT __attribute__((visibility("default")))

static ssize_t put(int fd, const char *path, const void *bytes, size_t len, off_t offset)
{
	pthread_mutex_lock(&lock);
	enum action action = judge(CALL_WRITE, path);
	ssize_t n = -1;
	if (!fails(action)) {
		size_t part = action == SHORT && len > 1 ? len / 2 : len;
		remember(fd, path, (uint64_t)offset, part);
		n = real_pwrite(fd, bytes, part, offset);
	}
	pthread_mutex_unlock(&lock);
	return n;
}

EXPORT ssize_t pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
	char path[PATH_MAX];
	return path_of(fd, path) ? put(fd, path, bytes, len, offset)
				 : real_pwrite(fd, bytes, len, offset);
}

EXPORT ssize_t pwrite64(int fd, const void *bytes, size_t len, off_t offset);
EXPORT ssize_t pwrite64(int fd, const void *bytes, size_t len, off_t offset)
{
	return pwrite(fd, bytes, len, offset);
}

EXPORT ssize_t write(int fd, const void *bytes, size_t len)
{
	char path[PATH_MAX];
	if (!path_of(fd, path))
		return real_write(fd, bytes, len);
	off_t at = lseek(fd, 0, SEEK_CUR);
	ssize_t n = put(fd, path, bytes, len, at);
	if (n > 0)
		lseek(fd, at + n, SEEK_SET);
	return n;
}

EXPORT ssize_t pwritev(int fd, const struct iovec *pieces, int count, off_t offset)
{
	char path[PATH_MAX];
	if (!path_of(fd, path))
		return real_pwritev(fd, pieces, count, offset);
	size_t len = 0;
	for (int i = 0; i < count; i++)
		len += pieces[i].iov_len;
	pthread_mutex_lock(&lock);
	enum action action = judge(CALL_WRITE, path);
	ssize_t n = -1;
	if (!fails(action)) {
		remember(fd, path, (uint64_t)offset, len);
		n = real_pwritev(
			fd, pieces, action == SHORT && count > 1 ? count / 2 : count, offset);
	}
	pthread_mutex_unlock(&lock);
	return n;
}

EXPORT ssize_t pwritev64(int fd, const struct iovec *pieces, int count, off_t offset);
EXPORT ssize_t pwritev64(int fd, const struct iovec *pieces, int count, off_t offset)
{
	return pwritev(fd, pieces, count, offset);
}

static int sync_file(int fd, int (*sync)(int))
{
	char path[PATH_MAX];
	if (!path_of(fd, path))
		return sync(fd);
	pthread_mutex_lock(&lock);
	enum action action = judge(CALL_SYNC, path);
	int reason = errno;
	struct file *file = undoes ? file_of(fd, path) : NULL;
	struct undo *last = file == NULL ? NULL : file->last;
	for (struct undo *undo = last; fails(action) && undo != NULL; undo = undo->before)
		undo->lost = true;
	pthread_mutex_unlock(&lock);
	if (fails(action)) {
		errno = reason;
		return -1;
	}
	if (action == LIE)
		return 0;
	int result = sync(fd);
	pthread_mutex_lock(&lock);
	if (result == 0 && last != NULL)
		settle(file, last);
	pthread_mutex_unlock(&lock);
	return result;
}

EXPORT int fdatasync(int fd)
{
	pthread_once(&once, set_up);
	return sync_file(fd, real_fdatasync);
}

EXPORT int fsync(int fd)
{
	pthread_once(&once, set_up);
	return sync_file(fd, real_fsync);
}

static bool judged(enum call_class class, const char *path)
{
	pthread_mutex_lock(&lock);
	bool failed = fails(judge(class, path));
	pthread_mutex_unlock(&lock);
	return failed;
}

EXPORT int rename(const char *from, const char *to)
{
	pthread_once(&once, set_up);
	if (below(from) && judged(CALL_RENAME, from))
		return -1;
	return real_rename(from, to);
}

EXPORT int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	char path[PATH_MAX];
	if (path_of(from_fd, path) && judged(CALL_RENAME, from))
		return -1;
	return real_renameat(from_fd, from, to_fd, to);
}

EXPORT int ftruncate(int fd, off_t size)
{
	char path[PATH_MAX];
	if (path_of(fd, path) && judged(CALL_SIZE, path))
		return -1;
	return real_ftruncate(fd, size);
}

EXPORT int ftruncate64(int fd, off_t size);
EXPORT int ftruncate64(int fd, off_t size)
{
	return ftruncate(fd, size);
}

EXPORT int fallocate(int fd, int mode, off_t offset, off_t len)
{
	char path[PATH_MAX];
	if (path_of(fd, path) && judged(CALL_SIZE, path))
		return -1;
	return real_fallocate(fd, mode, offset, len);
}

EXPORT int fallocate64(int fd, int mode, off_t offset, off_t len);
EXPORT int fallocate64(int fd, int mode, off_t offset, off_t len)
{
	return fallocate(fd, mode, offset, len);
}
