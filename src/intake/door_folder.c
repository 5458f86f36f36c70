#include "intake/door_folder.h"

#include "base/hash.h"
#include "base/json.h"
#include "intake/folder_files.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	PROBLEMS_BYTES_MAX = 8 << 20,
	PROBLEMS_SHOWN_MAX = 1000,
	PROGRESS_TEXT_MAX = 512,
	RETRY_MS = 1000,
	BATCH_BYTES_MAX = 8 << 20,
	HASHED_BYTES = 4096, /* of the text before the place that a progress file names */
	HASH_SHOWN = 16,
};

struct folder_options {
	char *folder, *pattern;
	uint64_t settle_scans, rescan_ms, file_bytes, batch;
	unsigned owners;
};

/* One of FOLDER's own files, while it is read. */
struct reading {
	const char *name;
	struct slice text;
	struct buf problems; /* the list in failed/x.problems.json */
	uint64_t count;      /* of problems; all of them */
	struct feed_counters before;
};

struct door {
	const struct door_config *config;
	const struct folder_options *options;
	struct folder_counters counters;
	struct folder_files files;
	struct feed *feed;
	int data, notify, wake;
	pthread_t thread;
	bool running;
	struct reading reading;
};

static const char *const owners[] = { "folder", "any", NULL };

static const struct option rows[] = {
	{ .name = "folder",
		.type = OPTION_TEXT,
		.offset = offsetof(struct folder_options, folder),
		.required = true,
		.min = 1,
		.max = 4000,
		.help = "The folder that is watched; working/, done/ and failed/ are made in it." },
	{ .name = "pattern",
		.type = OPTION_TEXT,
		.offset = offsetof(struct folder_options, pattern),
		.fallback = "*",
		.min = 1,
		.max = 200,
		.help = "Which names are taken, with * and ?; names that begin with a dot or end "
			"in .tmp, .part or ~ never are." },
	{ .name = "settle",
		.type = OPTION_U64,
		.offset = offsetof(struct folder_options, settle_scans),
		.fallback = "2",
		.min = 1,
		.max = 1000,
		.help = "A file that was not renamed into place is complete when so many scans on "
			"end found it unchanged." },
	{ .name = "rescan",
		.type = OPTION_DURATION,
		.offset = offsetof(struct folder_options, rescan_ms),
		.fallback = "5s",
		.min = 10,
		.max = 3600000,
		.help = "Time between two scans." },
	{ .name = "file_bytes_max",
		.type = OPTION_BYTES,
		.offset = offsetof(struct folder_options, file_bytes),
		.fallback = "1G",
		.min = 1024,
		.max = 64ULL << 30,
		.help = "A larger file goes to failed/ unread." },
	{ .name = "batch",
		.type = OPTION_U64,
		.offset = offsetof(struct folder_options, batch),
		.fallback = "200",
		.min = 1,
		.max = 5000,
		.help = "Records that are made durable together." },
	{ .name = "owners",
		.type = OPTION_CHOICE,
		.offset = offsetof(struct folder_options, owners),
		.fallback = "folder",
		.choices = owners,
		.help = "Whose files are taken: those of the folder's owner (and ours), or any." },
	{ .name = NULL },
};

static void progress_name(const struct door *door, char name[static PROGRESS_TEXT_MAX])
{
	snprintf(name, PROGRESS_TEXT_MAX, "%s.progress", door->config->name);
}

/* What stands before the place, as far as a file of the same name and size would hardly have it. */
static void hash_before(
	const struct door *door, size_t offset, char hash[static 2 * HASH_SHOWN + 1])
{
	size_t from = offset > HASHED_BYTES ? offset - HASHED_BYTES : 0;
	struct hash all = hash_of(slice_make(door->reading.text.ptr + from, offset - from));
	hash_hex(&all, HASH_SHOWN, hash);
}

/* How far a file has been settled without a problem: "SIZE OFFSET HASH NAME". Only for speed: what
 * is read again is known by its keys. So it is not synced, and a broken one means the beginning. */
static void write_progress(struct door *door, size_t offset)
{
	char name[PROGRESS_TEXT_MAX], temporary[PROGRESS_TEXT_MAX + 8], text[PROGRESS_TEXT_MAX];
	char hash[2 * HASH_SHOWN + 1];
	progress_name(door, name);
	snprintf(temporary, sizeof(temporary), "%s.tmp", name);
	hash_before(door, offset, hash);
	int len = snprintf(text, sizeof(text), "%zu %zu %s %s\n", door->reading.text.len, offset,
		hash, door->reading.name);
	int fd = openat(door->data, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	bool whole = write(fd, text, (size_t)len) == len;
	close(fd);
	if (whole)
		renameat(door->data, temporary, door->data, name);
}

static size_t read_progress(const struct door *door)
{
	char name[PROGRESS_TEXT_MAX], text[PROGRESS_TEXT_MAX], hash[2 * HASH_SHOWN + 1];
	struct slice rest;
	uint64_t size, offset;
	progress_name(door, name);
	int fd = openat(door->data, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	ssize_t len = read(fd, text, sizeof(text));
	close(fd);
	if (len <= 0 || text[len - 1] != '\n')
		return 0;
	struct slice line = slice_make(text, (size_t)len - 1);
	bool good = slice_to_u64(slice_cut(line, ' ', &rest), &size);
	good = good && slice_to_u64(slice_cut(rest, ' ', &rest), &offset);
	struct slice hashed = slice_cut(rest, ' ', &rest);
	if (!good || !slice_is(rest, door->reading.name) || size != door->reading.text.len ||
		offset > size)
		return 0;
	hash_before(door, offset, hash);
	return slice_is(hashed, hash) ? offset : 0;
}

static void forget_progress(const struct door *door)
{
	char name[PROGRESS_TEXT_MAX];
	progress_name(door, name);
	unlinkat(door->data, name, 0);
}

static void on_problem(
	void *context, void *source, const char *where, struct slice raw, struct slice problem)
{
	struct door *door = context;
	struct reading *reading = &door->reading;
	(void)source, (void)raw;
	/* From here on a crash begins with the first record again, so that the list is whole. */
	if (reading->count++ == 0)
		forget_progress(door);
	if (reading->count > PROBLEMS_SHOWN_MAX)
		return;
	json_write_comma(&reading->problems);
	buf_char(&reading->problems, '{');
	json_write_member_text(&reading->problems, "where", where);
	json_write_member_raw(&reading->problems, "problem", problem);
	buf_char(&reading->problems, '}');
}

static void on_settled(void *context, size_t offset)
{
	struct door *door = context;
	if (door->reading.count == 0)
		write_progress(door, offset);
}

static uint64_t since(atomic_uint_fast64_t *now, atomic_uint_fast64_t *before)
{
	return atomic_load(now) - atomic_load(before);
}

/* What failed/x.problems.json says; `why` when the file could not be read at all. */
static void write_report(struct door *door, const struct error *why, struct buf *report)
{
	struct reading *reading = &door->reading;
	struct feed_counters *now = &door->counters.feed, *before = &reading->before;
	buf_char(report, '{');
	json_write_member_text(report, "file", reading->name);
	json_write_member_text(report, "door", door->config->name);
	json_write_member_u64(
		report, "accepted", since(&now->accepted_total, &before->accepted_total));
	json_write_member_u64(
		report, "duplicates", since(&now->duplicates_total, &before->duplicates_total));
	json_write_member_u64(
		report, "skipped", since(&now->skipped_total, &before->skipped_total));
	json_write_member_u64(report, "refused", reading->count);
	if (why != NULL)
		json_write_member_text(report, "error", why->text);
	json_write_name(report, "problems");
	buf_char(report, '[');
	buf_slice(report, buf_get(&reading->problems));
	buf_text(report, "]}\n");
}

static void copy_counters(struct feed_counters *from, struct feed_counters *to)
{
	atomic_store(&to->accepted_total, atomic_load(&from->accepted_total));
	atomic_store(&to->duplicates_total, atomic_load(&from->duplicates_total));
	atomic_store(&to->skipped_total, atomic_load(&from->skipped_total));
}

/* Moves the file on, its progress forgotten before: the next file of its name must not be taken for
 * one that was read already. A report goes with it when something of it was not accepted. */
static enum status finish(struct door *door, const struct error *why, struct error *err)
{
	struct reading *reading = &door->reading;
	bool failed = why != NULL || reading->count > 0;
	struct buf report;
	buf_init(&report, 2 * PROBLEMS_BYTES_MAX);
	if (failed)
		write_report(door, why, &report);
	forget_progress(door);
	enum status s = OK;
	if (fsync(door->data) != 0)
		s = error_errno(err, E_IO, "its progress cannot be forgotten");
	else
		s = report.failed ? error_set(err, E_FULL, "its report needs too much memory")
				  : folder_files_finish(&door->files, reading->name,
					    failed ? &report : NULL, err);
	buf_release(&report);
	if (s != OK)
		return s;
	atomic_fetch_add(&door->counters.files_total, 1);
	if (failed)
		atomic_fetch_add(&door->counters.files_failed_total, 1);
	return OK;
}

/* Reads a file of working/ to its end. E_RETRY and E_FULL: it stays there for the next time. */
static enum status take_file(struct door *door, const char *name, struct error *err)
{
	struct reading *reading = &door->reading;
	struct error why = { OK, "" };
	reading->name = name;
	reading->text = slice_make(NULL, 0);
	reading->count = 0;
	buf_reset(&reading->problems);
	copy_counters(&door->counters.feed, &reading->before);
	enum status s = folder_files_map(&door->files, name, door->data, &reading->text, &why);
	if (s == OK)
		s = feed_add(door->feed, reading->text, read_progress(door), NULL, &why);
	if (s == OK)
		s = feed_settle(door->feed, &why);
	if (s == OK)
		s = finish(door, NULL, &why);
	else if (s == E_INPUT)
		s = finish(door, &why, &why);
	if (reading->text.len > 0)
		munmap((void *)(uintptr_t)reading->text.ptr, reading->text.len);
	return s == OK ? OK : error_set(err, s, "%s: %s", name, why.text);
}

/* Names of files that were renamed into the folder. */
static void read_events(struct door *door)
{
	char bytes[16 << 10] __attribute__((aligned(8)));
	ssize_t len;
	while ((len = read(door->notify, bytes, sizeof(bytes))) > 0)
		for (ssize_t at = 0; at < len;) {
			const struct inotify_event *event = (const void *)(bytes + at);
			at += (ssize_t)(sizeof(*event) + event->len);
			if ((event->mask & IN_MOVED_TO) != 0 && event->len > 0)
				folder_files_moved_in(&door->files, event->name);
		}
}

/* True: a file was taken to its end, there may be more. */
static bool take_next(struct door *door, struct error *err)
{
	char name[FOLDER_NAME_MAX + 1];
	if (!folder_files_left(&door->files, name) && !folder_files_pick(&door->files, name))
		return false;
	return take_file(door, name, err) == OK;
}

/* Waits for a change in the folder or the next scan; false when the door closes. */
static bool wait_for_change(struct door *door, bool *ret_timed)
{
	struct pollfd fds[] = { { .fd = door->wake, .events = POLLIN },
		{ .fd = door->notify, .events = POLLIN } };
	int ready = poll(fds, 2, (int)door->options->rescan_ms);
	*ret_timed = ready == 0;
	return (fds[0].revents & POLLIN) == 0;
}

/* Writes down that a round failed and waits a little; false when the door closes. */
static bool wait_after(struct door *door, const struct error *why)
{
	atomic_fetch_add(&door->counters.errors_total, 1);
	feed_failed(door->feed, why);
	return feed_wait(door->feed, RETRY_MS);
}

static void *run(void *context)
{
	struct door *door = context;
	bool timed = false;
	do {
		struct error err = { OK, "" };
		read_events(door);
		if (folder_files_scan(&door->files, timed, &err) != OK && !wait_after(door, &err))
			break;
		err.status = OK;
		atomic_store(&door->counters.files_ignored, door->files.ignored);
		while (take_next(door, &err))
			atomic_store(&door->counters.files_waiting, door->files.count);
		atomic_store(&door->counters.files_waiting, door->files.count);
		if (err.status == E_STOPPED)
			break;
		if (err.status == OK)
			feed_fine(door->feed);
		else if (!wait_after(door, &err))
			break;
	} while (wait_for_change(door, &timed));
	return NULL;
}

static void folder_close(void *context)
{
	struct door *door = context;
	if (door == NULL)
		return;
	int *const fds[] = { &door->data, &door->notify, &door->wake };
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (*fds[i] >= 0)
			close(*fds[i]);
	folder_files_close(&door->files);
	feed_close(door->feed);
	buf_release(&door->reading.problems);
	free(door);
}

static enum status open_parts(struct door *door, struct error *err)
{
	struct feed_config feed = {
		.door = door->config,
		.events = { on_problem, on_settled, door },
		.counters = &door->counters.feed,
		.batch_records_max = (uint32_t)door->options->batch,
		.batch_bytes_max = BATCH_BYTES_MAX,
	};
	enum status s = folder_files_open(&door->files, door->options->folder, err);
	if (s != OK)
		return s;
	door->data = open(door->config->data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (door->data < 0)
		return error_errno(err, E_CONFIG, "cannot open %s", door->config->data);
	door->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	door->notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (door->wake < 0 || door->notify < 0)
		return error_errno(err, E_IO, "cannot watch %s", door->options->folder);
	/* Without the watch the scans still find everything. */
	inotify_add_watch(door->notify, door->options->folder, IN_MOVED_TO | IN_CLOSE_WRITE);
	return feed_open(&feed, &door->feed, err);
}

static enum status folder_open(const struct door_config *config, void **ret_door, struct error *err)
{
	struct door *door = calloc(1, sizeof(*door));
	if (door == NULL)
		return error_set(err, E_FULL, "out of memory");
	door->config = config;
	door->options = config->options;
	door->data = door->notify = door->wake = -1;
	buf_init(&door->reading.problems, PROBLEMS_BYTES_MAX);
	door->files = (struct folder_files){ .incoming = -1,
		.working = -1,
		.done = -1,
		.failed = -1,
		.pattern = door->options->pattern,
		.any_owner = door->options->owners == 1,
		.settle_scans = (unsigned)door->options->settle_scans,
		.bytes_max = door->options->file_bytes };
	enum status s = open_parts(door, err);
	if (s != OK) {
		folder_close(door);
		return s;
	}
	*ret_door = door;
	return OK;
}

static enum status folder_start(void *context, struct error *err)
{
	struct door *door = context;
	errno = pthread_create(&door->thread, NULL, run, door);
	if (errno != 0)
		return error_errno(err, E_IO, "cannot start the thread of the door");
	door->running = true;
	return OK;
}

static void folder_stop(void *context)
{
	struct door *door = context;
	uint64_t one = 1;
	if (!door->running)
		return;
	feed_stop(door->feed);
	while (write(door->wake, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	pthread_join(door->thread, NULL);
	door->running = false;
}

static void folder_report(const void *context, struct door_report *ret_report)
{
	const struct door *door = context;
	feed_report(door->feed, ret_report);
	ret_report->errors = atomic_load(&door->counters.errors_total);
	ret_report->lag = atomic_load(&door->counters.files_waiting);
}

const struct folder_counters *folder_counters(const void *context)
{
	return &((const struct door *)context)->counters;
}

const struct door_type door_folder = {
	.name = "folder",
	.help = "files that are put into a folder",
	.options = rows,
	.options_size = sizeof(struct folder_options),
	.open = folder_open,
	.close = folder_close,
	.start = folder_start,
	.stop = folder_stop,
	.report = folder_report,
};
