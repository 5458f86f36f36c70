#include "api/resource.h"
#include "retail/transaction.h"

static void write_row(struct query *q, struct statement *row)
{
	char text[KEY_TEXT_MAX];
	struct key key = { statement_text(row, 6), statement_text(row, 8),
		(date_t)statement_int(row, 7), (uint64_t)statement_int(row, 9) };
	struct slice currency = statement_text(row, 4);
	size_t len = key_print(&key, text);
	json_write_comma(q->buf);
	buf_char(q->buf, '{');
	json_write_member_u64(q->buf, "event", (uint64_t)statement_int(row, 0));
	json_write_member_u64(q->buf, "line", (uint64_t)statement_int(row, 1));
	json_write_member(q->buf, "key", slice_make(text, len));
	write_column(q->buf, "account", row, 10);
	write_total_column(q->buf, "debit", row, 2, currency);
	write_total_column(q->buf, "credit", row, 3, currency);
	write_column(q->buf, "currency", row, 4);
	write_column(q->buf, "tax_code", row, 5);
	buf_char(q->buf, '}');
}

/* The cursor is "event-line" of the last row shown. */
static bool read_cursor(struct query *q, uint64_t *ret_event, uint64_t *ret_line)
{
	struct slice line, event = slice_cut(slice_of(q->after), '-', &line);
	*ret_event = *ret_line = 0;
	if (q->after[0] == '\0' || (slice_to_u64(event, ret_event) && slice_to_u64(line, ret_line)))
		return true;
	error_set(&q->err, E_INPUT, "after is not a cursor that this API gave out");
	return false;
}

/* One store is a range of one index of documents, its day of another; the + keeps the database from
 * taking the first for a day, for the sake of its order, and going through all other days. */
#define SELECT                                                                                     \
	"SELECT l.event, l.line, l.debit, l.credit, l.currency, l.tax_code, d.store,"              \
	" d.business_date, d.register, d.sequence, l.account"                                      \
	" FROM document AS d, ledger AS l WHERE (l.event, l.line) > ($1, $2) AND "

static enum status prepare(struct query *q, struct slice store, date_t date, uint64_t event,
	uint64_t line, struct statement **ret_rows)
{
	enum status s = store_prepare(q->store,
		store.ptr == NULL ? SELECT
			"l.event = d.event AND $3 IS NULL AND ($4 = 0 OR d.business_date = $4)"
			" ORDER BY l.event, l.line LIMIT $5"
		: date == 0 ? SELECT
			"l.event = d.event AND d.store = $3 AND d.event >= $1 AND $4 = 0"
			" ORDER BY d.event, l.line LIMIT $5"
			    : SELECT "l.event = +d.event AND d.store = $3 AND d.business_date = $4"
				     " ORDER BY l.event, l.line LIMIT $5",
		ret_rows, &q->err);
	if (s != OK)
		return s;
	statement_bind_int(*ret_rows, 1, (int64_t)event);
	statement_bind_int(*ret_rows, 2, (int64_t)line);
	statement_bind_text(*ret_rows, 3, store);
	statement_bind_int(*ret_rows, 4, date);
	statement_bind_int(*ret_rows, 5, (int64_t)q->limit + 1);
	return OK;
}

enum status ledger_list(struct query *q)
{
	struct slice store, date_text;
	struct statement *rows = NULL;
	uint64_t event, line, count = 0;
	date_t date = 0;
	bool row = true;
	if (!query_text(q, "store", &store) || !query_text(q, "date", &date_text) ||
		!read_cursor(q, &event, &line))
		return E_INPUT;
	if (date_text.ptr != NULL && !date_parse(date_text, &date))
		return error_set(&q->err, E_INPUT, "date is not a date such as 2026-11-23");
	enum status s = prepare(q, store, date, event, line, &rows);
	if (s != OK)
		return s;
	list_begin(q, "entries");
	while (s == OK && (s = statement_step(rows, &row, &q->err)) == OK && row) {
		if (count++ == q->limit)
			break;
		event = (uint64_t)statement_int(rows, 0);
		line = (uint64_t)statement_int(rows, 1);
		write_row(q, rows);
	}
	if (count > q->limit)
		list_end(q, "%llu-%llu", (unsigned long long)event, (unsigned long long)line);
	else
		list_end_last(q);
	statement_close(rows);
	return s;
}
