/* The record: what the journal keeps of an accepted (or conflicting) transaction.
 *
 *     | version | source | key | revision | content hash | findings | raw | sealed | document |
 *
 * The key and the hash stand in front of the document, so that identity can be rebuilt from the
 * journal without decoding documents. docs/FORMAT.md has the bytes. */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/hash.h"
#include "retail/transaction.h"

enum { FINGERPRINT_BYTES = 16 };

/* The first half of a content hash. */
struct fingerprint {
	uint8_t bytes[FINGERPRINT_BYTES];
};

struct record {
	struct key key;
	uint64_t revision;
	struct hash hash;
	struct slice source;   /* the door it came through: "rest" */
	struct slice findings; /* JSON array of what was reported, empty when nothing was */
	struct slice raw;    /* what the door received; empty when that is the document itself, and
			      * when it is sealed */
	struct slice sealed; /* what is personal, unreadable without the subject's key (subjects/
			      * seal.h); empty when nothing is */
	struct slice document; /* canonical JSON, with stand-ins for what is personal */
};

void record_encode(const struct record *record, struct buf *buf);
/* The slices point into `payload`. E_CORRUPT when it is no record. */
enum status record_decode(struct slice payload, struct record *ret_record, struct error *err);

struct fingerprint record_fingerprint(const struct hash *hash);

enum { RECEIPT_TEXT_MAX = 20 + 1 + 2 * FINGERPRINT_BYTES + 1 };

/* "1042-9f86d081884c7d659a2feaa0c55ad015": the event's number and the fingerprint. */
void receipt_print(
	uint64_t number, const struct fingerprint *fingerprint, char text[static RECEIPT_TEXT_MAX]);
