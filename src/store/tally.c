#include "store/tally.h"

#include "base/arena.h"
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROWS_DEFAULT = 100000, SQL_MAX = 2048, MEMORY_MAX = 512 << 20 };

struct row {
	uint64_t hash;
	struct row *next_dirty;
	struct slice key; /* the packed key columns */
	struct tally_value values[TALLY_VALUES_MAX];
	bool dirty;
	bool fresh; /* nothing was added yet, in any batch */
};

struct tally {
	const struct tally_table *table;
	struct statement *read, *write;
	unsigned key_count, value_count;
	struct arena arena; /* rows and keys */
	struct row **slots; /* open addressing */
	size_t slot_count, row_count, rows_max;
	struct row *dirty, **dirty_tail;
};

static bool is_number(const char *name)
{
	return name[0] == '#';
}

static const char *column_name(const char *name)
{
	return is_number(name) ? name + 1 : name;
}

static enum status prepare_read(struct tally *t, struct store *store, struct error *err)
{
	struct buf sql;
	buf_init(&sql, SQL_MAX);
	buf_text(&sql, "SELECT ");
	for (unsigned i = 0; i < t->value_count; i++)
		buf_format(&sql, "%s%s", i > 0 ? ", " : "", t->table->values[i].name);
	buf_format(&sql, " FROM %s WHERE ", t->table->name);
	for (unsigned i = 0; i < t->key_count; i++)
		buf_format(&sql, "%s%s = $%u", i > 0 ? " AND " : "", column_name(t->table->keys[i]),
			i + 1);
	buf_char(&sql, '\0');
	check(!sql.failed);
	enum status s = store_prepare(store, sql.ptr, &t->read, err);
	buf_release(&sql);
	return s;
}

static enum status prepare_write(struct tally *t, struct store *store, struct error *err)
{
	struct buf sql;
	buf_init(&sql, SQL_MAX);
	buf_format(&sql, "INSERT INTO %s (", t->table->name);
	for (unsigned i = 0; i < t->key_count; i++)
		buf_format(&sql, "%s, ", column_name(t->table->keys[i]));
	for (unsigned i = 0; i < t->value_count; i++)
		buf_format(&sql, "%s%s", i > 0 ? ", " : "", t->table->values[i].name);
	buf_text(&sql, ") VALUES (");
	for (unsigned i = 0; i < t->key_count + t->value_count; i++)
		buf_format(&sql, "%s$%u", i > 0 ? ", " : "", i + 1);
	buf_text(&sql, ") ON CONFLICT (");
	for (unsigned i = 0; i < t->key_count; i++)
		buf_format(&sql, "%s%s", i > 0 ? ", " : "", column_name(t->table->keys[i]));
	buf_text(&sql, ") DO UPDATE SET ");
	for (unsigned i = 0; i < t->value_count; i++)
		buf_format(&sql, "%s%s = excluded.%s", i > 0 ? ", " : "", t->table->values[i].name,
			t->table->values[i].name);
	buf_char(&sql, '\0');
	check(!sql.failed);
	enum status s = store_prepare(store, sql.ptr, &t->write, err);
	buf_release(&sql);
	return s;
}

enum status tally_open(struct store *store, const struct tally_table *table,
	struct tally **ret_tally, struct error *err)
{
	struct tally *t = calloc(1, sizeof(*t));
	if (t == NULL)
		return error_set(err, E_FULL, "state: out of memory");
	t->table = table;
	t->rows_max = table->rows_max == 0 ? ROWS_DEFAULT : table->rows_max;
	t->dirty_tail = &t->dirty;
	while (table->keys[t->key_count] != NULL)
		t->key_count++;
	while (table->values[t->value_count].name != NULL)
		t->value_count++;
	check(t->key_count <= TALLY_KEYS_MAX && t->value_count <= TALLY_VALUES_MAX);
	arena_init(&t->arena, MEMORY_MAX);
	enum status s = prepare_read(t, store, err);
	if (s == OK)
		s = prepare_write(t, store, err);
	if (s != OK) {
		tally_close(t);
		return s;
	}
	*ret_tally = t;
	return OK;
}

void tally_close(struct tally *t)
{
	if (t == NULL)
		return;
	statement_close(t->read);
	statement_close(t->write);
	arena_release(&t->arena);
	free(t->slots);
	free(t);
}

/* Texts with their length in front, integers as eight bytes: no two keys pack alike. */
static struct slice pack(const struct tally *t, const struct tally_key *keys, char *bytes)
{
	size_t len = 0;
	for (unsigned i = 0; i < t->key_count; i++) {
		if (is_number(t->table->keys[i])) {
			memcpy(bytes + len, &keys[i].number, sizeof(int64_t));
			len += sizeof(int64_t);
			continue;
		}
		uint16_t text_len = (uint16_t)keys[i].text.len;
		check(keys[i].text.len + len + 2 + 8 <= TALLY_KEY_BYTES_MAX);
		memcpy(bytes + len, &text_len, sizeof(text_len));
		len += sizeof(text_len);
		if (text_len > 0)
			memcpy(bytes + len, keys[i].text.ptr, text_len);
		len += text_len;
	}
	return slice_make(bytes, len);
}

static void bind_key(const struct tally *t, struct statement *statement, struct slice key)
{
	const char *p = key.ptr;
	for (unsigned i = 0; i < t->key_count; i++) {
		if (is_number(t->table->keys[i])) {
			int64_t number;
			memcpy(&number, p, sizeof(number));
			statement_bind_int(statement, (int)i + 1, number);
			p += sizeof(number);
		} else {
			uint16_t len;
			memcpy(&len, p, sizeof(len));
			p += sizeof(len);
			statement_bind_text(statement, (int)i + 1, slice_make(p, len));
			p += len;
		}
	}
}

static enum status read_row(struct tally *t, struct row *row, struct error *err)
{
	bool found;
	bind_key(t, t->read, row->key);
	enum status s = statement_step(t->read, &found, err);
	row->fresh = !found;
	if (s != OK || !found)
		return s;
	for (unsigned i = 0; i < t->value_count; i++) {
		if (t->table->values[i].mode == TALLY_TOTAL)
			row->values[i].total = statement_total(t->read, (int)i);
		else
			row->values[i].number = statement_int(t->read, (int)i);
	}
	statement_reset(t->read);
	return OK;
}

static void put_slot(struct tally *t, struct row *row)
{
	size_t at = row->hash & (t->slot_count - 1);
	while (t->slots[at] != NULL)
		at = (at + 1) & (t->slot_count - 1);
	t->slots[at] = row;
}

static enum status grow(struct tally *t, struct error *err)
{
	size_t old_count = t->slot_count, count = old_count == 0 ? 1024 : old_count * 2;
	struct row **old = t->slots;
	t->slots = calloc(count, sizeof(*t->slots));
	if (t->slots == NULL) {
		t->slots = old;
		return error_set(err, E_FULL, "state: out of memory");
	}
	t->slot_count = count;
	for (size_t i = 0; i < old_count; i++)
		if (old[i] != NULL)
			put_slot(t, old[i]);
	free(old);
	return OK;
}

static enum status new_row(
	struct tally *t, struct slice key, uint64_t hash, struct row **ret_row, struct error *err)
{
	if ((t->row_count + 1) * 4 > t->slot_count * 3) {
		enum status s = grow(t, err);
		if (s != OK)
			return s;
	}
	struct row *row = arena_new(&t->arena, struct row);
	struct slice copy = arena_copy(&t->arena, key);
	if (row == NULL || copy.ptr == NULL)
		return error_set(err, E_FULL, "state: table %s has too many rows in one batch",
			t->table->name);
	row->key = copy;
	row->hash = hash;
	enum status s = read_row(t, row, err);
	if (s != OK)
		return s;
	put_slot(t, row);
	t->row_count++;
	*ret_row = row;
	return OK;
}

static enum status find_row(
	struct tally *t, struct slice key, struct row **ret_row, struct error *err)
{
	uint64_t hash = slice_hash(key, 0);
	if (t->slot_count > 0) {
		size_t at = hash & (t->slot_count - 1);
		for (; t->slots[at] != NULL; at = (at + 1) & (t->slot_count - 1)) {
			struct row *row = t->slots[at];
			if (row->hash == hash && slice_equal(row->key, key)) {
				*ret_row = row;
				return OK;
			}
		}
	}
	return new_row(t, key, hash, ret_row, err);
}

static void add_value(
	enum tally_mode mode, bool fresh, struct tally_value *to, const struct tally_value *from)
{
	switch (mode) {
	case TALLY_TOTAL:
		to->total = total_add(to->total, from->total);
		break;
	case TALLY_COUNT:
		to->number += from->number;
		break;
	case TALLY_MAX:
		if (fresh || from->number > to->number)
			to->number = from->number;
		break;
	case TALLY_MIN:
		if (fresh || from->number < to->number)
			to->number = from->number;
		break;
	}
}

enum status tally_add(struct tally *t, const struct tally_key *keys,
	const struct tally_value *values, struct error *err)
{
	char bytes[TALLY_KEY_BYTES_MAX];
	struct row *row = NULL;
	enum status s = find_row(t, pack(t, keys, bytes), &row, err);
	if (s != OK)
		return s;
	for (unsigned i = 0; i < t->value_count; i++)
		add_value(t->table->values[i].mode, row->fresh, &row->values[i], &values[i]);
	row->fresh = false;
	if (!row->dirty) {
		row->dirty = true;
		row->next_dirty = NULL;
		*t->dirty_tail = row;
		t->dirty_tail = &row->next_dirty;
	}
	return OK;
}

enum status tally_get(struct tally *t, const struct tally_key *keys, struct tally_value *ret_values,
	struct error *err)
{
	char bytes[TALLY_KEY_BYTES_MAX];
	struct row *row = NULL;
	enum status s = find_row(t, pack(t, keys, bytes), &row, err);
	for (unsigned i = 0; s == OK && i < t->value_count; i++)
		ret_values[i] = row->fresh ? (struct tally_value){ .number = 0 } : row->values[i];
	return s;
}

enum status tally_flush(struct tally *t, struct error *err)
{
	for (struct row *row = t->dirty; row != NULL; row = row->next_dirty) {
		bind_key(t, t->write, row->key);
		for (unsigned i = 0; i < t->value_count; i++) {
			int parameter = (int)(t->key_count + i + 1);
			if (t->table->values[i].mode == TALLY_TOTAL)
				statement_bind_total(t->write, parameter, row->values[i].total);
			else
				statement_bind_int(t->write, parameter, row->values[i].number);
		}
		enum status s = statement_run(t->write, err);
		if (s != OK)
			return s;
		row->dirty = false;
	}
	t->dirty = NULL;
	t->dirty_tail = &t->dirty;
	if (t->row_count > t->rows_max)
		tally_forget(t);
	return OK;
}

void tally_forget(struct tally *t)
{
	arena_reset(&t->arena);
	if (t->slots != NULL)
		memset(t->slots, 0, t->slot_count * sizeof(struct row *));
	t->row_count = 0;
	t->dirty = NULL;
	t->dirty_tail = &t->dirty;
}
