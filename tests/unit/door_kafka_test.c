/* Against the mock cluster of librdkafka: real sockets and the real protocol, in this process. With
 * TEST_KAFKA_BROKERS the same tests run against a real cluster (script/stages/kafka.sh). */
#include "intake/door_kafka.h"

#include "intake_site.h"

#include <dirent.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PATH_SIZE = 4200, WAIT_STEPS = 3000 };

static struct {
	char data[PATH_SIZE], topic[64], dead[64], brokers[256];
	rd_kafka_t *client;               /* owns the cluster; sends */
	rd_kafka_mock_cluster_t *cluster; /* NULL: a real one */
	void *options;
	struct door_config config;
	void *door;
} site;

static void set(const char *name, const char *value)
{
	struct error err = { OK, "" };
	const struct option *option = option_find(door_kafka.options, slice_of(name));
	EXPECT(option != NULL);
	EXPECT_NUMBER(option_set(option, site.options, slice_of(value), &err), OK);
}

static void create_topic(const char *name, int partitions)
{
	char reason[256];
	rd_kafka_NewTopic_t *topic =
		rd_kafka_NewTopic_new(name, partitions, 1, reason, sizeof(reason));
	rd_kafka_queue_t *queue = rd_kafka_queue_new(site.client);
	rd_kafka_CreateTopics(site.client, &topic, 1, NULL, queue);
	rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 30000);
	EXPECT(event != NULL);
	EXPECT_TEXT(rd_kafka_event_error_string(event) == NULL ? ""
							       : rd_kafka_event_error_string(event),
		"Success");
	rd_kafka_event_destroy(event);
	rd_kafka_queue_destroy(queue);
	rd_kafka_NewTopic_destroy(topic);
}

/* Names of their own for each test: a real cluster keeps its topics. */
static void make_topics(const char *real, int partitions)
{
	snprintf(site.topic, sizeof(site.topic), "sales-%d", (int)getpid());
	snprintf(site.dead, sizeof(site.dead), "dead-%d", (int)getpid());
	if (real != NULL) {
		create_topic(site.topic, partitions);
		create_topic(site.dead, 1);
		return;
	}
	EXPECT_NUMBER(rd_kafka_mock_topic_create(site.cluster, site.topic, partitions, 1), 0);
	EXPECT_NUMBER(rd_kafka_mock_topic_create(site.cluster, site.dead, 1, 1), 0);
}

static void prepare(int partitions)
{
	char reason[256];
	const char *real = getenv("TEST_KAFKA_BROKERS");
	snprintf(site.data, sizeof(site.data), "%s/data", test_folder());
	EXPECT(mkdir(site.data, 0700) == 0);
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_conf_set_log_cb(conf, NULL);
	site.client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof(reason));
	EXPECT(site.client != NULL);
	if (real == NULL) {
		site.cluster = rd_kafka_mock_cluster_new(site.client, 1);
		EXPECT(site.cluster != NULL);
	}
	snprintf(site.brokers, sizeof(site.brokers), "%s",
		real != NULL ? real : rd_kafka_mock_cluster_bootstraps(site.cluster));
	EXPECT(rd_kafka_brokers_add(site.client, site.brokers) > 0);
	make_topics(real, partitions);
	intake_open("journal", 10000);
	site.options = calloc(1, door_kafka.options_size);
	options_default(door_kafka.options, site.options);
	set("brokers", site.brokers);
	set("topic", site.topic);
	set("group", site.topic);
	set("timeout", "6s");
	site.config = (struct door_config){ .name = "stream",
		.type = &door_kafka,
		.options = site.options,
		.mapping = INTAKE_MAPPING,
		.admission = intake.admission,
		.clock = clock_system(),
		.data = site.data };
}

static void start(void)
{
	struct error err = { OK, "" };
	enum status s = door_kafka.open(&site.config, &site.door, &err);
	EXPECT_TEXT(err.text, "");
	EXPECT_NUMBER(s, OK);
	EXPECT_NUMBER(door_kafka.start(site.door, &err), OK);
}

static void stop(void)
{
	door_kafka.stop(site.door);
	door_kafka.close(site.door);
	site.door = NULL;
}

static void tidy(void)
{
	options_release(door_kafka.options, site.options);
	free(site.options);
	intake_close();
	if (site.cluster != NULL)
		rd_kafka_mock_cluster_destroy(site.cluster);
	rd_kafka_destroy(site.client);
}

static void send_text(int partition, const char *text)
{
	rd_kafka_resp_err_t failed = rd_kafka_producev(site.client, RD_KAFKA_V_TOPIC(site.topic),
		RD_KAFKA_V_PARTITION(partition),
		RD_KAFKA_V_VALUE((void *)(uintptr_t)text, strlen(text)),
		RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
	EXPECT_NUMBER(failed, RD_KAFKA_RESP_ERR_NO_ERROR);
	EXPECT_NUMBER(rd_kafka_flush(site.client, 30000), RD_KAFKA_RESP_ERR_NO_ERROR);
}

static void send_sale(int partition, unsigned sequence, const char *amount)
{
	char document[1024], text[1100];
	sale_document(document, sizeof(document), sequence, amount);
	snprintf(text, sizeof(text), "<T>%s</T>", document);
	send_text(partition, text);
}

/* For what another thread does; gives up after half a minute. */
static void wait_for(const atomic_uint_fast64_t *counter, uint64_t value)
{
	for (unsigned i = 0; i < WAIT_STEPS && atomic_load(counter) < value; i++)
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	EXPECT_NUMBER(atomic_load(counter), value);
}

static const struct kafka_counters *counters(void)
{
	return kafka_counters(site.door);
}

TEST(messages_are_accepted_and_committed)
{
	prepare(2);
	for (unsigned i = 1; i <= 10; i++)
		send_sale((int)(i % 2), i, "1.00");
	start();
	wait_for(&counters()->feed.accepted_total, 10);
	wait_for(&counters()->messages_total, 10);
	stop();
	/* A second door of the group begins behind them. */
	send_sale(0, 11, "1.00");
	start();
	wait_for(&counters()->feed.accepted_total, 1);
	EXPECT_NUMBER(atomic_load(&counters()->feed.duplicates_total), 0);
	EXPECT_NUMBER(atomic_load(&counters()->feed.records_total), 1);
	stop();
	tidy();
}

TEST(another_group_reads_everything_again_without_a_second_effect)
{
	prepare(1);
	for (unsigned i = 1; i <= 5; i++)
		send_sale(0, i, "1.00");
	start();
	wait_for(&counters()->feed.accepted_total, 5);
	stop();
	set("group", site.dead);
	start();
	wait_for(&counters()->feed.duplicates_total, 5);
	EXPECT_NUMBER(atomic_load(&counters()->feed.accepted_total), 0);
	stop();
	tidy();
}

static void expect_file(const char *behind, const char *part)
{
	char path[PATH_SIZE + 300], text[8192], name[128];
	snprintf(name, sizeof(name), "%s%s", site.topic, behind);
	snprintf(path, sizeof(path), "%s/stream.dead/%s", site.data, name);
	FILE *file = fopen(path, "r");
	if (file == NULL)
		test_fail(__FILE__, __LINE__, "there is no %s", name);
	size_t len = fread(text, 1, sizeof(text) - 1, file);
	text[len] = '\0';
	fclose(file);
	if (strstr(text, part) == NULL)
		test_fail(__FILE__, __LINE__, "no \"%s\" in %s", part, text);
}

TEST(bad_messages_become_dead_letters_and_hold_up_nothing)
{
	prepare(1);
	send_sale(0, 1, "1.00");
	send_text(0, "no xml at all");
	send_text(0, "<T>none</T>");
	send_text(0, "");
	send_sale(0, 1, "2.00");
	send_sale(0, 2, "1.00");
	start();
	wait_for(&counters()->messages_total, 6);
	EXPECT_NUMBER(atomic_load(&counters()->feed.accepted_total), 2);
	EXPECT_NUMBER(atomic_load(&counters()->dead_letters_total), 4);
	stop();
	expect_file("-0-1", "no xml at all");
	expect_file("-0-1.problems.json", "does not begin with");
	expect_file("-0-2.problems.json", "\"rule\":\"mapping\"");
	expect_file("-0-3.problems.json", "does not begin with");
	expect_file("-0-4.problems.json", "\"status\":409");
	tidy();
}

/* How many messages the topic has, and the header of the last one. */
static unsigned read_dead(char *problems, size_t size)
{
	char reason[256];
	unsigned count = 0;
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_conf_set_log_cb(conf, NULL);
	rd_kafka_conf_set(conf, "bootstrap.servers", site.brokers, reason, sizeof(reason));
	rd_kafka_conf_set(conf, "group.id", "dead-reader", reason, sizeof(reason));
	rd_kafka_conf_set(conf, "enable.partition.eof", "true", reason, sizeof(reason));
	rd_kafka_t *reader = rd_kafka_new(RD_KAFKA_CONSUMER, conf, reason, sizeof(reason));
	rd_kafka_topic_partition_list_t *parts = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(parts, site.dead, 0)->offset = 0;
	rd_kafka_assign(reader, parts);
	rd_kafka_topic_partition_list_destroy(parts);
	for (bool end = false; !end;) {
		rd_kafka_message_t *message = rd_kafka_consumer_poll(reader, 30000);
		EXPECT(message != NULL);
		end = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
		rd_kafka_headers_t *headers = NULL;
		const void *value = NULL;
		size_t len = 0;
		if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
			count++;
			EXPECT(rd_kafka_message_headers(message, &headers) ==
				RD_KAFKA_RESP_ERR_NO_ERROR);
			EXPECT(rd_kafka_header_get_last(headers, "tillbridge-problems", &value,
				       &len) == RD_KAFKA_RESP_ERR_NO_ERROR);
			snprintf(problems, size, "%.*s", (int)len, (const char *)value);
		}
		rd_kafka_message_destroy(message);
	}
	rd_kafka_consumer_close(reader);
	rd_kafka_destroy(reader);
	return count;
}

TEST(dead_letters_go_to_their_topic_with_the_reason)
{
	char problems[4096] = "";
	prepare(1);
	set("dead_letter_topic", site.dead);
	send_sale(0, 1, "1.00");
	send_text(0, "<T>none</T>");
	send_text(0, "broken");
	start();
	wait_for(&counters()->messages_total, 3);
	EXPECT_NUMBER(atomic_load(&counters()->dead_letters_total), 2);
	stop();
	EXPECT_NUMBER(read_dead(problems, sizeof(problems)), 2);
	EXPECT(strstr(problems, "does not begin with") != NULL);
	tidy();
}

TEST(nothing_is_committed_before_it_is_durable)
{
	prepare(1);
	pthread_mutex_lock(&intake_gate);
	send_sale(0, 1, "1.00");
	start();
	/* The first group is durable and its acceptor held up before it can say so. */
	while (!atomic_load(&intake_at_gate))
		sched_yield();
	send_sale(0, 2, "1.00");
	wait_for(&counters()->feed.records_total, 2);
	uint64_t commits = atomic_load(&counters()->commits_total);
	EXPECT(commits <= 1);
	EXPECT_NUMBER(atomic_load(&counters()->messages_total), commits);
	pthread_mutex_unlock(&intake_gate);
	wait_for(&counters()->messages_total, 2);
	wait_for(&counters()->commits_total, 2);
	stop();
	tidy();
}

TEST(wrong_options_are_named)
{
	struct error err = { OK, "" };
	prepare(1);
	set("security", "sasl_ssl");
	EXPECT_NUMBER(door_kafka.open(&site.config, &site.door, &err), E_CONFIG);
	EXPECT_TEXT(err.text, "security sasl_ssl needs username and password_file");
	set("username", "u");
	set("password_file", "/nonexistent/password");
	EXPECT_NUMBER(door_kafka.open(&site.config, &site.door, &err), E_CONFIG);
	EXPECT(strstr(err.text, "password_file: /nonexistent/password") != NULL);
	set("security", "ssl");
	set("ca_file", "/nonexistent/ca.pem");
	EXPECT_NUMBER(door_kafka.open(&site.config, &site.door, &err), E_CONFIG);
	EXPECT(strncmp(err.text, "kafka: ", 7) == 0);
	EXPECT(strstr(err.text, "ssl.ca.location") != NULL);
	tidy();
}
