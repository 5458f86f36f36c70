#include "subjects/master_key.h"

#include "base/check.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DIGITS = 2 * SECRET_BYTES };

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool parse(const char *text, size_t len, struct secret *key)
{
	while (len > DIGITS && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		len--;
	if (len != DIGITS)
		return false;
	for (size_t i = 0; i < SECRET_BYTES; i++) {
		int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		key->bytes[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static enum status read_open(int fd, const char *path, struct secret *ret_key, struct error *err)
{
	char text[DIGITS + 4];
	struct stat st;
	if (fstat(fd, &st) != 0)
		return error_errno(err, E_CONFIG, "master_key_file %s", path);
	if (!S_ISREG(st.st_mode))
		return error_set(err, E_CONFIG, "master_key_file %s is not a file", path);
	if ((st.st_mode & S_IRWXO) != 0)
		return error_set(err, E_CONFIG,
			"master_key_file %s has mode %04o: everybody may use it; 0600 or 0640 is "
			"expected",
			path, (unsigned)st.st_mode & 07777U);
	ssize_t n = read(fd, text, sizeof(text));
	if (n < 0)
		return error_errno(err, E_CONFIG, "master_key_file %s", path);
	bool good = parse(text, (size_t)n, ret_key);
	crypt_wipe(text, sizeof(text));
	if (!good)
		return error_set(err, E_CONFIG,
			"master_key_file %s is no key: 64 hexadecimal digits are expected, such as "
			"`openssl rand -hex 32` makes",
			path);
	return OK;
}

enum status master_key_read(
	const char *path, struct secret *ret_key, bool *ret_found, struct error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	*ret_found = fd >= 0 || errno != ENOENT;
	if (fd < 0)
		return *ret_found ? error_errno(err, E_CONFIG, "master_key_file %s", path) : OK;
	enum status s = read_open(fd, path, ret_key, err);
	close(fd);
	return s;
}

/* The name of a file lasts when its folder is synced. */
static bool sync_folder_of(const char *path)
{
	char copy[PATH_MAX];
	snprintf(copy, sizeof(copy), "%s", path);
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool good = fd >= 0 && fsync(fd) == 0;
	if (fd >= 0)
		close(fd);
	return good;
}

static bool write_key(int fd, const struct secret *key)
{
	char text[DIGITS + 2];
	struct hash bytes;
	static_assert((int)HASH_BYTES == (int)SECRET_BYTES, "printed as a hash is");
	memcpy(bytes.bytes, key->bytes, SECRET_BYTES);
	hash_hex(&bytes, SECRET_BYTES, text);
	text[DIGITS] = '\n';
	bool good = write(fd, text, DIGITS + 1) == DIGITS + 1 && fsync(fd) == 0;
	crypt_wipe(text, sizeof(text));
	crypt_wipe(&bytes, sizeof(bytes));
	return good;
}

/* Written aside and linked: the file is there completely or not at all, and none is replaced. */
enum status master_key_create(const char *path, struct secret *ret_key, struct error *err)
{
	char aside[PATH_MAX];
	enum status s = crypt_random(ret_key, sizeof(*ret_key), err);
	if (s != OK)
		return s;
	snprintf(aside, sizeof(aside), "%s.tmp", path);
	unlink(aside);
	int fd = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_errno(err, E_CONFIG, "master_key_file %s cannot be made", path);
	bool good = write_key(fd, ret_key);
	int error = errno;
	close(fd);
	if (good) {
		good = link(aside, path) == 0;
		error = errno;
	}
	unlink(aside);
	if (good && !sync_folder_of(path)) {
		good = false;
		error = errno;
	}
	errno = error;
	return good ? OK : error_errno(err, E_CONFIG, "master_key_file %s cannot be made", path);
}
