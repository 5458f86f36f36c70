/* The keys of the data subjects: one each, made when the subject is first seen, destroyed when it
 * is forgotten. What is personal in the journal is sealed with them (seal.h), so that a subject is
 * forgotten in every segment and every backup of the journal at once.
 *
 *     DATA/keys/subjects.db     one row a subject: its key, wrapped by the master key; or when it
 * was forgotten. Mutable, synced, never part of the journal DATA/keys/master.key      the master
 * key, when the configuration names no other file
 *
 * A subject's pseudonym is a keyed digest of what identifies it (the site's key stands wrapped in
 * the same file), so the same customer has the same pseudonym for ever, also after it was
 * forgotten.
 *
 * A key that is not durable must not be relied on: what is sealed with one may be acknowledged only
 * after subjects_flush(), which makes all new keys durable with one commit. Any thread. */
#pragma once

#include "base/clock.h"
#include "retail/personal.h"
#include "subjects/crypt.h"

struct subjects;

struct subjects_config {
	const char *folder;          /* is made when it is missing, its parent is there */
	const char *master_key_file; /* NULL: "master.key" in the folder, made at the first start */
	bool create;                 /* false: E_CONFIG when there is no subjects.db */
	struct clock *clock;
};

/* E_CONFIG: the master key is missing, or is not the one that the keys were wrapped with. */
enum status subjects_open(
	const struct subjects_config *config, struct subjects **ret_subjects, struct error *err);
void subjects_close(struct subjects *subjects); /* NULL is fine */

/* The pseudonym of who is identified by a normalised text (personal.h). */
void subjects_identify(const struct subjects *subjects, enum identifier_kind kind,
	struct slice value, struct subject_id *ret_subject);
/* A text's stand-in, which says nothing: the same for the same field and text of a subject. */
void subjects_stand_in(const struct subjects *subjects, const struct subject_id *subject,
	struct slice field, struct slice text, char stand_in[static SUBJECT_TEXT_MAX]);

/* A digest of a hash that nobody can compute without the site's key: so a guess at what was hashed
 * cannot be tried out. */
struct hash subjects_fingerprint(const struct subjects *subjects, const struct hash *hash);

enum subject_state {
	SUBJECT_UNKNOWN,   /* no key was ever made, or it is lost */
	SUBJECT_KEPT,      /* its key is here */
	SUBJECT_FORGOTTEN, /* its key is destroyed */
};

/* The key, when the state is SUBJECT_KEPT; *ret_durable is false while it waits for a flush. With
 * `create` an unknown subject gets one. */
enum status subjects_key(struct subjects *subjects, const struct subject_id *subject, bool create,
	struct secret *ret_key, enum subject_state *ret_state, bool *ret_durable,
	struct error *err);
enum status subjects_state(struct subjects *subjects, const struct subject_id *subject,
	enum subject_state *ret_state, struct error *err);

/* Makes all new keys durable. Does nothing when there are none. On an error they still wait. */
enum status subjects_flush(struct subjects *subjects, struct error *err);

/* Destroys the key: overwritten in the file, and nothing of it left in the log. The subject stays
 * known as forgotten, and never gets a key again. Durable when this returns; repeating it does
 * nothing. */
enum status subjects_forget(
	struct subjects *subjects, const struct subject_id *subject, struct error *err);

/* Wraps all keys anew, in one transaction: from now on `path` is the master key. The process that
 * calls it is the only one that has the file open. */
enum status subjects_rewrap(
	struct subjects *subjects, const struct secret *master, struct error *err);
