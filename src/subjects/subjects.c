#include "subjects/subjects.h"

#include "base/check.h"
#include "store/store.h"
#include "subjects/key_cache.h"
#include "subjects/master_key.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Who changes the file or puts something into the cache holds `file`; who looks into the cache or
 * changes it holds `lock`, and never waits for a disk with it. `file` is taken first. */
struct subjects {
	struct clock *clock;
	struct secret master, site;
	char path[PATH_MAX];
	pthread_mutex_t file, lock;
	struct store *store;                             /* file */
	struct statement *read, *insert, *forget, *each; /* file */
	struct key_cache cache;                          /* lock */
};

static const struct migration migrations[] = {
	{ "subjects.1", "CREATE TABLE site (id INTEGER PRIMARY KEY, wrapped BLOB NOT NULL);"
			"CREATE TABLE subject (subject BLOB PRIMARY KEY, wrapped BLOB,"
			" made_ms BIGINT NOT NULL, forgotten_ms BIGINT) WITHOUT ROWID" },
};

enum { WRAPPED_BYTES = SECRET_BYTES + SEAL_OVERHEAD };

/* ---- wrapping ---- */

/* What a wrapped key is bound to: the subject it belongs to, or nothing but the site. */
struct wrap_bound {
	char text[20];
	uint8_t subject[SUBJECT_BYTES];
};

static struct slice bind_key(struct wrap_bound *bound, struct slice subject)
{
	*bound = (struct wrap_bound){ "tillbridge key 1" };
	check(subject.len == 0 || subject.len == SUBJECT_BYTES);
	check(subject.len == 0 || subject.ptr != NULL);
	if (subject.len > 0)
		memcpy(bound->subject, subject.ptr, SUBJECT_BYTES);
	return slice_make(bound, sizeof(*bound));
}

static enum status wrap(const struct secret *master, struct slice subject, const struct secret *key,
	char wrapped[static WRAPPED_BYTES], struct error *err)
{
	struct wrap_bound bound;
	return crypt_seal(master, bind_key(&bound, subject), slice_make(key->bytes, SECRET_BYTES),
		wrapped, err);
}

static bool unwrap(const struct secret *master, struct slice subject, struct slice wrapped,
	struct secret *ret_key)
{
	struct wrap_bound bound;
	return wrapped.len == WRAPPED_BYTES &&
	       crypt_open(master, bind_key(&bound, subject), wrapped, (char *)ret_key->bytes);
}

static struct slice id_slice(const struct subject_id *subject)
{
	return slice_make(subject->bytes, SUBJECT_BYTES);
}

/* ---- opening ---- */

static enum status write_site(struct subjects *k, struct error *err)
{
	struct statement *insert = NULL;
	char wrapped[WRAPPED_BYTES];
	enum status s = crypt_random(&k->site, sizeof(k->site), err);
	if (s == OK)
		s = wrap(&k->master, slice_make(NULL, 0), &k->site, wrapped, err);
	if (s == OK)
		s = store_prepare(k->store, "INSERT INTO site VALUES (1, $1)", &insert, err);
	if (s != OK)
		return s;
	statement_bind_blob(insert, 1, slice_make(wrapped, sizeof(wrapped)));
	s = statement_run(insert, err);
	statement_close(insert);
	return s;
}

/* The site's key shows whether the master key is the right one. */
static enum status read_site(
	struct subjects *k, const char *master_path, bool *ret_row, struct error *err)
{
	struct statement *read = NULL;
	enum status s = store_prepare(k->store, "SELECT wrapped FROM site", &read, err);
	if (s == OK)
		s = statement_step(read, ret_row, err);
	if (s == OK && *ret_row && master_path != NULL &&
		!unwrap(&k->master, slice_make(NULL, 0), statement_blob(read, 0), &k->site))
		s = error_set(err, E_CONFIG,
			"master_key_file %s is not the key that %s was made with", master_path,
			k->path);
	statement_close(read);
	return s;
}

static enum status keys_missing(const struct subjects *k, struct error *err)
{
	return error_set(err, E_CONFIG,
		"%s is missing, but the journal holds what was sealed with its keys: put it back "
		"from its backup. `keys_lost: yes` starts with new keys: what was sealed stays "
		"unreadable, and such a transaction that is sent again is a conflict",
		k->path);
}

/* The master key goes with the file that it was made for: one is not replaced by a new one. */
static enum status open_master(
	struct subjects *k, const struct subjects_config *config, struct error *err)
{
	char path[PATH_MAX];
	bool found, made = false;
	snprintf(path, sizeof(path), "%s/master.key", config->folder);
	if (config->master_key_file != NULL)
		snprintf(path, sizeof(path), "%s", config->master_key_file);
	enum status s = master_key_read(path, &k->master, &found, err);
	if (s == OK)
		s = read_site(k, NULL, &made, err);
	if (s != OK)
		return s;
	if (!made && !config->create)
		return keys_missing(k, err);
	if (!found && made)
		return error_set(err, E_CONFIG,
			"master_key_file %s is missing, but %s was made with it; without it what "
			"is sealed stays unreadable",
			path, k->path);
	if (!found && config->master_key_file != NULL)
		return error_set(err, E_CONFIG,
			"master_key_file %s is missing; `openssl rand -hex 32` makes one", path);
	if (!found)
		s = master_key_create(path, &k->master, err);
	if (s == OK && !made)
		s = write_site(k, err);
	return s == OK ? read_site(k, path, &made, err) : s;
}

static enum status prepare(struct subjects *k, struct error *err)
{
	const struct {
		struct statement **statement;
		const char *sql;
	} all[] = {
		{ &k->read, "SELECT wrapped FROM subject WHERE subject = $1" },
		{ &k->insert, "INSERT INTO subject (subject, wrapped, made_ms) VALUES ($1, $2, $3)"
			      " ON CONFLICT (subject) DO NOTHING" },
		{ &k->forget, "INSERT INTO subject (subject, wrapped, made_ms, forgotten_ms)"
			      " VALUES ($1, NULL, $2, $2) ON CONFLICT (subject) DO UPDATE SET"
			      " wrapped = NULL, forgotten_ms = excluded.forgotten_ms" },
		{ &k->each, "SELECT subject, wrapped FROM subject WHERE subject > $1"
			    " AND wrapped IS NOT NULL ORDER BY subject LIMIT 1" },
	};
	enum status s = OK;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]) && s == OK; i++)
		s = store_prepare(k->store, all[i].sql, all[i].statement, err);
	return s;
}

static enum status open_file(
	struct subjects *k, const struct subjects_config *config, struct error *err)
{
	if (mkdir(config->folder, 0700) != 0 && errno != EEXIST)
		return error_errno(
			err, E_CONFIG, "keys: cannot make the folder %s", config->folder);
	snprintf(k->path, sizeof(k->path), "%s/subjects.db", config->folder);
	if (!config->create && access(k->path, F_OK) != 0)
		return keys_missing(k, err);
	/* Made here, so that nobody else may read it, nor the log that goes with it. */
	int fd = open(k->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_errno(err, E_CONFIG, "keys: cannot open %s", k->path);
	close(fd);
	enum status s = store_open(k->path, STORE_WRITE, &k->store, err);
	/* A key that is gone must be gone; one that is promised must be there. */
	if (s == OK)
		s = store_execute(
			k->store, "PRAGMA synchronous=FULL; PRAGMA secure_delete=ON", err);
	if (s == OK)
		s = store_migrate(k->store, migrations, 1, err);
	return s;
}

enum status subjects_open(
	const struct subjects_config *config, struct subjects **ret_subjects, struct error *err)
{
	struct subjects *k = calloc(1, sizeof(*k));
	if (k == NULL)
		return error_set(err, E_FULL, "keys: out of memory");
	k->clock = config->clock;
	pthread_mutex_init(&k->file, NULL);
	pthread_mutex_init(&k->lock, NULL);
	enum status s = open_file(k, config, err);
	if (s == OK)
		s = open_master(k, config, err);
	if (s == OK)
		s = prepare(k, err);
	if (s == OK)
		s = key_cache_open(&k->cache, err);
	if (s != OK) {
		subjects_close(k);
		return s;
	}
	*ret_subjects = k;
	return OK;
}

void subjects_close(struct subjects *k)
{
	if (k == NULL)
		return;
	struct statement *all[] = { k->read, k->insert, k->forget, k->each };
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		statement_close(all[i]);
	store_close(k->store);
	key_cache_close(&k->cache);
	pthread_mutex_destroy(&k->file);
	pthread_mutex_destroy(&k->lock);
	crypt_wipe(k, sizeof(*k));
	free(k);
}

/* ---- pseudonyms ---- */

void subjects_identify(const struct subjects *k, enum identifier_kind kind, struct slice value,
	struct subject_id *ret_subject)
{
	const char *name = kind == IDENTIFIER_NONE ? "transaction" : identifier_names[kind];
	const struct slice parts[] = { slice_of("subject"), slice_of(name), value };
	struct hash hash = crypt_mac(&k->site, parts, 3);
	memcpy(ret_subject->bytes, hash.bytes, SUBJECT_BYTES);
}

void subjects_stand_in(const struct subjects *k, const struct subject_id *subject,
	struct slice field, struct slice text, char stand_in[static SUBJECT_TEXT_MAX])
{
	const struct slice parts[] = { slice_of("field"), id_slice(subject), field, text };
	struct hash hash = crypt_mac(&k->site, parts, 4);
	hash_hex(&hash, SUBJECT_BYTES, stand_in);
}

struct hash subjects_fingerprint(const struct subjects *k, const struct hash *hash)
{
	const struct slice parts[] = { slice_of("request"), slice_make(hash, sizeof(*hash)) };
	return crypt_mac(&k->site, parts, 2);
}

/* ---- keys ---- */

/* With `file`: what the file has, or a new key, goes into the cache. `entry` is that. */
static enum status load(
	struct subjects *k, bool create, struct cached_key *entry, struct error *err)
{
	bool row = false;
	statement_bind_blob(k->read, 1, id_slice(&entry->subject));
	enum status s = statement_step(k->read, &row, err);
	if (s == OK && row && statement_is_null(k->read, 0)) {
		entry->state = CACHED_FORGOTTEN;
	} else if (s == OK && row) {
		entry->state = CACHED_DURABLE;
		if (!unwrap(&k->master, id_slice(&entry->subject), statement_blob(k->read, 0),
			    &entry->key))
			s = error_set(err, E_CORRUPT,
				"%s: a key cannot be opened with the master key", k->path);
	} else if (s == OK && create) {
		entry->state = CACHED_NEW;
		s = crypt_random(&entry->key, sizeof(entry->key), err);
	}
	statement_reset(k->read);
	if (s != OK || entry->state == CACHED_NOTHING)
		return s;
	pthread_mutex_lock(&k->lock);
	s = key_cache_put(&k->cache, entry, err);
	pthread_mutex_unlock(&k->lock);
	return s;
}

static bool look_up(struct subjects *k, struct cached_key *entry)
{
	pthread_mutex_lock(&k->lock);
	const struct cached_key *found = key_cache_find(&k->cache, &entry->subject);
	if (found != NULL)
		*entry = *found;
	pthread_mutex_unlock(&k->lock);
	return found != NULL;
}

enum status subjects_key(struct subjects *k, const struct subject_id *subject, bool create,
	struct secret *ret_key, enum subject_state *ret_state, bool *ret_durable, struct error *err)
{
	struct cached_key entry = { .subject = *subject };
	enum status s = OK;
	if (!look_up(k, &entry)) {
		pthread_mutex_lock(&k->file);
		/* Somebody may have been faster. */
		if (!look_up(k, &entry))
			s = load(k, create, &entry, err);
		pthread_mutex_unlock(&k->file);
	}
	*ret_state = entry.state == CACHED_NOTHING     ? SUBJECT_UNKNOWN
		     : entry.state == CACHED_FORGOTTEN ? SUBJECT_FORGOTTEN
						       : SUBJECT_KEPT;
	*ret_durable = entry.state != CACHED_NEW;
	*ret_key = entry.key;
	crypt_wipe(&entry.key, sizeof(entry.key));
	return s;
}

enum status subjects_state(struct subjects *k, const struct subject_id *subject,
	enum subject_state *ret_state, struct error *err)
{
	struct secret key;
	bool durable;
	enum status s = subjects_key(k, subject, false, &key, ret_state, &durable, err);
	crypt_wipe(&key, sizeof(key));
	return s;
}

/* With `file`, so that nobody adds to the cache or forgets meanwhile: a copy of the new keys. */
static struct cached_key *copy_new(struct subjects *k, uint32_t *ret_count)
{
	pthread_mutex_lock(&k->lock);
	struct cached_key *copy = calloc(k->cache.fresh_count + 1, sizeof(*copy));
	*ret_count = copy == NULL ? 0 : key_cache_copy_new(&k->cache, copy);
	pthread_mutex_unlock(&k->lock);
	return copy;
}

static enum status insert_all(
	struct subjects *k, const struct cached_key *keys, uint32_t count, struct error *err)
{
	int64_t now = k->clock->wall_ms(k->clock);
	enum status s = store_begin(k->store, err);
	for (uint32_t i = 0; i < count && s == OK; i++) {
		char wrapped[WRAPPED_BYTES];
		s = wrap(&k->master, id_slice(&keys[i].subject), &keys[i].key, wrapped, err);
		if (s != OK)
			break;
		statement_bind_blob(k->insert, 1, id_slice(&keys[i].subject));
		statement_bind_blob(k->insert, 2, slice_make(wrapped, sizeof(wrapped)));
		statement_bind_int(k->insert, 3, now);
		s = statement_run(k->insert, err);
	}
	if (s == OK)
		s = store_commit(k->store, err);
	if (s != OK)
		store_rollback(k->store);
	return s;
}

enum status subjects_flush(struct subjects *k, struct error *err)
{
	uint32_t count = 0;
	pthread_mutex_lock(&k->file);
	struct cached_key *keys = copy_new(k, &count);
	enum status s = keys == NULL ? error_set(err, E_FULL, "keys: out of memory") : OK;
	if (s == OK && count > 0)
		s = insert_all(k, keys, count, err);
	pthread_mutex_lock(&k->lock);
	if (s == OK)
		key_cache_flushed(&k->cache);
	pthread_mutex_unlock(&k->lock);
	if (s == OK)
		s = store_checkpoint(k->store, err);
	pthread_mutex_unlock(&k->file);
	if (keys != NULL)
		crypt_wipe(keys, (count + 1) * sizeof(*keys));
	free(keys);
	return s;
}

/* ---- forgetting ---- */

static enum status destroy(struct subjects *k, const struct subject_id *subject, struct error *err)
{
	statement_bind_blob(k->forget, 1, id_slice(subject));
	statement_bind_int(k->forget, 2, k->clock->wall_ms(k->clock));
	return statement_run(k->forget, err);
}

/* With `file`: from the moment that the file has it no more, nobody seals with it either. */
static void forget_cached(struct subjects *k, const struct subject_id *subject)
{
	pthread_mutex_lock(&k->lock);
	struct cached_key *cached = key_cache_find(&k->cache, subject);
	if (cached != NULL)
		key_cache_forget(cached);
	pthread_mutex_unlock(&k->lock);
}

enum status subjects_forget(struct subjects *k, const struct subject_id *subject, struct error *err)
{
	bool row = false;
	pthread_mutex_lock(&k->file);
	statement_bind_blob(k->read, 1, id_slice(subject));
	enum status s = statement_step(k->read, &row, err);
	bool done = s == OK && row && statement_is_null(k->read, 0);
	statement_reset(k->read);
	if (s == OK && !done)
		s = destroy(k, subject, err);
	if (s == OK) {
		forget_cached(k, subject);
		/* The log holds earlier images of the page: it goes too, also when it could not the
		 * first time. */
		s = store_execute(k->store, "PRAGMA wal_checkpoint(TRUNCATE)", err);
	}
	pthread_mutex_unlock(&k->file);
	return s;
}

/* ---- another master key ---- */

static enum status rewrap_one(struct subjects *k, struct statement *update,
	const struct secret *master, struct slice subject, struct slice wrapped, struct error *err)
{
	char again[WRAPPED_BYTES];
	struct secret key;
	enum status s = OK;
	if (!unwrap(&k->master, subject, wrapped, &key))
		s = error_set(
			err, E_CORRUPT, "%s: a key cannot be opened with the master key", k->path);
	if (s == OK)
		s = wrap(master, subject, &key, again, err);
	crypt_wipe(&key, sizeof(key));
	if (s != OK)
		return s;
	statement_bind_blob(update, 1, slice_make(again, sizeof(again)));
	if (subject.len > 0)
		statement_bind_blob(update, 2, subject);
	return statement_run(update, err);
}

static enum status rewrap_subjects(
	struct subjects *k, const struct secret *master, struct error *err)
{
	struct statement *update = NULL;
	struct subject_id at = { { 0 } };
	bool row = true, first = true;
	enum status s = store_prepare(
		k->store, "UPDATE subject SET wrapped = $1 WHERE subject = $2", &update, err);
	while (s == OK && row) {
		char wrapped[WRAPPED_BYTES];
		statement_bind_blob(k->each, 1, first ? slice_make("", 0) : id_slice(&at));
		first = false;
		s = statement_step(k->each, &row, err);
		if (s != OK || !row)
			break;
		struct slice found = statement_blob(k->each, 1);
		size_t len = found.len < sizeof(wrapped) ? found.len : sizeof(wrapped);
		memcpy(at.bytes, statement_blob(k->each, 0).ptr, SUBJECT_BYTES);
		memcpy(wrapped, found.ptr, len);
		statement_reset(k->each);
		s = rewrap_one(k, update, master, id_slice(&at), slice_make(wrapped, len), err);
	}
	statement_close(update);
	return s;
}

static enum status rewrap_site(struct subjects *k, const struct secret *master, struct error *err)
{
	struct statement *update = NULL;
	char wrapped[WRAPPED_BYTES];
	enum status s = wrap(master, slice_make(NULL, 0), &k->site, wrapped, err);
	if (s == OK)
		s = store_prepare(k->store, "UPDATE site SET wrapped = $1", &update, err);
	if (s == OK) {
		statement_bind_blob(update, 1, slice_make(wrapped, sizeof(wrapped)));
		s = statement_run(update, err);
	}
	statement_close(update);
	return s;
}

enum status subjects_rewrap(struct subjects *k, const struct secret *master, struct error *err)
{
	pthread_mutex_lock(&k->file);
	enum status s = store_begin(k->store, err);
	if (s == OK)
		s = rewrap_site(k, master, err);
	if (s == OK)
		s = rewrap_subjects(k, master, err);
	if (s == OK)
		s = store_commit(k->store, err);
	if (s != OK)
		store_rollback(k->store);
	if (s == OK)
		k->master = *master;
	if (s == OK)
		s = store_execute(k->store, "PRAGMA wal_checkpoint(TRUNCATE)", err);
	pthread_mutex_unlock(&k->file);
	return s;
}
