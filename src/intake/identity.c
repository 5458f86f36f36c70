#include "intake/identity.h"

#include "base/check.h"
#include "base/plant.h"

#include <stdlib.h>

enum { DAYS_BUCKETS = 1 << 16 };

/* One store, one register, one business date. */
struct till_day {
	struct till_day *next_in_bucket;
	struct till_day *newer, *older; /* by last use */
	uint64_t hash;
	struct identity_entry *entries; /* open addressing by sequence; number 0 is free */
	uint32_t size, count;
	uint64_t last_number; /* newest event of the day: it stays until that is applied */
	date_t business_date;
	uint16_t store_len, reg_len;
	char text[2 * ID_TEXT_MAX];
};

struct identity {
	struct identity_source source;
	struct till_day **buckets;
	struct till_day *newest, *oldest;
	struct till_day *loading;
	size_t entries, entries_max;
};

enum status identity_open(const struct identity_source *source, size_t entries_max,
	struct identity **ret_identity, struct error *err)
{
	struct identity *identity = calloc(1, sizeof(*identity));
	if (identity != NULL)
		identity->buckets = calloc(DAYS_BUCKETS, sizeof(struct till_day *));
	if (identity == NULL || identity->buckets == NULL) {
		identity_close(identity);
		return error_set(err, E_FULL, "identity: out of memory");
	}
	identity->source = *source;
	identity->entries_max = entries_max;
	*ret_identity = identity;
	return OK;
}

static void unlink_use(struct identity *identity, struct till_day *day)
{
	*(day->newer == NULL ? &identity->newest : &day->newer->older) = day->older;
	*(day->older == NULL ? &identity->oldest : &day->older->newer) = day->newer;
}

static void link_newest(struct identity *identity, struct till_day *day)
{
	day->newer = NULL;
	day->older = identity->newest;
	*(identity->newest == NULL ? &identity->oldest : &identity->newest->newer) = day;
	identity->newest = day;
}

static void forget_day(struct identity *identity, struct till_day *day)
{
	struct till_day **at = &identity->buckets[day->hash % DAYS_BUCKETS];
	while (*at != day)
		at = &(*at)->next_in_bucket;
	*at = day->next_in_bucket;
	unlink_use(identity, day);
	identity->entries -= day->size;
	free(day->entries);
	free(day);
}

void identity_close(struct identity *identity)
{
	if (identity == NULL)
		return;
	while (identity->oldest != NULL)
		forget_day(identity, identity->oldest);
	free(identity->buckets);
	free(identity);
}

size_t identity_entries(const struct identity *identity)
{
	return identity->entries;
}

/* Makes room by forgetting the days that were not used for the longest time and that the state
 * knows completely. Days the state has not caught up with stay, whatever the limit says. */
static void make_room(struct identity *identity)
{
	uint64_t applied = identity->source.applied(identity->source.context);
	struct till_day *day = identity->oldest;
	while (identity->entries > identity->entries_max && day != NULL) {
		struct till_day *newer = day->newer;
		if (day->last_number <= applied && day != identity->newest)
			forget_day(identity, day);
		day = newer;
	}
}

/* A register's numbers come in a row, so eight neighbours stand side by side: taking in a long tail
 * waits for memory once in eight numbers. */
static uint32_t slot(uint64_t sequence, uint32_t size)
{
	uint32_t block = (uint32_t)(((sequence >> 3) * 0x9e3779b97f4a7c15U) >> 32);
	return (block << 3 | (uint32_t)(sequence & 7)) & (size - 1);
}

static void place(struct till_day *day, const struct identity_entry *entry)
{
	uint32_t at = slot(entry->sequence, day->size);
	while (day->entries[at].number != 0)
		at = (at + 1) & (day->size - 1);
	day->entries[at] = *entry;
	day->count++;
	if (entry->number > day->last_number)
		day->last_number = entry->number;
}

static enum status grow(struct identity *identity, struct till_day *day, struct error *err)
{
	uint32_t size = day->size == 0 ? 64 : day->size * 2;
	struct identity_entry *old = day->entries;
	uint32_t old_size = day->size;
	struct identity_entry *entries = calloc(size, sizeof(*entries));
	if (entries == NULL)
		return error_set(err, E_FULL, "identity: out of memory");
	day->entries = entries;
	day->size = size;
	day->count = 0;
	for (uint32_t i = 0; i < old_size; i++)
		if (old[i].number != 0)
			place(day, &old[i]);
	free(old);
	identity->entries += size - old_size;
	return OK;
}

/* Room for one entry more. */
static enum status reserve(struct identity *identity, struct till_day *day, struct error *err)
{
	return (day->count + 1) * 4 > day->size * 3 ? grow(identity, day, err) : OK;
}

static enum status add_entry(struct identity *identity, struct till_day *day,
	const struct identity_entry *entry, struct error *err)
{
	check(entry->number > 0);
	enum status s = reserve(identity, day, err);
	if (s == OK)
		place(day, entry);
	return s;
}

static uint64_t day_hash(const struct key *key)
{
	return slice_hash(key->reg, slice_hash(key->store, key->business_date));
}

static bool day_is(const struct till_day *day, uint64_t hash, const struct key *key)
{
	return day->hash == hash && day->business_date == key->business_date &&
	       slice_equal(slice_make(day->text, day->store_len), key->store) &&
	       slice_equal(slice_make(day->text + day->store_len, day->reg_len), key->reg);
}

static enum status load_day(struct identity *identity, const struct key *key, uint64_t hash,
	struct till_day **ret_day, struct error *err)
{
	check(key->store.len <= ID_TEXT_MAX && key->reg.len <= ID_TEXT_MAX);
	make_room(identity);
	struct till_day *day = calloc(1, sizeof(*day));
	if (day == NULL)
		return error_set(err, E_FULL, "identity: out of memory");
	day->hash = hash;
	day->business_date = key->business_date;
	day->store_len = (uint16_t)key->store.len;
	day->reg_len = (uint16_t)key->reg.len;
	memcpy(day->text, key->store.ptr, key->store.len);
	memcpy(day->text + key->store.len, key->reg.ptr, key->reg.len);
	day->next_in_bucket = identity->buckets[hash % DAYS_BUCKETS];
	identity->buckets[hash % DAYS_BUCKETS] = day;
	link_newest(identity, day);
	identity->loading = day;
	enum status s = identity->source.load(identity->source.context, identity, key, err);
	identity->loading = NULL;
	if (s != OK) {
		forget_day(identity, day);
		return s;
	}
	*ret_day = day;
	return OK;
}

static enum status find_day(struct identity *identity, const struct key *key,
	struct till_day **ret_day, struct error *err)
{
	uint64_t hash = day_hash(key);
	struct till_day *day = identity->buckets[hash % DAYS_BUCKETS];
	while (day != NULL && !day_is(day, hash, key))
		day = day->next_in_bucket;
	if (day == NULL)
		return load_day(identity, key, hash, ret_day, err);
	if (day != identity->newest) {
		unlink_use(identity, day);
		link_newest(identity, day);
	}
	*ret_day = day;
	return OK;
}

enum status identity_load(
	struct identity *identity, const struct identity_entry *entry, struct error *err)
{
	check(identity->loading != NULL);
	return add_entry(identity, identity->loading, entry, err);
}

enum status identity_look_up(struct identity *identity, const struct key *key, uint64_t revision,
	const struct fingerprint *fingerprint, enum identity_verdict *ret_verdict,
	struct identity_entry *ret_entry, struct error *err)
{
	struct till_day *day;
	enum status s = find_day(identity, key, &day, err);
	if (s != OK)
		return s;
	/* Memory is asked for before anything is appended: an event that could not be remembered
	 * would be accepted once more when it is sent again. */
	s = reserve(identity, day, err);
	if (s != OK)
		return s;
	*ret_verdict = IDENTITY_NEW;
	uint32_t conflicts = 0;
	for (uint32_t at = slot(key->sequence, day->size); day->entries[at].number != 0;
		at = (at + 1) & (day->size - 1)) {
		const struct identity_entry *entry = &day->entries[at];
		if (entry->sequence != key->sequence || entry->revision != revision)
			continue;
		conflicts += entry->conflict;
		bool same = PLANTED(2) ||
			    memcmp(&entry->fingerprint, fingerprint, sizeof(*fingerprint)) == 0;
		if (same) {
			*ret_verdict = entry->conflict ? IDENTITY_OTHER_AGAIN : IDENTITY_SAME;
			*ret_entry = *entry;
			return OK;
		}
		if (!entry->conflict) {
			*ret_verdict = IDENTITY_OTHER;
			*ret_entry = *entry;
		}
	}
	if (conflicts >= IDENTITY_CONFLICTS_MAX)
		return error_set(err, E_INPUT,
			"more than %d different contents were sent for one key",
			IDENTITY_CONFLICTS_MAX);
	return OK;
}

enum status identity_remember(struct identity *identity, const struct key *key,
	const struct identity_entry *entry, struct error *err)
{
	struct till_day *day;
	enum status s = find_day(identity, key, &day, err);
	return s == OK ? add_entry(identity, day, entry, err) : s;
}
