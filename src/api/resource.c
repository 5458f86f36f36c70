#include "api/resource.h"

#include "base/currency.h"

#include <stdarg.h>
#include <stdio.h>

bool query_text(struct query *q, const char *name, struct slice *ret_value)
{
	char text[PARAMETER_BYTES_MAX];
	bool present;
	if (!http_query(http_request_head(q->http)->query, name, text, sizeof(text), &present)) {
		error_set(&q->err, E_INPUT, "%s is badly encoded or longer than %d bytes", name,
			PARAMETER_BYTES_MAX - 1);
		return false;
	}
	*ret_value = present ? arena_copy(q->arena, slice_of(text)) : (struct slice){ NULL, 0 };
	return true;
}

bool query_date(struct query *q, unsigned parameter, date_t *ret_date)
{
	if (date_parse(slice_of(q->parameters[parameter]), ret_date))
		return true;
	error_set(&q->err, E_INPUT, "\"%s\" in the path is not a date such as 2026-11-23",
		q->parameters[parameter]);
	return false;
}

bool query_sequence(struct query *q, unsigned parameter, uint64_t *ret_sequence)
{
	if (slice_to_u64(slice_of(q->parameters[parameter]), ret_sequence))
		return true;
	error_set(&q->err, E_INPUT, "\"%s\" in the path is not a sequence number",
		q->parameters[parameter]);
	return false;
}

void list_begin(struct query *q, const char *name)
{
	buf_char(q->buf, '{');
	json_write_name(q->buf, name);
	buf_char(q->buf, '[');
}

void list_end(struct query *q, const char *cursor_format, ...)
{
	char cursor[sizeof(q->after)];
	va_list args;
	va_start(args, cursor_format);
	vsnprintf(cursor, sizeof(cursor), cursor_format, args);
	va_end(args);
	buf_char(q->buf, ']');
	json_write_member_text(q->buf, "next", cursor);
	buf_char(q->buf, '}');
}

void list_end_last(struct query *q)
{
	buf_char(q->buf, ']');
	json_write_member_null(q->buf, "next");
	buf_char(q->buf, '}');
}

void write_time(struct buf *buf, const char *name, int64_t ms)
{
	char text[TIME_TEXT_MAX];
	if (ms == 0) {
		json_write_member_null(buf, name);
		return;
	}
	size_t len = timestamp_print_utc(ms, text);
	json_write_member(buf, name, slice_make(text, len));
}

void write_date(struct buf *buf, const char *name, int64_t date)
{
	char text[DATE_TEXT_LEN + 1];
	date_print((date_t)date, text);
	json_write_member_text(buf, name, text);
}

void write_seconds(struct buf *buf, const char *name, double seconds)
{
	json_write_name(buf, name);
	buf_format(buf, "%.3f", seconds);
}

void write_column(struct buf *buf, const char *name, struct statement *row, int column)
{
	if (statement_is_null(row, column))
		json_write_member_null(buf, name);
	else
		json_write_member(buf, name, statement_text(row, column));
}

void write_total_column(
	struct buf *buf, const char *name, struct statement *row, int column, struct slice currency)
{
	int minor_units = currency_minor_units(currency);
	if (statement_is_null(row, column)) {
		json_write_member_null(buf, name);
		return;
	}
	json_write_name(buf, name);
	buf_char(buf, '"');
	total_write(statement_total(row, column), minor_units < 0 ? 0 : (unsigned)minor_units, buf);
	buf_char(buf, '"');
}
