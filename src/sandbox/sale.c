#include "sandbox/sale.h"

#include "base/check.h"

#include <stdarg.h>
#include <stdio.h>

enum { EXCERPT_MAX = 40 };

enum field_type {
	FIELD_TEXT,
	FIELD_DECIMAL,
	FIELD_DATE,
	FIELD_KIND,
	FIELD_LINES,
	FIELD_PAYMENTS,
};

struct field {
	const char *name;
	enum field_type type;
	size_t offset;
	bool required;
	bool log_only;
	size_t len_max; /* of a text */
};

static const struct field sale_fields[] = {
	{ "number", FIELD_TEXT, offsetof(struct sale, number), true, true, SALE_NUMBER_MAX },
	{ "at", FIELD_TEXT, offsetof(struct sale, at), true, true, TIME_TEXT_MAX },
	{ "reference", FIELD_TEXT, offsetof(struct sale, reference), true, false,
		SALE_REFERENCE_MAX },
	{ "reverses", FIELD_TEXT, offsetof(struct sale, reverses), false, false,
		SALE_REFERENCE_MAX },
	{ "warehouse", FIELD_TEXT, offsetof(struct sale, warehouse), true, false, SALE_ID_MAX },
	{ "date", FIELD_DATE, offsetof(struct sale, date), true, false, 0 },
	{ "currency", FIELD_TEXT, offsetof(struct sale, currency), true, false, 3 },
	{ "lines", FIELD_LINES, offsetof(struct sale, lines), true, false, 0 },
	{ "payments", FIELD_PAYMENTS, offsetof(struct sale, payments), true, false, 0 },
	{ "net", FIELD_DECIMAL, offsetof(struct sale, net), true, false, 0 },
	{ "tax", FIELD_DECIMAL, offsetof(struct sale, tax), true, false, 0 },
	{ "total", FIELD_DECIMAL, offsetof(struct sale, total), true, false, 0 },
	{ "rounding", FIELD_DECIMAL, offsetof(struct sale, rounding), false, false, 0 },
	{ NULL },
};

static const struct field line_fields[] = {
	{ "item", FIELD_TEXT, offsetof(struct sale_line, item), false, false, SALE_ID_MAX },
	{ "description", FIELD_TEXT, offsetof(struct sale_line, description), false, false,
		SALE_DESCRIPTION_MAX },
	{ "quantity", FIELD_DECIMAL, offsetof(struct sale_line, quantity), true, false, 0 },
	{ "unit_price", FIELD_DECIMAL, offsetof(struct sale_line, unit_price), false, false, 0 },
	{ "amount", FIELD_DECIMAL, offsetof(struct sale_line, amount), true, false, 0 },
	{ "tax", FIELD_DECIMAL, offsetof(struct sale_line, tax), false, false, 0 },
	{ "kind", FIELD_KIND, offsetof(struct sale_line, kind), true, false, 0 },
	{ NULL },
};

static const struct field payment_fields[] = {
	{ "method", FIELD_TEXT, offsetof(struct sale_payment, method), true, false, SALE_ID_MAX },
	{ "amount", FIELD_DECIMAL, offsetof(struct sale_payment, amount), true, false, 0 },
	{ NULL },
};

static const char *const kind_names[SALE_KIND_MAX] = {
	[SALE_GOODS] = "sale",
	[SALE_RETURN] = "return",
	[SALE_FEE] = "fee",
	[SALE_GIFT_CARD] = "gift_card",
	[SALE_DEPOSIT] = "deposit",
	[SALE_WRITE_OFF] = "write_off",
	[SALE_ADJUSTMENT] = "adjustment",
};

const char *sale_kind_name(unsigned kind)
{
	check(kind < SALE_KIND_MAX);
	return kind_names[kind];
}

struct slice sale_excerpt(struct slice text)
{
	size_t len = text.len;
	if (len > EXCERPT_MAX) {
		len = EXCERPT_MAX;
		while (len > 0 && ((unsigned char)text.ptr[len] & 0xc0) == 0x80)
			len--;
	}
	return slice_make(text.ptr, len);
}

/* One sale being read. The first thing that is wrong is remembered, and reading goes on to the end
 * of the sale, so that the next one in the request can be read. */
struct reader {
	struct json *json;
	const char *list; /* "lines" or "payments" while inside one */
	uint32_t at;      /* place in it */
	bool from_log, full, refused;
	struct error *err;
};

__attribute__((format(printf, 3, 4))) static void refuse(
	struct reader *r, const char *field, const char *format, ...)
{
	char why[ERROR_TEXT_MAX - 64];
	va_list args;
	if (r->refused)
		return;
	r->refused = true;
	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	if (r->list != NULL)
		error_set(r->err, E_INPUT, "%s/%u/%s: %s", r->list, r->at, field, why);
	else
		error_set(r->err, E_INPUT, "%s: %s", field, why);
}

/* Steps over a value of the wrong type. */
static void refuse_type(struct reader *r, const char *field, const char *expected)
{
	refuse(r, field, "found %s; %s is expected", json_type_name(json_peek(r->json)), expected);
	json_skip(r->json, NULL);
}

static void read_text(struct reader *r, const struct field *field, struct slice *ret_text)
{
	struct slice text;
	if (json_peek(r->json) != JSON_STRING) {
		refuse_type(r, field->name, "a string");
		return;
	}
	if (!json_string(r->json, &text))
		return;
	if (text.len > field->len_max || (field->required && text.len == 0))
		refuse(r, field->name, "has %zu bytes; %d to %zu are allowed", text.len,
			field->required ? 1 : 0, field->len_max);
	else
		*ret_text = text;
}

/* A decimal as text, or as a number that is exact as it is written. */
static void read_decimal(struct reader *r, const struct field *field, struct decimal *ret_value)
{
	struct slice text;
	enum json_type type = json_peek(r->json);
	if (type != JSON_STRING && type != JSON_NUMBER) {
		refuse_type(r, field->name, "a decimal such as \"2.50\"");
		return;
	}
	if (!(type == JSON_STRING ? json_string(r->json, &text) : json_number(r->json, &text)))
		return;
	enum decimal_problem problem = decimal_parse(text, ret_value);
	if (problem != DECIMAL_FINE)
		refuse(r, field->name, "\"%.*s\" is no decimal: %s", SLICE_ARG(sale_excerpt(text)),
			decimal_problem_text(problem));
}

static void read_date(struct reader *r, const struct field *field, date_t *ret_date)
{
	struct slice text;
	if (json_peek(r->json) != JSON_STRING) {
		refuse_type(r, field->name, "a date such as \"2026-11-23\"");
		return;
	}
	if (json_string(r->json, &text) && !date_parse(text, ret_date))
		refuse(r, field->name, "\"%.*s\" is no date such as 2026-11-23",
			SLICE_ARG(sale_excerpt(text)));
}

static void read_kind(struct reader *r, const struct field *field, unsigned *ret_kind)
{
	struct slice text;
	if (json_peek(r->json) != JSON_STRING) {
		refuse_type(r, field->name, "a kind of line such as \"sale\"");
		return;
	}
	if (!json_string(r->json, &text))
		return;
	for (unsigned kind = 0; kind < SALE_KIND_MAX; kind++) {
		if (slice_is(text, kind_names[kind])) {
			*ret_kind = kind;
			return;
		}
	}
	refuse(r, field->name,
		"\"%.*s\" is none of sale, return, fee, gift_card, deposit, write_off, adjustment",
		SLICE_ARG(sale_excerpt(text)));
}

static void read_lines(struct reader *r, struct sale_lines *lines);
static void read_payments(struct reader *r, struct sale_payments *payments);

static void read_field(struct reader *r, const struct field *field, void *to)
{
	switch (field->type) {
	case FIELD_TEXT:
		read_text(r, field, to);
		return;
	case FIELD_DECIMAL:
		read_decimal(r, field, to);
		return;
	case FIELD_DATE:
		read_date(r, field, to);
		return;
	case FIELD_KIND:
		read_kind(r, field, to);
		return;
	case FIELD_LINES:
		read_lines(r, to);
		return;
	case FIELD_PAYMENTS:
		read_payments(r, to);
		return;
	}
	check(false);
}

static const struct field *find_field(
	const struct reader *r, const struct field *fields, struct slice name)
{
	for (const struct field *f = fields; f->name != NULL; f++)
		if (slice_is(name, f->name))
			return f->log_only && !r->from_log ? NULL : f;
	return NULL;
}

static void check_complete(struct reader *r, const struct field *fields, unsigned seen)
{
	for (const struct field *f = fields; f->name != NULL; f++)
		if (f->required && (!f->log_only || r->from_log) &&
			(seen & 1U << (f - fields)) == 0)
			refuse(r, f->name, "is missing");
}

/* The next value as an object whose members the rows place into `object`. */
static void read_object(struct reader *r, const struct field *fields, void *object)
{
	struct slice name;
	unsigned seen = 0;
	if (json_peek(r->json) != JSON_OBJECT) {
		refuse_type(r, r->list == NULL ? "the sale" : "", "an object");
		return;
	}
	json_object(r->json);
	while (json_member(r->json, &name)) {
		const struct field *field = find_field(r, fields, name);
		if (field == NULL) {
			refuse(r, "unknown field", "\"%.*s\"", SLICE_ARG(sale_excerpt(name)));
			json_skip(r->json, NULL);
			continue;
		}
		if ((seen & 1U << (field - fields)) != 0)
			refuse(r, field->name, "stands there twice");
		seen |= 1U << (field - fields);
		read_field(r, field, (char *)object + field->offset);
	}
	check_complete(r, fields, seen);
}

/* A place behind the last item of a list that doubles in the arena; NULL when the arena is full. */
static void *add_item(struct reader *r, void *items, uint32_t count, size_t item_bytes)
{
	if (count != 0 && (count < 8 || (count & (count - 1)) != 0))
		return items;
	size_t room = count == 0 ? 8 : (size_t)count * 2;
	void *longer = arena_alloc(r->json->arena, room * item_bytes);
	if (longer == NULL)
		r->full = true;
	else if (count > 0)
		memcpy(longer, items, count * item_bytes);
	return longer;
}

/* Steps into the array `list`; false when it is none. */
static bool begin_list(struct reader *r, const char *list)
{
	if (json_peek(r->json) != JSON_ARRAY) {
		refuse_type(r, list, "an array");
		return false;
	}
	r->list = list;
	r->at = 0;
	return json_array(r->json);
}

/* True when the next item is one too many; it is stepped over. */
static bool one_too_many(struct reader *r, uint32_t count_max)
{
	if (r->at < count_max)
		return false;
	refuse(r, "", "at most %u are allowed", count_max);
	json_skip(r->json, NULL);
	return true;
}

static void read_lines(struct reader *r, struct sale_lines *lines)
{
	if (!begin_list(r, "lines"))
		return;
	while (!r->full && json_element(r->json)) {
		if (one_too_many(r, SALE_LINES_MAX))
			continue;
		struct sale_line *items = add_item(r, lines->items, r->at, sizeof(*items));
		if (items == NULL)
			break;
		lines->items = items;
		read_object(r, line_fields, &items[r->at]);
		if (items[r->at].kind < SALE_FEE && items[r->at].item.len == 0)
			refuse(r, "item", "is missing, and the line is about goods");
		r->at++;
	}
	lines->count = r->at;
	r->list = NULL;
}

static void read_payments(struct reader *r, struct sale_payments *payments)
{
	if (!begin_list(r, "payments"))
		return;
	while (!r->full && json_element(r->json)) {
		if (one_too_many(r, SALE_PAYMENTS_MAX))
			continue;
		struct sale_payment *items = add_item(r, payments->items, r->at, sizeof(*items));
		if (items == NULL)
			break;
		payments->items = items;
		read_object(r, payment_fields, &items[r->at]);
		r->at++;
	}
	payments->count = r->at;
	r->list = NULL;
}

/* The amounts of the lines come with tax or without it; both are told by what they add up to. */
static void check_sums(struct reader *r, struct sale *sale)
{
	struct total sum = total_zero(), total = total_of(sale->total), net = total_of(sale->net);
	char found[TOTAL_TEXT_MAX], with[TOTAL_TEXT_MAX], without[TOTAL_TEXT_MAX];
	for (uint32_t i = 0; i < sale->lines.count; i++)
		sum = total_add(sum, total_of(sale->lines.items[i].amount));
	total_print(total, 2, with);
	total_print(net, 2, without);
	if (total_compare(total_add(net, total_of(sale->tax)), total) != 0)
		refuse(r, "total", "%s is not the net %s and the tax together", with, without);
	sale->amounts_include_tax = total_compare(sum, total) == 0;
	if (sale->amounts_include_tax || total_compare(sum, net) == 0)
		return;
	total_print(sum, 2, found);
	refuse(r, "lines", "add up to %s, which is neither the total %s nor the net %s", found,
		with, without);
}

static void check_currency(struct reader *r, struct slice currency)
{
	bool fine = currency.len == 3;
	for (size_t i = 0; i < currency.len; i++)
		fine = fine && currency.ptr[i] >= 'A' && currency.ptr[i] <= 'Z';
	if (!fine)
		refuse(r, "currency", "\"%.*s\" is no code such as EUR", SLICE_ARG(currency));
}

enum status sale_read(struct json *json, bool from_log, struct sale *ret_sale, struct error *err)
{
	struct reader r = { .json = json, .from_log = from_log, .err = err };
	struct sale sale = { 0 };
	*ret_sale = sale;
	read_object(&r, sale_fields, &sale);
	if (r.full)
		return error_set(err, E_FULL, "the request needs too much memory");
	if (json->problem != NULL)
		return error_set(err, E_CORRUPT, "byte %zu: %s", json_offset(json), json->problem);
	if (!r.refused) {
		check_currency(&r, sale.currency);
		check_sums(&r, &sale);
	}
	*ret_sale = sale;
	return r.refused ? E_INPUT : OK;
}

static void write_decimal(struct buf *buf, const char *name, struct decimal value)
{
	json_write_name(buf, name);
	buf_char(buf, '"');
	decimal_write(value, buf);
	buf_char(buf, '"');
}

static void write_line(const struct sale_line *line, struct buf *buf)
{
	json_write_comma(buf);
	buf_char(buf, '{');
	if (line->item.ptr != NULL)
		json_write_member(buf, "item", line->item);
	if (line->description.ptr != NULL)
		json_write_member(buf, "description", line->description);
	write_decimal(buf, "quantity", line->quantity);
	if (line->unit_price.set)
		write_decimal(buf, "unit_price", line->unit_price);
	write_decimal(buf, "amount", line->amount);
	if (line->tax.set)
		write_decimal(buf, "tax", line->tax);
	json_write_member_text(buf, "kind", kind_names[line->kind]);
	buf_char(buf, '}');
}

static void write_payment(const struct sale_payment *payment, struct buf *buf)
{
	json_write_comma(buf);
	buf_char(buf, '{');
	json_write_member(buf, "method", payment->method);
	write_decimal(buf, "amount", payment->amount);
	buf_char(buf, '}');
}

void sale_write(const struct sale *sale, struct slice number, struct slice at, struct buf *buf)
{
	char date[DATE_TEXT_LEN + 1];
	date_print(sale->date, date);
	buf_char(buf, '{');
	json_write_member(buf, "number", number);
	json_write_member(buf, "at", at);
	json_write_member(buf, "reference", sale->reference);
	if (sale->reverses.ptr != NULL)
		json_write_member(buf, "reverses", sale->reverses);
	json_write_member(buf, "warehouse", sale->warehouse);
	json_write_member_text(buf, "date", date);
	json_write_member(buf, "currency", sale->currency);
	json_write_name(buf, "lines");
	buf_char(buf, '[');
	for (uint32_t i = 0; i < sale->lines.count; i++)
		write_line(&sale->lines.items[i], buf);
	buf_char(buf, ']');
	json_write_name(buf, "payments");
	buf_char(buf, '[');
	for (uint32_t i = 0; i < sale->payments.count; i++)
		write_payment(&sale->payments.items[i], buf);
	buf_char(buf, ']');
	write_decimal(buf, "net", sale->net);
	write_decimal(buf, "tax", sale->tax);
	write_decimal(buf, "total", sale->total);
	write_decimal(buf, "rounding", sale->rounding);
	buf_char(buf, '}');
}

bool sale_stock_change(const struct sale_line *line, struct total *ret_change)
{
	struct total quantity = total_of(line->quantity);
	switch (line->kind) {
	case SALE_GOODS:
	case SALE_RETURN:
		*ret_change = total_negate(quantity);
		return true;
	case SALE_WRITE_OFF:
		*ret_change = quantity;
		return true;
	default:
		return false;
	}
}
