/* The configuration file: any bytes are a configuration or an error with words. */
#include "app/config.h"
#include "base/check.h"
#include "fuzz.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	char path[64];
	struct config config = { .erp_count = 0 };
	struct error err = { .text = "" };
	if (size > 1 << 14)
		return 0;
	if (fd < 0)
		fd = memfd_create("config", MFD_CLOEXEC);
	check(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	options_default(serve_options, &config.serve);
	enum status s = config_read(path, &config, &err);
	if (s == OK)
		s = config_check(&config, &err);
	check(s == OK || err.text[0] != '\0');
	config_release(&config);
	return 0;
}
