#include "deliver/exceptions.h"

#include "base/json.h"
#include "deliver/events.h"
#include "retail/codec.h"
#include "store/tally.h"

#include <stdio.h>
#include <stdlib.h>

static const struct migration migrations[] = {
	{ "exception.1", "CREATE TABLE exception (event BIGINT NOT NULL, line BIGINT NOT NULL,"
			 " kind TEXT NOT NULL, state TEXT NOT NULL, severity TEXT NOT NULL,"
			 " store TEXT NOT NULL, transaction_event BIGINT NOT NULL, key TEXT NOT "
			 "NULL, erp TEXT,"
			 " amount TEXT, currency TEXT, cause TEXT NOT NULL, detail TEXT NOT NULL,"
			 " opened_ms BIGINT NOT NULL, PRIMARY KEY (event, line)) WITHOUT ROWID;"
			 "CREATE INDEX exception_transaction ON exception (transaction_event);"
			 "CREATE TABLE exception_store (store TEXT NOT NULL, state TEXT NOT NULL,"
			 " exceptions BIGINT NOT NULL, PRIMARY KEY (store, state)) WITHOUT ROWID" },
};

static const struct tally_table store_table = { .name = "exception_store",
	.keys = { "store", "state" },
	.values = { { "exceptions", TALLY_COUNT } } };

struct exceptions {
	struct statement *insert, *find_document, *find_passed;
	struct tally *stores;
};

/* One row to be. */
struct raised {
	int64_t line;
	const char *kind, *severity;
	struct slice store, key, erp, amount, currency, cause, detail;
	uint64_t transaction_event;
};

static void exceptions_close(void *state)
{
	struct exceptions *x = state;
	statement_close(x->insert);
	statement_close(x->find_document);
	statement_close(x->find_passed);
	tally_close(x->stores);
	free(x);
}

static enum status exceptions_open(struct store *store, void **ret_state, struct error *err)
{
	struct exceptions *x = calloc(1, sizeof(*x));
	if (x == NULL)
		return error_set(err, E_FULL, "out of memory");
	enum status s = store_prepare(store,
		"INSERT INTO exception (event, line, kind, state, severity, store, "
		"transaction_event,"
		" key, erp, amount, currency, cause, detail, opened_ms)"
		" VALUES ($1, $2, $3, 'open', $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
		&x->insert, err);
	if (s == OK)
		s = store_prepare(store,
			"SELECT store, register, business_date, sequence, currency, gross FROM "
			"document"
			" WHERE event = $1",
			&x->find_document, err);
	if (s == OK)
		s = store_prepare(store,
			"SELECT name, part, currency, amount, limit_amount FROM total_passed"
			" WHERE event = $1 ORDER BY line",
			&x->find_passed, err);
	if (s == OK)
		s = tally_open(store, &store_table, &x->stores, err);
	if (s != OK) {
		exceptions_close(x);
		return s;
	}
	*ret_state = x;
	return OK;
}

static enum status open_exception(struct exceptions *x, const struct applied_event *e,
	const struct raised *r, struct error *err)
{
	statement_bind_int(x->insert, 1, (int64_t)e->event.number);
	statement_bind_int(x->insert, 2, r->line);
	statement_bind_text(x->insert, 3, slice_of(r->kind));
	statement_bind_text(x->insert, 4, slice_of(r->severity));
	statement_bind_text(x->insert, 5, r->store);
	statement_bind_int(x->insert, 6, (int64_t)r->transaction_event);
	statement_bind_text(x->insert, 7, r->key);
	statement_bind_text(x->insert, 8, r->erp);
	statement_bind_text(x->insert, 9, r->amount);
	statement_bind_text(x->insert, 10, r->currency);
	statement_bind_text(x->insert, 11, r->cause);
	statement_bind_text(x->insert, 12, r->detail);
	statement_bind_int(x->insert, 13, e->event.recorded_ms);
	enum status s = statement_run(x->insert, err);
	struct tally_key keys[] = { { .text = r->store }, { .text = slice_of("open") } };
	struct tally_value one = { .number = 1 };
	return s == OK ? tally_add(x->stores, keys, &one, err) : s;
}

static struct raised about(const struct applied_event *e)
{
	const struct transaction *t = e->transaction;
	char key[KEY_TEXT_MAX], amount[DECIMAL_TEXT_MAX];
	size_t key_len = key_print(&t->key, key);
	struct raised r = {
		.store = t->key.store,
		.key = arena_copy(e->arena, slice_make(key, key_len)),
		.currency = t->currency,
		.transaction_event = e->event.number,
	};
	if (t->totals.set)
		r.amount = arena_copy(
			e->arena, slice_make(amount, decimal_print(t->totals.gross, amount)));
	return r;
}

static enum status raise_conflict(
	struct exceptions *x, const struct applied_event *e, struct error *err)
{
	struct raised r = about(e);
	r.kind = "conflict";
	r.severity = "high";
	r.cause = slice_of("same_key_other_content");
	r.detail =
		slice_of("The register sent this key again with other content. The first one is in "
			 "the books; this one is kept and waits for a decision.");
	return open_exception(x, e, &r, err);
}

static bool read_finding(struct json *json, struct slice *ret_rule, struct slice *ret_pointer,
	struct slice *ret_detail)
{
	struct slice name, value;
	if (!json_object(json))
		return false;
	while (json_member(json, &name)) {
		if (!json_string(json, &value))
			return false;
		if (slice_is(name, "rule"))
			*ret_rule = value;
		else if (slice_is(name, "pointer"))
			*ret_pointer = value;
		else if (slice_is(name, "detail"))
			*ret_detail = value;
	}
	return json->problem == NULL;
}

static enum status raise_findings(
	struct exceptions *x, const struct applied_event *e, struct error *err)
{
	struct json json;
	if (e->record.findings.len == 0)
		return OK;
	struct raised r = about(e);
	r.kind = "rule";
	r.severity = "low";
	json_init(&json, e->record.findings, e->arena);
	enum status s = json_array(&json) ? OK : E_CORRUPT;
	while (s == OK && json_element(&json)) {
		struct slice pointer = { NULL, 0 }, detail = { NULL, 0 };
		if (!read_finding(&json, &r.cause, &pointer, &detail))
			break;
		r.detail =
			arena_format(e->arena, "%.*s %.*s", SLICE_ARG(pointer), SLICE_ARG(detail));
		s = open_exception(x, e, &r, err);
		r.line++;
	}
	if (json.problem != NULL)
		return error_set(err, E_CORRUPT, "findings cannot be decoded: %s", json.problem);
	return s;
}

/* The transaction that a posting is about. *ret_found is false when it is not known. */
static enum status about_posting(struct exceptions *x, const struct applied_event *e,
	uint64_t posting, struct raised *r, bool *ret_found, struct error *err)
{
	statement_bind_int(x->find_document, 1, (int64_t)posting);
	enum status s = statement_step(x->find_document, ret_found, err);
	if (s != OK || !*ret_found)
		return s;
	struct key key = {
		.store = arena_copy(e->arena, statement_text(x->find_document, 0)),
		.reg = statement_text(x->find_document, 1),
		.business_date = (date_t)statement_int(x->find_document, 2),
		.sequence = (uint64_t)statement_int(x->find_document, 3),
	};
	char text[KEY_TEXT_MAX];
	size_t len = key_print(&key, text);
	r->store = key.store;
	r->key = arena_copy(e->arena, slice_make(text, len));
	r->currency = arena_copy(e->arena, statement_text(x->find_document, 4));
	r->amount = arena_copy(e->arena, statement_text(x->find_document, 5));
	r->transaction_event = posting;
	statement_reset(x->find_document);
	return OK;
}

/* The first cause of a list of differences stands for the exception; the posting has them all. */
static struct slice first_cause(struct slice differences, struct arena *arena)
{
	struct json json;
	struct slice name, cause = { NULL, 0 };
	json_init(&json, differences, arena);
	if (!json_array(&json) || !json_element(&json) || !json_object(&json))
		return slice_of("difference");
	while (json_member(&json, &name)) {
		if (slice_is(name, "cause"))
			return json_string(&json, &cause) ? cause : slice_of("difference");
		if (!json_skip(&json, NULL))
			break;
	}
	return slice_of("difference");
}

static enum status raise_delivery(
	struct exceptions *x, const struct applied_event *e, struct error *err)
{
	struct delivery_event event;
	int64_t line = 0;
	enum status s = delivery_decode(e->event.payload, e->arena, &event, err);
	for (uint32_t i = 0; s == OK && i < event.count; i++) {
		const struct delivery_item *item = &event.items[i];
		bool answer = e->event.kind == EVENT_ANSWER, found;
		if (answer ? item->outcome != OUTCOME_REFUSED : item->agreed)
			continue;
		struct raised r = { .line = line++, .erp = event.erp, .severity = "high" };
		s = about_posting(x, e, item->posting, &r, &found, err);
		if (s != OK || !found)
			continue;
		r.kind = answer ? "refused" : "difference";
		r.cause =
			answer ? slice_of("erp_refused") : first_cause(item->differences, e->arena);
		r.detail = answer ? item->detail : item->differences;
		if (r.detail.ptr == NULL)
			r.detail = slice_of("the ERP gave no reason");
		if (slice_is(r.cause, "double"))
			r.kind = "double";
		s = open_exception(x, e, &r, err);
	}
	return s;
}

/* Sums of the user's that this transaction has taken beyond their limit (deliver/totals.h). Their
 * lines stand behind those of the findings. */
static enum status raise_totals(
	struct exceptions *x, const struct applied_event *e, struct error *err)
{
	struct raised r = about(e);
	char day[DATE_TEXT_LEN + 1];
	bool row = true;
	r.kind = "total";
	r.severity = "low";
	r.line = FINDINGS_MAX;
	date_print(e->transaction->key.business_date, day);
	statement_bind_int(x->find_passed, 1, (int64_t)e->event.number);
	enum status s = OK;
	while (s == OK && (s = statement_step(x->find_passed, &row, err)) == OK && row) {
		struct slice part = statement_text(x->find_passed, 1),
			     amount = statement_text(x->find_passed, 3);
		r.cause = arena_copy(e->arena, statement_text(x->find_passed, 0));
		r.amount = arena_copy(e->arena, amount);
		r.detail = arena_format(e->arena, "%.*s%s%.*s of %s is %.*s, beyond %.*s",
			SLICE_ARG(r.cause), part.len > 0 ? " " : "", SLICE_ARG(part), day,
			SLICE_ARG(amount), SLICE_ARG(statement_text(x->find_passed, 4)));
		s = open_exception(x, e, &r, err);
		r.line++;
	}
	return s;
}

static enum status exceptions_apply(void *state, const struct applied_event *e, struct error *err)
{
	struct exceptions *x = state;
	enum status s;
	switch (e->event.kind) {
	case EVENT_CONFLICT:
		return raise_conflict(x, e, err);
	case EVENT_TRANSACTION:
		s = raise_findings(x, e, err);
		return s == OK ? raise_totals(x, e, err) : s;
	case EVENT_ANSWER:
	case EVENT_READ_BACK:
		return raise_delivery(x, e, err);
	default:
		return OK;
	}
}

static enum status exceptions_flush(void *state, struct error *err)
{
	return tally_flush(((struct exceptions *)state)->stores, err);
}

static void exceptions_forget(void *state)
{
	tally_forget(((struct exceptions *)state)->stores);
}

const struct consumer exceptions_consumer = {
	.name = "exceptions",
	.migrations = migrations,
	.migration_count = sizeof(migrations) / sizeof(migrations[0]),
	.open = exceptions_open,
	.apply = exceptions_apply,
	.flush = exceptions_flush,
	.forget = exceptions_forget,
	.close = exceptions_close,
};
