#include "erp/wire.h"

#include "base/check.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>

static void write_text(struct buf *buf, struct slice text)
{
	buf_char(buf, '"');
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		if (c == '"' || c == '\\')
			buf_format(buf, "\\%c", c);
		else if ((unsigned char)c < ' ')
			buf_format(buf, "\\u%04x", (unsigned)c);
		else
			buf_char(buf, c);
	}
	buf_char(buf, '"');
}

static void write_date(struct buf *buf, date_t date)
{
	buf_format(buf, "{\"__class__\":\"date\",\"year\":%u,\"month\":%u,\"day\":%u}",
		date / 10000, date / 100 % 100, date % 100);
}

static void write_decimal(struct buf *buf, const struct total *value)
{
	buf_text(buf, "{\"__class__\":\"Decimal\",\"decimal\":\"");
	total_write(*value, 0, buf);
	buf_text(buf, "\"}");
}

void wire_write(struct buf *buf, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	for (const char *c = format; *c != '\0'; c++) {
		if (*c != '%') {
			buf_char(buf, *c == '\'' ? '"' : *c);
			continue;
		}
		switch (*++c) {
		case 'i':
			buf_format(buf, "%" PRId64, va_arg(args, int64_t));
			break;
		case 's':
			write_text(buf, slice_of(va_arg(args, const char *)));
			break;
		case 't':
			write_text(buf, *va_arg(args, const struct slice *));
			break;
		case 'd':
			write_date(buf, va_arg(args, date_t));
			break;
		case 'm':
			write_decimal(buf, va_arg(args, const struct total *));
			break;
		case 'q':
			total_write(*va_arg(args, const struct total *), 1, buf);
			break;
		default:
			check(*c == '%'); /* nothing else is a directive */
			buf_char(buf, '%');
		}
	}
	va_end(args);
}

struct json_t *wire_parse(struct slice text)
{
	json_error_t problem;
	return json_loadb(text.ptr, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &problem);
}

void wire_release(struct json_t *value)
{
	json_decref(value);
}

struct json_t *wire_take(const struct json_t *object, const char *name)
{
	return json_incref(json_object_get(object, name));
}

struct json_t *wire_keep(struct json_t *value)
{
	return json_incref(value);
}

size_t wire_count(const struct json_t *list)
{
	return json_array_size(list);
}

const struct json_t *wire_at(const struct json_t *list, size_t index)
{
	return json_array_get(list, index);
}

const struct json_t *wire_get(const struct json_t *object, const char *name)
{
	return json_object_get(object, name);
}

const struct json_t *wire_path(
	const struct json_t *object, const char *name, const char *name_inside)
{
	return wire_get(wire_get(object, name), name_inside);
}

bool wire_is_text(const struct json_t *value)
{
	return json_is_string(value);
}

bool wire_is_null(const struct json_t *value)
{
	return value == NULL || json_is_null(value);
}

bool wire_is_list(const struct json_t *value)
{
	return json_is_array(value);
}

bool wire_is_true(const struct json_t *value)
{
	return json_is_true(value);
}

bool wire_is_false(const struct json_t *value)
{
	return json_is_false(value);
}

struct slice wire_text(const struct json_t *value)
{
	return slice_make(json_string_value(value), json_string_length(value));
}

int64_t wire_id(const struct json_t *value)
{
	return json_integer_value(value);
}

/* A float carries 15 digits for sure; what stands behind them is not Tryton's but the format's. */
static struct total of_float(double number)
{
	char text[64];
	struct total value = total_zero();
	double size = number < 0 ? -number : number;
	int decimals = 9;
	double limit = 1e6;
	while (size >= limit && decimals > 0) {
		limit *= 10;
		decimals--;
	}
	int len = snprintf(text, sizeof(text), "%.*f", decimals, number);
	if (len <= 0 || len >= (int)sizeof(text) ||
		!total_parse(slice_make(text, (size_t)len), &value))
		return total_zero();
	return value;
}

struct total wire_total(const struct json_t *value)
{
	struct total total = total_zero();
	if (json_is_integer(value))
		return (struct total){ (__int128)json_integer_value(value) * 1000000000 };
	if (json_is_real(value))
		return of_float(json_real_value(value));
	/* Python prints some zeros as "0E-8", and computed prices with 16 decimals. */
	struct slice text = wire_text(wire_get(value, "decimal"));
	struct slice decimals = { NULL, 0 };
	slice_cut(text, '.', &decimals);
	if (decimals.len > DECIMAL_SCALE_MAX)
		text.len -= decimals.len - DECIMAL_SCALE_MAX;
	if (!total_parse(text, &total))
		return total_zero();
	return total;
}

date_t wire_date(const struct json_t *value)
{
	int64_t year = wire_id(wire_get(value, "year"));
	int64_t month = wire_id(wire_get(value, "month"));
	int64_t day = wire_id(wire_get(value, "day"));
	return (date_t)(year * 10000 + month * 100 + day);
}
