#include "sandbox/log.h"

#include "base/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_BYTES = 1 << 20, PATH_BYTES_MAX = 4096 };

struct sandbox_log {
	int fd;
	uint64_t end;
	bool broken;
};

static enum status open_file(const char *folder, int *ret_fd, struct error *err)
{
	char path[PATH_BYTES_MAX];
	int len = snprintf(path, sizeof(path), "%s/sandbox.log", folder);
	if (len < 0 || (size_t)len >= sizeof(path))
		return error_set(err, E_CONFIG, "the path of the folder is too long");
	if (mkdir(folder, 0755) != 0 && errno != EEXIST)
		return error_errno(err, E_IO, "cannot make the folder %s", folder);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_APPEND, 0644);
	if (fd < 0)
		return error_errno(err, E_IO, "cannot open %s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		close(fd);
		return error_set(err, E_CONFIG, "%s is in use by another sandbox ERP", path);
	}
	*ret_fd = fd;
	return OK;
}

/* A new file's name is durable only after its folder has been synced. */
static enum status sync_folder(const char *folder, struct error *err)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, E_IO, "cannot open the folder %s", folder);
	enum status s = OK;
	if (fsync(fd) != 0)
		s = error_errno(err, E_IO, "cannot sync the folder %s", folder);
	close(fd);
	return s;
}

static enum status read_at(
	int fd, uint64_t offset, char *bytes, size_t len, size_t *ret_len, struct error *err)
{
	size_t have = 0;
	while (have < len) {
		ssize_t n = pread(fd, bytes + have, len - have, (off_t)(offset + have));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, E_IO, "cannot read sandbox.log at byte %llu",
				(unsigned long long)(offset + have));
		if (n == 0)
			break;
		have += (size_t)n;
	}
	*ret_len = have;
	return OK;
}

/* Where the last whole line ends, looking backwards in blocks from the end of the file. */
static enum status find_end(int fd, uint64_t size, uint64_t *ret_end, struct error *err)
{
	char block[4096];
	while (size > 0) {
		size_t got, len = size < sizeof(block) ? (size_t)size : sizeof(block);
		enum status s = read_at(fd, size - len, block, len, &got, err);
		if (s != OK)
			return s;
		const char *newline = memrchr(block, '\n', got);
		if (newline != NULL) {
			*ret_end = size - len + (uint64_t)(newline - block) + 1;
			return OK;
		}
		size -= len;
	}
	*ret_end = 0;
	return OK;
}

static enum status cut_torn_tail(int fd, uint64_t *ret_end, struct error *err)
{
	struct stat st;
	if (fstat(fd, &st) != 0)
		return error_errno(err, E_IO, "cannot look at sandbox.log");
	enum status s = find_end(fd, (uint64_t)st.st_size, ret_end, err);
	if (s != OK)
		return s;
	if (*ret_end < (uint64_t)st.st_size && ftruncate(fd, (off_t)*ret_end) != 0)
		return error_errno(err, E_IO, "cannot cut the torn end of sandbox.log");
	if (fsync(fd) != 0)
		return error_errno(err, E_IO, "cannot sync sandbox.log");
	return OK;
}

enum status sandbox_log_open(const char *folder, struct sandbox_log **ret_log, struct error *err)
{
	int fd = -1;
	uint64_t end = 0;
	struct sandbox_log *log = NULL;
	enum status s = open_file(folder, &fd, err);
	if (s == OK)
		s = cut_torn_tail(fd, &end, err);
	if (s == OK)
		s = sync_folder(folder, err);
	if (s == OK && (log = calloc(1, sizeof(*log))) == NULL)
		s = error_set(err, E_FULL, "out of memory for the log");
	if (s != OK) {
		if (fd >= 0)
			close(fd);
		return s;
	}
	*log = (struct sandbox_log){ .fd = fd, .end = end };
	*ret_log = log;
	return OK;
}

void sandbox_log_close(struct sandbox_log *log)
{
	if (log == NULL)
		return;
	close(log->fd);
	free(log);
}

uint64_t sandbox_log_end(const struct sandbox_log *log)
{
	return log->end;
}

/* Hands out the whole lines of `buf`, which starts at *offset in the file, and drops them. */
static enum status hand_out(struct buf *buf, uint64_t *offset,
	enum status (*each)(void *context, struct slice line, uint64_t offset, struct error *err),
	void *context, struct error *err)
{
	size_t used = 0;
	enum status s = OK;
	while (s == OK && used < buf->len) {
		const char *line = buf->ptr + used;
		const char *newline = memchr(line, '\n', buf->len - used);
		if (newline == NULL)
			break;
		size_t len = (size_t)(newline - line);
		s = each(context, slice_make(line, len), *offset + used, err);
		used += len + 1;
	}
	buf_consume(buf, used);
	*offset += used;
	return s;
}

enum status sandbox_log_replay(struct sandbox_log *log,
	enum status (*each)(void *context, struct slice line, uint64_t offset, struct error *err),
	void *context, struct error *err)
{
	struct buf buf;
	uint64_t offset = 0; /* of what is in buf */
	enum status s = OK;
	buf_init(&buf, LOG_LINE_BYTES_MAX + READ_BYTES);
	while (s == OK && offset + buf.len < log->end) {
		size_t got = 0;
		uint64_t from = offset + buf.len, left = log->end - from;
		size_t len = left < READ_BYTES ? (size_t)left : READ_BYTES;
		char *to = buf_reserve(&buf, len);
		if (to == NULL)
			s = error_set(err, E_CORRUPT, "sandbox.log: byte %llu: a line is too long",
				(unsigned long long)offset);
		if (s == OK)
			s = read_at(log->fd, from, to, len, &got, err);
		if (s == OK && got < len)
			s = error_set(
				err, E_CORRUPT, "sandbox.log became shorter while being read");
		buf.len += got;
		if (s == OK)
			s = hand_out(&buf, &offset, each, context, err);
	}
	buf_release(&buf);
	return s;
}

static enum status write_all(struct sandbox_log *log, struct slice bytes, struct error *err)
{
	size_t done = 0;
	while (done < bytes.len) {
		ssize_t n = write(log->fd, bytes.ptr + done, bytes.len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, errno == ENOSPC ? E_FULL : E_IO,
				"cannot write to sandbox.log");
		done += (size_t)n;
	}
	return OK;
}

enum status sandbox_log_append(struct sandbox_log *log, struct slice lines, struct error *err)
{
	check(lines.len > 0 && lines.ptr[lines.len - 1] == '\n');
	if (log->broken)
		return error_set(err, E_IO,
			"an earlier write to sandbox.log failed; it must be opened again");
	enum status s = write_all(log, lines, err);
	if (s == OK && fdatasync(log->fd) != 0)
		s = error_errno(err, E_IO, "cannot sync sandbox.log");
	if (s != OK) {
		log->broken = true;
		return s;
	}
	log->end += lines.len;
	return OK;
}

enum status sandbox_log_read(const struct sandbox_log *log, uint64_t offset, size_t len,
	struct buf *buf, struct error *err)
{
	size_t got = 0;
	char *to = buf_reserve(buf, len);
	if (to == NULL)
		return error_set(err, E_FULL, "the answer is longer than its limit");
	enum status s = read_at(log->fd, offset, to, len, &got, err);
	if (s == OK && got < len)
		s = error_set(err, E_CORRUPT, "sandbox.log is shorter than it was");
	if (s == OK)
		buf->len += len;
	return s;
}
