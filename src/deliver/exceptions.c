#include "deliver/exceptions.h"

#include "base/json.h"
#include "books/exception_book.h"
#include "deliver/events.h"
#include "retail/codec.h"

#include <stdio.h>
#include <stdlib.h>

struct exceptions {
	struct exception_book *book;
	struct statement *find_document, *find_passed;
};

static void exceptions_close(void *state)
{
	struct exceptions *x = state;
	exception_book_close(x->book);
	statement_close(x->find_document);
	statement_close(x->find_passed);
	free(x);
}

static enum status exceptions_open(struct store *store, void **ret_state, struct error *err)
{
	struct exceptions *x = calloc(1, sizeof(*x));
	if (x == NULL)
		return error_set(err, E_FULL, "out of memory");
	enum status s = exception_book_open(store, &x->book, err);
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
	if (s != OK) {
		exceptions_close(x);
		return s;
	}
	*ret_state = x;
	return OK;
}

static struct raised about(const struct applied_event *e)
{
	const struct transaction *t = e->transaction;
	char key[KEY_TEXT_MAX], amount[DECIMAL_TEXT_MAX];
	size_t key_len = key_print(&t->key, key);
	struct raised r = {
		.event = e->event.number,
		.at_ms = e->event.recorded_ms,
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
	return exception_open(x->book, &r, err);
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
		s = exception_open(x->book, &r, err);
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

static struct slice posting_subject(struct arena *arena, uint64_t posting, bool reversal)
{
	return arena_format(
		arena, "%llu%s", (unsigned long long)posting, reversal ? " reversal" : "");
}

/* What the ERP refused does not matter any more once another revision has taken its place. */
static enum status settle_superseded(
	struct exceptions *x, const struct applied_event *e, struct error *err)
{
	if (e->superseded == NULL)
		return OK;
	return exception_settle(x->book, "refused",
		posting_subject(e->arena, e->standing_event, false), "superseded", e->event.number,
		e->event.recorded_ms, err);
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
		struct raised r = { .event = e->event.number,
			.at_ms = e->event.recorded_ms,
			.line = line++,
			.erp = event.erp,
			.severity = "high" };
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
		if (answer)
			r.subject = posting_subject(e->arena, item->posting, item->reversal);
		s = exception_open(x->book, &r, err);
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
	r.line = LINE_TOTALS;
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
		s = exception_open(x->book, &r, err);
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
		if (s == OK)
			s = raise_totals(x, e, err);
		return s == OK ? settle_superseded(x, e, err) : s;
	case EVENT_ANSWER:
	case EVENT_READ_BACK:
		return raise_delivery(x, e, err);
	default:
		return OK;
	}
}

const struct consumer exceptions_consumer = {
	.name = "exceptions",
	.migrations = exception_migrations,
	.migration_count = EXCEPTION_MIGRATIONS,
	.open = exceptions_open,
	.apply = exceptions_apply,
	.close = exceptions_close,
};
