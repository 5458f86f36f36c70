#include "books/exception_book.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>

const struct migration exception_migrations[EXCEPTION_MIGRATIONS] = {
	{ "exception.1", "CREATE TABLE exception (event BIGINT NOT NULL, line BIGINT NOT NULL,"
			 " kind TEXT NOT NULL, state TEXT NOT NULL, severity TEXT NOT NULL,"
			 " store TEXT NOT NULL, transaction_event BIGINT NOT NULL, key TEXT NOT "
			 "NULL, erp TEXT,"
			 " amount TEXT, currency TEXT, cause TEXT NOT NULL, detail TEXT NOT NULL,"
			 " opened_ms BIGINT NOT NULL, PRIMARY KEY (event, line)) WITHOUT ROWID;"
			 "CREATE INDEX exception_transaction ON exception (transaction_event);"
			 "CREATE TABLE exception_store (store TEXT NOT NULL, state TEXT NOT NULL,"
			 " exceptions BIGINT NOT NULL, PRIMARY KEY (store, state)) WITHOUT ROWID" },
	/* `subject`: what it is about, for those that close by themselves. */
	{ "exception.state", "ALTER TABLE exception ADD COLUMN subject TEXT;"
			     "ALTER TABLE exception ADD COLUMN closed_event BIGINT;"
			     "ALTER TABLE exception ADD COLUMN closed_ms BIGINT;"
			     "ALTER TABLE exception ADD COLUMN close_reason TEXT;"
			     "CREATE INDEX exception_state ON exception (state, event, line);"
			     "CREATE UNIQUE INDEX exception_subject ON exception (kind, subject)"
			     " WHERE state = 'open' AND subject IS NOT NULL" },
	{ "exception.store",
		"CREATE INDEX exception_store_event ON exception (store, event, line)" },
};

struct exception_book {
	struct statement *insert, *find, *change, *end, *count;
};

void exception_book_close(struct exception_book *book)
{
	if (book == NULL)
		return;
	statement_close(book->insert);
	statement_close(book->find);
	statement_close(book->change);
	statement_close(book->end);
	statement_close(book->count);
	free(book);
}

enum status exception_book_open(
	struct store *store, struct exception_book **ret_book, struct error *err)
{
	struct exception_book *book = calloc(1, sizeof(*book));
	if (book == NULL)
		return error_set(err, E_FULL, "out of memory");
	const struct {
		struct statement **statement;
		const char *sql;
	} all[] = {
		{ &book->insert,
			"INSERT INTO exception (event, line, kind, state, severity, store,"
			" transaction_event, key, erp, amount, currency, cause, detail, opened_ms,"
			" subject)"
			" VALUES ($1, $2, $3, 'open', $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, "
			"$14)" },
		{ &book->find, "SELECT event, line, store FROM exception WHERE kind = $1"
			       " AND subject = $2 AND state = 'open'" },
		{ &book->change, "UPDATE exception SET cause = $3, amount = $4, detail = $5"
				 " WHERE event = $1 AND line = $2" },
		{ &book->end, "UPDATE exception SET state = 'closed', closed_event = $3,"
			      " closed_ms = $4, close_reason = $5 WHERE event = $1 AND line = $2" },
		/* Exceptions are few: a row at a time is fine. */
		{ &book->count, "INSERT INTO exception_store (store, state, exceptions)"
				" VALUES ($1, $2, $3) ON CONFLICT (store, state) DO UPDATE"
				" SET exceptions = exceptions + excluded.exceptions" },
	};
	enum status s = OK;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]) && s == OK; i++)
		s = store_prepare(store, all[i].sql, all[i].statement, err);
	if (s != OK) {
		exception_book_close(book);
		return s;
	}
	*ret_book = book;
	return OK;
}

static enum status count(struct exception_book *book, struct slice store, const char *state,
	int64_t change, struct error *err)
{
	statement_bind_text(book->count, 1, store);
	statement_bind_text(book->count, 2, slice_of(state));
	statement_bind_int(book->count, 3, change);
	return statement_run(book->count, err);
}

enum status exception_open(struct exception_book *book, const struct raised *r, struct error *err)
{
	statement_bind_int(book->insert, 1, (int64_t)r->event);
	statement_bind_int(book->insert, 2, r->line);
	statement_bind_text(book->insert, 3, slice_of(r->kind));
	statement_bind_text(book->insert, 4, slice_of(r->severity));
	statement_bind_text(book->insert, 5, r->store);
	statement_bind_int(book->insert, 6, (int64_t)r->transaction_event);
	statement_bind_text(book->insert, 7, r->key);
	statement_bind_text(book->insert, 8, r->erp);
	statement_bind_text(book->insert, 9, r->amount);
	statement_bind_text(book->insert, 10, r->currency);
	statement_bind_text(book->insert, 11, r->cause);
	statement_bind_text(book->insert, 12, r->detail);
	statement_bind_int(book->insert, 13, r->at_ms);
	statement_bind_text(book->insert, 14, r->subject);
	enum status s = statement_run(book->insert, err);
	return s == OK ? count(book, r->store, "open", 1, err) : s;
}

/* The open one of the kind about the subject. */
struct found {
	bool is; /* false: there is none */
	int64_t event, line;
	char store[256];
	size_t store_len;
};

static enum status find(struct exception_book *book, const char *kind, struct slice subject,
	struct found *found, struct error *err)
{
	statement_bind_text(book->find, 1, slice_of(kind));
	statement_bind_text(book->find, 2, subject);
	enum status s = statement_step(book->find, &found->is, err);
	if (s != OK || !found->is)
		return s;
	struct slice store = statement_text(book->find, 2);
	found->event = statement_int(book->find, 0);
	found->line = statement_int(book->find, 1);
	check(store.len <= sizeof(found->store));
	memcpy(found->store, store.ptr, store.len);
	found->store_len = store.len;
	statement_reset(book->find);
	return OK;
}

enum status exception_keep_open(
	struct exception_book *book, const struct raised *r, struct error *err)
{
	struct found found;
	enum status s = find(book, r->kind, r->subject, &found, err);
	if (s != OK)
		return s;
	if (!found.is)
		return exception_open(book, r, err);
	statement_bind_int(book->change, 1, found.event);
	statement_bind_int(book->change, 2, found.line);
	statement_bind_text(book->change, 3, r->cause);
	statement_bind_text(book->change, 4, r->amount);
	statement_bind_text(book->change, 5, r->detail);
	return statement_run(book->change, err);
}

enum status exception_settle(struct exception_book *book, const char *kind, struct slice subject,
	const char *reason, uint64_t event, int64_t at_ms, struct error *err)
{
	struct found found;
	enum status s = find(book, kind, subject, &found, err);
	if (s != OK || !found.is)
		return s;
	statement_bind_int(book->end, 1, found.event);
	statement_bind_int(book->end, 2, found.line);
	statement_bind_int(book->end, 3, (int64_t)event);
	statement_bind_int(book->end, 4, at_ms);
	statement_bind_text(book->end, 5, slice_of(reason));
	s = statement_run(book->end, err);
	struct slice store = slice_make(found.store, found.store_len);
	if (s == OK)
		s = count(book, store, "open", -1, err);
	return s == OK ? count(book, store, "closed", 1, err) : s;
}
