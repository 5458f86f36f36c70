/* CSV: a header names the columns. A row becomes an object of its columns; with group_by, rows
 * that stand together and have equal values in those columns become one record, which has these
 * columns and a list "lines" with an object of the other columns for each row.
 *
 *     store;ticket;item;amount            group_by: store,ticket
 *     0042;17;4711;5.00                   {"store": "0042", "ticket": "17", "lines": [
 *     0042;17;4712;6.50                       {"item": "4711", "amount": "5.00"},
 *     0042;18;4711;5.00                       {"item": "4712", "amount": "6.50"}]}
 *
 * Values are texts. Memory follows the record and not the file; so rows with the same values
 * further down are another record, which identity then shows as a conflict.
 *
 * A row that cannot be read may belong to the record before it or to the one behind it. Either
 * would lack a line, so both are bad; reading goes on behind them. */
#include "map/csv_row.h"
#include "map/format.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { NAMES_BYTES_MAX = 64 << 10 };

struct csv_reader {
	const struct format_options *options;
	const struct record_sink *sink;
	struct arena *arena;
	struct error *err;
	struct csv_rows rows;
	struct csv_row row; /* that was read last */
	struct slice columns[CSV_COLUMNS_MAX];
	bool grouped[CSV_COLUMNS_MAX]; /* the column is one of group_by */
	uint32_t column_count, group_count;
	struct buf names; /* the columns', one behind the other */

	struct value *record; /* that is being gathered; NULL: none */
	struct value *lines;
	struct slice keys[CSV_COLUMNS_MAX]; /* its values of group_by */
	size_t start, end;
	uint64_t line;
	uint32_t nodes;
	bool unfit; /* the record is bad: `why` */
	bool next_unfit;
	struct error why;
};

__attribute__((format(printf, 2, 3))) static void unfit(
	struct csv_reader *r, const char *format, ...)
{
	char text[ERROR_TEXT_MAX];
	va_list args;
	if (r->unfit)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	error_set(&r->why, E_INPUT, "%s", text);
	r->unfit = true;
}

/* How many bytes follow this one in a character; 4: it begins none. */
static unsigned following(unsigned char c)
{
	return c < 0x80 ? 0 : c < 0xc2 ? 4 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : c < 0xf5 ? 3 : 4;
}

static bool utf8(struct slice text)
{
	const unsigned char *at = (const unsigned char *)text.ptr, *end = at + text.len;
	while (at < end) {
		unsigned char c = *at++;
		unsigned more = following(c);
		if (more == 4 || more > (size_t)(end - at))
			return false;
		/* Overlong forms, surrogates, and what is beyond Unicode. */
		if ((c == 0xe0 && *at < 0xa0) || (c == 0xed && *at > 0x9f) ||
			(c == 0xf0 && *at < 0x90) || (c == 0xf4 && *at > 0x8f))
			return false;
		for (; more > 0; more--)
			if ((*at++ & 0xc0) != 0x80)
				return false;
	}
	return true;
}

static struct value *new_value(struct csv_reader *r, enum value_kind kind)
{
	struct value *value = r->nodes < VALUE_NODES_MAX ? value_new(r->arena, kind) : NULL;
	r->nodes++;
	if (value == NULL)
		unfit(r, "the record has more rows and columns than fit (%u)", r->nodes - 1);
	return value;
}

/* Columns of one kind of the row that was read last. */
static void put_columns(struct csv_reader *r, struct value *object, bool grouped)
{
	for (uint32_t i = 0; i < r->column_count && !r->unfit; i++) {
		struct value *value = r->grouped[i] == grouped ? new_value(r, VALUE_TEXT) : NULL;
		if (value == NULL)
			continue;
		value->text = r->row.fields[i];
		value_append(object, r->columns[i], value);
	}
}

static enum status finish_record(struct csv_reader *r)
{
	struct slice raw = slice_make(r->rows.raw.ptr + r->start, r->end - r->start);
	enum status s = OK;
	if (r->record == NULL && !r->unfit)
		return OK;
	if (r->unfit) {
		char where[64];
		snprintf(where, sizeof(where), "line %llu, byte %zu", (unsigned long long)r->line,
			r->start);
		s = r->sink->bad(r->sink->context, where, &r->why, raw, r->err);
	} else {
		s = r->sink->take(r->sink->context, r->record, raw, r->err);
	}
	r->record = NULL;
	r->unfit = false;
	r->nodes = 0;
	arena_reset(r->arena);
	return s;
}

static void begin_record(struct csv_reader *r)
{
	r->start = r->row.start;
	r->line = r->row.line;
	r->end = r->rows.at;
	r->record = new_value(r, VALUE_OBJECT);
	if (r->next_unfit)
		unfit(r, "the row before it cannot be read and may belong to it");
	r->next_unfit = false;
	if (r->record == NULL)
		return;
	put_columns(r, r->record, r->group_count > 0);
	for (uint32_t i = 0; i < r->column_count; i++)
		r->keys[i] = r->row.fields[i];
	r->lines = r->group_count > 0 ? new_value(r, VALUE_LIST) : NULL;
	if (r->lines != NULL)
		value_append(r->record, (struct slice)SLICE("lines"), r->lines);
}

static bool same_record(const struct csv_reader *r)
{
	if (r->record == NULL || r->group_count == 0)
		return false;
	for (uint32_t i = 0; i < r->column_count; i++)
		if (r->grouped[i] && !slice_equal(r->keys[i], r->row.fields[i]))
			return false;
	return true;
}

static void add_line(struct csv_reader *r)
{
	r->end = r->rows.at;
	if (r->end - r->start > r->options->record_bytes_max)
		unfit(r, "the record has more than %zu bytes", r->options->record_bytes_max);
	if (r->unfit || r->lines == NULL)
		return;
	struct value *line = new_value(r, VALUE_OBJECT);
	if (line == NULL)
		return;
	put_columns(r, line, false);
	value_append(r->lines, slice_make(NULL, 0), line);
}

static void judge_row(struct csv_reader *r)
{
	struct slice text = slice_make(r->rows.raw.ptr + r->row.start, r->rows.at - r->row.start);
	if (r->row.problem == NULL && r->row.count != r->column_count)
		r->row.problem = r->row.count < r->column_count ? "has too few columns"
								: "has too many columns";
	else if (r->row.problem == NULL && !utf8(text))
		r->row.problem = "is not UTF-8";
	else
		return;
	if (r->row.problem != NULL)
		r->row.problem_line = r->row.line;
}

/* A row that cannot be read is reported by itself, with what it makes bad around it. */
static enum status bad_row(struct csv_reader *r)
{
	struct error why;
	if (r->group_count > 0 && r->record != NULL)
		unfit(r, "the row behind it (line %llu) cannot be read and may belong to it",
			(unsigned long long)r->row.line);
	enum status s = finish_record(r);
	error_set(&why, E_INPUT, "line %llu: %s", (unsigned long long)r->row.problem_line,
		r->row.problem);
	char where[64];
	snprintf(where, sizeof(where), "line %llu, byte %zu", (unsigned long long)r->row.line,
		r->row.start);
	if (s == OK)
		s = r->sink->bad(r->sink->context, where, &why,
			slice_make(r->rows.raw.ptr + r->row.start, r->rows.at - r->row.start),
			r->err);
	r->next_unfit = r->group_count > 0;
	arena_reset(r->arena);
	return s;
}

static enum status read_records(struct csv_reader *r)
{
	enum status s = OK;
	while (s == OK && csv_row_read(&r->rows, r->arena, &r->row)) {
		judge_row(r);
		if (r->row.problem != NULL) {
			s = bad_row(r);
			continue;
		}
		if (!same_record(r)) {
			bool open = r->record != NULL || r->unfit;
			if (open) {
				/* Its texts may stand in the arena, which goes with the record. */
				csv_row_again(&r->rows, &r->row);
				s = finish_record(r);
				continue;
			}
			begin_record(r);
		}
		add_line(r);
	}
	return s == OK ? finish_record(r) : s;
}

static enum status name_columns(struct csv_reader *r)
{
	for (uint32_t i = 0; i < r->row.count; i++)
		buf_slice(&r->names, slice_trim(r->row.fields[i]));
	if (r->names.failed)
		return error_set(r->err, E_INPUT,
			"line %llu: the header's names take more than %d bytes",
			(unsigned long long)r->row.line, NAMES_BYTES_MAX);
	const char *at = r->names.ptr == NULL ? "" : r->names.ptr;
	for (uint32_t i = 0; i < r->row.count; i++) {
		r->columns[i] = slice_make(at, slice_trim(r->row.fields[i]).len);
		at += r->columns[i].len;
		if (r->columns[i].len == 0)
			return error_set(r->err, E_INPUT, "line %llu: column %u has no name",
				(unsigned long long)r->row.line, i + 1);
		for (uint32_t k = 0; k < i; k++)
			if (slice_equal(r->columns[i], r->columns[k]))
				return error_set(r->err, E_INPUT,
					"line %llu: columns %u and %u have the same name, \"%.*s\"",
					(unsigned long long)r->row.line, k + 1, i + 1,
					SLICE_ARG(r->columns[i]));
	}
	r->column_count = r->row.count;
	return OK;
}

static enum status mark_groups(struct csv_reader *r)
{
	struct slice rest = r->options->group_by;
	while (rest.len > 0) {
		struct slice name = slice_trim(slice_cut(rest, ',', &rest));
		uint32_t i = 0;
		while (i < r->column_count && !slice_equal(r->columns[i], name))
			i++;
		if (i == r->column_count)
			return error_set(r->err, E_INPUT,
				"line %llu: the header has no column \"%.*s\", which group_by "
				"names",
				(unsigned long long)r->row.line, SLICE_ARG(name));
		if (slice_is(name, "lines"))
			return error_set(r->err, E_INPUT,
				"group_by names the column \"lines\", which the rows of a record "
				"are");
		r->grouped[i] = true;
		r->group_count++;
	}
	return OK;
}

static enum status read_header(struct csv_reader *r)
{
	if (!csv_row_read(&r->rows, r->arena, &r->row))
		return error_set(r->err, E_INPUT, "is empty; a header row is expected");
	if (r->row.problem == NULL && !utf8(slice_make(r->rows.raw.ptr, r->rows.at)))
		r->row.problem = "is not UTF-8";
	if (r->row.problem != NULL)
		return error_set(r->err, E_INPUT, "line %llu: the header: %s",
			(unsigned long long)r->row.line, r->row.problem);
	enum status s = name_columns(r);
	if (s == OK)
		s = mark_groups(r);
	arena_reset(r->arena);
	return s;
}

static enum status csv_read(struct slice raw, const struct format_options *options,
	struct arena *arena, const struct record_sink *sink, struct error *err)
{
	struct csv_reader *r = calloc(1, sizeof(*r));
	if (r == NULL)
		return error_set(err, E_FULL, "csv: out of memory");
	r->options = options;
	r->sink = sink;
	r->arena = arena;
	r->err = err;
	r->rows = (struct csv_rows){ raw, options->separator == 0 ? ',' : options->separator,
		slice_starts(raw, "\xef\xbb\xbf") ? 3 : 0, 1 };
	buf_init(&r->names, NAMES_BYTES_MAX);
	arena_reset(arena);
	enum status s = read_header(r);
	if (s == OK)
		s = read_records(r);
	arena_reset(arena);
	buf_release(&r->names);
	free(r);
	return s;
}

const struct format format_csv = {
	.name = "csv",
	.help = "a header and a row for each record, or for each line of one (group_by)",
	.read = csv_read,
};
