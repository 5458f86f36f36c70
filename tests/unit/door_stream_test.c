/* A Kafka topic as the configuration of a whole server names it: against the mock cluster of
 * librdkafka, or with TEST_KAFKA_BROKERS against a real one (script/stages/kafka.sh). */
#include "bridge_site.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <unistd.h>

static struct {
	char topic[64], brokers[256], yaml[1024];
	rd_kafka_t *client;
	rd_kafka_mock_cluster_t *cluster; /* NULL: a real one */
} kafka;

static void create_topic(const char *name)
{
	char reason[256];
	rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(name, 1, 1, reason, sizeof(reason));
	rd_kafka_queue_t *queue = rd_kafka_queue_new(kafka.client);
	rd_kafka_CreateTopics(kafka.client, &topic, 1, NULL, queue);
	rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 30000);
	EXPECT(event != NULL);
	EXPECT_NUMBER(rd_kafka_event_error(event), RD_KAFKA_RESP_ERR_NO_ERROR);
	rd_kafka_event_destroy(event);
	rd_kafka_queue_destroy(queue);
	rd_kafka_NewTopic_destroy(topic);
}

static void prepare(void)
{
	char reason[256];
	const char *real = getenv("TEST_KAFKA_BROKERS");
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_conf_set_log_cb(conf, NULL);
	kafka.client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof(reason));
	EXPECT(kafka.client != NULL);
	snprintf(kafka.topic, sizeof(kafka.topic), "stream-%d", (int)getpid());
	if (real == NULL) {
		kafka.cluster = rd_kafka_mock_cluster_new(kafka.client, 1);
		EXPECT(kafka.cluster != NULL);
		EXPECT_NUMBER(rd_kafka_mock_topic_create(kafka.cluster, kafka.topic, 1, 1), 0);
	}
	snprintf(kafka.brokers, sizeof(kafka.brokers), "%s",
		real != NULL ? real : rd_kafka_mock_cluster_bootstraps(kafka.cluster));
	EXPECT(rd_kafka_brokers_add(kafka.client, kafka.brokers) > 0);
	if (real != NULL)
		create_topic(kafka.topic);
	snprintf(kafka.yaml, sizeof(kafka.yaml),
		"doors:\n"
		"  stream:\n"
		"    door: kafka\n"
		"    brokers: %s\n"
		"    topic: %s\n"
		"    group: %s\n"
		"    timeout: 6s\n"
		"    mapping: transactions\n"
		"    store: '0042'\n",
		kafka.brokers, kafka.topic, kafka.topic);
	site.yaml = kafka.yaml;
}

static void tidy(void)
{
	if (kafka.cluster != NULL)
		rd_kafka_mock_cluster_destroy(kafka.cluster);
	rd_kafka_destroy(kafka.client);
}

static void send_sale(const char *store, unsigned sequence)
{
	char text[2048];
	snprintf(text, sizeof(text), sale_format, store, sequence, "A1");
	rd_kafka_resp_err_t failed = rd_kafka_producev(kafka.client, RD_KAFKA_V_TOPIC(kafka.topic),
		RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_VALUE(text, strlen(text)),
		RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
	EXPECT_NUMBER(failed, RD_KAFKA_RESP_ERR_NO_ERROR);
	EXPECT_NUMBER(rd_kafka_flush(kafka.client, 30000), RD_KAFKA_RESP_ERR_NO_ERROR);
}

TEST(a_configured_topic_is_read_and_goes_on_after_a_restart)
{
	char path[512];
	prepare();
	for (unsigned i = 1; i <= 20; i++)
		send_sale("0042", i);
	send_sale("0043", 21); /* not this door's store */
	start();
	wait_for("/v1/doors", "\"records\":21,\"accepted\":20,\"duplicates\":0,\"refused\":1,");
	wait_for("/v1/doors", "\"state\":\"running\"");
	wait_for("/v1/transactions/0042/03/2026-11-23/20", "accepted through stream and durable");
	wait_for("/metrics", "tillbridge_door_accepted_total{door=\"stream\"} 20\n");
	snprintf(path, sizeof(path), "%s/doors/stream.dead/%s-0-20", site.data, kafka.topic);
	for (unsigned i = 0; i < 3000 && access(path, F_OK) != 0; i++)
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	EXPECT_NUMBER(access(path, F_OK), 0);
	/* In the order that matters: the door ends while there is an acceptor to wait for. */
	stop_bridge();
	for (unsigned i = 22; i <= 26; i++)
		send_sale("0042", i);
	start_bridge();
	wait_for("/v1/doors", "\"accepted\":5,");
	wait_for("/v1/transactions/0042/03/2026-11-23/26", "accepted through stream and durable");
	EXPECT_NUMBER(get("/v1/status"), 200);
	EXPECT(strstr(site.answer, "\"accepted\":25,") != NULL);
	stop();
	tidy();
}

/* Only the mock cluster can be taken down and up again. */
TEST(a_broker_that_is_away_is_told_and_its_return_too)
{
	prepare();
	if (kafka.cluster != NULL) {
		start();
		send_sale("0042", 1);
		wait_for("/v1/doors", "\"state\":\"running\"");
		wait_for("/v1/doors", "\"accepted\":1,");
		rd_kafka_mock_broker_set_down(kafka.cluster, 1);
		wait_for("/v1/doors", "\"state\":\"retrying\"");
		EXPECT(strstr(site.answer, "\"last_error\":\"\"") == NULL);
		EXPECT_NUMBER(get("/metrics"), 200);
		EXPECT(strstr(site.answer, "tillbridge_door_up{door=\"stream\"} 0\n") != NULL);
		rd_kafka_mock_broker_set_up(kafka.cluster, 1);
		wait_for("/v1/doors", "\"state\":\"running\"");
		send_sale("0042", 2);
		wait_for("/v1/doors", "\"accepted\":2,");
		stop();
	}
	tidy();
}
