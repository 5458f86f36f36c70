/* Consumer: which transactions are whose, by pseudonym, and which subjects are forgotten. It holds
 * nothing that is personal, and needs no key. */
#pragma once

#include "retail/personal.h"
#include "store/consumer.h"

extern const struct consumer subjects_consumer;

/* The payload of EVENT_FORGOTTEN: {"subject":"<32 hex digits>","by":"..."}. */
enum { FORGOTTEN_BY_MAX = 200 };
void forgotten_encode(const struct subject_id *subject, struct slice by, struct buf *buf);
/* *ret_by lives as long as payload and arena. E_CORRUPT. */
enum status forgotten_decode(struct slice payload, struct arena *arena,
	struct subject_id *ret_subject, struct slice *ret_by, struct error *err);
