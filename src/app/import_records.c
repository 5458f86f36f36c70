/* tillbridge import poslog and csv: whatever a mapping can read, as transactions. Records that do
 * not map are told with their place and left out; the others are written. */
#include "app/arguments.h"
#include "app/import.h"
#include "app/input.h"
#include "app/mapping_file.h"
#include "app/output.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum {
	FILE_BYTES_MAX = 1 << 30,
	TREE_BYTES_MAX = 64 << 20,
	SCRATCH_BYTES_MAX = 32 << 20,
	DOCUMENT_BYTES_MAX = 4 << 20,
	NAMED_MAX = 100, /* problems that are told one by one */
};

struct records_config {
	char *output, *mapping, *store, *reg, *currency, *time_zone;
};

#define TEXT_ROW(option_name, member, ...)                                                         \
	{                                                                                          \
		.name = (option_name), .type = OPTION_TEXT,                                        \
		.offset = offsetof(struct records_config, member), .min = 1, .max = 4096,          \
		__VA_ARGS__                                                                        \
	}
#define COMMON_ROWS                                                                                \
	TEXT_ROW("output", output, .fallback = "-",                                                \
		.help = "Where the transactions go; - is standard output."),                       \
		TEXT_ROW("store", store, .help = "The store of every record."),                    \
		TEXT_ROW("register", reg, .help = "The register of every record."),                \
		TEXT_ROW("currency", currency, .help = "The currency of every record."),           \
		TEXT_ROW("time_zone", time_zone,                                                   \
			.help = "Where the store is, such as Europe/Berlin: what times without "   \
				"an offset mean.")

static const struct option poslog_rows[] = {
	TEXT_ROW("mapping", mapping, .fallback = "poslog-2",
		.help = "poslog-2, poslog-6, poslog-6-json, or the path of a mapping."),
	COMMON_ROWS,
	{ .name = NULL },
};

static const struct option csv_rows[] = {
	TEXT_ROW("mapping", mapping, .required = true,
		.help = "The mapping that knows the columns: a path, or csv-example."),
	COMMON_ROWS,
	{ .name = NULL },
};

struct importing {
	const struct mapping *mapping;
	struct mapping_context context;
	struct output *output;
	struct arena scratch;
	struct buf document;
	struct slice text; /* of the file */
	const char *path;
	uint64_t records, written, skipped, wrong;
};

static void tell(struct importing *importing, const char *where, const char *why)
{
	if (importing->wrong++ < NAMED_MAX)
		fprintf(stderr, "%s: %s: %s\n", importing->path, where, why);
}

/* Only for records that are wrong, so counting from the beginning does not matter. */
static void tell_findings(
	struct importing *importing, struct slice raw, const struct findings *findings)
{
	char where[64], why[POINTER_TEXT_MAX + FINDING_DETAIL_MAX + 4] = "takes too much memory";
	uint64_t line = 1;
	const char *at = importing->text.ptr;
	if (importing->wrong < NAMED_MAX)
		while ((at = memchr(at, '\n', (size_t)(raw.ptr - at))) != NULL) {
			line++;
			at++;
		}
	snprintf(where, sizeof(where), "line %llu", (unsigned long long)line);
	if (findings->count > 0)
		snprintf(why, sizeof(why), "%s: %s", findings->items[0].pointer,
			findings->items[0].detail);
	tell(importing, where, why);
}

static enum status take_record(
	void *context, struct value *record, struct slice raw, struct error *err)
{
	struct importing *importing = context;
	struct findings findings = { .count = 0 };
	enum mapping_verdict verdict = UNMAPPED;
	importing->records++;
	arena_reset(&importing->scratch);
	buf_reset(&importing->document);
	if (mapping_apply(importing->mapping, record, &importing->context, &importing->scratch,
		    &importing->document, &verdict, &findings, NULL) != OK)
		verdict = UNMAPPED;
	if (verdict == UNMAPPED)
		tell_findings(importing, raw, &findings);
	importing->skipped += verdict == SKIPPED;
	importing->written += verdict == MAPPED;
	return verdict == MAPPED
		       ? output_line(importing->output, buf_get(&importing->document), err)
		       : OK;
}

static enum status take_bad(void *context, const char *where, const struct error *why,
	struct slice raw, struct error *err)
{
	(void)raw, (void)err;
	((struct importing *)context)->records++;
	tell(context, where, why->text);
	return OK;
}

static struct slice text_of(const char *text)
{
	return text == NULL ? slice_make(NULL, 0) : slice_of(text);
}

/* Reads the file whole: it may be compressed, or standard input. */
static enum status convert(struct importing *importing, struct error *err)
{
	struct input *input = NULL;
	struct buf bytes;
	struct arena tree;
	struct record_sink sink = { take_record, take_bad, importing };
	buf_init(&bytes, FILE_BYTES_MAX);
	arena_init(&tree, TREE_BYTES_MAX);
	enum status s = input_open(importing->path, &input, err);
	if (s == OK)
		s = input_read_all(input, &bytes, err);
	input_close(input);
	importing->text = bytes.len == 0 ? slice_of("") : buf_get(&bytes);
	if (s == OK)
		s = mapping_format(importing->mapping)
			    ->read(importing->text, mapping_format_options(importing->mapping),
				    &tree, &sink, err);
	arena_release(&tree);
	buf_release(&bytes);
	return s == E_INPUT ? error_wrap(err, "%s", importing->path) : s;
}

static enum status run(
	const struct records_config *config, struct importing *importing, struct error *err)
{
	struct mapping *mapping = NULL;
	struct zone *zone = NULL;
	arena_init(&importing->scratch, SCRATCH_BYTES_MAX);
	buf_init(&importing->document, DOCUMENT_BYTES_MAX);
	enum status s = mapping_file_open(config->mapping, &mapping, err);
	if (s == OK && config->time_zone != NULL)
		s = zone_open(slice_of(config->time_zone), &zone, err);
	if (s == OK)
		s = output_open(config->output, &importing->output, err);
	importing->mapping = mapping;
	importing->context = (struct mapping_context){ .store = text_of(config->store),
		.reg = text_of(config->reg),
		.currency = text_of(config->currency),
		.zone = zone };
	if (s == OK)
		s = convert(importing, err);
	if (s == OK)
		s = output_finish(importing->output, err);
	output_close(importing->output);
	mapping_close(mapping);
	zone_close(zone);
	arena_release(&importing->scratch);
	buf_release(&importing->document);
	return s;
}

static int import_records(const struct arguments *arguments, int argc, char **argv)
{
	struct records_config config = { .output = NULL };
	struct importing importing = { .records = 0 };
	struct error err = { OK, "" };
	struct words words;
	int exit_code = EXIT_DONE;
	if (!arguments_take(arguments, argc, argv, &config, &words, &exit_code)) {
		options_release(arguments->options, &config);
		return exit_code;
	}
	importing.path = words.items[0];
	if (run(&config, &importing, &err) != OK) {
		fprintf(stderr, "%s: %s\n", arguments->command, err.text);
		exit_code = err.status == E_INPUT ? EXIT_FINDINGS : EXIT_CANNOT_RUN;
	} else {
		if (importing.wrong > NAMED_MAX)
			fprintf(stderr, "and %llu more\n",
				(unsigned long long)(importing.wrong - NAMED_MAX));
		fprintf(stderr, "%llu records: %llu transactions, %llu skipped, %llu wrong\n",
			(unsigned long long)importing.records,
			(unsigned long long)importing.written,
			(unsigned long long)importing.skipped, (unsigned long long)importing.wrong);
		exit_code = importing.wrong > 0 ? EXIT_FINDINGS : EXIT_DONE;
	}
	options_release(arguments->options, &config);
	return exit_code;
}

int import_poslog(int argc, char **argv)
{
	static const struct arguments arguments = {
		.command = "tillbridge import poslog",
		.words = "FILE",
		.help = "Reads an ARTS POSLog and writes its transactions, one a line (NDJSON). "
			"POSLog states no offset of its times: give --time-zone. Exit code 1: some "
			"record is wrong; the others are written.",
		.options = poslog_rows,
		.words_min = 1,
		.words_max = 1,
	};
	return import_records(&arguments, argc, argv);
}

int import_csv(int argc, char **argv)
{
	static const struct arguments arguments = {
		.command = "tillbridge import csv",
		.words = "FILE",
		.help = "Reads CSV as a mapping says and writes its transactions, one a line "
			"(NDJSON). `tillbridge map show csv-example` prints a mapping to begin "
			"with. Exit code 1: some record is wrong; the others are written.",
		.options = csv_rows,
		.words_min = 1,
		.words_max = 1,
	};
	return import_records(&arguments, argc, argv);
}
