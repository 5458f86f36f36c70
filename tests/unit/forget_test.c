/* Personal data through the whole bridge: nothing of it in clear in the data folder, shown when it
 * is asked for, and gone when its subject is forgotten, whatever is restored afterwards. */
#include "bridge_site.h"

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const clear_texts[] = { "c-8812", "Ann Example", "ann@example.org", "+49301234",
	"LC-77-1", "Hauptstr" };

static unsigned sell(const char *person, unsigned sequence)
{
	char body[2600];
	int len = snprintf(body, sizeof(body), sale_format, "0042", sequence, "A");
	snprintf(body + len - 1, sizeof(body) - (size_t)len, ",%s}", person);
	return call(bridge_port(site.bridge), "POST", "/v1/transactions", "application/json", body);
}

#define ANN                                                                                        \
	"\"customer\":\"c-8812\",\"customer_details\":{\"name\":\"Ann Example\",\"email\":"        \
	"\"ann@example.org\",\"phone\":\"+49301234\",\"loyalty\":\"LC-77-1\",\"address\":"         \
	"\"Hauptstr. 1\"}"

static unsigned files_looked_at;

/* nftw() of a file: fails the test when it has a text in clear. */
static int look_into(const char *path, const struct stat *st, int type, struct FTW *place)
{
	(void)place;
	if (type != FTW_F)
		return 0;
	char *bytes = malloc((size_t)st->st_size + 1);
	FILE *file = fopen(path, "re");
	EXPECT(bytes != NULL && file != NULL);
	size_t len = fread(bytes, 1, (size_t)st->st_size, file);
	fclose(file);
	for (size_t i = 0; i < sizeof(clear_texts) / sizeof(clear_texts[0]); i++)
		if (memmem(bytes, len, clear_texts[i], strlen(clear_texts[i])) != NULL)
			test_fail(__FILE__, __LINE__, "%s has \"%s\"", path, clear_texts[i]);
	free(bytes);
	files_looked_at++;
	return 0;
}

static void expect_nothing_in_clear(void)
{
	files_looked_at = 0;
	EXPECT_NUMBER(nftw(site.data, look_into, 16, FTW_PHYS), 0);
	EXPECT(files_looked_at >= 4);
	EXPECT_NUMBER(nftw(site.erp_data, look_into, 16, FTW_PHYS), 0);
}

/* The text of a member of the last answer. */
static void member(const char *name, char *text, size_t size)
{
	char start[64];
	snprintf(start, sizeof(start), "\"%s\":\"", name);
	const char *found = strstr(site.answer, start);
	if (found == NULL)
		test_fail(__FILE__, __LINE__, "no %s in %s", name, site.answer);
	found += strlen(start);
	snprintf(text, size, "%.*s", (int)strcspn(found, "\""), found);
}

static void find_ann(char subject[33])
{
	EXPECT_NUMBER(call(bridge_port(site.bridge), "POST", "/v1/subjects/find",
			      "application/json", "{\"customer\":\" c-8812 \"}"),
		200);
	member("subject", subject, 33);
}

static unsigned forget(const char *subject)
{
	char path[128];
	snprintf(path, sizeof(path), "/v1/subjects/%s/forget", subject);
	return call(bridge_port(site.bridge), "POST", path, "application/json",
		"{\"by\":\"data protection\"}");
}

static void expect_answer(const char *text)
{
	if (strstr(site.answer, text) == NULL)
		test_fail(__FILE__, __LINE__, "\"%s\" is not in %s", text, site.answer);
}

static void expect_not_answered(void)
{
	for (size_t i = 0; i < sizeof(clear_texts) / sizeof(clear_texts[0]); i++)
		EXPECT(strstr(site.answer, clear_texts[i]) == NULL);
}

#define STORY "/v1/transactions/0042/03/2026-11-23/1"

TEST(who_bought_is_nowhere_in_clear_and_shown_only_when_it_is_asked_for)
{
	char subject[33], told[64], path[128];
	start();
	EXPECT_NUMBER(sell(ANN, 1), 201);
	wait_for(STORY, "\"state\":\"agreed\"");
	expect_nothing_in_clear();
	expect_not_answered();
	find_ann(subject);
	snprintf(told, sizeof(told), "\"customer\":\"%s\"", subject);
	EXPECT_NUMBER(get(STORY), 200);
	expect_answer(told);
	snprintf(told, sizeof(told), "\"personal\":{\"subject\":\"%.32s\"", subject);
	expect_answer(told);
	EXPECT_NUMBER(get(STORY "?reveal=customer"), 200);
	expect_answer("\"fields\":{\"customer\":\"c-8812\",\"customer_details\":{\"name\":\"Ann "
		      "Example\"");
	EXPECT_NUMBER(get(STORY "?reveal=all"), 400);
	EXPECT_NUMBER(sell("\"reason\":\"none\"", 2), 201);
	wait_for("/v1/transactions/0042/03/2026-11-23/2", "\"personal\":null");
	snprintf(path, sizeof(path), "/v1/subjects/%s", subject);
	EXPECT_NUMBER(get(path), 200);
	expect_answer("\"key\":\"0042/03/2026-11-23/1\"");
	expect_not_answered();
	snprintf(path, sizeof(path), "/v1/subjects/%s?reveal=customer", subject);
	EXPECT_NUMBER(get(path), 200);
	expect_answer("ann@example.org");
	expect_nothing_in_clear();
	stop();
}

TEST(a_subject_is_forgotten_for_good_and_its_sales_keep_their_receipts)
{
	char subject[33], receipt[64], path[128];
	start();
	EXPECT_NUMBER(sell(ANN, 1), 201);
	member("receipt", receipt, sizeof(receipt));
	wait_for(STORY, "\"state\":\"agreed\"");
	find_ann(subject);
	for (int round = 0; round < 2; round++) {
		EXPECT_NUMBER(forget(subject), 200);
		expect_answer("\"state\":\"forgotten\"");
		expect_answer(round == 0 ? "\"already\":false" : "\"already\":true");
		EXPECT_NUMBER(get(STORY "?reveal=customer"), 200);
		expect_answer("\"state\":\"forgotten\"");
		expect_not_answered();
		EXPECT_NUMBER(sell(ANN, 1), 200);
		expect_answer(receipt);
		stop_bridge();
		start_bridge();
	}
	EXPECT_NUMBER(sell(ANN, 2), 201);
	wait_for(
		"/v1/transactions/0042/03/2026-11-23/2?reveal=customer", "\"state\":\"forgotten\"");
	snprintf(path, sizeof(path), "/v1/subjects/%s?reveal=customer", subject);
	wait_for(path, "\"forgotten_by\":\"data protection\"");
	expect_answer("\"key\":\"0042/03/2026-11-23/2\"");
	expect_not_answered();
	expect_nothing_in_clear();
	stop();
}

static void copy_file(const char *from, const char *to)
{
	char bytes[1 << 16];
	FILE *in = fopen(from, "re"), *out = fopen(to, "we");
	EXPECT(in != NULL && out != NULL);
	for (size_t len; (len = fread(bytes, 1, sizeof(bytes), in)) > 0;)
		EXPECT(fwrite(bytes, 1, len, out) == len);
	EXPECT(fclose(in) == 0 && fclose(out) == 0);
}

TEST(a_backup_of_the_keys_that_is_put_back_forgets_again_at_the_start)
{
	char subject[33], keys[200], backup[200], state[200];
	start();
	EXPECT_NUMBER(sell(ANN, 1), 201);
	find_ann(subject);
	stop_bridge();
	snprintf(keys, sizeof(keys), "%s/keys/subjects.db", site.data);
	snprintf(backup, sizeof(backup), "%s/backup.db", test_folder());
	snprintf(state, sizeof(state), "%s/state.db", site.data);
	copy_file(keys, backup);
	start_bridge();
	EXPECT_NUMBER(forget(subject), 200);
	stop_bridge();
	/* Once the forgetting is known from the state, once only from the journal. */
	for (int round = 0; round < 2; round++) {
		copy_file(backup, keys);
		if (round == 1)
			EXPECT_NUMBER(unlink(state), 0);
		start_bridge();
		wait_for(STORY "?reveal=customer", "\"state\":\"forgotten\"");
		expect_not_answered();
		stop_bridge();
	}
	start_bridge();
	stop();
}

static void expect_no_start(const char *words)
{
	struct bridge *none = NULL;
	struct error err;
	const struct bridge_hooks hooks = { part_failed, NULL, NULL };
	EXPECT_NUMBER(bridge_open(&site.config, &hooks, &none, &err), E_CONFIG);
	if (strstr(err.text, words) == NULL)
		test_fail(__FILE__, __LINE__, "\"%s\" does not say \"%s\"", err.text, words);
}

TEST(lost_keys_stop_the_start_until_their_loss_is_accepted)
{
	char keys[200], state[200];
	start();
	EXPECT_NUMBER(sell(ANN, 1), 201);
	wait_for(STORY, "\"state\":\"agreed\"");
	bridge_close(site.bridge);
	snprintf(keys, sizeof(keys), "%s/keys/subjects.db", site.data);
	snprintf(state, sizeof(state), "%s/state.db", site.data);
	EXPECT_NUMBER(unlink(keys), 0);
	expect_no_start("keys_lost: yes");
	expect_no_start("keys_lost: yes");
	EXPECT_NUMBER(unlink(state), 0); /* the journal alone says it, too */
	expect_no_start("keys_lost: yes");
	site.config.serve.keys_lost = true;
	struct error err;
	const struct bridge_hooks hooks = { part_failed, NULL, NULL };
	EXPECT_OK(bridge_open(&site.config, &hooks, &site.bridge, &err), err);
	wait_for(STORY "?reveal=customer", "\"state\":\"unknown\"");
	expect_not_answered();
	EXPECT_NUMBER(sell(ANN, 2), 201);
	EXPECT_NUMBER(sell(ANN, 1), 409);
	stop();
}

TEST(what_is_wrong_with_a_question_about_a_subject_is_told)
{
	static const struct {
		const char *path, *type, *body;
		unsigned status;
	} cases[] = {
		{ "/v1/subjects/find", "text/plain", "{\"customer\":\"c-8812\"}", 400 },
		{ "/v1/subjects/find", "application/json", "{\"customer\":\"nobody\"}", 404 },
		{ "/v1/subjects/find", "application/json", "{\"customer\":\" \"}", 400 },
		{ "/v1/subjects/find", "application/json", "{\"customer\":7}", 400 },
		{ "/v1/subjects/find", "application/json", "{\"name\":\"Ann\"}", 400 },
		{ "/v1/subjects/find", "application/json", "{}", 400 },
		{ "/v1/subjects/find", "application/json",
			"{\"customer\":\"c-8812\",\"email\":\"ann@example.org\"}", 400 },
		{ "/v1/subjects/find", "application/json", "{\"email\":\"ann@example.org\"}", 404 },
		{ "/v1/subjects/00/forget", "application/json", "{\"by\":\"x\"}", 400 },
		{ "/v1/subjects/000102030405060708090a0b0c0d0e0f/forget", "application/json",
			"{\"by\":\"x\"}", 404 },
		{ "/v1/subjects/000102030405060708090a0b0c0d0e0f/forget", "application/json",
			"{\"by\":\" \"}", 400 },
		{ "/v1/subjects/000102030405060708090a0b0c0d0e0f/forget", "application/json", "{}",
			400 },
	};
	start();
	EXPECT_NUMBER(sell(ANN, 1), 201);
	wait_for(STORY, "\"state\":\"agreed\"");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned status = call(bridge_port(site.bridge), "POST", cases[i].path,
			cases[i].type, cases[i].body);
		if (status != cases[i].status)
			test_fail(__FILE__, __LINE__, "case %zu: %u, expected %u: %s", i, status,
				cases[i].status, site.answer);
	}
	EXPECT_NUMBER(get("/v1/subjects/000102030405060708090a0b0c0d0e0f"), 404);
	EXPECT_NUMBER(get("/v1/subjects/000102030405060708090A0B0C0D0E0F"), 400);
	stop();
}
