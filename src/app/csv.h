/* Comma-separated values (RFC 4180), strictly: a quote opens a field only at its start, nothing
 * follows a closing quote but a comma or the end of the line, and every record has the same number
 * of fields. Lines end in "\n" or "\r\n". */
#pragma once

#include "base/error.h"
#include "base/slice.h"

struct csv {
	char *at; /* fields with doubled quotes are unescaped in place */
	char *end;
	uint64_t line;      /* where the record begins that was read last, from 1 */
	uint64_t next_line; /* where the next one begins */
};

/* The text stays the caller's and is changed; the fields point into it. */
void csv_init(struct csv *csv, char *text, size_t len);

/* Reads one record of exactly `count` fields; at the end of the text *ret_end is true. E_INPUT: the
 * error says what is wrong; the caller puts file and csv.line in front. */
enum status csv_record(struct csv *csv, struct slice *ret_fields, unsigned count, bool *ret_end,
	struct error *err);
