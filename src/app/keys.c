/* tillbridge keys rotate: the keys of the data subjects, wrapped with another master key. */
#include "app/arguments.h"
#include "app/bridge.h"
#include "app/commands.h"
#include "subjects/master_key.h"
#include "subjects/subjects.h"

#include <stdio.h>
#include <string.h>

struct options {
	char *data, *master_key_file, *new_key_file;
};

static const struct option rows[] = {
	{ .name = "data",
		.type = OPTION_TEXT,
		.offset = offsetof(struct options, data),
		.required = true,
		.min = 1,
		.max = 3000,
		.help = "Folder of the journal, the state and the keys. No server may be using "
			"it." },
	{ .name = "master_key_file",
		.type = OPTION_TEXT,
		.offset = offsetof(struct options, master_key_file),
		.min = 1,
		.max = 3000,
		.help = "The master key so far; without it DATA/keys/master.key." },
	{ .name = "new_key_file",
		.type = OPTION_TEXT,
		.offset = offsetof(struct options, new_key_file),
		.required = true,
		.min = 1,
		.max = 3000,
		.help = "The new one, which is made when it is not there. Afterwards it is the "
			"server's "
			"master_key_file." },
	{ 0 },
};

static const struct arguments arguments = {
	.command = "tillbridge keys",
	.words = "rotate",
	.help = "Wraps the keys of all data subjects with another master key. All at once or not "
		"at all: when it was interrupted, one of the two keys is the right one, and a "
		"start with the other says so.",
	.options = rows,
	.words_min = 1,
	.words_max = 1,
};

static enum status rotate(const struct options *options, struct error *err)
{
	char journal[DATA_PATH_MAX], folder[DATA_PATH_MAX];
	struct subjects *subjects = NULL;
	struct secret master;
	struct disk *lock = NULL;
	bool found = false;
	data_path(options->data, DATA_JOURNAL, journal);
	data_path(options->data, DATA_KEYS, folder);
	const struct subjects_config config = { .folder = folder,
		.master_key_file = options->master_key_file,
		.clock = clock_system() };
	enum status s = disk_open_folder(journal, &lock, err);
	if (s != OK)
		return s;
	s = subjects_open(&config, &subjects, err);
	if (s == OK)
		s = master_key_read(options->new_key_file, &master, &found, err);
	if (s == OK && !found)
		s = master_key_create(options->new_key_file, &master, err);
	if (s == OK)
		s = subjects_rewrap(subjects, &master, err);
	crypt_wipe(&master, sizeof(master));
	subjects_close(subjects);
	lock->ops->close_disk(lock);
	return s;
}

static int run(const struct options *options)
{
	struct error err;
	if (rotate(options, &err) != OK) {
		fprintf(stderr, "tillbridge keys rotate: %s\n", err.text);
		return EXIT_CANNOT_RUN;
	}
	printf("all keys are wrapped with %s; start the server with master_key_file: %s\n",
		options->new_key_file, options->new_key_file);
	return EXIT_DONE;
}

int command_keys(int argc, char **argv)
{
	struct options options = { 0 };
	struct words words;
	int code;
	if (arguments_take(&arguments, argc, argv, &options, &words, &code)) {
		code = EXIT_USAGE;
		if (strcmp(words.items[0], "rotate") == 0)
			code = run(&options);
		else
			fprintf(stderr, "tillbridge keys: \"%s\" is not known; say: keys rotate\n",
				words.items[0]);
	}
	options_release(rows, &options);
	return code;
}
