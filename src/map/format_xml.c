/* XML: each element with the record's name becomes a tree, read in pieces, so that memory follows
 * the record and not the file.
 *
 *     <Amount>5.00</Amount>              "Amount": "5.00"      white space at both ends is cut
 *     <ID Name="A">9</ID>                "ID": {"@Name": "A", "#text": "9"}
 *     <Line/> <Line/>                    "Line": ["", ""]      where the first one stood
 *
 * Names are local names: prefixes and namespaces are left out. Nothing is ever fetched, and a
 * DOCTYPE, without which there are no entities, refuses the whole document. */
#include "map/format.h"

#include <libxml/SAX2.h>
#include <libxml/parser.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

enum {
	CHUNK_BYTES = 64 << 10,
	DEPTH_MAX = 256,     /* of elements around and in a record */
	ATTRIBUTES_MAX = 64, /* of an element */
	ATTRIBUTE_BYTES_MAX = 64 << 10,
	MEMBERS_MAX = 256, /* different names in one element */
	KEPT_TEXT_BYTES = 64 << 10,
};

/* An element of the record that is still open. */
struct open_element {
	struct value *value;
	struct buf text;
};

struct xml_reader {
	const struct format_options *options;
	const struct record_sink *sink;
	struct arena *arena;
	struct error *err;
	xmlParserCtxt *parser;
	struct slice raw;
	unsigned depth;        /* of open elements, the record's own and those around it */
	unsigned record_depth; /* of the open record; 0: none is open */
	size_t record_start;
	int record_line;
	bool seen_root;
	bool unfit; /* the open record is too large or too deep: `why` */
	uint32_t nodes;
	struct open_element open[VALUE_DEPTH_MAX + 1];
	struct error why; /* what is wrong with the record, or with the whole text */
	bool broken;      /* no XML from here on */
	int broken_line;
	size_t broken_at;
	enum status stopped; /* the sink's, or the refusal of the document */
};

static size_t position(const struct xml_reader *r)
{
	long at = xmlByteConsumed(r->parser);
	return at < 0 ? 0 : (size_t)at < r->raw.len ? (size_t)at : r->raw.len;
}

static void stop(struct xml_reader *r, enum status status)
{
	r->stopped = status;
	xmlStopParser(r->parser);
}

/* Nothing behind this place is read. Once the parser is stopped it no longer knows its place. */
static void broken(struct xml_reader *r, int line)
{
	r->broken = true;
	r->broken_line = line;
	r->broken_at = position(r);
}

static enum status report_bad(struct xml_reader *r, int line, size_t from, size_t to)
{
	char where[64];
	snprintf(where, sizeof(where), "line %d, byte %zu", line, from);
	return r->sink->bad(
		r->sink->context, where, &r->why, slice_make(r->raw.ptr + from, to - from), r->err);
}

__attribute__((format(printf, 2, 3))) static void unfit(
	struct xml_reader *r, const char *format, ...)
{
	char text[ERROR_TEXT_MAX];
	va_list args;
	if (r->unfit)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	error_set(&r->why, E_INPUT, "%s", text);
	r->unfit = true;
}

static struct value *new_value(struct xml_reader *r, enum value_kind kind)
{
	struct value *value = r->nodes < VALUE_NODES_MAX ? value_new(r->arena, kind) : NULL;
	r->nodes++;
	if (value == NULL)
		unfit(r, "the record has more elements and attributes than fit (%u)", r->nodes - 1);
	return value;
}

static struct slice copy(struct xml_reader *r, struct slice text)
{
	struct slice kept = arena_copy(r->arena, text.len > 0 ? text : slice_of(""));
	if (kept.ptr == NULL)
		unfit(r, "the record's texts take more memory than a record may");
	return kept;
}

/* White space of XML. */
static struct slice trim(struct slice text)
{
	while (text.len > 0 && strchr(" \t\r\n", text.ptr[text.len - 1]) != NULL)
		text.len--;
	while (text.len > 0 && strchr(" \t\r\n", text.ptr[0]) != NULL) {
		text.ptr++;
		text.len--;
	}
	return text;
}

/* The value becomes a list with what it was as the first element. */
static bool make_list(struct xml_reader *r, struct value *value)
{
	struct value *first = new_value(r, value->kind);
	if (first == NULL)
		return false;
	*first = *value;
	first->name = slice_make(NULL, 0);
	first->next = NULL;
	first->parent = value;
	for (struct value *v = first->first; v != NULL; v = v->next)
		v->parent = first;
	value->kind = VALUE_LIST;
	value->text = slice_make(NULL, 0);
	value->first = value->last = first;
	value->count = 1;
	return true;
}

/* Puts a finished element into its parent. Elements themselves are never lists, so a member that
 * is one has been repeated before. */
static void put_child(
	struct xml_reader *r, struct value *parent, struct slice name, struct value *child)
{
	struct value *before = value_member(parent, name);
	if (before == NULL && parent->count >= MEMBERS_MAX) {
		unfit(r, "an element has more than %d different names in it", MEMBERS_MAX);
	} else if (before == NULL) {
		name = copy(r, name);
		if (name.ptr != NULL)
			value_append(parent, name, child);
	} else if (before->kind == VALUE_LIST || make_list(r, before)) {
		value_append(before, slice_make(NULL, 0), child);
	}
}

/* libxml2 hands attributes over as five pointers each. */
static void put_attributes(
	struct xml_reader *r, struct value *element, int count, const xmlChar **attributes)
{
	if (count > ATTRIBUTES_MAX) {
		unfit(r, "an element has %d attributes; at most %d are taken", count,
			ATTRIBUTES_MAX);
		return;
	}
	for (int i = 0; i < count && !r->unfit; i++) {
		const char *name = (const char *)attributes[5 * i];
		const xmlChar *begin = attributes[5 * i + 3], *end = attributes[5 * i + 4];
		if (end - begin > ATTRIBUTE_BYTES_MAX) {
			unfit(r, "the attribute \"%.64s\" has %td bytes; at most %d are taken",
				name, end - begin, ATTRIBUTE_BYTES_MAX);
			return;
		}
		struct value *value = new_value(r, VALUE_TEXT);
		struct slice at_name = arena_format(r->arena, "@%s", name);
		struct slice text = copy(r, slice_make(begin, (size_t)(end - begin)));
		if (value == NULL || at_name.ptr == NULL || text.ptr == NULL)
			return;
		value->text = text;
		value_append(element, at_name, value);
	}
}

static void open_record(struct xml_reader *r)
{
	size_t at = position(r);
	const char *start = memrchr(r->raw.ptr, '<', at);
	r->record_depth = r->depth;
	r->record_start = start == NULL ? at : (size_t)(start - r->raw.ptr);
	r->record_line = xmlSAX2GetLineNumber(r->parser);
	r->unfit = false;
	r->nodes = 0;
}

static bool is_record(const struct xml_reader *r, const char *name)
{
	return r->options->record.len == 0 ? r->depth == 1
					   : slice_equal(r->options->record, slice_of(name));
}

static void on_start(void *context, const xmlChar *local, const xmlChar *prefix, const xmlChar *uri,
	int namespace_count, const xmlChar **namespaces, int attribute_count, int defaulted,
	const xmlChar **attributes)
{
	struct xml_reader *r = context;
	(void)prefix, (void)uri, (void)namespace_count, (void)namespaces, (void)defaulted;
	r->seen_root = true;
	if (++r->depth > DEPTH_MAX) {
		error_set(&r->why, E_INPUT, "elements are nested deeper than %d levels", DEPTH_MAX);
		broken(r, xmlSAX2GetLineNumber(r->parser));
		xmlStopParser(r->parser);
		return;
	}
	if (r->record_depth == 0 && is_record(r, (const char *)local))
		open_record(r);
	if (r->record_depth == 0 || r->unfit)
		return;
	unsigned level = r->depth - r->record_depth;
	if (level >= VALUE_DEPTH_MAX) {
		unfit(r, "the record is nested deeper than %d levels", VALUE_DEPTH_MAX);
		return;
	}
	struct open_element *element = &r->open[level];
	element->value = new_value(r, VALUE_OBJECT);
	buf_reset(&element->text);
	if (element->value != NULL)
		put_attributes(r, element->value, attribute_count, attributes);
}

static void on_text(void *context, const xmlChar *text, int len)
{
	struct xml_reader *r = context;
	if (r->record_depth == 0 || r->unfit)
		return;
	struct buf *buf = &r->open[r->depth - r->record_depth].text;
	buf_append(buf, text, (size_t)len);
	if (buf->failed || position(r) - r->record_start > r->options->record_bytes_max)
		unfit(r, "the record has more than %zu bytes", r->options->record_bytes_max);
}

/* The element's text is known: a leaf without attributes becomes it, another one gets a member. */
static void finish_element(struct xml_reader *r, struct open_element *element)
{
	struct slice text = trim(buf_get(&element->text));
	struct value *value = element->value;
	if (text.len > 0 || value->count == 0)
		text = copy(r, text);
	if (text.ptr == NULL)
		return;
	if (value->count == 0) {
		value->kind = VALUE_TEXT;
		value->text = text;
	} else if (text.len > 0) {
		struct value *member = new_value(r, VALUE_TEXT);
		if (member == NULL)
			return;
		member->text = text;
		value_append(value, (struct slice)SLICE("#text"), member);
	}
}

static void close_record(struct xml_reader *r)
{
	size_t end = position(r);
	r->record_depth = 0;
	if (!r->unfit && end - r->record_start > r->options->record_bytes_max)
		unfit(r, "the record has %zu bytes; at most %zu are taken", end - r->record_start,
			r->options->record_bytes_max);
	struct slice raw = slice_make(r->raw.ptr + r->record_start, end - r->record_start);
	enum status s;
	if (r->unfit)
		s = report_bad(r, r->record_line, r->record_start, end);
	else
		s = r->sink->take(r->sink->context, r->open[0].value, raw, r->err);
	arena_reset(r->arena);
	for (unsigned i = 0; i <= VALUE_DEPTH_MAX; i++)
		if (r->open[i].text.size > KEPT_TEXT_BYTES)
			buf_release(&r->open[i].text);
	if (s != OK)
		stop(r, s);
}

static void on_end(void *context, const xmlChar *local, const xmlChar *prefix, const xmlChar *uri)
{
	struct xml_reader *r = context;
	(void)prefix, (void)uri;
	unsigned level = r->depth - r->record_depth;
	if (r->record_depth != 0 && !r->unfit) {
		finish_element(r, &r->open[level]);
		if (level > 0 && !r->unfit)
			put_child(r, r->open[level - 1].value, slice_of((const char *)local),
				r->open[level].value);
	}
	if (r->record_depth != 0 && level == 0)
		close_record(r);
	r->depth--;
}

static void on_doctype(
	void *context, const xmlChar *name, const xmlChar *public_id, const xmlChar *system_id)
{
	struct xml_reader *r = context;
	(void)name, (void)public_id, (void)system_id;
	stop(r, error_set(r->err, E_INPUT, "line %d: a DOCTYPE; documents with one are refused",
			xmlSAX2GetLineNumber(r->parser)));
}

/* Names of namespaces that are not declared do not matter, so only what is fatal counts. */
static void on_error(void *context, xmlErrorPtr error)
{
	struct xml_reader *r = context;
	if (error->level != XML_ERR_FATAL || r->broken || r->stopped != OK)
		return;
	struct slice text = slice_trim(slice_of(error->message == NULL ? "" : error->message));
	while (text.len > 0 && (text.ptr[text.len - 1] == '\n' || text.ptr[text.len - 1] == ' '))
		text.len--;
	broken(r, error->line);
	error_set(&r->why, E_INPUT, "no XML from here on: %.*s",
		(int)(text.len < 200 ? text.len : 200), text.ptr);
}

/* Other encodings would be converted on the way, and places would be those of the conversion. */
static enum status check_encoding(struct slice raw, struct error *err)
{
	static const struct slice taken[] = { SLICE("UTF-8"), SLICE("UTF8"), SLICE("US-ASCII"),
		SLICE("ASCII") };
	struct slice text = raw, rest;
	if (slice_starts(text, "\xef\xbb\xbf"))
		text = slice_make(text.ptr + 3, text.len - 3);
	text = trim(text);
	if (text.len == 0 || text.ptr[0] != '<' || memchr(text.ptr, 0, text.len < 4 ? text.len : 4))
		return error_set(err, E_INPUT,
			"does not begin with \"<\": no XML, or in another encoding than UTF-8");
	if (!slice_starts(text, "<?xml "))
		return OK;
	struct slice declaration = slice_cut(text, '>', &rest);
	const char *at = memmem(declaration.ptr, declaration.len, "encoding", 8);
	if (at == NULL)
		return OK;
	struct slice name =
		slice_make(at + 8, (size_t)(declaration.ptr + declaration.len - at) - 8);
	while (name.len > 0 && strchr(" \t\r\n=\"'", name.ptr[0]) != NULL)
		name = slice_make(name.ptr + 1, name.len - 1);
	size_t len = 0;
	while (len < name.len && strchr("\"' \t?", name.ptr[len]) == NULL)
		len++;
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		if (len == taken[i].len && strncasecmp(name.ptr, taken[i].ptr, len) == 0)
			return OK;
	return error_set(err, E_INPUT, "is in the encoding \"%.*s\"; UTF-8 is expected",
		(int)(len < 40 ? len : 40), name.ptr);
}

static void feed(struct xml_reader *r)
{
	size_t at = 0;
	while (at < r->raw.len && !r->broken && r->stopped == OK) {
		size_t len = r->raw.len - at < CHUNK_BYTES ? r->raw.len - at : CHUNK_BYTES;
		xmlParseChunk(r->parser, r->raw.ptr + at, (int)len, 0);
		at += len;
	}
	if (!r->broken && r->stopped == OK)
		xmlParseChunk(r->parser, NULL, 0, 1);
}

/* What could not be read to the end: in the middle of a record all of it is lost. */
static enum status report_broken(struct xml_reader *r)
{
	if (!r->seen_root)
		return error_set(r->err, E_INPUT, "line %d: %s", r->broken_line, r->why.text);
	size_t from = r->record_depth != 0 ? r->record_start : r->broken_at;
	int line = r->record_depth != 0 ? r->record_line : r->broken_line;
	if (r->record_depth != 0) {
		struct error reason = r->why;
		error_set(&r->why, E_INPUT,
			"the record that begins here is not complete; line %d: %.400s",
			r->broken_line, reason.text);
	}
	return report_bad(r, line, from, r->raw.len);
}

static enum status read_with(struct xml_reader *r, xmlSAXHandler *handler)
{
	r->parser = xmlCreatePushParserCtxt(handler, r, NULL, 0, NULL);
	if (r->parser == NULL)
		return error_set(r->err, E_FULL, "xml: out of memory");
	/* NOENT only makes libxml2 hand over "&amp;" in an attribute as "&": there are no other
	 * entities, because there is no DOCTYPE. The encoding was checked. */
	xmlCtxtUseOptions(r->parser, XML_PARSE_NONET | XML_PARSE_NOENT | XML_PARSE_IGNORE_ENC);
	feed(r);
	enum status s = r->stopped;
	if (s == OK && r->broken)
		s = report_broken(r);
	xmlFreeParserCtxt(r->parser);
	return s;
}

static enum status xml_read(struct slice raw, const struct format_options *options,
	struct arena *arena, const struct record_sink *sink, struct error *err)
{
	struct xml_reader r = {
		.options = options, .sink = sink, .arena = arena, .err = err, .raw = raw
	};
	xmlSAXHandler handler = { .startElementNs = on_start,
		.endElementNs = on_end,
		.characters = on_text,
		.ignorableWhitespace = on_text,
		.cdataBlock = on_text,
		.internalSubset = on_doctype,
		.serror = on_error,
		.initialized = XML_SAX2_MAGIC };
	enum status s = check_encoding(raw, err);
	if (s != OK)
		return s;
	xmlInitParser();
	for (unsigned i = 0; i <= VALUE_DEPTH_MAX; i++)
		buf_init(&r.open[i].text, options->record_bytes_max);
	arena_reset(arena);
	s = read_with(&r, &handler);
	for (unsigned i = 0; i <= VALUE_DEPTH_MAX; i++)
		buf_release(&r.open[i].text);
	arena_reset(arena);
	return s;
}

const struct format format_xml = {
	.name = "xml",
	.help = "each element with the record's local name; without one, the whole document",
	.read = xml_read,
};
