#include "fuzz.h"

#include "base/check.h"
#include "base/random.h"
#include "net/http.h"

#include <stdlib.h>

struct verdict {
	enum status status;
	size_t taken, body_len;
};

/* Decodes in place, as the server does: what was decoded stays at the front of `bytes`, and the
 * next piece is copied behind it. `random` cuts the pieces; NULL: all at once. */
static struct verdict dechunk(struct slice input, char *bytes, struct random *random)
{
	struct http_chunks chunks = { 0 };
	struct verdict verdict = { .status = E_RETRY };
	struct error err;
	do {
		size_t left = input.len - verdict.taken, taken, out_len;
		size_t n = random == NULL ? left : random_below(random, left + 1);
		char *at = bytes + verdict.body_len;
		memcpy(at, input.ptr + verdict.taken, n);
		verdict.status =
			http_dechunk(&chunks, slice_make(at, n), at, &taken, &out_len, &err);
		check(taken <= n && out_len <= taken);
		check(verdict.status != E_RETRY || taken == n);
		verdict.taken += taken;
		verdict.body_len += out_len;
	} while (verdict.status == E_RETRY && verdict.taken < input.len);
	return verdict;
}

/* The first byte of the input says how the rest is cut. */
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
	if (len == 0)
		return 0;
	struct slice bytes = slice_make(input + 1, len - 1);
	struct random random;
	char *whole = malloc(len), *pieces = malloc(len);
	check(whole != NULL && pieces != NULL);
	random_init(&random, input[0]);
	struct verdict at_once = dechunk(bytes, whole, NULL);
	struct verdict in_pieces = dechunk(bytes, pieces, &random);
	check(at_once.status == in_pieces.status);
	check(at_once.taken == in_pieces.taken && at_once.body_len == in_pieces.body_len);
	check(memcmp(whole, pieces, at_once.body_len) == 0);
	free(whole);
	free(pieces);
	return 0;
}
