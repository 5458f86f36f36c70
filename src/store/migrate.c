#include "base/check.h"
#include "base/hash.h"
#include "store/store.h"

#include <stdio.h>

static enum status already_run(
	struct store *store, const char *name, bool *ret_done, struct error *err)
{
	struct statement *find = NULL;
	enum status s = store_prepare(store, "SELECT 1 FROM migration WHERE name = $1", &find, err);
	if (s == OK) {
		statement_bind_text(find, 1, slice_of(name));
		s = statement_step(find, ret_done, err);
	}
	statement_close(find);
	return s;
}

static enum status note_run(struct store *store, const char *name, size_t place, struct error *err)
{
	struct statement *insert = NULL;
	enum status s = store_prepare(
		store, "INSERT INTO migration (name, place) VALUES ($1, $2)", &insert, err);
	if (s == OK) {
		statement_bind_text(insert, 1, slice_of(name));
		statement_bind_int(insert, 2, (int64_t)place);
		s = statement_run(insert, err);
	}
	statement_close(insert);
	return s;
}

static enum status run_one(
	struct store *store, const struct migration *migration, size_t place, struct error *err)
{
	enum status s = store_begin(store, err);
	if (s == OK)
		s = store_execute(store, migration->sql, err);
	if (s == OK)
		s = note_run(store, migration->name, place, err);
	if (s == OK)
		s = store_commit(store, err);
	if (s != OK) {
		store_rollback(store);
		return error_wrap(err, "migration %s", migration->name);
	}
	return OK;
}

static enum status refuse_newer(struct store *store, size_t known, struct error *err)
{
	struct statement *find = NULL;
	bool row = false;
	enum status s = store_prepare(store, "SELECT count(*) FROM migration", &find, err);
	if (s == OK)
		s = statement_step(find, &row, err);
	int64_t have = s == OK && row ? statement_int(find, 0) : 0;
	statement_close(find);
	if (s == OK && have > (int64_t)known)
		return error_set(err, E_CONFIG,
			"the state was written by a newer tillbridge (%lld migrations, this one "
			"knows %zu); run that version, or `tillbridge rebuild` with this one",
			(long long)have, known);
	return s;
}

enum status store_migrate(
	struct store *store, const struct migration *migrations, size_t count, struct error *err)
{
	enum status s = store_execute(store,
		"CREATE TABLE IF NOT EXISTS migration (name TEXT PRIMARY KEY, place INTEGER NOT "
		"NULL)",
		err);
	if (s == OK)
		s = refuse_newer(store, count, err);
	for (size_t i = 0; i < count && s == OK; i++) {
		bool done = false;
		s = already_run(store, migrations[i].name, &done, err);
		if (s == OK && !done)
			s = run_one(store, &migrations[i], i, err);
	}
	return s;
}
