#include "api/resource.h"
#include "deliver/postings.h"

#include <stdlib.h>

/* Postings of a store, or of a store-day, by state. */
static enum status count_postings(struct query *q, const char *sql, struct slice store,
	int64_t date, int64_t counts[POSTING_STATES])
{
	struct statement *rows = NULL;
	bool row = true;
	memset(counts, 0, POSTING_STATES * sizeof(counts[0]));
	enum status s = store_prepare(q->store, sql, &rows, &q->err);
	if (s == OK) {
		statement_bind_text(rows, 1, store);
		statement_bind_int(rows, 2, date);
	}
	while (s == OK && (s = statement_step(rows, &row, &q->err)) == OK && row)
		counts[statement_int(rows, 0)] += statement_int(rows, 1);
	statement_close(rows);
	return s;
}

static enum status write_store_postings(struct query *q, struct slice store)
{
	int64_t counts[POSTING_STATES];
	enum status s = count_postings(q,
		"SELECT state, sum(postings) FROM posting_day WHERE store = $1 AND $2 = 0"
		" GROUP BY state",
		store, 0, counts);
	json_write_member_u64(q->buf, "waiting",
		(uint64_t)(counts[POSTING_PLANNED] + counts[POSTING_CALLED] +
			   counts[POSTING_UNKNOWN] + counts[POSTING_WAITING]));
	json_write_member_u64(q->buf, "settled", (uint64_t)counts[POSTING_SETTLED]);
	json_write_member_u64(q->buf, "agreed", (uint64_t)counts[POSTING_AGREED]);
	json_write_member_u64(q->buf, "differs", (uint64_t)counts[POSTING_DIFFERS]);
	json_write_member_u64(q->buf, "refused", (uint64_t)counts[POSTING_REFUSED]);
	return s;
}

static enum status write_store(struct query *q, struct statement *row)
{
	struct slice currency = statement_text(row, 6);
	json_write_comma(q->buf);
	buf_char(q->buf, '{');
	write_column(q->buf, "store", row, 0);
	write_column(q->buf, "erp", row, 9);
	json_write_member_u64(q->buf, "transactions", (uint64_t)statement_int(row, 1));
	json_write_member_u64(q->buf, "lines", (uint64_t)statement_int(row, 2));
	json_write_member_u64(q->buf, "returns", (uint64_t)statement_int(row, 3));
	write_date(q->buf, "last_business_date", statement_int(row, 4));
	write_time(q->buf, "last_received_at", statement_int(row, 5));
	write_column(q->buf, "currency", row, 6);
	write_total_column(q->buf, "net", row, 7, currency);
	write_total_column(q->buf, "gross", row, 8, currency);
	json_write_member_u64(q->buf, "exceptions", (uint64_t)statement_int(row, 10));
	enum status s = write_store_postings(q, statement_text(row, 0));
	buf_char(q->buf, '}');
	return s;
}

enum status stores_list(struct query *q)
{
	struct statement *rows = NULL;
	bool row = true;
	uint64_t count = 0;
	struct slice last = { NULL, 0 };
	enum status s = store_prepare(q->store,
		"SELECT s.store, s.transactions, s.line_count, s.returns, s.last_date,"
		" s.last_recorded_ms, t.currency, t.net, t.gross,"
		" (SELECT erp FROM route WHERE store IN (s.store, '') ORDER BY store DESC LIMIT 1),"
		" (SELECT sum(exceptions) FROM exception_store AS x WHERE x.store = s.store"
		"  AND x.state = 'open')"
		" FROM store_summary AS s LEFT JOIN store_total AS t ON t.store = s.store"
		" AND t.currency = (SELECT currency FROM store_total WHERE store = s.store"
		"  ORDER BY last_event DESC LIMIT 1)"
		" WHERE s.store > $1 ORDER BY s.store LIMIT $2",
		&rows, &q->err);
	if (s != OK)
		return s;
	statement_bind_text(rows, 1, slice_of(q->after));
	statement_bind_int(rows, 2, (int64_t)q->limit + 1);
	list_begin(q, "stores");
	while (s == OK && (s = statement_step(rows, &row, &q->err)) == OK && row) {
		if (count++ == q->limit)
			break;
		if (count == q->limit)
			last = arena_copy(q->arena, statement_text(rows, 0));
		s = write_store(q, rows);
	}
	if (count > q->limit)
		list_end(q, "%.*s", SLICE_ARG(last));
	else
		list_end_last(q);
	statement_close(rows);
	return s;
}

/* One part of a store-day: a list of rows, each written by `write`. */
static enum status write_part(struct query *q, const char *name, const char *sql,
	struct slice store, int64_t date, void (*write)(struct query *q, struct statement *row))
{
	struct statement *rows = NULL;
	bool row = true;
	enum status s = store_prepare(q->store, sql, &rows, &q->err);
	if (s == OK) {
		statement_bind_text(rows, 1, store);
		statement_bind_int(rows, 2, date);
	}
	json_write_name(q->buf, name);
	buf_char(q->buf, '[');
	while (s == OK && (s = statement_step(rows, &row, &q->err)) == OK && row) {
		json_write_comma(q->buf);
		buf_char(q->buf, '{');
		write(q, rows);
		buf_char(q->buf, '}');
	}
	buf_char(q->buf, ']');
	statement_close(rows);
	return s;
}

static void write_register(struct query *q, struct statement *row)
{
	int64_t count = statement_int(row, 1), first = statement_int(row, 3),
		last = statement_int(row, 4);
	bool sparse = statement_int(row, 5) != 0;
	write_column(q->buf, "register", row, 0);
	json_write_member_u64(q->buf, "transactions", (uint64_t)count);
	json_write_member_u64(q->buf, "first_sequence", (uint64_t)first);
	json_write_member_u64(q->buf, "last_sequence", (uint64_t)last);
	json_write_member_u64(q->buf, "missing", sparse ? 0 : (uint64_t)(last - first + 1 - count));
	json_write_member_u64(q->buf, "missing_before", (uint64_t)statement_int(row, 6));
}

static void write_total(struct query *q, struct statement *row)
{
	struct slice currency = statement_text(row, 0);
	write_column(q->buf, "currency", row, 0);
	write_total_column(q->buf, "net", row, 1, currency);
	write_total_column(q->buf, "tax", row, 2, currency);
	write_total_column(q->buf, "gross", row, 3, currency);
	write_total_column(q->buf, "rounding", row, 4, currency);
}

static void write_tender(struct query *q, struct statement *row)
{
	write_column(q->buf, "kind", row, 0);
	write_column(q->buf, "currency", row, 1);
	write_total_column(q->buf, "amount", row, 2, statement_text(row, 1));
}

static void write_tax(struct query *q, struct statement *row)
{
	write_column(q->buf, "code", row, 0);
	write_column(q->buf, "rate", row, 1);
	write_column(q->buf, "currency", row, 2);
	write_total_column(q->buf, "base", row, 3, statement_text(row, 2));
	write_total_column(q->buf, "amount", row, 4, statement_text(row, 2));
}

/* A sum that the configuration defines (deliver/totals.h). */
static void write_user_total(struct query *q, struct statement *row)
{
	struct slice currency = statement_text(row, 3);
	write_column(q->buf, "name", row, 0);
	json_write_member_u64(q->buf, "since", (uint64_t)statement_int(row, 1));
	write_column(q->buf, "part", row, 2);
	write_column(q->buf, "currency", row, 3);
	write_total_column(q->buf, "amount", row, 4, currency);
	if (statement_is_null(row, 5))
		json_write_member_null(q->buf, "limit");
	else
		write_total_column(q->buf, "limit", row, 5, currency);
	json_write_member_bool(q->buf, "passed", statement_int(row, 6) != 0);
}

/* A day is agreed when no number of a register is missing (between its first and its last, or said
 * to be missing before its first), and
 * every posting was read back and agrees. */
static const char *day_state(int64_t missing, const int64_t counts[POSTING_STATES])
{
	if (counts[POSTING_DIFFERS] + counts[POSTING_REFUSED] > 0)
		return "differs";
	int64_t open = counts[POSTING_PLANNED] + counts[POSTING_CALLED] + counts[POSTING_UNKNOWN] +
		       counts[POSTING_SETTLED] + counts[POSTING_WAITING];
	return missing == 0 && open == 0 ? "agreed" : "receiving";
}

static enum status write_day_head(struct query *q, struct slice store, int64_t date,
	struct statement *row, const int64_t counts[POSTING_STATES])
{
	int64_t missing = statement_int(row, 3);
	json_write_member(q->buf, "store", store);
	write_date(q->buf, "business_date", date);
	json_write_member_text(q->buf, "state", day_state(missing, counts));
	json_write_member_u64(q->buf, "transactions", (uint64_t)statement_int(row, 1));
	json_write_member_u64(q->buf, "lines", (uint64_t)statement_int(row, 2));
	json_write_member_u64(q->buf, "missing", (uint64_t)missing);
	return OK;
}

static enum status write_day(struct query *q, struct slice store, struct statement *row)
{
	int64_t date = statement_int(row, 0), counts[POSTING_STATES];
	enum status s = count_postings(q,
		"SELECT state, postings FROM posting_day WHERE store = $1 AND business_date = $2",
		store, date, counts);
	buf_char(q->buf, '{');
	if (s == OK)
		s = write_day_head(q, store, date, row, counts);
	if (s == OK)
		s = write_part(q, "registers",
			"SELECT register, transactions, line_count, first_sequence, last_sequence,"
			" sparse, coalesce((SELECT sum(g.last - g.first + 1) FROM register_gap g"
			" WHERE g.store = r.store AND g.business_date = r.business_date"
			" AND g.register = r.register AND g.last < r.first_sequence), 0)"
			" FROM register_day r WHERE store = $1 AND business_date = $2 ORDER BY "
			"register",
			store, date, write_register);
	if (s == OK)
		s = write_part(q, "totals",
			"SELECT currency, net, tax, gross, rounding FROM day_total"
			" WHERE store = $1 AND business_date = $2 ORDER BY currency",
			store, date, write_total);
	if (s == OK)
		s = write_part(q, "tenders",
			"SELECT kind, currency, amount FROM day_tender"
			" WHERE store = $1 AND business_date = $2 ORDER BY kind, currency",
			store, date, write_tender);
	if (s == OK)
		s = write_part(q, "taxes",
			"SELECT code, rate, currency, base, amount FROM day_tax"
			" WHERE store = $1 AND business_date = $2 ORDER BY code, rate, currency",
			store, date, write_tax);
	if (s == OK)
		s = write_part(q, "user_totals",
			"SELECT name, since, part, currency, amount, limit_amount, passed"
			" FROM user_total WHERE store = $1 AND business_date = $2"
			" ORDER BY name, since, part, currency",
			store, date, write_user_total);
	json_write_name(q->buf, "postings");
	buf_char(q->buf, '{');
	for (unsigned i = 0; i < POSTING_STATES; i++)
		json_write_member_u64(q->buf, posting_state_name(i), (uint64_t)counts[i]);
	buf_text(q->buf, "}}");
	return s;
}

#define DAY_COLUMNS                                                                                \
	"SELECT business_date, sum(transactions), sum(line_count),"                                \
	" sum(CASE WHEN sparse = 0 THEN last_sequence - first_sequence + 1 - transactions"         \
	" ELSE 0 END) + coalesce((SELECT sum(g.last - g.first + 1) FROM register_gap g"            \
	" JOIN register_day r ON r.store = g.store AND r.business_date = g.business_date"          \
	" AND r.register = g.register WHERE g.store = register_day.store"                          \
	" AND g.business_date = register_day.business_date AND g.last < r.first_sequence), 0)"     \
	" FROM register_day WHERE "

/* Oldest first; the cursor is the last date shown. */
enum status days_list(struct query *q)
{
	struct slice store = slice_of(q->parameters[0]);
	struct statement *rows = NULL;
	date_t after = 0;
	bool row = true;
	uint64_t count = 0;
	char last[DATE_TEXT_LEN + 1] = "";
	if (q->after[0] != '\0' && !date_parse(slice_of(q->after), &after))
		return error_set(&q->err, E_INPUT, "after is not a cursor that this API gave out");
	enum status s = store_prepare(q->store,
		DAY_COLUMNS "store = $1 AND business_date > $2 GROUP BY business_date"
			    " ORDER BY business_date LIMIT $3",
		&rows, &q->err);
	if (s != OK)
		return s;
	statement_bind_text(rows, 1, store);
	statement_bind_int(rows, 2, after);
	statement_bind_int(rows, 3, (int64_t)q->limit + 1);
	list_begin(q, "days");
	while (s == OK && (s = statement_step(rows, &row, &q->err)) == OK && row) {
		if (count++ == q->limit)
			break;
		date_print((date_t)statement_int(rows, 0), last);
		json_write_comma(q->buf);
		s = write_day(q, store, rows);
	}
	if (count > q->limit)
		list_end(q, "%s", last);
	else
		list_end_last(q);
	statement_close(rows);
	return s;
}

enum status day_get(struct query *q)
{
	struct slice store = slice_of(q->parameters[0]);
	struct statement *rows = NULL;
	date_t date;
	bool row = false;
	if (!query_date(q, 1, &date))
		return E_INPUT;
	enum status s = store_prepare(q->store,
		DAY_COLUMNS "store = $1 AND business_date = $2 GROUP BY business_date", &rows,
		&q->err);
	if (s != OK)
		return s;
	statement_bind_text(rows, 1, store);
	statement_bind_int(rows, 2, date);
	s = statement_step(rows, &row, &q->err);
	if (s == OK && !row)
		s = error_set(&q->err, E_REFUSED, "store %s has received nothing of %s",
			q->parameters[0], q->parameters[1]);
	if (s == OK)
		s = write_day(q, store, rows);
	statement_close(rows);
	return s;
}
