#include "base/check.h"
#include "base/json.h"
#include "retail/canonical.h"
#include "retail/codec.h"
#include "retail/fields.h"

#include <stdlib.h>

/* docs/CONTENT-HASH.md describes the form. It is written into every receipt and compared for
 * years, so nothing here may change what a document of today hashes to. */
static const struct slice preamble = SLICE("tillbridge transaction 1\n");

enum {
	CANONICAL_BYTES_MAX = 16 << 20,
	TAG_BYTES = 1 + 4,
	DECIMAL_BYTES = 1 + 8,
	TIME_BYTES = 8 + 2
};

struct writer {
	struct buf buf;
	struct arena *arena;
	enum status status;
};

/* A member that the model does not know, with its JSON Pointer. */
struct stranger {
	struct slice pointer;
	struct slice value;
};

struct strangers {
	struct stranger *items;
	uint32_t count, size;
};

static void put_bytes(struct writer *w, const void *bytes, size_t len)
{
	buf_append(&w->buf, bytes, len);
}

static inline char *big_endian(char *out, uint64_t value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		out[i] = (char)(value >> (8 * (bytes - 1 - i)));
	return out + bytes;
}

static inline char *tag_and_length(char *out, uint8_t tag, size_t len)
{
	return big_endian(big_endian(out, tag, 1), len, 4);
}

static void put_text(struct writer *w, uint8_t tag, struct slice text)
{
	char *out = buf_reserve(&w->buf, TAG_BYTES + text.len);
	if (out == NULL)
		return;
	memcpy(tag_and_length(out, tag, text.len), text.ptr, text.len);
	w->buf.len += TAG_BYTES + text.len;
}

/* A whole number of 1, 4 or 8 bytes. */
static void put_number(struct writer *w, uint8_t tag, uint64_t value, size_t bytes)
{
	char out[TAG_BYTES + 8];
	char *end = big_endian(tag_and_length(out, tag, bytes), value, bytes);
	put_bytes(w, out, (size_t)(end - out));
}

static char *decimal_value(char *out, struct decimal value)
{
	struct decimal d = decimal_normal(value);
	return big_endian(big_endian(out, d.scale, 1), (uint64_t)d.coefficient, 8);
}

static void put_decimal(struct writer *w, uint8_t tag, struct decimal value)
{
	char out[TAG_BYTES + DECIMAL_BYTES];
	char *end = decimal_value(tag_and_length(out, tag, DECIMAL_BYTES), value);
	put_bytes(w, out, (size_t)(end - out));
}

static void put_time(struct writer *w, uint8_t tag, struct timestamp time)
{
	char out[TAG_BYTES + TIME_BYTES];
	char *end = big_endian(tag_and_length(out, tag, TIME_BYTES), (uint64_t)time.ms, 8);
	big_endian(end, (uint16_t)time.offset_min, 2);
	put_bytes(w, out, sizeof(out));
}

/* Values whose length is only known behind them: the length is filled in afterwards. */
static size_t open_value(struct writer *w, uint8_t tag)
{
	put_text(w, tag, slice_make("", 0));
	return w->buf.len;
}

static void close_value(struct writer *w, size_t start)
{
	if (w->buf.failed)
		return;
	uint32_t big = __builtin_bswap32((uint32_t)(w->buf.len - start));
	memcpy(w->buf.ptr + start - sizeof(big), &big, sizeof(big));
}

static int by_name(const void *a, const void *b)
{
	return slice_compare(
		((const struct named_amount *)a)->name, ((const struct named_amount *)b)->name);
}

/* The order of members does not count, so they are put in the order of their names. */
static void put_amounts(struct writer *w, const struct field *field, const char *at)
{
	struct list list = list_load(at);
	struct named_amount *sorted = arena_array(w->arena, struct named_amount, list.count);
	if (sorted == NULL) {
		w->status = E_FULL;
		return;
	}
	memcpy(sorted, list.items, list.count * sizeof(*sorted));
	qsort(sorted, list.count, sizeof(*sorted), by_name);
	for (uint32_t i = 0; i < list.count; i++) {
		size_t start = open_value(w, field->tag);
		char value[DECIMAL_BYTES];
		decimal_value(value, sorted[i].amount);
		put_bytes(w, value, sizeof(value));
		put_bytes(w, sorted[i].name.ptr, sorted[i].name.len);
		close_value(w, start);
	}
}

static void put_object(struct writer *w, const struct schema *schema, const char *base);

static void put_list(struct writer *w, const struct field *field, const char *at)
{
	struct list list = list_load(at);
	for (uint32_t i = 0; i < list.count; i++) {
		size_t start = open_value(w, field->tag);
		put_object(w, field->schema, (const char *)list.items + i * field->schema->size);
		close_value(w, start);
	}
}

static void put_raw(struct writer *w, uint8_t tag, struct slice json)
{
	size_t start = open_value(w, tag);
	enum status s = canonical_write(json, w->arena, &w->buf);
	if (s != OK)
		w->status = s;
	close_value(w, start);
}

static void put_nested(struct writer *w, const struct field *field, const char *at)
{
	size_t start = open_value(w, field->tag);
	put_object(w, field->schema, at);
	close_value(w, start);
}

static void put_field(struct writer *w, const struct field *field, const char *at)
{
	switch (field->kind) {
	case FIELD_TEXT:
	case FIELD_CODE:
		put_text(w, field->tag, *(const struct slice *)at);
		return;
	case FIELD_NUMBER:
		put_number(w, field->tag, *(const uint64_t *)at, 8);
		return;
	case FIELD_DECIMAL:
		put_decimal(w, field->tag, *(const struct decimal *)at);
		return;
	case FIELD_DATE:
		put_number(w, field->tag, *(const date_t *)at, 4);
		return;
	case FIELD_TIME:
		put_time(w, field->tag, *(const struct timestamp *)at);
		return;
	case FIELD_BOOL:
		put_number(w, field->tag, *(const bool *)at, 1);
		return;
	case FIELD_CHOICE:
		/* By its name: the numbers of an enum may be sorted anew one day. */
		put_text(w, field->tag, slice_of(field->choices[*(const unsigned *)at]));
		return;
	case FIELD_OBJECT:
		put_nested(w, field, at);
		return;
	case FIELD_LIST:
		put_list(w, field, at);
		return;
	case FIELD_AMOUNTS:
		put_amounts(w, field, at);
		return;
	case FIELD_RAW:
		put_raw(w, field->tag, *(const struct slice *)at);
		return;
	}
}

/* Rows stand in the order of their tags (a test sees to it), so the order is the form's too. */
static void put_object(struct writer *w, const struct schema *schema, const char *base)
{
	for (unsigned i = 0; i < schema->field_count; i++) {
		const struct field *field = &schema->fields[i];
		const char *at = base + field->offset;
		if (field->kind == FIELD_CHOICE && field->fallback != 0 &&
			*(const unsigned *)at == field->fallback)
			continue;
		if (field->required || field_present(field, at))
			put_field(w, field, at);
	}
}

/* ---- what the model does not know ---- */

/* The pointer of a member or element inside `outer`. */
static struct slice pointer_to(struct arena *arena, struct slice outer, struct slice name)
{
	char *text = arena_alloc(arena, outer.len + 1 + 2 * name.len);
	if (text == NULL)
		return slice_make(NULL, 0);
	char *out = text;
	if (outer.len > 0)
		out = mempcpy(out, outer.ptr, outer.len);
	*out++ = '/';
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];
		if (c == '~' || c == '/') {
			*out++ = '~';
			c = c == '~' ? '0' : '1';
		}
		*out++ = c;
	}
	return slice_make(text, (size_t)(out - text));
}

static bool add_stranger(
	struct arena *arena, struct strangers *found, struct slice pointer, struct slice value)
{
	if (pointer.ptr == NULL)
		return false;
	if (found->count == found->size) {
		uint32_t size = found->size == 0 ? 4 : 2 * found->size;
		struct stranger *items = arena_array(arena, struct stranger, size);
		if (items == NULL)
			return false;
		if (found->count > 0)
			memcpy(items, found->items, found->count * sizeof(*items));
		found->items = items;
		found->size = size;
	}
	found->items[found->count++] = (struct stranger){ pointer, value };
	return true;
}

static bool collect(struct json *json, const struct schema *schema, struct slice outer,
	struct strangers *found);

static bool collect_list(
	struct json *json, const struct schema *schema, struct slice outer, struct strangers *found)
{
	if (!json_array(json))
		return false;
	for (uint32_t i = 0; json_element(json); i++) {
		struct slice index = arena_format(json->arena, "%u", i);
		if (index.ptr == NULL)
			return false;
		struct slice pointer = pointer_to(json->arena, outer, index);
		if (pointer.ptr == NULL || !collect(json, schema, pointer, found))
			return false;
	}
	return json->problem == NULL;
}

/* Walks the document once more along the rows. The decoder has accepted it, so the scanner can
 * only fail for memory. Recursion is bounded by the depth of the model. */
static bool collect(
	struct json *json, const struct schema *schema, struct slice outer, struct strangers *found)
{
	struct slice name, value;
	unsigned next = 0;
	if (!json_object(json))
		return false;
	while (json_member(json, &name)) {
		const struct field *field = schema_find(schema, name, &next);
		bool into = field != NULL && field->schema != NULL && json_peek(json) != JSON_NULL;
		if (!into) {
			if (!json_skip(json, &value))
				return false;
			if (field == NULL && !add_stranger(json->arena, found,
						     pointer_to(json->arena, outer, name), value))
				return false;
			continue;
		}
		struct slice pointer = pointer_to(json->arena, outer, name);
		bool good = pointer.ptr != NULL &&
			    (field->kind == FIELD_LIST
					    ? collect_list(json, field->schema, pointer, found)
					    : collect(json, field->schema, pointer, found));
		if (!good)
			return false;
	}
	return json->problem == NULL;
}

static int by_pointer(const void *a, const void *b)
{
	return slice_compare(
		((const struct stranger *)a)->pointer, ((const struct stranger *)b)->pointer);
}

static void put_strangers(struct writer *w, struct slice document)
{
	struct strangers found = { 0 };
	struct json json;
	json_init(&json, document, w->arena);
	if (!collect(&json, &transaction_schema, slice_make(NULL, 0), &found)) {
		w->status = E_FULL;
		return;
	}
	if (found.count > 1)
		qsort(found.items, found.count, sizeof(*found.items), by_pointer);
	for (uint32_t i = 0; i < found.count; i++) {
		put_text(w, FIELD_TAG_UNKNOWN, found.items[i].pointer);
		put_raw(w, FIELD_TAG_UNKNOWN, found.items[i].value);
	}
}

enum status transaction_hash(const struct transaction *t, struct slice document,
	struct arena *arena, struct hash *ret_hash)
{
	struct writer w = { .arena = arena };
	buf_init(&w.buf, CANONICAL_BYTES_MAX);
	buf_reserve(&w.buf, preamble.len + document.len);
	put_bytes(&w, preamble.ptr, preamble.len);
	put_object(&w, &transaction_schema, (const char *)t);
	if (t->unknown_count > 0)
		put_strangers(&w, document);
	if (w.buf.failed)
		w.status = E_FULL;
	if (w.status == OK)
		*ret_hash = hash_of(buf_get(&w.buf));
	buf_release(&w.buf);
	return w.status;
}
