/* Data subjects: whose transactions are which, what is kept of a person, and forgetting them. They
 * are named by pseudonym; what identifies somebody comes in a body, never in a URL that a log might
 * keep. */
#include "api/resource.h"
#include "intake/reply.h"
#include "retail/record.h"
#include "subjects/consumer.h"
#include "subjects/seal.h"

enum { BODY_BYTES_MAX = 4096 };

static const char *const state_names[] = {
	[SUBJECT_UNKNOWN] = "unknown",
	[SUBJECT_KEPT] = "kept",
	[SUBJECT_FORGOTTEN] = "forgotten",
};

static struct subjects *keys_of(const struct query *q)
{
	return api_sources(q->api)->subjects;
}

bool query_reveal(struct query *q, bool *ret_reveal)
{
	struct slice text;
	*ret_reveal = false;
	if (!query_text(q, "reveal", &text))
		return false;
	*ret_reveal = text.ptr != NULL;
	if (text.ptr == NULL || slice_is(text, "customer"))
		return true;
	error_set(&q->err, E_INPUT, "reveal is \"%.*s\"; \"customer\" is expected, or nothing",
		SLICE_ARG(text));
	return false;
}

/* Whose it is and whether it could be read, without reading it. */
static enum status look_at_subject(
	struct query *q, const struct record *record, struct unsealed *ret_unsealed)
{
	if (!record_subject(record, &ret_unsealed->subject))
		return error_set(&q->err, E_CORRUPT, "the sealed part names no subject");
	if (record->sealed.len == SUBJECT_BYTES) {
		ret_unsealed->state = SUBJECT_FORGOTTEN;
		return OK;
	}
	return subjects_state(keys_of(q), &ret_unsealed->subject, &ret_unsealed->state, &q->err);
}

enum status personal_write_member(struct query *q, const struct record *record, bool reveal)
{
	struct unsealed unsealed;
	char subject[SUBJECT_TEXT_MAX];
	if (record->sealed.len == 0) {
		json_write_member_null(q->buf, "personal");
		return OK;
	}
	enum status s = reveal ? subjects_unseal(keys_of(q), record, q->arena, &unsealed, &q->err)
			       : look_at_subject(q, record, &unsealed);
	if (s != OK)
		return s;
	subject_print(&unsealed.subject, subject);
	json_write_name(q->buf, "personal");
	buf_char(q->buf, '{');
	json_write_member_text(q->buf, "subject", subject);
	json_write_member_text(q->buf, "state", state_names[unsealed.state]);
	if (reveal && unsealed.state == SUBJECT_KEPT)
		json_write_member_raw(q->buf, "fields", unsealed.personal);
	buf_char(q->buf, '}');
	return OK;
}

static bool query_subject(struct query *q, struct subject_id *ret_subject)
{
	if (subject_parse(slice_of(q->parameters[0]), ret_subject))
		return true;
	error_set(&q->err, E_INPUT,
		"\"%s\" in the path is no subject: 32 digits of lower-case "
		"hexadecimal are expected",
		q->parameters[0]);
	return false;
}

/* ---- what is kept of a subject ---- */

/* The members that say whether, when and by whom it was forgotten. */
static enum status write_forgotten(
	struct query *q, const struct subject_id *subject, enum subject_state state)
{
	struct statement *read = NULL;
	char text[SUBJECT_TEXT_MAX];
	bool row = false;
	subject_print(subject, text);
	enum status s = store_prepare(q->store,
		"SELECT recorded_ms, by_whom FROM subject_forgotten WHERE subject = $1", &read,
		&q->err);
	if (s == OK) {
		statement_bind_text(read, 1, slice_of(text));
		s = statement_step(read, &row, &q->err);
	}
	json_write_member_text(q->buf, "subject", text);
	json_write_member_text(q->buf, "state", state_names[state]);
	write_time(q->buf, "forgotten_at", s == OK && row ? statement_int(read, 0) : 0);
	if (s == OK && row)
		write_column(q->buf, "forgotten_by", read, 1);
	else
		json_write_member_null(q->buf, "forgotten_by");
	statement_close(read);
	return s;
}

static enum status write_revealed(struct query *q, uint64_t position, bool reveal)
{
	struct record record;
	struct event event;
	struct buf payload;
	buf_init(&payload, JOURNAL_EVENT_BYTES_MAX);
	enum status s =
		journal_read_at(api_sources(q->api)->journal, position, &payload, &event, &q->err);
	if (s == OK)
		s = record_decode(buf_get(&payload), &record, &q->err);
	if (s == OK)
		s = personal_write_member(q, &record, reveal);
	buf_release(&payload);
	return s;
}

static enum status write_transaction(struct query *q, struct statement *row, bool reveal)
{
	char text[KEY_TEXT_MAX];
	const struct key key = { statement_text(row, 3), statement_text(row, 4),
		(date_t)statement_int(row, 5), (uint64_t)statement_int(row, 6) };
	json_write_comma(q->buf);
	buf_char(q->buf, '{');
	json_write_member(q->buf, "key", slice_make(text, key_print(&key, text)));
	json_write_member_u64(q->buf, "event", (uint64_t)statement_int(row, 0));
	json_write_member_u64(q->buf, "revision", (uint64_t)statement_int(row, 7));
	json_write_member_bool(q->buf, "conflict", statement_int(row, 8) != 0);
	write_time(q->buf, "received_at", statement_int(row, 2));
	json_write_member_text(
		q->buf, "type", transaction_type_name((unsigned)statement_int(row, 9)));
	write_column(q->buf, "currency", row, 10);
	write_total_column(q->buf, "gross", row, 11, statement_text(row, 10));
	enum status s = write_revealed(q, (uint64_t)statement_int(row, 1), reveal);
	buf_char(q->buf, '}');
	return s;
}

static enum status list_transactions(struct query *q, const struct subject_id *subject, bool reveal,
	uint64_t *ret_count, uint64_t *ret_last)
{
	struct statement *rows = NULL;
	char text[SUBJECT_TEXT_MAX];
	bool row = true;
	subject_print(subject, text);
	enum status s = store_prepare(q->store,
		"SELECT d.event, d.position, d.recorded_ms, d.store, d.register, d.business_date,"
		" d.sequence, d.revision, d.conflict, d.type, d.currency, d.gross"
		" FROM subject_document s JOIN document d ON d.event = s.event"
		" WHERE s.subject = $1 AND s.event > $2 ORDER BY s.event LIMIT $3",
		&rows, &q->err);
	if (s != OK)
		return s;
	statement_bind_text(rows, 1, slice_of(text));
	statement_bind_int(rows, 2, (int64_t)*ret_last);
	statement_bind_int(rows, 3, (int64_t)q->limit + 1);
	while (s == OK && (s = statement_step(rows, &row, &q->err)) == OK && row) {
		if ((*ret_count)++ == q->limit)
			break;
		*ret_last = (uint64_t)statement_int(rows, 0);
		s = write_transaction(q, rows, reveal);
	}
	statement_close(rows);
	return s;
}

/* E_REFUSED when neither the keys nor the state know the subject. */
static enum status find_subject(
	struct query *q, const struct subject_id *subject, enum subject_state *ret_state)
{
	struct statement *read = NULL;
	char text[SUBJECT_TEXT_MAX];
	bool row = false;
	enum status s = subjects_state(keys_of(q), subject, ret_state, &q->err);
	if (s != OK || *ret_state != SUBJECT_UNKNOWN)
		return s;
	subject_print(subject, text);
	s = store_prepare(q->store,
		"SELECT 1 FROM subject_document WHERE subject = $1"
		" UNION ALL SELECT 1 FROM subject_forgotten WHERE subject = $1",
		&read, &q->err);
	if (s == OK) {
		statement_bind_text(read, 1, slice_of(text));
		s = statement_step(read, &row, &q->err);
	}
	statement_close(read);
	return s == OK && !row ? error_set(&q->err, E_REFUSED, "no subject %s is known", text) : s;
}

enum status subject_get(struct query *q)
{
	struct subject_id subject;
	enum subject_state state;
	uint64_t last = 0, count = 0;
	bool reveal;
	if (!query_subject(q, &subject) || !query_reveal(q, &reveal))
		return E_INPUT;
	if (q->after[0] != '\0' && !slice_to_u64(slice_of(q->after), &last))
		return error_set(&q->err, E_INPUT, "after is not a cursor that this API gave out");
	enum status s = find_subject(q, &subject, &state);
	if (s != OK)
		return s;
	buf_char(q->buf, '{');
	s = write_forgotten(q, &subject, state);
	json_write_name(q->buf, "transactions");
	buf_char(q->buf, '[');
	if (s == OK)
		s = list_transactions(q, &subject, reveal, &count, &last);
	if (count > q->limit)
		list_end(q, "%llu", (unsigned long long)last);
	else
		list_end_last(q);
	return s;
}

/* ---- what comes in a body ---- */

/* The texts of a flat JSON object, by name; a member that is not among the names is refused. */
static enum status read_body(struct query *q, const char *const *names, struct slice *ret_values)
{
	struct slice body = http_request_body(q->http), name, text;
	struct slice type = http_field(http_request_head(q->http), "content-type");
	struct json json;
	/* A browser asks first before a foreign page may send this type. */
	if (!media_type_is(type, "application/json"))
		return error_set(&q->err, E_INPUT, "Content-Type application/json is expected");
	if (body.len > BODY_BYTES_MAX)
		return error_set(
			&q->err, E_INPUT, "the body has more than %d bytes", BODY_BYTES_MAX);
	json_init(&json, body, q->arena);
	json_object(&json);
	while (json_member(&json, &name)) {
		unsigned i = 0;
		while (names[i] != NULL && !slice_is(name, names[i]))
			i++;
		if (names[i] == NULL)
			return error_set(&q->err, E_INPUT, "\"%.*s\" is not expected here",
				name.len > 60 ? 60 : (int)name.len, name.ptr);
		if (json_string(&json, &text))
			ret_values[i] = text;
	}
	if (json.problem != NULL || !json_end(&json))
		return error_set(&q->err, E_INPUT, "the body is no JSON object of texts: %s",
			json.problem == NULL ? "more stands behind it" : json.problem);
	return OK;
}

/* POST, so that what identifies somebody is in no URL. */
enum status subject_find(struct query *q)
{
	struct slice values[IDENTIFIER_NONE] = { { NULL, 0 } }, value = { NULL, 0 };
	struct subject_id subject;
	enum subject_state state;
	char text[SUBJECT_TEXT_MAX];
	unsigned kind = IDENTIFIER_NONE, count = 0;
	enum status s = read_body(q, identifier_names, values);
	for (unsigned i = 0; i < IDENTIFIER_NONE && s == OK; i++)
		if (values[i].ptr != NULL) {
			kind = i;
			count++;
		}
	if (s != OK)
		return s;
	if (count == 1)
		value = identifier_normalise((enum identifier_kind)kind, values[kind], q->arena);
	if (value.len == 0 || value.len > PARAMETER_BYTES_MAX)
		return error_set(&q->err, E_INPUT,
			"one of customer, loyalty, email, phone is expected, with a text of at "
			"most %d bytes",
			PARAMETER_BYTES_MAX);
	subjects_identify(keys_of(q), (enum identifier_kind)kind, value, &subject);
	s = find_subject(q, &subject, &state);
	if (s != OK)
		return s;
	subject_print(&subject, text);
	buf_char(q->buf, '{');
	json_write_member_text(q->buf, "subject", text);
	json_write_member_text(q->buf, "state", state_names[state]);
	buf_char(q->buf, '}');
	return OK;
}

/* ---- forgetting ---- */

/* The event is durable before the key is destroyed: a crash between the two is made good at the
 * next start, and so is a backup of the keys that is put back. */
static enum status forget(struct query *q, const struct subject_id *subject, struct slice by)
{
	struct buf payload;
	uint64_t number;
	buf_init(&payload, BODY_BYTES_MAX);
	forgotten_encode(subject, by, &payload);
	enum status s = acceptor_record(api_sources(q->api)->acceptor, EVENT_FORGOTTEN,
		buf_get(&payload), &number, &q->err);
	buf_release(&payload);
	return s == OK ? subjects_forget(keys_of(q), subject, &q->err) : s;
}

enum status subject_forget(struct query *q)
{
	static const char *const names[] = { "by", NULL };
	struct slice by = { NULL, 0 };
	struct subject_id subject;
	enum subject_state state;
	char text[SUBJECT_TEXT_MAX];
	if (!query_subject(q, &subject))
		return E_INPUT;
	enum status s = read_body(q, names, &by);
	if (s == OK && (slice_trim(by).len == 0 || by.len > FORGOTTEN_BY_MAX))
		return error_set(&q->err, E_INPUT, "by is expected: who forgets, in 1 to %d bytes",
			FORGOTTEN_BY_MAX);
	if (s == OK)
		s = find_subject(q, &subject, &state);
	if (s == OK && state != SUBJECT_FORGOTTEN)
		s = forget(q, &subject, by);
	else if (s == OK)
		s = subjects_forget(keys_of(q), &subject, &q->err); /* what was left half done */
	if (s != OK)
		return s;
	subject_print(&subject, text);
	buf_char(q->buf, '{');
	json_write_member_text(q->buf, "subject", text);
	json_write_member_text(q->buf, "state", state_names[SUBJECT_FORGOTTEN]);
	json_write_member_bool(q->buf, "already", state == SUBJECT_FORGOTTEN);
	buf_char(q->buf, '}');
	return OK;
}
