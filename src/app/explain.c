/* tillbridge explain: one transaction with its whole story, from a running server. */
#include "app/arguments.h"
#include "app/commands.h"
#include "erp/rpc.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

struct options {
	char *url;
	bool json, reveal;
	uint64_t revision;
};

static const struct option rows[] = {
	{ .name = "url",
		.type = OPTION_TEXT,
		.offset = offsetof(struct options, url),
		.fallback = "http://127.0.0.1:8080",
		.help = "The server." },
	{ .name = "revision",
		.type = OPTION_U64,
		.offset = offsetof(struct options, revision),
		.fallback = "0",
		.max = 1000000,
		.help = "This revision; 0 is the highest one, which stands." },
	{ .name = "reveal",
		.type = OPTION_BOOL,
		.offset = offsetof(struct options, reveal),
		.fallback = "no",
		.help = "Who the customer is, too, unless it was forgotten." },
	{ .name = "json",
		.type = OPTION_BOOL,
		.offset = offsetof(struct options, json),
		.fallback = "no",
		.help = "The server's answer as it is." },
	{ 0 },
};

static const struct arguments arguments = {
	.command = "tillbridge explain",
	.words = "KEY",
	.help = "Tells what became of one transaction. The key is store/register/date/sequence, "
		"for "
		"example 0042/03/2026-11-23/18277.",
	.options = rows,
	.words_min = 1,
	.words_max = 1,
};

/* A member as text, "" when it is absent or no string. */
static const char *text(const json_t *object, const char *name)
{
	const char *value = json_string_value(json_object_get(object, name));
	return value == NULL ? "" : value;
}

static void show_lines(const json_t *transaction)
{
	const json_t *lines = json_object_get(transaction, "lines");
	for (size_t i = 0; i < json_array_size(lines); i++) {
		const json_t *line = json_array_get(lines, i);
		printf("  %-12s %-12s %10s x %-10s = %s\n", text(line, "kind"), text(line, "item"),
			text(line, "quantity"), text(line, "unit_price"), text(line, "amount"));
	}
}

static void show_list(const json_t *story, const char *name, const char *const *members)
{
	const json_t *list = json_object_get(story, name);
	if (json_array_size(list) == 0)
		return;
	printf("%s\n", name);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *item = json_array_get(list, i);
		printf(" ");
		if (json_is_string(item))
			printf(" %s", json_string_value(item));
		for (const char *const *m = members; *m != NULL; m++)
			if (text(item, *m)[0] != '\0')
				printf(" %s %s", *m, text(item, *m));
		printf("\n");
	}
}

/* Only when there is more than one: which stands, and what each did. */
static void show_revisions(const json_t *story)
{
	static const char *const postings[] = { "external_id", "erp", "state", "document", NULL };
	const json_t *list = json_object_get(story, "revisions");
	if (json_array_size(list) < 2)
		return;
	printf("revisions\n");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *revision = json_array_get(list, i);
		printf("  revision %lld  %s  receipt %s\n",
			(long long)json_integer_value(json_object_get(revision, "revision")),
			text(revision, "state"), text(revision, "receipt"));
		show_list(revision, "postings", postings);
	}
}

/* The number is in the clear only while its subject is known, and only when it is asked for. */
static void show_personal(const json_t *personal)
{
	const json_t *fields = json_object_get(personal, "fields");
	const json_t *details = json_object_get(fields, "customer_details");
	static const char *const names[] = { "name", "email", "phone", "loyalty", "address" };
	if (!json_is_object(personal))
		return;
	printf("subject %s  %s\n", text(personal, "subject"), text(personal, "state"));
	if (text(fields, "customer")[0] != '\0')
		printf("  customer %s\n", text(fields, "customer"));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (text(details, names[i])[0] != '\0')
			printf("  %s %s\n", names[i], text(details, names[i]));
}

static void show_story(const json_t *story)
{
	static const char *const findings[] = { "rule", "pointer", "detail", NULL };
	static const char *const stock[] = { "item", "change", NULL };
	static const char *const ledger[] = { "account", "debit", "credit", "currency", "tax_code",
		NULL };
	static const char *const postings[] = { "external_id", "erp", "state", "document", "detail",
		"settled_at", NULL };
	static const char *const steps[] = { "at", "what", "detail", NULL };
	static const char *const none[] = { NULL };
	const json_t *transaction = json_object_get(story, "transaction");
	printf("%s  %s  %s  receipt %s\n", text(story, "key"), text(story, "type"),
		text(story, "state"), text(story, "receipt"));
	printf("gross %s %s\n", text(json_object_get(transaction, "totals"), "gross"),
		text(transaction, "currency"));
	show_personal(json_object_get(story, "personal"));
	show_lines(transaction);
	show_list(story, "findings", findings);
	show_list(story, "stock", stock);
	show_list(story, "ledger", ledger);
	show_list(story, "postings", postings);
	show_revisions(story);
	show_list(story, "exceptions", none);
	show_list(story, "story", steps);
}

static int show_answer(const struct rpc_answer *answer, bool raw)
{
	json_t *json = json_loadb(answer->body.ptr, answer->body.len, 0, NULL);
	int code = EXIT_DONE;
	if (answer->http_status != 200) {
		fprintf(stderr, "tillbridge explain: %s\n",
			json == NULL ? "the server's answer is no JSON" : text(json, "detail"));
		code = answer->http_status == 404 ? EXIT_FINDINGS : EXIT_CANNOT_RUN;
	} else if (raw) {
		printf("%.*s\n", SLICE_ARG(answer->body));
	} else {
		show_story(json);
	}
	json_decref(json);
	return code;
}

static int ask(const struct options *options, const char *key)
{
	struct rpc *rpc = NULL;
	struct rpc_answer answer;
	struct error err;
	char url[1024];
	int code = EXIT_CANNOT_RUN;
	int len = snprintf(url, sizeof(url), "%.500s/v1/transactions/%.400s", options->url, key);
	if (options->reveal)
		len += snprintf(url + len, sizeof(url) - (size_t)len, "?reveal=customer");
	if (options->revision > 0)
		snprintf(url + len, sizeof(url) - (size_t)len, "%crevision=%llu",
			options->reveal ? '&' : '?', (unsigned long long)options->revision);
	struct rpc_request request = {
		.method = "GET", .url = url, .timeout_ms = 30000, .reads = true
	};
	enum status s = rpc_open(NULL, &rpc, &err);
	if (s == OK)
		s = rpc_call(rpc, &request, &answer, &err);
	if (s == OK)
		code = show_answer(&answer, options->json);
	else
		fprintf(stderr, "tillbridge explain: %s\n", err.text);
	rpc_close(rpc);
	return code;
}

int command_explain(int argc, char **argv)
{
	struct options options = { 0 };
	struct words words;
	int code;
	if (arguments_take(&arguments, argc, argv, &options, &words, &code))
		code = ask(&options, words.items[0]);
	options_release(rows, &options);
	return code;
}
