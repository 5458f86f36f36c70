/* Paths: where something stands in a document.
 *
 *     total_money/amount    from where we are: the record, or the item of a list
 *     ../currency           one up: the object or list that holds us
 *     /order/id             from the root of the transaction's part of the record
 *     //type                from the root of the whole record
 *     lines/0/price         a number picks an element of a list, from 0
 *     taxes/STAR            with a "*": each element; what is no list counts as its only element
 *     .                     where we are
 *
 * The steps are those of JSON Pointer: "~1" is a slash in a name, "~0" a tilde. */
#pragma once

#include "map/value.h"

enum { PATH_STEPS_MAX = 24 };

enum path_start { PATH_HERE, PATH_ROOT, PATH_RECORD };

struct path {
	enum path_start start;
	unsigned up; /* how many "../" stand in front */
	unsigned count;
	struct slice steps[PATH_STEPS_MAX]; /* decoded */
	struct slice text;                  /* as it was written */
};

/* The steps live in the arena. E_INPUT: `err` says what is wrong. */
enum status path_parse(
	struct slice text, struct arena *arena, struct path *ret_path, struct error *err);

/* Calls found() for each value that the path leads to, until it returns false. Every value that
 * is looked at costs one of *budget; at 0 the walk ends and false is returned. */
bool path_walk(const struct path *path, struct value *start, uint64_t *budget,
	bool (*found)(void *context, struct value *value), void *context);
