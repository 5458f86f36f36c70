/* tillbridge map: mappings without a server: what there is, and what one makes of a document. */
#include "app/arguments.h"
#include "app/commands.h"
#include "app/mapping_file.h"

#include <stdio.h>
#include <string.h>

static int usage(void)
{
	fputs("usage: tillbridge map test FILE [--mapping NAME|PATH] [OPTIONS]\n"
	      "       tillbridge map list\n"
	      "       tillbridge map show NAME\n\n"
	      "  test  shows field by field what a mapping makes of a document\n"
	      "  list  the mappings that are part of the program\n"
	      "  show  prints one of them, to copy and change\n",
		stderr);
	return EXIT_USAGE;
}

static const struct option no_options[] = { { 0 } };

static int map_list(int argc, char **argv)
{
	static const struct arguments arguments = { .command = "tillbridge map list",
		.help = "Lists the mappings that are part of the program.",
		.options = no_options };
	struct words words;
	char nothing;
	int code;
	if (!arguments_take(&arguments, argc, argv, &nothing, &words, &code))
		return code;
	for (const struct shipped_mapping *m = shipped_mappings; m->name != NULL; m++) {
		struct mapping *mapping = NULL;
		struct error err;
		if (mapping_open(m->name, m->yaml, &mapping, &err) != OK) {
			fprintf(stderr, "tillbridge map list: %s\n", err.text);
			return EXIT_CANNOT_RUN;
		}
		printf("%-18s %-7s %s\n", m->name, mapping_format(mapping)->name,
			mapping_help(mapping));
		mapping_close(mapping);
	}
	return EXIT_DONE;
}

static int map_show(int argc, char **argv)
{
	static const struct arguments arguments = { .command = "tillbridge map show",
		.words = "NAME",
		.help = "Prints a mapping of the program, to copy and change.",
		.options = no_options,
		.words_min = 1,
		.words_max = 1 };
	struct words words;
	char nothing;
	int code;
	if (!arguments_take(&arguments, argc, argv, &nothing, &words, &code))
		return code;
	const struct shipped_mapping *m = shipped_mapping_find(slice_of(words.items[0]));
	if (m == NULL) {
		fprintf(stderr,
			"tillbridge map show: there is no mapping \"%s\"; `tillbridge map list` "
			"names them\n",
			words.items[0]);
		return EXIT_USAGE;
	}
	fwrite(m->yaml.ptr, 1, m->yaml.len, stdout);
	return EXIT_DONE;
}

int command_map(int argc, char **argv)
{
	if (argc < 2)
		return usage();
	if (strcmp(argv[1], "--help") == 0) {
		usage();
		return EXIT_DONE;
	}
	if (strcmp(argv[1], "test") == 0)
		return command_map_test(argc - 1, argv + 1);
	if (strcmp(argv[1], "list") == 0)
		return map_list(argc - 1, argv + 1);
	if (strcmp(argv[1], "show") == 0)
		return map_show(argc - 1, argv + 1);
	fprintf(stderr, "tillbridge map: there is no \"%s\"\n\n", argv[1]);
	return usage();
}
