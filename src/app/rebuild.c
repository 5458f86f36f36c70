/* tillbridge rebuild and tillbridge verify: the state, derived again from the journal. */
#include "app/rebuild.h"
#include "app/arguments.h"
#include "app/bridge.h"
#include "app/commands.h"
#include "app/consumers.h"
#include "store/apply.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct options {
	char *data;
};

static const struct option rows[] = {
	{ .name = "data",
		.type = OPTION_TEXT,
		.offset = offsetof(struct options, data),
		.required = true,
		.min = 1,
		.max = 3000,
		.help = "Folder of the journal and the state. No server may be using it." },
	{ 0 },
};

static const struct arguments rebuild_arguments = {
	.command = "tillbridge rebuild",
	.help = "Derives the state again from the journal, into a new file that replaces the old "
		"one at the end.",
	.options = rows,
};

static const struct arguments verify_arguments = {
	.command = "tillbridge verify",
	.help = "Checks every byte of the journal, derives the state again beside the old one, and "
		"compares both. Changes nothing. Exit code 1: they differ, or bytes are damaged.",
	.options = rows,
};

static void show_progress(void *context, uint64_t number, uint64_t last)
{
	(void)context;
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r%llu of %llu events", (unsigned long long)number,
			(unsigned long long)last);
}

static enum status digest(const char *path, struct hash *ret_hash, struct error *err)
{
	struct store *store = NULL;
	enum status s = store_open(path, STORE_WRITE, &store, err);
	if (s == OK)
		s = store_digest(store, NULL, NULL, ret_hash, err);
	store_close(store);
	return s;
}

static void remove_state(const char *path)
{
	static const char *const ends[] = { "", "-wal", "-shm" };
	char name[DATA_PATH_MAX + 8];
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		snprintf(name, sizeof(name), "%s%s", path, ends[i]);
		unlink(name);
	}
}

/* Derives the state into a new file at `path`. */
static enum status derive(struct journal *journal, const char *path, struct error *err)
{
	struct store *store = NULL;
	struct apply *apply = NULL;
	remove_state(path);
	enum status s = store_open(path, STORE_WRITE, &store, err);
	struct apply_config config = { .journal = journal, .store = store, .consumers = consumers };
	if (s == OK)
		s = apply_open(&config, &apply, err);
	if (s == OK)
		s = apply_catch_up(apply, show_progress, NULL, err);
	if (s == OK)
		printf("%llu events applied\n", (unsigned long long)apply_number(apply));
	apply_close(apply);
	store_close(store);
	return s;
}

static enum status open_journal(
	const char *data, struct disk **disk, struct journal **journal, struct error *err)
{
	char path[DATA_PATH_MAX];
	data_path(data, DATA_JOURNAL, path);
	enum status s = data_is_there(path, err);
	if (s == OK)
		s = data_open_disk(data, disk, err);
	return s == OK ? journal_open(*disk, clock_system(), 0, journal, err) : s;
}

static void close_journal(struct disk *disk, struct journal *journal)
{
	journal_close(journal);
	if (disk != NULL)
		disk->ops->close_disk(disk);
}

static enum status rebuild(const char *data, struct error *err)
{
	char path[DATA_PATH_MAX], fresh[DATA_PATH_MAX];
	struct disk *disk = NULL;
	struct journal *journal = NULL;
	data_path(data, DATA_STATE, path);
	data_path(data, DATA_STATE ".new", fresh);
	enum status s = open_journal(data, &disk, &journal, err);
	if (s == OK)
		s = derive(journal, fresh, err);
	if (s == OK) {
		remove_state(path);
		if (rename(fresh, path) != 0)
			s = error_errno(err, E_IO, "%s", path);
	}
	close_journal(disk, journal);
	return s;
}

static void show_segment(void *context, const struct segment_report *report)
{
	(void)context;
	printf("%s  events %llu to %llu  %llu bytes  %s\n", report->name,
		(unsigned long long)report->first_number, (unsigned long long)report->last_number,
		(unsigned long long)report->bytes, report->sealed ? "sealed" : "open");
}

/* The state as it is must first catch up: what is not applied yet is no difference. */
enum status state_catch_up(struct journal *journal, const char *path, struct error *err)
{
	struct store *store = NULL;
	struct apply *apply = NULL;
	enum status s = store_open(path, STORE_WRITE, &store, err);
	struct apply_config config = { .journal = journal, .store = store, .consumers = consumers };
	if (s == OK)
		s = apply_open(&config, &apply, err);
	if (s == OK)
		s = apply_catch_up(apply, show_progress, NULL, err);
	apply_close(apply);
	store_close(store);
	return s;
}

static enum status verify(const char *data, bool *ret_equal, struct error *err)
{
	char path[DATA_PATH_MAX], fresh[DATA_PATH_MAX], hex[2 * HASH_BYTES + 1];
	struct disk *disk = NULL;
	struct journal *journal = NULL;
	struct hash ours = { { 0 } }, again = { { 0 } };
	data_path(data, DATA_STATE, path);
	data_path(data, DATA_STATE ".verify", fresh);
	enum status s = open_journal(data, &disk, &journal, err);
	if (s == OK)
		s = journal_verify(disk, show_segment, NULL, err);
	if (s == OK)
		s = state_catch_up(journal, path, err);
	if (s == OK)
		s = digest(path, &ours, err);
	if (s == OK)
		s = derive(journal, fresh, err);
	if (s == OK)
		s = digest(fresh, &again, err);
	remove_state(fresh);
	close_journal(disk, journal);
	*ret_equal = memcmp(&ours, &again, sizeof(ours)) == 0;
	hash_hex(&ours, HASH_BYTES, hex);
	if (s == OK)
		printf("state    %s\n", hex);
	hash_hex(&again, HASH_BYTES, hex);
	if (s == OK)
		printf("rebuilt  %s\n%s\n", hex, *ret_equal ? "equal" : "DIFFERENT");
	return s;
}

static int finish(enum status s, const struct error *err)
{
	if (s == OK)
		return EXIT_DONE;
	fprintf(stderr, "tillbridge: %s\n", err->text);
	return s == E_CONFIG ? EXIT_USAGE : s == E_CORRUPT ? EXIT_FINDINGS : EXIT_CANNOT_RUN;
}

static int run(const struct arguments *arguments, int argc, char **argv, bool only_verify)
{
	struct options options = { 0 };
	struct words words;
	struct error err;
	bool equal = true;
	int code;
	if (arguments_take(arguments, argc, argv, &options, &words, &code)) {
		if (options_complete(rows, &options, &err) != OK)
			code = finish(E_CONFIG, &err);
		else if (only_verify)
			code = finish(verify(options.data, &equal, &err), &err);
		else
			code = finish(rebuild(options.data, &err), &err);
	}
	options_release(rows, &options);
	return code == EXIT_DONE && !equal ? EXIT_FINDINGS : code;
}

int command_rebuild(int argc, char **argv)
{
	return run(&rebuild_arguments, argc, argv, false);
}

int command_verify(int argc, char **argv)
{
	return run(&verify_arguments, argc, argv, true);
}
