/* JSON to transaction and back.
 *
 * The decoder makes one pass over the document, driven by one row a field (codec.c). It is strict:
 * unknown types of values, duplicate names, bad UTF-8, out-of-range numbers and texts with control
 * characters are refused with the field's JSON Pointer; unknown members are kept in the raw bytes,
 * counted, and part of the content hash. It does no I/O and touches no global. */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/hash.h"
#include "retail/transaction.h"

enum { POINTER_TEXT_MAX = 160, FINDING_DETAIL_MAX = 200, FINDINGS_MAX = 16 };

/* Something that is wrong with a document: where, which rule, and a sentence. */
struct finding {
	char pointer[POINTER_TEXT_MAX]; /* JSON Pointer (RFC 6901), "" for the whole document */
	const char *rule;               /* "json", "schema" or the id of a row of rules.h */
	bool refuses;                   /* false: accepted, but reported */
	char detail[FINDING_DETAIL_MAX];
};

struct findings {
	struct finding items[FINDINGS_MAX];
	uint32_t count;
	uint32_t dropped; /* found, but no place left in items */
	uint32_t refusing;
};

/* Decodes one document. The transaction and its lists live in the arena, texts in the arena or in
 * `document`. E_INPUT: `findings` has one finding that says what and where (rule "json" when the
 * bytes are no JSON, "schema" when they are JSON but no transaction). E_FULL: the arena's limit.
 * *ret_transaction is only written on OK. */
enum status transaction_decode(struct slice document, struct arena *arena,
	struct transaction *ret_transaction, struct findings *findings);

/* The canonical JSON of a transaction: fields in the order of the contract, no white space,
 * decimals as written, absent fields absent. Unknown members are not part of it. */
void transaction_encode(const struct transaction *t, struct buf *buf);

/* The content hash: SHA-256 over a canonical form in which the order of members, white space,
 * escapes and trailing zeros of decimals do not count, and unknown members do. The same content
 * has the same hash for the life of the journal. */
enum status transaction_hash(const struct transaction *t, struct slice document,
	struct arena *arena, struct hash *ret_hash);

/* Appends a finding; counts it as dropped when the list is full. */
void findings_add(struct findings *findings, const char *rule, bool refuses, const char *pointer,
	const char *format, ...) __attribute__((format(printf, 5, 6)));
/* The findings as a JSON array of {"pointer", "rule", "detail"}; `refusing` picks which kind. */
void findings_write(const struct findings *findings, bool refusing, struct buf *buf);
