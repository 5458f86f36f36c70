#include "base/buf.h"
#include "base/random.h"
#include "framing_forms.h"
#include "harness.h"
#include "net/http.h"

#include <stdlib.h>

static enum status parse(
	struct slice bytes, struct http_head *head, size_t *len, unsigned *http_status)
{
	struct error err = { .text = "" };
	*http_status = 0;
	enum status s = http_parse_head(bytes, head, len, http_status, &err);
	if (s == E_INPUT && (err.text[0] == '\0' || *http_status == 0))
		test_fail(__FILE__, __LINE__, "a refusal without words or status");
	return s;
}

static void expect_verdict(const struct row *row, enum status s, unsigned http_status)
{
	bool right =
		row->http_status == 0 ? s == OK : s == E_INPUT && http_status == row->http_status;
	if (!right)
		test_fail(__FILE__, __LINE__, "%s: found %s %u, expected %u", row->title,
			status_name(s), http_status, row->http_status);
}

TEST(each_form_of_a_head_is_accepted_or_refused_as_its_row_says)
{
	for (size_t i = 0; i < COUNT(heads); i++) {
		struct http_head head;
		size_t len = 0;
		unsigned http_status;
		struct slice bytes = slice_of(heads[i].bytes);
		enum status s = parse(bytes, &head, &len, &http_status);
		expect_verdict(&heads[i], s, http_status);
		if (s == OK)
			EXPECT_NUMBER(len, bytes.len);
	}
}

/* Goal: it makes no difference in which pieces a head arrives. Method: every prefix of every form
 * either waits for more or comes to the verdict of the whole. The copy of exact size lets the
 * address sanitizer see a read behind its end. */
TEST(every_prefix_of_a_head_waits_or_is_judged_as_the_whole)
{
	for (size_t i = 0; i < COUNT(heads); i++) {
		size_t whole = strlen(heads[i].bytes);
		for (size_t n = 0; n <= whole; n++) {
			struct http_head head;
			size_t len;
			unsigned http_status;
			char *copy = malloc(n);
			memcpy(copy, heads[i].bytes, n);
			enum status s = parse(slice_make(copy, n), &head, &len, &http_status);
			if (n == whole || (s != E_RETRY && heads[i].http_status != 0))
				expect_verdict(&heads[i], s, http_status);
			else
				EXPECT(s == E_RETRY);
			free(copy);
		}
	}
}

TEST(a_zero_byte_anywhere_in_a_head_is_refused)
{
	static const char head_bytes[] = POST "Content-Length: 5\r\n\r\n";
	for (size_t i = 0; i < sizeof(head_bytes) - 1; i++) {
		char bytes[sizeof(head_bytes)];
		struct http_head head;
		size_t len;
		unsigned http_status;
		memcpy(bytes, head_bytes, sizeof(bytes));
		bytes[i] = '\0';
		struct slice all = slice_make(bytes, sizeof(bytes) - 1);
		EXPECT(parse(all, &head, &len, &http_status) == E_INPUT);
		EXPECT_NUMBER(http_status, 400);
	}
}

TEST(a_head_comes_apart_into_its_pieces)
{
	struct http_head head;
	size_t len;
	unsigned http_status;
	struct slice bytes =
		slice_of("POST /v1/a%20b?x=1&y HTTP/1.1\r\nHost: a\r\n"
			 "X-Till:  \t 7 8 \t\r\nx-till: 9\r\nContent-Length: 12\r\n\r\n"
			 "GET /next HTTP/1.1\r\n");
	EXPECT(parse(bytes, &head, &len, &http_status) == OK);
	EXPECT(slice_is(head.method, "POST"));
	EXPECT(slice_is(head.target, "/v1/a%20b?x=1&y"));
	EXPECT(slice_is(head.path, "/v1/a%20b"));
	EXPECT(slice_is(head.query, "x=1&y"));
	EXPECT_NUMBER(head.minor, 1);
	EXPECT_NUMBER(head.field_count, 4);
	EXPECT(slice_is(http_field(&head, "X-TILL"), "7 8"));
	EXPECT(http_field(&head, "X-Tills").ptr == NULL);
	EXPECT(head.has_length && !head.chunked && head.content_length == 12);
	EXPECT(slice_starts(slice_make(bytes.ptr + len, bytes.len - len), "GET /next"));
}

TEST(an_absolute_target_has_the_path_behind_its_host)
{
	struct http_head head;
	size_t len;
	unsigned http_status;
	EXPECT(parse(slice_of("GET http://shop.example/a?b HTTP/1.1\r\n" HOST "\r\n"), &head, &len,
		       &http_status) == OK);
	EXPECT(slice_is(head.path, "/a") && slice_is(head.query, "b"));
	EXPECT(parse(slice_of("GET http://shop.example?b HTTP/1.1\r\n" HOST "\r\n"), &head, &len,
		       &http_status) == OK);
	EXPECT(slice_is(head.path, "/") && slice_is(head.query, "b"));
}

TEST(the_connection_stays_as_version_and_options_say)
{
	static const struct {
		const char *bytes;
		bool keep_alive;
	} rows[] = {
		{ GET "\r\n", true },
		{ GET "Connection: close\r\n\r\n", false },
		{ GET "Connection: CLOSE\r\n\r\n", false },
		{ GET "Connection: te , close\r\n\r\n", false },
		{ GET "Connection: te\r\nConnection: close\r\n\r\n", false },
		{ GET "Connection: keep-alive, close\r\n\r\n", false },
		{ GET "Connection: closed\r\n\r\n", true },
		{ "GET / HTTP/1.0\r\n\r\n", false },
		{ "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct http_head head;
		size_t len;
		unsigned http_status;
		EXPECT(parse(slice_of(rows[i].bytes), &head, &len, &http_status) == OK);
		if (head.keep_alive != rows[i].keep_alive)
			test_fail(__FILE__, __LINE__, "row %zu", i);
	}
}

TEST(an_old_client_is_not_told_to_continue)
{
	struct http_head head;
	size_t len;
	unsigned http_status;
	EXPECT(parse(slice_of("POST / HTTP/1.0\r\nExpect: 100-continue\r\n"
			      "Content-Length: 1\r\n\r\n"),
		       &head, &len, &http_status) == OK);
	EXPECT(!head.expect_continue);
}

struct limits {
	size_t target_len, field_count, value_len;
	unsigned http_status;
};

static void write_head(struct buf *out, const struct limits *limits)
{
	buf_text(out, "GET /");
	for (size_t i = 1; i < limits->target_len; i++)
		buf_char(out, 'a');
	buf_text(out, " HTTP/1.1\r\n" HOST);
	for (size_t i = 1; i < limits->field_count; i++)
		buf_text(out, "X: y\r\n");
	buf_text(out, "X-Long: ");
	for (size_t i = 0; i < limits->value_len; i++)
		buf_char(out, 'v');
	buf_text(out, "\r\n\r\n");
}

TEST(a_head_may_reach_its_limits_and_no_further)
{
	enum { FRAME = 5 + 11 + 20 + 8 + 4 - 1 };
	static const struct limits rows[] = {
		{ HTTP_TARGET_BYTES_MAX, 1, 0, 0 },
		{ HTTP_TARGET_BYTES_MAX + 1, 1, 0, 414 },
		{ HTTP_HEAD_BYTES_MAX, 1, 0, 414 },
		{ 1, HTTP_FIELDS_MAX - 1, 0, 0 },
		{ 1, HTTP_FIELDS_MAX, 0, 431 },
		{ 1, 1, HTTP_HEAD_BYTES_MAX - FRAME - 1, 0 },
		{ 1, 1, HTTP_HEAD_BYTES_MAX - FRAME, 431 },
		{ 1, 1, 2 * HTTP_HEAD_BYTES_MAX, 431 },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct row row = { .title = "limits", .http_status = rows[i].http_status };
		struct http_head head;
		struct buf out;
		size_t len;
		unsigned http_status;
		buf_init(&out, 1 << 20);
		write_head(&out, &rows[i]);
		enum status s = parse(buf_get(&out), &head, &len, &http_status);
		expect_verdict(&row, s, http_status);
		buf_release(&out);
	}
}

/* Feeds the pieces that `cut` makes, each in memory of its own size, decoding in place. */
static enum status dechunk(struct slice bytes, size_t cut, struct buf *body, size_t *ret_taken)
{
	struct http_chunks chunks = { 0 };
	struct error err;
	enum status s = E_RETRY;
	size_t at = 0;
	while (s == E_RETRY && at < bytes.len) {
		size_t n = cut < bytes.len - at ? cut : bytes.len - at, taken, out_len;
		char *piece = malloc(n);
		memcpy(piece, bytes.ptr + at, n);
		s = http_dechunk(&chunks, slice_make(piece, n), piece, &taken, &out_len, &err);
		EXPECT(s != E_RETRY || taken == n);
		buf_append(body, piece, out_len);
		at += taken;
		free(piece);
	}
	*ret_taken = at;
	return s;
}

TEST(chunked_bodies_are_decoded_or_refused_whatever_pieces_they_come_in)
{
	for (size_t i = 0; i < COUNT(chunk_rows); i++) {
		const struct chunk_row *row = &chunk_rows[i];
		struct slice bytes = slice_of(row->bytes);
		for (size_t cut = 1; cut <= bytes.len; cut++) {
			struct buf body;
			size_t taken;
			buf_init(&body, 1 << 10);
			enum status s = dechunk(bytes, cut, &body, &taken);
			if (s != (row->body == NULL ? E_INPUT : OK))
				test_fail(__FILE__, __LINE__, "%s, cut %zu: %s", row->title, cut,
					status_name(s));
			if (s == OK) {
				EXPECT(slice_is(buf_get(&body), row->body));
				EXPECT(slice_is(slice_make(bytes.ptr + taken, bytes.len - taken),
					row->rest));
			}
			buf_release(&body);
		}
	}
}

static enum status dechunk_long(const char *front, size_t len, const char *end)
{
	struct buf bytes, body;
	size_t taken;
	buf_init(&bytes, 1 << 16);
	buf_init(&body, 1 << 16);
	buf_text(&bytes, front);
	for (size_t i = 0; i < len; i++)
		buf_char(&bytes, 'a');
	buf_text(&bytes, end);
	enum status s = dechunk(buf_get(&bytes), 7, &body, &taken);
	buf_release(&bytes);
	buf_release(&body);
	return s;
}

TEST(size_lines_and_trailers_have_a_limit)
{
	EXPECT(dechunk_long("0;", HTTP_CHUNK_LINE_MAX - 3, "\r\n\r\n") == OK);
	EXPECT(dechunk_long("0;", HTTP_CHUNK_LINE_MAX - 2, "\r\n\r\n") == E_INPUT);
	EXPECT(dechunk_long("0\r\nX:", HTTP_TRAILER_BYTES_MAX - 6, "\r\n\r\n") == OK);
	EXPECT(dechunk_long("0\r\nX:", HTTP_TRAILER_BYTES_MAX - 5, "\r\n\r\n") == E_INPUT);
}

TEST(percent_escapes_are_decoded_and_odd_ones_refused)
{
	static const struct {
		const char *text, *decoded;
	} rows[] = {
		{ "", "" },
		{ "a%20b", "a b" },
		{ "%2F%2f+", "//+" },
		{ "caf%C3%A9", "caf\xc3\xa9" },
		{ "%", NULL },
		{ "%4", NULL },
		{ "a%4g", NULL },
		{ "%%41", NULL },
		{ "%00", NULL },
		{ "%-1", NULL },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		char out[32];
		size_t len;
		bool fine = http_percent_decode(slice_of(rows[i].text), out, &len);
		EXPECT(fine == (rows[i].decoded != NULL));
		if (fine)
			EXPECT(slice_is(slice_make(out, len), rows[i].decoded));
	}
}

TEST(a_query_gives_its_parameters_once_and_decoded)
{
	struct slice query = slice_of("store=12&name=a+b%26c&flag&empty=&twice=1&twice=2&bad=%4");
	char out[8];
	bool present;
	EXPECT(http_query(query, "store", out, sizeof(out), &present) && present);
	EXPECT_TEXT(out, "12");
	EXPECT(http_query(query, "name", out, sizeof(out), &present) && present);
	EXPECT_TEXT(out, "a b&c");
	EXPECT(http_query(query, "flag", out, sizeof(out), &present) && present);
	EXPECT_TEXT(out, "");
	EXPECT(http_query(query, "empty", out, sizeof(out), &present) && present);
	EXPECT_TEXT(out, "");
	EXPECT(http_query(query, "stor", out, sizeof(out), &present) && !present);
	EXPECT(http_query((struct slice){ NULL, 0 }, "a", out, sizeof(out), &present) && !present);
	EXPECT(!http_query(query, "twice", out, sizeof(out), &present));
	EXPECT(!http_query(query, "bad", out, sizeof(out), &present));
	EXPECT(!http_query(query, "name", out, 5, &present));
	EXPECT(http_query(query, "name", out, 6, &present));
}

TEST(statuses_have_their_phrase)
{
	EXPECT_TEXT(http_status_text(201), "Created");
	EXPECT_TEXT(http_status_text(413), "Content Too Large");
	EXPECT_TEXT(http_status_text(299), "Unknown");
}

/* Goal: no bytes make the parser read where it must not, or judge a prefix and the whole
 * differently. Method: heads with a few random bytes changed, each prefix against the whole. */
TEST(damaged_heads_are_judged_alike_in_pieces_and_at_once)
{
	struct random random;
	random_init(&random, test_seed(2026));
	for (unsigned round = 0; round < test_rounds(2000); round++) {
		char bytes[] =
			POST "X-Till: 7\r\nContent-Length: 12\r\nExpect: 100-continue\r\n\r\n";
		size_t len, all = sizeof(bytes) - 1;
		struct http_head head;
		unsigned whole, part;
		for (unsigned i = 0; i < 2; i++)
			bytes[random_below(&random, all)] = (char)random_below(&random, 256);
		enum status s = parse(slice_make(bytes, all), &head, &len, &whole);
		for (size_t n = 0; n < all; n++) {
			enum status before = parse(slice_make(bytes, n), &head, &len, &part);
			EXPECT(before == E_RETRY || (before == s && part == whole));
		}
	}
}
