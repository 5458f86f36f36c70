/* The scanner and what stands on it: any bytes are taken or refused; what is taken is canonical
 * after one step, and minifying does not change what it means. */
#include "base/check.h"
#include "base/json.h"
#include "fuzz.h"
#include "retail/canonical.h"

enum { ARENA_BYTES = 64 << 20, TEXT_BYTES = 16 << 20 };

/* *ret_value is the value without the white space around it. */
static bool taken(struct slice text, struct arena *arena, struct slice *ret_value)
{
	struct json json;
	json_init(&json, text, arena);
	bool good = json_skip(&json, ret_value) && json_end(&json);
	check(good == (json.problem == NULL));
	check(json.at >= json.begin && json.at <= json.end);
	return good;
}

static void check_rewritten(struct slice text, struct arena *arena)
{
	struct buf once, twice, small;
	struct slice value;
	buf_init(&once, TEXT_BYTES);
	buf_init(&twice, TEXT_BYTES);
	buf_init(&small, TEXT_BYTES);
	check(canonical_write(text, arena, &once) == OK);
	check(taken(buf_get(&once), arena, &value));
	check(canonical_write(buf_get(&once), arena, &twice) == OK);
	check(slice_equal(buf_get(&once), buf_get(&twice)));

	json_minify(&small, text);
	check(small.len <= text.len && taken(buf_get(&small), arena, &value));
	buf_reset(&twice);
	check(canonical_write(buf_get(&small), arena, &twice) == OK);
	check(slice_equal(buf_get(&once), buf_get(&twice)));
	buf_release(&once);
	buf_release(&twice);
	buf_release(&small);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice value;
	struct arena arena;
	if (size > 1 << 16)
		return 0;
	arena_init(&arena, ARENA_BYTES);
	if (taken(slice_make(data, size), &arena, &value))
		check_rewritten(value, &arena);
	arena_release(&arena);
	return 0;
}
