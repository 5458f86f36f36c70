#include "sandbox/delay.h"

#include "base/check.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

struct waiting {
	struct waiting *next;
	struct http_request *request;
	struct reply reply;
	struct timespec due; /* by CLOCK_MONOTONIC */
};

struct delay {
	pthread_t thread; /* set once */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct waiting *first; /* lock; by `due` */
	unsigned count;        /* lock */
	bool stopped;          /* lock */
};

static bool is_before(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

static struct timespec now(void)
{
	struct timespec time;
	check(clock_gettime(CLOCK_MONOTONIC, &time) == 0);
	return time;
}

static struct timespec after_ms(struct timespec time, uint64_t ms)
{
	time.tv_sec += (time_t)(ms / 1000);
	time.tv_nsec += (long)(ms % 1000) * 1000000;
	if (time.tv_nsec >= 1000000000) {
		time.tv_nsec -= 1000000000;
		time.tv_sec++;
	}
	return time;
}

static void send_now(struct waiting *waiting)
{
	reply_send(&waiting->reply, waiting->request);
	reply_release(&waiting->reply);
	free(waiting);
}

/* The next one that is due, without the lock held by then; NULL when stopped and empty. */
static struct waiting *next_due(struct delay *delay)
{
	struct waiting *first = NULL;
	pthread_mutex_lock(&delay->lock);
	for (;;) {
		struct timespec time = now();
		first = delay->first;
		if (first == NULL && delay->stopped)
			break;
		if (first != NULL && (delay->stopped || !is_before(&time, &first->due))) {
			delay->first = first->next;
			delay->count--;
			break;
		}
		if (first == NULL) {
			pthread_cond_wait(&delay->changed, &delay->lock);
		} else {
			pthread_cond_timedwait(&delay->changed, &delay->lock, &first->due);
		}
	}
	pthread_mutex_unlock(&delay->lock);
	return first;
}

static void *run(void *context)
{
	struct delay *delay = context;
	struct waiting *waiting;
	while ((waiting = next_due(delay)) != NULL)
		send_now(waiting);
	return NULL;
}

enum status delay_open(struct delay **ret_delay, struct error *err)
{
	pthread_condattr_t attributes;
	struct delay *delay = calloc(1, sizeof(*delay));
	if (delay == NULL)
		return error_set(err, E_FULL, "out of memory for delayed answers");
	check(pthread_mutex_init(&delay->lock, NULL) == 0);
	check(pthread_condattr_init(&attributes) == 0);
	check(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
	check(pthread_cond_init(&delay->changed, &attributes) == 0);
	pthread_condattr_destroy(&attributes);
	errno = pthread_create(&delay->thread, NULL, run, delay);
	if (errno != 0) {
		enum status s = error_errno(err, E_IO, "cannot start a thread");
		pthread_cond_destroy(&delay->changed);
		pthread_mutex_destroy(&delay->lock);
		free(delay);
		return s;
	}
	*ret_delay = delay;
	return OK;
}

/* False when it is not to wait: the thread has stopped, or too many wait. */
static bool enqueue(struct delay *delay, struct waiting *waiting)
{
	pthread_mutex_lock(&delay->lock);
	bool taken = !delay->stopped && delay->count < DELAY_ANSWERS_MAX;
	if (taken) {
		struct waiting **at = &delay->first;
		while (*at != NULL && !is_before(&waiting->due, &(*at)->due))
			at = &(*at)->next;
		waiting->next = *at;
		*at = waiting;
		delay->count++;
		pthread_cond_signal(&delay->changed);
	}
	pthread_mutex_unlock(&delay->lock);
	return taken;
}

void delay_send(
	struct delay *delay, struct reply *reply, struct http_request *request, uint64_t delay_ms)
{
	struct waiting *waiting = calloc(1, sizeof(*waiting));
	if (waiting == NULL) {
		reply_send(reply, request);
		reply_release(reply);
		return;
	}
	*waiting = (struct waiting){
		.request = request,
		.reply = *reply,
		.due = after_ms(now(), delay_ms),
	};
	reply_init(reply);
	if (!enqueue(delay, waiting))
		send_now(waiting);
}

void delay_stop(struct delay *delay)
{
	pthread_mutex_lock(&delay->lock);
	delay->stopped = true;
	pthread_cond_signal(&delay->changed);
	pthread_mutex_unlock(&delay->lock);
}

void delay_close(struct delay *delay)
{
	if (delay == NULL)
		return;
	delay_stop(delay);
	pthread_join(delay->thread, NULL);
	pthread_cond_destroy(&delay->changed);
	pthread_mutex_destroy(&delay->lock);
	free(delay);
}
