/* The Kafka topic: each message holds one document or several, and is committed only after all of
 * it is durable in the journal, or refused and kept as a dead letter.
 *
 *     messages ──▶ feed ──▶ journal, synced ──▶ dead letters, synced ──▶ offsets committed
 *
 * A message that comes again (after a crash or a rebalance) has no second effect: its keys are
 * known. A bad message holds up nothing: it goes to dead_letter_topic, or when there is none or it
 * does not take it, to DATA/NAME.dead/TOPIC-PARTITION-OFFSET, with the problems beside it. */
#pragma once

#include "intake/door.h"
#include "intake/feed.h"

extern const struct door_type door_kafka;

struct kafka_counters {
	struct feed_counters feed;
	atomic_uint_fast64_t messages_total;
	atomic_uint_fast64_t dead_letters_total;
	atomic_uint_fast64_t commits_total;
	atomic_uint_fast64_t errors_total; /* of the connection and of commits */
	atomic_uint_fast64_t lag;          /* messages of our partitions that are not read yet */
};

const struct kafka_counters *kafka_counters(const void *door);
