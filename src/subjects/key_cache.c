#include "subjects/key_cache.h"

#include <stdlib.h>

enum status key_cache_open(struct key_cache *cache, struct error *err)
{
	cache->slots = calloc(KEY_CACHE_SLOTS, sizeof(*cache->slots));
	cache->fresh = calloc(KEY_CACHE_MAX, sizeof(*cache->fresh));
	if (cache->slots != NULL && cache->fresh != NULL)
		return OK;
	key_cache_close(cache);
	return error_set(err, E_FULL, "keys: out of memory");
}

void key_cache_close(struct key_cache *cache)
{
	if (cache->slots != NULL)
		crypt_wipe(cache->slots, KEY_CACHE_SLOTS * sizeof(*cache->slots));
	free(cache->slots);
	free(cache->fresh);
	*cache = (struct key_cache){ NULL };
}

/* The subject's slot, or the empty one where it would stand. A pseudonym is a digest: its bytes are
 * as good as random, and nobody without the site's key can choose them. */
static struct cached_key *slot_of(const struct key_cache *cache, const struct subject_id *subject)
{
	uint32_t at;
	memcpy(&at, subject->bytes, sizeof(at));
	for (;; at++) {
		struct cached_key *slot = &cache->slots[at % KEY_CACHE_SLOTS];
		if (slot->state == CACHED_NOTHING ||
			memcmp(&slot->subject, subject, sizeof(*subject)) == 0)
			return slot;
	}
}

struct cached_key *key_cache_find(const struct key_cache *cache, const struct subject_id *subject)
{
	struct cached_key *slot = slot_of(cache, subject);
	return slot->state == CACHED_NOTHING ? NULL : slot;
}

static void put(struct key_cache *cache, const struct cached_key *entry)
{
	struct cached_key *slot = slot_of(cache, &entry->subject);
	*slot = *entry;
	cache->used++;
	if (entry->state == CACHED_NEW)
		cache->fresh[cache->fresh_count++] = (uint32_t)(slot - cache->slots);
}

/* Everything but the new keys can be read again. */
static enum status drop_durable(struct key_cache *cache, struct error *err)
{
	struct key_cache old = *cache;
	if (old.fresh_count >= KEY_CACHE_MAX)
		return error_set(err, E_FULL, "keys: %d new ones wait already", KEY_CACHE_MAX);
	*cache = (struct key_cache){ NULL };
	enum status s = key_cache_open(cache, err);
	if (s != OK) {
		*cache = old;
		return s;
	}
	for (uint32_t i = 0; i < old.fresh_count; i++)
		if (old.slots[old.fresh[i]].state == CACHED_NEW)
			put(cache, &old.slots[old.fresh[i]]);
	key_cache_close(&old);
	return OK;
}

enum status key_cache_put(
	struct key_cache *cache, const struct cached_key *entry, struct error *err)
{
	enum status s = OK;
	if (cache->used >= KEY_CACHE_MAX)
		s = drop_durable(cache, err);
	if (s == OK)
		put(cache, entry);
	return s;
}

void key_cache_forget(struct cached_key *entry)
{
	entry->state = CACHED_FORGOTTEN;
	crypt_wipe(&entry->key, sizeof(entry->key));
}

uint32_t key_cache_copy_new(const struct key_cache *cache, struct cached_key *to)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < cache->fresh_count; i++) {
		const struct cached_key *slot = &cache->slots[cache->fresh[i]];
		/* One that was forgotten meanwhile waits for nothing. */
		if (slot->state == CACHED_NEW)
			to[count++] = *slot;
	}
	return count;
}

void key_cache_flushed(struct key_cache *cache)
{
	for (uint32_t i = 0; i < cache->fresh_count; i++) {
		struct cached_key *slot = &cache->slots[cache->fresh[i]];
		if (slot->state == CACHED_NEW)
			slot->state = CACHED_DURABLE;
	}
	cache->fresh_count = 0;
}
