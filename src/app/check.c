/* tillbridge check: the schema and the rules, without a server. */
#include "app/arguments.h"
#include "app/commands.h"
#include "app/config.h"
#include "base/arena.h"
#include "retail/rules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct check_options {
	char *config;
};

static const struct option rows[] = {
	{ .name = "config",
		.type = OPTION_TEXT,
		.offset = offsetof(struct check_options, config),
		.help = "A configuration file, whose rules are taken; without it, the table as it "
			"stands." },
	{ 0 },
};

static const struct arguments arguments = {
	.command = "tillbridge check",
	.words = "FILE...",
	.help = "Holds transactions to the schema and the rules, as the server would. A file has "
		"one "
		"transaction a line (NDJSON); - is standard input. Exit code 1: something would be "
		"refused.",
	.options = rows,
	.words_min = 1,
	.words_max = 1000,
};

struct checking {
	struct arena arena;
	const struct rule_set *rules;
};

struct tally {
	uint64_t lines, refused, reported;
};

static void show(const char *name, uint64_t line, const struct findings *findings)
{
	for (uint32_t i = 0; i < findings->count; i++) {
		const struct finding *f = &findings->items[i];
		printf("%s:%llu: %s: %s: %s: %s\n", name, (unsigned long long)line,
			f->refuses ? "refused" : "reported", f->rule,
			f->pointer[0] == '\0' ? "/" : f->pointer, f->detail);
	}
	if (findings->dropped > 0)
		printf("%s:%llu: and %u more\n", name, (unsigned long long)line, findings->dropped);
}

static void check_line(
	const char *name, struct slice text, struct checking *checking, struct tally *tally)
{
	struct findings findings = { .count = 0 };
	struct transaction t;
	arena_reset(&checking->arena);
	tally->lines++;
	bool refused = text.len > TRANSACTION_BYTES_MAX;
	if (refused)
		findings_add(&findings, "schema", true, "", "has %zu bytes; at most %d are allowed",
			text.len, TRANSACTION_BYTES_MAX);
	else if (transaction_decode(text, &checking->arena, &t, &findings) != OK)
		refused = true;
	else
		transaction_check(&t, checking->rules, &findings);
	refused = refused || findings.refusing > 0;
	tally->refused += refused;
	tally->reported += !refused && findings.count > 0;
	show(name, tally->lines, &findings);
}

static int check_file(const char *name, struct checking *checking, struct tally *all)
{
	FILE *stream = strcmp(name, "-") == 0 ? stdin : fopen(name, "re");
	char *line = NULL;
	size_t size = 0;
	ssize_t len;
	struct tally tally = { 0 };
	if (stream == NULL) {
		fprintf(stderr, "tillbridge check: %s: %s\n", name, strerror(errno));
		return EXIT_CANNOT_RUN;
	}
	while ((len = getline(&line, &size, stream)) >= 0) {
		if (len > 0 && line[len - 1] == '\n')
			len--;
		check_line(name, slice_make(line, (size_t)len), checking, &tally);
	}
	free(line);
	if (stream != stdin)
		fclose(stream);
	all->lines += tally.lines;
	all->refused += tally.refused;
	all->reported += tally.reported;
	return EXIT_DONE;
}

static int check_files(const struct words *words, const struct rule_set *rules)
{
	struct checking checking = { .rules = rules };
	struct tally tally = { 0 };
	int code = EXIT_DONE;
	arena_init(&checking.arena, 64 << 20);
	for (unsigned i = 0; i < words->count && code == EXIT_DONE; i++)
		code = check_file(words->items[i], &checking, &tally);
	arena_release(&checking.arena);
	printf("%llu transactions: %llu refused, %llu accepted with something to report\n",
		(unsigned long long)tally.lines, (unsigned long long)tally.refused,
		(unsigned long long)tally.reported);
	return code == EXIT_DONE && tally.refused > 0 ? EXIT_FINDINGS : code;
}

int command_check(int argc, char **argv)
{
	struct words words;
	struct check_options options = { .config = NULL };
	struct config config = { 0 };
	struct error err;
	int code;
	if (!arguments_take(&arguments, argc, argv, &options, &words, &code)) {
		options_release(rows, &options);
		return code;
	}
	options_default(serve_options, &config.serve);
	if (options.config != NULL && config_read(options.config, &config, &err) != OK) {
		fprintf(stderr, "tillbridge check: %s\n", err.text);
		code = EXIT_USAGE;
	} else {
		code = check_files(&words, config.rules);
	}
	config_release(&config);
	options_release(rows, &options);
	return code;
}
