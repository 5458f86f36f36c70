#include "base/buf.h"
#include "base/hash.h"
#include "store/store.h"

#include <stdio.h>

enum { TABLES_MAX = 64, TABLE_NAME_MAX = 64, COLUMNS_MAX = 64 };

struct table {
	char name[TABLE_NAME_MAX];
	char columns[1024]; /* "a, b, c" in the order of the table */
	int count;
};

static enum status list_tables(
	struct store *store, struct table *tables, size_t *ret_count, struct error *err)
{
	struct statement *list = NULL;
	bool row = false;
	size_t count = 0;
	enum status s = store_prepare(store,
		"SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'migration' "
		"AND name NOT LIKE 'sqlite_%' ORDER BY name",
		&list, err);
	while (s == OK && (s = statement_step(list, &row, err)) == OK && row) {
		if (count == TABLES_MAX) {
			s = error_set(err, E_FULL, "state: more than %d tables", TABLES_MAX);
			break;
		}
		struct slice name = statement_text(list, 0);
		tables[count] = (struct table){ 0 };
		snprintf(tables[count++].name, TABLE_NAME_MAX, "%.*s", SLICE_ARG(name));
	}
	statement_close(list);
	*ret_count = count;
	return s;
}

static enum status list_columns(struct store *store, struct table *table, struct error *err)
{
	char sql[160];
	struct statement *list = NULL;
	bool row = false;
	size_t used = 0;
	snprintf(sql, sizeof(sql), "SELECT name FROM pragma_table_info('%.63s') ORDER BY cid",
		table->name);
	enum status s = store_prepare(store, sql, &list, err);
	while (s == OK && (s = statement_step(list, &row, err)) == OK && row) {
		struct slice name = statement_text(list, 0);
		int n = snprintf(table->columns + used, sizeof(table->columns) - used, "%s%.*s",
			table->count > 0 ? ", " : "", SLICE_ARG(name));
		used += (size_t)n;
		table->count++;
		if (used >= sizeof(table->columns) || table->count > COLUMNS_MAX) {
			s = error_set(
				err, E_FULL, "state: table %s has too many columns", table->name);
			break;
		}
	}
	statement_close(list);
	return s;
}

/* Every value with its length before it, so that no two rows print alike. */
static void add_row(struct hasher *hasher, struct statement *rows, int columns)
{
	for (int i = 0; i < columns; i++) {
		char length[24];
		struct slice text = statement_blob(rows, i);
		int n = statement_is_null(rows, i)
				? snprintf(length, sizeof(length), "-;")
				: snprintf(length, sizeof(length), "%zu;", text.len);
		hasher_add(hasher, length, (size_t)n);
		hasher_add(hasher, text.ptr == NULL ? "" : text.ptr, text.len);
	}
}

static enum status digest_table(struct store *store, const struct table *table,
	struct hasher *hasher, uint64_t *ret_rows, struct hash *ret_hash, struct error *err)
{
	char sql[2 * sizeof(table->columns) + 128];
	struct statement *rows = NULL;
	bool row = false;
	uint64_t count = 0;
	snprintf(sql, sizeof(sql), "SELECT %.1023s FROM %.63s ORDER BY %.1023s", table->columns,
		table->name, table->columns);
	enum status s = store_prepare(store, sql, &rows, err);
	while (s == OK && (s = statement_step(rows, &row, err)) == OK && row) {
		add_row(hasher, rows, table->count);
		count++;
	}
	statement_close(rows);
	*ret_hash = hasher_finish(hasher);
	*ret_rows = count;
	return s;
}

enum status store_digest(struct store *store,
	void (*each)(void *context, const char *table, uint64_t rows, const struct hash *hash),
	void *context, struct hash *ret_hash, struct error *err)
{
	struct table tables[TABLES_MAX];
	struct hasher *hasher = hasher_open();
	struct buf all;
	size_t count = 0;
	buf_init(&all, 1 << 16);
	enum status s = list_tables(store, tables, &count, err);
	for (size_t i = 0; i < count && s == OK; i++) {
		struct hash hash;
		uint64_t rows = 0;
		s = list_columns(store, &tables[i], err);
		if (s == OK)
			s = digest_table(store, &tables[i], hasher, &rows, &hash, err);
		if (s != OK)
			break;
		buf_append(&all, tables[i].name, strlen(tables[i].name) + 1);
		buf_append(&all, hash.bytes, sizeof(hash.bytes));
		if (each != NULL)
			each(context, tables[i].name, rows, &hash);
	}
	if (s == OK)
		*ret_hash = hash_of(buf_get(&all));
	buf_release(&all);
	hasher_close(hasher);
	return s;
}
