#include "subjects/consumer.h"

#include "base/json.h"
#include "subjects/seal.h"

#include <stdlib.h>

static const struct migration migrations[] = {
	{ "subject.1",
		"CREATE TABLE subject_document (subject TEXT NOT NULL, event BIGINT NOT NULL,"
		" PRIMARY KEY (subject, event));"
		"CREATE TABLE subject_forgotten (subject TEXT PRIMARY KEY, event BIGINT NOT NULL,"
		" recorded_ms BIGINT NOT NULL, by_whom TEXT NOT NULL)" },
};

struct rows {
	struct statement *document, *forgotten;
};

void forgotten_encode(const struct subject_id *subject, struct slice by, struct buf *buf)
{
	char text[SUBJECT_TEXT_MAX];
	subject_print(subject, text);
	buf_char(buf, '{');
	json_write_member_text(buf, "subject", text);
	json_write_member(buf, "by", by);
	buf_char(buf, '}');
}

enum status forgotten_decode(struct slice payload, struct arena *arena,
	struct subject_id *ret_subject, struct slice *ret_by, struct error *err)
{
	struct json json;
	struct slice name, value;
	bool found = false;
	*ret_by = slice_of("");
	json_init(&json, payload, arena);
	json_object(&json);
	while (json_member(&json, &name)) {
		if (slice_is(name, "subject") && json_string(&json, &value))
			found = subject_parse(value, ret_subject);
		else if (slice_is(name, "by") && json_string(&json, &value))
			*ret_by = value;
		else
			json_skip(&json, NULL);
	}
	if (json.full)
		return error_set(err, E_FULL, "out of memory");
	if (json.problem != NULL || !found)
		return error_set(err, E_CORRUPT, "a forgotten event names no subject");
	return OK;
}

static void rows_close(void *state)
{
	struct rows *r = state;
	statement_close(r->document);
	statement_close(r->forgotten);
	free(r);
}

static enum status rows_open(struct store *store, void **ret_state, struct error *err)
{
	struct rows *r = calloc(1, sizeof(*r));
	if (r == NULL)
		return error_set(err, E_FULL, "out of memory");
	enum status s = store_prepare(store,
		"INSERT INTO subject_document (subject, event) VALUES ($1, $2)", &r->document, err);
	if (s == OK)
		s = store_prepare(store,
			"INSERT INTO subject_forgotten (subject, event, recorded_ms, by_whom)"
			" VALUES ($1, $2, $3, $4) ON CONFLICT (subject) DO NOTHING",
			&r->forgotten, err);
	if (s != OK) {
		rows_close(r);
		return s;
	}
	*ret_state = r;
	return OK;
}

static enum status apply_forgotten(struct rows *r, const struct applied_event *e, struct error *err)
{
	char text[SUBJECT_TEXT_MAX];
	struct subject_id subject;
	struct slice by;
	enum status s = forgotten_decode(e->event.payload, e->arena, &subject, &by, err);
	if (s != OK)
		return s;
	subject_print(&subject, text);
	statement_bind_text(r->forgotten, 1, slice_of(text));
	statement_bind_int(r->forgotten, 2, (int64_t)e->event.number);
	statement_bind_int(r->forgotten, 3, e->event.recorded_ms);
	statement_bind_text(r->forgotten, 4, by);
	return statement_run(r->forgotten, err);
}

static enum status rows_apply(void *state, const struct applied_event *e, struct error *err)
{
	struct rows *r = state;
	char text[SUBJECT_TEXT_MAX];
	struct subject_id subject;
	if (e->event.kind == EVENT_FORGOTTEN)
		return apply_forgotten(r, e, err);
	if (e->transaction == NULL || !record_subject(&e->record, &subject))
		return OK;
	subject_print(&subject, text);
	statement_bind_text(r->document, 1, slice_of(text));
	statement_bind_int(r->document, 2, (int64_t)e->event.number);
	return statement_run(r->document, err);
}

const struct consumer subjects_consumer = {
	.name = "subjects",
	.migrations = migrations,
	.migration_count = sizeof(migrations) / sizeof(migrations[0]),
	.open = rows_open,
	.apply = rows_apply,
	.close = rows_close,
};
