/* The disk as a folder of the operating system. */
#include "base/disk.h"
#include "base/check.h"
#include "base/plant.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { FILE_NAME_MAX = 64, ZEROS_BYTES = 64 << 10, ZEROS_AT_ONCE = 16 };

struct folder {
	struct disk disk;
	int fd; /* holds the lock */
	char *path;
};

struct folder_file {
	struct disk_file file;
	const struct folder *folder;
	int fd;
	char name[FILE_NAME_MAX];
};

static struct folder *folder_of(struct disk *disk)
{
	return (struct folder *)disk;
}

static struct folder_file *file_of(struct disk_file *file)
{
	return (struct folder_file *)file;
}

/* A disk that is full, and a table of open files that is, are ordinary states: the same call
 * succeeds later. Everything else is a failure. */
static enum status failed(
	struct error *err, const char *what, const struct folder *folder, const char *name)
{
	bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG || errno == EMFILE ||
		    errno == ENFILE;
	return error_errno(err, full ? E_FULL : E_IO, "%s %s/%s", what, folder->path, name);
}

static enum status file_failed(struct error *err, const char *what, const struct folder_file *f)
{
	return failed(err, what, f->folder, f->name);
}

static enum status folder_list(struct disk *disk, void (*each)(void *context, const char *name),
	void *context, struct error *err)
{
	struct folder *folder = folder_of(disk);
	int fd = openat(folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (dir == NULL) {
		enum status s = failed(err, "list", folder, "");
		if (fd >= 0)
			close(fd);
		return s;
	}
	const struct dirent *entry;
	errno = 0;
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			each(context, entry->d_name);
		errno = 0;
	}
	enum status s = errno == 0 ? OK : failed(err, "list", folder, "");
	closedir(dir);
	return s;
}

static enum status folder_open(struct disk *disk, const char *name, bool create,
	struct disk_file **ret_file, struct error *err)
{
	struct folder *folder = folder_of(disk);
	size_t len = strlen(name);
	check(len > 0 && len < FILE_NAME_MAX && strchr(name, '/') == NULL);
	int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | (create ? O_CREAT | O_EXCL : 0);
	int fd = openat(folder->fd, name, flags, 0640);
	if (fd < 0 && errno == ENOENT && !create)
		return error_set(err, E_INPUT, "%s/%s does not exist", folder->path, name);
	if (fd < 0)
		return failed(err, create ? "create" : "open", folder, name);
	struct folder_file *f = malloc(sizeof(*f));
	if (f == NULL) {
		close(fd);
		return error_set(err, E_FULL, "no memory to open %s/%s", folder->path, name);
	}
	*f = (struct folder_file){ .file = { disk->ops }, .folder = folder, .fd = fd };
	memcpy(f->name, name, len + 1);
	*ret_file = &f->file;
	return OK;
}

static void folder_close(struct disk_file *file)
{
	if (file == NULL)
		return;
	close(file_of(file)->fd);
	free(file_of(file));
}

static enum status folder_size(struct disk_file *file, uint64_t *ret_size, struct error *err)
{
	struct stat st;
	if (fstat(file_of(file)->fd, &st) != 0)
		return file_failed(err, "stat", file_of(file));
	*ret_size = (uint64_t)st.st_size;
	return OK;
}

static enum status folder_truncate(struct disk_file *file, uint64_t size, struct error *err)
{
	if (ftruncate(file_of(file)->fd, (off_t)size) != 0)
		return file_failed(err, "truncate", file_of(file));
	return OK;
}

static enum status write_zeros(struct folder_file *f, uint64_t from, uint64_t to, struct error *err)
{
	static const char zeros[ZEROS_BYTES];
	struct iovec pieces[ZEROS_AT_ONCE];
	while (from < to) {
		int count = 0;
		for (uint64_t at = from; at < to && count < ZEROS_AT_ONCE; count++) {
			size_t len = to - at < sizeof(zeros) ? (size_t)(to - at) : sizeof(zeros);
			pieces[count] = (struct iovec){ (void *)zeros, len };
			at += len;
		}
		ssize_t n = pwritev(f->fd, pieces, count, (off_t)from);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return file_failed(err, "write", f);
		/* The disk can begin with them now, so that the sync has less to wait for. */
		(void)sync_file_range(f->fd, (off_t)from, (off_t)n, SYNC_FILE_RANGE_WRITE);
		from += (uint64_t)n;
	}
	return OK;
}

/* Zeros are written although fallocate() would give zeros too: its blocks are only reserved, and
 * the first write to each changes metadata, which makes every later fdatasync 1.3 to 1.6 times
 * slower (measured on ext4). */
static enum status folder_allocate(struct disk_file *file, uint64_t size, struct error *err)
{
	struct folder_file *f = file_of(file);
	uint64_t from = 0;
	enum status s = folder_size(file, &from, err);
	if (s != OK || size <= from)
		return s;
	int result;
	do
		result = fallocate(f->fd, 0, (off_t)from, (off_t)(size - from));
	while (result != 0 && errno == EINTR);
	/* Where a file system cannot reserve, the zeros find out whether there is room. */
	if (result != 0 && errno != EOPNOTSUPP && errno != ENOSYS)
		s = file_failed(err, "allocate", f);
	if (s == OK)
		s = write_zeros(f, from, size, err);
	if (s != OK)
		(void)folder_truncate(file, from, NULL);
	return s;
}

static enum status folder_write(
	struct disk_file *file, const void *bytes, size_t len, uint64_t offset, struct error *err)
{
	const char *at = bytes;
	while (len > 0) {
		ssize_t n = pwrite(file_of(file)->fd, at, len, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return file_failed(err, "write", file_of(file));
		at += n;
		len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return OK;
}

static enum status folder_read(struct disk_file *file, void *bytes, size_t len, uint64_t offset,
	size_t *ret_len, struct error *err)
{
	size_t got = 0;
	while (got < len) {
		ssize_t n = pread(
			file_of(file)->fd, (char *)bytes + got, len - got, (off_t)(offset + got));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return file_failed(err, "read", file_of(file));
		if (n == 0)
			break;
		got += (size_t)n;
	}
	*ret_len = got;
	return OK;
}

static enum status folder_sync(struct disk_file *file, struct error *err)
{
	/* Not repeated after EINTR or any other error: the kernel reports a failed write-back
	 * once and forgets the pages, so a second call would only look like success. */
	if (fdatasync(file_of(file)->fd) != 0 && !PLANTED(3))
		return file_failed(err, "sync", file_of(file));
	return OK;
}

static enum status folder_sync_names(struct disk *disk, struct error *err)
{
	if (fsync(folder_of(disk)->fd) != 0)
		return failed(err, "sync", folder_of(disk), "");
	return OK;
}

static enum status folder_remove(struct disk *disk, const char *name, struct error *err)
{
	if (unlinkat(folder_of(disk)->fd, name, 0) != 0)
		return failed(err, "remove", folder_of(disk), name);
	return OK;
}

static enum status folder_rename(
	struct disk *disk, const char *from, const char *to, struct error *err)
{
	struct folder *folder = folder_of(disk);
	if (renameat(folder->fd, from, folder->fd, to) != 0)
		return failed(err, "rename", folder, from);
	return OK;
}

static void folder_close_disk(struct disk *disk)
{
	if (disk == NULL)
		return;
	struct folder *folder = folder_of(disk);
	if (folder->fd >= 0)
		close(folder->fd);
	free(folder->path);
	free(folder);
}

static const struct disk_ops folder_ops = {
	.list = folder_list,
	.open = folder_open,
	.close = folder_close,
	.allocate = folder_allocate,
	.write = folder_write,
	.read = folder_read,
	.size = folder_size,
	.truncate = folder_truncate,
	.sync = folder_sync,
	.sync_names = folder_sync_names,
	.remove = folder_remove,
	.rename = folder_rename,
	.close_disk = folder_close_disk,
};

/* A new folder's own name must be as durable as what is put into it. */
static enum status sync_parent(struct folder *folder, struct error *err)
{
	int fd = openat(folder->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum status s = OK;
	if (fd < 0 || fsync(fd) != 0)
		s = failed(err, "sync", folder, "..");
	if (fd >= 0)
		close(fd);
	return s;
}

static enum status open_and_lock(struct folder *folder, struct error *err)
{
	bool made = mkdir(folder->path, 0750) == 0;
	if (!made && errno != EEXIST)
		return error_errno(err, E_CONFIG, "create the folder %s", folder->path);
	folder->fd = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder->fd < 0)
		return error_errno(err, E_CONFIG, "open the folder %s", folder->path);
	if (flock(folder->fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno == EWOULDBLOCK)
			return error_set(err, E_CONFIG,
				"the folder %s is in use by another process", folder->path);
		return error_errno(err, E_IO, "lock the folder %s", folder->path);
	}
	return made ? sync_parent(folder, err) : OK;
}

enum status disk_open_folder(const char *path, struct disk **ret_disk, struct error *err)
{
	struct folder *folder = calloc(1, sizeof(*folder));
	if (folder == NULL)
		return error_set(err, E_FULL, "no memory to open the folder %s", path);
	folder->disk.ops = &folder_ops;
	folder->fd = -1;
	folder->path = strdup(path);
	enum status s = folder->path == NULL
				? error_set(err, E_FULL, "no memory to open the folder %s", path)
				: open_and_lock(folder, err);
	if (s != OK) {
		folder_close_disk(&folder->disk);
		return s;
	}
	*ret_disk = &folder->disk;
	return OK;
}
