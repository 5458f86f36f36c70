/* Rows of a CSV text (RFC 4180), read one by one and not changed. A quote opens a field only at its
 * beginning; nothing but a separator or the end of the line follows a closing quote; lines end
 * in "\n" or "\r\n". Empty lines are no rows. */
#pragma once

#include "base/arena.h"

enum { CSV_COLUMNS_MAX = 512 };

struct csv_rows {
	struct slice raw;
	char separator;
	size_t at;
	uint64_t line; /* of `at`, from 1 */
};

struct csv_row {
	size_t start;
	uint64_t line;
	struct slice fields[CSV_COLUMNS_MAX]; /* in the text, or in the arena */
	uint32_t count;
	const char *problem; /* NULL: a good row */
	uint64_t problem_line;
};

/* False at the end of the text. After a row with a problem the next line is a new row; where a
 * quote is never closed, that is the end of the text. */
bool csv_row_read(struct csv_rows *rows, struct arena *arena, struct csv_row *ret_row);
/* Reads the row again, with the next csv_row_read(). */
void csv_row_again(struct csv_rows *rows, const struct csv_row *row);
