/* One transaction with its whole story: what came, what was found, what it changed, where it went
 * and whether the ERP agrees. */
#include "api/resource.h"
#include "base/currency.h"
#include "deliver/postings.h"
#include "retail/codec.h"
#include "retail/record.h"
#include "subjects/seal.h"

#include <stdio.h>

/* What is known of it, from the index and the journal. */
struct subject {
	uint64_t number, position;
	int64_t recorded_ms;
	uint64_t revision, superseded_by;
	struct slice fingerprint;
	struct record record;
	struct transaction transaction;
};

/* The accepted document of this key with that revision, or with the highest one when it is 0. */
static enum status find_subject(
	struct query *q, const struct key *key, uint64_t revision, struct subject *subject)
{
	struct statement *find = NULL;
	bool row = false;
	enum status s = store_prepare(q->store,
		"SELECT event, position, recorded_ms, revision, fingerprint, superseded_by"
		" FROM document WHERE store = $1 AND business_date = $2 AND register = $3"
		" AND sequence = $4 AND ($5 = 0 OR revision = $5) AND conflict = 0"
		" ORDER BY revision DESC LIMIT 1",
		&find, &q->err);
	if (s == OK) {
		statement_bind_text(find, 1, key->store);
		statement_bind_int(find, 2, key->business_date);
		statement_bind_text(find, 3, key->reg);
		statement_bind_int(find, 4, (int64_t)key->sequence);
		statement_bind_int(find, 5, (int64_t)revision);
		s = statement_step(find, &row, &q->err);
	}
	if (s == OK && !row)
		s = error_set(&q->err, E_REFUSED, "no transaction with this key%s was accepted%s",
			revision > 0 ? " and revision" : "",
			apply_number(api_sources(q->api)->apply) <
					journal_durable_number(api_sources(q->api)->journal)
				? "; the state is behind the journal, ask again in a moment"
				: "");
	if (s == OK) {
		subject->number = (uint64_t)statement_int(find, 0);
		subject->position = (uint64_t)statement_int(find, 1);
		subject->recorded_ms = statement_int(find, 2);
		subject->revision = (uint64_t)statement_int(find, 3);
		subject->superseded_by = (uint64_t)statement_int(find, 5);
		subject->fingerprint = arena_copy(q->arena, statement_blob(find, 4));
	}
	statement_close(find);
	return s;
}

static enum status read_document(struct query *q, struct subject *subject)
{
	struct findings findings = { .count = 0 };
	struct event event;
	struct buf payload;
	buf_init(&payload, JOURNAL_EVENT_BYTES_MAX);
	enum status s = journal_read_at(
		api_sources(q->api)->journal, subject->position, &payload, &event, &q->err);
	if (s == OK) {
		struct slice copy = arena_copy(q->arena, buf_get(&payload));
		s = copy.ptr == NULL ? E_FULL : record_decode(copy, &subject->record, &q->err);
	}
	buf_release(&payload);
	if (s == OK && transaction_decode(subject->record.document, q->arena, &subject->transaction,
			       &findings) != OK)
		s = error_set(&q->err, E_CORRUPT, "the stored document cannot be decoded: %s %s",
			findings.items[0].pointer, findings.items[0].detail);
	return s;
}

/* The document as it was sent, less the white space around it. */
static struct slice without_space(struct slice json)
{
	static const char space[] = " \t\r\n";
	while (json.len > 0 && strchr(space, json.ptr[0]) != NULL)
		json = slice_make(json.ptr + 1, json.len - 1);
	while (json.len > 0 && strchr(space, json.ptr[json.len - 1]) != NULL)
		json.len--;
	return json;
}

static void write_head(struct query *q, const struct subject *subject)
{
	char key[KEY_TEXT_MAX], receipt[RECEIPT_TEXT_MAX];
	struct fingerprint fingerprint = record_fingerprint(&subject->record.hash);
	size_t len = key_print(&subject->transaction.key, key);
	receipt_print(subject->number, &fingerprint, receipt);
	json_write_member(q->buf, "key", slice_make(key, len));
	json_write_member_u64(q->buf, "event", subject->number);
	json_write_member_text(q->buf, "receipt", receipt);
	json_write_member_u64(q->buf, "revision", subject->revision);
	json_write_member_text(
		q->buf, "state", subject->superseded_by == 0 ? "standing" : "superseded");
	write_time(q->buf, "received_at", subject->recorded_ms);
	json_write_member_text(q->buf, "type", transaction_type_name(subject->transaction.type));
	json_write_member_raw(q->buf, "transaction", without_space(subject->record.document));
	json_write_member_raw(q->buf, "findings",
		subject->record.findings.len > 0 ? subject->record.findings : slice_of("[]"));
}

static void write_stock(struct query *q, const struct subject *subject)
{
	const struct transaction *t = &subject->transaction;
	bool effect = subject->superseded_by == 0 && transaction_has_effect(t);
	json_write_name(q->buf, "stock");
	buf_char(q->buf, '[');
	for (uint32_t i = 0; i < t->lines.count && effect; i++) {
		struct total change;
		if (!line_stock_change(&t->lines.items[i], &change))
			continue;
		json_write_comma(q->buf);
		buf_char(q->buf, '{');
		json_write_member(q->buf, "item", t->lines.items[i].item);
		json_write_name(q->buf, "change");
		buf_char(q->buf, '"');
		total_write(change, 0, q->buf);
		buf_text(q->buf, "\"}");
	}
	buf_char(q->buf, ']');
}

static enum status write_ledger(struct query *q, const struct subject *subject)
{
	struct statement *rows = NULL;
	bool row = true;
	enum status s = store_prepare(q->store,
		"SELECT account, debit, credit, currency, tax_code FROM ledger WHERE event = $1"
		" ORDER BY line",
		&rows, &q->err);
	if (s == OK)
		statement_bind_int(rows, 1, (int64_t)subject->number);
	json_write_name(q->buf, "ledger");
	buf_char(q->buf, '[');
	while (s == OK && (s = statement_step(rows, &row, &q->err)) == OK && row) {
		json_write_comma(q->buf);
		buf_char(q->buf, '{');
		write_column(q->buf, "account", rows, 0);
		write_total_column(q->buf, "debit", rows, 1, statement_text(rows, 3));
		write_total_column(q->buf, "credit", rows, 2, statement_text(rows, 3));
		write_column(q->buf, "currency", rows, 3);
		write_column(q->buf, "tax_code", rows, 4);
		buf_char(q->buf, '}');
	}
	buf_char(q->buf, ']');
	statement_close(rows);
	return s;
}

static void write_one_posting(struct query *q, const struct subject *subject, struct statement *row)
{
	char external_id[EXTERNAL_ID_MAX];
	bool reversal = statement_int(row, 10) == PART_REVERSAL;
	uint64_t revision = reversal ? (uint64_t)statement_int(row, 11) : subject->revision;
	int64_t planned = statement_int(row, 5), settled = statement_int(row, 7);
	json_write_comma(q->buf);
	buf_char(q->buf, '{');
	write_column(q->buf, "erp", row, 0);
	json_write_member_text(
		q->buf, "state", posting_state_name((unsigned)statement_int(row, 1)));
	external_id_write(&subject->transaction.key, revision, reversal, external_id);
	json_write_member_bool(q->buf, "reversal", reversal);
	json_write_member_text(q->buf, "external_id", external_id);
	write_column(q->buf, "document", row, 2);
	json_write_member_u64(q->buf, "attempts", (uint64_t)statement_int(row, 3));
	write_column(q->buf, "detail", row, 4);
	write_time(q->buf, "planned_at", planned);
	write_time(q->buf, "called_at", statement_int(row, 6));
	write_time(q->buf, "settled_at", settled);
	write_time(q->buf, "agreed_at", statement_int(row, 8));
	if (settled > 0)
		write_seconds(q->buf, "lag_seconds", (double)(settled - planned) / 1000);
	else
		json_write_member_null(q->buf, "lag_seconds");
	json_write_member_raw(q->buf, "differences",
		statement_is_null(row, 9) ? slice_of("[]") : statement_text(row, 9));
	buf_char(q->buf, '}');
}

enum { STEPS_MAX = 6 }; /* three of the reversal, three of the document */

struct step {
	int64_t at_ms;
	const char *what;
	struct slice detail;
};

static void write_step(struct query *q, uint64_t number, const struct step *step)
{
	if (step->at_ms == 0)
		return;
	json_write_comma(q->buf);
	buf_char(q->buf, '{');
	json_write_member_u64(q->buf, "event", number);
	write_time(q->buf, "at", step->at_ms);
	json_write_member_text(q->buf, "what", step->what);
	json_write_member(q->buf, "detail", step->detail);
	buf_char(q->buf, '}');
}

static void gather_steps(struct query *q, struct statement *row, struct step *steps)
{
	const char *what = statement_int(row, 10) == PART_REVERSAL ? "the reversal" : "it";
	struct slice erp = arena_copy(q->arena, statement_text(row, 0));
	unsigned state = (unsigned)statement_int(row, 1);
	struct slice document = arena_copy(q->arena, statement_text(row, 2));
	struct slice detail = arena_copy(q->arena, statement_text(row, 4));
	steps[0] = (struct step){ statement_int(row, 6), "intent",
		arena_format(q->arena, "about to call %.*s", SLICE_ARG(erp)) };
	bool settled = statement_int(row, 7) != 0;
	steps[1] = (struct step){ statement_int(row, settled ? 7 : 6),
		settled || state == POSTING_REFUSED || state == POSTING_UNKNOWN ? "answer"
										: "intent",
		settled ? arena_format(q->arena, "%.*s has %s as %.*s", SLICE_ARG(erp), what,
				  SLICE_ARG(document))
			: arena_format(q->arena, "%s: %.*s", posting_state_name(state),
				  SLICE_ARG(detail)) };
	if (!settled && state != POSTING_REFUSED && state != POSTING_UNKNOWN)
		steps[1].at_ms = 0;
	steps[2] = (struct step){ statement_int(row, 8), "read_back",
		arena_format(q->arena, "what %.*s holds %s", SLICE_ARG(erp),
			state == POSTING_AGREED ? "agrees line by line" : "differs") };
}

static enum status write_postings(
	struct query *q, const struct subject *subject, struct step steps[STEPS_MAX])
{
	struct statement *rows = NULL;
	bool row = true;
	unsigned count = 0;
	enum status s = store_prepare(q->store,
		"SELECT erp, state, document, attempts, detail, planned_ms, called_ms, settled_ms,"
		" agreed_ms, differences, part,"
		" (SELECT revision FROM document AS d WHERE d.event = posting.reverses)"
		" FROM posting WHERE event = $1 ORDER BY part",
		&rows, &q->err);
	if (s == OK)
		statement_bind_int(rows, 1, (int64_t)subject->number);
	json_write_name(q->buf, "postings");
	buf_char(q->buf, '[');
	while (s == OK && (s = statement_step(rows, &row, &q->err)) == OK && row) {
		write_one_posting(q, subject, rows);
		gather_steps(q, rows, &steps[count]);
		count += 3;
	}
	buf_char(q->buf, ']');
	statement_close(rows);
	return s;
}

static enum status write_exceptions(struct query *q, const struct subject *subject)
{
	struct statement *rows = NULL;
	bool row = true;
	enum status s = store_prepare(q->store,
		"SELECT x.event, x.line FROM exception AS x WHERE x.transaction_event = $1"
		" OR x.transaction_event IN (SELECT event FROM document WHERE store = $2"
		" AND business_date = $3 AND register = $4 AND sequence = $5)"
		" ORDER BY x.event, x.line",
		&rows, &q->err);
	if (s == OK) {
		const struct key *key = &subject->transaction.key;
		statement_bind_int(rows, 1, (int64_t)subject->number);
		statement_bind_text(rows, 2, key->store);
		statement_bind_int(rows, 3, key->business_date);
		statement_bind_text(rows, 4, key->reg);
		statement_bind_int(rows, 5, (int64_t)key->sequence);
	}
	json_write_name(q->buf, "exceptions");
	buf_char(q->buf, '[');
	while (s == OK && (s = statement_step(rows, &row, &q->err)) == OK && row) {
		json_write_comma(q->buf);
		buf_format(q->buf, "\"%lld-%lld\"", (long long)statement_int(rows, 0),
			(long long)statement_int(rows, 1));
	}
	buf_char(q->buf, ']');
	statement_close(rows);
	return s;
}

/* What came under the same key before or after this one: other contents, other revisions. */
static enum status write_other_steps(struct query *q, const struct subject *subject, bool before)
{
	struct statement *rows = NULL;
	bool row = true;
	const struct key *key = &subject->transaction.key;
	enum status s = store_prepare(q->store,
		"SELECT event, recorded_ms, conflict, revision FROM document WHERE store = $1"
		" AND business_date = $2 AND register = $3 AND sequence = $4"
		" AND (event - $5) * $6 > 0"
		" ORDER BY event",
		&rows, &q->err);
	if (s == OK) {
		statement_bind_text(rows, 1, key->store);
		statement_bind_int(rows, 2, key->business_date);
		statement_bind_text(rows, 3, key->reg);
		statement_bind_int(rows, 4, (int64_t)key->sequence);
		statement_bind_int(rows, 5, (int64_t)subject->number);
		statement_bind_int(rows, 6, before ? -1 : 1);
	}
	while (s == OK && (s = statement_step(rows, &row, &q->err)) == OK && row) {
		struct step step = { statement_int(rows, 1), "conflict",
			slice_of("the register sent this key with other content; kept, not "
				 "applied") };
		if (statement_int(rows, 2) == 0)
			step = (struct step){ step.at_ms, "revision",
				arena_format(q->arena, "revision %lld of this key was accepted",
					(long long)statement_int(rows, 3)) };
		write_step(q, (uint64_t)statement_int(rows, 0), &step);
	}
	statement_close(rows);
	return s;
}

static enum status write_story(
	struct query *q, const struct subject *subject, const struct step steps[STEPS_MAX])
{
	struct step received = { subject->recorded_ms, "received",
		arena_format(q->arena, "accepted through %.*s and durable",
			SLICE_ARG(subject->record.source)) };
	json_write_name(q->buf, "story");
	buf_char(q->buf, '[');
	enum status s = write_other_steps(q, subject, true);
	write_step(q, subject->number, &received);
	for (unsigned i = 0; i < STEPS_MAX; i++)
		write_step(q, subject->number, &steps[i]);
	if (s == OK)
		s = write_other_steps(q, subject, false);
	buf_char(q->buf, ']');
	return s;
}

/* 0 when the query does not name one. */
static bool query_revision(struct query *q, uint64_t *ret_revision)
{
	struct slice text;
	*ret_revision = 0;
	if (!query_text(q, "revision", &text))
		return false;
	if (text.ptr == NULL || (slice_to_u64(text, ret_revision) && *ret_revision > 0))
		return true;
	error_set(&q->err, E_INPUT, "revision is \"%.*s\"; a number from 1 is expected",
		SLICE_ARG(text));
	return false;
}

/* The transaction that path and query name. */
static enum status read_subject(struct query *q, struct subject **ret_subject, bool *ret_reveal)
{
	struct subject *subject = arena_new(q->arena, struct subject);
	uint64_t revision;
	struct key key = { .store = slice_of(q->parameters[0]), .reg = slice_of(q->parameters[1]) };
	if (!query_date(q, 2, &key.business_date) || !query_sequence(q, 3, &key.sequence))
		return E_INPUT;
	if (!query_revision(q, &revision) || !query_reveal(q, ret_reveal))
		return E_INPUT;
	enum status s = find_subject(q, &key, revision, subject);
	if (s == OK)
		s = read_document(q, subject);
	*ret_subject = subject;
	return s;
}

enum status transaction_get(struct query *q)
{
	struct subject *subject;
	struct step steps[STEPS_MAX] = { { 0 } };
	bool reveal;
	enum status s = read_subject(q, &subject, &reveal);
	if (s != OK)
		return s;
	buf_char(q->buf, '{');
	write_head(q, subject);
	s = personal_write_member(q, &subject->record, reveal);
	write_stock(q, subject);
	if (s == OK)
		s = write_ledger(q, subject);
	if (s == OK)
		s = write_postings(q, subject, steps);
	if (s == OK)
		s = revisions_write(q, &subject->transaction.key);
	if (s == OK)
		s = write_exceptions(q, subject);
	if (s == OK)
		s = write_story(q, subject, steps);
	buf_char(q->buf, '}');
	return s;
}

/* What was sealed with the record of who the customer is. */
static enum status unseal_raw(
	struct query *q, const struct record *record, bool reveal, struct slice *ret_raw)
{
	struct unsealed unsealed;
	if (!reveal)
		return error_set(&q->err, E_REFUSED,
			"what was received says who the customer is; reveal=customer asks for it");
	enum status s = subjects_unseal(
		api_sources(q->api)->subjects, record, q->arena, &unsealed, &q->err);
	if (s == OK && unsealed.state != SUBJECT_KEPT)
		return error_set(&q->err, E_REFUSED,
			"what was received said who the customer was, who is forgotten");
	if (s == OK)
		*ret_raw = unsealed.raw;
	return s;
}

/* The bytes as the door got them, less what its mapping calls personal. */
enum status transaction_raw(struct query *q)
{
	struct subject *subject;
	bool reveal;
	enum status s = read_subject(q, &subject, &reveal);
	if (s != OK)
		return s;
	const struct record *record = &subject->record;
	struct slice raw = record->raw;
	if (raw.len == 0 && record->sealed.len > 0)
		s = unseal_raw(q, record, reveal, &raw);
	if (s != OK)
		return s;
	/* Of any format, and never to be run by whoever shows it. */
	q->content_type = "application/octet-stream";
	buf_slice(q->buf, raw.len > 0 ? raw : record->document);
	return OK;
}
