/* All revisions of one transaction: which one stands, and what each did in the ERPs. */
#include "api/resource.h"
#include "deliver/postings.h"
#include "retail/record.h"

/* The document of the key at `event` and what it needed, reversal first. */
static enum status write_revision_postings(
	struct query *q, const struct key *key, struct statement *read, struct statement *revision)
{
	bool row = true;
	enum status s = OK;
	statement_bind_int(read, 1, statement_int(revision, 0));
	json_write_name(q->buf, "postings");
	buf_char(q->buf, '[');
	while (s == OK && (s = statement_step(read, &row, &q->err)) == OK && row) {
		char external_id[EXTERNAL_ID_MAX];
		bool reversal = statement_int(read, 0) == PART_REVERSAL;
		external_id_write(key,
			(uint64_t)(reversal ? statement_int(read, 4) : statement_int(revision, 1)),
			reversal, external_id);
		json_write_comma(q->buf);
		buf_char(q->buf, '{');
		json_write_member_bool(q->buf, "reversal", reversal);
		write_column(q->buf, "erp", read, 1);
		json_write_member_text(
			q->buf, "state", posting_state_name((unsigned)statement_int(read, 2)));
		json_write_member_text(q->buf, "external_id", external_id);
		write_column(q->buf, "document", read, 3);
		buf_char(q->buf, '}');
	}
	buf_char(q->buf, ']');
	statement_reset(read);
	return s;
}

static enum status write_revision(
	struct query *q, const struct key *key, struct statement *read, struct statement *row)
{
	char receipt[RECEIPT_TEXT_MAX];
	struct fingerprint fingerprint = { { 0 } };
	struct slice bytes = statement_blob(row, 3);
	if (bytes.len == FINGERPRINT_BYTES)
		memcpy(fingerprint.bytes, bytes.ptr, FINGERPRINT_BYTES);
	receipt_print((uint64_t)statement_int(row, 0), &fingerprint, receipt);
	json_write_comma(q->buf);
	buf_char(q->buf, '{');
	json_write_member_u64(q->buf, "revision", (uint64_t)statement_int(row, 1));
	json_write_member_u64(q->buf, "event", (uint64_t)statement_int(row, 0));
	json_write_member_text(q->buf, "receipt", receipt);
	write_time(q->buf, "received_at", statement_int(row, 2));
	json_write_member_text(
		q->buf, "state", statement_is_null(row, 4) ? "standing" : "superseded");
	if (statement_is_null(row, 4))
		json_write_member_null(q->buf, "superseded_by");
	else
		json_write_member_u64(q->buf, "superseded_by", (uint64_t)statement_int(row, 4));
	enum status s = write_revision_postings(q, key, read, row);
	buf_char(q->buf, '}');
	return s;
}

enum status revisions_write(struct query *q, const struct key *key)
{
	struct statement *rows = NULL, *read = NULL;
	bool row = true;
	enum status s = store_prepare(q->store,
		"SELECT event, revision, recorded_ms, fingerprint, superseded_by FROM document"
		" WHERE store = $1 AND business_date = $2 AND register = $3 AND sequence = $4"
		" AND conflict = 0 ORDER BY revision",
		&rows, &q->err);
	if (s == OK)
		s = store_prepare(q->store,
			"SELECT part, erp, state, document,"
			" (SELECT revision FROM document AS d WHERE d.event = posting.reverses)"
			" FROM posting WHERE event = $1 ORDER BY part",
			&read, &q->err);
	if (s == OK) {
		statement_bind_text(rows, 1, key->store);
		statement_bind_int(rows, 2, key->business_date);
		statement_bind_text(rows, 3, key->reg);
		statement_bind_int(rows, 4, (int64_t)key->sequence);
	}
	json_write_name(q->buf, "revisions");
	buf_char(q->buf, '[');
	while (s == OK && (s = statement_step(rows, &row, &q->err)) == OK && row)
		s = write_revision(q, key, read, rows);
	buf_char(q->buf, ']');
	statement_close(rows);
	statement_close(read);
	return s;
}
