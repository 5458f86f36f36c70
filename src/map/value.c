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
