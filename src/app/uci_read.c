#include "app/csv.h"
#include "app/uci_internal.h"
#include "retail/transaction.h"

enum column { INVOICE, ITEM, DESCRIPTION, QUANTITY, TIME, PRICE, CUSTOMER, COUNTRY, COLUMNS };

static const char *const column_names[COLUMNS] = { "InvoiceNo", "StockCode", "Description",
	"Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country" };

/* Invoices by number: open addressing over at least twice as many places as there are lines. */
struct index {
	uint32_t *places; /* index into invoices + 1; 0 is free */
	uint64_t mask;
};

static enum status check_header(const struct slice *fields, struct error *err)
{
	for (unsigned i = 0; i < COLUMNS; i++)
		if (!slice_is(fields[i], column_names[i]))
			return error_set(err, E_INPUT, "column %u is \"%.*s\"; \"%s\" is expected",
				i + 1, (int)(fields[i].len < 40 ? fields[i].len : 40),
				fields[i].ptr, column_names[i]);
	return OK;
}

static enum status wrong(
	enum column column, struct slice found, const char *expected, struct error *err)
{
	return error_set(err, E_INPUT, "%s: \"%.*s\": %s", column_names[column],
		(int)(found.len < 80 ? found.len : 80), found.ptr, expected);
}

/* The number of bytes of the character that begins at `p`, 0 when it is not UTF-8 (RFC 3629). */
static size_t character_bytes(const unsigned char *p, size_t left)
{
	size_t bytes = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (bytes == 0 || bytes > left || p[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < bytes; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
	bool outside = (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf4 && p[1] > 0x8f);
	return overlong || outside ? 0 : bytes;
}

static bool is_utf8(struct slice s)
{
	size_t bytes;
	for (size_t i = 0; i < s.len; i += bytes) {
		bytes = character_bytes((const unsigned char *)s.ptr + i, s.len - i);
		if (bytes == 0)
			return false;
	}
	return true;
}

static bool has_control(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] < 0x20 || s.ptr[i] == 0x7f)
			return true;
	return false;
}

/* "2010-12-01 08:26:00", as UTC. */
static bool parse_time(struct slice text, int64_t *ret_ms)
{
	char rfc3339[] = "0000-00-00T00:00:00+00:00";
	struct timestamp time;
	if (text.len != 19 || text.ptr[10] != ' ')
		return false;
	memcpy(rfc3339, text.ptr, 10);
	memcpy(rfc3339 + 11, text.ptr + 11, 8);
	if (!timestamp_parse(slice_of(rfc3339), &time))
		return false;
	*ret_ms = time.ms;
	return true;
}

/* "17850.0" or "17850" or nothing; the data set came through a table of floats. */
static bool parse_customer(struct slice text, struct slice *ret_customer)
{
	uint64_t number;
	if (text.len > 2 && memcmp(text.ptr + text.len - 2, ".0", 2) == 0)
		text.len -= 2;
	*ret_customer = text.len == 0 ? (struct slice){ NULL, 0 } : text;
	return text.len == 0 || slice_to_u64(text, &number);
}

static enum status parse_row(const struct slice *fields, struct uci_row *row,
	struct uci_invoice *invoice, struct error *err)
{
	if (fields[INVOICE].len == 0 || fields[INVOICE].len > 20 || has_control(fields[INVOICE]) ||
		!is_utf8(fields[INVOICE]))
		return wrong(INVOICE, fields[INVOICE], "1 to 20 characters are expected", err);
	if (fields[ITEM].len == 0 || fields[ITEM].len > ID_TEXT_MAX || has_control(fields[ITEM]) ||
		!is_utf8(fields[ITEM]))
		return wrong(ITEM, fields[ITEM], "1 to 64 printable bytes are expected", err);
	if (!is_utf8(fields[DESCRIPTION]))
		return wrong(DESCRIPTION, fields[DESCRIPTION], "it is not UTF-8", err);
	enum decimal_problem problem = decimal_parse(fields[QUANTITY], &row->quantity);
	if (problem != DECIMAL_FINE)
		return wrong(QUANTITY, fields[QUANTITY], decimal_problem_text(problem), err);
	if (!parse_time(fields[TIME], &invoice->first_ms))
		return wrong(
			TIME, fields[TIME], "a time such as 2010-12-01 08:26:00 is expected", err);
	problem = decimal_parse(fields[PRICE], &row->price);
	if (problem != DECIMAL_FINE)
		return wrong(PRICE, fields[PRICE], decimal_problem_text(problem), err);
	if (!parse_customer(fields[CUSTOMER], &invoice->customer))
		return wrong(CUSTOMER, fields[CUSTOMER],
			"a number such as 17850.0, or nothing, is expected", err);
	if (fields[COUNTRY].len == 0 || fields[COUNTRY].len > ID_TEXT_MAX ||
		has_control(fields[COUNTRY]) || !is_utf8(fields[COUNTRY]))
		return wrong(COUNTRY, fields[COUNTRY], "a name of 1 to 64 bytes is expected", err);
	row->item = fields[ITEM];
	row->description = fields[DESCRIPTION];
	invoice->number = fields[INVOICE];
	invoice->country = fields[COUNTRY];
	return OK;
}

/* The invoice with this number; a new one when there is none yet. */
static struct uci_invoice *find_or_add(
	struct uci_invoices *invoices, struct index *index, const struct uci_invoice *found)
{
	uint64_t at = slice_hash(found->number, 0) & index->mask;
	for (; index->places[at] != 0; at = (at + 1) & index->mask) {
		struct uci_invoice *known = &invoices->items[index->places[at] - 1];
		if (slice_equal(known->number, found->number))
			return known;
	}
	struct uci_invoice *added = &invoices->items[invoices->count];
	*added = *found;
	added->last_ms = found->first_ms;
	added->place = invoices->count++;
	index->places[at] = invoices->count;
	return added;
}

static enum status add_row(struct uci_invoice *invoice, const struct uci_invoice *found,
	struct uci_row *row, struct error *err)
{
	if (!slice_equal(invoice->country, found->country))
		return error_set(err, E_INPUT, "invoice %.*s is in %.*s and in %.*s",
			SLICE_ARG(found->number), SLICE_ARG(invoice->country),
			SLICE_ARG(found->country));
	if (!slice_equal(invoice->customer, found->customer))
		return error_set(
			err, E_INPUT, "invoice %.*s has two customers", SLICE_ARG(found->number));
	if (invoice->row_count == TRANSACTION_LINES_MAX)
		return error_set(err, E_INPUT, "invoice %.*s has more than %d lines",
			SLICE_ARG(found->number), TRANSACTION_LINES_MAX);
	if (invoice->rows == NULL)
		invoice->rows = row;
	else
		invoice->rows_last->next = row;
	invoice->rows_last = row;
	invoice->row_count++;
	if (found->first_ms < invoice->first_ms)
		invoice->first_ms = found->first_ms;
	if (found->first_ms > invoice->last_ms)
		invoice->last_ms = found->first_ms;
	return OK;
}

static enum status read_rows(struct csv *csv, struct index *index, struct uci_row *rows,
	struct uci_invoices *invoices, struct error *err)
{
	struct slice fields[COLUMNS];
	bool end = false;
	enum status s = csv_record(csv, fields, COLUMNS, &end, err);
	if (s == OK)
		s = check_header(fields, err);
	while (s == OK) {
		struct uci_invoice found = { .rows = NULL };
		s = csv_record(csv, fields, COLUMNS, &end, err);
		if (s != OK || end)
			break;
		s = parse_row(fields, rows, &found, err);
		if (s == OK)
			s = add_row(find_or_add(invoices, index, &found), &found, rows++, err);
	}
	return s;
}

static size_t count_lines(const char *text, size_t len)
{
	size_t lines = 1;
	for (const char *p = text; (p = memchr(p, '\n', len - (size_t)(p - text))) != NULL; p++)
		lines++;
	return lines;
}

enum status uci_read(char *text, size_t len, const char *name, struct arena *arena,
	struct uci_invoices *ret_invoices, struct error *err)
{
	if (len == 0)
		return error_set(
			err, E_INPUT, "%s:1: the file is empty; a header is expected", name);
	/* A record takes at least one line, so tables of as many places never fill up. */
	size_t lines = count_lines(text, len), places = 2;
	while (places < 2 * lines)
		places *= 2;
	struct csv csv;
	csv_init(&csv, text, len);
	struct index index = { arena_array(arena, uint32_t, places), places - 1 };
	struct uci_row *rows = arena_array(arena, struct uci_row, lines);
	struct uci_invoices invoices = { arena_array(arena, struct uci_invoice, lines), 0 };
	if (index.places == NULL || rows == NULL || invoices.items == NULL)
		return error_set(err, E_FULL, "%s: too large for the memory allowed", name);
	enum status s = read_rows(&csv, &index, rows, &invoices, err);
	if (s != OK)
		return error_wrap(err, "%s:%llu", name, (unsigned long long)csv.line);
	*ret_invoices = invoices;
	return OK;
}
