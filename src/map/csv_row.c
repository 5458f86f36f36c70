#include "map/csv_row.h"

#include <assert.h>

static bool at_line_end(const struct csv_rows *rows)
{
	size_t left = rows->raw.len - rows->at;
	const char *at = rows->raw.ptr + rows->at;
	return left == 0 || *at == '\n' || (*at == '\r' && (left == 1 || at[1] == '\n'));
}

static void skip_line_end(struct csv_rows *rows)
{
	if (rows->at < rows->raw.len && rows->raw.ptr[rows->at] == '\r')
		rows->at++;
	if (rows->at < rows->raw.len && rows->raw.ptr[rows->at] == '\n') {
		rows->at++;
		rows->line++;
	}
}

static void skip_line(struct csv_rows *rows)
{
	while (rows->at < rows->raw.len && rows->raw.ptr[rows->at] != '\n')
		rows->at++;
	skip_line_end(rows);
}

/* A doubled quote stands for one. */
static bool undouble(struct slice *field, struct arena *arena)
{
	char *copy = arena_alloc(arena, field->len);
	size_t len = 0;
	if (copy == NULL)
		return false;
	for (size_t i = 0; i < field->len; i++) {
		copy[len++] = field->ptr[i];
		i += field->ptr[i] == '"';
	}
	*field = slice_make(copy, len);
	return true;
}

/* Each kind of field returns what is wrong, or NULL. */
static const char *quoted_field(struct csv_rows *rows, struct arena *arena, struct slice *ret_field)
{
	const char *text = rows->raw.ptr;
	size_t start = ++rows->at;
	bool doubled = false;
	while (rows->at < rows->raw.len) {
		if (text[rows->at] == '"') {
			if (rows->at + 1 == rows->raw.len || text[rows->at + 1] != '"')
				break;
			doubled = true;
			rows->at++;
		}
		rows->line += text[rows->at] == '\n';
		rows->at++;
	}
	if (rows->at == rows->raw.len)
		return "a quoted field is not closed; nothing behind it can be read";
	*ret_field = slice_make(text + start, rows->at - start);
	rows->at++;
	if (!at_line_end(rows) && text[rows->at] != rows->separator)
		return "something stands behind a closing quote";
	if (doubled && !undouble(ret_field, arena))
		return "the record takes more memory than a record may";
	return NULL;
}

static const char *plain_field(struct csv_rows *rows, struct slice *ret_field)
{
	size_t start = rows->at;
	while (!at_line_end(rows) && rows->raw.ptr[rows->at] != rows->separator) {
		if (rows->raw.ptr[rows->at] == '"')
			return "a quote inside an unquoted field; the whole field must be quoted";
		rows->at++;
	}
	*ret_field = slice_make(rows->raw.ptr + start, rows->at - start);
	return NULL;
}

/* Stands behind the row's last field when all is well. */
static const char *read_fields(struct csv_rows *rows, struct arena *arena, struct csv_row *row)
{
	for (;;) {
		struct slice field;
		if (row->count == CSV_COLUMNS_MAX)
			return "the row has more columns than are taken (512)";
		row->problem_line = rows->line;
		bool quoted = rows->at < rows->raw.len && rows->raw.ptr[rows->at] == '"';
		const char *problem =
			quoted ? quoted_field(rows, arena, &field) : plain_field(rows, &field);
		if (problem != NULL)
			return problem;
		row->fields[row->count++] = field;
		if (at_line_end(rows))
			return NULL;
		rows->at++;
	}
}

bool csv_row_read(struct csv_rows *rows, struct arena *arena, struct csv_row *ret_row)
{
	static_assert(CSV_COLUMNS_MAX == 512, "the sentence above names it");
	while (rows->at < rows->raw.len && at_line_end(rows))
		skip_line_end(rows);
	if (rows->at >= rows->raw.len)
		return false;
	ret_row->start = rows->at;
	ret_row->line = rows->line;
	ret_row->count = 0;
	ret_row->problem = read_fields(rows, arena, ret_row);
	if (ret_row->problem == NULL)
		skip_line_end(rows);
	else
		skip_line(rows);
	return true;
}

void csv_row_again(struct csv_rows *rows, const struct csv_row *row)
{
	rows->at = row->start;
	rows->line = row->line;
}
