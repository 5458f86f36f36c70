#include "intake/secrets.h"

#include "base/signature.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = SECRETS_MAX * (SECRET_BYTES_MAX + 2) };

static enum status check_file(int fd, const char *option, const char *path, struct error *err)
{
	struct stat st;
	if (fstat(fd, &st) != 0)
		return error_errno(err, E_CONFIG, "%s: %s", option, path);
	if (!S_ISREG(st.st_mode))
		return error_set(err, E_CONFIG, "%s: %s is not a regular file", option, path);
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return error_set(err, E_CONFIG,
			"%s: %s belongs to user %u; expected is the user that runs this, or root",
			option, path, (unsigned)st.st_uid);
	if ((st.st_mode & 027) != 0)
		return error_set(err, E_CONFIG,
			"%s: %s has mode %04o, so others can read or change it; allowed is 0640 at "
			"most (chmod 600)",
			option, path, (unsigned)(st.st_mode & 07777));
	return OK;
}

static enum status read_all(int fd, const char *option, const char *path,
	char bytes[static FILE_BYTES_MAX + 1], size_t *ret_len, struct error *err)
{
	size_t len = 0;
	ssize_t n;
	while ((n = read(fd, bytes + len, FILE_BYTES_MAX + 1 - len)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, E_CONFIG, "%s: %s", option, path);
		len += (size_t)n;
		if (len > FILE_BYTES_MAX)
			return error_set(err, E_CONFIG,
				"%s: %s has more than %d bytes; at most %d secrets of %d bytes are "
				"allowed, one a line",
				option, path, FILE_BYTES_MAX, SECRETS_MAX, SECRET_BYTES_MAX);
	}
	*ret_len = len;
	return OK;
}

static enum status add(struct secrets *secrets, struct slice line, unsigned number,
	const char *option, const char *path, struct error *err)
{
	if (line.len > SECRET_BYTES_MAX)
		return error_set(err, E_CONFIG,
			"%s: %s:%u: the secret has %zu bytes; at most %d are allowed", option, path,
			number, line.len, SECRET_BYTES_MAX);
	if (secrets->count == SECRETS_MAX)
		return error_set(err, E_CONFIG, "%s: %s:%u: at most %d secrets are allowed", option,
			path, number, SECRETS_MAX);
	struct secret *secret = &secrets->items[secrets->count++];
	secret->len = line.len;
	memcpy(secret->bytes, line.ptr, line.len);
	return OK;
}

static enum status split(struct slice text, struct secrets *secrets, const char *option,
	const char *path, struct error *err)
{
	unsigned number = 0;
	while (text.len > 0) {
		struct slice rest, line = slice_cut(text, '\n', &rest);
		text = rest;
		number++;
		if (line.len > 0 && line.ptr[line.len - 1] == '\r')
			line.len--;
		if (line.len == 0)
			continue;
		enum status s = add(secrets, line, number, option, path, err);
		if (s != OK)
			return s;
	}
	return secrets->count > 0
		       ? OK
		       : error_set(err, E_CONFIG,
				 "%s: %s is empty; a secret is expected, or several, one a line",
				 option, path);
}

enum status secrets_read(
	const char *option, const char *path, struct secrets *ret_secrets, struct error *err)
{
	char bytes[FILE_BYTES_MAX + 1];
	struct secrets secrets = { .count = 0 };
	size_t len = 0;
	/* Without O_NONBLOCK a FIFO would hold us up before it is refused. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return error_errno(err, E_CONFIG, "%s: %s", option, path);
	enum status s = check_file(fd, option, path, err);
	if (s == OK)
		s = read_all(fd, option, path, bytes, &len, err);
	close(fd);
	if (s == OK)
		s = split(slice_make(bytes, len), &secrets, option, path, err);
	if (s == OK)
		*ret_secrets = secrets;
	secrets_wipe(&secrets);
	explicit_bzero(bytes, sizeof(bytes));
	return s;
}

void secrets_wipe(struct secrets *secrets)
{
	explicit_bzero(secrets, sizeof(*secrets));
}

struct slice secret_get(const struct secret *secret)
{
	return slice_make(secret->bytes, secret->len);
}

/* All secrets are tried, so that the time does not say which one it was. */
bool secrets_signed(
	const struct secrets *secrets, const struct slice *parts, size_t count, struct slice base64)
{
	uint8_t signature[HASH_BYTES];
	size_t len = 0;
	bool found = false;
	if (!base64_decode(base64, signature, sizeof(signature), &len) || len != HASH_BYTES)
		return false;
	for (unsigned i = 0; i < secrets->count; i++) {
		struct hash hash = hmac_sha256(secret_get(&secrets->items[i]), parts, count);
		found |= bytes_same(hash.bytes, signature, HASH_BYTES);
	}
	return found;
}

/* Their hashes are compared: those have one length. */
bool secrets_include(const struct secrets *secrets, struct slice text)
{
	struct hash given = hash_of(text);
	bool found = false;
	for (unsigned i = 0; i < secrets->count; i++) {
		struct hash hash = hash_of(secret_get(&secrets->items[i]));
		found |= bytes_same(hash.bytes, given.bytes, HASH_BYTES);
	}
	return found;
}
