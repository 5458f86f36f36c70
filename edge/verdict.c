#include "edge/verdict.h"

#include "base/json.h"

static bool read_member(struct json *json, struct slice name, struct verdict *v)
{
	struct slice text;
	uint64_t number;
	enum json_type type = json_peek(json);
	if (type == JSON_NUMBER && (slice_is(name, "status_code") || slice_is(name, "status"))) {
		if (!json_number(json, &text))
			return false;
		if (slice_is(name, "status_code")) {
			if (!slice_to_u64(text, &number) || number > 999)
				return false;
			v->status = (unsigned)number;
		}
		return true;
	}
	if (type == JSON_STRING) {
		if (!json_string(json, &text))
			return false;
		if (slice_is(name, "key"))
			v->key = text;
		else if (slice_is(name, "receipt"))
			v->receipt = text;
		else if (slice_is(name, "detail"))
			v->detail = text;
		else if (slice_is(name, "type"))
			v->problem = slice_starts(text, "https://tillbridge.dev/problems/");
		return true;
	}
	if (slice_is(name, "duplicate"))
		return json_bool(json, &v->duplicate);
	return json_skip(json, NULL);
}

bool verdict_read(
	struct slice text, unsigned status, struct arena *arena, struct verdict *ret_verdict)
{
	struct json json;
	struct slice name;
	struct verdict v = { .status = status };
	json_init(&json, text, arena);
	if (json_peek(&json) != JSON_OBJECT || !json_object(&json))
		return false;
	while (json_member(&json, &name))
		if (!read_member(&json, name, &v))
			return false;
	if (json.problem != NULL || !json_end(&json))
		return false;
	v.accepted = v.receipt.len > 0 && v.key.len > 0 && (v.status == 200 || v.status == 201);
	*ret_verdict = v;
	return true;
}
