#include "app/csv.h"

void csv_init(struct csv *csv, char *text, size_t len)
{
	*csv = (struct csv){ .at = text, .end = text + len, .line = 0, .next_line = 1 };
}

static enum status quoted_field(struct csv *csv, struct slice *ret_field, struct error *err)
{
	char *out = ++csv->at;
	const char *start = out;
	for (; csv->at < csv->end; csv->at++) {
		if (*csv->at == '"') {
			if (csv->at + 1 == csv->end || csv->at[1] != '"') {
				csv->at++;
				*ret_field = slice_make(start, (size_t)(out - start));
				return OK;
			}
			csv->at++;
		}
		csv->next_line += *csv->at == '\n';
		*out++ = *csv->at;
	}
	return error_set(err, E_INPUT, "a quoted field is not closed");
}

static enum status plain_field(struct csv *csv, struct slice *ret_field, struct error *err)
{
	const char *start = csv->at;
	while (csv->at < csv->end && *csv->at != ',' && *csv->at != '\n') {
		if (*csv->at == '"')
			return error_set(err, E_INPUT,
				"a quote inside an unquoted field; the whole field must be quoted");
		csv->at++;
	}
	size_t len = (size_t)(csv->at - start);
	bool line_ends = csv->at == csv->end || *csv->at == '\n';
	if (line_ends && len > 0 && start[len - 1] == '\r')
		len--;
	*ret_field = slice_make(start, len);
	return OK;
}

/* Takes the comma or the end of the line behind a field. */
static enum status separator(struct csv *csv, bool *ret_record_ends, struct error *err)
{
	if (csv->at + 1 < csv->end && csv->at[0] == '\r' && csv->at[1] == '\n')
		csv->at++;
	*ret_record_ends = csv->at == csv->end || *csv->at == '\n';
	if (!*ret_record_ends && *csv->at != ',')
		return error_set(err, E_INPUT, "\"%c\" behind a closing quote; a comma is expected",
			*csv->at);
	if (csv->at < csv->end) {
		csv->next_line += *csv->at == '\n';
		csv->at++;
	}
	return OK;
}

enum status csv_record(
	struct csv *csv, struct slice *ret_fields, unsigned count, bool *ret_end, struct error *err)
{
	unsigned found = 0;
	bool record_ends = false;
	*ret_end = csv->at == csv->end;
	csv->line = csv->next_line;
	while (!*ret_end && !record_ends) {
		struct slice field;
		bool quoted = csv->at < csv->end && *csv->at == '"';
		enum status s =
			quoted ? quoted_field(csv, &field, err) : plain_field(csv, &field, err);
		if (s == OK)
			s = separator(csv, &record_ends, err);
		if (s != OK)
			return s;
		if (found < count)
			ret_fields[found] = field;
		found++;
	}
	if (!*ret_end && found != count)
		return error_set(err, E_INPUT, "%u columns; %u are expected", found, count);
	return OK;
}
