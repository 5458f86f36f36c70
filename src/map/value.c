#include "map/value.h"

struct value *value_new(struct arena *arena, enum value_kind kind)
{
	struct value *value = arena_new(arena, struct value);
	if (value != NULL)
		value->kind = kind;
	return value;
}

void value_append(struct value *parent, struct slice name, struct value *child)
{
	child->name = name;
	child->parent = parent;
	child->next = NULL;
	if (parent->last == NULL)
		parent->first = child;
	else
		parent->last->next = child;
	parent->last = child;
	parent->count++;
}

struct value *value_member(const struct value *object, struct slice name)
{
	if (object == NULL || object->kind != VALUE_OBJECT)
		return NULL;
	for (struct value *v = object->first; v != NULL; v = v->next)
		if (slice_equal(v->name, name))
			return v;
	return NULL;
}

/* The place of an element in its list. */
static uint32_t place(const struct value *element)
{
	uint32_t at = 0;
	for (const struct value *v = element->parent->first; v != element; v = v->next)
		at++;
	return at;
}

static void write_token(struct slice name, struct buf *buf)
{
	for (size_t i = 0; i < name.len; i++) {
		if (name.ptr[i] == '~')
			buf_text(buf, "~0");
		else if (name.ptr[i] == '/')
			buf_text(buf, "~1");
		else
			buf_char(buf, name.ptr[i]);
	}
}

void value_pointer(const struct value *value, struct buf *buf)
{
	const struct value *way[VALUE_DEPTH_MAX + 1];
	unsigned depth = 0;
	for (; value->parent != NULL && depth <= VALUE_DEPTH_MAX; value = value->parent)
		way[depth++] = value;
	while (depth > 0) {
		const struct value *v = way[--depth];
		buf_char(buf, '/');
		if (v->parent->kind == VALUE_LIST)
			buf_u64(buf, place(v));
		else
			write_token(v->name, buf);
	}
}
