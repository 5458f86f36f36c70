/* The journal's record of a transaction. What is taken is written again and must read the same. */
#include "base/check.h"
#include "fuzz.h"
#include "retail/record.h"

static void check_same(const struct record *a, const struct record *b)
{
	check(slice_equal(a->key.store, b->key.store) && slice_equal(a->key.reg, b->key.reg));
	check(a->key.business_date == b->key.business_date && a->key.sequence == b->key.sequence);
	check(a->revision == b->revision && memcmp(&a->hash, &b->hash, sizeof(a->hash)) == 0);
	check(slice_equal(a->source, b->source) && slice_equal(a->findings, b->findings));
	check(slice_equal(a->raw, b->raw) && slice_equal(a->document, b->document));
	check(slice_equal(a->sealed, b->sealed));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct record record, again;
	struct error err;
	struct buf buf;
	enum status s = record_decode(slice_make(data, size), &record, &err);
	check(s == OK || s == E_CORRUPT);
	if (s != OK)
		return 0;
	buf_init(&buf, size + 256);
	record_encode(&record, &buf);
	check(!buf.failed && record_decode(buf_get(&buf), &again, &err) == OK);
	check_same(&record, &again);
	buf_release(&buf);
	return 0;
}
