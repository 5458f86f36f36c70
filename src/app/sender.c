#include "app/sender.h"

#include "app/input.h"
#include "app/lane.h"
#include "app/sender_queue.h"
#include "base/random.h"
#include "retail/transaction.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
	EVENTS_MAX = 256,
	WAYBILL_BYTES_MAX = 8 << 20,
	PROGRESS_MS = 200,
	ANSWER_MS = 30000, /* a request without an answer for so long is sent again */
	BACKOFF_FIRST_MS = 50,
	BACKOFF_LAST_MS = 5000,
	RETRY_AFTER_MAX_S = 60,
};

static const uint64_t NS_PER_MS = 1000000;

/* A connection and what it carries. It keeps a parcel that is to be sent again, so that a server
 * that asks to wait is asked by fewer connections. */
struct carrier {
	struct lane lane;
	struct parcel *parcel; /* NULL: free */
	struct carrier *next_free;
	uint64_t started_ns; /* of the POST under way */
	uint64_t again_ns;   /* when to send it again; 0: it is under way */
};

struct sender {
	const struct sender_config *config;
	struct clock *clock;
	struct random random;
	struct endpoint endpoint;
	int epoll;
	struct carrier *carriers;
	struct carrier *free;
	unsigned busy;
	struct sender_queue queue;
	struct arena arena; /* one waybill */
	struct input *input;
	unsigned path_index; /* of the file that is opened next */
	bool ended;          /* nothing more to read */
	struct slice held;   /* read, but not due yet; points into the input */
	struct waybill held_waybill;
	uint64_t held_due_ns;
	bool holds;
	uint32_t days[SENDER_DAYS_MAX]; /* business dates in the order they appeared */
	uint64_t day_count;
	int64_t first_ms; /* till time of the first transaction */
	bool has_first;
	uint64_t start_ns, now_ns, due_ns;
	uint64_t answered_ns; /* when the last final answer came */
	uint64_t progress_ns;
	struct error last_loss; /* what the last broken connection said */
	bool untrusted;         /* the server is another; last_loss says why */
	struct sender_progress progress;
};

/* True when the business date is one of those to be sent. */
static bool wanted_day(struct sender *sender, uint32_t date)
{
	uint64_t wanted = sender->config->days;
	if (wanted == 0)
		return true;
	for (uint64_t i = 0; i < sender->day_count; i++)
		if (sender->days[i] == date)
			return true;
	if (sender->day_count == wanted || sender->day_count == SENDER_DAYS_MAX)
		return false;
	sender->days[sender->day_count++] = date;
	return true;
}

/* When the transaction is to be sent; one without a time goes with the one before it. */
static uint64_t due_time(struct sender *sender, const struct waybill *waybill)
{
	if (sender->config->speed == 0 || !waybill->closed)
		return sender->due_ns;
	if (!sender->has_first)
		sender->first_ms = waybill->closed_ms;
	sender->has_first = true;
	int64_t after_ms = waybill->closed_ms - sender->first_ms;
	if (after_ms < 0)
		after_ms = 0;
	sender->due_ns = sender->start_ns + (uint64_t)after_ms * NS_PER_MS / sender->config->speed;
	return sender->due_ns;
}

/* Opens the next file; sets `ended` when there is none. */
static enum status next_file(struct sender *sender, struct error *err)
{
	input_close(sender->input);
	sender->input = NULL;
	if (sender->path_index == sender->config->path_count) {
		sender->ended = true;
		return OK;
	}
	return input_open(sender->config->paths[sender->path_index++], &sender->input, err);
}

/* Reads one transaction into `held`, or sets `ended`. */
static enum status read_one(struct sender *sender, struct error *err)
{
	enum status s = OK;
	while (s == OK && !sender->holds && !sender->ended) {
		struct slice line;
		bool end = true;
		if (sender->input != NULL)
			s = input_line(sender->input, TRANSACTION_BYTES_MAX, &line, &end, err);
		if (s != OK)
			break;
		if (end) {
			s = next_file(sender, err);
			continue;
		}
		if (slice_trim(line).len == 0)
			continue;
		arena_reset(&sender->arena);
		s = waybill_read(line, &sender->arena, &sender->held_waybill, err);
		if (s != OK)
			return error_wrap(err, "%s:%llu", input_path(sender->input),
				(unsigned long long)input_line_number(sender->input));
		if (!wanted_day(sender, sender->held_waybill.business_date))
			continue;
		/* The input goes with its file, the configuration stays. */
		sender->held_waybill.path = sender->config->paths[sender->path_index - 1];
		sender->held_waybill.line = input_line_number(sender->input);
		sender->held = line;
		sender->holds = true;
		sender->held_due_ns = due_time(sender, &sender->held_waybill);
	}
	return s;
}

/* Reads ahead as far as the window and the clock allow. */
static enum status read_ahead(struct sender *sender, struct error *err)
{
	enum status s = OK;
	while (s == OK && sender_queue_has_room(&sender->queue)) {
		s = read_one(sender, err);
		if (s != OK || !sender->holds || sender->held_due_ns > sender->now_ns)
			break;
		s = sender_queue_add(&sender->queue, &sender->held_waybill, sender->held,
			sender->held_due_ns, err);
		sender->holds = false;
		sender->progress.read++;
	}
	return s;
}

/* Half of the wait is certain, half is jitter, so that registers that failed together do not come
 * back together. */
static uint64_t backoff_ms(struct sender *sender, unsigned attempts, uint64_t retry_after_s)
{
	uint64_t ms = BACKOFF_FIRST_MS;
	for (unsigned i = 1; i < attempts && ms < BACKOFF_LAST_MS; i++)
		ms *= 2;
	if (ms > BACKOFF_LAST_MS)
		ms = BACKOFF_LAST_MS;
	ms = ms / 2 + random_below(&sender->random, ms / 2 + 1);
	if (retry_after_s > RETRY_AFTER_MAX_S)
		retry_after_s = RETRY_AFTER_MAX_S;
	return retry_after_s * 1000 + ms;
}

static void send_again_later(struct sender *sender, struct carrier *carrier, uint64_t retry_after_s)
{
	sender->progress.retries++;
	carrier->parcel->attempts++;
	carrier->again_ns =
		sender->now_ns +
		backoff_ms(sender, carrier->parcel->attempts, retry_after_s) * NS_PER_MS;
}

static bool is_temporary(unsigned status)
{
	return status == 429 || status == 408 || status >= 500;
}

static void count_answer(
	struct sender *sender, const struct carrier *carrier, const struct answer *answer)
{
	struct sender_progress *p = &sender->progress;
	p->answered++;
	p->accepted += answer->status == 201;
	p->duplicates += answer->status == 200;
	p->conflicts += answer->status == 409;
	bool taken = answer->status == 200 || answer->status == 201;
	p->refused += !taken && answer->status != 409;
	uint64_t now_ns = sender->clock->monotonic_ns(sender->clock);
	latency_add(&p->latency, (now_ns - carrier->started_ns) / 1000);
	if (!taken && sender->config->refused != NULL)
		sender->config->refused(sender->config->context, carrier->parcel->path,
			carrier->parcel->line,
			slice_make(carrier->parcel->bytes, carrier->parcel->len), answer->status,
			answer->body);
}

static void take_answer(struct sender *sender, struct carrier *carrier, const struct answer *answer)
{
	if (is_temporary(answer->status)) {
		error_set(&sender->last_loss, E_RETRY, "%s answers %u", sender->endpoint.host,
			answer->status);
		send_again_later(sender, carrier, answer->retry_after_s);
		return;
	}
	count_answer(sender, carrier, answer);
	sender->answered_ns = sender->now_ns;
	sender_queue_finish(&sender->queue, carrier->parcel);
	carrier->parcel = NULL;
	carrier->next_free = sender->free;
	sender->free = carrier;
	sender->busy--;
}

static void step(struct sender *sender, struct carrier *carrier)
{
	struct answer answer = { 0 };
	if (carrier->parcel != NULL && carrier->again_ns != 0) {
		/* It waits to send again; an event can only be the end of its connection. */
		lane_step(&carrier->lane, &answer, &sender->last_loss);
		return;
	}
	switch (lane_step(&carrier->lane, &answer, &sender->last_loss)) {
	case LANE_AGAIN:
		return;
	case LANE_UNTRUSTED:
		sender->untrusted = true;
		return;
	case LANE_LOST:
		send_again_later(sender, carrier, 0);
		return;
	case LANE_ANSWERED:
		take_answer(sender, carrier, &answer);
		return;
	}
}

static void post(struct sender *sender, struct carrier *carrier)
{
	struct slice body = slice_make(carrier->parcel->bytes, carrier->parcel->len);
	carrier->again_ns = 0;
	carrier->started_ns = sender->clock->monotonic_ns(sender->clock);
	if (lane_post(&carrier->lane, sender->epoll, carrier, body, &sender->last_loss) != OK)
		send_again_later(sender, carrier, 0);
	else
		step(sender, carrier);
}

/* Gives waiting transactions to free connections. */
static void dispatch(struct sender *sender)
{
	while (sender->free != NULL) {
		struct parcel *parcel = sender_queue_take(&sender->queue);
		if (parcel == NULL)
			return;
		struct carrier *carrier = sender->free;
		sender->free = carrier->next_free;
		carrier->parcel = parcel;
		sender->busy++;
		post(sender, carrier);
	}
}

/* Sends again what has waited long enough, and gives up on answers that never come. */
static void look_at_timers(struct sender *sender)
{
	for (unsigned i = 0; i < sender->config->connections; i++) {
		struct carrier *carrier = &sender->carriers[i];
		if (carrier->parcel == NULL)
			continue;
		if (carrier->again_ns != 0 && carrier->again_ns <= sender->now_ns) {
			post(sender, carrier);
		} else if (carrier->again_ns == 0 && sender->now_ns > carrier->started_ns &&
			   sender->now_ns - carrier->started_ns > ANSWER_MS * NS_PER_MS) {
			lane_drop(&carrier->lane);
			error_set(&sender->last_loss, E_RETRY, "%s: no answer in %d s",
				sender->endpoint.host, ANSWER_MS / 1000);
			send_again_later(sender, carrier, 0);
		}
	}
}

/* How long to wait for events: until the next timer, at most until the next report. */
static int wait_ms(const struct sender *sender)
{
	uint64_t until = sender->progress_ns;
	if (sender->holds && sender->held_due_ns < until && sender_queue_has_room(&sender->queue))
		until = sender->held_due_ns;
	for (unsigned i = 0; i < sender->config->connections; i++) {
		const struct carrier *carrier = &sender->carriers[i];
		if (carrier->parcel != NULL && carrier->again_ns != 0 && carrier->again_ns < until)
			until = carrier->again_ns;
	}
	if (until <= sender->now_ns)
		return 0;
	return (int)((until - sender->now_ns) / NS_PER_MS) + 1;
}

static enum status wait_for_events(struct sender *sender, struct error *err)
{
	struct epoll_event events[EVENTS_MAX];
	int count = epoll_wait(sender->epoll, events, EVENTS_MAX, wait_ms(sender));
	if (count < 0 && errno != EINTR)
		return error_errno(err, E_IO, "epoll_wait");
	sender->now_ns = sender->clock->monotonic_ns(sender->clock);
	for (int i = 0; i < count; i++)
		step(sender, events[i].data.ptr);
	return OK;
}

/* What is read ahead is not done yet; the answered share of what is read is. */
static void measure(struct sender *sender)
{
	struct sender_progress *p = &sender->progress;
	uint64_t bytes_read = p->bytes_total;
	if (sender->input != NULL)
		input_position(sender->input, &bytes_read, &p->bytes_total);
	if (p->read > 0)
		p->bytes_done = bytes_read * p->answered / p->read;
}

static enum status report(struct sender *sender, struct error *err)
{
	if (sender->now_ns < sender->progress_ns)
		return OK;
	sender->progress_ns = sender->now_ns + PROGRESS_MS * NS_PER_MS;
	measure(sender);
	if (sender->config->progress != NULL &&
		!sender->config->progress(sender->config->context, &sender->progress))
		return error_set(err, E_STOPPED, "stopped");
	/* A sender without work, because nothing is due, has all the patience there is. */
	if (sender->busy == 0)
		sender->answered_ns = sender->now_ns;
	if (sender->now_ns - sender->answered_ns > sender->config->patience_ms * NS_PER_MS)
		return error_set(err, E_RETRY, "nothing was taken for %llu s; %s",
			(unsigned long long)sender->config->patience_ms / 1000,
			sender->last_loss.text[0] == '\0' ? "no answer" : sender->last_loss.text);
	return OK;
}

/* A line that is no transaction ends the reading, but what stands before it is still sent. */
static enum status run(struct sender *sender, struct error *err)
{
	enum status s = OK;
	struct error read_error = { OK, "" };
	while (s == OK) {
		if (read_error.status == OK && read_ahead(sender, &read_error) != OK)
			sender->ended = true;
		dispatch(sender);
		if (sender->untrusted)
			return error_set(err, E_CONFIG, "%s", sender->last_loss.text);
		if (sender->ended && sender->queue.count == 0)
			break;
		s = wait_for_events(sender, err);
		if (s == OK) {
			look_at_timers(sender);
			s = report(sender, err);
		}
	}
	if (s == OK && read_error.status != OK)
		s = error_set(err, read_error.status, "%s", read_error.text);
	return s;
}

static enum status open_all(struct sender *sender, struct error *err)
{
	const struct sender_config *config = sender->config;
	enum status s = endpoint_parse(config->url, "/v1/transactions", &sender->endpoint, err);
	if (s == OK)
		s = endpoint_secure(&sender->endpoint, config->ca_file, err);
	if (s == OK)
		s = sender_queue_init(&sender->queue, err);
	if (s != OK)
		return s;
	sender->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (sender->epoll < 0)
		return error_errno(err, E_IO, "epoll_create1");
	sender->carriers = calloc(config->connections, sizeof(*sender->carriers));
	if (sender->carriers == NULL)
		return error_set(err, E_FULL, "out of memory");
	for (unsigned i = 0; i < config->connections; i++) {
		lane_init(&sender->carriers[i].lane, &sender->endpoint);
		sender->carriers[i].next_free = sender->free;
		sender->free = &sender->carriers[i];
	}
	return OK;
}

static void close_all(struct sender *sender)
{
	for (unsigned i = 0; sender->carriers != NULL && i < sender->config->connections; i++) {
		free(sender->carriers[i].parcel);
		lane_release(&sender->carriers[i].lane);
	}
	free(sender->carriers);
	endpoint_release(&sender->endpoint);
	sender_queue_release(&sender->queue);
	input_close(sender->input);
	arena_release(&sender->arena);
	if (sender->epoll >= 0)
		close(sender->epoll);
	free(sender);
}

enum status sender_run(const struct sender_config *config, struct clock *clock,
	struct sender_progress *ret_progress, struct error *err)
{
	struct sender *sender = calloc(1, sizeof(*sender));
	if (sender == NULL)
		return error_set(err, E_FULL, "out of memory");
	sender->config = config;
	sender->clock = clock;
	sender->epoll = -1;
	sender->start_ns = sender->now_ns = sender->answered_ns = clock->monotonic_ns(clock);
	sender->due_ns = sender->start_ns;
	random_init(&sender->random, config->seed);
	arena_init(&sender->arena, WAYBILL_BYTES_MAX);
	enum status s = open_all(sender, err);
	if (s == OK)
		s = run(sender, err);
	*ret_progress = sender->progress;
	close_all(sender);
	return s;
}
