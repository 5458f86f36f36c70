#include "app/demo_folder.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static const char marker[] = ".tillbridge-demo";

enum { PATH_BYTES_MAX = 1024, OPEN_FOLDERS_MAX = 16, PORTS_TRIED = 100 };

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static bool is_empty(const char *path)
{
	DIR *folder = opendir(path);
	const struct dirent *entry;
	bool empty = folder != NULL;
	while (empty && (entry = readdir(folder)) != NULL)
		empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
	if (folder != NULL)
		closedir(folder);
	return empty;
}

static enum status make_path(const char *path, struct error *err)
{
	char part[PATH_BYTES_MAX];
	if ((size_t)snprintf(part, sizeof(part), "%s", path) >= sizeof(part))
		return error_set(err, E_CONFIG, "--data: the path is too long");
	for (char *slash = strchr(part + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(part, 0777) != 0 && errno != EEXIST)
			return error_errno(err, E_IO, "%s: cannot make the folder", part);
		*slash = '/';
	}
	if (mkdir(path, 0777) != 0 && errno != EEXIST)
		return error_errno(err, E_IO, "%s: cannot make the folder", path);
	return OK;
}

enum status demo_folder_make(const char *path, struct error *err)
{
	char mark[PATH_BYTES_MAX];
	struct stat st;
	if ((size_t)snprintf(mark, sizeof(mark), "%s/%s", path, marker) >= sizeof(mark))
		return error_set(err, E_CONFIG, "--data: the path is too long");
	if (lstat(path, &st) == 0 && lstat(mark, &st) != 0 && !is_empty(path))
		return error_set(err, E_CONFIG,
			"--data: %.200s is there already and no demo made it; name another folder",
			path);
	if (lstat(mark, &st) == 0 &&
		nftw(path, remove_one, OPEN_FOLDERS_MAX, FTW_DEPTH | FTW_PHYS) != 0)
		return error_errno(err, E_IO, "%s: cannot remove what the last demo left", path);
	enum status s = make_path(path, err);
	if (s != OK)
		return s;
	int fd = open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return error_errno(err, E_IO, "%s: cannot write", mark);
	close(fd);
	return OK;
}

static bool port_is_free(unsigned port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	/* As servers bind: what only lingers in TIME_WAIT is free. */
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	bool is_free = bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
		       listen(fd, 1) == 0;
	close(fd);
	return is_free;
}

unsigned demo_free_port(unsigned wanted)
{
	for (unsigned port = wanted; port < wanted + PORTS_TRIED && port < 65536; port++)
		if (port_is_free(port))
			return port;
	return 0;
}
