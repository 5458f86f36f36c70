/* What the disk allows: the same bytes as the journal's, in the same group sizes, appended to a
 * preallocated file with one write and one fdatasync a group. No HTTP, no JSON, no checksums, and
 * none of the journal's code: the number that durable intake can approach and never pass.
 *
 *     limit FOLDER RECORD_BYTES GROUP_RECORDS SECONDS
 *
 * Prints {"records_per_second":...,"groups_per_second":...,"bytes_per_second":...}. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SEGMENT_BYTES = 64 << 20, FILL_BYTES = 1 << 20 };

struct plan {
	const char *folder;
	uint64_t record_bytes, group_records, seconds;
};

static bool number(const char *text, uint64_t max, uint64_t *ret_value)
{
	char *end;
	errno = 0;
	unsigned long long value = strtoull(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || value == 0 || value > max)
		return false;
	*ret_value = value;
	return true;
}

static bool parse(int argc, char **argv, struct plan *plan)
{
	if (argc != 5)
		return false;
	plan->folder = argv[1];
	return number(argv[2], 1 << 20, &plan->record_bytes) &&
	       number(argv[3], 100000, &plan->group_records) &&
	       number(argv[4], 600, &plan->seconds) &&
	       plan->record_bytes * plan->group_records <= SEGMENT_BYTES;
}

static double now_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Zeros on the disk, as the journal's segments have them: a later fdatasync then has no metadata
 * to write. */
static bool preallocate(int file)
{
	char *zeros = calloc(1, FILL_BYTES);
	bool good = zeros != NULL;
	for (off_t at = 0; good && at < SEGMENT_BYTES; at += FILL_BYTES)
		good = pwrite(file, zeros, FILL_BYTES, at) == FILL_BYTES;
	free(zeros);
	return good && fsync(file) == 0;
}

/* Goes round in one segment: the disk does not care that these blocks were written before. */
static bool append(int file, const struct plan *plan, const char *group, uint64_t *ret_groups)
{
	size_t bytes = (size_t)(plan->record_bytes * plan->group_records);
	double until = now_s() + (double)plan->seconds;
	uint64_t groups = 0;
	off_t at = 0;
	while (now_s() < until) {
		if (at + (off_t)bytes > SEGMENT_BYTES)
			at = 0;
		if (pwrite(file, group, bytes, at) != (ssize_t)bytes || fdatasync(file) != 0)
			return false;
		at += (off_t)bytes;
		groups++;
	}
	*ret_groups = groups;
	return true;
}

static bool run(int file, const struct plan *plan, double *ret_seconds, uint64_t *ret_groups)
{
	size_t bytes = (size_t)(plan->record_bytes * plan->group_records);
	char *group = malloc(bytes);
	bool good = group != NULL && preallocate(file);
	if (good) {
		memset(group, 'x', bytes);
		double began = now_s();
		good = append(file, plan, group, ret_groups);
		*ret_seconds = now_s() - began;
	}
	free(group);
	return good;
}

int main(int argc, char **argv)
{
	struct plan plan;
	if (!parse(argc, argv, &plan)) {
		fprintf(stderr,
			"usage: limit FOLDER RECORD_BYTES GROUP_RECORDS SECONDS; a group has "
			"at most %d bytes\n",
			SEGMENT_BYTES);
		return 2;
	}
	char path[4096];
	snprintf(path, sizeof(path), "%s/limit.segment", plan.folder);
	int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	double seconds = 0;
	uint64_t groups = 0;
	bool good = file >= 0 && run(file, &plan, &seconds, &groups);
	if (!good)
		fprintf(stderr, "limit: %s: %s\n", path, strerror(errno));
	else
		printf("{\"records_per_second\":%.0f,\"groups_per_second\":%.0f,"
		       "\"bytes_per_second\":%.0f}\n",
			(double)(groups * plan.group_records) / seconds, (double)groups / seconds,
			(double)(groups * plan.group_records * plan.record_bytes) / seconds);
	if (file >= 0)
		close(file);
	unlink(path);
	return good ? 0 : 3;
}
