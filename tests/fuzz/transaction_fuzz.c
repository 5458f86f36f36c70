/* A document is accepted or refused with a finding; what is accepted can be checked, hashed and
 * printed, and its canonical JSON decodes to a transaction that encodes to the same bytes and,
 * unless it had members that nobody knows, has the same hash. */
#include "base/check.h"
#include "fuzz.h"
#include "retail/rules.h"

enum { ARENA_BYTES = 64 << 20, TEXT_BYTES = 16 << 20 };

static bool same_hash(const struct hash *a, const struct hash *b)
{
	return memcmp(a->bytes, b->bytes, HASH_BYTES) == 0;
}

static void check_again(const struct transaction *t, const struct hash *hash, struct arena *arena)
{
	struct buf once, twice;
	struct transaction again;
	struct findings findings = { .count = 0 };
	struct hash hash_again;
	buf_init(&once, TEXT_BYTES);
	buf_init(&twice, TEXT_BYTES);
	transaction_encode(t, &once);
	/* Escaped control characters of extensions may make the text longer than is allowed. */
	if (once.len <= TRANSACTION_BYTES_MAX) {
		check(transaction_decode(buf_get(&once), arena, &again, &findings) == OK);
		transaction_encode(&again, &twice);
		check(slice_equal(buf_get(&once), buf_get(&twice)));
		check(again.unknown_count == 0);
		check(transaction_hash(&again, buf_get(&once), arena, &hash_again) == OK);
		check(same_hash(hash, &hash_again) == (t->unknown_count == 0));
	}
	buf_release(&once);
	buf_release(&twice);
}

static void check_accepted(const struct transaction *t, struct slice document, struct arena *arena)
{
	struct findings findings = { .count = 0 };
	struct hash hash;
	struct buf text;
	char key[KEY_TEXT_MAX];
	buf_init(&text, TEXT_BYTES);
	transaction_check(t, NULL, &findings);
	findings_write(&findings, true, &text);
	findings_write(&findings, false, &text);
	check(!text.failed);
	check(key_print(&t->key, key) < KEY_TEXT_MAX);
	check(transaction_hash(t, document, arena, &hash) == OK);
	check_again(t, &hash, arena);
	buf_release(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice document = slice_make(data, size);
	struct arena arena;
	struct transaction t;
	struct findings findings = { .count = 0 };
	if (size > 1 << 16)
		return 0;
	arena_init(&arena, ARENA_BYTES);
	enum status s = transaction_decode(document, &arena, &t, &findings);
	check(s == OK || (s == E_INPUT && findings.count == 1 && findings.refusing == 1));
	if (s == OK)
		check_accepted(&t, document, &arena);
	arena_release(&arena);
	return 0;
}
