#include "intake/documents.h"

#include <stdlib.h>

/* Rows are appended in the order of events; the second index is the key itself, with the business
 * date in front of the register so that a store-day is one range. */
static const struct migration migrations[] = {
	{ "document.1",
		"CREATE TABLE document ("
		" event BIGINT PRIMARY KEY, position BIGINT NOT NULL, recorded_ms BIGINT NOT NULL,"
		" store TEXT NOT NULL, business_date BIGINT NOT NULL, register TEXT NOT NULL,"
		" sequence BIGINT NOT NULL, revision BIGINT NOT NULL, conflict BIGINT NOT NULL,"
		" type BIGINT NOT NULL, line_count BIGINT NOT NULL, currency TEXT, gross TEXT,"
		" fingerprint BLOB NOT NULL);"
		"CREATE UNIQUE INDEX document_key ON document"
		" (store, business_date, register, sequence, revision, event)" },
	/* The event of the newer revision that took its place; NULL while it stands. */
	{ "document.2", "ALTER TABLE document ADD COLUMN superseded_by BIGINT;"
			"CREATE INDEX document_revised ON document (event) WHERE revision > 1" },
	/* Lists of one store, in the journal's order. */
	{ "document.3", "CREATE UNIQUE INDEX document_store ON document (store, event)" },
};

struct documents {
	struct statement *insert, *find, *supersede, *any_revised;
	bool revised; /* some key has, or had for a moment, a revision beyond the first */
};

static void documents_close(void *state)
{
	struct documents *d = state;
	struct statement *all[] = { d->insert, d->find, d->supersede, d->any_revised };
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		statement_close(all[i]);
	free(d);
}

static enum status prepare(struct documents *d, struct store *store, struct error *err)
{
	const struct {
		struct statement **statement;
		const char *sql;
	} all[] = {
		{ &d->insert,
			"INSERT INTO document (event, position, recorded_ms, store, business_date,"
			" register, sequence, revision, conflict, type, line_count, currency, "
			"gross,"
			" fingerprint, superseded_by)"
			" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, "
			"$15)" },
		/* What stands before an event, whatever came behind it: a consumer may be behind.
		 */
		{ &d->find, "SELECT event, position, revision FROM document WHERE store = $1"
			    " AND business_date = $2 AND register = $3 AND sequence = $4 AND "
			    "conflict = 0"
			    " AND event < $5 ORDER BY revision DESC LIMIT 1" },
		{ &d->supersede, "UPDATE document SET superseded_by = $2 WHERE event = $1" },
		{ &d->any_revised,
			"SELECT 1 FROM document WHERE revision > 1 AND conflict = 0 LIMIT 1" },
	};
	enum status s = OK;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]) && s == OK; i++)
		s = store_prepare(store, all[i].sql, all[i].statement, err);
	return s;
}

static enum status documents_open(struct store *store, void **ret_state, struct error *err)
{
	struct documents *d = calloc(1, sizeof(*d));
	if (d == NULL)
		return error_set(err, E_FULL, "out of memory");
	enum status s = prepare(d, store, err);
	if (s == OK)
		s = statement_step(d->any_revised, &d->revised, err);
	if (s != OK) {
		documents_close(d);
		return s;
	}
	statement_reset(d->any_revised);
	*ret_state = d;
	return OK;
}

/* Only a key that has a later revision can be in the way of a first one, and most journals have
 * none at all. */
static enum status documents_standing(void *state, const struct applied_event *e,
	struct standing *ret_standing, struct error *err)
{
	struct documents *d = state;
	const struct key *key = &e->transaction->key;
	bool row = false;
	if (e->transaction->revision > 1)
		d->revised = true;
	if (!d->revised)
		return OK;
	statement_bind_text(d->find, 1, key->store);
	statement_bind_int(d->find, 2, key->business_date);
	statement_bind_text(d->find, 3, key->reg);
	statement_bind_int(d->find, 4, (int64_t)key->sequence);
	statement_bind_int(d->find, 5, (int64_t)e->event.number);
	enum status s = statement_step(d->find, &row, err);
	if (s == OK && row)
		*ret_standing = (struct standing){
			.event = (uint64_t)statement_int(d->find, 0),
			.position = (uint64_t)statement_int(d->find, 1),
			.revision = (uint64_t)statement_int(d->find, 2),
		};
	statement_reset(d->find);
	return s;
}

static enum status note_superseded(
	struct documents *d, const struct applied_event *e, struct error *err)
{
	if (e->superseded == NULL)
		return OK;
	statement_bind_int(d->supersede, 1, (int64_t)e->standing_event);
	statement_bind_int(d->supersede, 2, (int64_t)e->event.number);
	return statement_run(d->supersede, err);
}

static enum status documents_apply(void *state, const struct applied_event *e, struct error *err)
{
	const struct transaction *t = e->transaction;
	if (t == NULL)
		return OK;
	struct statement *insert = ((struct documents *)state)->insert;
	struct fingerprint fingerprint = record_fingerprint(&e->record.hash);
	statement_bind_int(insert, 1, (int64_t)e->event.number);
	statement_bind_int(insert, 2, (int64_t)e->event.position);
	statement_bind_int(insert, 3, e->event.recorded_ms);
	statement_bind_text(insert, 4, t->key.store);
	statement_bind_int(insert, 5, t->key.business_date);
	statement_bind_text(insert, 6, t->key.reg);
	statement_bind_int(insert, 7, (int64_t)t->key.sequence);
	statement_bind_int(insert, 8, (int64_t)t->revision);
	statement_bind_int(insert, 9, e->event.kind == EVENT_CONFLICT);
	statement_bind_int(insert, 10, t->type);
	statement_bind_int(insert, 11, t->lines.count);
	statement_bind_text(insert, 12, t->currency);
	if (t->totals.set)
		statement_bind_total(insert, 13, total_of(t->totals.gross));
	else
		statement_bind_null(insert, 13);
	statement_bind_blob(insert, 14, slice_make(fingerprint.bytes, FINGERPRINT_BYTES));
	if (e->outdated)
		statement_bind_int(insert, 15, (int64_t)e->standing_event);
	else
		statement_bind_null(insert, 15);
	enum status s = statement_run(insert, err);
	return s == OK ? note_superseded(state, e, err) : s;
}

const struct consumer documents_consumer = {
	.name = "documents",
	.migrations = migrations,
	.migration_count = sizeof(migrations) / sizeof(migrations[0]),
	.open = documents_open,
	.apply = documents_apply,
	.close = documents_close,
	.standing = documents_standing,
};

struct document_reader {
	struct store *store;
	struct statement *day;
};

enum status document_reader_open(
	const char *path, struct document_reader **ret_reader, struct error *err)
{
	struct document_reader *r = calloc(1, sizeof(*r));
	if (r == NULL)
		return error_set(err, E_FULL, "out of memory");
	enum status s = store_open(path, STORE_READ, &r->store, err);
	if (s == OK)
		s = store_prepare(r->store,
			"SELECT sequence, revision, event, recorded_ms, conflict, fingerprint FROM "
			"document"
			" WHERE store = $1 AND business_date = $2 AND register = $3",
			&r->day, err);
	if (s != OK) {
		document_reader_close(r);
		return s;
	}
	*ret_reader = r;
	return OK;
}

void document_reader_close(struct document_reader *r)
{
	if (r == NULL)
		return;
	statement_close(r->day);
	store_close(r->store);
	free(r);
}

enum status document_reader_load(
	void *reader, struct identity *identity, const struct key *day, struct error *err)
{
	struct document_reader *r = reader;
	enum status s = OK;
	bool row = true;
	statement_bind_text(r->day, 1, day->store);
	statement_bind_int(r->day, 2, day->business_date);
	statement_bind_text(r->day, 3, day->reg);
	while (s == OK && (s = statement_step(r->day, &row, err)) == OK && row) {
		struct identity_entry entry = {
			.sequence = (uint64_t)statement_int(r->day, 0),
			.revision = (uint32_t)statement_int(r->day, 1),
			.number = (uint64_t)statement_int(r->day, 2),
			.recorded_ms = statement_int(r->day, 3),
			.conflict = statement_int(r->day, 4) != 0,
		};
		struct slice fingerprint = statement_blob(r->day, 5);
		memcpy(entry.fingerprint.bytes, fingerprint.ptr, FINGERPRINT_BYTES);
		s = identity_load(identity, &entry, err);
	}
	statement_reset(r->day);
	return s;
}
