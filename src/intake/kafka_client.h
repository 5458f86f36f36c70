/* librdkafka as the door needs it: a consumer that commits only when it is told to, and a producer
 * for dead letters. */
#pragma once

#include "base/error.h"
#include "base/option.h"

#include <librdkafka/rdkafka.h>

struct kafka_options {
	char *brokers, *topic, *group, *dead_letter_topic;
	unsigned security, mechanism;
	char *ca_file, *cert_file, *key_file;
	char *username, *password_file;
	uint64_t batch, timeout_ms;
};

extern const struct option kafka_option_rows[];

/* Told by whoever polls the consumer that a broker cannot be reached or refuses us. */
struct kafka_watch {
	void (*failed)(void *context, const struct error *why);
	void *context;
};

/* Subscribes. E_CONFIG: what librdkafka says of the options. The watch outlives the consumer. */
enum status kafka_consumer_open(const struct kafka_options *options, struct kafka_watch *watch,
	rd_kafka_t **ret_consumer, struct error *err);
/* Does a broker answer within `wait_ms`? */
bool kafka_answers(rd_kafka_t *consumer, int wait_ms);
enum status kafka_producer_open(
	const struct kafka_options *options, rd_kafka_t **ret_producer, struct error *err);
/* Sends one message and waits until the brokers have it. E_RETRY: they have not said so. */
enum status kafka_produce(rd_kafka_t *producer, const struct kafka_options *options,
	const rd_kafka_message_t *message, struct slice problems, struct error *err);
/* Messages behind the place that each assigned partition is read at. */
uint64_t kafka_lag(rd_kafka_t *consumer);
