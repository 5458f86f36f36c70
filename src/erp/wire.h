/* JSON of ERPs: written by a format on the way out, and a view of answers on the way in. Tryton has
 * types of its own:
 *
 *     {"__class__": "Decimal", "decimal": "2.55"}
 *     {"__class__": "date", "year": 2026, "month": 11, "day": 23}
 *
 * Answers are jansson's; only wire.c sees its header, because base/json.h uses some of the
 * same names. A value that is missing reads as nothing: 0, no date, an empty text, no elements. */
#pragma once

#include "base/buf.h"
#include "base/decimal.h"
#include "base/time.h"

struct json_t;

/* Appends the format with every apostrophe as a double quote, and for
 *     %i an int64_t           %s a const char *, %t a const struct slice * as a JSON string
 *     %d a date_t and %m a const struct total * as Tryton's types
 *     %q a const struct total * as a JSON number */
void wire_write(struct buf *buf, const char *format, ...);

/* NULL when the text is no JSON. */
struct json_t *wire_parse(struct slice text);
void wire_release(struct json_t *value);
static inline void wire_cleanup(struct json_t **value)
{
	wire_release(*value);
}
/* The member, which outlives its object; NULL when there is none. The caller releases it. */
struct json_t *wire_take(const struct json_t *object, const char *name);
/* One more reference to a value, or NULL; the caller releases it. */
struct json_t *wire_keep(struct json_t *value);
/* struct json_t *rows WIRE_OWNED = NULL; it is released at the end of its block. */
#define WIRE_OWNED __attribute__((cleanup(wire_cleanup)))

/* What follows points into the value it is taken from. */
size_t wire_count(const struct json_t *list);
const struct json_t *wire_at(const struct json_t *list, size_t index);
const struct json_t *wire_get(const struct json_t *object, const char *name);
/* The member of a member: wire_path(line, "product.", "code"). */
const struct json_t *wire_path(
	const struct json_t *object, const char *name, const char *name_inside);
bool wire_is_text(const struct json_t *value);
bool wire_is_null(const struct json_t *value);
bool wire_is_list(const struct json_t *value);
bool wire_is_true(const struct json_t *value);
bool wire_is_false(const struct json_t *value);
struct slice wire_text(const struct json_t *value);
int64_t wire_id(const struct json_t *value);
/* A Decimal or a number. */
struct total wire_total(const struct json_t *value);
date_t wire_date(const struct json_t *value);
