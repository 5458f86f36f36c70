#include "watch/metrics.h"

/* All plain figures, gathered once a page. */
struct figures {
	struct acceptor_counters acceptor;
	struct server_counters server;
	uint64_t requests, refused, busy, unknown_fields;
	uint64_t queries, queries_stopped, query_steps;
	uint64_t durable, bytes, segments, applied, apply_waits, uptime_s;
};

struct metric {
	const char *name, *type, *help;
	size_t offset; /* in struct figures */
};

#define FIGURE(field) offsetof(struct figures, field)

static const struct metric metrics[] = {
	{ "tillbridge_transactions_accepted_total", "counter", "Transactions accepted and durable.",
		FIGURE(acceptor.accepted_total) },
	{ "tillbridge_transactions_duplicate_total", "counter",
		"Transactions that were sent again with the same content.",
		FIGURE(acceptor.duplicates_total) },
	{ "tillbridge_transactions_conflict_total", "counter",
		"Transactions that came under a known key with other content.",
		FIGURE(acceptor.conflicts_total) },
	{ "tillbridge_transactions_refused_total", "counter",
		"Transactions refused: malformed or against a rule.", FIGURE(refused) },
	{ "tillbridge_intake_requests_total", "counter", "Requests to the intake.",
		FIGURE(requests) },
	{ "tillbridge_intake_busy_total", "counter",
		"Requests answered 503 or 507: queue, disk or shutdown.", FIGURE(busy) },
	{ "tillbridge_intake_queue_items", "gauge", "Transactions that wait for the journal.",
		FIGURE(acceptor.queue_items) },
	{ "tillbridge_intake_unknown_fields_total", "counter",
		"Members of documents that are not in the model; they are kept as they came.",
		FIGURE(unknown_fields) },
	{ "tillbridge_journal_groups_total", "counter", "Group commits.",
		FIGURE(acceptor.groups_total) },
	{ "tillbridge_journal_group_items_max", "gauge", "Largest group commit, in items.",
		FIGURE(acceptor.group_items_max) },
	{ "tillbridge_journal_durable_event", "gauge", "Number of the last durable event.",
		FIGURE(durable) },
	{ "tillbridge_journal_bytes", "gauge", "Bytes of events in the journal.", FIGURE(bytes) },
	{ "tillbridge_journal_segments", "gauge", "Segments of the journal.", FIGURE(segments) },
	{ "tillbridge_state_applied_event", "gauge", "Number of the last applied event.",
		FIGURE(applied) },
	{ "tillbridge_state_waits_total", "counter",
		"How often applying waited for the state's disk.", FIGURE(apply_waits) },
	{ "tillbridge_queries_total", "counter", "Queries of the state that were answered.",
		FIGURE(queries) },
	{ "tillbridge_queries_stopped_total", "counter",
		"Queries that reached query_timeout and were answered 503.",
		FIGURE(queries_stopped) },
	{ "tillbridge_query_steps_total", "counter",
		"Steps of the database's machine for all queries: what they cost, whatever the "
		"clock says.",
		FIGURE(query_steps) },
	{ "tillbridge_http_connections_open", "gauge", "Open connections.",
		FIGURE(server.connections_open) },
	{ "tillbridge_http_connections_total", "counter", "Connections accepted.",
		FIGURE(server.connections_total) },
	{ "tillbridge_http_requests_total", "counter", "Requests read completely.",
		FIGURE(server.requests_total) },
	{ "tillbridge_http_requests_refused_total", "counter",
		"Requests refused before they reached a resource.",
		FIGURE(server.requests_refused_total) },
	{ "tillbridge_http_timeouts_total", "counter", "Connections closed for being slow.",
		FIGURE(server.timeouts_total) },
	{ "tillbridge_http_tls_failures_total", "counter", "Failed TLS handshakes.",
		FIGURE(server.tls_failures_total) },
	{ "tillbridge_uptime_seconds", "gauge", "Seconds since the start.", FIGURE(uptime_s) },
};

static void gather(const struct sources *s, struct figures *f)
{
	struct admission_counters *intake = admission_counters(s->admission);
	acceptor_counters(s->acceptor, &f->acceptor);
	struct server *server = atomic_load(&((struct sources *)s)->server);
	if (server != NULL)
		server_counters(server, &f->server);
	f->requests = intake->batches_total;
	f->refused = intake->refused_total;
	f->busy = intake->busy_total;
	f->unknown_fields = intake->unknown_fields_total;
	f->queries = s->queries.answered_total;
	f->queries_stopped = s->queries.stopped_total;
	f->query_steps = s->queries.steps_total;
	f->durable = journal_durable_number(s->journal);
	f->bytes = journal_bytes(s->journal);
	f->segments = journal_segments(s->journal);
	f->applied = apply_number(s->apply);
	f->apply_waits = apply_waits(s->apply);
	f->uptime_s = (uint64_t)(s->clock->wall_ms(s->clock) - s->started_ms) / 1000;
}

static void write_histogram(
	struct buf *buf, const char *name, const char *help, const struct histogram *histogram)
{
	uint64_t seen = 0;
	buf_format(buf, "# HELP %s %s\n# TYPE %s histogram\n", name, help, name);
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += histogram->buckets[i];
		buf_format(buf, "%s_bucket{le=\"%g\"} %llu\n", name,
			(double)histogram_bounds_us[i] / 1e6, (unsigned long long)seen);
	}
	seen += histogram->buckets[HISTOGRAM_BUCKETS];
	buf_format(buf, "%s_bucket{le=\"+Inf\"} %llu\n%s_sum %.6f\n%s_count %llu\n", name,
		(unsigned long long)seen, name, (double)histogram->sum_us / 1e6, name,
		(unsigned long long)seen);
}

static void write_erps(const struct sources *s, struct buf *buf)
{
	struct erp_status erp;
	buf_text(buf,
		"# HELP tillbridge_erp_up 1 when the ERP answered last, 0 while it is retried "
		"or stopped.\n# TYPE tillbridge_erp_up gauge\n");
	for (size_t i = 0; delivery_status(s->delivery, i, &erp); i++)
		buf_format(
			buf, "tillbridge_erp_up{erp=\"%s\"} %d\n", erp.name, erp.state == ERP_OK);
	buf_text(buf, "# HELP tillbridge_erp_failures_total Calls that did not get through.\n"
		      "# TYPE tillbridge_erp_failures_total counter\n");
	for (size_t i = 0; delivery_status(s->delivery, i, &erp); i++)
		buf_format(buf, "tillbridge_erp_failures_total{erp=\"%s\"} %llu\n", erp.name,
			(unsigned long long)erp.failures_total);
}

struct door_metric {
	const char *name, *type, *help;
	size_t offset; /* in struct door_view */
};

#define VIEW(field) offsetof(struct door_view, field)

static const struct door_metric door_metrics[] = {
	{ "messages_total", "counter", "Messages to a door that is called.", VIEW(messages) },
	{ "unauthenticated_total", "counter", "Messages whose sender could not prove who it is.",
		VIEW(unauthenticated) },
	{ "records_total", "counter", "Records read, good or bad.", VIEW(report.records) },
	{ "accepted_total", "counter", "Records that became new transactions.",
		VIEW(report.accepted) },
	{ "duplicates_total", "counter", "Records that were known already.",
		VIEW(report.duplicates) },
	{ "refused_total", "counter", "Records that became no transactions.",
		VIEW(report.refused) },
	{ "skipped_total", "counter", "Records that are none, as the mapping says.",
		VIEW(report.skipped) },
	{ "errors_total", "counter", "Failures of what is read from, and unreadable messages.",
		VIEW(report.errors) },
	{ "lag", "gauge", "Files or messages that wait to be read.", VIEW(report.lag) },
};

static void write_doors(const struct sources *s, struct buf *buf)
{
	size_t count = door_set_count(s->doors);
	struct door_view view;
	for (size_t m = 0; count > 0 && m < sizeof(door_metrics) / sizeof(door_metrics[0]); m++) {
		const struct door_metric *metric = &door_metrics[m];
		buf_format(buf, "# HELP tillbridge_door_%s %s\n# TYPE tillbridge_door_%s %s\n",
			metric->name, metric->help, metric->name, metric->type);
		for (size_t i = 0; i < count; i++) {
			door_set_view(s->doors, i, &view);
			buf_format(buf, "tillbridge_door_%s{door=\"%s\"} %llu\n", metric->name,
				view.config->name,
				(unsigned long long)*(
					const uint64_t *)((const char *)&view + metric->offset));
		}
	}
	if (count > 0)
		buf_text(buf, "# HELP tillbridge_door_up 0 while a door's source fails or it is "
			      "stopped.\n# TYPE tillbridge_door_up gauge\n");
	for (size_t i = 0; i < count; i++) {
		door_set_view(s->doors, i, &view);
		buf_format(buf, "tillbridge_door_up{door=\"%s\"} %d\n", view.config->name,
			view.state == DOOR_OPEN || view.state == DOOR_RUNNING);
	}
}

void metrics_write(const struct sources *s, struct buf *buf)
{
	struct figures figures = { 0 };
	gather(s, &figures);
	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++) {
		const struct metric *m = &metrics[i];
		uint64_t value = *(const uint64_t *)((const char *)&figures + m->offset);
		buf_format(buf, "# HELP %s %s\n# TYPE %s %s\n%s %llu\n", m->name, m->help, m->name,
			m->type, m->name, (unsigned long long)value);
	}
	const struct delivery_lags *lags = delivery_lags(s->delivery);
	write_histogram(buf, "tillbridge_acknowledge_seconds",
		"A request's last byte to its durable answer.",
		&admission_counters(s->admission)->acknowledge);
	write_histogram(buf, "tillbridge_lag_till_to_receipt_seconds",
		"Till close to durable receipt.", &lags->till_to_receipt);
	write_histogram(buf, "tillbridge_lag_receipt_to_call_seconds",
		"Durable receipt to the intent of the ERP's call.", &lags->receipt_to_call);
	write_histogram(buf, "tillbridge_lag_receipt_to_answer_seconds",
		"Durable receipt to the ERP's answer.", &lags->receipt_to_answer);
	write_histogram(buf, "tillbridge_lag_till_to_answer_seconds",
		"Till close to the ERP's answer; replayed sales count from their receipt.",
		&lags->till_to_answer);
	write_histogram(buf, "tillbridge_lag_answer_to_agreed_seconds",
		"The ERP's answer to the comparison with what it holds.", &lags->answer_to_agreed);
	write_erps(s, buf);
	write_doors(s, buf);
}
