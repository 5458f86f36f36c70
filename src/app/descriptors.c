#include "app/descriptors.h"

#include <sys/resource.h>

bool descriptors_reserve(uint64_t connections, uint64_t *ret_connections)
{
	struct rlimit limit;
	uint64_t wanted = connections + DESCRIPTORS_KEPT;
	*ret_connections = connections;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
		return true;
	limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur >= wanted)
		return true;
	/* Under a very low limit, half of it. */
	uint64_t kept =
		limit.rlim_cur / 2 < DESCRIPTORS_KEPT ? limit.rlim_cur / 2 : DESCRIPTORS_KEPT;
	uint64_t fit = limit.rlim_cur - kept;
	*ret_connections = fit > 0 ? fit : 1;
	return false;
}
