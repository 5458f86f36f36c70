#include "api/resource.h"

#define COLUMNS                                                                                    \
	"event, line, kind, state, severity, store, key, erp, amount, currency, cause, detail,"    \
	" opened_ms, closed_ms, close_reason"

static void write_exception(struct query *q, struct statement *row)
{
	buf_char(q->buf, '{');
	json_write_name(q->buf, "id");
	buf_format(q->buf, "\"%lld-%lld\"", (long long)statement_int(row, 0),
		(long long)statement_int(row, 1));
	write_column(q->buf, "kind", row, 2);
	write_column(q->buf, "state", row, 3);
	write_column(q->buf, "severity", row, 4);
	write_column(q->buf, "store", row, 5);
	write_column(q->buf, "key", row, 6);
	write_column(q->buf, "erp", row, 7);
	write_total_column(q->buf, "amount", row, 8, statement_text(row, 9));
	write_column(q->buf, "currency", row, 9);
	write_column(q->buf, "cause", row, 10);
	write_column(q->buf, "detail", row, 11);
	write_time(q->buf, "opened_at", statement_int(row, 12));
	if (statement_is_null(row, 13))
		json_write_member_null(q->buf, "closed_at");
	else
		write_time(q->buf, "closed_at", statement_int(row, 13));
	write_column(q->buf, "close_reason", row, 14);
	json_write_member_u64(q->buf, "event", (uint64_t)statement_int(row, 0));
	buf_char(q->buf, '}');
}

static bool split_id(const char *id, uint64_t *ret_event, uint64_t *ret_line)
{
	struct slice line, event = slice_cut(slice_of(id), '-', &line);
	return slice_to_u64(event, ret_event) && slice_to_u64(line, ret_line);
}

#define LIST                                                                                       \
	"SELECT " COLUMNS " FROM exception WHERE (event, line) < ($1, $2)"                         \
	" AND ($6 IS NULL OR kind = $6) AND "
#define NEWEST " ORDER BY event DESC, line DESC LIMIT $4"

/* Newest first; the cursor is the id of the last one shown. */
enum status exceptions_list(struct query *q)
{
	struct slice store, state, kind;
	struct statement *rows = NULL;
	uint64_t event = INT64_MAX, line = 0, count = 0;
	bool row = true;
	if (!query_text(q, "store", &store) || !query_text(q, "state", &state) ||
		!query_text(q, "kind", &kind))
		return E_INPUT;
	if (state.ptr != NULL && !slice_is(state, "open") && !slice_is(state, "closed") &&
		!slice_is(state, "all"))
		return error_set(&q->err, E_INPUT,
			"state is \"%.*s\"; it is \"open\", \"closed\" or \"all\"",
			SLICE_ARG(state));
	if (state.ptr == NULL)
		state = slice_of("open");
	if (q->after[0] != '\0' && !split_id(q->after, &event, &line))
		return error_set(&q->err, E_INPUT, "after is not a cursor that this API gave out");
	enum status s = store_prepare(q->store,
		store.ptr != NULL        ? LIST "store = $3 AND ($5 = 'all' OR state = $5)" NEWEST
		: slice_is(state, "all") ? LIST "$3 IS NULL AND $5 = 'all'" NEWEST
					 : LIST "$3 IS NULL AND state = $5" NEWEST,
		&rows, &q->err);
	if (s != OK)
		return s;
	statement_bind_int(rows, 1, (int64_t)event);
	statement_bind_int(rows, 2, (int64_t)line);
	statement_bind_text(rows, 3, store);
	statement_bind_int(rows, 4, (int64_t)q->limit + 1);
	statement_bind_text(rows, 5, state);
	statement_bind_text(rows, 6, kind);
	list_begin(q, "exceptions");
	while (s == OK && (s = statement_step(rows, &row, &q->err)) == OK && row) {
		if (count++ == q->limit)
			break;
		event = (uint64_t)statement_int(rows, 0);
		line = (uint64_t)statement_int(rows, 1);
		json_write_comma(q->buf);
		write_exception(q, rows);
	}
	if (count > q->limit)
		list_end(q, "%llu-%llu", (unsigned long long)event, (unsigned long long)line);
	else
		list_end_last(q);
	statement_close(rows);
	return s;
}

enum status exception_get(struct query *q)
{
	struct statement *rows = NULL;
	uint64_t event, line;
	bool row = false;
	if (!split_id(q->parameters[0], &event, &line))
		return error_set(&q->err, E_INPUT, "\"%s\" is not an exception's id such as 1042-0",
			q->parameters[0]);
	enum status s = store_prepare(q->store,
		"SELECT " COLUMNS " FROM exception WHERE event = $1 AND line = $2", &rows, &q->err);
	if (s != OK)
		return s;
	statement_bind_int(rows, 1, (int64_t)event);
	statement_bind_int(rows, 2, (int64_t)line);
	s = statement_step(rows, &row, &q->err);
	if (s == OK && !row)
		s = error_set(&q->err, E_REFUSED, "there is no exception %s", q->parameters[0]);
	if (s == OK)
		write_exception(q, rows);
	statement_close(rows);
	return s;
}
