#include "base/json.h"
#include "map/value.h"

struct tree_reader {
	struct json json;
	struct arena *arena;
	uint32_t nodes;
	bool full;
	bool repeated; /* a name stands twice in its object */
};

static bool read_value(struct tree_reader *r, struct value **ret_value);

static bool read_members(struct tree_reader *r, struct value *object)
{
	struct slice name;
	if (!json_object(&r->json))
		return false;
	while (json_member(&r->json, &name)) {
		struct value *member;
		if (name.ptr == NULL)
			name = slice_of("");
		/* Two readers could pick different ones. */
		if (object->count == JSON_MEMBERS_MAX || value_member(object, name) != NULL) {
			r->repeated = object->count < JSON_MEMBERS_MAX;
			r->full = !r->repeated;
			return false;
		}
		if (!read_value(r, &member))
			return false;
		value_append(object, name, member);
	}
	return r->json.problem == NULL;
}

static bool read_elements(struct tree_reader *r, struct value *list)
{
	struct slice none = { 0 };
	if (!json_array(&r->json))
		return false;
	while (json_element(&r->json)) {
		struct value *element;
		if (!read_value(r, &element))
			return false;
		value_append(list, none, element);
	}
	return r->json.problem == NULL;
}

/* Recursion is bounded by JSON_DEPTH_MAX. */
static bool read_value(struct tree_reader *r, struct value **ret_value)
{
	static const enum value_kind kinds[] = { [JSON_STRING] = VALUE_TEXT,
		[JSON_NUMBER] = VALUE_NUMBER,
		[JSON_TRUE] = VALUE_BOOL,
		[JSON_FALSE] = VALUE_BOOL,
		[JSON_NULL] = VALUE_NULL,
		[JSON_OBJECT] = VALUE_OBJECT,
		[JSON_ARRAY] = VALUE_LIST };
	enum json_type type = json_peek(&r->json);
	const char *start = r->json.at;
	bool good = false;
	struct value *v = r->nodes < VALUE_NODES_MAX ? value_new(r->arena, kinds[type]) : NULL;
	r->nodes++;
	r->full = v == NULL;
	if (v == NULL)
		return false;
	switch (type) {
	case JSON_OBJECT:
		good = read_members(r, v);
		break;
	case JSON_ARRAY:
		good = read_elements(r, v);
		break;
	case JSON_STRING:
		good = json_string(&r->json, &v->text);
		break;
	case JSON_NUMBER:
		good = json_number(&r->json, &v->text);
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		good = json_bool(&r->json, &v->boolean);
		v->text = slice_of(v->boolean ? "true" : "false");
		break;
	default:
		good = json_null(&r->json); /* or says what is missing */
	}
	v->source = slice_make(start, (size_t)(r->json.at - start));
	*ret_value = v;
	return good;
}

enum status value_read_json(
	struct slice text, struct arena *arena, struct value **ret_value, struct error *err)
{
	struct tree_reader r = { .arena = arena };
	struct value *value;
	json_init(&r.json, text, arena);
	if (read_value(&r, &value) && json_end(&r.json)) {
		*ret_value = value;
		return OK;
	}
	if (r.full || r.json.full)
		return error_set(err, E_FULL,
			"the JSON document has more values, or an object more members, than fit");
	return error_set(err, E_INPUT, "no JSON at byte %zu: %s", json_offset(&r.json),
		r.repeated               ? "a name stands twice in its object"
		: r.json.problem != NULL ? r.json.problem
					 : "something stands behind the document");
}

static void write_children(const struct value *value, struct buf *buf)
{
	for (const struct value *v = value->first; v != NULL; v = v->next) {
		if (v != value->first)
			buf_char(buf, ',');
		if (value->kind == VALUE_OBJECT) {
			json_write_string(buf, v->name);
			buf_char(buf, ':');
		}
		value_write_json(v, buf);
	}
}

void value_write_json(const struct value *value, struct buf *buf)
{
	switch (value->kind) {
	case VALUE_NULL:
		buf_text(buf, "null");
		return;
	case VALUE_BOOL:
		buf_text(buf, value->boolean ? "true" : "false");
		return;
	case VALUE_NUMBER:
		buf_slice(buf, value->text);
		return;
	case VALUE_TEXT:
		json_write_string(buf, value->text);
		return;
	case VALUE_LIST:
		buf_char(buf, '[');
		write_children(value, buf);
		buf_char(buf, ']');
		return;
	case VALUE_OBJECT:
		buf_char(buf, '{');
		write_children(value, buf);
		buf_char(buf, '}');
		return;
	}
}
