/* tillbridge doors: the kinds of doors, and what their options mean. */
#include "app/arguments.h"
#include "app/commands.h"
#include "app/config_doors.h"

#include <stdio.h>

static const struct option rows[] = { { 0 } };

static const struct arguments arguments = {
	.command = "tillbridge doors",
	.words = "[DOOR]",
	.help = "Lists the kinds of doors that `doors` of the configuration can have, or one of "
		"them "
		"with all its options.",
	.options = rows,
	.words_max = 1,
};

static void list_all(void)
{
	printf("%-10s %-8s %-16s %s\n", "door", "is", "mapping", "for");
	for (const struct door_type *const *type = door_types; *type != NULL; type++)
		printf("%-10s %-8s %-16s %s\n", (*type)->name,
			(*type)->authenticate != NULL ? "called" : "fetches",
			(*type)->mapping == NULL ? "-" : (*type)->mapping, (*type)->help);
	printf("\nOf one of them: tillbridge doors DOOR\n");
}

static void show(const struct door_type *type)
{
	struct buf buf;
	buf_init(&buf, 1 << 16);
	options_help(door_common_options, "", &buf);
	if (type->authenticate != NULL)
		options_help(door_called_options, "", &buf);
	options_help(type->options, "", &buf);
	printf("%s: %s\n%s\n\n%.*s", type->name, type->help,
		type->authenticate != NULL ? "It is called: POST /v1/webhooks/NAME."
					   : "It fetches by itself.",
		(int)buf.len, buf.ptr);
	buf_release(&buf);
}

int command_doors(int argc, char **argv)
{
	struct words words;
	char nothing;
	int code;
	if (!arguments_take(&arguments, argc, argv, &nothing, &words, &code))
		return code;
	if (words.count == 0) {
		list_all();
		return EXIT_DONE;
	}
	const struct door_type *type = door_type_find(slice_of(words.items[0]));
	if (type == NULL) {
		fprintf(stderr,
			"tillbridge doors: \"%s\" is no door; `tillbridge doors` lists them\n",
			words.items[0]);
		return EXIT_USAGE;
	}
	show(type);
	return EXIT_DONE;
}
