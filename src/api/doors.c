#include "api/resource.h"
#include "intake/webhooks.h"

static void write_counts(struct query *q, const struct door_view *view)
{
	const struct door_report *report = &view->report;
	if (view->config->type->authenticate != NULL) {
		json_write_member_u64(q->buf, "messages", view->messages);
		json_write_member_u64(q->buf, "unauthenticated", view->unauthenticated);
	} else {
		json_write_member_u64(q->buf, "lag", report->lag);
	}
	json_write_member_u64(q->buf, "records", report->records);
	json_write_member_u64(q->buf, "accepted", report->accepted);
	json_write_member_u64(q->buf, "duplicates", report->duplicates);
	json_write_member_u64(q->buf, "refused", report->refused);
	json_write_member_u64(q->buf, "skipped", report->skipped);
	json_write_member_u64(q->buf, "errors", report->errors);
}

/* Nothing of a door's own options: some of them are about secrets. */
static void write_door(struct query *q, const struct door_view *view)
{
	const struct door_config *config = view->config;
	const struct door_report *report = &view->report;
	json_write_comma(q->buf);
	buf_char(q->buf, '{');
	json_write_member_text(q->buf, "name", config->name);
	json_write_member_text(q->buf, "door", config->type->name);
	json_write_member_text(q->buf, "state", door_state_name(view->state));
	if (config->type->authenticate != NULL) {
		json_write_name(q->buf, "path");
		buf_format(q->buf, "\"" WEBHOOKS_PATH "%s\"", config->name);
	}
	json_write_member_text(q->buf, "mapping",
		config->mapping != NULL ? mapping_name(config->mapping)
		: config->lines         ? "transactions"
					: "transaction");
	if (config->store != NULL)
		json_write_member_text(q->buf, "store", config->store);
	if (config->reg != NULL)
		json_write_member_text(q->buf, "register", config->reg);
	write_counts(q, view);
	json_write_member_text(q->buf, "last_error", report->last_error);
	write_time(q->buf, "last_error_at", report->last_error_ms);
	buf_char(q->buf, '}');
}

enum status doors_list(struct query *q)
{
	const struct door_set *set = api_sources(q->api)->doors;
	buf_text(q->buf, "{\"doors\":[");
	for (size_t i = 0; i < door_set_count(set); i++) {
		struct door_view view;
		door_set_view(set, i, &view);
		write_door(q, &view);
	}
	buf_text(q->buf, "]}");
	return OK;
}
