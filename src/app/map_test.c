/* tillbridge map test: what a mapping makes of a document, field by field. */
#include "app/arguments.h"
#include "app/commands.h"
#include "app/input.h"
#include "app/mapping_file.h"
#include "base/json.h"
#include "retail/rules.h"

#include <stdio.h>
#include <stdlib.h>

enum { DOCUMENT_BYTES_MAX = 256 << 20, RECORD_ARENA_BYTES = 256 << 20, TEXT_BYTES_MAX = 64 << 20 };

struct options {
	char *mapping, *store, *reg, *currency, *time_zone, *topic;
	bool json, quiet;
};

#define AT(field) .offset = offsetof(struct options, field)

static const struct option rows[] = {
	{ .name = "mapping",
		.type = OPTION_TEXT,
		AT(mapping),
		.required = true,
		.help = "A mapping of the program (`tillbridge map list`) or the path of a file." },
	{ .name = "store",
		.type = OPTION_TEXT,
		AT(store),
		.help = "What the door says is the store." },
	{ .name = "register",
		.type = OPTION_TEXT,
		AT(reg),
		.help = "What the door says is the register." },
	{ .name = "currency",
		.type = OPTION_TEXT,
		AT(currency),
		.help = "What the door says is the currency." },
	{ .name = "time_zone",
		.type = OPTION_TEXT,
		AT(time_zone),
		.help = "Where the store is, such as Europe/Berlin." },
	{ .name = "topic",
		.type = OPTION_TEXT,
		AT(topic),
		.help = "What a webhook's header says the message is." },
	{ .name = "json",
		.type = OPTION_BOOL,
		AT(json),
		.fallback = "no",
		.help = "One JSON object a record." },
	{ .name = "quiet",
		.type = OPTION_BOOL,
		AT(quiet),
		.fallback = "no",
		.help = "Only what is wrong, and the count at the end." },
	{ 0 },
};

static const struct arguments arguments = {
	.command = "tillbridge map test",
	.words = "FILE",
	.help = "Shows what a mapping makes of each record of a document: every field with its "
		"value, where it was read and by which line of the mapping; what was not mapped; "
		"what the rules say; and the transaction. - is standard input. Exit code 1: a "
		"record could not be mapped, or a rule would refuse it.",
	.options = rows,
	.words_min = 1,
	.words_max = 1,
};

struct test {
	const struct options *options;
	const struct mapping *mapping;
	struct mapping_context context;
	struct arena arena; /* of one record's result */
	struct buf document, fields, unused, kept;
	struct findings findings;
	uint64_t records, mapped, skipped, unmapped, refused, bad;
};

static void field_json(struct test *test, struct slice field, struct slice value, struct slice from,
	struct slice rule)
{
	json_write_comma(&test->fields);
	buf_char(&test->fields, '{');
	json_write_member(&test->fields, "field", field);
	json_write_member_raw(&test->fields, "value", value);
	json_write_member(&test->fields, "from", from);
	json_write_member(&test->fields, "rule", rule);
	buf_char(&test->fields, '}');
}

static void take_field(
	void *context, struct slice field, struct slice value, struct slice from, struct slice rule)
{
	struct test *test = context;
	if (test->options->json)
		field_json(test, field, value, from, rule);
	else
		buf_format(&test->fields, "  %-28.*s %-28.*s <- %.*s  [%.*s]\n", SLICE_ARG(field),
			SLICE_ARG(value), from.len == 0 ? 1 : (int)from.len,
			from.len == 0 ? "-" : from.ptr, SLICE_ARG(rule));
}

static void take_unused(void *context, struct slice pointer, struct slice value)
{
	struct test *test = context;
	if (!test->options->json) {
		buf_format(&test->unused, "  %-28.*s %.*s\n", SLICE_ARG(pointer), SLICE_ARG(value));
		return;
	}
	json_write_comma(&test->unused);
	buf_char(&test->unused, '{');
	json_write_member(&test->unused, "pointer", pointer);
	json_write_member_raw(&test->unused, "value", value);
	buf_char(&test->unused, '}');
}

/* The findings of the mapping point into the record, those of the rules into the result. */
static void judge(struct test *test, struct arena *arena)
{
	struct transaction t;
	if (transaction_decode(buf_get(&test->document), arena, &t, &test->findings) == OK)
		transaction_check(&t, NULL, &test->findings);
}

static const char *verdict_name(enum mapping_verdict verdict)
{
	static const char *const names[] = {
		[MAPPED] = "mapped", [SKIPPED] = "skipped", [UNMAPPED] = "unmapped"
	};
	return names[verdict];
}

static void show_json(struct test *test, enum mapping_verdict verdict)
{
	struct buf out;
	buf_init(&out, TEXT_BYTES_MAX);
	buf_char(&out, '{');
	json_write_member_u64(&out, "record", test->records);
	json_write_member_text(&out, "verdict", verdict_name(verdict));
	json_write_name(&out, "fields");
	buf_format(&out, "[%.*s]", SLICE_ARG(buf_get(&test->fields)));
	json_write_name(&out, "unmapped");
	buf_format(&out, "[%.*s]", SLICE_ARG(buf_get(&test->unused)));
	json_write_name(&out, "refusing");
	findings_write(&test->findings, true, &out);
	json_write_name(&out, "reporting");
	findings_write(&test->findings, false, &out);
	if (verdict == MAPPED)
		json_write_member_raw(&out, "transaction", buf_get(&test->document));
	buf_char(&out, '}');
	printf("%.*s\n", SLICE_ARG(buf_get(&out)));
	buf_release(&out);
}

static void show_findings(const struct findings *findings)
{
	for (uint32_t i = 0; i < findings->count; i++) {
		const struct finding *f = &findings->items[i];
		printf("  %s: %s: %s: %s\n", f->refuses ? "refused" : "reported", f->rule,
			f->pointer[0] == '\0' ? "/" : f->pointer, f->detail);
	}
	if (findings->dropped > 0)
		printf("  and %u more\n", findings->dropped);
}

static void show_text(struct test *test, enum mapping_verdict verdict)
{
	bool wrong = verdict == UNMAPPED || test->findings.refusing > 0;
	if (test->options->quiet && !wrong)
		return;
	printf("record %llu: %s\n", (unsigned long long)test->records, verdict_name(verdict));
	if (verdict == SKIPPED)
		return;
	if (!test->options->quiet) {
		printf("%.*s", SLICE_ARG(buf_get(&test->fields)));
		if (test->unused.len > 0)
			printf("not mapped:\n%.*s", SLICE_ARG(buf_get(&test->unused)));
	}
	if (test->findings.count > 0) {
		printf("findings:\n");
		show_findings(&test->findings);
	}
	if (verdict == MAPPED && !test->options->quiet)
		printf("transaction:\n%.*s\n", SLICE_ARG(buf_get(&test->document)));
}

static void count(struct test *test, enum mapping_verdict verdict)
{
	test->mapped += verdict == MAPPED && test->findings.refusing == 0;
	test->refused += verdict == MAPPED && test->findings.refusing > 0;
	test->skipped += verdict == SKIPPED;
	test->unmapped += verdict == UNMAPPED;
}

static enum status take_record(
	void *context, struct value *record, struct slice raw, struct error *err)
{
	struct test *test = context;
	const struct mapping_trace trace = { take_field, take_unused, test };
	enum mapping_verdict verdict;
	(void)raw;
	test->records++;
	test->findings = (struct findings){ .count = 0 };
	buf_reset(&test->document);
	buf_reset(&test->fields);
	buf_reset(&test->unused);
	arena_reset(&test->arena);
	enum status s = mapping_apply(test->mapping, record, &test->context, &test->arena,
		&test->document, &verdict, &test->findings, &trace);
	if (s != OK)
		return error_set(err, s, "record %llu takes more memory or work than is allowed",
			(unsigned long long)test->records);
	if (verdict == MAPPED)
		judge(test, &test->arena);
	count(test, verdict);
	if (test->options->json)
		show_json(test, verdict);
	else
		show_text(test, verdict);
	return OK;
}

static enum status take_bad(void *context, const char *where, const struct error *why,
	struct slice raw, struct error *err)
{
	struct test *test = context;
	(void)raw, (void)err;
	test->bad++;
	fprintf(stderr, "tillbridge map test: %s: %s\n", where, why->text);
	return OK;
}

static enum status read_document(struct test *test, const char *path, struct error *err)
{
	struct input *input = NULL;
	struct buf text;
	struct arena arena;
	const struct record_sink sink = { take_record, take_bad, test };
	buf_init(&text, DOCUMENT_BYTES_MAX);
	arena_init(&arena, RECORD_ARENA_BYTES);
	enum status s = input_open(path, &input, err);
	if (s == OK)
		s = input_read_all(input, &text, err);
	if (s == OK)
		s = mapping_format(test->mapping)
			    ->read(buf_get(&text), mapping_format_options(test->mapping), &arena,
				    &sink, err);
	input_close(input);
	arena_release(&arena);
	buf_release(&text);
	return s;
}

static struct slice option_slice(const char *text)
{
	return text == NULL ? (struct slice){ 0 } : slice_of(text);
}

static int run(struct test *test, const char *path)
{
	struct error err;
	enum status s = read_document(test, path, &err);
	if (s != OK) {
		fprintf(stderr, "tillbridge map test: %s\n", err.text);
		return EXIT_CANNOT_RUN;
	}
	if (!test->options->json)
		printf("%llu records: %llu mapped, %llu skipped, %llu refused by a rule, %llu not "
		       "mapped, %llu unreadable\n",
			(unsigned long long)test->records, (unsigned long long)test->mapped,
			(unsigned long long)test->skipped, (unsigned long long)test->refused,
			(unsigned long long)test->unmapped, (unsigned long long)test->bad);
	return test->refused + test->unmapped + test->bad > 0 ? EXIT_FINDINGS : EXIT_DONE;
}

static int open_and_run(const struct options *options, const char *path)
{
	struct test test = { .options = options };
	struct mapping *mapping = NULL;
	struct zone *zone = NULL;
	struct error err;
	int code = EXIT_CANNOT_RUN;
	enum status s = mapping_file_open(options->mapping, &mapping, &err);
	if (s == OK && options->time_zone != NULL)
		s = zone_open(slice_of(options->time_zone), &zone, &err);
	arena_init(&test.arena, RECORD_ARENA_BYTES);
	buf_init(&test.document, TEXT_BYTES_MAX);
	buf_init(&test.fields, TEXT_BYTES_MAX);
	buf_init(&test.unused, TEXT_BYTES_MAX);
	if (s == OK) {
		test.mapping = mapping;
		test.context = (struct mapping_context){ .store = option_slice(options->store),
			.reg = option_slice(options->reg),
			.currency = option_slice(options->currency),
			.topic = option_slice(options->topic),
			.zone = zone };
		code = run(&test, path);
	} else {
		fprintf(stderr, "tillbridge map test: %s\n", err.text);
	}
	mapping_close(mapping);
	zone_close(zone);
	arena_release(&test.arena);
	buf_release(&test.document);
	buf_release(&test.fields);
	buf_release(&test.unused);
	return code;
}

int command_map_test(int argc, char **argv)
{
	struct options options = { 0 };
	struct words words;
	int code;
	if (arguments_take(&arguments, argc, argv, &options, &words, &code))
		code = open_and_run(&options, words.items[0]);
	options_release(rows, &options);
	return code;
}
