#include "app/arguments.h"
#include "harness.h"

#include <stddef.h>
#include <stdlib.h>

struct config {
	char *erp_url;
	char *fault;
	uint64_t days;
	bool dev;
};

static const struct option rows[] = {
	{ .name = "erp_url",
		.type = OPTION_TEXT,
		.offset = offsetof(struct config, erp_url),
		.fallback = "http://127.0.0.1:8091",
		.help = "Where the ERP listens; an erp_url." },
	{ .name = "fault",
		.type = OPTION_TEXT,
		.offset = offsetof(struct config, fault),
		.help = "What goes wrong." },
	{ .name = "days",
		.type = OPTION_U64,
		.offset = offsetof(struct config, days),
		.fallback = "0",
		.max = 1000,
		.help = "Only the first days." },
	{ .name = "dev",
		.type = OPTION_BOOL,
		.offset = offsetof(struct config, dev),
		.fallback = "no",
		.help = "Development mode." },
	{ .name = NULL },
};

static const char *const lists[] = { "fault", NULL };
static const struct arguments arguments = {
	.command = "tillbridge send",
	.words = "FILE...",
	.help = "Sends.",
	.options = rows,
	.lists = lists,
	.words_min = 1,
	.words_max = 2,
};

enum { WORDS_MAX = 12 };

struct parsed {
	struct config config;
	struct words words;
	struct error err;
	bool help;
	enum status status;
	char *argv[WORDS_MAX + 1];
};

/* Parses a command line that is written with single spaces. */
static struct parsed parse(const char *line)
{
	struct parsed p = { .status = OK };
	static char text[512];
	snprintf(text, sizeof(text), "%s", line);
	int argc = 0;
	for (char *at = text; at != NULL && argc < WORDS_MAX; argc++)
		p.argv[argc] = strsep(&at, " ");
	static char *kept[WORDS_MAX + 1];
	memcpy(kept, p.argv, sizeof(kept));
	p.status = arguments_parse(&arguments, argc, kept, &p.config, &p.words, &p.help, &p.err);
	return p;
}

TEST(options_and_words_may_stand_in_any_order)
{
	struct parsed p = parse("send a.ndjson --erp-url http://x --dev - --days=7");
	EXPECT_OK(p.status, p.err);
	EXPECT_TEXT(p.config.erp_url, "http://x");
	EXPECT(p.config.dev);
	EXPECT_NUMBER(p.config.days, 7);
	EXPECT_NUMBER(p.words.count, 2);
	EXPECT_TEXT(p.words.items[0], "a.ndjson");
	EXPECT_TEXT(p.words.items[1], "-");
	options_release(rows, &p.config);
}

TEST(what_is_not_given_has_its_default)
{
	struct parsed p = parse("send a");
	EXPECT_OK(p.status, p.err);
	EXPECT_TEXT(p.config.erp_url, "http://127.0.0.1:8091");
	EXPECT(!p.config.dev && p.config.days == 0 && p.config.fault == NULL);
	options_release(rows, &p.config);
}

TEST(a_flag_takes_its_value_only_behind_the_equals_sign)
{
	struct parsed p = parse("send --dev no --dev=no");
	EXPECT(p.status == E_CONFIG);
	EXPECT_TEXT(p.err.text, "--dev: is given twice; once is allowed");
	options_release(rows, &p.config);
	p = parse("send --dev=no a");
	EXPECT_OK(p.status, p.err);
	EXPECT(!p.config.dev);
	options_release(rows, &p.config);
}

TEST(everything_behind_two_dashes_is_a_word)
{
	struct parsed p = parse("send -- --days -x");
	EXPECT_OK(p.status, p.err);
	EXPECT_NUMBER(p.words.count, 2);
	EXPECT_TEXT(p.words.items[0], "--days");
	options_release(rows, &p.config);
}

TEST(a_list_option_may_be_repeated)
{
	struct parsed p = parse("send a --fault x=1 --fault y=2 --fault=z=3");
	EXPECT_OK(p.status, p.err);
	EXPECT_TEXT(p.config.fault, "x=1,y=2,z=3");
	options_release(rows, &p.config);
}

static void expect_refused(const char *line, const char *text)
{
	struct parsed p = parse(line);
	EXPECT(p.status == E_CONFIG);
	EXPECT_TEXT(p.err.text, text);
	options_release(rows, &p.config);
}

TEST(what_is_wrong_is_named_with_what_is_allowed)
{
	expect_refused("send a --erp-uri x", "there is no option --erp-uri; there are --erp-url, "
					     "--fault, --days, --dev, --help");
	expect_refused("send a --days x", "--days: \"x\" is not a whole number");
	expect_refused("send a --days=1001", "--days: 1001 is outside 0 to 1000");
	expect_refused("send a --days", "--days needs a value: Only the first days.");
	expect_refused(
		"send a --erp-url=x --erp_url=y", "--erp_url: is given twice; once is allowed");
	expect_refused("send", "0 given, but FILE... is expected");
	expect_refused("send a b c", "\"c\" is one too many: FILE... is expected");
	expect_refused("send a -d", "\"-d\": options begin with two dashes; see --help");
}

TEST(help_is_made_from_the_rows)
{
	struct parsed p = parse("send --help");
	EXPECT(p.status == OK && p.help);
	options_release(rows, &p.config);
	struct buf buf;
	buf_init(&buf, ARGUMENTS_HELP_BYTES_MAX);
	arguments_help(&arguments, &buf);
	buf_char(&buf, '\0');
	EXPECT(!buf.failed);
	EXPECT(strstr(buf.ptr, "tillbridge send [OPTION...] FILE...\n\nSends.\n\n") == buf.ptr);
	EXPECT(strstr(buf.ptr, "  --erp-url\n      Where the ERP listens; an erp_url.") != NULL);
	buf_release(&buf);
}
