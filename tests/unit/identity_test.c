#include "harness.h"
#include "intake/identity.h"

#include <stdio.h>

/* A source that counts how often it is asked, and knows what it is told. */
struct memory {
	struct {
		char store[16];
		struct identity_entry entry;
	} rows[20000];
	size_t count;
	uint64_t applied;
	unsigned loads;
};

static enum status load(
	void *context, struct identity *identity, const struct key *day, struct error *err)
{
	struct memory *m = context;
	m->loads++;
	for (size_t i = 0; i < m->count; i++) {
		if (!slice_is(day->store, m->rows[i].store) || m->rows[i].entry.number > m->applied)
			continue;
		enum status s = identity_load(identity, &m->rows[i].entry, err);
		if (s != OK)
			return s;
	}
	return OK;
}

static uint64_t applied(void *context)
{
	return ((struct memory *)context)->applied;
}

static struct memory memory;

static struct identity *open_identity(size_t entries_max)
{
	struct identity *identity;
	struct error err;
	struct identity_source source = { load, applied, &memory };
	EXPECT_OK(identity_open(&source, entries_max, &identity, &err), err);
	return identity;
}

static struct fingerprint content(uint8_t seed)
{
	struct fingerprint f;
	memset(f.bytes, seed, sizeof(f.bytes));
	return f;
}

static struct key key_of(const char *store, uint64_t sequence)
{
	return (struct key){ slice_of(store), slice_of("01"), 20261123, sequence };
}

static enum identity_verdict look_up(struct identity *identity, const char *store,
	uint64_t sequence, uint8_t seed, uint64_t *ret_number)
{
	struct key key = key_of(store, sequence);
	struct fingerprint f = content(seed);
	struct identity_entry entry = { 0 };
	enum identity_verdict verdict;
	struct error err;
	EXPECT_OK(identity_look_up(identity, &key, 1, &f, &verdict, &entry, &err), err);
	*ret_number = entry.number;
	return verdict;
}

static void remember(struct identity *identity, const char *store, uint64_t sequence, uint8_t seed,
	uint64_t number, bool conflict)
{
	struct key key = key_of(store, sequence);
	struct identity_entry entry = { .sequence = sequence,
		.number = number,
		.revision = 1,
		.fingerprint = content(seed),
		.conflict = conflict };
	struct error err;
	EXPECT_OK(identity_remember(identity, &key, &entry, &err), err);
	snprintf(memory.rows[memory.count].store, 16, "%s", store);
	memory.rows[memory.count++].entry = entry;
}

TEST(a_key_is_new_once)
{
	struct identity *identity = open_identity(1000);
	uint64_t number;
	EXPECT(look_up(identity, "a", 1, 7, &number) == IDENTITY_NEW);
	remember(identity, "a", 1, 7, 42, false);
	EXPECT(look_up(identity, "a", 1, 7, &number) == IDENTITY_SAME && number == 42);
	EXPECT(look_up(identity, "a", 2, 7, &number) == IDENTITY_NEW);
	EXPECT(look_up(identity, "b", 1, 7, &number) == IDENTITY_NEW);
	identity_close(identity);
}

TEST(other_content_is_a_conflict_that_is_kept_once)
{
	struct identity *identity = open_identity(1000);
	uint64_t number;
	remember(identity, "a", 1, 7, 42, false);
	EXPECT(look_up(identity, "a", 1, 8, &number) == IDENTITY_OTHER && number == 42);
	remember(identity, "a", 1, 8, 43, true);
	EXPECT(look_up(identity, "a", 1, 8, &number) == IDENTITY_OTHER_AGAIN && number == 43);
	EXPECT(look_up(identity, "a", 1, 9, &number) == IDENTITY_OTHER && number == 42);
	EXPECT(look_up(identity, "a", 1, 7, &number) == IDENTITY_SAME && number == 42);
	identity_close(identity);
}

TEST(conflicts_of_one_key_have_a_limit)
{
	struct identity *identity = open_identity(1000);
	struct fingerprint f = content(200);
	struct key key = key_of("a", 1);
	struct identity_entry entry;
	enum identity_verdict verdict;
	struct error err;
	remember(identity, "a", 1, 0, 1, false);
	for (uint8_t i = 1; i <= IDENTITY_CONFLICTS_MAX; i++)
		remember(identity, "a", 1, i, 1U + i, true);
	EXPECT(identity_look_up(identity, &key, 1, &f, &verdict, &entry, &err) == E_INPUT);
	identity_close(identity);
}

/* Goal: the rule holds for ever although memory is bounded. Method: many more till days than fit,
 * of which the state has applied all; then every one of them is asked about again. */
TEST(a_till_day_that_left_memory_is_still_known)
{
	struct identity *identity = open_identity(1000);
	uint64_t number;
	char store[16];
	for (unsigned i = 0; i < 500; i++) {
		snprintf(store, sizeof(store), "store-%u", i);
		memory.applied = i;
		remember(identity, store, 9, 3, i + 1, false);
	}
	memory.applied = 500;
	EXPECT(identity_entries(identity) <= 1000 + 64);
	for (unsigned i = 0; i < 500; i++) {
		snprintf(store, sizeof(store), "store-%u", i);
		EXPECT(look_up(identity, store, 9, 3, &number) == IDENTITY_SAME);
		EXPECT_NUMBER(number, i + 1);
	}
	EXPECT(memory.loads > 500);
	identity_close(identity);
}

TEST(a_till_day_that_is_not_applied_stays_in_memory)
{
	struct identity *identity = open_identity(64);
	uint64_t number;
	char store[16];
	memory.applied = 0;
	for (unsigned i = 0; i < 50; i++) {
		snprintf(store, sizeof(store), "store-%u", i);
		remember(identity, store, 9, 3, i + 1, false);
	}
	for (unsigned i = 0; i < 50; i++) {
		snprintf(store, sizeof(store), "store-%u", i);
		EXPECT(look_up(identity, store, 9, 3, &number) == IDENTITY_SAME);
	}
	EXPECT_NUMBER(memory.loads, 50);
	identity_close(identity);
}
