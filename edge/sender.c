/* The library's thread: it sends what is queued, fetches what is published, and reports. */
#include "edge/till_internal.h"

#include "base/json.h"
#include "base/time.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { PATH_BYTES = 600, SKEW_WORTH_TELLING_MS = 2000 };

/* The thread's own. */
struct rounds {
	struct till *till;
	uint64_t poll_at_ms, report_at_ms; /* monotonic */
	bool reported;
	int64_t reported_skew_ms;
	uint64_t reported_held;
};

static uint64_t now_ms(const struct till *till)
{
	return till->clock->monotonic_ns(till->clock) / 1000000;
}

/* Everything odd is percent-encoded. */
static size_t encode(const char *text, char *to, size_t size)
{
	size_t len = 0;
	for (; *text != '\0' && len + 4 < size; text++) {
		unsigned char c = (unsigned char)*text;
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			     (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
		len += (size_t)snprintf(to + len, size - len, plain ? "%c" : "%%%02X", c);
	}
	to[len] = '\0';
	return len;
}

/* "/v1/registers/{store}/{register}/" and what follows. */
static void register_path(const struct till *till, const char *rest, char path[static PATH_BYTES])
{
	char store[3 * ID_TEXT_MAX + 4], reg[3 * ID_TEXT_MAX + 4];
	encode(till->config.options.store, store, sizeof(store));
	encode(till->config.options.reg, reg, sizeof(reg));
	snprintf(path, PATH_BYTES, "/v1/registers/%s/%s/%s", store, reg, rest);
}

static void arrived(void *context, const char *kind, uint64_t version)
{
	struct till *till = context;
	if (till->config.publication != NULL)
		till->config.publication(till->config.publication_user, kind, version);
}

/* A GET for what may be absent: a centre of another age has no such resource. *ret_found: there
 * is an answer to look at. */
static enum status fetch(struct till *till, const char *path, struct client_answer *answer,
	bool *ret_found, struct error *err)
{
	enum status s = client_request(
		till->client, "GET", path, NULL, (struct slice){ NULL, 0 }, answer, err);
	*ret_found = s == OK && answer->head.status == 200;
	if (s == E_STOPPED)
		return s;
	if (s == OK && (answer->head.status == 404 || answer->head.status == 405))
		answer->head.status = 204;
	uplink_note(till->uplink, s, answer, s == OK ? NULL : err->text);
	return OK;
}

static enum status poll_rules(struct till *till, struct error *err)
{
	char path[PATH_BYTES] = "/v1/rules?store=";
	struct client_answer answer;
	bool found;
	size_t len = strlen(path);
	encode(till->config.options.store, path + len, sizeof(path) - len);
	enum status s = fetch(till, path, &answer, &found, err);
	if (s == OK && found)
		(void)rulebook_take(till->rules, answer.body, NULL);
	return s;
}

static enum status poll_publications(struct till *till, struct error *err)
{
	char path[PATH_BYTES], rest[64];
	struct client_answer answer;
	bool found;
	snprintf(rest, sizeof(rest), "downlink?after=%llu",
		(unsigned long long)downlink_version(till->downlink));
	register_path(till, rest, path);
	enum status s = fetch(till, path, &answer, &found, err);
	if (s == OK && found)
		(void)downlink_take(till->downlink, answer.body, arrived, till, NULL);
	return s;
}

/* Both, unless the first has found nobody. */
static enum status poll_centre(struct rounds *r, struct error *err)
{
	struct till *till = r->till;
	enum status s = poll_publications(till, err);
	if (s == OK && uplink_wait_ms(till->uplink) == 0)
		s = poll_rules(till, err);
	r->poll_at_ms = now_ms(till) + till->config.options.poll_ms;
	return s;
}

static void write_report(
	struct rounds *r, const struct uplink_figures *figures, uint64_t *ret_mark, struct buf *buf)
{
	struct till *till = r->till;
	struct queue_counters counters;
	queue_counters(till->queue, &counters);
	buf_char(buf, '{');
	json_write_member_text(buf, "software", "libtill " TILL_VERSION);
	json_write_member_u64(buf, "unsent", counters.waiting);
	json_write_member_u64(buf, "held", held_count(till->held));
	if (figures->has_skew) {
		json_write_name(buf, "clock_skew_ms");
		buf_format(buf, "%lld", (long long)figures->skew_ms);
	}
	json_write_name(buf, "applied");
	(void)downlink_report(till->downlink, buf, ret_mark);
	buf_char(buf, '}');
}

static enum status send_report(struct rounds *r, struct error *err)
{
	struct till *till = r->till;
	struct uplink_figures figures;
	struct client_answer answer;
	char path[PATH_BYTES];
	struct buf buf;
	uint64_t mark = 0, held = held_count(till->held);
	buf_init(&buf, 64 << 10);
	uplink_figures(till->uplink, &figures);
	register_path(till, "reports", path);
	write_report(r, &figures, &mark, &buf);
	enum status s = client_request(
		till->client, "POST", path, "application/json", buf_get(&buf), &answer, err);
	buf_release(&buf);
	if (s == E_STOPPED)
		return s;
	bool absent = s == OK && (answer.head.status == 404 || answer.head.status == 405);
	bool taken = s == OK && answer.head.status < 300;
	if (absent)
		answer.head.status = 200;
	uplink_note(till->uplink, s, &answer, s == OK ? NULL : err->text);
	if (taken || absent) {
		r->reported = true;
		r->reported_skew_ms = figures.skew_ms;
		r->reported_held = held;
		r->report_at_ms = now_ms(till) + till->config.options.report_ms;
	}
	if (taken)
		downlink_reported(till->downlink, mark);
	return OK;
}

static bool report_due(struct rounds *r)
{
	struct till *till = r->till;
	struct uplink_figures figures;
	pthread_mutex_lock(&till->lock);
	bool asked = till->report;
	till->report = false;
	pthread_mutex_unlock(&till->lock);
	uplink_figures(till->uplink, &figures);
	int64_t moved = figures.skew_ms - r->reported_skew_ms;
	/* Before the centre has answered once there is no skew to tell. */
	if (figures.last_answer_ms == 0)
		return false;
	return asked || !r->reported || now_ms(till) >= r->report_at_ms ||
	       moved > SKEW_WORTH_TELLING_MS || moved < -SKEW_WORTH_TELLING_MS ||
	       held_count(till->held) != r->reported_held;
}

/* One request, or none. *ret_wait_ms: how long there is nothing to do. */
static enum status one_round(
	struct rounds *r, uint64_t live, uint64_t *ret_wait_ms, struct error *err)
{
	struct till *till = r->till;
	uint64_t now = now_ms(till);
	*ret_wait_ms = 0;
	if (live == 0 && now >= r->poll_at_ms)
		return poll_centre(r, err);
	if (live == 0 && report_due(r))
		return send_report(r, err);
	enum status s = uplink_step(till->uplink, live, ret_wait_ms, err);
	uint64_t next = r->poll_at_ms > now ? r->poll_at_ms - now : 1;
	if (*ret_wait_ms == UINT64_MAX)
		*ret_wait_ms = next;
	return s;
}

/* Sleeps until there is work, but no longer than that. */
static void wait_for_work(struct till *till, uint64_t wait_ms, bool paused)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)(wait_ms / 1000);
	until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&till->lock);
	pthread_cond_broadcast(&till->done);
	while (!till->stopping && !till->hurry && (paused || (till->live == 0 && !till->report)))
		if (pthread_cond_timedwait(&till->work, &till->lock, &until) != 0)
			break;
	pthread_mutex_unlock(&till->lock);
}

static void *run(void *argument)
{
	struct rounds rounds = { .till = argument };
	struct till *till = argument;
	struct error err;
	for (;;) {
		uint64_t wait_ms = uplink_wait_ms(till->uplink), live = 0;
		bool paused = wait_ms > 0;
		pthread_mutex_lock(&till->lock);
		bool stopping = till->stopping;
		if (till->hurry) {
			uplink_hurry(till->uplink);
			till->hurry = paused = false;
		}
		if (!paused) {
			live = till->live;
			till->live = 0;
		}
		pthread_mutex_unlock(&till->lock);
		if (stopping)
			return NULL;
		if (!paused) {
			if (one_round(&rounds, live, &wait_ms, &err) == E_STOPPED)
				return NULL;
			pthread_mutex_lock(&till->lock);
			pthread_cond_broadcast(&till->done);
			pthread_mutex_unlock(&till->lock);
			paused = uplink_wait_ms(till->uplink) > 0;
		}
		if (wait_ms > 0)
			wait_for_work(till, wait_ms, paused);
	}
}

/* The program's signals are the program's, and a broken connection must not end it. */
enum status sender_start(struct till *till, struct error *err)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	till->started = pthread_create(&till->thread, NULL, run, till) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!till->started)
		return error_set(err, E_IO, "cannot start a thread");
	pthread_setname_np(till->thread, "till");
	return OK;
}

void sender_stop(struct till *till)
{
	pthread_mutex_lock(&till->lock);
	till->stopping = true;
	pthread_cond_broadcast(&till->work);
	pthread_cond_broadcast(&till->done);
	pthread_mutex_unlock(&till->lock);
	client_stop(till->client);
	pthread_join(till->thread, NULL);
}

void sender_wake(struct till *till, uint64_t live)
{
	pthread_mutex_lock(&till->lock);
	if (live > 0)
		till->live = live;
	else
		till->report = true;
	pthread_cond_signal(&till->work);
	pthread_mutex_unlock(&till->lock);
}
