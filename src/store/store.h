/* Derived state: one SQLite file, written by one thread, read by any number.
 *
 * The SQL is written for both engines to come ($1 parameters; no engine's own functions). SQLite
 * 3.40 can corrupt a WAL database when a second connection checkpoints while the first commits
 * (sqlite.org, fixed in 3.51.3), so exactly one connection per file, opened with STORE_WRITE, ever
 * writes or checkpoints; readers are opened read-only with SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE.
 *
 * All state in the store can be dropped and rebuilt from the journal, so a commit is not synced to
 * disk one by one (synchronous=NORMAL in WAL mode keeps it consistent); the checkpoint row that
 * commits with the rows it describes says where to go on after a power cut. */
#pragma once

#include "base/decimal.h"
#include "base/error.h"
#include "base/slice.h"

struct store;
struct statement;

enum store_mode { STORE_READ, STORE_WRITE };

/* STORE_WRITE creates the file. E_CONFIG: a second writer, or a file that is not ours. */
enum status store_open(
	const char *path, enum store_mode mode, struct store **ret_store, struct error *err);
void store_close(struct store *store);

/* One or more statements without parameters. */
enum status store_execute(struct store *store, const char *sql, struct error *err);

enum status store_begin(struct store *store, struct error *err);
enum status store_commit(struct store *store, struct error *err);
void store_rollback(struct store *store);

/* While a statement runs `stop` is asked again and again, on its thread; once it says true the
 * statement ends with E_RETRY. NULL: nobody is asked any more. */
void store_watch(struct store *store, bool (*stop)(void *context), void *context);
/* Steps that the statements closed so far have taken: a measure of the rows they touched that no
 * clock and no cache has a part in. */
uint64_t store_steps(const struct store *store);
/* Moves the log into the file when it has grown; the writer only, outside a transaction. */
enum status store_checkpoint(struct store *store, struct error *err);

/* Prepared once, used often; parameters are $1, $2, ... Bind all of them before each run. Bound
 * slices must live until the next statement_reset(). Errors of binding show at the step. */
enum status store_prepare(
	struct store *store, const char *sql, struct statement **ret_statement, struct error *err);
void statement_close(struct statement *statement); /* NULL is fine */
void statement_bind_int(struct statement *statement, int parameter, int64_t value);
void statement_bind_text(struct statement *statement, int parameter, struct slice text);
void statement_bind_blob(struct statement *statement, int parameter, struct slice bytes);
void statement_bind_null(struct statement *statement, int parameter);
void statement_bind_total(struct statement *statement, int parameter, struct total value);

/* *ret_row is true when there is a row; false, and the statement reset, at the end. */
enum status statement_step(struct statement *statement, bool *ret_row, struct error *err);
/* Runs a statement that returns no rows, and resets it. */
enum status statement_run(struct statement *statement, struct error *err);
void statement_reset(struct statement *statement);

/* Columns from 0; texts live until the next step or reset. */
int64_t statement_int(struct statement *statement, int column);
struct slice statement_text(struct statement *statement, int column);
struct slice statement_blob(struct statement *statement, int column);
bool statement_is_null(struct statement *statement, int column);
struct total statement_total(struct statement *statement, int column); /* 0 when NULL */

/* The schema in numbered steps; each runs once, in its own transaction. The table `migration`
 * remembers them. E_CONFIG when the file knows more steps than this program. */
struct migration {
	const char *name; /* "stock.1": unique; the order of the array is the order of running */
	const char *sql;
};
enum status store_migrate(
	struct store *store, const struct migration *migrations, size_t count, struct error *err);

/* A hash over all rows of all tables that are derived state (all but `migration`), in key order:
 * equal for equal state, however it came to be. Calls `each` (may be NULL) for every table. */
struct hash;
enum status store_digest(struct store *store,
	void (*each)(void *context, const char *table, uint64_t rows, const struct hash *hash),
	void *context, struct hash *ret_hash, struct error *err);
