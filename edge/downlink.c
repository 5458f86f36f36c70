#include "edge/downlink.h"

#include "base/json.h"
#include "base/time.h"
#include "edge/files.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define APPLIED_FILE "applied.json"
#define FILE_PREFIX "publication-"

enum { ARENA_BYTES = 8 << 20, NAME_MAX_BYTES = 64 };

struct kept {
	char kind[DOWNLINK_KIND_MAX + 1];
	uint64_t version;
	uint64_t applied; /* 0: none yet */
	int64_t applied_ms;
	uint64_t change; /* the count of changes when `applied` was set */
};

struct downlink {
	struct disk *disk;
	struct clock *clock;
	pthread_mutex_t lock;
	struct kept kept[DOWNLINK_KINDS_MAX]; /* lock */
	unsigned count;                       /* lock */
	uint64_t changes, reported;           /* lock */
};

static bool kind_valid(struct slice kind)
{
	if (kind.len == 0 || kind.len > DOWNLINK_KIND_MAX)
		return false;
	for (size_t i = 0; i < kind.len; i++) {
		char c = kind.ptr[i];
		if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_')
			return false;
	}
	return true;
}

static struct kept *find(struct downlink *down, struct slice kind, bool add)
{
	for (unsigned i = 0; i < down->count; i++)
		if (slice_is(kind, down->kept[i].kind))
			return &down->kept[i];
	if (!add || down->count == DOWNLINK_KINDS_MAX)
		return NULL;
	struct kept *kept = &down->kept[down->count++];
	*kept = (struct kept){ .version = 0 };
	memcpy(kept->kind, kind.ptr, kind.len);
	return kept;
}

/* One publication; `document` stays raw. */
struct publication {
	struct slice kind, published_at, document;
	uint64_t version;
};

static bool read_publication(struct json *json, struct publication *p)
{
	struct slice name, text;
	*p = (struct publication){ .version = 0 };
	if (json_peek(json) != JSON_OBJECT || !json_object(json))
		return false;
	while (json_member(json, &name)) {
		bool good;
		if (slice_is(name, "kind"))
			good = json_peek(json) == JSON_STRING && json_string(json, &p->kind);
		else if (slice_is(name, "version"))
			good = json_peek(json) == JSON_NUMBER && json_number(json, &text) &&
			       slice_to_u64(text, &p->version);
		else if (slice_is(name, "published_at"))
			good = json_peek(json) == JSON_STRING &&
			       json_string(json, &p->published_at);
		else if (slice_is(name, "document"))
			good = json_skip(json, &p->document);
		else
			good = json_skip(json, NULL);
		if (!good)
			return false;
	}
	return json->problem == NULL && kind_valid(p->kind) && p->version > 0 &&
	       p->document.len > 0;
}

static void file_name(char name[static NAME_MAX_BYTES], struct slice kind)
{
	snprintf(name, NAME_MAX_BYTES, FILE_PREFIX "%.*s.json", SLICE_ARG(kind));
}

static enum status keep(
	struct downlink *down, const struct publication *p, bool *ret_new, struct error *err)
{
	char name[NAME_MAX_BYTES];
	struct buf buf;
	*ret_new = false;
	pthread_mutex_lock(&down->lock);
	struct kept *kept = find(down, p->kind, false);
	bool stale = kept != NULL && kept->version >= p->version;
	bool full = kept == NULL && down->count == DOWNLINK_KINDS_MAX;
	pthread_mutex_unlock(&down->lock);
	if (stale)
		return OK;
	if (full)
		return error_set(
			err, E_FULL, "the centre publishes more than %d kinds", DOWNLINK_KINDS_MAX);
	buf_init(&buf, DOWNLINK_BYTES_MAX);
	buf_char(&buf, '{');
	json_write_member(&buf, "kind", p->kind);
	json_write_member_u64(&buf, "version", p->version);
	json_write_member(&buf, "published_at", p->published_at);
	json_write_member_raw(&buf, "document", p->document);
	buf_char(&buf, '}');
	file_name(name, p->kind);
	enum status s = buf.failed ? error_set(err, E_FULL, "a publication is too large")
				   : file_replace(down->disk, name, buf_get(&buf), err);
	buf_release(&buf);
	if (s != OK)
		return s;
	pthread_mutex_lock(&down->lock);
	find(down, p->kind, true)->version = p->version;
	pthread_mutex_unlock(&down->lock);
	*ret_new = true;
	return OK;
}

enum status downlink_take(struct downlink *down, struct slice answer,
	void (*arrived)(void *context, const char *kind, uint64_t version), void *context,
	struct error *err)
{
	struct arena arena;
	struct json json;
	struct slice name;
	enum status s = OK;
	bool good = true;
	arena_init(&arena, ARENA_BYTES);
	json_init(&json, answer, &arena);
	good = json_peek(&json) == JSON_OBJECT && json_object(&json);
	while (good && s == OK && json_member(&json, &name)) {
		if (!slice_is(name, "publications")) {
			good = json_skip(&json, NULL);
			continue;
		}
		good = json_peek(&json) == JSON_ARRAY && json_array(&json);
		while (good && s == OK && json_element(&json)) {
			struct publication p;
			bool fresh = false;
			good = read_publication(&json, &p);
			s = good ? keep(down, &p, &fresh, err) : OK;
			if (s == OK && fresh && arrived != NULL) {
				char kind[DOWNLINK_KIND_MAX + 1];
				snprintf(kind, sizeof(kind), "%.*s", SLICE_ARG(p.kind));
				arrived(context, kind, p.version);
			}
		}
	}
	if (s == OK && (!good || json.problem != NULL))
		s = error_set(err, E_INPUT, "the centre's publications cannot be read");
	arena_release(&arena);
	return s;
}

uint64_t downlink_version(struct downlink *down)
{
	uint64_t version = 0;
	pthread_mutex_lock(&down->lock);
	for (unsigned i = 0; i < down->count; i++)
		if (down->kept[i].version > version)
			version = down->kept[i].version;
	pthread_mutex_unlock(&down->lock);
	return version;
}

enum status downlink_read(struct downlink *down, const char *kind, uint64_t *ret_version,
	struct buf *buf, struct error *err)
{
	char name[NAME_MAX_BYTES];
	struct slice text = slice_of(kind);
	pthread_mutex_lock(&down->lock);
	const struct kept *kept = kind_valid(text) ? find(down, text, false) : NULL;
	*ret_version = kept == NULL ? 0 : kept->version;
	enum status s = *ret_version == 0 ? E_RETRY : OK;
	if (s == OK) {
		file_name(name, text);
		s = file_read(down->disk, name, buf, err);
	}
	pthread_mutex_unlock(&down->lock);
	return s;
}

static unsigned write_applied(struct downlink *down, struct buf *buf)
{
	unsigned unheard = 0;
	buf_char(buf, '[');
	for (unsigned i = 0; i < down->count; i++) {
		const struct kept *kept = &down->kept[i];
		char time[TIME_TEXT_MAX];
		if (kept->applied == 0)
			continue;
		unheard += kept->change > down->reported;
		timestamp_print_utc(kept->applied_ms, time);
		json_write_comma(buf);
		buf_char(buf, '{');
		json_write_member_text(buf, "kind", kept->kind);
		json_write_member_u64(buf, "version", kept->applied);
		json_write_member_text(buf, "applied_at", time);
		buf_char(buf, '}');
	}
	buf_char(buf, ']');
	return unheard;
}

enum status downlink_applied(
	struct downlink *down, const char *kind, uint64_t version, struct error *err)
{
	struct buf buf;
	enum status s = OK;
	buf_init(&buf, 64 << 10);
	pthread_mutex_lock(&down->lock);
	struct kept *kept = find(down, slice_of(kind), false);
	if (kept == NULL || version == 0 || version > kept->version)
		s = error_set(err, E_INPUT, "version %llu of \"%.40s\" has never arrived",
			(unsigned long long)version, kind);
	if (s == OK) {
		kept->applied = version;
		kept->applied_ms = down->clock->wall_ms(down->clock);
		kept->change = ++down->changes;
		write_applied(down, &buf);
		s = file_replace(down->disk, APPLIED_FILE, buf_get(&buf), err);
	}
	pthread_mutex_unlock(&down->lock);
	buf_release(&buf);
	return s;
}

unsigned downlink_report(struct downlink *down, struct buf *buf, uint64_t *ret_mark)
{
	pthread_mutex_lock(&down->lock);
	*ret_mark = down->changes;
	unsigned unheard = write_applied(down, buf);
	pthread_mutex_unlock(&down->lock);
	return unheard;
}

void downlink_reported(struct downlink *down, uint64_t mark)
{
	pthread_mutex_lock(&down->lock);
	if (mark > down->reported)
		down->reported = mark;
	pthread_mutex_unlock(&down->lock);
}

struct opening {
	struct downlink *down;
	char names[DOWNLINK_KINDS_MAX][NAME_MAX_BYTES];
	unsigned count;
};

static void each_name(void *context, const char *name)
{
	struct opening *opening = context;
	size_t len = strlen(name);
	if (slice_starts(slice_of(name), FILE_PREFIX) && len > 5 && len < NAME_MAX_BYTES &&
		strcmp(name + len - 5, ".json") == 0 && opening->count < DOWNLINK_KINDS_MAX)
		memcpy(opening->names[opening->count++], name, len + 1);
}

/* A file that cannot be read is asked for again: its kind has no version. */
static enum status load(struct downlink *down, const char *name, struct error *err)
{
	struct publication p;
	struct arena arena;
	struct json json;
	struct buf buf;
	buf_init(&buf, DOWNLINK_BYTES_MAX);
	arena_init(&arena, ARENA_BYTES);
	enum status s = file_read(down->disk, name, &buf, err);
	json_init(&json, buf_get(&buf), &arena);
	if (s == OK && read_publication(&json, &p)) {
		struct kept *kept = find(down, p.kind, true);
		if (kept != NULL)
			kept->version = p.version;
	}
	arena_release(&arena);
	buf_release(&buf);
	return s;
}

static void load_applied(struct downlink *down, struct slice text, struct arena *arena)
{
	struct json json;
	struct slice name, value, kind, time;
	json_init(&json, text, arena);
	if (json_peek(&json) != JSON_ARRAY || !json_array(&json))
		return;
	while (json_element(&json) && json_peek(&json) == JSON_OBJECT && json_object(&json)) {
		uint64_t version = 0;
		struct timestamp at = { 0 };
		kind = (struct slice){ NULL, 0 };
		while (json_member(&json, &name)) {
			if (slice_is(name, "kind") && json_string(&json, &value))
				kind = value;
			else if (slice_is(name, "version") && json_number(&json, &value))
				(void)slice_to_u64(value, &version);
			else if (slice_is(name, "applied_at") && json_string(&json, &time))
				(void)timestamp_parse(time, &at);
		}
		struct kept *kept = kind_valid(kind) ? find(down, kind, false) : NULL;
		if (json.problem == NULL && kept != NULL && version <= kept->version) {
			kept->applied = version;
			kept->applied_ms = at.ms;
			/* Told again after a start: the centre may have missed it. */
			kept->change = ++down->changes;
		}
	}
}

enum status downlink_open(
	struct disk *disk, struct clock *clock, struct downlink **ret_downlink, struct error *err)
{
	struct downlink *down = calloc(1, sizeof(*down));
	struct opening *opening = calloc(1, sizeof(*opening));
	struct arena arena;
	struct buf buf;
	enum status s = OK;
	arena_init(&arena, 64 << 10);
	buf_init(&buf, 64 << 10);
	if (down == NULL || opening == NULL) {
		free(opening);
		free(down);
		return error_set(err, E_FULL, "out of memory");
	}
	down->disk = disk;
	down->clock = clock;
	pthread_mutex_init(&down->lock, NULL);
	s = disk->ops->list(disk, each_name, opening, err);
	for (unsigned i = 0; i < opening->count && s == OK; i++)
		s = load(down, opening->names[i], err);
	if (s == OK) {
		s = file_read(down->disk, APPLIED_FILE, &buf, err);
		if (s == OK)
			load_applied(down, buf_get(&buf), &arena);
		s = s == E_INPUT ? OK : s;
	}
	free(opening);
	arena_release(&arena);
	buf_release(&buf);
	if (s != OK) {
		downlink_close(down);
		return s;
	}
	*ret_downlink = down;
	return OK;
}

void downlink_close(struct downlink *down)
{
	if (down == NULL)
		return;
	pthread_mutex_destroy(&down->lock);
	free(down);
}
