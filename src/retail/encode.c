#include "base/json.h"
#include "retail/codec.h"
#include "retail/fields.h"

static void encode_object(const struct schema *schema, const char *base, struct buf *buf);

static void write_quoted(struct buf *buf, const char *text, size_t len)
{
	buf_char(buf, '"');
	buf_append(buf, text, len);
	buf_char(buf, '"');
}

static void write_decimal(struct buf *buf, struct decimal d)
{
	char text[DECIMAL_TEXT_MAX];
	write_quoted(buf, text, decimal_print(d, text));
}

static void write_time(struct buf *buf, struct timestamp time)
{
	char text[TIME_TEXT_MAX];
	write_quoted(buf, text, timestamp_print(time, text));
}

static void write_date(struct buf *buf, date_t date)
{
	char text[DATE_TEXT_LEN + 1];
	date_print(date, text);
	write_quoted(buf, text, DATE_TEXT_LEN);
}

static void write_list(struct buf *buf, const struct field *field, const char *at)
{
	struct list list = list_load(at);
	buf_char(buf, '[');
	for (uint32_t i = 0; i < list.count; i++) {
		if (i > 0)
			buf_char(buf, ',');
		encode_object(
			field->schema, (const char *)list.items + i * field->schema->size, buf);
	}
	buf_char(buf, ']');
}

static void write_amounts(struct buf *buf, const char *at)
{
	struct list list = list_load(at);
	const struct named_amount *amounts = list.items;
	buf_char(buf, '{');
	for (uint32_t i = 0; i < list.count; i++) {
		if (i > 0)
			buf_char(buf, ',');
		json_write_string(buf, amounts[i].name);
		buf_char(buf, ':');
		write_decimal(buf, amounts[i].amount);
	}
	buf_char(buf, '}');
}

static void write_value(struct buf *buf, const struct field *field, const char *at)
{
	switch (field->kind) {
	case FIELD_TEXT:
	case FIELD_CODE:
		json_write_string(buf, *(const struct slice *)at);
		return;
	case FIELD_NUMBER:
		buf_u64(buf, *(const uint64_t *)at);
		return;
	case FIELD_DECIMAL:
		write_decimal(buf, *(const struct decimal *)at);
		return;
	case FIELD_DATE:
		write_date(buf, *(const date_t *)at);
		return;
	case FIELD_TIME:
		write_time(buf, *(const struct timestamp *)at);
		return;
	case FIELD_BOOL:
		buf_text(buf, *(const bool *)at ? "true" : "false");
		return;
	case FIELD_CHOICE:
		json_write_string(buf, slice_of(field->choices[*(const unsigned *)at]));
		return;
	case FIELD_OBJECT:
		encode_object(field->schema, at, buf);
		return;
	case FIELD_LIST:
		write_list(buf, field, at);
		return;
	case FIELD_AMOUNTS:
		write_amounts(buf, at);
		return;
	case FIELD_RAW:
		json_minify(buf, *(const struct slice *)at);
		return;
	}
}

static void encode_object(const struct schema *schema, const char *base, struct buf *buf)
{
	bool first = true;
	buf_char(buf, '{');
	for (unsigned i = 0; i < schema->field_count; i++) {
		const struct field *field = &schema->fields[i];
		const char *at = base + field->offset;
		if (!field->required && !field_present(field, at))
			continue;
		if (!first)
			buf_char(buf, ',');
		first = false;
		write_quoted(buf, field->name.ptr, field->name.len);
		buf_char(buf, ':');
		write_value(buf, field, at);
	}
	buf_char(buf, '}');
}

void transaction_encode(const struct transaction *t, struct buf *buf)
{
	encode_object(&transaction_schema, (const char *)t, buf);
}
