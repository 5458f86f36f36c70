#include "subjects/key_cache.h"

#include <stdlib.h>

enum status key_cache_open(struct key_cache *cache, struct error *err)
{
	cache->slots = calloc(KEY_CACHE_SLOTS, sizeof(*cache->slots));
	return cache->slots != NULL ? OK : error_set(err, E_FULL, "keys: out of memory");
}

void key_cache_close(struct key_cache *cache)
{
	if (cache->slots != NULL)
		crypt_wipe(cache->slots, KEY_CACHE_SLOTS * sizeof(*cache->slots));
	free(cache->slots);
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

/* Everything but the new keys can be read again. */
static enum status drop_durable(struct key_cache *cache, struct error *err)
{
	struct key_cache old = *cache;
	if (old.fresh >= KEY_CACHE_MAX)
		return error_set(err, E_FULL, "keys: %d new ones wait already", KEY_CACHE_MAX);
	*cache = (struct key_cache){ NULL };
	enum status s = key_cache_open(cache, err);
	if (s != OK) {
		*cache = old;
		return s;
	}
	for (size_t i = 0; i < KEY_CACHE_SLOTS; i++)
		if (old.slots[i].state == CACHED_NEW) {
			*slot_of(cache, &old.slots[i].subject) = old.slots[i];
			cache->used++;
			cache->fresh++;
		}
	key_cache_close(&old);
	return OK;
}

enum status key_cache_put(
	struct key_cache *cache, const struct cached_key *entry, struct error *err)
{
	if (cache->used >= KEY_CACHE_MAX) {
		enum status s = drop_durable(cache, err);
		if (s != OK)
			return s;
	}
	*slot_of(cache, &entry->subject) = *entry;
	cache->used++;
	cache->fresh += entry->state == CACHED_NEW;
	return OK;
}

void key_cache_set(struct key_cache *cache, struct cached_key *entry, enum cached_state state)
{
	cache->fresh -= entry->state == CACHED_NEW;
	cache->fresh += state == CACHED_NEW;
	entry->state = (uint8_t)state;
	if (state == CACHED_FORGOTTEN)
		crypt_wipe(&entry->key, sizeof(entry->key));
}
