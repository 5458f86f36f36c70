#include "intake/door_set.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>

struct open_door {
	struct door_config config;
	struct clock *clock;
	void *door;
	atomic_bool running;   /* read by who views it */
	pthread_rwlock_t lock; /* of `door`, for one that is called: the secrets can change */
	atomic_uint_fast64_t messages_total, unauthenticated_total, failed_total, skipped_total;
	struct reply_tally tally;
	pthread_mutex_t error_lock;
	char last_error[ERROR_TEXT_MAX]; /* error_lock */
	int64_t last_error_ms;           /* error_lock */
};

struct door_set {
	struct open_door *doors;
	size_t count; /* that are open */
};

static bool is_called(const struct open_door *door)
{
	return door->config.type->authenticate != NULL;
}

static enum status make_folder(const char *path, struct error *err)
{
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return error_errno(err, E_CONFIG, "cannot make the folder %s", path);
	return OK;
}

static enum status open_one(struct door_set *set, const struct door_set_config *config,
	const struct door_config *from, struct error *err)
{
	struct open_door *door = &set->doors[set->count];
	door->config = *from;
	door->config.admission = config->admission;
	door->config.clock = config->clock;
	door->config.data = config->data;
	door->clock = config->clock;
	enum status s = is_called(door) ? OK : make_folder(config->data, err);
	if (s == OK)
		s = door->config.type->open(&door->config, &door->door, err);
	if (s != OK) {
		error_wrap(err, "doors: %s", from->name);
		return s;
	}
	pthread_rwlock_init(&door->lock, NULL);
	pthread_mutex_init(&door->error_lock, NULL);
	set->count++;
	return OK;
}

enum status door_set_open(
	const struct door_set_config *config, struct door_set **ret_set, struct error *err)
{
	struct door_set *set = calloc(1, sizeof(*set));
	enum status s = OK;
	if (set == NULL)
		return error_set(err, E_FULL, "doors: out of memory");
	set->doors = calloc(config->count + 1, sizeof(*set->doors));
	if (set->doors == NULL) {
		free(set);
		return error_set(err, E_FULL, "doors: out of memory");
	}
	for (size_t i = 0; i < config->count && s == OK; i++)
		s = open_one(set, config, config->doors[i], err);
	if (s != OK) {
		door_set_close(set);
		return s;
	}
	*ret_set = set;
	return OK;
}

enum status door_set_start(struct door_set *set, struct error *err)
{
	for (size_t i = 0; i < set->count; i++) {
		struct open_door *door = &set->doors[i];
		if (is_called(door))
			continue;
		enum status s = door->config.type->start(door->door, err);
		if (s != OK) {
			error_wrap(err, "doors: %s", door->config.name);
			return s;
		}
		door->running = true;
	}
	return OK;
}

void door_set_stop(struct door_set *set)
{
	for (size_t i = 0; set != NULL && i < set->count; i++)
		if (set->doors[i].running) {
			set->doors[i].config.type->stop(set->doors[i].door);
			set->doors[i].running = false;
		}
}

void door_set_close(struct door_set *set)
{
	if (set == NULL)
		return;
	door_set_stop(set);
	for (size_t i = 0; i < set->count; i++) {
		struct open_door *door = &set->doors[i];
		door->config.type->close(door->door);
		pthread_rwlock_destroy(&door->lock);
		pthread_mutex_destroy(&door->error_lock);
	}
	free(set->doors);
	free(set);
}

/* The new secrets are complete before the old ones are gone, and no message sees half of both. */
enum status door_set_reload(struct door_set *set, struct error *err)
{
	enum status worst = OK;
	for (size_t i = 0; i < set->count; i++) {
		struct open_door *door = &set->doors[i];
		struct error why;
		void *fresh = NULL;
		if (!is_called(door))
			continue;
		enum status s = door->config.type->open(&door->config, &fresh, &why);
		if (s != OK) {
			worst = error_set(err, s, "doors: %s: %s", door->config.name, why.text);
			continue;
		}
		pthread_rwlock_wrlock(&door->lock);
		void *old = door->door;
		door->door = fresh;
		pthread_rwlock_unlock(&door->lock);
		door->config.type->close(old);
	}
	return worst;
}

struct open_door *door_set_find(struct door_set *set, struct slice name)
{
	for (size_t i = 0; set != NULL && i < set->count; i++)
		if (is_called(&set->doors[i]) && slice_is(name, set->doors[i].config.name))
			return &set->doors[i];
	return NULL;
}

const struct door_config *open_door_config(const struct open_door *door)
{
	return &door->config;
}

static void remember_error(struct open_door *door, const struct error *why)
{
	pthread_mutex_lock(&door->error_lock);
	memcpy(door->last_error, why->text, sizeof(door->last_error));
	door->last_error_ms = door->clock->wall_ms(door->clock);
	pthread_mutex_unlock(&door->error_lock);
}

enum status open_door_authenticate(
	struct open_door *door, const struct door_message *message, struct error *err)
{
	atomic_fetch_add(&door->messages_total, 1);
	pthread_rwlock_rdlock(&door->lock);
	enum status s = door->config.type->authenticate(door->door, message, err);
	pthread_rwlock_unlock(&door->lock);
	if (s == OK)
		return OK;
	atomic_fetch_add(&door->unauthenticated_total, 1);
	remember_error(door, err);
	return s;
}

void open_door_failed(struct open_door *door, const struct error *why)
{
	atomic_fetch_add(&door->failed_total, 1);
	remember_error(door, why);
}

void open_door_skipped(struct open_door *door, uint32_t records)
{
	atomic_fetch_add(&door->skipped_total, records);
}

struct reply_tally *open_door_tally(struct open_door *door)
{
	return &door->tally;
}

const char *door_state_name(enum door_state state)
{
	static const char *const names[] = {
		[DOOR_OPEN] = "open",
		[DOOR_RUNNING] = "running",
		[DOOR_RETRYING] = "retrying",
		[DOOR_STOPPED] = "stopped",
	};
	return names[state];
}

size_t door_set_count(const struct door_set *set)
{
	return set == NULL ? 0 : set->count;
}

static void view_called(struct open_door *door, struct door_view *view)
{
	struct door_report *report = &view->report;
	view->state = DOOR_OPEN;
	view->messages = atomic_load(&door->messages_total);
	view->unauthenticated = atomic_load(&door->unauthenticated_total);
	report->accepted = atomic_load(&door->tally.accepted_total);
	report->duplicates = atomic_load(&door->tally.duplicates_total);
	report->refused = atomic_load(&door->tally.refused_total);
	report->skipped = atomic_load(&door->skipped_total);
	report->records = report->accepted + report->duplicates + report->refused + report->skipped;
	report->errors = atomic_load(&door->failed_total);
	pthread_mutex_lock(&door->error_lock);
	memcpy(report->last_error, door->last_error, sizeof(report->last_error));
	report->last_error_ms = door->last_error_ms;
	pthread_mutex_unlock(&door->error_lock);
}

void door_set_view(const struct door_set *set, size_t at, struct door_view *ret_view)
{
	struct open_door *door = &set->doors[at];
	*ret_view = (struct door_view){ .config = &door->config };
	if (is_called(door)) {
		view_called(door, ret_view);
		return;
	}
	door->config.type->report(door->door, &ret_view->report);
	ret_view->state = !door->running              ? DOOR_STOPPED
			  : ret_view->report.retrying ? DOOR_RETRYING
						      : DOOR_RUNNING;
}
