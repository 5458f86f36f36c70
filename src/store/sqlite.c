#include "store/store.h"

#include "base/check.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	APPLICATION_ID = 0x74696c6c, /* "till": marks the file as ours */
	/* The log is moved into the file beyond this. Small steps: the disk that syncs them is the
	 * one that every acknowledgement waits for (64 MiB made its 99th percentile half as long
	 * again). */
	LOG_BYTES_MAX = 8 << 20,
	PAGE_CACHE_KIB = 32 << 10,
	BUSY_MS = 5000,
	WATCH_STEPS = 4000, /* between two questions of store_watch(): well under a millisecond */
};

struct store {
	sqlite3 *db;
	enum store_mode mode;
	int log_pages;  /* of the write-ahead log after the last commit */
	uint64_t steps; /* of closed statements */
	bool (*stop)(void *context);
	void *stop_context;
};

struct statement {
	sqlite3_stmt *stmt;
	struct store *store;
	int bind_result; /* the first error of binding since the last reset */
};

static enum status fail(struct store *store, struct error *err, const char *doing)
{
	int code = sqlite3_errcode(store->db);
	enum status status = E_IO;
	switch (code & 0xff) {
	case SQLITE_FULL:
		status = E_FULL;
		break;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_INTERRUPT:
		status = E_RETRY;
		break;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		status = E_CORRUPT;
		break;
	default:
		break;
	}
	if (status == E_CORRUPT)
		return error_set(err, status,
			"state: %s: %s; the file is damaged: `tillbridge rebuild` makes it again "
			"from the journal, which has everything",
			doing, sqlite3_errmsg(store->db));
	return error_set(err, status, "state: %s: %s", doing, sqlite3_errmsg(store->db));
}

static int log_grew(void *context, sqlite3 *db, const char *name, int pages)
{
	(void)db, (void)name;
	((struct store *)context)->log_pages = pages;
	return SQLITE_OK;
}

enum status store_execute(struct store *store, const char *sql, struct error *err)
{
	if (sqlite3_exec(store->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return fail(store, err, "execute");
	return OK;
}

static enum status check_application(struct store *store, const char *path, struct error *err)
{
	struct statement *read = NULL;
	bool row;
	enum status s = store_prepare(store, "PRAGMA application_id", &read, err);
	if (s == OK)
		s = statement_step(read, &row, err);
	int64_t id = s == OK ? statement_int(read, 0) : 0;
	statement_close(read);
	if (s == OK && id != 0 && id != APPLICATION_ID)
		return error_set(err, E_CONFIG, "%s is a database of another program", path);
	return s;
}

static enum status configure_writer(struct store *store, const char *path, struct error *err)
{
	enum status s = check_application(store, path, err);
	if (s != OK)
		return s;
	sqlite3_wal_hook(store->db, log_grew, store);
	char sql[256];
	/* The page size only takes effect on a new file, before the journal mode does. */
	snprintf(sql, sizeof(sql),
		"PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
		"PRAGMA application_id=%d; PRAGMA cache_size=-%d; PRAGMA temp_store=MEMORY;"
		"PRAGMA mmap_size=0",
		APPLICATION_ID, PAGE_CACHE_KIB);
	return store_execute(store, sql, err);
}

static enum status configure_reader(struct store *store, struct error *err)
{
	sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	return store_execute(
		store, "PRAGMA query_only=ON; PRAGMA mmap_size=0; PRAGMA cache_size=-4096", err);
}

enum status store_open(
	const char *path, enum store_mode mode, struct store **ret_store, struct error *err)
{
	struct store *store = calloc(1, sizeof(*store));
	if (store == NULL)
		return error_set(err, E_FULL, "state: out of memory");
	store->mode = mode;
	int flags = mode == STORE_WRITE ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
					: SQLITE_OPEN_READONLY;
	/* Each connection is used by one thread, so SQLite's own locks are not needed. */
	enum status s = OK;
	if (sqlite3_open_v2(path, &store->db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		s = error_set(err, E_CONFIG, "state %s: %s", path, sqlite3_errmsg(store->db));
	if (s == OK) {
		sqlite3_busy_timeout(store->db, BUSY_MS);
		sqlite3_wal_autocheckpoint(store->db, 0);
		s = mode == STORE_WRITE ? configure_writer(store, path, err)
					: configure_reader(store, err);
	}
	if (s != OK) {
		store_close(store);
		return s;
	}
	*ret_store = store;
	return OK;
}

void store_close(struct store *store)
{
	if (store == NULL)
		return;
	sqlite3_close(store->db);
	free(store);
}

enum status store_begin(struct store *store, struct error *err)
{
	return store_execute(store, store->mode == STORE_WRITE ? "BEGIN IMMEDIATE" : "BEGIN", err);
}

enum status store_commit(struct store *store, struct error *err)
{
	return store_execute(store, "COMMIT", err);
}

void store_rollback(struct store *store)
{
	if (!sqlite3_get_autocommit(store->db))
		sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
}

static int ask_stop(void *context)
{
	struct store *store = context;
	return store->stop(store->stop_context);
}

void store_watch(struct store *store, bool (*stop)(void *context), void *context)
{
	store->stop = stop;
	store->stop_context = context;
	sqlite3_progress_handler(
		store->db, stop == NULL ? 0 : WATCH_STEPS, stop == NULL ? NULL : ask_stop, store);
}

uint64_t store_steps(const struct store *store)
{
	return store->steps;
}

enum status store_checkpoint(struct store *store, struct error *err)
{
	check(store->mode == STORE_WRITE);
	if ((int64_t)store->log_pages * 8192 < LOG_BYTES_MAX)
		return OK;
	int pages = 0, moved = 0;
	/* PASSIVE never waits for readers; what they hold back is moved the next time. */
	int code = sqlite3_wal_checkpoint_v2(
		store->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, &moved);
	if (code != SQLITE_OK && code != SQLITE_BUSY)
		return fail(store, err, "checkpoint");
	if (moved == pages)
		store->log_pages = 0;
	return OK;
}

/* To SQLite $1 is a name, numbered by where it first stands; ?1 is the number. No text of ours has
 * a dollar sign in a literal. */
static char *number_parameters(const char *sql)
{
	char *copy = strdup(sql);
	for (char *at = copy; at != NULL && (at = strchr(at, '$')) != NULL; at++)
		*at = '?';
	return copy;
}

enum status store_prepare(
	struct store *store, const char *sql, struct statement **ret_statement, struct error *err)
{
	struct statement *statement = calloc(1, sizeof(*statement));
	if (statement == NULL)
		return error_set(err, E_FULL, "state: out of memory");
	statement->store = store;
	char *numbered = number_parameters(sql);
	int code = numbered == NULL ? SQLITE_NOMEM
				    : sqlite3_prepare_v3(store->db, numbered, -1,
					      SQLITE_PREPARE_PERSISTENT, &statement->stmt, NULL);
	free(numbered);
	if (code != SQLITE_OK) {
		free(statement);
		return fail(store, err, sql);
	}
	*ret_statement = statement;
	return OK;
}

void statement_close(struct statement *statement)
{
	if (statement == NULL)
		return;
	statement->store->steps +=
		(uint64_t)sqlite3_stmt_status(statement->stmt, SQLITE_STMTSTATUS_VM_STEP, 0);
	sqlite3_finalize(statement->stmt);
	free(statement);
}

static void bound(struct statement *statement, int code)
{
	if (statement->bind_result == SQLITE_OK)
		statement->bind_result = code;
}

void statement_bind_int(struct statement *statement, int parameter, int64_t value)
{
	bound(statement, sqlite3_bind_int64(statement->stmt, parameter, value));
}

void statement_bind_text(struct statement *statement, int parameter, struct slice text)
{
	if (text.ptr == NULL) {
		statement_bind_null(statement, parameter);
		return;
	}
	bound(statement, sqlite3_bind_text64(statement->stmt, parameter, text.ptr, text.len,
				 SQLITE_STATIC, SQLITE_UTF8));
}

void statement_bind_blob(struct statement *statement, int parameter, struct slice bytes)
{
	bound(statement, sqlite3_bind_blob64(
				 statement->stmt, parameter, bytes.ptr, bytes.len, SQLITE_STATIC));
}

void statement_bind_null(struct statement *statement, int parameter)
{
	bound(statement, sqlite3_bind_null(statement->stmt, parameter));
}

void statement_bind_total(struct statement *statement, int parameter, struct total value)
{
	char text[TOTAL_TEXT_MAX];
	size_t len = total_print(value, 0, text);
	bound(statement, sqlite3_bind_text64(statement->stmt, parameter, text, len,
				 SQLITE_TRANSIENT, SQLITE_UTF8));
}

enum status statement_step(struct statement *statement, bool *ret_row, struct error *err)
{
	int code = statement->bind_result;
	if (code == SQLITE_OK)
		code = sqlite3_step(statement->stmt);
	*ret_row = code == SQLITE_ROW;
	if (code == SQLITE_ROW)
		return OK;
	enum status s = OK;
	if (code != SQLITE_DONE)
		s = fail(statement->store, err, sqlite3_sql(statement->stmt));
	statement_reset(statement);
	return s;
}

enum status statement_run(struct statement *statement, struct error *err)
{
	bool row;
	enum status s = statement_step(statement, &row, err);
	check(s != OK || !row);
	return s;
}

void statement_reset(struct statement *statement)
{
	sqlite3_reset(statement->stmt);
	statement->bind_result = SQLITE_OK;
}

int64_t statement_int(struct statement *statement, int column)
{
	return sqlite3_column_int64(statement->stmt, column);
}

struct slice statement_text(struct statement *statement, int column)
{
	const void *text = sqlite3_column_text(statement->stmt, column);
	return slice_make(text, (size_t)sqlite3_column_bytes(statement->stmt, column));
}

struct slice statement_blob(struct statement *statement, int column)
{
	const void *bytes = sqlite3_column_blob(statement->stmt, column);
	return slice_make(bytes, (size_t)sqlite3_column_bytes(statement->stmt, column));
}

bool statement_is_null(struct statement *statement, int column)
{
	return sqlite3_column_type(statement->stmt, column) == SQLITE_NULL;
}

struct total statement_total(struct statement *statement, int column)
{
	struct total value = total_zero();
	if (!statement_is_null(statement, column))
		check(total_parse(statement_text(statement, column), &value));
	return value;
}
