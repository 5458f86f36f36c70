/* A document is accepted or refused with a finding; what is accepted can be checked, hashed and
 * printed, and its canonical JSON decodes to a transaction that encodes to the same bytes and,
 * unless it had members that nobody knows, has the same hash. With stand-ins for what is personal
 * it is a transaction of the same shape still, and has none of the texts that they stand for. */
#include "base/check.h"
#include "fuzz.h"
#include "retail/personal.h"
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

static void count_stand_in(
	void *context, struct slice name, struct slice text, char stand_in[static SUBJECT_TEXT_MAX])
{
	const struct subject_id subject = { { 0xab } };
	check(name.len > 0 && text.len > 0);
	subject_print(&subject, stand_in);
	++*(unsigned *)context;
}

static void check_hidden(const struct transaction *t, struct slice document, struct arena *arena)
{
	struct transaction hidden = *t, again;
	struct findings findings = { .count = 0 };
	enum identifier_kind kind;
	struct slice identifier, kept;
	unsigned made = 0, made_again = 0;
	const struct stand_in stand_in = { count_stand_in, &made };
	const struct stand_in same = { count_stand_in, &made_again };
	check(personal_identifier(t, arena, &kind, &identifier) == OK && identifier.len > 0);
	check(personal_replace(&hidden, document, &stand_in, arena, &kept) == OK);
	check((made > 0) == personal_present(t));
	check(made > 0 || slice_equal(kept, document));
	check(transaction_decode(kept, arena, &again, &findings) == OK);
	check(slice_equal(again.customer, hidden.customer));
	check(again.lines.count == t->lines.count && again.unknown_count == t->unknown_count);
	/* Hidden once more it is the same: all that was there had a stand-in. */
	struct slice twice;
	check(personal_replace(&again, kept, &same, arena, &twice) == OK);
	check(made_again == made && slice_equal(kept, twice));
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
	check_hidden(t, document, arena);
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
