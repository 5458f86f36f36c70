/* JSON (RFC 8259), strictly: a scanner that is driven by who knows what should come, and a writer.
 *
 * Strict means: UTF-8 without overlong forms and surrogates, no duplicate names in an object, no
 * bytes behind the value, nesting of at most JSON_DEPTH_MAX, at most JSON_MEMBERS_MAX members in an
 * object that is skipped. A lone surrogate escape ("\ud800") is refused.
 *
 * The scanner hands out slices of its input; only strings with escapes are copied, into the arena.
 * All scanning functions return false after a problem; `problem` then says what was found in words
 * and `at` stands at the byte where it was found. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"

enum { JSON_DEPTH_MAX = 32, JSON_MEMBERS_MAX = 1024 };

enum json_type {
	JSON_NONE, /* end of input, or a byte that begins no value */
	JSON_STRING,
	JSON_NUMBER,
	JSON_TRUE,
	JSON_FALSE,
	JSON_NULL,
	JSON_OBJECT,
	JSON_ARRAY,
};

struct json {
	const char *at;
	const char *end;
	const char *begin;
	struct arena *arena;
	unsigned depth;
	bool opened;  /* a bracket was taken, and nothing of its list yet */
	bool full;    /* the problem is the arena's limit, not the text */
	bool repeats; /* set by who wants RFC 8259 alone: a skipped object may repeat names */
	const char *problem; /* static text; NULL while all is well */
};

void json_init(struct json *json, struct slice text, struct arena *arena);
static inline size_t json_offset(const struct json *json)
{
	return (size_t)(json->at - json->begin);
}

extern const uint8_t json_first_bytes[256]; /* enum json_type by a value's first byte */
enum json_type json_peek_behind_space(struct json *json);

/* The type of the value that comes next; skips the white space before it. */
static inline enum json_type json_peek(struct json *json)
{
	if (json->at == json->end || (unsigned char)*json->at <= ' ' || json->problem != NULL)
		return json_peek_behind_space(json);
	return (enum json_type)json_first_bytes[(unsigned char)*json->at];
}
const char *json_type_name(enum json_type type); /* "a string", "nothing" */

bool json_string(struct json *json, struct slice *ret_value);
/* The number as it is written; its grammar is checked. */
bool json_number(struct json *json, struct slice *ret_text);
bool json_bool(struct json *json, bool *ret_value);
bool json_null(struct json *json);

/*     if (json_object(json))
 *             while (json_member(json, &name)) ... scan the value ...
 *     if (json->problem) ...
 * json_member() and json_element() return false at the closing bracket, which they take. */
bool json_object(struct json *json);
bool json_member(struct json *json, struct slice *ret_name);
/* The same for who has a guess what comes: when it is right, *ret_name is `guess` itself, with its
 * ptr, and nothing but the guess had to be looked at. The guess has no character to escape. */
bool json_member_guess(struct json *json, struct slice guess, struct slice *ret_name);
bool json_array(struct json *json);
bool json_element(struct json *json);

/* Checks the next value completely and steps over it; *ret_raw (may be NULL) gets its bytes. */
bool json_skip(struct json *json, struct slice *ret_raw);
/* Nothing but white space is left. */
bool json_end(struct json *json);

/* Writing. Bytes that are not UTF-8 become U+FFFD: what is written can always be read. */
void json_write_string(struct buf *buf, struct slice text);
/* "name": with a comma before it unless the last byte is an opening bracket or the buffer is
 * empty. */
void json_write_name(struct buf *buf, const char *name);
/* A comma unless the last byte opens an object or array; for array elements. */
void json_write_comma(struct buf *buf);
void json_write_member(struct buf *buf, const char *name, struct slice text);
void json_write_member_text(struct buf *buf, const char *name, const char *text);
void json_write_member_u64(struct buf *buf, const char *name, uint64_t value);
void json_write_member_bool(struct buf *buf, const char *name, bool value);
void json_write_member_null(struct buf *buf, const char *name);
/* A value that is JSON already. */
void json_write_member_raw(struct buf *buf, const char *name, struct slice json);
/* The value without the white space between its tokens; the input must be valid JSON. */
void json_minify(struct buf *buf, struct slice json);
