/* What is unsent, what is held, how the centre is doing, and what came down. */
#include "edge/till_internal.h"

#include "base/json.h"

#include <stdlib.h>

enum { STATUS_BYTES = 8 << 10, ENTRY_BYTES = 8 << 20 };

int till_room(struct till *till)
{
	struct error err;
	return queue_room(till->queue, &err) == OK ? TILL_OK : till_failed(&err);
}

uint64_t till_unsent(struct till *till)
{
	struct queue_counters counters;
	queue_counters(till->queue, &counters);
	return counters.waiting;
}

int till_flush(struct till *till, unsigned timeout_ms)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += timeout_ms / 1000;
	until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&till->lock);
	till->hurry = true;
	pthread_cond_signal(&till->work);
	uint64_t unsent = till_unsent(till);
	while (unsent > 0 && !till->stopping) {
		if (pthread_cond_timedwait(&till->done, &till->lock, &until) != 0)
			break;
		unsent = till_unsent(till);
	}
	pthread_mutex_unlock(&till->lock);
	if (unsent == 0)
		return TILL_OK;
	return till_fail(TILL_TIMEOUT, "%llu transactions are unsent", (unsigned long long)unsent);
}

static int64_t oldest_unsent_ms(struct till *till)
{
	struct queue_entry entry;
	struct buf buf;
	int64_t age = 0;
	buf_init(&buf, ENTRY_BYTES);
	if (queue_next(till->queue, 0, &buf, &entry, NULL) == OK) {
		age = till->clock->wall_ms(till->clock) - entry.recorded_ms;
		age = age < 1 ? 1 : age;
	}
	buf_release(&buf);
	return age;
}

int64_t till_figure(struct till *till, enum till_figure figure)
{
	struct queue_counters counters;
	struct uplink_figures up;
	queue_counters(till->queue, &counters);
	uplink_figures(till->uplink, &up);
	switch (figure) {
	case TILL_FIGURE_UNSENT:
		return (int64_t)counters.waiting;
	case TILL_FIGURE_OLDEST_UNSENT_MS:
		return oldest_unsent_ms(till);
	case TILL_FIGURE_HELD:
		return (int64_t)held_count(till->held);
	case TILL_FIGURE_REACHABLE:
		return up.reachable;
	case TILL_FIGURE_LAST_ANSWER_MS:
		return up.last_answer_ms == 0
			       ? -1
			       : (int64_t)(till->clock->monotonic_ns(till->clock) / 1000000) -
					 up.last_answer_ms;
	case TILL_FIGURE_CLOCK_SKEW_MS:
		return up.skew_ms;
	case TILL_FIGURE_CLOCK_SKEW_ERROR_MS:
		return up.has_skew ? up.skew_error_ms : -1;
	case TILL_FIGURE_LAST_SEQUENCE:
		return (int64_t)counters.last_sequence;
	case TILL_FIGURE_QUEUE_BYTES:
		return (int64_t)counters.bytes;
	case TILL_FIGURE_DAMAGED:
		return (int64_t)counters.damaged;
	case TILL_FIGURE_SENT:
		return (int64_t)up.sent;
	}
	return -1;
}

char *till_status(struct till *till)
{
	static const struct {
		const char *name;
		enum till_figure figure;
	} rows[] = {
		{ "unsent", TILL_FIGURE_UNSENT },
		{ "oldest_unsent_ms", TILL_FIGURE_OLDEST_UNSENT_MS },
		{ "held", TILL_FIGURE_HELD },
		{ "reachable", TILL_FIGURE_REACHABLE },
		{ "last_answer_ms", TILL_FIGURE_LAST_ANSWER_MS },
		{ "clock_skew_ms", TILL_FIGURE_CLOCK_SKEW_MS },
		{ "clock_skew_error_ms", TILL_FIGURE_CLOCK_SKEW_ERROR_MS },
		{ "last_sequence", TILL_FIGURE_LAST_SEQUENCE },
		{ "queue_bytes", TILL_FIGURE_QUEUE_BYTES },
		{ "damaged", TILL_FIGURE_DAMAGED },
		{ "sent", TILL_FIGURE_SENT },
	};
	struct uplink_figures up;
	struct buf buf;
	buf_init(&buf, STATUS_BYTES);
	buf_char(&buf, '{');
	json_write_member_text(&buf, "version", TILL_VERSION);
	json_write_member_text(&buf, "store", till->config.options.store);
	json_write_member_text(&buf, "register", till->config.options.reg);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_write_name(&buf, rows[i].name);
		buf_format(&buf, "%lld", (long long)till_figure(till, rows[i].figure));
	}
	uplink_figures(till->uplink, &up);
	json_write_member_text(&buf, "last_error", up.error);
	buf_text(&buf, "}");
	buf_char(&buf, '\0');
	if (!buf.failed)
		return buf.ptr;
	buf_release(&buf);
	return NULL;
}

/* The buffer's bytes as a text of the caller's. */
static int hand_over(struct buf *buf, enum status s, const struct error *err, const char *nothing,
	char **ret_json)
{
	int result = TILL_OK;
	buf_char(buf, '\0');
	if (s == E_RETRY)
		result = till_fail(TILL_NOTHING, "%s", nothing);
	else if (s != OK)
		result = till_failed(err);
	else if (buf->failed)
		result = till_fail(TILL_IO, "out of memory");
	if (result == TILL_OK)
		*ret_json = buf->ptr;
	else
		buf_release(buf);
	return result;
}

int till_held(struct till *till, uint64_t index, char **ret_json)
{
	struct error err;
	struct buf buf;
	buf_init(&buf, ENTRY_BYTES);
	enum status s = held_read(till->held, index, &buf, &err);
	return hand_over(&buf, s, &err, "no more transactions are held", ret_json);
}

int till_publication(struct till *till, const char *kind, uint64_t *ret_version, char **ret_json)
{
	struct error err;
	struct buf buf;
	buf_init(&buf, ENTRY_BYTES);
	enum status s = downlink_read(till->downlink, kind, ret_version, &buf, &err);
	return hand_over(&buf, s, &err, "nothing of this kind was published", ret_json);
}

int till_applied(struct till *till, const char *kind, uint64_t version)
{
	struct error err;
	if (downlink_applied(till->downlink, kind, version, &err) != OK)
		return till_failed(&err);
	sender_wake(till, 0);
	return TILL_OK;
}
