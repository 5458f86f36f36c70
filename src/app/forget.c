/* tillbridge forget: destroys the key of a data subject, at a running server. */
#include "app/arguments.h"
#include "app/commands.h"
#include "base/json.h"
#include "erp/rpc.h"
#include "retail/personal.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct options {
	char *url, *by;
	char *identifiers[IDENTIFIER_NONE];
};

#define IDENTIFIER(option, kind, words)                                                            \
	{                                                                                          \
		.name = option, .type = OPTION_TEXT,                                               \
		.offset = offsetof(struct options, identifiers) + sizeof(char *) * (kind),         \
		.min = 1, .max = 200, .help = words                                                \
	}

static const struct option rows[] = {
	{ .name = "url",
		.type = OPTION_TEXT,
		.offset = offsetof(struct options, url),
		.fallback = "http://127.0.0.1:8080",
		.help = "The server." },
	IDENTIFIER("customer_id", IDENTIFIER_CUSTOMER, "The subject with this customer number."),
	IDENTIFIER("loyalty", IDENTIFIER_LOYALTY, "... with this card."),
	IDENTIFIER("email", IDENTIFIER_EMAIL, "... with this e-mail address."),
	IDENTIFIER("phone", IDENTIFIER_PHONE, "... with this phone number."),
	{ .name = "by",
		.type = OPTION_TEXT,
		.offset = offsetof(struct options, by),
		.min = 1,
		.max = 200,
		.help = "Who forgets, for the record. Without it the name of the user." },
	{ 0 },
};

static const struct arguments arguments = {
	.command = "tillbridge forget",
	.words = "[SUBJECT]",
	.help = "Destroys the key of a person, so that nobody can read who bought, in any segment "
		"of the journal and in any backup of it. It cannot be undone.\n"
		"The subject is named by its pseudonym, or by what identifies it: a customer "
		"number is looked for first, then the card, the e-mail address, the phone number.",
	.options = rows,
	.words_max = 1,
};

static const char *user_name(void)
{
	const struct passwd *user = getpwuid(geteuid());
	return user == NULL ? "command line" : user->pw_name;
}

/* A text member of the answer's object; NULL ptr when there is none. */
static struct slice member_of(struct slice body, const char *member, struct arena *arena)
{
	struct json json;
	struct slice name, value, found = { NULL, 0 };
	json_init(&json, body, arena);
	json_object(&json);
	while (json_member(&json, &name)) {
		bool text = slice_is(name, member) && json_peek(&json) == JSON_STRING;
		if (text && json_string(&json, &value))
			found = value;
		else if (!text)
			json_skip(&json, NULL);
	}
	return json.problem == NULL ? found : (struct slice){ NULL, 0 };
}

static int take_answer(const struct rpc_answer *answer, const char *member, char *text, size_t size)
{
	struct arena arena;
	int code = EXIT_CANNOT_RUN;
	arena_init(&arena, 1 << 20);
	struct slice found = member_of(answer->body, member, &arena);
	struct slice detail = member_of(answer->body, "detail", &arena);
	if (answer->http_status == 200 && found.ptr != NULL) {
		snprintf(text, size, "%.*s", SLICE_ARG(found));
		code = EXIT_DONE;
	} else {
		if (detail.ptr == NULL)
			detail = slice_of("the server's answer is not understood");
		fprintf(stderr, "tillbridge forget: %.*s\n", SLICE_ARG(detail));
		code = answer->http_status == 404 ? EXIT_FINDINGS : EXIT_CANNOT_RUN;
	}
	arena_release(&arena);
	return code;
}

/* One call with a JSON object of one text; the answer's `member` goes into `text`. */
static int call(struct rpc *rpc, const char *url, const char *name, const char *value,
	const char *member, char *text, size_t size)
{
	struct rpc_answer answer;
	struct error err;
	struct buf body;
	int code = EXIT_CANNOT_RUN;
	buf_init(&body, 4096);
	buf_char(&body, '{');
	json_write_member_text(&body, name, value);
	buf_char(&body, '}');
	/* Asking twice does no harm: what is forgotten is forgotten. */
	struct rpc_request request = { .method = "POST",
		.url = url,
		.body = buf_get(&body),
		.timeout_ms = 30000,
		.reads = true };
	if (rpc_call(rpc, &request, &answer, &err) == OK)
		code = take_answer(&answer, member, text, size);
	else
		fprintf(stderr, "tillbridge forget: %s\n", err.text);
	buf_release(&body);
	return code;
}

static int run(const struct options *options, const char *word)
{
	char subject[SUBJECT_TEXT_MAX] = "", state[16], url[1024];
	struct rpc *rpc = NULL;
	struct error err;
	int code = EXIT_DONE;
	if (rpc_open(NULL, &rpc, &err) != OK) {
		fprintf(stderr, "tillbridge forget: %s\n", err.text);
		return EXIT_CANNOT_RUN;
	}
	snprintf(url, sizeof(url), "%.500s/v1/subjects/find", options->url);
	for (unsigned i = 0; i < IDENTIFIER_NONE; i++)
		if (options->identifiers[i] != NULL)
			code = call(rpc, url, identifier_names[i], options->identifiers[i],
				"subject", subject, sizeof(subject));
	if (word != NULL)
		snprintf(subject, sizeof(subject), "%s", word);
	snprintf(url, sizeof(url), "%.500s/v1/subjects/%s/forget", options->url, subject);
	if (code == EXIT_DONE)
		code = call(rpc, url, "by", options->by == NULL ? user_name() : options->by,
			"state", state, sizeof(state));
	if (code == EXIT_DONE)
		printf("%s is %s\n", subject, state);
	rpc_close(rpc);
	return code;
}

/* The subject comes in one way. */
static int check_and_run(const struct options *options, const struct words *words)
{
	const char *word = words->count > 0 ? words->items[0] : NULL;
	struct subject_id subject;
	unsigned named = word != NULL;
	for (unsigned i = 0; i < IDENTIFIER_NONE; i++)
		named += options->identifiers[i] != NULL;
	if (named != 1) {
		fprintf(stderr, "tillbridge forget: one SUBJECT, or one of --customer-id, "
				"--loyalty, --email, --phone is expected\n");
		return EXIT_USAGE;
	}
	if (word != NULL && !subject_parse(slice_of(word), &subject)) {
		fprintf(stderr,
			"tillbridge forget: \"%.60s\" is no subject: 32 digits of lower-case "
			"hexadecimal are expected\n",
			word);
		return EXIT_USAGE;
	}
	return run(options, word);
}

int command_forget(int argc, char **argv)
{
	struct options options = { 0 };
	struct words words;
	int code;
	if (arguments_take(&arguments, argc, argv, &options, &words, &code))
		code = check_and_run(&options, &words);
	options_release(rows, &options);
	return code;
}
