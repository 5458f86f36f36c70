/* tillbridge archive: sealed segments, compressed, into a folder of their own. */
#include "journal/archive.h"
#include "app/arguments.h"
#include "app/bridge.h"
#include "app/commands.h"
#include "app/rebuild.h"

#include <stdio.h>

struct archive_options {
	char *data;
	uint64_t keep;
};

static const struct option rows[] = {
	{ .name = "data",
		.type = OPTION_TEXT,
		.offset = offsetof(struct archive_options, data),
		.required = true,
		.min = 1,
		.max = 3000,
		.help = "Folder of the journal and the state. No server may be using it." },
	{ .name = "keep",
		.type = OPTION_U64,
		.offset = offsetof(struct archive_options, keep),
		.fallback = "4",
		.max = 1000000,
		.help = "So many of the newest sealed segments stay in the journal." },
	{ 0 },
};

static const struct arguments arguments = {
	.command = "tillbridge archive",
	.help = "Moves sealed segments, which every consumer has applied, into DATA/archive, "
		"compressed with zstd. Each is read back and held against its seal before it "
		"leaves the journal. serve, verify and rebuild read them from there. DATA/archive "
		"may be a link to a folder elsewhere, but must stay readable: what was posted, "
		"or is revised, is read back from it.",
	.options = rows,
};

struct archived {
	uint64_t segments, bytes, archived_bytes;
};

static void show(void *context, const struct archive_report *report)
{
	struct archived *total = context;
	total->segments++;
	total->bytes += report->bytes;
	total->archived_bytes += report->archived_bytes;
	printf("%s  events %llu to %llu  %llu bytes, %llu archived\n", report->name,
		(unsigned long long)report->first_number, (unsigned long long)report->last_number,
		(unsigned long long)report->bytes, (unsigned long long)report->archived_bytes);
}

/* The state catches up first; what it has applied is what may go. */
static enum status applied_number(
	const char *data, struct disk *disk, uint64_t *ret_number, struct error *err)
{
	struct journal *journal = NULL;
	char path[DATA_PATH_MAX];
	data_path(data, DATA_STATE, path);
	enum status s = journal_open(disk, clock_system(), 0, &journal, err);
	if (s == OK)
		s = state_catch_up(journal, path, err);
	if (s == OK)
		*ret_number = journal_durable_number(journal);
	journal_close(journal);
	return s;
}

static enum status archive(const struct archive_options *options, struct error *err)
{
	struct disk *journal = NULL, *folder = NULL, *disk = NULL;
	struct archived total = { 0 };
	uint64_t through = 0;
	char path[DATA_PATH_MAX];
	data_path(options->data, DATA_JOURNAL, path);
	enum status s = data_is_there(path, err);
	if (s == OK)
		s = disk_open_folder(path, &journal, err);
	data_path(options->data, DATA_ARCHIVE, path);
	if (s == OK)
		s = disk_open_folder(path, &folder, err);
	if (s != OK) {
		if (journal != NULL)
			journal->ops->close_disk(journal);
		return s;
	}
	s = archive_disk_open(journal, folder, &disk, err);
	if (s != OK)
		return s;
	s = applied_number(options->data, disk, &through, err);
	if (s == OK)
		s = journal_archive(journal, folder, through, options->keep, show, &total, err);
	disk->ops->close_disk(disk);
	if (s == OK)
		printf("%llu segments archived: %llu bytes became %llu\n",
			(unsigned long long)total.segments, (unsigned long long)total.bytes,
			(unsigned long long)total.archived_bytes);
	return s;
}

int command_archive(int argc, char **argv)
{
	struct archive_options options = { .data = NULL };
	struct words words;
	struct error err;
	int code;
	if (arguments_take(&arguments, argc, argv, &options, &words, &code)) {
		enum status s = options_complete(rows, &options, &err);
		if (s == OK)
			s = archive(&options, &err);
		if (s != OK)
			fprintf(stderr, "tillbridge archive: %s\n", err.text);
		code = s == OK          ? EXIT_DONE
		       : s == E_CONFIG  ? EXIT_USAGE
		       : s == E_CORRUPT ? EXIT_FINDINGS
					: EXIT_CANNOT_RUN;
	}
	options_release(rows, &options);
	return code;
}
