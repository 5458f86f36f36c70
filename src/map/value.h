/* A document of any format as a tree: what JSON, XML and CSV look like to a mapping. Numbers stay
 * the text they were written as, so that amounts stay exact. Everything lives in an arena. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"

enum { VALUE_DEPTH_MAX = 64, VALUE_NODES_MAX = 200000 };

enum value_kind { VALUE_NULL, VALUE_BOOL, VALUE_NUMBER, VALUE_TEXT, VALUE_LIST, VALUE_OBJECT };

struct value {
	enum value_kind kind;
	bool boolean;
	bool used;                         /* a mapping has read it (or something in it) */
	struct slice name;                 /* of a member of an object; NULL ptr otherwise */
	struct slice text;                 /* of a number (as written) or text (decoded, UTF-8) */
	struct value *first, *last, *next; /* members or elements, and the next one beside this */
	struct value *parent;
	uint32_t count;
	struct slice source; /* JSON: its bytes in the document that was read; NULL ptr elsewhere */
};

/* NULL without memory. */
struct value *value_new(struct arena *arena, enum value_kind kind);
/* Appends to a list, or to an object when `name` has a ptr. */
void value_append(struct value *parent, struct slice name, struct value *child);
/* The member with this name, NULL when there is none or `object` is no object. */
struct value *value_member(const struct value *object, struct slice name);
/* Reads one JSON text (base/json.h says how strictly). E_INPUT: `err` says what is wrong and at
 * which byte; E_FULL: the arena's limit, or more than VALUE_NODES_MAX values. */
enum status value_read_json(
	struct slice text, struct arena *arena, struct value **ret_value, struct error *err);
/* Writes the value as JSON, numbers as they were written. */
void value_write_json(const struct value *value, struct buf *buf);
/* The JSON Pointer of a value within its document, for reports. */
void value_pointer(const struct value *value, struct buf *buf);
