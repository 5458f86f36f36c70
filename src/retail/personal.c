#include "retail/personal.h"

#include "base/hash.h"
#include "base/json.h"
#include "retail/fields.h"

#include <stdio.h>

const char *const identifier_names[] = {
	[IDENTIFIER_CUSTOMER] = "customer",
	[IDENTIFIER_LOYALTY] = "loyalty",
	[IDENTIFIER_EMAIL] = "email",
	[IDENTIFIER_PHONE] = "phone",
	[IDENTIFIER_NONE] = NULL,
};

void subject_print(const struct subject_id *subject, char text[static SUBJECT_TEXT_MAX])
{
	struct hash hash = { 0 };
	memcpy(hash.bytes, subject->bytes, SUBJECT_BYTES);
	hash_hex(&hash, SUBJECT_BYTES, text);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool subject_parse(struct slice text, struct subject_id *ret_subject)
{
	if (text.len != 2 * SUBJECT_BYTES)
		return false;
	for (size_t i = 0; i < SUBJECT_BYTES; i++) {
		int high = hex_digit(text.ptr[2 * i]), low = hex_digit(text.ptr[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		ret_subject->bytes[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

bool personal_present(const struct transaction *t)
{
	const struct customer_details *d = &t->customer_details;
	return t->customer.len > 0 ||
	       (d->set && (d->name.len > 0 || d->email.len > 0 || d->phone.len > 0 ||
				  d->loyalty.len > 0 || d->address.len > 0));
}

/* ---- who it is ---- */

static size_t keep_phone_digits(struct slice text, char *out)
{
	size_t len = 0;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		if ((c >= '0' && c <= '9') || (c == '+' && len == 0))
			out[len++] = c;
	}
	return len;
}

struct slice identifier_normalise(enum identifier_kind kind, struct slice text, struct arena *arena)
{
	struct slice trimmed = slice_trim(text);
	char *out = arena_alloc(arena, trimmed.len + 1);
	if (out == NULL)
		return slice_make(NULL, 0);
	if (kind == IDENTIFIER_PHONE)
		return slice_make(out, keep_phone_digits(trimmed, out));
	for (size_t i = 0; i < trimmed.len; i++) {
		char c = trimmed.ptr[i];
		out[i] = kind == IDENTIFIER_EMAIL && c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
	}
	return slice_make(out, trimmed.len);
}

enum status personal_identifier(const struct transaction *t, struct arena *arena,
	enum identifier_kind *ret_kind, struct slice *ret_value)
{
	const struct slice texts[] = {
		[IDENTIFIER_CUSTOMER] = t->customer,
		[IDENTIFIER_LOYALTY] = t->customer_details.loyalty,
		[IDENTIFIER_EMAIL] = t->customer_details.email,
		[IDENTIFIER_PHONE] = t->customer_details.phone,
	};
	char key[KEY_TEXT_MAX];
	for (unsigned kind = 0; kind < IDENTIFIER_NONE; kind++) {
		*ret_kind = (enum identifier_kind)kind;
		*ret_value = identifier_normalise(*ret_kind, texts[kind], arena);
		if (ret_value->ptr == NULL)
			return E_FULL;
		if (ret_value->len > 0)
			return OK;
	}
	*ret_kind = IDENTIFIER_NONE;
	*ret_value = arena_copy(arena, slice_make(key, key_print(&t->key, key)));
	return ret_value->ptr == NULL ? E_FULL : OK;
}

/* ---- the personal fields alone ---- */

static void write_members(const struct schema *schema, const char *base, struct buf *buf)
{
	for (unsigned i = 0; i < schema->field_count; i++) {
		const struct field *field = &schema->fields[i];
		const char *at = base + field->offset;
		if (field->personal && ((const struct slice *)at)->len > 0)
			json_write_member(buf, field->name.ptr, *(const struct slice *)at);
		if (field->kind != FIELD_OBJECT || !field->schema->fields[0].personal ||
			!field_present(field, at))
			continue;
		json_write_name(buf, field->name.ptr);
		buf_char(buf, '{');
		write_members(field->schema, at, buf);
		buf_char(buf, '}');
	}
}

void personal_write(const struct transaction *t, struct buf *buf)
{
	buf_char(buf, '{');
	write_members(&transaction_schema, (const char *)t, buf);
	buf_char(buf, '}');
}

/* ---- stand-ins ---- */

enum { PLACES_MAX = 16 }; /* personal fields of a transaction that are found without a search */

struct replacer {
	const struct stand_in *stand_in;
	struct arena *arena;
	struct json json;
	struct buf out;
	const char *copied; /* up to here the document stands in `out` */
	enum status status;
};

/* `value` is the whole value in the document, with its quotation marks. */
static void replace_at(
	struct replacer *r, const struct field *field, struct slice *text, struct slice value)
{
	char stand_in[SUBJECT_TEXT_MAX];
	r->stand_in->make(r->stand_in->context, field->name, *text, stand_in);
	*text = arena_copy(r->arena, slice_of(stand_in));
	if (text->ptr == NULL)
		r->status = E_FULL;
	buf_append(&r->out, r->copied, (size_t)(value.ptr - r->copied));
	json_write_string(&r->out, slice_of(stand_in));
	r->copied = value.ptr + value.len;
}

static void replace_text(struct replacer *r, const struct field *field, struct slice *text)
{
	struct slice value;
	if (!json_skip(&r->json, &value))
		r->status = E_FULL;
	else if (text->len > 0) /* not null, nor "" */
		replace_at(r, field, text, value);
}

/* The decoder has accepted the document, so the scanner can only fail for memory. Recursion is as
 * deep as the model's objects. */
static void replace_object(struct replacer *r, const struct schema *schema, char *base)
{
	struct slice name;
	unsigned next = 0;
	if (!json_object(&r->json)) {
		r->status = E_FULL;
		return;
	}
	while (r->status == OK && json_member(&r->json, &name)) {
		const struct field *field = schema_find(schema, name, &next);
		char *at = field == NULL ? NULL : base + field->offset;
		if (field != NULL && field->personal)
			replace_text(r, field, (struct slice *)at);
		else if (field != NULL && field->kind == FIELD_OBJECT &&
			 json_peek(&r->json) == JSON_OBJECT)
			replace_object(r, field->schema, at);
		else if (!json_skip(&r->json, NULL))
			r->status = E_FULL;
	}
	if (r->json.problem != NULL)
		r->status = E_FULL;
}

/* Is this text a whole value of the document, as it came between its quotation marks? */
static bool stands_in(struct slice document, struct slice text)
{
	return text.ptr > document.ptr && text.ptr + text.len < document.ptr + document.len &&
	       text.ptr[-1] == '"' && text.ptr[text.len] == '"';
}

/* Where the personal fields that are there stand in the document. */
struct places {
	struct {
		const struct field *field;
		struct slice *text;
	} at[PLACES_MAX];
	unsigned count;
	bool known; /* each of them is a part of the document as it came, without escapes */
};

static void find_places(
	struct places *p, const struct schema *schema, char *base, struct slice document)
{
	for (unsigned i = 0; i < schema->field_count && p->known; i++) {
		const struct field *field = &schema->fields[i];
		char *at = base + field->offset;
		struct slice *text = (struct slice *)at;
		if (field->personal && text->len > 0) {
			p->known = p->count < PLACES_MAX && stands_in(document, *text);
			if (p->known) {
				p->at[p->count].field = field;
				p->at[p->count++].text = text;
			}
		} else if (field->kind == FIELD_OBJECT && field->schema->fields[0].personal &&
			   field_present(field, at)) {
			find_places(p, field->schema, at, document);
		}
	}
}

/* The ordinary case: nothing has to be read again. */
static void replace_places(struct replacer *r, struct places *p)
{
	while (p->count > 0 && r->status == OK) {
		unsigned first = 0;
		for (unsigned i = 1; i < p->count; i++)
			if (p->at[i].text->ptr < p->at[first].text->ptr)
				first = i;
		replace_at(r, p->at[first].field, p->at[first].text,
			slice_make(p->at[first].text->ptr - 1, p->at[first].text->len + 2));
		p->at[first] = p->at[--p->count];
	}
}

enum status personal_replace(struct transaction *t, struct slice document,
	const struct stand_in *stand_in, struct arena *arena, struct slice *ret_document)
{
	struct replacer r = { .stand_in = stand_in, .arena = arena, .copied = document.ptr };
	struct places places = { .known = true };
	buf_init(&r.out, TRANSACTION_BYTES_MAX);
	find_places(&places, &transaction_schema, (char *)t, document);
	if (places.known) {
		replace_places(&r, &places);
	} else {
		json_init(&r.json, document, arena);
		replace_object(&r, &transaction_schema, (char *)t);
	}
	buf_append(&r.out, r.copied, (size_t)(document.ptr + document.len - r.copied));
	if (r.out.failed)
		r.status = E_FULL;
	if (r.status == OK) {
		*ret_document = arena_copy(arena, buf_get(&r.out));
		if (ret_document->ptr == NULL)
			r.status = E_FULL;
	}
	buf_release(&r.out);
	return r.status;
}
