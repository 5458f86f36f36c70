#include "api/resource.h"
#include "deliver/postings.h"
#include "retail/transaction.h"

/* The postings of one ERP by state, and when the oldest open one was planned. */
struct load {
	int64_t counts[POSTING_STATES];
	int64_t oldest_ms;
};

static enum status read_load(struct query *q, const char *erp, struct load *load)
{
	struct statement *rows = NULL;
	bool row = true;
	*load = (struct load){ .oldest_ms = 0 };
	enum status s = store_prepare(q->store,
		"SELECT state, sum(postings) FROM posting_erp WHERE erp = $1 GROUP BY state", &rows,
		&q->err);
	if (s == OK)
		statement_bind_text(rows, 1, slice_of(erp));
	while (s == OK && (s = statement_step(rows, &row, &q->err)) == OK && row)
		load->counts[statement_int(rows, 0)] = statement_int(rows, 1);
	statement_close(rows);
	rows = NULL;
	if (s == OK)
		s = store_prepare(q->store,
			"SELECT planned_ms FROM posting WHERE erp = $1 AND state < 3"
			" ORDER BY ready, event, part LIMIT 1",
			&rows, &q->err);
	if (s == OK) {
		statement_bind_text(rows, 1, slice_of(erp));
		s = statement_step(rows, &row, &q->err);
		if (s == OK && row)
			load->oldest_ms = statement_int(rows, 0);
	}
	statement_close(rows);
	return s;
}

static enum status write_erp(struct query *q, const struct erp_status *erp)
{
	static const char *const states[] = { "ok", "retrying", "stopped" };
	struct clock *clock = api_sources(q->api)->clock;
	struct load load;
	enum status s = read_load(q, erp->name, &load);
	if (s != OK)
		return s;
	json_write_comma(q->buf);
	buf_char(q->buf, '{');
	json_write_member_text(q->buf, "name", erp->name);
	json_write_member_text(q->buf, "connector", erp->connector);
	json_write_member_text(q->buf, "state", states[erp->state]);
	json_write_member_text(q->buf, "detail", erp->detail);
	for (unsigned i = 0; i < POSTING_STATES; i++)
		json_write_member_u64(q->buf, posting_state_name(i), (uint64_t)load.counts[i]);
	write_seconds(q->buf, "lag_seconds",
		load.oldest_ms > 0 ? (double)(clock->wall_ms(clock) - load.oldest_ms) / 1000 : 0);
	write_time(q->buf, "last_answer_at", erp->last_answer_ms);
	write_time(q->buf, "retry_at", erp->retry_at_ms);
	buf_char(q->buf, '}');
	return OK;
}

enum status erps_list(struct query *q)
{
	struct erp_status erp;
	enum status s = OK;
	buf_text(q->buf, "{\"erps\":[");
	for (size_t i = 0; s == OK && delivery_status(api_sources(q->api)->delivery, i, &erp); i++)
		s = write_erp(q, &erp);
	buf_text(q->buf, "]}");
	return s;
}

static void write_posting(struct query *q, struct statement *row)
{
	char text[KEY_TEXT_MAX], external_id[EXTERNAL_ID_MAX];
	struct key key = { statement_text(row, 2), statement_text(row, 4),
		(date_t)statement_int(row, 3), (uint64_t)statement_int(row, 5) };
	size_t len = key_print(&key, text);
	bool reversal = statement_int(row, 10) == PART_REVERSAL;
	external_id_write(
		&key, (uint64_t)statement_int(row, reversal ? 12 : 11), reversal, external_id);
	json_write_comma(q->buf);
	buf_char(q->buf, '{');
	json_write_member_u64(q->buf, "id", (uint64_t)statement_int(row, 0));
	write_column(q->buf, "erp", row, 1);
	json_write_member(q->buf, "key", slice_make(text, len));
	json_write_member_bool(q->buf, "reversal", reversal);
	json_write_member_text(q->buf, "external_id", external_id);
	json_write_member_text(
		q->buf, "state", posting_state_name((unsigned)statement_int(row, 6)));
	write_column(q->buf, "document", row, 7);
	write_column(q->buf, "detail", row, 8);
	write_time(q->buf, "planned_at", statement_int(row, 9));
	buf_char(q->buf, '}');
}

/* As the tally of states says, without going through the postings. */
static enum status any_posting(struct query *q, unsigned state, struct slice erp, bool *ret_any)
{
	struct statement *find = NULL;
	enum status s = store_prepare(q->store,
		"SELECT 1 FROM posting_erp WHERE ($1 < 0 OR state = $1)"
		" AND ($2 IS NULL OR erp = $2) AND postings > 0 LIMIT 1",
		&find, &q->err);
	if (s == OK) {
		statement_bind_int(find, 1, state == POSTING_STATES ? -1 : (int64_t)state);
		statement_bind_text(find, 2, erp);
		s = statement_step(find, ret_any, &q->err);
	}
	statement_close(find);
	return s;
}

#define SELECT                                                                                     \
	"SELECT p.event, p.erp, d.store, d.business_date, d.register, d.sequence, p.state,"        \
	" p.document, p.detail, p.planned_ms, p.part, d.revision,"                                 \
	" (SELECT revision FROM document WHERE event = p.reverses)"                                \
	" FROM posting AS p JOIN document AS d ON d.event = p.event"                               \
	" WHERE ($3 IS NULL OR p.erp = $3) AND "
#define AFTER " AND (p.event, p.part) > ($1, $6)"
#define ORDER " ORDER BY p.event, p.part LIMIT $5"

/* Each filter that leaves few rows has an index, and a condition that names it. Those of open and
 * settled postings have an order of their own: what they find is few, and sorted. */
static const char *postings_sql(unsigned state, struct slice store)
{
	if (store.ptr != NULL)
		return SELECT "d.store = $4 AND d.event >= $1 AND ($2 < 0 OR p.state = $2)" AFTER
			      " ORDER BY d.event, p.part LIMIT $5";
	switch (state) {
	case POSTING_PLANNED:
	case POSTING_CALLED:
		return SELECT "$4 IS NULL AND p.state < 3 AND p.state = $2"
			      " AND (+p.event, p.part) > ($1, $6)"
			      " ORDER BY +p.event, p.part LIMIT $5";
	case POSTING_SETTLED:
		return SELECT "$4 IS NULL AND p.state = 3 AND p.state = $2"
			      " AND (+p.event, p.part) > ($1, $6)"
			      " ORDER BY +p.event, p.part LIMIT $5";
	case POSTING_AGREED:
	case POSTING_STATES:
		return SELECT "$4 IS NULL AND ($2 < 0 OR p.state = $2)" AFTER ORDER;
	default:
		return SELECT
			"$4 IS NULL AND p.state = $2 AND p.state IN (2, 4, 6, 7, 8)" AFTER ORDER;
	}
}

static enum status prepare(struct query *q, unsigned state, struct slice erp, struct slice store,
	uint64_t after, uint64_t after_part, struct statement **ret_rows)
{
	enum status s = store_prepare(q->store, postings_sql(state, store), ret_rows, &q->err);
	if (s != OK)
		return s;
	statement_bind_int(*ret_rows, 1, (int64_t)after);
	statement_bind_int(*ret_rows, 2, state == POSTING_STATES ? -1 : (int64_t)state);
	statement_bind_text(*ret_rows, 3, erp);
	statement_bind_text(*ret_rows, 4, store);
	statement_bind_int(*ret_rows, 5, (int64_t)q->limit + 1);
	statement_bind_int(*ret_rows, 6, (int64_t)after_part);
	return OK;
}

/* A cursor: the event and the part of the last one shown. */
static bool split_place(const char *text, uint64_t *ret_event, uint64_t *ret_part)
{
	struct slice part, event = slice_cut(slice_of(text), '-', &part);
	return slice_to_u64(event, ret_event) && slice_to_u64(part, ret_part);
}

enum status postings_list(struct query *q)
{
	struct slice state_text, erp, store;
	struct statement *rows = NULL;
	uint64_t after = 0, after_part = 0, count = 0;
	bool row = true, any = true;
	if (!query_text(q, "state", &state_text) || !query_text(q, "erp", &erp) ||
		!query_text(q, "store", &store))
		return E_INPUT;
	unsigned state = posting_state_find(state_text);
	if (state_text.ptr != NULL && state == POSTING_STATES)
		return error_set(&q->err, E_INPUT,
			"state is \"%.*s\"; it is one of planned, called, unknown, settled, "
			"refused, agreed, differs, waiting, superseded",
			SLICE_ARG(state_text));
	if (q->after[0] != '\0' && !split_place(q->after, &after, &after_part))
		return error_set(&q->err, E_INPUT, "after is not a cursor that this API gave out");
	enum status s = store.ptr == NULL ? any_posting(q, state, erp, &any) : OK;
	if (s == OK && !any) {
		list_begin(q, "postings");
		list_end_last(q);
		return OK;
	}
	if (s == OK)
		s = prepare(q, state, erp, store, after, after_part, &rows);
	if (s != OK)
		return s;
	list_begin(q, "postings");
	while (s == OK && (s = statement_step(rows, &row, &q->err)) == OK && row) {
		if (count++ == q->limit)
			break;
		after = (uint64_t)statement_int(rows, 0);
		after_part = (uint64_t)statement_int(rows, 10);
		write_posting(q, rows);
	}
	if (count > q->limit)
		list_end(q, "%llu-%llu", (unsigned long long)after, (unsigned long long)after_part);
	else
		list_end_last(q);
	statement_close(rows);
	return s;
}
