/* libtill as a POS program sees it, through till.h alone. */
#include "edge/till.h"

#include "edge/writer.h"
#include "edge_site.h"

#include <sys/stat.h>

struct outcomes {
	pthread_mutex_t lock;
	unsigned count[3];
	unsigned publications;
};

static void on_outcome(void *user, enum till_outcome outcome, const char *key, const char *detail)
{
	struct outcomes *o = user;
	EXPECT(key[0] != '\0' && detail != NULL);
	pthread_mutex_lock(&o->lock);
	o->count[outcome]++;
	pthread_mutex_unlock(&o->lock);
}

static void on_publication(void *user, const char *kind, uint64_t version)
{
	struct outcomes *o = user;
	EXPECT_TEXT(kind, "prices");
	EXPECT(version > 0);
	pthread_mutex_lock(&o->lock);
	o->publications++;
	pthread_mutex_unlock(&o->lock);
}

static struct till *open_till(const char *folder, const char *url, struct outcomes *outcomes)
{
	struct till_config *config = till_config_new();
	struct till *till = NULL;
	EXPECT(config != NULL);
	EXPECT_NUMBER(till_config_set(config, "folder", folder), TILL_OK);
	EXPECT_NUMBER(till_config_set(config, "url", url), TILL_OK);
	EXPECT_NUMBER(till_config_set(config, "store", "s"), TILL_OK);
	EXPECT_NUMBER(till_config_set(config, "register", "1"), TILL_OK);
	EXPECT_NUMBER(till_config_set(config, "backoff", "10ms"), TILL_OK);
	EXPECT_NUMBER(till_config_set(config, "backoff_max", "20ms"), TILL_OK);
	EXPECT_NUMBER(till_config_set(config, "poll", "100ms"), TILL_OK);
	if (outcomes != NULL) {
		pthread_mutex_init(&outcomes->lock, NULL);
		till_config_on_outcome(config, on_outcome, outcomes);
		till_config_on_publication(config, on_publication, outcomes);
	}
	if (till_open(config, &till) != TILL_OK)
		test_fail(__FILE__, __LINE__, "till_open: %s", till_error());
	till_config_free(config);
	return till;
}

/* Nobody listens there. */
static const char nowhere[] = "http://127.0.0.1:1";

static struct till_sale *build(struct till *till, const char *gross)
{
	struct till_sale *sale = NULL;
	EXPECT_NUMBER(till_sale_begin(till, "sale", &sale), TILL_OK);
	EXPECT_NUMBER(till_sale_set(sale, "business_date", "2026-11-23"), TILL_OK);
	EXPECT_NUMBER(till_sale_set(sale, "closed_at", "2026-11-23T17:03:40+01:00"), TILL_OK);
	EXPECT_NUMBER(till_sale_set(sale, "currency", "EUR"), TILL_OK);
	EXPECT_NUMBER(till_sale_set(sale, "prices_include_tax", "true"), TILL_OK);
	EXPECT_NUMBER(till_line(sale, "sale", "85123A", "6", "2.55", "15.30"), TILL_OK);
	EXPECT_NUMBER(till_line_set(sale, "description", "T-light \"holder\""), TILL_OK);
	EXPECT_NUMBER(till_line_tax(sale, "S", "0.20", "12.75", "2.55"), TILL_OK);
	EXPECT_NUMBER(till_tender(sale, "cash", "20.00", "4.70"), TILL_OK);
	EXPECT_NUMBER(till_totals(sale, "12.75", "2.55", gross, NULL), TILL_OK);
	return sale;
}

static int commit(struct till *till, const char *gross)
{
	struct till_sale *sale = build(till, gross);
	int result = till_commit(sale);
	till_sale_free(sale);
	return result;
}

TEST(a_sale_is_checked_before_it_is_kept)
{
	struct till *till = open_till(test_folder(), nowhere, NULL);
	struct till_sale *sale = build(till, "15.31");
	const char *pointer, *rule, *sentence;
	int refuses;
	EXPECT_NUMBER(till_check(sale), TILL_REFUSED);
	EXPECT_NUMBER(till_finding(sale, 0, &pointer, &rule, &sentence, &refuses), TILL_OK);
	EXPECT(strncmp(rule, "balance.", 8) == 0 && refuses == 1 && strlen(sentence) > 5);
	EXPECT_NUMBER(till_commit(sale), TILL_REFUSED);
	EXPECT(strstr(till_error(), "balance.") != NULL);
	EXPECT_NUMBER(till_unsent(till), 0);
	/* Repaired, the same sale goes through. */
	EXPECT_NUMBER(till_totals(sale, "12.75", "2.55", "15.30", NULL), TILL_OK);
	EXPECT_NUMBER(till_commit(sale), TILL_OK);
	EXPECT_TEXT(till_sale_key(sale), "s/1/2026-11-23/1");
	EXPECT_NUMBER(till_unsent(till), 1);
	EXPECT_NUMBER(till_commit(sale), TILL_MISUSE);
	till_sale_free(sale);
	till_close(till);
}

TEST(a_sale_says_who_the_customer_is)
{
	struct till *till = open_till(test_folder(), nowhere, NULL);
	struct till_sale *sale = build(till, "15.30");
	EXPECT_NUMBER(till_sale_set(sale, "customer", "c-8812"), TILL_OK);
	EXPECT_NUMBER(till_sale_set(sale, "customer_details", "Ann"), TILL_CONFIG);
	EXPECT_TEXT(till_error(), "customer_details: a JSON object is expected");
	EXPECT_NUMBER(till_sale_set(sale, "customer_details", "{\"email\":7}"), TILL_OK);
	EXPECT_NUMBER(till_commit(sale), TILL_REFUSED);
	EXPECT(strstr(till_error(), "/customer_details/email") != NULL);
	till_sale_free(sale);
	sale = build(till, "15.30");
	EXPECT_NUMBER(till_sale_set(sale, "customer_details", "{\"email\":\"a@b.c\"}"), TILL_OK);
	EXPECT_NUMBER(till_commit(sale), TILL_OK);
	till_sale_free(sale);
	till_close(till);
}

TEST(numbers_go_on_after_a_restart_and_after_everything_was_sent)
{
	struct centre centre;
	centre_open(&centre);
	for (unsigned life = 0; life < 4; life++) {
		struct till *till = open_till(test_folder(), centre.url, NULL);
		struct till_sale *sale;
		uint64_t taken;
		EXPECT_NUMBER(commit(till, "15.30"), TILL_OK);
		EXPECT_NUMBER(till_sale_begin(till, "void", &sale), TILL_OK);
		EXPECT_NUMBER(till_sale_take_sequence(sale, &taken), TILL_OK);
		EXPECT_NUMBER(taken, 3 * life + 2);
		till_sale_free(sale);
		sale = build(till, "15.30");
		EXPECT_NUMBER(till_commit(sale), TILL_OK);
		EXPECT_NUMBER(till_sale_number(sale), 3 * life + 3);
		till_sale_free(sale);
		EXPECT_NUMBER(till_flush(till, 60000), TILL_OK);
		till_close(till);
	}
	centre_close(&centre);
	for (unsigned i = 1; i <= 12; i++)
		EXPECT_NUMBER(centre.taken[i], i % 3 == 2 ? 0 : 1);
}

TEST(the_pos_may_bring_its_own_numbers)
{
	struct till *till = open_till(test_folder(), nowhere, NULL);
	struct till_sale *sale = build(till, "15.30");
	EXPECT_NUMBER(till_sale_sequence(sale, 18277), TILL_OK);
	EXPECT_NUMBER(till_commit(sale), TILL_OK);
	EXPECT_TEXT(till_sale_key(sale), "s/1/2026-11-23/18277");
	till_sale_free(sale);
	EXPECT_NUMBER(till_figure(till, TILL_FIGURE_LAST_SEQUENCE), 18277);
	till_close(till);
}

TEST(json_is_taken_as_it_is_and_held_to_the_same_rules)
{
	struct till *till = open_till(test_folder(), nowhere, NULL);
	static const char good[] =
		"{ \"store\": \"s\", \"register\": \"1\", \"business_date\": \"2026-11-23\",\n"
		"  \"sequence\": 5, \"type\": \"no_sale\", \"closed_at\": \"2026-11-23T17:03:40Z\" "
		"}";
	EXPECT_NUMBER(till_submit_json(till, good, sizeof(good) - 1), TILL_OK);
	EXPECT_NUMBER(till_submit_json(till, good, sizeof(good) - 3), TILL_REFUSED);
	EXPECT_NUMBER(till_submit_json(till, "{}", 2), TILL_REFUSED);
	EXPECT_NUMBER(till_unsent(till), 1);
	till_close(till);
}

TEST(a_full_queue_says_so_before_the_sale)
{
	struct till_config *config = till_config_new();
	struct till *till = NULL;
	struct till_sale *sale = NULL;
	till_config_set(config, "folder", test_folder());
	till_config_set(config, "url", nowhere);
	till_config_set(config, "store", "s");
	till_config_set(config, "register", "1");
	EXPECT_NUMBER(till_config_set(config, "queue_count", "3"), TILL_OK);
	EXPECT_NUMBER(till_open(config, &till), TILL_OK);
	till_config_free(config);
	for (unsigned i = 0; i < 3; i++)
		EXPECT_NUMBER(commit(till, "15.30"), TILL_OK);
	EXPECT_NUMBER(till_sale_begin(till, "sale", &sale), TILL_FULL);
	EXPECT(strstr(till_error(), "queue is full") != NULL);
	EXPECT_NUMBER(till_room(till), TILL_FULL);
	EXPECT_NUMBER(till_unsent(till), 3);
	till_close(till);
}

TEST(options_are_checked_and_explained)
{
	struct till_config *config = till_config_new();
	struct till *till = NULL;
	EXPECT_NUMBER(till_config_set(config, "queue_cuont", "3"), TILL_CONFIG);
	EXPECT(strstr(till_error(), "queue_count") != NULL);
	EXPECT_NUMBER(till_config_set(config, "queue_count", "0"), TILL_CONFIG);
	EXPECT_NUMBER(till_open(config, &till), TILL_CONFIG);
	EXPECT(strstr(till_error(), "folder") != NULL);
	char *help = till_config_help();
	EXPECT(help != NULL && strstr(help, "token_file") != NULL);
	till_free(help);
	till_config_set(config, "folder", test_folder());
	till_config_set(config, "store", "s");
	till_config_set(config, "register", "1");
	till_config_set(config, "url", "ftp://x");
	EXPECT_NUMBER(till_open(config, &till), TILL_CONFIG);
	EXPECT(strstr(till_error(), "ftp://x") != NULL);
	till_config_free(config);
}

/* Until it is there; a test has 300 s. */
static void wait_for_text(struct centre *centre, const char *text)
{
	for (bool found = false; !found;) {
		pthread_mutex_lock(&centre->lock);
		found = strstr(centre->report, text) != NULL;
		pthread_mutex_unlock(&centre->lock);
		sched_yield();
	}
}

TEST(a_publication_arrives_is_kept_and_is_acknowledged)
{
	struct centre centre;
	struct outcomes outcomes = { .publications = 0 };
	uint64_t version = 0;
	char *json = NULL;
	centre_open(&centre);
	centre.downlink = "{\"publications\":[{\"kind\":\"prices\",\"version\":41,\"published_at\":"
			  "\"2026-11-23T16:00:00.000Z\",\"document\":{\"85123A\":\"2.55\"}}]}";
	struct till *till = open_till(test_folder(), centre.url, &outcomes);
	wait_for_text(&centre, "\"applied\":[]");
	while (till_publication(till, "prices", &version, &json) == TILL_NOTHING)
		sched_yield();
	EXPECT_NUMBER(version, 41);
	EXPECT(strstr(json, "\"document\":{\"85123A\":\"2.55\"}") != NULL);
	till_free(json);
	EXPECT_NUMBER(till_applied(till, "prices", 42), TILL_CONFIG);
	EXPECT_NUMBER(till_applied(till, "prices", 41), TILL_OK);
	wait_for_text(&centre, "{\"kind\":\"prices\",\"version\":41,\"applied_at\":\"");
	EXPECT(strstr(centre.report, "\"clock_skew_ms\":") != NULL);
	till_close(till);
	EXPECT_NUMBER(outcomes.publications, 1);
	/* It is still there without the centre. */
	centre_close(&centre);
	till = open_till(test_folder(), nowhere, NULL);
	EXPECT_NUMBER(till_publication(till, "prices", &version, &json), TILL_OK);
	till_free(json);
	till_close(till);
}

TEST(outcomes_are_told_and_what_is_held_can_be_read)
{
	struct centre centre;
	struct outcomes outcomes = { .publications = 0 };
	char *json = NULL;
	centre_open(&centre);
	centre.conflict = 2;
	struct till *till = open_till(test_folder(), centre.url, &outcomes);
	for (unsigned i = 0; i < 3; i++)
		EXPECT_NUMBER(commit(till, "15.30"), TILL_OK);
	EXPECT_NUMBER(till_flush(till, 60000), TILL_OK);
	EXPECT_NUMBER(till_figure(till, TILL_FIGURE_HELD), 1);
	EXPECT_NUMBER(till_figure(till, TILL_FIGURE_REACHABLE), 1);
	EXPECT_NUMBER(till_figure(till, TILL_FIGURE_SENT), 2);
	EXPECT_NUMBER(till_held(till, 0, &json), TILL_OK);
	EXPECT(strstr(json, "\"status\":409") != NULL);
	till_free(json);
	EXPECT_NUMBER(till_held(till, 1, &json), TILL_NOTHING);
	json = till_status(till);
	EXPECT(strstr(json, "\"unsent\":0") != NULL && strstr(json, "\"held\":1") != NULL);
	till_free(json);
	till_close(till);
	centre_close(&centre);
	EXPECT_NUMBER(outcomes.count[TILL_ACCEPTED], 2);
	EXPECT_NUMBER(outcomes.count[TILL_CONFLICT], 1);
}

TEST(a_closing_says_what_the_till_believes)
{
	struct till *till = open_till(test_folder(), nowhere, NULL);
	struct till_sale *sale = NULL;
	EXPECT_NUMBER(till_sale_begin(till, "close", &sale), TILL_OK);
	EXPECT_NUMBER(till_declared_tender(sale, "cash", "1", NULL), TILL_MISUSE);
	till_sale_set(sale, "business_date", "2026-11-23");
	till_sale_set(sale, "currency", "EUR");
	EXPECT_NUMBER(till_declared(sale, 412, 18411, "9120.55"), TILL_OK);
	EXPECT_NUMBER(till_declared_tender(sale, "cash", "3120.00", "3118.50"), TILL_OK);
	EXPECT_NUMBER(till_declared_tender(sale, "card", "6000.55", NULL), TILL_OK);
	if (till_commit(sale) != TILL_OK)
		test_fail(__FILE__, __LINE__, "%s", till_error());
	till_sale_free(sale);
	till_close(till);
}

TEST(two_programs_cannot_have_one_folder)
{
	struct till *till = open_till(test_folder(), nowhere, NULL), *second = NULL;
	struct till_config *config = till_config_new();
	till_config_set(config, "folder", test_folder());
	till_config_set(config, "url", nowhere);
	till_config_set(config, "store", "s");
	till_config_set(config, "register", "2");
	EXPECT_NUMBER(till_open(config, &second), TILL_CONFIG);
	EXPECT(strstr(till_error(), "in use") != NULL);
	till_config_free(config);
	till_close(till);
}

static void writer_of(const char *name, char writer[static WRITER_TEXT_MAX + 1])
{
	char path[4096];
	struct disk *disk = NULL;
	struct error err;
	snprintf(path, sizeof(path), "%s/%s", test_folder(), name);
	EXPECT_OK(disk_open_folder(path, &disk, &err), err);
	EXPECT_OK(writer_open(disk, writer, &err), err);
	disk->ops->close_disk(disk);
}

TEST(a_queue_folder_has_one_writer_for_life_and_no_two_have_the_same)
{
	char first[WRITER_TEXT_MAX + 1], again[WRITER_TEXT_MAX + 1], other[WRITER_TEXT_MAX + 1];
	char path[4096];
	writer_of("one", first);
	writer_of("one", again);
	writer_of("two", other);
	EXPECT_TEXT(again, first);
	EXPECT(strncmp(first, "till-", 5) == 0 && strlen(first) == WRITER_TEXT_MAX);
	EXPECT(strcmp(other, first) != 0);
	/* A file that is no name: the till counts as a new one. */
	snprintf(path, sizeof(path), "%s/one/writer", test_folder());
	FILE *file = fopen(path, "we");
	EXPECT(file != NULL && fputs("till-?", file) >= 0 && fclose(file) == 0);
	writer_of("one", again);
	EXPECT(strcmp(again, first) != 0);
	writer_of("one", other);
	EXPECT_TEXT(other, again);
}
