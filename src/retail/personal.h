/* What is personal in a transaction: the fields whose rows say so (fields.c), which tell who the
 * customer is. Before a transaction is kept they are taken out, and a stand-in takes the place of
 * each: the subject's pseudonym for the customer, else a text that says nothing and is the same
 * for the same value of the same subject. So the content hash still tells documents apart, and no
 * one who reads the journal learns who bought. Who makes the stand-ins is subjects/. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "retail/transaction.h"

enum { SUBJECT_BYTES = 16, SUBJECT_TEXT_MAX = 2 * SUBJECT_BYTES + 1 };

/* A data subject, by pseudonym. */
struct subject_id {
	uint8_t bytes[SUBJECT_BYTES];
};

void subject_print(const struct subject_id *subject, char text[static SUBJECT_TEXT_MAX]);
/* 32 digits of lower-case hexadecimal, and nothing else. */
bool subject_parse(struct slice text, struct subject_id *ret_subject);

/* True when a personal field has a text. */
bool personal_present(const struct transaction *t);

/* What a subject is known by, in the order of preference. */
enum identifier_kind {
	IDENTIFIER_CUSTOMER,
	IDENTIFIER_LOYALTY,
	IDENTIFIER_EMAIL,
	IDENTIFIER_PHONE,
	IDENTIFIER_NONE, /* a name or an address alone: the subject of this transaction only */
};
extern const char *const identifier_names[]; /* "customer", ...; ends with NULL */

/* What identifies the subject, normalised: without space around it, e-mail in lower case, phone as
 * its digits with a leading '+'. For IDENTIFIER_NONE the transaction's key. E_FULL. */
enum status personal_identifier(const struct transaction *t, struct arena *arena,
	enum identifier_kind *ret_kind, struct slice *ret_value);
/* The same for a text alone; an empty result identifies nobody. ptr is NULL without memory. */
struct slice identifier_normalise(
	enum identifier_kind kind, struct slice text, struct arena *arena);

/* The personal fields alone, as JSON in the shape of the document. */
void personal_write(const struct transaction *t, struct buf *buf);

/* Makes the stand-in for the text of a field; "email" is the name of the field's row. */
struct stand_in {
	void (*make)(void *context, struct slice name, struct slice text,
		char stand_in[static SUBJECT_TEXT_MAX]);
	void *context;
};

/* Puts stand-ins in the place of every personal text, in the transaction and in its document, of
 * which nothing else changes by a byte. The new texts live in the arena. E_FULL: the arena's limit,
 * or with stand-ins the document has more than TRANSACTION_BYTES_MAX, which nobody would decode. */
enum status personal_replace(struct transaction *t, struct slice document,
	const struct stand_in *stand_in, struct arena *arena, struct slice *ret_document);
