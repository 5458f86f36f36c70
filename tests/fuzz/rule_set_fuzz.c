/* Any bytes are a rule set as JSON or are refused; what is taken is written to the same bytes again
 * after one step. */
#include "base/check.h"
#include "fuzz.h"
#include "retail/rule_set.h"

enum { TEXT_BYTES = 16 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rule_set *set = NULL, *again = NULL;
	struct error err;
	struct buf once, twice;
	unsigned unknown;
	if (size > 1 << 16)
		return 0;
	enum status s = rule_set_read(slice_make(data, size), &set, &unknown, &err);
	check(s == OK || s == E_INPUT || s == E_FULL);
	if (s != OK)
		return 0;
	buf_init(&once, TEXT_BYTES);
	buf_init(&twice, TEXT_BYTES);
	rule_set_write(set, slice_of("1"), slice_make(NULL, 0), &once);
	check(!once.failed);
	check(rule_set_read(buf_get(&once), &again, &unknown, &err) == OK && unknown == 0);
	rule_set_write(again, slice_of("1"), slice_make(NULL, 0), &twice);
	check(slice_equal(buf_get(&once), buf_get(&twice)));
	rule_set_close(set);
	rule_set_close(again);
	buf_release(&once);
	buf_release(&twice);
	return 0;
}
