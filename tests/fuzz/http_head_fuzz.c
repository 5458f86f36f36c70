#include "fuzz.h"

#include "base/check.h"
#include "net/http.h"

#include <stdlib.h>

enum { LEN_MAX = HTTP_HEAD_BYTES_MAX + 4096, PREFIXES_MAX = 256 };

struct verdict {
	enum status status;
	unsigned http_status;
	size_t len;
};

static struct verdict judge(struct slice bytes, struct http_head *head)
{
	struct verdict verdict = { 0 };
	struct error err = { .text = "" };
	verdict.status = http_parse_head(bytes, head, &verdict.len, &verdict.http_status, &err);
	check(verdict.status == OK || verdict.status == E_RETRY || verdict.status == E_INPUT);
	check((verdict.status == E_INPUT) == (verdict.http_status != 0));
	check((verdict.status == E_INPUT) == (err.text[0] != '\0'));
	return verdict;
}

/* The bytes of a piece lie in the head; "/" may stand for an absent path. */
static void check_piece(struct slice piece, struct slice bytes)
{
	if (piece.len > 0 && !slice_is(piece, "/"))
		check(piece.ptr >= bytes.ptr && piece.ptr + piece.len <= bytes.ptr + bytes.len);
}

static void check_accepted(const struct http_head *head, struct slice bytes)
{
	check(bytes.len >= 4 && memcmp(bytes.ptr + bytes.len - 4, "\r\n\r\n", 4) == 0);
	check(!(head->chunked && head->has_length));
	check(head->method.len > 0 && head->path.len > 0 && head->field_count <= HTTP_FIELDS_MAX);
	check_piece(head->method, bytes);
	check_piece(head->target, bytes);
	check_piece(head->path, bytes);
	check_piece(head->query, bytes);
	for (unsigned i = 0; i < head->field_count; i++) {
		check_piece(head->fields[i].name, bytes);
		check_piece(head->fields[i].value, bytes);
	}
}

static void decode(const struct http_head *head)
{
	char out[64], *path = malloc(head->path.len);
	size_t len;
	bool present;
	check(path != NULL);
	if (http_percent_decode(head->path, path, &len))
		check(len <= head->path.len && memchr(path, '\0', len) == NULL);
	free(path);
	if (http_query(head->query, "a", out, sizeof(out), &present) && present)
		check(strlen(out) < sizeof(out));
}

/* A prefix waits for more, or is judged as the whole: no cut of the network makes a difference. */
static void check_prefixes(struct slice bytes, struct verdict whole, struct http_head *head)
{
	size_t step = bytes.len / PREFIXES_MAX + 1;
	for (size_t n = 0; n < bytes.len; n += step) {
		struct verdict part = judge(slice_make(bytes.ptr, n), head);
		check(part.status == E_RETRY ||
			(part.status == whole.status && part.http_status == whole.http_status &&
				part.len == whole.len));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
	static struct http_head head; /* too large for a stack frame, and one thread only */
	struct slice bytes = slice_make(input, len < LEN_MAX ? len : LEN_MAX);
	struct verdict whole = judge(bytes, &head);
	if (whole.status == OK) {
		check(whole.len <= bytes.len && whole.len <= HTTP_HEAD_BYTES_MAX);
		check_accepted(&head, slice_make(bytes.ptr, whole.len));
		decode(&head);
	}
	check_prefixes(bytes, whole, &head);
	return 0;
}
