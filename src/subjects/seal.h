/* What is personal in a transaction, taken out of it and sealed with the key of its subject.
 *
 *     sealed part = | subject 16 | nonce 12 | encrypted: length 4, personal JSON, raw | tag 16 |
 *
 * It is bound to the transaction's key, revision and content hash: moved to another record it does
 * not open. Of a subject that is forgotten only its pseudonym is kept: the first 16 bytes. */
#pragma once

#include "retail/record.h"
#include "subjects/subjects.h"

struct hidden {
	bool any;
	struct subject_id subject;
	struct slice personal; /* what was taken out, as JSON */
};

/* Puts stand-ins in the place of what is personal, in the transaction and in its document. The
 * hash is made afterwards. `raw_personal`: what was received is to be sealed although no field of
 * the transaction says who the customer is. E_FULL: as personal_replace(). */
enum status subjects_hide(const struct subjects *subjects, struct transaction *t, bool raw_personal,
	struct slice *document, struct arena *arena, struct hidden *ret_hidden);

/* Seals what was hidden, and the record's raw part with it, which is empty afterwards. The record
 * has its key, revision, hash and raw part. *ret_durable is false when the record may be
 * acknowledged only after subjects_flush(). E_FULL, E_IO. */
enum status subjects_seal(struct subjects *subjects, const struct hidden *hidden,
	struct record *record, struct arena *arena, bool *ret_durable, struct error *err);

struct unsealed {
	struct subject_id subject;
	enum subject_state state;
	/* Both with a NULL ptr unless the state is SUBJECT_KEPT. */
	struct slice personal, raw;
};

/* Opens the sealed part of a record that has one. E_CORRUPT: it is not this record's. */
enum status subjects_unseal(struct subjects *subjects, const struct record *record,
	struct arena *arena, struct unsealed *ret_unsealed, struct error *err);

/* The subject of a record; false when it has none. */
bool record_subject(const struct record *record, struct subject_id *ret_subject);
