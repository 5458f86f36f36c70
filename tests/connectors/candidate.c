#include "candidate.h"

#include "erp/registry.h"
#include "harness.h"
#include "retail/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 1 << 20, URL_TEXT_MAX = 256 };

const char *candidate_setting(const char *name)
{
	const char *value = getenv(name);
	if (value == NULL)
		test_fail(__FILE__, __LINE__,
			"%s is not set: tests/connectors/candidate.h says to what", name);
	return value;
}

static char *read_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	char *text = calloc(1, FILE_BYTES_MAX);
	if (f == NULL || text == NULL)
		test_fail(__FILE__, __LINE__, "%s cannot be read", path);
	EXPECT(fread(text, 1, FILE_BYTES_MAX - 1, f) > 0);
	fclose(f);
	return text;
}

struct documents *documents_load(void)
{
	struct documents *d = calloc(1, sizeof(*d));
	struct findings findings = { 0 };
	if (d == NULL)
		test_fail(__FILE__, __LINE__, "no memory for documents");
	arena_init(&d->arena, 8 << 20);
	d->text = read_file(candidate_setting("CONTRACT_DOCUMENTS"));
	struct slice rest = slice_of(d->text);
	while (rest.len > 0) {
		struct slice line = slice_cut(rest, '\n', &rest);
		if (line.len == 0)
			continue;
		EXPECT(d->count < CANDIDATE_DOCUMENTS_MAX);
		if (transaction_decode(line, &d->arena, &d->items[d->count++], &findings) != OK)
			test_fail(__FILE__, __LINE__, "document %zu: %s", d->count,
				findings.items[0].detail);
	}
	EXPECT(d->count > 0);
	return d;
}

void documents_unload(struct documents *d)
{
	arena_release(&d->arena);
	free(d->text);
	free(d);
}

/* One "name: value". */
static void set(struct candidate *s, struct slice line)
{
	struct error err;
	struct slice value, name = slice_trim(slice_cut(line, ':', &value));
	if (name.len == 0)
		return;
	const struct option *option = option_find(s->type->options, name);
	if (option == NULL)
		test_fail(__FILE__, __LINE__, "%s has no option \"%.*s\"", s->type->name,
			SLICE_ARG(name));
	EXPECT_OK(option_set(option, s->config, slice_trim(value), &err), err);
}

static void find_url(char url[static URL_TEXT_MAX])
{
	char *text = read_file(candidate_setting("CONTRACT_OPTIONS"));
	const char *at = strstr(text, "url: ");
	EXPECT(at != NULL);
	if (at != NULL)
		snprintf(url, URL_TEXT_MAX, "%.*s", (int)strcspn(at + 5, "\n"), at + 5);
	free(text);
}

/* The port is what stands behind the last colon. */
unsigned candidate_server_port(void)
{
	char url[URL_TEXT_MAX] = "";
	find_url(url);
	const char *colon = strrchr(url, ':');
	return colon == NULL ? 0 : (unsigned)strtoul(colon + 1, NULL, 10);
}

static void redirect(struct candidate *s, unsigned port)
{
	char url[URL_TEXT_MAX] = "", line[URL_TEXT_MAX + 32];
	find_url(url);
	char *colon = strrchr(url, ':');
	EXPECT(colon != NULL);
	if (colon == NULL)
		return;
	snprintf(line, sizeof(line), "url: %.*s:%u", (int)(colon - url), url, port);
	set(s, slice_of(line));
}

void candidate_open(struct candidate *s, unsigned port, const char *extra)
{
	struct error err;
	struct connector_environment environment = {
		.name = "erp", .timeout_ms = 60000, .stop = &s->stop
	};
	*s = (struct candidate){ .type = erp_find(
					 slice_of(candidate_setting("CONTRACT_CONNECTOR"))) };
	if (s->type == NULL)
		test_fail(__FILE__, __LINE__, "there is no connector \"%s\"",
			candidate_setting("CONTRACT_CONNECTOR"));
	s->config = calloc(1, s->type->config_size);
	EXPECT(s->config != NULL);
	options_default(s->type->options, s->config);
	char *text = read_file(candidate_setting("CONTRACT_OPTIONS"));
	struct slice rest = slice_of(text);
	while (rest.len > 0)
		set(s, slice_cut(rest, '\n', &rest));
	if (port != 0)
		redirect(s, port);
	if (extra != NULL)
		set(s, slice_of(extra));
	free(text);
	EXPECT_OK(s->type->open(s->config, &environment, &s->instance, &err), err);
}

void candidate_close(struct candidate *s)
{
	s->type->close(s->instance);
	options_release(s->type->options, s->config);
	free(s->config);
}

struct posting candidate_posting(const struct transaction *t, const char *name)
{
	struct posting posting = { .id = 1, .transaction = t };
	snprintf(posting.external_id, sizeof(posting.external_id), "test-%d-%s", (int)getpid(),
		name);
	return posting;
}

enum status candidate_post(struct candidate *s, const struct posting *postings, size_t count,
	struct posting_result *results, struct error *err)
{
	uint64_t retry_after_ms = 0;
	*err = (struct error){ 0 };
	return s->type->post(s->instance, postings, count, results, &retry_after_ms, err);
}

enum outcome candidate_find(struct candidate *s, const struct posting *posting)
{
	struct posting_result result = { 0 };
	struct error err;
	EXPECT_OK(s->type->find(s->instance, posting, 1, &result, &err), err);
	EXPECT(result.outcome == OUTCOME_SETTLED || result.outcome == OUTCOME_NOT_SENT);
	return result.outcome;
}

void candidate_deliver(
	struct candidate *s, const struct posting *posting, struct posting_result *result)
{
	struct error err;
	EXPECT_OK(s->type->find(s->instance, posting, 1, result, &err), err);
	if (result->outcome == OUTCOME_SETTLED)
		return;
	EXPECT_NUMBER(result->outcome, OUTCOME_NOT_SENT);
	EXPECT_OK(candidate_post(s, posting, 1, result, &err), err);
}

void candidate_expect_settled(const struct posting_result *result, const char *what)
{
	if (result->outcome != OUTCOME_SETTLED || result->document[0] == '\0')
		test_fail(__FILE__, __LINE__, "%s: outcome %d, document \"%s\": %s", what,
			result->outcome, result->document, result->detail);
}

void candidate_expect_agreed(struct candidate *s, const struct posting *posting)
{
	struct erp_document document;
	struct differences differences;
	struct arena arena;
	struct buf text;
	struct error err;
	arena_init(&arena, 4 << 20);
	buf_init(&text, 64 << 10);
	EXPECT_OK(s->type->read_back(s->instance, posting, 1, &document, &arena, &err), err);
	if (!document.found)
		test_fail(__FILE__, __LINE__, "%s is not there", posting->external_id);
	if (document.copies != 1)
		test_fail(__FILE__, __LINE__, "%s is there %u times", posting->external_id,
			document.copies);
	EXPECT(match_document(posting->transaction, &document, &arena, &differences) == OK);
	if (differences.count > 0) {
		differences_write(&differences, &text);
		test_fail(__FILE__, __LINE__, "%s: %.*s", posting->external_id, (int)text.len,
			text.ptr);
	}
	buf_release(&text);
	arena_release(&arena);
}
