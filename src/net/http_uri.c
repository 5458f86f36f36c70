#include "net/http.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that the escape at the start of `text` stands for, or -1. */
static int unescape(struct slice text)
{
	if (text.len < 3 || hex_digit(text.ptr[1]) < 0 || hex_digit(text.ptr[2]) < 0)
		return -1;
	return hex_digit(text.ptr[1]) * 16 + hex_digit(text.ptr[2]);
}

bool http_percent_decode(struct slice text, char *out, size_t *ret_len)
{
	size_t len = 0;
	while (text.len > 0) {
		size_t taken = *text.ptr == '%' ? 3 : 1;
		int c = taken == 3 ? unescape(text) : (uint8_t)*text.ptr;
		if (c <= 0)
			return false;
		out[len++] = (char)c;
		text = slice_make(text.ptr + taken, text.len - taken);
	}
	*ret_len = len;
	return true;
}

/* As http_percent_decode(), and '+' is a space: so do HTML forms write queries. */
static bool decode_value(struct slice value, char *out, size_t size)
{
	size_t len = 0;
	while (value.len > 0) {
		size_t taken = *value.ptr == '%' ? 3 : 1;
		int c = taken == 3 ? unescape(value) : (uint8_t)*value.ptr;
		if (taken == 1 && c == '+')
			c = ' ';
		if (c <= 0 || len + 1 >= size)
			return false;
		out[len++] = (char)c;
		value = slice_make(value.ptr + taken, value.len - taken);
	}
	out[len] = '\0';
	return true;
}

bool http_query(struct slice query, const char *name, char *out, size_t size, bool *ret_present)
{
	bool present = false;
	while (query.len > 0) {
		struct slice value, pair = slice_cut(query, '&', &query);
		if (!slice_is(slice_cut(pair, '=', &value), name))
			continue;
		if (present || !decode_value(value, out, size))
			return false;
		present = true;
	}
	*ret_present = present;
	return true;
}
