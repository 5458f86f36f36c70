#include "api/resource.h"
#include "deliver/postings.h"

static enum status count_states(struct query *q, int64_t counts[POSTING_STATES])
{
	struct statement *rows = NULL;
	bool row = true;
	enum status s = store_prepare(q->store,
		"SELECT state, sum(postings) FROM posting_erp GROUP BY state", &rows, &q->err);
	while (s == OK && (s = statement_step(rows, &row, &q->err)) == OK && row)
		counts[statement_int(rows, 0)] = statement_int(rows, 1);
	statement_close(rows);
	return s;
}

static enum status one_number(struct query *q, const char *sql, int64_t *ret_number)
{
	struct statement *rows = NULL;
	bool row = false;
	*ret_number = 0;
	enum status s = store_prepare(q->store, sql, &rows, &q->err);
	if (s == OK)
		s = statement_step(rows, &row, &q->err);
	if (s == OK && row)
		*ret_number = statement_int(rows, 0);
	statement_close(rows);
	return s;
}

static void write_intake(struct query *q, const struct rates *rates)
{
	struct acceptor_counters counters;
	const struct sources *sources = api_sources(q->api);
	acceptor_counters(sources->acceptor, &counters);
	json_write_name(q->buf, "intake");
	buf_char(q->buf, '{');
	json_write_member_u64(q->buf, "accepted", counters.accepted_total);
	json_write_member_u64(q->buf, "duplicates", counters.duplicates_total);
	json_write_member_u64(q->buf, "conflicts", counters.conflicts_total);
	json_write_member_u64(
		q->buf, "refused", admission_counters(sources->admission)->refused_total);
	write_seconds(q->buf, "accepted_per_second", rates->accepted_per_second);
	buf_char(q->buf, '}');
}

static void write_spine(struct query *q, int64_t now_ms, int64_t applied_ms)
{
	const struct sources *sources = api_sources(q->api);
	uint64_t durable = journal_durable_number(sources->journal);
	uint64_t applied = apply_number(sources->apply);
	json_write_name(q->buf, "journal");
	buf_char(q->buf, '{');
	json_write_member_u64(q->buf, "durable_event", durable);
	json_write_member_u64(q->buf, "bytes", journal_bytes(sources->journal));
	json_write_member_u64(q->buf, "segments", journal_segments(sources->journal));
	buf_char(q->buf, '}');
	json_write_name(q->buf, "apply");
	buf_char(q->buf, '{');
	json_write_member_u64(q->buf, "event", applied);
	json_write_member_u64(q->buf, "behind", durable > applied ? durable - applied : 0);
	write_seconds(q->buf, "behind_seconds",
		durable > applied && applied_ms > 0 ? (double)(now_ms - applied_ms) / 1000 : 0);
	buf_char(q->buf, '}');
}

static void write_delivery(struct query *q, const int64_t counts[POSTING_STATES],
	const struct rates *rates, int64_t now_ms, int64_t oldest_ms)
{
	json_write_name(q->buf, "delivery");
	buf_char(q->buf, '{');
	for (unsigned i = 0; i < POSTING_STATES; i++)
		json_write_member_u64(q->buf, posting_state_name(i), (uint64_t)counts[i]);
	write_seconds(q->buf, "settled_per_second", rates->settled_per_second);
	write_seconds(
		q->buf, "lag_seconds", oldest_ms > 0 ? (double)(now_ms - oldest_ms) / 1000 : 0);
	write_seconds(q->buf, "lag_p50_seconds", rates->lag_p50_seconds);
	write_seconds(q->buf, "lag_p99_seconds", rates->lag_p99_seconds);
	buf_char(q->buf, '}');
}

struct figures {
	int64_t counts[POSTING_STATES];
	int64_t oldest_ms, open_exceptions, stores, applied_ms;
};

static enum status read_figures(struct query *q, struct figures *f)
{
	enum status s = count_states(q, f->counts);
	if (s == OK)
		s = one_number(q,
			"SELECT min(planned_ms) FROM (SELECT DISTINCT erp FROM posting_erp) AS e"
			" JOIN posting ON event = (SELECT event FROM posting AS p"
			" WHERE p.erp = e.erp AND p.state < 3 ORDER BY ready, event, part LIMIT 1)",
			&f->oldest_ms);
	if (s == OK)
		s = one_number(q,
			"SELECT sum(exceptions) FROM exception_store WHERE state = 'open'",
			&f->open_exceptions);
	if (s == OK)
		s = one_number(q, "SELECT count(*) FROM store_summary", &f->stores);
	if (s == OK)
		s = one_number(q, "SELECT recorded_ms FROM document ORDER BY event DESC LIMIT 1",
			&f->applied_ms);
	return s;
}

enum status status_get(struct query *q)
{
	const struct sources *sources = api_sources(q->api);
	struct figures f = { .stores = 0 };
	struct rates rates;
	int64_t now_ms = sources->clock->wall_ms(sources->clock);
	enum status s = read_figures(q, &f);
	if (s != OK)
		return s;
	sampler_rates(api_sampler(q->api), &rates);
	buf_char(q->buf, '{');
	write_time(q->buf, "time", now_ms);
	json_write_member_text(q->buf, "version", TILLBRIDGE_VERSION);
	json_write_member_text(q->buf, "mode", api_development(q->api) ? "dev" : "production");
	write_seconds(q->buf, "uptime_seconds", (double)(now_ms - sources->started_ms) / 1000);
	write_intake(q, &rates);
	write_spine(q, now_ms, f.applied_ms);
	write_delivery(q, f.counts, &rates, now_ms, f.oldest_ms);
	buf_format(q->buf, ",\"exceptions\":{\"open\":%lld}", (long long)f.open_exceptions);
	buf_format(q->buf, ",\"errors\":{\"requests_refused\":%llu,\"percent\":%.3f}",
		(unsigned long long)admission_counters(sources->admission)->refused_total,
		rates.refused_percent);
	json_write_member_u64(q->buf, "stores", (uint64_t)f.stores);
	json_write_member_bool(q->buf, "ready", api_ready(q->api));
	buf_char(q->buf, '}');
	return OK;
}
