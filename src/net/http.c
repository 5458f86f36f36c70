#include "net/http.h"

#include <stdarg.h>
#include <stdio.h>

/* The head is read line by line, and a line is looked at when its CRLF is there. What refuses a
 * prefix therefore refuses every longer one for the same reason, and it does not matter in which
 * pieces the bytes arrive. */
struct parse {
	const char *at;
	const char *end;        /* no byte behind it is looked at */
	bool full;              /* `end` is where the limit ends, not where the bytes do */
	struct slice authority; /* of an absolute target */
	unsigned host_count;
	bool length_seen, coding_seen, expect_seen;
	bool close_seen, keep_alive_seen;
	struct http_head *head;
	unsigned *ret_http_status;
	struct error *err;
};

enum {
	TOKEN = 1,  /* methods and names of fields: RFC 9110, 5.6.2 */
	TARGET = 2, /* RFC 3986, without '#', which no client may send */
	HOST = 4,   /* a registered name or an IPv4 address */
	REQUEST_LINE_MAX = HTTP_TARGET_BYTES_MAX + 64,
	EMPTY_LINE_LEN = 2,
};

static const uint8_t kinds[256] = {
	['0' ... '9'] = TOKEN | TARGET | HOST,
	['a' ... 'z'] = TOKEN | TARGET | HOST,
	['A' ... 'Z'] = TOKEN | TARGET | HOST,
	['-'] = TOKEN | TARGET | HOST,
	['.'] = TOKEN | TARGET | HOST,
	['_'] = TOKEN | TARGET | HOST,
	['~'] = TOKEN | TARGET | HOST,
	['!'] = TOKEN | TARGET,
	['$'] = TOKEN | TARGET,
	['%'] = TOKEN | TARGET,
	['&'] = TOKEN | TARGET,
	['\''] = TOKEN | TARGET,
	['*'] = TOKEN | TARGET,
	['+'] = TOKEN | TARGET,
	['('] = TARGET,
	[')'] = TARGET,
	[','] = TARGET,
	['/'] = TARGET,
	[':'] = TARGET,
	[';'] = TARGET,
	['='] = TARGET,
	['?'] = TARGET,
	['@'] = TARGET,
	['#'] = TOKEN,
	['^'] = TOKEN,
	['`'] = TOKEN,
	['|'] = TOKEN,
};

static bool all_of(struct slice text, unsigned kind)
{
	for (size_t i = 0; i < text.len; i++)
		if ((kinds[(uint8_t)text.ptr[i]] & kind) == 0)
			return false;
	return true;
}

__attribute__((format(printf, 3, 4))) static enum status refuse(
	struct parse *parse, unsigned http_status, const char *format, ...)
{
	char text[ERROR_TEXT_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	*parse->ret_http_status = http_status;
	return error_set(parse->err, E_INPUT, "%s", text);
}

/* The bytes end before the line does. */
static enum status line_unfinished(struct parse *parse, bool request_line)
{
	if (!parse->full)
		return E_RETRY;
	if (request_line)
		return refuse(
			parse, 414, "the request line is longer than %d bytes", REQUEST_LINE_MAX);
	return refuse(parse, 431, "the head is longer than %d bytes", HTTP_HEAD_BYTES_MAX);
}

static enum status take_line(struct parse *parse, bool request_line, struct slice *ret_line)
{
	const char *p = parse->at;
	while (p < parse->end && ((uint8_t)*p >= ' ' || *p == '\t') && *p != 0x7f)
		p++;
	if (p == parse->end || (*p == '\r' && p + 1 == parse->end))
		return line_unfinished(parse, request_line);
	if (*p == '\n')
		return refuse(parse, 400, "a line ends with a bare line feed; expected CR LF");
	if (*p != '\r')
		return refuse(parse, 400, "the control byte 0x%02x is in the head", (uint8_t)*p);
	if (p[1] != '\n')
		return refuse(parse, 400, "a bare carriage return is in the head");
	*ret_line = slice_make(parse->at, (size_t)(p - parse->at));
	parse->at = p + 2;
	return OK;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static enum status parse_version(struct parse *parse, struct slice version)
{
	const char *v = version.ptr;
	if (version.len != 8 || !slice_starts(version, "HTTP/") || !is_digit(v[5]) || v[6] != '.' ||
		!is_digit(v[7]))
		return refuse(parse, 400,
			"the request line does not end with a version; expected \"HTTP/1.1\"");
	if (v[5] != '1' || v[7] > '1')
		return refuse(parse, 505, "the version is %.8s; expected HTTP/1.1", v);
	parse->head->minor = (unsigned)(v[7] - '0');
	return OK;
}

/* "http://shop.example/path": the authority must be what Host says, checked at the end. */
static enum status cut_authority(struct parse *parse, struct slice *text)
{
	size_t scheme_len = slice_starts(*text, "https://") ? 8 : 7;
	struct slice rest = slice_make(text->ptr + scheme_len, text->len - scheme_len);
	size_t n = 0;
	while (n < rest.len && rest.ptr[n] != '/' && rest.ptr[n] != '?')
		n++;
	if (n == 0)
		return refuse(parse, 400, "the target has a scheme but no host");
	parse->authority = slice_make(rest.ptr, n);
	*text = slice_make(rest.ptr + n, rest.len - n);
	return OK;
}

static enum status parse_target(struct parse *parse)
{
	struct http_head *head = parse->head;
	struct slice text = head->target;
	if (text.len > HTTP_TARGET_BYTES_MAX)
		return refuse(parse, 414, "the target has %zu bytes; at most %d are allowed",
			text.len, HTTP_TARGET_BYTES_MAX);
	if (text.len == 0 || !all_of(text, TARGET))
		return refuse(parse, 400, "the target is empty or has a byte that must be escaped");
	if (slice_is(head->method, "CONNECT"))
		return refuse(parse, 501, "CONNECT is asked for; this is no proxy");
	if (slice_starts(text, "http://") || slice_starts(text, "https://")) {
		enum status s = cut_authority(parse, &text);
		if (s != OK)
			return s;
	} else if (text.ptr[0] != '/' &&
		   !(slice_is(text, "*") && slice_is(head->method, "OPTIONS"))) {
		return refuse(parse, 400, "the target does not begin with '/'");
	}
	head->path = slice_cut(text, '?', &head->query);
	if (head->path.len == 0)
		head->path = slice_of("/");
	return OK;
}

static enum status parse_request_line(struct parse *parse, struct slice line)
{
	struct http_head *head = parse->head;
	struct slice rest, version;
	head->method = slice_cut(line, ' ', &rest);
	if (head->method.len == 0 || !all_of(head->method, TOKEN))
		return refuse(parse, 400, "the request line does not begin with a method");
	head->target = slice_cut(rest, ' ', &version);
	enum status s = parse_version(parse, version);
	return s == OK ? parse_target(parse) : s;
}

/* The one length or coding that says where the body ends. */
static enum status take_content_length(struct parse *parse, struct slice value)
{
	if (parse->length_seen)
		return refuse(parse, 400, "Content-Length stands there twice");
	parse->length_seen = true;
	if (!slice_to_u64(value, &parse->head->content_length) ||
		(value.len > 1 && value.ptr[0] == '0'))
		return refuse(parse, 400, "Content-Length is not a plain decimal number");
	parse->head->has_length = true;
	return OK;
}

static enum status take_transfer_encoding(struct parse *parse, struct slice value)
{
	if (parse->coding_seen)
		return refuse(parse, 400, "Transfer-Encoding stands there twice");
	parse->coding_seen = true;
	if (value.len == 0)
		return refuse(parse, 400, "Transfer-Encoding is empty");
	if (!slice_equal_nocase(value, "chunked"))
		return refuse(parse, 501, "Transfer-Encoding is not exactly \"chunked\"");
	parse->head->chunked = true;
	return OK;
}

static enum status take_expect(struct parse *parse, struct slice value)
{
	if (parse->expect_seen || !slice_equal_nocase(value, "100-continue"))
		return refuse(parse, 417, "Expect is not exactly one \"100-continue\"");
	parse->expect_seen = true;
	return OK;
}

static void take_connection(struct parse *parse, struct slice value)
{
	while (value.len > 0) {
		struct slice option = slice_trim(slice_cut(value, ',', &value));
		if (slice_equal_nocase(option, "close"))
			parse->close_seen = true;
		else if (slice_equal_nocase(option, "keep-alive"))
			parse->keep_alive_seen = true;
	}
}

/* "[2001:db8::7]:8443", "shop.example", "10.1.2.3:80". */
static bool is_host(struct slice text)
{
	struct slice behind, port;
	if (slice_starts(text, "[")) {
		struct slice address = slice_cut(text, ']', &behind);
		for (size_t i = 1; i < address.len; i++)
			if (memchr("0123456789abcdefABCDEF:.", address.ptr[i], 24) == NULL)
				return false;
		if (address.len < 3 || behind.ptr == NULL || slice_cut(behind, ':', &port).len > 0)
			return false;
	} else {
		struct slice name = slice_cut(text, ':', &port);
		if (name.len == 0 || !all_of(name, HOST))
			return false;
	}
	uint64_t number;
	return port.ptr == NULL || (slice_to_u64(port, &number) && number <= UINT16_MAX);
}

static enum status take_host(struct parse *parse, struct slice value)
{
	if (parse->host_count++ > 0)
		return refuse(parse, 400, "Host stands there twice");
	if (!is_host(value))
		return refuse(parse, 400, "Host is not a name or address with an optional port");
	return OK;
}

/* The fields that decide how the message is read; their lengths differ, so that most others cost
 * one comparison. */
static enum status take_field(struct parse *parse, const struct http_field *field)
{
	switch (field->name.len) {
	case 4:
		if (slice_equal_nocase(field->name, "Host"))
			return take_host(parse, field->value);
		break;
	case 6:
		if (slice_equal_nocase(field->name, "Expect"))
			return take_expect(parse, field->value);
		break;
	case 10:
		if (slice_equal_nocase(field->name, "Connection"))
			take_connection(parse, field->value);
		break;
	case 14:
		if (slice_equal_nocase(field->name, "Content-Length"))
			return take_content_length(parse, field->value);
		break;
	case 17:
		if (slice_equal_nocase(field->name, "Transfer-Encoding"))
			return take_transfer_encoding(parse, field->value);
		break;
	}
	return OK;
}

static enum status parse_field(struct parse *parse, struct slice line)
{
	struct http_head *head = parse->head;
	struct slice value, name = slice_cut(line, ':', &value);
	if (line.ptr[0] == ' ' || line.ptr[0] == '\t')
		return refuse(parse, 400, "a field is folded over two lines");
	if (value.ptr == NULL)
		return refuse(parse, 400, "a line of the head has no colon");
	if (name.len == 0 || !all_of(name, TOKEN))
		return refuse(parse, 400,
			"the name of a field is empty or has a space or another odd byte");
	if (head->field_count == HTTP_FIELDS_MAX)
		return refuse(parse, 431, "the head has more than %d fields", HTTP_FIELDS_MAX);
	struct http_field *field = &head->fields[head->field_count++];
	field->name = name;
	field->value = slice_trim(value);
	return take_field(parse, field);
}

static enum status check_host(struct parse *parse)
{
	if (parse->host_count == 0 && parse->head->minor == 1)
		return refuse(parse, 400, "Host is missing");
	if (parse->authority.ptr == NULL)
		return OK;
	struct slice host = http_field(parse->head, "Host");
	if (!slice_equal(parse->authority, host))
		return refuse(parse, 400, "the target names another host than Host");
	return OK;
}

/* What only the whole head can tell. */
static enum status finish(struct parse *parse)
{
	struct http_head *head = parse->head;
	enum status s = check_host(parse);
	if (s != OK)
		return s;
	if (parse->coding_seen && parse->length_seen)
		return refuse(parse, 400,
			"both Content-Length and Transfer-Encoding are there; expected one");
	if (parse->coding_seen && head->minor == 0)
		return refuse(parse, 400, "Transfer-Encoding is there in HTTP/1.0");
	head->keep_alive = !parse->close_seen && (head->minor == 1 || parse->keep_alive_seen);
	head->expect_continue = parse->expect_seen && head->minor == 1;
	return OK;
}

static void head_reset(struct http_head *head)
{
	/* Not the fields: three kilobytes that field_count already declares empty. */
	head->method = head->target = head->path = head->query = (struct slice){ NULL, 0 };
	head->minor = 0;
	head->field_count = 0;
	head->chunked = head->has_length = head->keep_alive = head->expect_continue = false;
	head->content_length = 0;
}

static void limit_to(struct parse *parse, const char *begin, struct slice bytes, size_t limit)
{
	parse->full = bytes.len >= limit;
	parse->end = begin + (parse->full ? limit : bytes.len);
}

enum status http_parse_head(struct slice bytes, struct http_head *ret_head, size_t *ret_len,
	unsigned *ret_http_status, struct error *err)
{
	struct parse parse = {
		.at = bytes.ptr, .head = ret_head, .ret_http_status = ret_http_status, .err = err
	};
	struct slice line = { NULL, 0 };
	head_reset(ret_head);
	if (bytes.len == 0)
		return E_RETRY;
	/* One empty line before a request is what old clients send behind a body (RFC 9112, 2.2).
	 */
	if (slice_starts(bytes, "\r\n"))
		parse.at += EMPTY_LINE_LEN;
	limit_to(&parse, bytes.ptr, bytes, REQUEST_LINE_MAX);
	enum status s = take_line(&parse, true, &line);
	if (s == OK)
		s = parse_request_line(&parse, line);
	limit_to(&parse, bytes.ptr, bytes, HTTP_HEAD_BYTES_MAX);
	while (s == OK) {
		s = take_line(&parse, false, &line);
		if (s != OK || line.len == 0)
			break;
		s = parse_field(&parse, line);
	}
	if (s == OK)
		s = finish(&parse);
	if (s == OK)
		*ret_len = (size_t)(parse.at - bytes.ptr);
	return s;
}

struct slice http_field(const struct http_head *head, const char *name)
{
	size_t len = strlen(name);
	for (unsigned i = 0; i < head->field_count; i++)
		if (head->fields[i].name.len == len &&
			slice_equal_nocase(head->fields[i].name, name))
			return head->fields[i].value;
	return (struct slice){ NULL, 0 };
}
