/* Consumer: which Idempotency-Keys are in use, with what request, and where their answers stand in
 * the journal. A key leaves when an event is newer than its end: time comes from events alone. */
#pragma once

#include "intake/idempotency.h"
#include "store/consumer.h"

extern const struct consumer kept_replies_consumer;

/* Reads the state, over a connection of its own. One thread. */
struct kept_replies_reader;
enum status kept_replies_reader_open(
	const char *path, struct kept_replies_reader **ret_reader, struct error *err);
void kept_replies_reader_close(struct kept_replies_reader *reader); /* NULL is fine */
/* For struct idempotency_config. */
enum status kept_replies_reader_find(void *reader, const struct hash *id,
	struct kept_place *ret_place, bool *ret_found, struct error *err);
