#include "base/check.h"
#include "base/json.h"
#include "retail/codec.h"
#include "retail/fields.h"

#include <stdio.h>

enum { UNKNOWN_MEMBERS_MAX = 64, EXCERPT_BYTES = 40, LIST_FIRST_ITEMS = 2 };

struct decoder {
	struct json json;
	struct arena *arena;
	struct findings *findings;
	enum status status;
	uint32_t unknown_count;
};

/* Where the decoder stands: one of these on the stack for each object and list that is open. It
 * only becomes a JSON Pointer when something is wrong. */
struct place {
	const struct place *outer;
	struct slice name; /* the member that is being read; ptr is NULL before the first */
	uint32_t index;    /* or the element, when `list` */
	bool list;
};

/* Names of members that the model does not know, to find the one that stands twice. */
struct strangers {
	struct slice names[UNKNOWN_MEMBERS_MAX];
	unsigned count;
};

static void add_text(char *pointer, size_t *at, struct slice text)
{
	for (size_t i = 0; i < text.len && *at + 2 < POINTER_TEXT_MAX; i++) {
		char c = text.ptr[i];
		if (c == '~' || c == '/') {
			pointer[(*at)++] = '~';
			c = c == '~' ? '0' : '1';
		}
		pointer[(*at)++] = c;
	}
	pointer[*at] = '\0';
}

/* RFC 6901. Recursion is bounded by the depth of the model. */
static void print_pointer(const struct place *place, char *pointer, size_t *at)
{
	if (place == NULL)
		return;
	print_pointer(place->outer, pointer, at);
	if (*at + 12 >= POINTER_TEXT_MAX || (!place->list && place->name.ptr == NULL))
		return;
	pointer[(*at)++] = '/';
	if (place->list)
		*at += (size_t)snprintf(pointer + *at, 11, "%u", place->index);
	else
		add_text(pointer, at, place->name);
}

static bool refuse(
	struct decoder *d, const struct place *place, const char *rule, const char *detail)
{
	char pointer[POINTER_TEXT_MAX] = "";
	size_t at = 0;
	print_pointer(place, pointer, &at);
	findings_add(d->findings, rule, true, pointer, "%s", detail);
	d->status = E_INPUT;
	return false;
}

/* The scanner stopped: these bytes are no JSON, or the arena is full. */
static bool broken(struct decoder *d, const struct place *place)
{
	if (d->json.full) {
		d->status = E_FULL;
		return false;
	}
	char detail[FINDING_DETAIL_MAX];
	snprintf(detail, sizeof(detail), "byte %zu: %s", json_offset(&d->json),
		d->json.problem == NULL ? "a value is expected" : d->json.problem);
	return refuse(d, place, "json", detail);
}

static bool full(struct decoder *d)
{
	d->status = E_FULL;
	return false;
}

static void print_choices(const char *const *choices, char *text, size_t size)
{
	size_t at = (size_t)snprintf(text, size, "one of");
	for (; *choices != NULL && at < size; choices++)
		at += (size_t)snprintf(
			text + at, size - at, " %s%s", *choices, choices[1] == NULL ? "" : ",");
}

static void print_expected(const struct field *field, char *text, size_t size)
{
	switch (field->kind) {
	case FIELD_TEXT:
		snprintf(text, size, "a string of %llu to %llu bytes",
			(unsigned long long)field->min, (unsigned long long)field->max);
		return;
	case FIELD_CODE:
		snprintf(text, size, "a string of %llu to %llu letters, digits, '.', '_' or '-'",
			(unsigned long long)field->min, (unsigned long long)field->max);
		return;
	case FIELD_NUMBER:
		snprintf(text, size, "a whole number from %llu to %llu",
			(unsigned long long)field->min, (unsigned long long)field->max);
		return;
	case FIELD_DECIMAL:
		snprintf(text, size, "a decimal such as \"-12.50\"");
		return;
	case FIELD_DATE:
		snprintf(text, size, "a day such as \"2026-11-23\"");
		return;
	case FIELD_TIME:
		snprintf(
			text, size, "a time with its offset such as \"2026-11-23T17:03:40+01:00\"");
		return;
	case FIELD_BOOL:
		snprintf(text, size, "true or false");
		return;
	case FIELD_CHOICE:
		print_choices(field->choices + field->min, text, size);
		return;
	case FIELD_OBJECT:
	case FIELD_AMOUNTS:
	case FIELD_RAW:
		snprintf(text, size, "an object");
		return;
	case FIELD_LIST:
		snprintf(text, size, "an array of at most %llu", (unsigned long long)field->max);
		return;
	}
}

/* "<found>, expected <what the field is>" */
static bool unexpected(
	struct decoder *d, const struct place *place, const struct field *field, const char *found)
{
	char expected[FINDING_DETAIL_MAX], detail[2 * FINDING_DETAIL_MAX];
	print_expected(field, expected, sizeof(expected));
	snprintf(detail, sizeof(detail), "%s, expected %s", found, expected);
	return refuse(d, place, "schema", detail);
}

/* The next value is of a type that the field cannot have. */
static bool wrong_type(struct decoder *d, const struct place *place, const struct field *field)
{
	enum json_type type = json_peek(&d->json);
	/* "nope" begins like null: only what is JSON has a type. */
	struct json rest = d->json;
	if (type == JSON_NONE || !json_skip(&rest, NULL)) {
		d->json = rest;
		return broken(d, place);
	}
	char found[64];
	snprintf(found, sizeof(found), "is %s", json_type_name(type));
	return unexpected(d, place, field, found);
}

/* The value has the right type but not the right content; it is shown as far as it is short. */
static bool wrong_value(
	struct decoder *d, const struct place *place, const struct field *field, struct slice value)
{
	char found[EXCERPT_BYTES + 16];
	size_t len = value.len;
	if (len > EXCERPT_BYTES) {
		len = EXCERPT_BYTES;
		while (len > 0 && ((unsigned char)value.ptr[len] & 0xc0) == 0x80)
			len--;
	}
	snprintf(found, sizeof(found), "is \"%.*s\"%s", (int)len, value.ptr,
		len < value.len ? "..." : "");
	return unexpected(d, place, field, found);
}

/* The bytes of a string or, when `number_too`, of a number. */
static bool scalar(struct decoder *d, const struct place *place, const struct field *field,
	bool number_too, struct slice *ret_value)
{
	enum json_type type = json_peek(&d->json);
	if (type == JSON_STRING)
		return json_string(&d->json, ret_value) || broken(d, place);
	if (number_too && type == JSON_NUMBER)
		return json_number(&d->json, ret_value) || broken(d, place);
	return wrong_type(d, place, field);
}

/* Eight bytes at a time where there are eight: the last step looks at some bytes twice. The top
 * bit is set of bytes below 0x20 or equal to 0x7f; those beyond ASCII are left out first. */
static bool has_control(struct slice s)
{
	const uint64_t ones = 0x0101010101010101U, tops = 0x8080808080808080U;
	if (s.len < 8) {
		for (size_t i = 0; i < s.len; i++)
			if ((unsigned char)s.ptr[i] < 0x20 || s.ptr[i] == 0x7f)
				return true;
		return false;
	}
	for (size_t i = 0;; i = i + 16 <= s.len ? i + 8 : s.len - 8) {
		uint64_t word;
		memcpy(&word, s.ptr + i, 8);
		uint64_t low = word & ~tops, ascii = ~word & tops;
		uint64_t control = ~(low + ones * 0x60) | (low + ones);
		if (control & ascii)
			return true;
		if (i + 8 == s.len)
			return false;
	}
}

static bool is_code(struct slice s)
{
	static const bool allowed[256] = {
		['0' ... '9'] = true,
		['A' ... 'Z'] = true,
		['a' ... 'z'] = true,
		['.'] = true,
		['_'] = true,
		['-'] = true,
	};
	for (size_t i = 0; i < s.len; i++)
		if (!allowed[(unsigned char)s.ptr[i]])
			return false;
	return true;
}

static bool decode_text(struct decoder *d, const struct place *place, const struct field *field,
	struct slice *ret_text)
{
	struct slice value;
	if (!scalar(d, place, field, false, &value))
		return false;
	if (value.len < field->min || value.len > field->max) {
		char found[32];
		snprintf(found, sizeof(found), "has %zu bytes", value.len);
		return unexpected(d, place, field, found);
	}
	if (field->kind == FIELD_CODE && !is_code(value))
		return wrong_value(d, place, field, value);
	if (has_control(value))
		return unexpected(d, place, field, "has a control character");
	*ret_text = value;
	return true;
}

static bool decode_number(struct decoder *d, const struct place *place, const struct field *field,
	uint64_t *ret_number)
{
	struct slice value;
	uint64_t number;
	if (!scalar(d, place, field, true, &value))
		return false;
	if (!slice_to_u64(value, &number) || number < field->min || number > field->max)
		return wrong_value(d, place, field, value);
	*ret_number = number;
	return true;
}

static bool decode_decimal(struct decoder *d, const struct place *place, const struct field *field,
	struct decimal *ret_decimal)
{
	struct slice value;
	if (!scalar(d, place, field, true, &value))
		return false;
	enum decimal_problem problem = decimal_parse(value, ret_decimal);
	if (problem == DECIMAL_FINE)
		return true;
	if (problem == DECIMAL_NOT_A_NUMBER)
		return wrong_value(d, place, field, value);
	return refuse(d, place, "schema", decimal_problem_text(problem));
}

static bool decode_time(
	struct decoder *d, const struct place *place, const struct field *field, char *at)
{
	struct slice value;
	if (!scalar(d, place, field, false, &value))
		return false;
	bool good = field->kind == FIELD_DATE ? date_parse(value, (date_t *)at)
					      : timestamp_parse(value, (struct timestamp *)at);
	return good || wrong_value(d, place, field, value);
}

static bool decode_choice(struct decoder *d, const struct place *place, const struct field *field,
	unsigned *ret_choice)
{
	struct slice value;
	if (!scalar(d, place, field, false, &value))
		return false;
	for (unsigned i = (unsigned)field->min; field->choices[i] != NULL; i++) {
		if (slice_is(value, field->choices[i])) {
			*ret_choice = i;
			return true;
		}
	}
	return wrong_value(d, place, field, value);
}

static bool decode_bool(
	struct decoder *d, const struct place *place, const struct field *field, bool *ret_value)
{
	enum json_type type = json_peek(&d->json);
	if (type != JSON_TRUE && type != JSON_FALSE)
		return wrong_type(d, place, field);
	return json_bool(&d->json, ret_value) || broken(d, place);
}

static bool decode_raw(struct decoder *d, const struct place *place, const struct field *field,
	struct slice *ret_raw)
{
	if (json_peek(&d->json) != JSON_OBJECT)
		return wrong_type(d, place, field);
	return json_skip(&d->json, ret_raw) || broken(d, place);
}

static bool too_many(struct decoder *d, const struct place *place, const char *plural, uint64_t max)
{
	char detail[FINDING_DETAIL_MAX];
	snprintf(detail, sizeof(detail), "has more than %llu %s; at most %llu are allowed",
		(unsigned long long)max, plural, (unsigned long long)max);
	return refuse(d, place, "schema", detail);
}

/* Room for one item more: the list moves to twice the room when it is full, so that a list of n
 * costs at most 4n of the arena and nothing is counted in advance. */
static char *next_item(struct decoder *d, struct list *list, uint32_t *size, size_t item_bytes)
{
	if (list->count == *size) {
		uint32_t more = *size == 0 ? LIST_FIRST_ITEMS : 2 * *size;
		char *items = arena_alloc(d->arena, more * item_bytes);
		if (items == NULL)
			return NULL;
		if (list->count > 0)
			memcpy(items, list->items, list->count * item_bytes);
		list->items = items;
		*size = more;
	}
	return (char *)list->items + list->count++ * item_bytes;
}

static bool decode_object(
	struct decoder *d, const struct place *outer, const struct schema *schema, char *base);

static bool decode_list(
	struct decoder *d, const struct place *outer, const struct field *field, char *at)
{
	struct place here = { .outer = outer, .list = true };
	struct list list = { 0 };
	uint32_t size = 0;
	if (json_peek(&d->json) != JSON_ARRAY)
		return wrong_type(d, outer, field);
	if (!json_array(&d->json))
		return broken(d, outer);
	for (; json_element(&d->json); here.index++) {
		if (list.count == field->max)
			return too_many(d, outer, field->schema->plural, field->max);
		if (json_peek(&d->json) != JSON_OBJECT) {
			static const struct field item = { .kind = FIELD_OBJECT };
			return wrong_type(d, &here, &item);
		}
		char *base = next_item(d, &list, &size, field->schema->size);
		if (base == NULL)
			return full(d);
		if (!decode_object(d, &here, field->schema, base))
			return false;
	}
	if (d->json.problem != NULL)
		return broken(d, &here);
	list_store(at, list);
	return true;
}

/* {"cash": "3120.00", "card": "6000.55"}: the names are data. */
static bool decode_amounts(
	struct decoder *d, const struct place *outer, const struct field *field, char *at)
{
	static const struct field amount = { .kind = FIELD_DECIMAL };
	struct place here = { .outer = outer };
	struct list list = { 0 };
	uint32_t size = 0;
	if (json_peek(&d->json) != JSON_OBJECT)
		return wrong_type(d, outer, field);
	if (!json_object(&d->json))
		return broken(d, outer);
	while (json_member(&d->json, &here.name)) {
		const struct named_amount *known = list.items;
		if (list.count == field->max)
			return too_many(d, outer, "members", field->max);
		if (here.name.len == 0 || here.name.len > ID_TEXT_MAX || has_control(here.name))
			return refuse(d, outer, "schema",
				"has a name that is not of 1 to 64 bytes without control "
				"characters");
		for (uint32_t i = 0; i < list.count; i++)
			if (slice_equal(known[i].name, here.name))
				return refuse(d, &here, "schema", "stands twice in its object");
		struct named_amount *item =
			(struct named_amount *)next_item(d, &list, &size, sizeof(*item));
		if (item == NULL)
			return full(d);
		item->name = here.name;
		if (!decode_decimal(d, &here, &amount, &item->amount))
			return false;
	}
	if (d->json.problem != NULL)
		return broken(d, &here);
	list_store(at, list);
	return true;
}

static bool decode_nested(
	struct decoder *d, const struct place *place, const struct field *field, char *at)
{
	if (json_peek(&d->json) != JSON_OBJECT)
		return wrong_type(d, place, field);
	if (!decode_object(d, place, field->schema, at))
		return false;
	*(bool *)(at + field->schema->set_offset) = true;
	return true;
}

/* The place is zero, which is what most absent fields are. */
static void set_absent(const struct field *field, char *at)
{
	if (field->kind == FIELD_NUMBER && field->fallback != 0)
		*(uint64_t *)at = field->fallback;
}

static bool decode_field(
	struct decoder *d, const struct place *place, const struct field *field, char *at)
{
	if (!field->required && json_peek(&d->json) == JSON_NULL) {
		set_absent(field, at);
		return json_null(&d->json) || broken(d, place);
	}
	switch (field->kind) {
	case FIELD_TEXT:
	case FIELD_CODE:
		return decode_text(d, place, field, (struct slice *)at);
	case FIELD_NUMBER:
		return decode_number(d, place, field, (uint64_t *)at);
	case FIELD_DECIMAL:
		return decode_decimal(d, place, field, (struct decimal *)at);
	case FIELD_DATE:
	case FIELD_TIME:
		return decode_time(d, place, field, at);
	case FIELD_BOOL:
		return decode_bool(d, place, field, (bool *)at);
	case FIELD_CHOICE:
		return decode_choice(d, place, field, (unsigned *)at);
	case FIELD_OBJECT:
		return decode_nested(d, place, field, at);
	case FIELD_LIST:
		return decode_list(d, place, field, at);
	case FIELD_AMOUNTS:
		return decode_amounts(d, place, field, at);
	case FIELD_RAW:
		return decode_raw(d, place, field, (struct slice *)at);
	}
	return false;
}

/* A member that the model does not know is checked, counted and stepped over; the document keeps
 * it. Its name must not stand twice either: two readers could pick different ones. */
static bool decode_stranger(
	struct decoder *d, const struct place *place, struct strangers **strangers)
{
	if (*strangers == NULL)
		*strangers = arena_new(d->arena, struct strangers);
	struct strangers *s = *strangers;
	if (s == NULL)
		return full(d);
	for (unsigned i = 0; i < s->count; i++)
		if (slice_equal(s->names[i], place->name))
			return refuse(d, place, "schema", "stands twice in its object");
	if (s->count == UNKNOWN_MEMBERS_MAX)
		return refuse(d, place, "schema",
			"is one unknown member too many; at most 64 are kept in an object");
	s->names[s->count++] = place->name;
	d->unknown_count++;
	return json_skip(&d->json, NULL) || broken(d, place);
}

/* What the document left out: refused when it is required, else given its fallback. */
static bool complete(struct decoder *d, struct place *place, const struct schema *schema,
	uint64_t seen, char *base)
{
	uint64_t absent = ~seen & (UINT64_MAX >> (SCHEMA_FIELDS_MAX - schema->field_count));
	for (; absent != 0; absent &= absent - 1) {
		const struct field *field = &schema->fields[__builtin_ctzll(absent)];
		if (field->required) {
			place->name = field->name;
			return unexpected(d, place, field, "is missing");
		}
		set_absent(field, base + field->offset);
	}
	return true;
}

/* Recursion is bounded by the depth of the model. */
static bool decode_object(
	struct decoder *d, const struct place *outer, const struct schema *schema, char *base)
{
	struct place here = { .outer = outer };
	struct strangers *strangers = NULL;
	uint64_t seen = 0;
	unsigned next = 0;
	if (!json_object(&d->json))
		return broken(d, outer);
	for (;;) {
		const struct field *field = &schema->fields[next < schema->field_count ? next : 0];
		if (!json_member_guess(&d->json, field->name, &here.name))
			break;
		if (here.name.ptr == field->name.ptr)
			next = (unsigned)(field - schema->fields) + 1;
		else
			field = schema_find(schema, here.name, &next);
		if (field == NULL) {
			if (!decode_stranger(d, &here, &strangers))
				return false;
			continue;
		}
		uint64_t bit = (uint64_t)1 << (field - schema->fields);
		if (seen & bit)
			return refuse(d, &here, "schema", "stands twice in its object");
		seen |= bit;
		if (!decode_field(d, &here, field, base + field->offset))
			return false;
	}
	if (d->json.problem != NULL)
		return broken(d, &here);
	return complete(d, &here, schema, seen, base);
}

enum status transaction_decode(struct slice document, struct arena *arena,
	struct transaction *ret_transaction, struct findings *findings)
{
	static const struct field whole = { .kind = FIELD_OBJECT };
	struct decoder d = { .arena = arena, .findings = findings };
	struct transaction t = { 0 };
	if (document.len > TRANSACTION_BYTES_MAX) {
		refuse(&d, NULL, "schema", "is longer than 1 MiB, the most that is allowed");
		return d.status;
	}
	json_init(&d.json, document, arena);
	if (json_peek(&d.json) != JSON_OBJECT) {
		/* "not json" begins like null: only what is JSON to its end has a type. */
		struct json rest = d.json;
		if (json_skip(&rest, NULL) && json_end(&rest)) {
			wrong_type(&d, NULL, &whole);
		} else {
			d.json = rest;
			broken(&d, NULL);
		}
	}
	if (d.status == OK && decode_object(&d, NULL, &transaction_schema, (char *)&t) &&
		!json_end(&d.json))
		broken(&d, NULL);
	if (d.status != OK)
		return d.status;
	t.unknown_count = d.unknown_count;
	*ret_transaction = t;
	return OK;
}
