#include "map/path.h"

static bool is_star(struct slice step)
{
	return step.len == 1 && step.ptr[0] == '*';
}

/* "~1" and "~0"; false for any other tilde. */
static bool decode_step(struct slice text, struct arena *arena, struct slice *ret_step)
{
	char *out = arena_alloc(arena, text.len + 1);
	size_t len = 0;
	if (out == NULL)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		if (c == '~') {
			if (++i == text.len || (text.ptr[i] != '0' && text.ptr[i] != '1'))
				return false;
			c = text.ptr[i] == '0' ? '~' : '/';
		}
		out[len++] = c;
	}
	*ret_step = slice_make(out, len);
	return true;
}

static struct slice behind(struct slice text, size_t bytes)
{
	return slice_make(text.ptr + bytes, text.len - bytes);
}

enum status path_parse(
	struct slice text, struct arena *arena, struct path *ret_path, struct error *err)
{
	struct path path = { .text = arena_copy(arena, text) };
	if (path.text.ptr == NULL)
		return error_set(err, E_FULL, "out of memory");
	if (text.len == 0)
		return error_set(err, E_INPUT, "the path is empty; \".\" is where we are");
	struct slice rest = path.text;
	if (slice_starts(rest, "//")) {
		path.start = PATH_RECORD;
		rest = behind(rest, 2);
	} else if (rest.ptr[0] == '/') {
		path.start = PATH_ROOT;
		rest = behind(rest, 1);
	} else {
		if (slice_is(rest, "."))
			rest.len = 0;
		while (slice_starts(rest, "../") || slice_is(rest, "..")) {
			path.up++;
			rest = behind(rest, rest.len == 2 ? 2 : 3);
		}
	}
	if (rest.len == 0)
		rest.ptr = NULL;
	while (rest.ptr != NULL) {
		struct slice step = slice_cut(rest, '/', &rest);
		if (path.count == PATH_STEPS_MAX)
			return error_set(err, E_INPUT, "the path \"%.*s\" has more than %d steps",
				SLICE_ARG(text), PATH_STEPS_MAX);
		if (step.len == 0 || slice_is(step, "..") ||
			!decode_step(step, arena, &path.steps[path.count++]))
			return error_set(err, E_INPUT,
				"the path \"%.*s\" has a step that is empty, \"..\" behind a name, "
				"or a \"~\" that is not \"~0\" or \"~1\"",
				SLICE_ARG(text));
	}
	*ret_path = path;
	return OK;
}

struct walk {
	const struct path *path;
	uint64_t *budget;
	bool (*found)(void *context, struct value *value);
	void *context;
};

static struct value *element_at(const struct value *list, struct slice step)
{
	uint64_t at;
	if (!slice_to_u64(step, &at))
		return NULL;
	for (struct value *v = list->first; v != NULL; v = v->next)
		if (at-- == 0)
			return v;
	return NULL;
}

/* Recursion is bounded by PATH_STEPS_MAX. */
static bool walk(const struct walk *w, struct value *value, unsigned step)
{
	if (*w->budget == 0)
		return false;
	--*w->budget;
	if (step == w->path->count)
		return w->found(w->context, value);
	struct slice name = w->path->steps[step];
	if (is_star(name)) {
		if (value->kind != VALUE_LIST)
			return walk(w, value, step + 1);
		for (struct value *v = value->first; v != NULL; v = v->next)
			if (!walk(w, v, step + 1))
				return false;
		return true;
	}
	/* Looking for a name costs as much as there is to look through. */
	uint64_t cost = value->count / 8;
	*w->budget -= cost < *w->budget ? cost : *w->budget;
	struct value *next =
		value->kind == VALUE_LIST ? element_at(value, name) : value_member(value, name);
	return next == NULL || walk(w, next, step + 1);
}

bool path_walk(const struct path *path, struct value *start, uint64_t *budget,
	bool (*found)(void *context, struct value *value), void *context)
{
	struct walk w = { path, budget, found, context };
	for (unsigned i = 0; i < path->up && start != NULL; i++)
		start = start->parent;
	return start == NULL || walk(&w, start, 0);
}
