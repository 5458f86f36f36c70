#include "intake/kafka_client.h"

#include "intake/secrets.h"

#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { REASON_MAX = 256, HEADER_BYTES_MAX = 16 << 10 };

static const char *const securities[] = { "plaintext", "ssl", "sasl_plaintext", "sasl_ssl", NULL };
static const char *const mechanisms[] = { "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", NULL };

#define TEXT_ROW(option_name, member, longest, ...)                                                \
	{                                                                                          \
		.name = (option_name), .type = OPTION_TEXT,                                        \
		.offset = offsetof(struct kafka_options, member), .min = 1, .max = (longest),      \
		__VA_ARGS__                                                                        \
	}

const struct option kafka_option_rows[] = {
	TEXT_ROW("brokers", brokers, 2000, .required = true,
		.help = "Where the cluster answers: HOST:PORT, several with commas."),
	TEXT_ROW("topic", topic, 249, .required = true, .help = "The topic that is read."),
	TEXT_ROW("group", group, 249, .fallback = "tillbridge",
		.help = "The consumer group whose offsets are committed."),
	TEXT_ROW("dead_letter_topic", dead_letter_topic, 249,
		.help = "Where messages go of which something was refused; without it they are "
			"kept as files in the data folder."),
	{ .name = "security",
		.type = OPTION_CHOICE,
		.offset = offsetof(struct kafka_options, security),
		.fallback = "plaintext",
		.choices = securities,
		.help = "How the connection is protected." },
	TEXT_ROW("ca_file", ca_file, 4000,
		.help = "PEM file of the authorities that may have signed the brokers' "
			"certificates; default: the system's."),
	TEXT_ROW("cert_file", cert_file, 4000, .help = "PEM file of our own certificate."),
	TEXT_ROW("key_file", key_file, 4000, .help = "PEM file of its key."),
	{ .name = "mechanism",
		.type = OPTION_CHOICE,
		.offset = offsetof(struct kafka_options, mechanism),
		.fallback = "SCRAM-SHA-512",
		.choices = mechanisms,
		.help = "How SASL proves who we are." },
	TEXT_ROW("username", username, 256, .help = "The name for SASL."),
	TEXT_ROW("password_file", password_file, 4000,
		.help = "A file with the password for SASL; others may not read it."),
	{ .name = "batch",
		.type = OPTION_U64,
		.offset = offsetof(struct kafka_options, batch),
		.fallback = "500",
		.min = 1,
		.max = 5000,
		.help = "Messages that are made durable and committed together." },
	{ .name = "timeout",
		.type = OPTION_DURATION,
		.offset = offsetof(struct kafka_options, timeout_ms),
		.fallback = "30s",
		.min = 1000,
		.max = 600000,
		.help = "How long brokers may take to answer." },
	{ .name = NULL },
};

static enum status set(
	rd_kafka_conf_t *conf, const char *name, const char *value, struct error *err)
{
	char reason[REASON_MAX];
	if (value == NULL ||
		rd_kafka_conf_set(conf, name, value, reason, sizeof(reason)) == RD_KAFKA_CONF_OK)
		return OK;
	return error_set(err, E_CONFIG, "kafka: %s", reason);
}

/* The first line of the file counts: a broker knows one password only. */
static enum status set_password(rd_kafka_conf_t *conf, const char *path, struct error *err)
{
	char text[SECRET_BYTES_MAX + 1];
	struct secrets secrets;
	enum status s = secrets_read("password_file", path, &secrets, err);
	if (s != OK)
		return s;
	struct slice password = secret_get(&secrets.items[0]);
	memcpy(text, password.ptr, password.len);
	text[password.len] = '\0';
	s = set(conf, "sasl.password", text, err);
	explicit_bzero(text, sizeof(text));
	secrets_wipe(&secrets);
	return s;
}

static enum status set_security(
	rd_kafka_conf_t *conf, const struct kafka_options *o, struct error *err)
{
	bool tls = o->security == 1 || o->security == 3;
	bool sasl = o->security >= 2;
	enum status s = set(conf, "security.protocol", securities[o->security], err);
	if (s == OK && tls)
		s = set(conf, "ssl.ca.location", o->ca_file, err);
	if (s == OK && tls)
		s = set(conf, "ssl.certificate.location", o->cert_file, err);
	if (s == OK && tls)
		s = set(conf, "ssl.key.location", o->key_file, err);
	if (s != OK || !sasl)
		return s;
	if (o->username == NULL || o->password_file == NULL)
		return error_set(err, E_CONFIG, "security %s needs username and password_file",
			securities[o->security]);
	s = set(conf, "sasl.mechanism", mechanisms[o->mechanism], err);
	if (s == OK)
		s = set(conf, "sasl.username", o->username, err);
	return s == OK ? set_password(conf, o->password_file, err) : s;
}

/* Only src/app prints; what matters comes as an error of poll or commit. */
static void drop_log(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
	(void)client, (void)level, (void)facility, (void)text;
}

static void delivered(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
	rd_kafka_resp_err_t *result = message->_private;
	(void)client, (void)opaque;
	*result = message->err;
}

static void failed(rd_kafka_t *client, int code, const char *reason, void *opaque)
{
	struct kafka_watch *watch = opaque;
	struct error why;
	(void)client, (void)code;
	error_set(&why, E_RETRY, "%s", reason);
	watch->failed(watch->context, &why);
}

/* `watch` is the consumer's; NULL for a producer. */
static enum status new_client(const struct kafka_options *o, struct kafka_watch *watch,
	const char *const (*rows)[2], rd_kafka_t **ret_client, struct error *err)
{
	rd_kafka_type_t type = watch != NULL ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER;
	char reason[REASON_MAX];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	enum status s = set(conf, "bootstrap.servers", o->brokers, err);
	rd_kafka_conf_set_log_cb(conf, drop_log);
	if (watch == NULL) {
		rd_kafka_conf_set_dr_msg_cb(conf, delivered);
	} else {
		rd_kafka_conf_set_error_cb(conf, failed);
		rd_kafka_conf_set_opaque(conf, watch);
	}
	for (size_t i = 0; rows[i][0] != NULL && s == OK; i++)
		s = set(conf, rows[i][0], rows[i][1], err);
	if (s == OK)
		s = set_security(conf, o, err);
	rd_kafka_t *client = s == OK ? rd_kafka_new(type, conf, reason, sizeof(reason)) : NULL;
	if (client == NULL) {
		rd_kafka_conf_destroy(conf);
		return s != OK ? s : error_set(err, E_CONFIG, "kafka: %s", reason);
	}
	*ret_client = client;
	return OK;
}

bool kafka_answers(rd_kafka_t *consumer, int wait_ms)
{
	const struct rd_kafka_metadata *metadata = NULL;
	if (rd_kafka_metadata(consumer, 0, NULL, &metadata, wait_ms) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return false;
	rd_kafka_metadata_destroy(metadata);
	return true;
}

enum status kafka_consumer_open(const struct kafka_options *o, struct kafka_watch *watch,
	rd_kafka_t **ret_consumer, struct error *err)
{
	char timeout[32];
	snprintf(timeout, sizeof(timeout), "%llu", (unsigned long long)o->timeout_ms);
	const char *const rows[][2] = { { "group.id", o->group }, { "client.id", "tillbridge" },
		{ "enable.auto.commit", "false" }, { "enable.auto.offset.store", "false" },
		{ "auto.offset.reset", "earliest" }, { "session.timeout.ms", timeout },
		{ "partition.assignment.strategy", "range,roundrobin" },
		{ "queued.max.messages.kbytes", "65536" }, { NULL, NULL } };
	rd_kafka_t *consumer = NULL;
	enum status s = new_client(o, watch, rows, &consumer, err);
	if (s != OK)
		return s;
	rd_kafka_poll_set_consumer(consumer);
	rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(topics, o->topic, RD_KAFKA_PARTITION_UA);
	rd_kafka_resp_err_t refused = rd_kafka_subscribe(consumer, topics);
	rd_kafka_topic_partition_list_destroy(topics);
	if (refused != RD_KAFKA_RESP_ERR_NO_ERROR) {
		rd_kafka_destroy(consumer);
		return error_set(
			err, E_CONFIG, "kafka: topic %s: %s", o->topic, rd_kafka_err2str(refused));
	}
	*ret_consumer = consumer;
	return OK;
}

enum status kafka_producer_open(
	const struct kafka_options *o, rd_kafka_t **ret_producer, struct error *err)
{
	char timeout[32];
	snprintf(timeout, sizeof(timeout), "%llu", (unsigned long long)o->timeout_ms);
	const char *const rows[][2] = { { "client.id", "tillbridge" },
		{ "enable.idempotence", "true" }, { "message.timeout.ms", timeout },
		{ NULL, NULL } };
	return new_client(o, NULL, rows, ret_producer, err);
}

enum status kafka_produce(rd_kafka_t *producer, const struct kafka_options *o,
	const rd_kafka_message_t *message, struct slice problems, struct error *err)
{
	char place[300];
	rd_kafka_resp_err_t result = RD_KAFKA_RESP_ERR__IN_PROGRESS;
	size_t shown = problems.len < HEADER_BYTES_MAX ? problems.len : HEADER_BYTES_MAX;
	snprintf(place, sizeof(place), "%s-%d-%lld", rd_kafka_topic_name(message->rkt),
		message->partition, (long long)message->offset);
	rd_kafka_resp_err_t failed =
		rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(o->dead_letter_topic),
			RD_KAFKA_V_VALUE(message->payload, message->len),
			RD_KAFKA_V_KEY(message->key, message->key_len),
			RD_KAFKA_V_HEADER("tillbridge-from", place, -1),
			RD_KAFKA_V_HEADER("tillbridge-problems", problems.ptr, (ssize_t)shown),
			RD_KAFKA_V_OPAQUE(&result), RD_KAFKA_V_END);
	if (failed != RD_KAFKA_RESP_ERR_NO_ERROR)
		return error_set(err, E_RETRY, "topic %s: %s", o->dead_letter_topic,
			rd_kafka_err2str(failed));
	/* It ends: message.timeout.ms gives every message its result. */
	while (result == RD_KAFKA_RESP_ERR__IN_PROGRESS)
		rd_kafka_poll(producer, 100);
	if (result != RD_KAFKA_RESP_ERR_NO_ERROR)
		return error_set(err, E_RETRY, "topic %s: %s", o->dead_letter_topic,
			rd_kafka_err2str(result));
	return OK;
}

uint64_t kafka_lag(rd_kafka_t *consumer)
{
	rd_kafka_topic_partition_list_t *parts = NULL;
	uint64_t lag = 0;
	if (rd_kafka_assignment(consumer, &parts) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return 0;
	if (rd_kafka_position(consumer, parts) == RD_KAFKA_RESP_ERR_NO_ERROR)
		for (int i = 0; i < parts->cnt; i++) {
			const rd_kafka_topic_partition_t *part = &parts->elems[i];
			int64_t low = 0, high = 0;
			if (part->offset >= 0 &&
				rd_kafka_get_watermark_offsets(consumer, part->topic,
					part->partition, &low,
					&high) == RD_KAFKA_RESP_ERR_NO_ERROR &&
				high > part->offset)
				lag += (uint64_t)(high - part->offset);
		}
	rd_kafka_topic_partition_list_destroy(parts);
	return lag;
}
