#include "app/arguments.h"

#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

/* One pass over a command line. */
struct parser {
	const struct arguments *arguments;
	void *config;
	char **argv;
	int argc;
	int at; /* the next argument to look at */
	bool seen[ARGUMENTS_OPTIONS_MAX];
	bool options_ended;
};

static bool is_list(const struct arguments *arguments, const char *name)
{
	if (arguments->lists == NULL)
		return false;
	for (const char *const *list = arguments->lists; *list != NULL; list++)
		if (strcmp(*list, name) == 0)
			return true;
	return false;
}

/* The row for a name as it was typed: dashes stand for underscores. */
static const struct option *find_row(const struct option *options, struct slice typed)
{
	char name[64];
	if (typed.len >= sizeof(name))
		return NULL;
	for (size_t i = 0; i < typed.len; i++)
		name[i] = typed.ptr[i] == '-' ? '_' : typed.ptr[i];
	return option_find(options, slice_make(name, typed.len));
}

/* "--data, --listen, --erp-url" */
static void allowed_names(const struct option *options, char *text, size_t size)
{
	size_t used = 0;
	text[0] = '\0';
	for (const struct option *o = options; o->name != NULL && used < size; o++) {
		size_t start = used;
		int n = snprintf(
			text + used, size - used, "%s--%s", o > options ? ", " : "", o->name);
		used += n > 0 ? (size_t)n : 0;
		for (size_t i = start; i < used && i < size; i++)
			if (text[i] == '_')
				text[i] = '-';
	}
}

static enum status unknown_option(const struct parser *p, struct slice typed, struct error *err)
{
	char allowed[320];
	allowed_names(p->arguments->options, allowed, sizeof(allowed));
	return error_set(err, E_CONFIG, "there is no option --%.*s; there are %s%s--help",
		(int)(typed.len < 64 ? typed.len : 64), typed.ptr, allowed,
		allowed[0] == '\0' ? "" : ", ");
}

static enum status append_to_list(
	const struct option *row, void *config, struct slice value, struct error *err)
{
	const char *old = *(char *const *)((char *)config + row->offset);
	char *joined = NULL;
	if (asprintf(&joined, "%s,%.*s", old == NULL ? "" : old, SLICE_ARG(value)) < 0)
		return error_set(err, E_FULL, "--%s: out of memory", row->name);
	enum status s = option_set(row, config, slice_of(joined), err);
	free(joined);
	return s;
}

static enum status set_row(
	struct parser *p, const struct option *row, struct slice value, struct error *err)
{
	size_t index = (size_t)(row - p->arguments->options);
	check(index < ARGUMENTS_OPTIONS_MAX);
	bool again = p->seen[index];
	p->seen[index] = true;
	enum status s;
	if (!again)
		s = option_set(row, p->config, value, err);
	else if (is_list(p->arguments, row->name) && row->type == OPTION_TEXT)
		s = append_to_list(row, p->config, value, err);
	else
		s = error_set(err, E_CONFIG, "%s: is given twice; once is allowed", row->name);
	return s;
}

/* What base/option.c says begins with the row's name; a person typed it with dashes. */
static enum status with_typed_name(
	enum status s, const struct option *row, struct slice name, struct error *err)
{
	char text[ERROR_TEXT_MAX];
	size_t row_len = strlen(row->name);
	if (s == OK || strncmp(err->text, row->name, row_len) != 0)
		return s;
	memcpy(text, err->text, sizeof(text));
	return error_set(err, s, "--%.*s%s", SLICE_ARG(name), text + row_len);
}

/* `text` is what stands behind the two dashes. */
static enum status take_option(struct parser *p, struct slice text, struct error *err)
{
	struct slice value, name = slice_cut(text, '=', &value);
	bool with_value = name.len < text.len;
	const struct option *row = find_row(p->arguments->options, name);
	if (row == NULL)
		return unknown_option(p, name, err);
	if (with_value && value.ptr == NULL)
		value = slice_of("");
	if (!with_value && row->type == OPTION_BOOL)
		value = slice_of("yes");
	else if (!with_value && p->at == p->argc)
		return error_set(
			err, E_CONFIG, "--%.*s needs a value: %s", SLICE_ARG(name), row->help);
	else if (!with_value)
		value = slice_of(p->argv[p->at++]);
	return with_typed_name(set_row(p, row, value, err), row, name, err);
}

static enum status count_words(
	const struct arguments *arguments, const struct words *words, struct error *err)
{
	if (words->count < arguments->words_min)
		return error_set(err, E_CONFIG, "%u given, but %s is expected", words->count,
			arguments->words);
	if (words->count > arguments->words_max && arguments->words_max == 0)
		return error_set(err, E_CONFIG, "\"%.100s\" is not expected: only options are",
			words->items[0]);
	if (words->count > arguments->words_max)
		return error_set(err, E_CONFIG, "\"%.100s\" is one too many: %s is expected",
			words->items[arguments->words_max], arguments->words);
	return OK;
}

enum status arguments_parse(const struct arguments *arguments, int argc, char **argv, void *config,
	struct words *ret_words, bool *ret_help, struct error *err)
{
	struct parser p = { .arguments = arguments, .config = config, .argv = argv, .argc = argc };
	struct words words = { argv + 1, 0 };
	options_default(arguments->options, config);
	*ret_help = false;
	for (p.at = 1; p.at < argc;) {
		char *text = argv[p.at++];
		bool dashed = !p.options_ended && text[0] == '-' && text[1] != '\0';
		if (dashed && (strcmp(text, "--help") == 0 || strcmp(text, "-h") == 0)) {
			*ret_help = true;
			return OK;
		}
		if (!dashed) {
			words.items[words.count++] = text;
		} else if (strcmp(text, "--") == 0) {
			p.options_ended = true;
		} else if (text[1] != '-') {
			return error_set(err, E_CONFIG,
				"\"%.100s\": options begin with two dashes; see --help", text);
		} else {
			enum status s = take_option(&p, slice_of(text + 2), err);
			if (s != OK)
				return s;
		}
	}
	enum status s = options_complete(arguments->options, config, err);
	if (s == OK)
		s = count_words(arguments, &words, err);
	if (s == OK)
		*ret_words = words;
	return s;
}

void arguments_help(const struct arguments *arguments, struct buf *buf)
{
	buf_format(buf, "%s", arguments->command);
	if (arguments->options->name != NULL)
		buf_text(buf, " [OPTION...]");
	if (arguments->words != NULL)
		buf_format(buf, " %s", arguments->words);
	buf_format(buf, "\n\n%s\n\n", arguments->help);
	size_t start = buf->len;
	options_help(arguments->options, "--", buf);
	/* Rows are written with underscores; only the names of the options, which stand behind the
	 * two dashes, change. */
	for (size_t i = start; !buf->failed && i + 4 < buf->len; i++) {
		if (memcmp(buf->ptr + i, "  --", 4) != 0 || (i > start && buf->ptr[i - 1] != '\n'))
			continue;
		for (i += 4; i < buf->len && buf->ptr[i] != ' ' && buf->ptr[i] != '\n'; i++)
			if (buf->ptr[i] == '_')
				buf->ptr[i] = '-';
	}
	buf_text(buf, "  --help\n      Prints this.\n");
}

static void print_help(const struct arguments *arguments)
{
	struct buf buf;
	buf_init(&buf, ARGUMENTS_HELP_BYTES_MAX);
	arguments_help(arguments, &buf);
	check(!buf.failed);
	fwrite(buf.ptr, 1, buf.len, stdout);
	buf_release(&buf);
}

bool arguments_take(const struct arguments *arguments, int argc, char **argv, void *config,
	struct words *ret_words, int *ret_exit)
{
	struct error err = { OK, "" };
	bool help;
	if (arguments_parse(arguments, argc, argv, config, ret_words, &help, &err) != OK) {
		fprintf(stderr, "%s: %s\n", arguments->command, err.text);
		*ret_exit = EXIT_USAGE;
		return false;
	}
	if (help) {
		print_help(arguments);
		*ret_exit = EXIT_DONE;
		return false;
	}
	return true;
}
