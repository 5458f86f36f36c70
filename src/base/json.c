#include "base/json.h"

#include "base/check.h"

#include <stdio.h>

void json_init(struct json *json, struct slice text, struct arena *arena)
{
	*json = (struct json){
		.at = text.ptr, .end = text.ptr + text.len, .begin = text.ptr, .arena = arena
	};
}

static bool fail(struct json *json, const char *problem)
{
	if (json->problem == NULL)
		json->problem = problem;
	return false;
}

static bool fail_full(struct json *json)
{
	json->full = json->problem == NULL;
	return fail(json, "the document needs too much memory");
}

static inline void skip_space(struct json *json)
{
	const char *p = json->at, *end = json->end;
	while (p < end && (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r'))
		p++;
	json->at = p;
}

const uint8_t json_first_bytes[256] = {
	['"'] = JSON_STRING,
	['{'] = JSON_OBJECT,
	['['] = JSON_ARRAY,
	['t'] = JSON_TRUE,
	['f'] = JSON_FALSE,
	['n'] = JSON_NULL,
	['-'] = JSON_NUMBER,
	['0' ... '9'] = JSON_NUMBER,
};

enum json_type json_peek_behind_space(struct json *json)
{
	skip_space(json);
	if (json->at == json->end || json->problem != NULL)
		return JSON_NONE;
	return (enum json_type)json_first_bytes[(unsigned char)*json->at];
}

const char *json_type_name(enum json_type type)
{
	static const char *const names[] = {
		[JSON_NONE] = "nothing",
		[JSON_STRING] = "a string",
		[JSON_NUMBER] = "a number",
		[JSON_TRUE] = "true",
		[JSON_FALSE] = "false",
		[JSON_NULL] = "null",
		[JSON_OBJECT] = "an object",
		[JSON_ARRAY] = "an array",
	};
	return names[type];
}

/* Length of the valid UTF-8 sequence at p, 0 when there is none (RFC 3629, section 4). */
static size_t utf8_length(const char *text, const char *end)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t left = (size_t)(end - text);
	unsigned char low = 0x80, high = 0xbf;
	size_t n;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		n = 2;
	else if (p[0] >= 0xe0 && p[0] <= 0xef)
		n = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		n = 4;
	else
		return 0;
	if (left < n)
		return 0;
	if (p[0] == 0xe0)
		low = 0xa0;
	if (p[0] == 0xed)
		high = 0x9f;
	if (p[0] == 0xf0)
		low = 0x90;
	if (p[0] == 0xf4)
		high = 0x8f;
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	return n;
}

/* How many of the first bytes at p, up to eight, are no quote, backslash, control character or
 * part of a character beyond ASCII. Each of the differences sets the top bit of a byte that is one;
 * a borrow can only spoil bytes above the first such byte, which is the one that is looked for. */
static inline unsigned plain_bytes(const char *p)
{
	const uint64_t ones = 0x0101010101010101U, tops = 0x8080808080808080U;
	uint64_t word;
	memcpy(&word, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	uint64_t quote = word ^ (ones * '"'), slash = word ^ (ones * '\\');
	uint64_t hit = (word | (word - ones * 0x20) | (quote - ones) | (slash - ones)) & tops;
	return hit == 0 ? 8 : (unsigned)__builtin_ctzll(hit) / 8;
}

static bool hex4(const char *p, const char *end, unsigned *ret_unit)
{
	unsigned unit = 0;
	if (end - p < 4)
		return false;
	for (int i = 0; i < 4; i++) {
		unsigned c = (unsigned char)p[i];
		unsigned digit;
		if (c >= '0' && c <= '9')
			digit = c - '0';
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			digit = (c | 32) - 'a' + 10;
		else
			return false;
		unit = unit * 16 + digit;
	}
	*ret_unit = unit;
	return true;
}

static char *put_utf8(char *out, unsigned code)
{
	if (code < 0x80) {
		*out++ = (char)code;
	} else if (code < 0x800) {
		*out++ = (char)(0xc0 | code >> 6);
		*out++ = (char)(0x80 | (code & 63));
	} else if (code < 0x10000) {
		*out++ = (char)(0xe0 | code >> 12);
		*out++ = (char)(0x80 | (code >> 6 & 63));
		*out++ = (char)(0x80 | (code & 63));
	} else {
		*out++ = (char)(0xf0 | code >> 18);
		*out++ = (char)(0x80 | (code >> 12 & 63));
		*out++ = (char)(0x80 | (code >> 6 & 63));
		*out++ = (char)(0x80 | (code & 63));
	}
	return out;
}

/* At the backslash in *at; writes the character and moves on. */
static bool unescape(struct json *json, const char **at, char **out)
{
	const char *p = *at + 1;
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	if (p == json->end)
		return false;
	const char *known = *p == '\0' ? NULL : strchr(from, *p);
	if (known != NULL) {
		*(*out)++ = to[known - from];
		*at = p + 1;
		return true;
	}
	unsigned code, low;
	if (*p != 'u' || !hex4(p + 1, json->end, &code))
		return false;
	p += 5;
	if (code >= 0xd800 && code <= 0xdfff) {
		if (code >= 0xdc00 || json->end - p < 6 || p[0] != '\\' || p[1] != 'u' ||
			!hex4(p + 2, json->end, &low) || low < 0xdc00 || low > 0xdfff)
			return false;
		code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
		p += 6;
	}
	*out = put_utf8(*out, code);
	*at = p;
	return true;
}

/* Steps over the bytes of a string up to its closing quote or first escape. */
static inline bool plain_run(struct json *json, const char **at)
{
	const char *p = *at, *end = json->end;
	for (;;) {
		while (end - p >= 8) {
			unsigned n = plain_bytes(p);
			p += n;
			if (n < 8)
				break;
		}
		if (p == end) {
			json->at = p;
			return fail(json, "the string has no closing quote");
		}
		unsigned char c = (unsigned char)*p;
		if (c == '"' || c == '\\')
			break;
		size_t n = c < 0x80 ? 1 : utf8_length(p, end);
		if (c < 0x20 || n == 0) {
			json->at = p;
			return fail(json, c < 0x20 ? "a control character stands in a string"
						   : "the bytes are not UTF-8");
		}
		p += n;
	}
	*at = p;
	return true;
}

/* The string has escapes; `p` stands at the first one. An escape is never shorter than what it
 * means, so the rest of the input up to the quote bounds the copy. */
static bool string_with_escapes(
	struct json *json, const char *start, const char *p, struct slice *ret_value)
{
	const char *quote = p;
	while (quote < json->end && *quote != '"')
		quote += *quote == '\\' ? 2 : 1;
	if (quote >= json->end) {
		json->at = json->end;
		return fail(json, "the string has no closing quote");
	}
	char *copy = arena_alloc(json->arena, (size_t)(quote - start) + 1);
	if (copy == NULL)
		return fail_full(json);
	char *out = copy;
	for (;;) {
		memcpy(out, start, (size_t)(p - start));
		out += p - start;
		if (*p == '"')
			break;
		if (!unescape(json, &p, &out)) {
			json->at = p;
			return fail(json, "an escape in a string is not one of JSON");
		}
		start = p;
		if (!plain_run(json, &p))
			return false;
	}
	json->at = p + 1;
	*ret_value = slice_make(copy, (size_t)(out - copy));
	return true;
}

bool json_string(struct json *json, struct slice *ret_value)
{
	if (json_peek(json) != JSON_STRING)
		return fail(json, "a string is expected");
	const char *start = json->at + 1, *p = start;
	if (!plain_run(json, &p))
		return false;
	if (*p == '\\')
		return string_with_escapes(json, start, p, ret_value);
	*ret_value = slice_make(start, (size_t)(p - start));
	json->at = p + 1;
	return true;
}

static const char *skip_digits(const char *p, const char *end)
{
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

bool json_number(struct json *json, struct slice *ret_text)
{
	if (json_peek(json) != JSON_NUMBER)
		return fail(json, "a number is expected");
	const char *start = json->at, *p = start, *end = json->end;
	if (*p == '-')
		p++;
	const char *whole = p;
	p = skip_digits(p, end);
	bool good = p > whole && (*whole != '0' || p == whole + 1);
	if (good && p < end && *p == '.') {
		const char *fraction = ++p;
		p = skip_digits(p, end);
		good = p > fraction;
	}
	if (good && p < end && (*p == 'e' || *p == 'E')) {
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		const char *exponent = p;
		p = skip_digits(p, end);
		good = p > exponent;
	}
	json->at = p;
	if (!good)
		return fail(json, "the number is not one of JSON");
	*ret_text = slice_make(start, (size_t)(p - start));
	return true;
}

static bool word(struct json *json, const char *text)
{
	size_t n = strlen(text);
	if ((size_t)(json->end - json->at) < n || memcmp(json->at, text, n) != 0)
		return fail(json, "a value is expected");
	json->at += n;
	return true;
}

bool json_bool(struct json *json, bool *ret_value)
{
	enum json_type type = json_peek(json);
	if (type != JSON_TRUE && type != JSON_FALSE)
		return fail(json, "true or false is expected");
	*ret_value = type == JSON_TRUE;
	return word(json, type == JSON_TRUE ? "true" : "false");
}

bool json_null(struct json *json)
{
	if (json_peek(json) != JSON_NULL)
		return fail(json, "null is expected");
	return word(json, "null");
}

static bool open_bracket(struct json *json, enum json_type type, const char *problem)
{
	if (json_peek(json) != type)
		return fail(json, problem);
	if (json->depth == JSON_DEPTH_MAX)
		return fail(json, "the document is nested deeper than 32 levels");
	json->depth++;
	json->opened = true;
	json->at++;
	return true;
}

bool json_object(struct json *json)
{
	return open_bracket(json, JSON_OBJECT, "an object is expected");
}

bool json_array(struct json *json)
{
	return open_bracket(json, JSON_ARRAY, "an array is expected");
}

/* Takes the separator before the next item, or the closing bracket. */
static inline bool next_item(struct json *json, char close)
{
	if (json->problem != NULL)
		return false;
	bool first = json->opened;
	json->opened = false;
	skip_space(json);
	if (json->at == json->end)
		return fail(json, "the document ends too early");
	if (*json->at == close) {
		json->at++;
		json->depth--;
		return false;
	}
	if (first)
		return true;
	if (*json->at != ',')
		return fail(json, "a comma or a closing bracket is expected");
	json->at++;
	skip_space(json);
	if (json->at < json->end && *json->at == close)
		return fail(json, "a value is expected after the comma");
	return true;
}

static inline bool colon(struct json *json)
{
	skip_space(json);
	if (json->at == json->end || *json->at != ':')
		return fail(json, "a colon is expected");
	json->at++;
	return true;
}

bool json_member(struct json *json, struct slice *ret_name)
{
	if (!next_item(json, '}'))
		return false;
	if (json_peek(json) != JSON_STRING)
		return fail(json, "a name in quotes is expected");
	return json_string(json, ret_name) && colon(json);
}

/* memcmp() for names, which are short: whole words that overlap. */
static inline bool same_bytes(const char *a, const char *b, size_t n)
{
	uint64_t a8, b8, a8_last, b8_last;
	uint32_t a4, b4, a4_last, b4_last;
	if (n >= 8 && n <= 16) {
		memcpy(&a8, a, 8);
		memcpy(&b8, b, 8);
		memcpy(&a8_last, a + n - 8, 8);
		memcpy(&b8_last, b + n - 8, 8);
		return a8 == b8 && a8_last == b8_last;
	}
	if (n >= 4 && n < 8) {
		memcpy(&a4, a, 4);
		memcpy(&b4, b, 4);
		memcpy(&a4_last, a + n - 4, 4);
		memcpy(&b4_last, b + n - 4, 4);
		return a4 == b4 && a4_last == b4_last;
	}
	return memcmp(a, b, n) == 0;
}

bool json_member_guess(struct json *json, struct slice guess, struct slice *ret_name)
{
	if (!next_item(json, '}'))
		return false;
	const char *p = json->at;
	if ((size_t)(json->end - p) >= guess.len + 2 && *p == '"' && p[guess.len + 1] == '"' &&
		same_bytes(p + 1, guess.ptr, guess.len)) {
		json->at = p + guess.len + 2;
		*ret_name = guess;
		return colon(json);
	}
	if (json_peek(json) != JSON_STRING)
		return fail(json, "a name in quotes is expected");
	return json_string(json, ret_name) && colon(json);
}

bool json_element(struct json *json)
{
	return next_item(json, ']');
}

/* The names of an object that is skipped, compared by their 64-bit hashes first. The place for
 * them grows with the object: most are small, and a document may hold thousands of them. */
struct names {
	uint64_t *hashes;
	struct slice *names;
	size_t count, size;
};

static bool grow_names(struct json *json, struct names *names)
{
	enum { FIRST_NAMES = 1 };
	size_t size = names->size == 0 ? FIRST_NAMES : 2 * names->size;
	uint64_t *hashes = arena_array(json->arena, uint64_t, size);
	struct slice *texts = arena_array(json->arena, struct slice, size);
	if (hashes == NULL || texts == NULL)
		return fail_full(json);
	if (names->count > 0) {
		memcpy(hashes, names->hashes, names->count * sizeof(*hashes));
		memcpy(texts, names->names, names->count * sizeof(*texts));
	}
	*names = (struct names){ hashes, texts, names->count, size };
	return true;
}

static bool add_name(struct json *json, struct names *names, struct slice name)
{
	if (json->repeats)
		return true;
	uint64_t hash = slice_hash(name, 0);
	for (size_t i = 0; i < names->count; i++)
		if (names->hashes[i] == hash && slice_equal(names->names[i], name))
			return fail(json, "a name stands twice in one object");
	if (names->count == JSON_MEMBERS_MAX)
		return fail(json, "an object has more than 1024 members");
	if (names->count == names->size && !grow_names(json, names))
		return false;
	names->hashes[names->count] = hash;
	names->names[names->count++] = name;
	return true;
}

static bool skip_object(struct json *json)
{
	struct names names = { 0 };
	struct slice name;
	json_object(json);
	while (json_member(json, &name))
		if (!add_name(json, &names, name) || !json_skip(json, NULL))
			return false;
	return json->problem == NULL;
}

static bool skip_array(struct json *json)
{
	json_array(json);
	while (json_element(json))
		if (!json_skip(json, NULL))
			return false;
	return json->problem == NULL;
}

/* Recursion is bounded by JSON_DEPTH_MAX. */
bool json_skip(struct json *json, struct slice *ret_raw)
{
	struct slice text;
	bool value, good = false;
	enum json_type type = json_peek(json);
	const char *start = json->at;
	switch (type) {
	case JSON_STRING:
		good = json_string(json, &text);
		break;
	case JSON_NUMBER:
		good = json_number(json, &text);
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		good = json_bool(json, &value);
		break;
	case JSON_NULL:
		good = json_null(json);
		break;
	case JSON_OBJECT:
		good = json->depth < JSON_DEPTH_MAX ? skip_object(json) : json_object(json);
		break;
	case JSON_ARRAY:
		good = json->depth < JSON_DEPTH_MAX ? skip_array(json) : json_array(json);
		break;
	case JSON_NONE:
		good = fail(json, "a value is expected");
		break;
	}
	if (good && ret_raw != NULL)
		*ret_raw = slice_make(start, (size_t)(json->at - start));
	return good;
}

bool json_end(struct json *json)
{
	if (json->problem != NULL)
		return false;
	skip_space(json);
	return json->at == json->end || fail(json, "something stands behind the document");
}

void json_write_string(struct buf *buf, struct slice text)
{
	static const char hex[] = "0123456789abcdef";
	buf_char(buf, '"');
	size_t start = 0;
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		if (c >= 0x80) {
			size_t n = utf8_length(text.ptr + i, text.ptr + text.len);
			if (n > 0) {
				i += n - 1;
				continue;
			}
			buf_append(buf, text.ptr + start, i - start);
			start = i + 1;
			buf_append(buf, "\xef\xbf\xbd", 3);
			continue;
		}
		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		buf_append(buf, text.ptr + start, i - start);
		start = i + 1;
		if (c == '"' || c == '\\') {
			char escape[2] = { '\\', (char)c };
			buf_append(buf, escape, 2);
		} else {
			char escape[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };
			buf_append(buf, escape, 6);
		}
	}
	buf_append(buf, text.ptr + start, text.len - start);
	buf_char(buf, '"');
}

void json_write_comma(struct buf *buf)
{
	if (buf->len == 0)
		return;
	char last = buf->ptr[buf->len - 1];
	if (last != '{' && last != '[' && last != '\n')
		buf_char(buf, ',');
}

void json_write_name(struct buf *buf, const char *name)
{
	json_write_comma(buf);
	json_write_string(buf, slice_of(name));
	buf_char(buf, ':');
}

void json_write_member(struct buf *buf, const char *name, struct slice text)
{
	json_write_name(buf, name);
	json_write_string(buf, text);
}

void json_write_member_text(struct buf *buf, const char *name, const char *text)
{
	json_write_member(buf, name, slice_of(text));
}

void json_write_member_u64(struct buf *buf, const char *name, uint64_t value)
{
	json_write_name(buf, name);
	buf_u64(buf, value);
}

void json_write_member_bool(struct buf *buf, const char *name, bool value)
{
	json_write_name(buf, name);
	buf_text(buf, value ? "true" : "false");
}

void json_write_member_null(struct buf *buf, const char *name)
{
	json_write_name(buf, name);
	buf_text(buf, "null");
}

void json_write_member_raw(struct buf *buf, const char *name, struct slice json)
{
	json_write_name(buf, name);
	buf_slice(buf, json);
}

void json_minify(struct buf *buf, struct slice json)
{
	bool quoted = false;
	size_t start = 0;
	for (size_t i = 0; i < json.len; i++) {
		char c = json.ptr[i];
		if (quoted) {
			if (c == '\\')
				i++;
			else if (c == '"')
				quoted = false;
		} else if (c == '"') {
			quoted = true;
		} else if (c == ' ' || c == '\n' || c == '\t' || c == '\r') {
			buf_append(buf, json.ptr + start, i - start);
			start = i + 1;
		}
	}
	buf_append(buf, json.ptr + start, json.len - start);
}
