#include "api/resource.h"
#include "deliver/postings.h"
#include "retail/transaction.h"

static void write_posting(struct query *q, struct statement *row)
{
	if (statement_is_null(row, 13)) {
		json_write_member_null(q->buf, "posting");
		return;
	}
	json_write_name(q->buf, "posting");
	buf_char(q->buf, '{');
	write_column(q->buf, "erp", row, 13);
	json_write_member_text(
		q->buf, "state", posting_state_name((unsigned)statement_int(row, 14)));
	write_column(q->buf, "document", row, 15);
	buf_char(q->buf, '}');
}

static void write_row(struct query *q, struct statement *row)
{
	char text[KEY_TEXT_MAX];
	struct key key = { statement_text(row, 1), statement_text(row, 3),
		(date_t)statement_int(row, 2), (uint64_t)statement_int(row, 4) };
	struct slice currency = statement_text(row, 8);
	size_t len = key_print(&key, text);
	json_write_comma(q->buf);
	buf_char(q->buf, '{');
	json_write_member(q->buf, "key", slice_make(text, len));
	json_write_member(q->buf, "store", key.store);
	json_write_member(q->buf, "register", key.reg);
	write_date(q->buf, "business_date", key.business_date);
	json_write_member_u64(q->buf, "sequence", key.sequence);
	json_write_member_u64(q->buf, "revision", (uint64_t)statement_int(row, 5));
	json_write_member_text(
		q->buf, "type", transaction_type_name((unsigned)statement_int(row, 6)));
	json_write_member_u64(q->buf, "lines", (uint64_t)statement_int(row, 7));
	write_column(q->buf, "currency", row, 8);
	write_total_column(q->buf, "gross", row, 9, currency);
	json_write_member_u64(q->buf, "event", (uint64_t)statement_int(row, 0));
	write_time(q->buf, "received_at", statement_int(row, 10));
	json_write_member_bool(q->buf, "conflict", statement_int(row, 11) != 0);
	json_write_member_bool(q->buf, "superseded", !statement_is_null(row, 16));
	write_posting(q, row);
	buf_char(q->buf, '}');
}

#define SELECT                                                                                     \
	"SELECT d.event, d.store, d.business_date, d.register, d.sequence, d.revision, d.type,"    \
	" d.line_count, d.currency, d.gross, d.recorded_ms, d.conflict, d.position, p.erp,"        \
	" p.state, p.document, d.superseded_by"                                                    \
	" FROM document AS d LEFT JOIN posting AS p ON p.event = d.event AND p.part = 1"           \
	" WHERE d.event < $1 AND "
#define NEWEST " ORDER BY d.event DESC LIMIT $3"

/* Newest first; the cursor is the number of the last event shown. */
enum status transactions_list(struct query *q)
{
	struct slice store;
	struct statement *rows = NULL;
	uint64_t after = INT64_MAX, count = 0, last = 0;
	bool row = true;
	if (!query_text(q, "store", &store))
		return E_INPUT;
	if (q->after[0] != '\0' && !slice_to_u64(slice_of(q->after), &after))
		return error_set(&q->err, E_INPUT, "after is not a cursor that this API gave out");
	/* One store is a range of an index of its own, so it gets a condition that says so. */
	enum status s = store_prepare(q->store,
		store.ptr == NULL ? SELECT "$2 IS NULL" NEWEST : SELECT "d.store = $2" NEWEST,
		&rows, &q->err);
	if (s != OK)
		return s;
	statement_bind_int(rows, 1, (int64_t)after);
	statement_bind_text(rows, 2, store);
	statement_bind_int(rows, 3, (int64_t)q->limit + 1);
	list_begin(q, "transactions");
	while (s == OK && (s = statement_step(rows, &row, &q->err)) == OK && row) {
		if (count++ == q->limit)
			break;
		last = (uint64_t)statement_int(rows, 0);
		write_row(q, rows);
	}
	if (count > q->limit)
		list_end(q, "%llu", (unsigned long long)last);
	else
		list_end_last(q);
	statement_close(rows);
	return s;
}
