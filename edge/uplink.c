#include "edge/uplink.h"

#include "base/check.h"
#include "base/json.h"
#include "edge/verdict.h"
#include "retail/codec.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { ARENA_BYTES = 4 << 20, DOCUMENT_BYTES = 4 << 20, RETRY_AFTER_MAX_S = 3600 };

/* One transaction of the request: where it stands in the body. */
struct piece {
	uint64_t number;
	size_t at, len;
};

struct uplink {
	struct uplink_config config;
	struct random random;
	struct buf body, entry;
	struct arena arena;
	struct piece pieces[UPLINK_BATCH_MAX];
	unsigned count;
	unsigned batch;           /* how many go together: small after one was refused as a whole */
	uint64_t after;           /* the backlog goes on behind this number */
	uint64_t retry_at_ns;     /* nothing is sent before */
	unsigned failures;        /* in a row */
	unsigned failures_before; /* the last answer, which may turn out to be none */
	bool later;               /* something of the last answer has to be sent again */
	pthread_mutex_t lock;
	struct uplink_figures figures; /* lock */
};

enum status uplink_open(
	const struct uplink_config *config, struct uplink **ret_uplink, struct error *err)
{
	struct uplink *up = calloc(1, sizeof(*up));
	if (up == NULL)
		return error_set(err, E_FULL, "out of memory");
	up->config = *config;
	up->batch = UPLINK_BATCH_MAX;
	random_init(&up->random, config->seed);
	buf_init(&up->body, DOCUMENT_BYTES);
	buf_init(&up->entry, DOCUMENT_BYTES);
	arena_init(&up->arena, ARENA_BYTES);
	pthread_mutex_init(&up->lock, NULL);
	*ret_uplink = up;
	return OK;
}

void uplink_close(struct uplink *up)
{
	if (up == NULL)
		return;
	buf_release(&up->body);
	buf_release(&up->entry);
	arena_release(&up->arena);
	pthread_mutex_destroy(&up->lock);
	free(up);
}

void uplink_figures(struct uplink *up, struct uplink_figures *ret_figures)
{
	pthread_mutex_lock(&up->lock);
	*ret_figures = up->figures;
	pthread_mutex_unlock(&up->lock);
}

static uint64_t now_ns(const struct uplink *up)
{
	return up->config.clock->monotonic_ns(up->config.clock);
}

static void say(struct uplink *up, const char *text)
{
	pthread_mutex_lock(&up->lock);
	snprintf(up->figures.error, sizeof(up->figures.error), "%s", text);
	pthread_mutex_unlock(&up->lock);
}

/* Full jitter: anything from nothing to twice as much as last time. */
static void back_off(struct uplink *up, uint64_t at_least_s)
{
	uint64_t most = up->config.backoff_ms, wait;
	for (unsigned i = 0; i < up->failures && most < up->config.backoff_max_ms; i++)
		most *= 2;
	if (most > up->config.backoff_max_ms)
		most = up->config.backoff_max_ms;
	up->failures++;
	wait = 1 + random_below(&up->random, most);
	if (at_least_s > RETRY_AFTER_MAX_S)
		at_least_s = RETRY_AFTER_MAX_S;
	if (at_least_s > 0)
		wait += at_least_s * 1000;
	up->retry_at_ns = now_ns(up) + wait * 1000000;
}

uint64_t uplink_wait_ms(const struct uplink *up)
{
	uint64_t now = now_ns(up);
	return now >= up->retry_at_ns ? 0 : (up->retry_at_ns - now + 999999) / 1000000;
}

void uplink_note(
	struct uplink *up, enum status s, const struct client_answer *answer, const char *what)
{
	pthread_mutex_lock(&up->lock);
	up->figures.reachable = s == OK;
	if (s == OK) {
		up->figures.last_answer_ms = (int64_t)(now_ns(up) / 1000000);
		if (answer->has_skew) {
			up->figures.has_skew = true;
			up->figures.skew_ms = answer->skew_ms;
			up->figures.skew_error_ms = answer->skew_error_ms;
		}
	}
	pthread_mutex_unlock(&up->lock);
	if (s == OK && answer->head.status < 400) {
		up->failures_before = up->failures;
		up->failures = 0;
		up->retry_at_ns = 0;
		return;
	}
	if (s == OK) {
		char text[UPLINK_ERROR_MAX];
		snprintf(text, sizeof(text), "the centre answers %u: %.*s", answer->head.status,
			answer->body.len > 200 ? 200 : (int)answer->body.len,
			answer->body.len > 0 ? answer->body.ptr : "");
		say(up, text);
	} else if (what != NULL) {
		say(up, what);
	}
	back_off(up, s == OK ? answer->head.retry_after_s : 0);
}

void uplink_hurry(struct uplink *up)
{
	up->retry_at_ns = 0;
}

static void add_piece(struct uplink *up, const struct queue_entry *entry)
{
	struct piece *piece = &up->pieces[up->count++];
	*piece = (struct piece){ entry->number, up->body.len, entry->payload.len };
	buf_slice(&up->body, entry->payload);
	buf_char(&up->body, '\n');
}

/* A record that cannot be read any more is let go, or nothing behind it would ever be sent. */
static enum status read_next(
	struct uplink *up, uint64_t after, struct queue_entry *entry, struct error *err)
{
	for (;;) {
		enum status s = queue_next(up->config.queue, after, &up->entry, entry, err);
		if (s != E_CORRUPT)
			return s;
		say(up, err->text);
		(void)queue_done(up->config.queue, entry->number, 1, NULL);
	}
}

static enum status collect_live(struct uplink *up, uint64_t live, struct error *err)
{
	struct queue_entry entry;
	enum status s = read_next(up, live - 1, &entry, err);
	if (s == OK && entry.number == live)
		add_piece(up, &entry);
	return s == E_RETRY ? OK : s;
}

static enum status collect_backlog(struct uplink *up, struct error *err)
{
	struct queue_entry entry;
	uint64_t after = up->after;
	enum status s = OK;
	while (s == OK && up->count < up->batch && up->body.len < UPLINK_BATCH_BYTES) {
		s = read_next(up, after, &entry, err);
		if (s == OK && up->count > 0 &&
			up->body.len + entry.payload.len > UPLINK_BATCH_BYTES)
			break;
		if (s == OK) {
			add_piece(up, &entry);
			after = entry.number;
		}
	}
	/* The end: what was passed over has its turn again. */
	if (s == E_RETRY && up->count == 0 && up->after > 0) {
		up->after = 0;
		return collect_backlog(up, err);
	}
	return s == E_RETRY ? OK : s;
}

static struct slice piece_text(const struct uplink *up, unsigned i)
{
	return slice_make(up->body.ptr + up->pieces[i].at, up->pieces[i].len);
}

/* Our own documents always have a key; they were decoded before they were queued. */
static void piece_key(struct uplink *up, unsigned i, char key[static KEY_TEXT_MAX])
{
	struct findings *findings = arena_new(&up->arena, struct findings);
	struct transaction t;
	key[0] = '\0';
	if (findings != NULL &&
		transaction_decode(piece_text(up, i), &up->arena, &t, findings) == OK)
		key_print(&t.key, key);
}

static void tell(struct uplink *up, unsigned i, enum uplink_outcome outcome, struct slice detail)
{
	char key[KEY_TEXT_MAX], text[UPLINK_ERROR_MAX];
	if (outcome == UPLINK_ACCEPTED) {
		pthread_mutex_lock(&up->lock);
		up->figures.sent++;
		pthread_mutex_unlock(&up->lock);
	}
	if (up->config.outcome == NULL)
		return;
	piece_key(up, i, key);
	snprintf(text, sizeof(text), "%.*s", detail.len > 300 ? 300 : (int)detail.len,
		detail.len > 0 ? detail.ptr : "");
	up->config.outcome(up->config.context, outcome, key, text);
}

/* A file of its own first, then out of the queue: in this order nothing can be lost. */
static bool hold(struct uplink *up, unsigned i, const struct verdict *v, struct slice answer)
{
	struct error err;
	if (held_add(up->config.held, v->status, answer, piece_text(up, i), &err) != OK) {
		say(up, err.text);
		return false;
	}
	tell(up, i, v->status == 409 ? UPLINK_CONFLICT : UPLINK_REFUSED, v->detail);
	return true;
}

/* True when the transaction is dealt with. */
static bool settle(struct uplink *up, unsigned i, const struct verdict *v, struct slice answer)
{
	if (v->accepted) {
		tell(up, i, UPLINK_ACCEPTED, v->receipt);
		return true;
	}
	bool final = v->status == 400 || v->status == 409 || v->status == 413 || v->status == 422;
	return v->problem && final && hold(up, i, v, answer);
}

static bool settle_one(struct uplink *up, const struct client_answer *answer)
{
	struct verdict v;
	arena_reset(&up->arena);
	if (!verdict_read(answer->body, answer->head.status, &up->arena, &v))
		return false;
	v.status = answer->head.status;
	if (!settle(up, 0, &v, answer->body))
		return false;
	(void)queue_done(up->config.queue, up->pieces[0].number, 1, NULL);
	return true;
}

static void mark_run(struct uplink *up, unsigned from, unsigned to)
{
	while (from < to) {
		unsigned end = from + 1;
		while (end < to && up->pieces[end].number == up->pieces[end - 1].number + 1)
			end++;
		(void)queue_done(up->config.queue, up->pieces[from].number, end - from, NULL);
		from = end;
	}
}

/* One line an answer, in our order. Where the lines stop making sense everything from there on is
 * sent again. */
static void settle_lines(struct uplink *up, const struct client_answer *answer)
{
	struct slice body = answer->body, rest;
	unsigned run = 0, i = 0;
	for (; i < up->count; i++) {
		struct verdict v;
		struct slice line = slice_cut(body, '\n', &rest);
		body = rest;
		arena_reset(&up->arena);
		if (!verdict_read(line, 0, &up->arena, &v))
			break;
		if (!settle(up, i, &v, line)) {
			mark_run(up, run, i);
			run = i + 1;
			up->later = true;
		}
	}
	mark_run(up, run, i);
	up->later = up->later || i < up->count;
}

/* The request was refused as a whole. A batch is taken apart; a single one that nobody explains is
 * passed over for now, so that it does not hold up the others. */
static void refused_whole(struct uplink *up, const struct client_answer *answer)
{
	unsigned status = answer->head.status;
	bool about_content = status == 400 || status == 413 || status == 422;
	if (about_content && up->count > 1) {
		up->batch = 1;
		up->failures = 0;
		up->retry_at_ns = 0;
	} else if (about_content) {
		up->after = up->pieces[0].number;
	}
}

static void take_answer(struct uplink *up, const struct client_answer *answer)
{
	up->later = false;
	if (up->count == 1) {
		if (settle_one(up, answer)) {
			up->failures = 0;
			up->retry_at_ns = 0;
			say(up, "");
			return;
		}
		up->later = true;
	} else if (answer->head.status == 200) {
		settle_lines(up, answer);
	}
	if (answer->head.status >= 400) {
		refused_whole(up, answer);
		return;
	}
	if (up->later) {
		say(up, "the centre could not take everything; the rest is sent again");
		up->failures = up->failures_before;
		back_off(up, answer->head.retry_after_s);
		return;
	}
	say(up, "");
	if (up->batch < UPLINK_BATCH_MAX)
		up->batch = up->batch * 2 < UPLINK_BATCH_MAX ? up->batch * 2 : UPLINK_BATCH_MAX;
}

static enum status send_pieces(struct uplink *up, struct error *err)
{
	struct client_answer answer;
	bool many = up->count > 1;
	if (up->body.failed)
		return error_set(err, E_FULL, "no memory for a request");
	struct slice body = slice_make(up->body.ptr, up->body.len - 1);
	enum status s = client_request(up->config.client, "POST", "/v1/transactions",
		many ? "application/x-ndjson" : "application/json", body, &answer, err);
	if (s == E_STOPPED)
		return s;
	uplink_note(up, s, &answer, s == OK ? NULL : err->text);
	if (s == OK)
		take_answer(up, &answer);
	return OK;
}

enum status uplink_step(struct uplink *up, uint64_t live, uint64_t *ret_wait_ms, struct error *err)
{
	*ret_wait_ms = uplink_wait_ms(up);
	if (*ret_wait_ms > 0)
		return OK;
	up->count = 0;
	buf_reset(&up->body);
	enum status s = live > 0 ? collect_live(up, live, err) : OK;
	if (s == OK && up->count == 0)
		s = collect_backlog(up, err);
	if (s == OK && up->count == 0) {
		*ret_wait_ms = UINT64_MAX;
		buf_release(&up->body);
		buf_release(&up->entry);
		return OK;
	}
	if (s == OK)
		s = send_pieces(up, err);
	if (s != OK && s != E_STOPPED) {
		say(up, err->text);
		back_off(up, 0);
		s = OK;
	}
	*ret_wait_ms = uplink_wait_ms(up);
	return s;
}
