/* Keys of subjects in memory, at most KEY_CACHE_MAX of them; when it is full, all but the keys that
 * nothing else has yet are dropped. Not for two threads. */
#pragma once

#include "retail/personal.h"
#include "subjects/crypt.h"

enum { KEY_CACHE_MAX = 16384, KEY_CACHE_SLOTS = 2 * KEY_CACHE_MAX };

enum cached_state {
	CACHED_NOTHING, /* an empty slot */
	CACHED_DURABLE,
	CACHED_NEW, /* waits for subjects_flush() */
	CACHED_FORGOTTEN,
};

struct cached_key {
	struct subject_id subject;
	struct secret key;
	uint8_t state; /* enum cached_state */
};

struct key_cache {
	struct cached_key *slots; /* KEY_CACHE_SLOTS of them */
	uint32_t used;
	uint32_t *fresh; /* slots that were put in as CACHED_NEW since the last flush */
	uint32_t fresh_count;
};

/* E_FULL. */
enum status key_cache_open(struct key_cache *cache, struct error *err);
/* Wipes the keys. */
void key_cache_close(struct key_cache *cache);

/* NULL when it is not there. Valid until the next key_cache_put(). */
struct cached_key *key_cache_find(const struct key_cache *cache, const struct subject_id *subject);
/* Puts in what key_cache_find() did not find. E_FULL: KEY_CACHE_MAX new keys wait already. */
enum status key_cache_put(
	struct key_cache *cache, const struct cached_key *entry, struct error *err);
/* Without a key from now on. */
void key_cache_forget(struct cached_key *entry);

/* Copies the new keys; `to` has room for fresh_count of them. Returns how many there are. */
uint32_t key_cache_copy_new(const struct key_cache *cache, struct cached_key *to);
/* What was new is durable; nothing was put in since it was copied. */
void key_cache_flushed(struct key_cache *cache);
