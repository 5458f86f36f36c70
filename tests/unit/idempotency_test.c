/* The Idempotency-Key: the rule alone, with a clock that the test moves, and over HTTP. */
#include "app/commands.h"
#include "app/consumers.h"
#include "bridge_site.h"
#include "intake/idempotency.h"
#include "intake/kept_replies.h"
#include "store/apply.h"

#include <pthread.h>
#include <unistd.h>

/* ---- the rule ---- */

static int64_t now_ms;

static int64_t wall_ms(struct clock *clock)
{
	(void)clock;
	return now_ms;
}

static uint64_t monotonic_ns(struct clock *clock)
{
	(void)clock;
	return (uint64_t)now_ms * 1000000;
}

static struct clock test_clock = { .wall_ms = wall_ms, .monotonic_ns = monotonic_ns };

static struct held {
	struct disk *disk;
	struct journal *journal;
	struct store *store;
	struct apply *apply;
	struct kept_replies_reader *reader;
	struct idempotency *idempotency;
} rule;

static uint64_t rule_applied(void *context)
{
	(void)context;
	return apply_number(rule.apply);
}

static void open_rule(const char *state)
{
	struct error err;
	char path[4096];
	snprintf(path, sizeof(path), "%s/journal", test_folder());
	EXPECT_OK(disk_open_folder(path, &rule.disk, &err), err);
	EXPECT_OK(journal_open(rule.disk, &test_clock, 1 << 20, &rule.journal, &err), err);
	snprintf(path, sizeof(path), "%s/%s", test_folder(), state);
	EXPECT_OK(store_open(path, STORE_WRITE, &rule.store, &err), err);
	static const struct consumer *const only[] = { &kept_replies_consumer, NULL };
	struct apply_config apply = {
		.journal = rule.journal, .store = rule.store, .consumers = only
	};
	EXPECT_OK(apply_open(&apply, &rule.apply, &err), err);
	EXPECT_OK(kept_replies_reader_open(path, &rule.reader, &err), err);
	struct idempotency_config config = { .journal = rule.journal,
		.clock = &test_clock,
		.retention_ms = 1000,
		.find = kept_replies_reader_find,
		.find_context = rule.reader,
		.applied = rule_applied };
	EXPECT_OK(idempotency_open(&config, &rule.idempotency, &err), err);
}

static void close_rule(void)
{
	idempotency_close(rule.idempotency);
	kept_replies_reader_close(rule.reader);
	apply_close(rule.apply);
	store_close(rule.store);
	journal_close(rule.journal);
	rule.disk->ops->close_disk(rule.disk);
}

static struct keyed *request(const char *reg, const char *key, const char *body)
{
	struct hash fingerprint = hash_of(slice_of(body));
	struct keyed *keyed = NULL;
	EXPECT_NUMBER(
		keyed_open(slice_of("0042"), slice_of(reg), slice_of(key), &fingerprint, &keyed),
		OK);
	return keyed;
}

static enum keyed_verdict look_up(const char *reg, const char *key, const char *body, char *answer)
{
	struct error err;
	struct keyed *keyed = request(reg, key, body);
	EXPECT_OK(idempotency_look_up(rule.idempotency, keyed, &err), err);
	if (answer != NULL)
		snprintf(answer, 64, "%u %.*s", keyed->status, SLICE_ARG(buf_get(&keyed->body)));
	enum keyed_verdict verdict = keyed->verdict;
	keyed_close(keyed);
	return verdict;
}

static void keep(const char *reg, const char *key, const char *body, const char *answer)
{
	struct error err;
	struct keyed *keyed = request(reg, key, body);
	keyed->status = 201;
	keyed->form = KEPT_JSON;
	buf_text(&keyed->body, answer);
	EXPECT_OK(idempotency_keep(rule.idempotency, keyed, &err), err);
	EXPECT_OK(journal_sync(rule.journal, &err), err);
	keyed_close(keyed);
}

static void catch_up(void)
{
	struct error err;
	EXPECT_OK(apply_catch_up(rule.apply, NULL, NULL, &err), err);
}

static int64_t rows(void)
{
	struct error err;
	struct statement *read = NULL;
	bool row = false;
	EXPECT_OK(store_prepare(rule.store, "SELECT count(*) FROM kept_reply", &read, &err), err);
	EXPECT_OK(statement_step(read, &row, &err), err);
	int64_t count = statement_int(read, 0);
	statement_close(read);
	return count;
}

TEST(a_key_is_replayed_before_and_after_the_state_has_it)
{
	char answer[64];
	now_ms = 1000000;
	open_rule("state.db");
	EXPECT_NUMBER(look_up("03", "k", "body", NULL), KEYED_NEW);
	keep("03", "k", "body", "{\"a\":1}");
	for (int round = 0; round < 2; round++) {
		EXPECT_NUMBER(look_up("03", "k", "body", answer), KEYED_REPLAY);
		EXPECT_TEXT(answer, "201 {\"a\":1}");
		EXPECT_NUMBER(look_up("03", "k", "other", NULL), KEYED_OTHER);
		catch_up();
		keep(round == 0 ? "05" : "06", "drops what is applied", "x", "{}");
	}
	EXPECT_NUMBER(look_up("04", "k", "body", NULL), KEYED_NEW);
	EXPECT_NUMBER(look_up("03", "K", "body", NULL), KEYED_NEW);
	close_rule();
}

TEST(a_key_is_free_again_when_its_time_is_over_and_rows_go_by_the_time_of_events)
{
	char answer[64];
	now_ms = 1000000;
	open_rule("state.db");
	keep("03", "k", "body", "{}");
	catch_up();
	now_ms += 999;
	EXPECT_NUMBER(look_up("03", "k", "body", NULL), KEYED_REPLAY);
	now_ms += 1;
	EXPECT_NUMBER(look_up("03", "k", "other", NULL), KEYED_NEW);
	catch_up();
	EXPECT_NUMBER(rows(), 1); /* no event has come since */
	keep("03", "k", "other", "{\"b\":2}");
	catch_up();
	EXPECT_NUMBER(rows(), 1);
	EXPECT_NUMBER(look_up("03", "k", "other", answer), KEYED_REPLAY);
	EXPECT_TEXT(answer, "201 {\"b\":2}");
	now_ms += 5000;
	keep("03", "l", "body", "{}");
	catch_up();
	EXPECT_NUMBER(rows(), 1);
	close_rule();
}

static struct hash digest_of(struct store *store)
{
	struct error err;
	struct hash hash;
	EXPECT_OK(store_digest(store, NULL, NULL, &hash, &err), err);
	return hash;
}

TEST(batches_and_clocks_that_go_back_make_no_other_rows)
{
	static const int64_t steps[] = { 0, 400, 5000, -4500, 300, 900, -100000, 200000 };
	char key[16];
	now_ms = 1000000;
	open_rule("state.db");
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		now_ms += steps[i];
		snprintf(key, sizeof(key), "k%zu", i);
		keep("03", key, "body", "{}");
		keep("03", "again", key, "{}");
		catch_up();
	}
	int64_t left = rows();
	struct hash batches = digest_of(rule.store);
	close_rule();
	open_rule("again.db");
	catch_up();
	struct hash once = digest_of(rule.store);
	EXPECT_NUMBER(rows(), left);
	EXPECT(left >= 1 && left < 9);
	EXPECT(memcmp(&batches, &once, sizeof(once)) == 0);
	close_rule();
}

TEST(a_clock_that_was_far_ahead_for_once_drops_nothing_that_is_kept_later)
{
	now_ms = 1000000;
	open_rule("state.db");
	keep("03", "before", "body", "{}");
	now_ms = 4000000000;
	keep("03", "ahead", "body", "{}");
	catch_up();
	now_ms = 1000100;
	keep("03", "after", "body", "{}");
	catch_up();
	EXPECT_NUMBER(look_up("03", "after", "body", NULL), KEYED_REPLAY);
	close_rule();
	open_rule("state.db");
	EXPECT_NUMBER(look_up("03", "after", "body", NULL), KEYED_REPLAY);
	EXPECT_NUMBER(look_up("03", "before", "body", NULL), KEYED_NEW);
	keep("03", "last", "body", "{}");
	catch_up();
	EXPECT_NUMBER(rows(), 3);
	close_rule();
}

TEST(the_first_request_under_way_keeps_the_others_out)
{
	now_ms = 1000000;
	open_rule("state.db");
	struct keyed *first = request("03", "k", "body"), *same = request("03", "k", "body");
	struct keyed *other = request("03", "k", "other"), *apart = request("04", "k", "body");
	EXPECT_NUMBER(idempotency_enter(rule.idempotency, first), KEYED_NEW);
	EXPECT_NUMBER(idempotency_enter(rule.idempotency, same), KEYED_IN_FLIGHT);
	EXPECT_NUMBER(idempotency_enter(rule.idempotency, other), KEYED_OTHER);
	EXPECT_NUMBER(idempotency_enter(rule.idempotency, apart), KEYED_NEW);
	idempotency_leave(rule.idempotency, first);
	EXPECT_NUMBER(idempotency_enter(rule.idempotency, same), KEYED_NEW);
	idempotency_leave(rule.idempotency, same);
	idempotency_leave(rule.idempotency, apart);
	keyed_close(first);
	keyed_close(same);
	keyed_close(other);
	keyed_close(apart);
	close_rule();
}

TEST(the_header_is_a_quoted_string_or_a_plain_one)
{
	static const struct {
		const char *value, *key; /* NULL: refused */
	} forms[] = {
		{ "\"8e03978e-40d5\"", "8e03978e-40d5" },
		{ "8e03978e-40d5", "8e03978e-40d5" },
		{ "\"a b,c;d\"", "a b,c;d" },
		{ "\"a\\\"b\\\\c\"", "a\"b\\c" },
		{ "", NULL },
		{ "\"", NULL },
		{ "\"\"", NULL },
		{ "\"a", NULL },
		{ "a\"", NULL },
		{ "\"a\"b\"", NULL },
		{ "\"a\\\"", NULL },
		{ "\"a\\n\"", NULL },
		{ "\"a\";p=1", NULL },
		{ "a b", NULL },
		{ "a,b", NULL },
		{ "a;b", NULL },
		{ "k\xc3\xa9", NULL },
		{ "\"k\xc3\xa9\"", NULL },
		{ "\"k\t\"", NULL },
	};
	char key[IDEMPOTENCY_KEY_MAX], longest[IDEMPOTENCY_KEY_MAX + 4];
	struct error err;
	size_t len;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		enum status s = idempotency_key_read(slice_of(forms[i].value), key, &len, &err);
		if (forms[i].key == NULL ? s != E_INPUT
					 : s != OK || !slice_is(slice_make(key, len), forms[i].key))
			test_fail(__FILE__, __LINE__, "%s is read as %.*s", forms[i].value,
				s == OK ? (int)len : 0, key);
	}
	memset(longest, '"', sizeof(longest));
	memset(longest + 1, 'k', IDEMPOTENCY_KEY_MAX + 1);
	EXPECT_NUMBER(
		idempotency_key_read(slice_make(longest, IDEMPOTENCY_KEY_MAX + 3), key, &len, &err),
		E_INPUT);
	EXPECT(strstr(err.text, "too long") != NULL);
	EXPECT_NUMBER(idempotency_key_read(
			      slice_make(longest + 1, IDEMPOTENCY_KEY_MAX + 1), key, &len, &err),
		E_INPUT);
	EXPECT_NUMBER(
		idempotency_key_read(slice_make(longest + 1, IDEMPOTENCY_KEY_MAX), key, &len, &err),
		OK);
	EXPECT_NUMBER(len, IDEMPOTENCY_KEY_MAX);
}

TEST(an_event_that_is_cut_or_lengthened_is_no_kept_answer)
{
	struct kept_reply reply = { .store = SLICE("0042"),
		.reg = SLICE("03"),
		.key = SLICE("k"),
		.status = 409,
		.form = KEPT_PROBLEM,
		.expires_ms = 17,
		.body = SLICE("{}") };
	struct kept_reply read;
	struct buf buf;
	struct error err;
	buf_init(&buf, 1 << 16);
	kept_reply_encode(&reply, &buf);
	EXPECT_OK(kept_reply_decode(buf_get(&buf), &read, &err), err);
	EXPECT(slice_is(read.store, "0042") && slice_is(read.reg, "03") && slice_is(read.key, "k"));
	EXPECT(slice_is(read.body, "{}") && read.status == 409 && read.expires_ms == 17);
	for (size_t len = 0; len < buf.len; len++)
		EXPECT_NUMBER(kept_reply_decode(slice_make(buf.ptr, len), &read, &err), E_CORRUPT);
	buf_char(&buf, ' ');
	EXPECT_NUMBER(kept_reply_decode(buf_get(&buf), &read, &err), E_CORRUPT);
	buf_release(&buf);
}

/* ---- over HTTP ---- */

struct sent {
	unsigned status;
	bool replayed;
	size_t len;
	char answer[4096];
};

static size_t take_bytes(char *bytes, size_t size, size_t count, void *context)
{
	struct sent *sent = context;
	if (sent->len + size * count < sizeof(sent->answer)) {
		memcpy(sent->answer + sent->len, bytes, size * count);
		sent->len += size * count;
	}
	return size * count;
}

static size_t take_header(char *bytes, size_t size, size_t count, void *context)
{
	struct sent *sent = context;
	static const char line[] = "Idempotency-Replayed: true\r\n";
	sent->replayed |= slice_is(slice_make(bytes, size * count), line);
	return size * count;
}

/* With one Idempotency-Key, two, or none. */
static struct sent send_keyed(
	const char *type, const char *key, const char *second, const char *body)
{
	struct sent sent = { .status = 0 };
	char url[64], header[64], line[300], more[300];
	long status = 0;
	CURL *curl = curl_easy_init();
	EXPECT(curl != NULL);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/v1/transactions", bridge_port(site.bridge));
	snprintf(header, sizeof(header), "Content-Type: %s", type);
	struct curl_slist *headers = curl_slist_append(NULL, header);
	headers = curl_slist_append(headers, "Expect:");
	snprintf(line, sizeof(line), "Idempotency-Key: %s", key == NULL ? "" : key);
	snprintf(more, sizeof(more), "Idempotency-Key: %s", second == NULL ? "" : second);
	if (key != NULL)
		headers = curl_slist_append(headers, line);
	if (second != NULL)
		headers = curl_slist_append(headers, more);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_bytes);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &sent);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, &sent);
	CURLcode code = curl_easy_perform(curl);
	if (code != CURLE_OK)
		test_fail(__FILE__, __LINE__, "POST: %s", curl_easy_strerror(code));
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	sent.status = (unsigned)status;
	sent.answer[sent.len] = '\0';
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
	return sent;
}

static struct sent send_one(const char *key, const char *body)
{
	return send_keyed("application/json", key, NULL, body);
}

static void sale(char *body, size_t size, unsigned sequence, const char *item)
{
	snprintf(body, size, sale_format, "0042", sequence, item);
}

static void expect_replay(const struct sent *first, const struct sent *again)
{
	EXPECT_NUMBER(again->status, first->status);
	EXPECT_TEXT(again->answer, first->answer);
	EXPECT(again->replayed && !first->replayed);
}

/* The state goes, the journal stays: it is derived again at the start. */
static void restart_without_state(void)
{
	static const char *const ends[] = { "", "-wal", "-shm" };
	char path[256];
	stop_bridge();
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		snprintf(path, sizeof(path), "%s/" DATA_STATE "%s", site.data, ends[i]);
		unlink(path);
	}
	start_bridge();
}

TEST(an_answer_is_replayed_byte_for_byte_through_restart_and_rebuild)
{
	char body[1024], other[1024], lines[3072];
	sale(body, sizeof(body), 1, "A");
	sale(other, sizeof(other), 1, "B");
	snprintf(lines, sizeof(lines), "%s\n{\"store\"\n%s\n", body, other);
	start();
	struct sent first = send_one("\"one\"", body), conflict = send_one("two", other);
	struct sent many = send_keyed("application/x-ndjson", "three", NULL, lines);
	EXPECT_NUMBER(first.status, 201);
	EXPECT_NUMBER(conflict.status, 409);
	EXPECT_NUMBER(many.status, 200);
	EXPECT(strstr(many.answer, "\"status_code\":400") != NULL &&
		strstr(many.answer, "\"duplicate\":true") != NULL);
	for (int round = 0; round < 3; round++) {
		struct sent again = send_one("one", body);
		expect_replay(&first, &again);
		again = send_one("two", other);
		expect_replay(&conflict, &again);
		again = send_keyed("application/x-ndjson", "three", NULL, lines);
		expect_replay(&many, &again);
		again = send_one("one", other);
		EXPECT_NUMBER(again.status, 422);
		EXPECT(strstr(again.answer, "/idempotency-key-reused") != NULL);
		again = send_one(NULL, body);
		EXPECT_NUMBER(again.status, 200);
		if (round == 0) {
			stop_bridge();
			start_bridge();
		} else {
			restart_without_state();
		}
	}
	wait_for("/v1/status", "\"accepted\":1,");
	stop();
}

TEST(what_changed_nothing_is_not_kept_and_scopes_are_apart)
{
	char body[1024], wrong[1024], elsewhere[1024];
	sale(body, sizeof(body), 1, "A");
	snprintf(wrong, sizeof(wrong), "%s", body);
	memcpy(strstr(wrong, "\"gross\":\"15.30\""), "\"gross\":\"99.30\"", 15);
	snprintf(elsewhere, sizeof(elsewhere), sale_format, "0043", 1U, "A");
	start();
	EXPECT_NUMBER(send_one("k", wrong).status, 422);
	EXPECT_NUMBER(send_one("k", "{\"store\":").status, 400);
	EXPECT_NUMBER(send_one("k", body).status, 201);
	EXPECT_NUMBER(send_one("k", elsewhere).status, 201);
	struct sent reused = send_one("k", wrong);
	EXPECT_NUMBER(reused.status, 422);
	EXPECT(strstr(reused.answer, "/idempotency-key-reused") != NULL);
	struct sent malformed = send_one("a b", body);
	EXPECT_NUMBER(malformed.status, 400);
	EXPECT(strstr(malformed.answer, "/idempotency-key-malformed") != NULL);
	EXPECT_NUMBER(send_keyed("application/json", "k", "k", body).status, 400);
	stop();
}

TEST(a_configuration_can_ask_for_a_key_with_every_request)
{
	char body[1024];
	sale(body, sizeof(body), 1, "A");
	site.yaml = "idempotency_key: required\n";
	start();
	struct sent without = send_one(NULL, body);
	EXPECT_NUMBER(without.status, 400);
	EXPECT(strstr(without.answer, "/idempotency-key-missing") != NULL);
	EXPECT_NUMBER(send_one("k", body).status, 201);
	stop();
}

/* ---- many at once ---- */

enum { SENDERS = 100 };

struct race {
	pthread_barrier_t start;
	const char *key, *body;
	struct sent sent[SENDERS];
	atomic_uint next;
};

static void *run_sender(void *argument)
{
	struct race *race = argument;
	unsigned mine = atomic_fetch_add(&race->next, 1);
	pthread_barrier_wait(&race->start);
	race->sent[mine] = send_one(race->key, race->body);
	return NULL;
}

static struct race race;

static void run_race(const char *key, const char *body)
{
	pthread_t threads[SENDERS];
	race.key = key;
	race.body = body;
	atomic_store(&race.next, 0);
	EXPECT_NUMBER(pthread_barrier_init(&race.start, NULL, SENDERS), 0);
	for (int i = 0; i < SENDERS; i++)
		EXPECT_NUMBER(pthread_create(&threads[i], NULL, run_sender, &race), 0);
	for (int i = 0; i < SENDERS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&race.start);
}

static unsigned count_status(unsigned status)
{
	unsigned count = 0;
	for (int i = 0; i < SENDERS; i++)
		count += race.sent[i].status == status;
	return count;
}

static const char *receipt_of(struct sent *sent, char receipt[static 80])
{
	const char *at = strstr(sent->answer, "\"receipt\":\"");
	receipt[0] = '\0';
	if (at != NULL)
		sscanf(at, "\"receipt\":\"%70[0-9a-f-]", receipt);
	return receipt;
}

TEST(a_hundred_at_once_have_one_effect_and_equal_receipts)
{
	char body[1024], first[80], receipt[80];
	sale(body, sizeof(body), 1, "A");
	start();
	run_race(NULL, body);
	EXPECT_NUMBER(count_status(201), 1);
	EXPECT_NUMBER(count_status(200), SENDERS - 1);
	receipt_of(&race.sent[0], first);
	EXPECT(strlen(first) > 30);
	for (int i = 1; i < SENDERS; i++)
		EXPECT_TEXT(receipt_of(&race.sent[i], receipt), first);
	wait_for("/v1/stock?item=A&location=0042", "\"on_hand\":\"-6\"");
	restart_without_state();
	struct sent again = send_one(NULL, body);
	EXPECT_NUMBER(again.status, 200);
	EXPECT_TEXT(receipt_of(&again, receipt), first);
	wait_for("/v1/status", "\"accepted\":1,");
	stop();
}

TEST(a_hundred_at_once_with_one_idempotency_key_get_one_answer)
{
	char body[1024], other[1024];
	struct sent *answer = NULL;
	sale(body, sizeof(body), 1, "A");
	sale(other, sizeof(other), 2, "A");
	start();
	run_race("one", body);
	EXPECT_NUMBER(count_status(201) + count_status(409), SENDERS);
	unsigned originals = 0;
	for (int i = 0; i < SENDERS; i++) {
		if (race.sent[i].status == 409) {
			EXPECT(strstr(race.sent[i].answer, "/idempotency-key-in-flight") != NULL);
			continue;
		}
		originals += !race.sent[i].replayed;
		if (answer == NULL)
			answer = &race.sent[i];
		EXPECT_TEXT(race.sent[i].answer, answer->answer);
	}
	EXPECT_NUMBER(originals, 1);
	EXPECT_NUMBER(send_one("one", other).status, 422);
	wait_for("/v1/stock?item=A&location=0042", "\"on_hand\":\"-6\"");
	stop();
}

/* ---- for the life of the journal ---- */

enum { MANY = 300 };

static void many_sales(struct buf *buf, const char *item)
{
	char body[1024];
	buf_init(buf, 1 << 20);
	for (unsigned i = 1; i <= MANY; i++) {
		sale(body, sizeof(body), i, item);
		buf_text(buf, body);
		buf_char(buf, '\n');
	}
	buf_char(buf, '\0');
}

/* The receipts of all lines, one behind the other. */
static void receipts(const char *answers, struct buf *buf)
{
	const char *at = answers;
	buf_init(buf, 1 << 20);
	while ((at = strstr(at, "\"receipt\":\"")) != NULL) {
		at += strlen("\"receipt\":\"");
		buf_append(buf, at, strcspn(at, "\""));
		buf_char(buf, '\n');
	}
}

static unsigned count_text(const char *text, const char *word)
{
	unsigned count = 0;
	for (const char *at = text; (at = strstr(at, word)) != NULL; at++)
		count++;
	return count;
}

static void archive_all(void)
{
	char command[] = "archive", data[] = "--data", keep[] = "--keep", none[] = "0";
	char path[256];
	char *arguments[] = { command, data, site.data, keep, none, NULL };
	stop_bridge();
	EXPECT_NUMBER(command_archive(5, arguments), 0);
	snprintf(path, sizeof(path), "%s/journal/0000000000000001.segment", site.data);
	EXPECT(access(path, F_OK) != 0);
	start_bridge();
}

static void expect_known(const char *lines, const struct buf *first)
{
	struct buf again;
	EXPECT_NUMBER(call(bridge_port(site.bridge), "POST", "/v1/transactions",
			      "application/x-ndjson", lines),
		200);
	EXPECT_NUMBER(count_text(site.answer, "\"duplicate\":true"), MANY);
	receipts(site.answer, &again);
	EXPECT(slice_equal(buf_get(first), buf_get(&again)));
	buf_release(&again);
}

TEST(receipts_and_conflicts_are_the_same_from_archived_segments)
{
	struct buf lines, others, first;
	char body[1024];
	many_sales(&lines, "A");
	many_sales(&others, "B");
	site.segment_bytes = "64K";
	start();
	sale(body, sizeof(body), 1, "A");
	struct sent keyed = send_one("one", body);
	EXPECT_NUMBER(keyed.status, 201);
	EXPECT_NUMBER(call(bridge_port(site.bridge), "POST", "/v1/transactions",
			      "application/x-ndjson", lines.ptr),
		200);
	receipts(site.answer, &first);
	EXPECT_NUMBER(count_text(first.ptr, "\n"), MANY);
	wait_for("/v1/stock?item=A&location=0042", "\"on_hand\":\"-1800\"");
	archive_all();
	for (int round = 0; round < 2; round++) {
		expect_known(lines.ptr, &first);
		struct sent again = send_one("one", body);
		expect_replay(&keyed, &again);
		EXPECT_NUMBER(call(bridge_port(site.bridge), "POST", "/v1/transactions",
				      "application/x-ndjson", others.ptr),
			200);
		EXPECT_NUMBER(count_text(site.answer, "\"status_code\":409"), MANY);
		restart_without_state();
	}
	wait_for("/v1/stock?item=A&location=0042", "\"on_hand\":\"-1800\"");
	wait_for("/v1/status", "\"accepted\":300,");
	stop();
	buf_release(&lines);
	buf_release(&others);
	buf_release(&first);
}

TEST(a_damaged_state_says_what_to_do_and_is_rebuilt)
{
	char command[] = "rebuild", data[] = "--data", path[256], body[1024];
	char *arguments[] = { command, data, site.data, NULL };
	const struct bridge_hooks hooks = { part_failed, NULL, NULL };
	struct bridge *bridge;
	struct error err;
	sale(body, sizeof(body), 1, "A");
	start();
	struct sent first = send_one("one", body);
	stop_bridge();
	snprintf(path, sizeof(path), "%s/" DATA_STATE, site.data);
	FILE *file = fopen(path, "we");
	EXPECT(file != NULL && fwrite(body, 1, sizeof(body), file) == sizeof(body));
	EXPECT_NUMBER(fclose(file), 0);
	site.config = (struct config){ .erp_count = 0 };
	options_default(serve_options, &site.config.serve);
	EXPECT_OK(option_set(option_find(serve_options, slice_of("data")), &site.config.serve,
			  slice_of(site.data), &err),
		err);
	EXPECT_NUMBER(bridge_open(&site.config, &hooks, &bridge, &err), E_CORRUPT);
	EXPECT(strstr(err.text, "`tillbridge rebuild` makes it again") != NULL);
	config_release(&site.config);
	EXPECT_NUMBER(command_rebuild(3, arguments), 0);
	start_bridge();
	struct sent again = send_one("one", body);
	expect_replay(&first, &again);
	wait_for("/v1/stock?item=A&location=0042", "\"on_hand\":\"-6\"");
	stop();
}
