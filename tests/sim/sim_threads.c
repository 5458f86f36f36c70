#include "sim_threads.h"

#include "base/check.h"
#include "base/random.h"
#include "harness.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { THREADS_MAX = 64, HELD_MAX = 64, STEP_NS_MAX = 20000 };

enum wait { RUNS, WAITS_FOR_MUTEX, WAITS_FOR_CONDITION, SLEEPS, WAITS_FOR_END, ENDED };

struct thread {
	enum wait wait;
	const void *on;    /* the mutex, condition or thread */
	uint64_t until_ns; /* 0: for ever */
	bool joined;
	pthread_t real;
	sem_t turn;
	void *(*run)(void *argument);
	void *argument, *result;
};

static struct {
	bool on;
	struct random random;
	uint64_t now_ns, turns;
	struct thread threads[THREADS_MAX];
	unsigned count;
	const pthread_mutex_t *held[HELD_MAX]; /* by any thread */
	unsigned held_count;
} sim;

static _Thread_local struct thread *self;

int __real_pthread_create(
	pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument);
int __real_pthread_join(pthread_t thread, void **ret_result);
int __real_pthread_mutex_lock(pthread_mutex_t *mutex);
int __real_pthread_mutex_unlock(pthread_mutex_t *mutex);
int __real_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);
int __real_pthread_cond_timedwait(
	pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until);
int __real_pthread_cond_signal(pthread_cond_t *condition);
int __real_pthread_cond_broadcast(pthread_cond_t *condition);
int __real_clock_gettime(clockid_t clock, struct timespec *ret_time);
int __real_nanosleep(const struct timespec *time, struct timespec *ret_rest);
int __real_pthread_setschedparam(pthread_t thread, int policy, const struct sched_param *parameter);

int __wrap_pthread_create(
	pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument);
int __wrap_pthread_join(pthread_t thread, void **ret_result);
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex);
int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);
int __wrap_pthread_cond_timedwait(
	pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until);
int __wrap_pthread_cond_signal(pthread_cond_t *condition);
int __wrap_pthread_cond_broadcast(pthread_cond_t *condition);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time);
int __wrap_nanosleep(const struct timespec *time, struct timespec *ret_rest);
int __wrap_pthread_setschedparam(pthread_t thread, int policy, const struct sched_param *parameter);

static bool is_held(const pthread_mutex_t *mutex)
{
	for (unsigned i = 0; i < sim.held_count; i++)
		if (sim.held[i] == mutex)
			return true;
	return false;
}

static void hold(const pthread_mutex_t *mutex)
{
	check(sim.held_count < HELD_MAX);
	sim.held[sim.held_count++] = mutex;
}

static void let_go(const pthread_mutex_t *mutex)
{
	for (unsigned i = 0; i < sim.held_count; i++)
		if (sim.held[i] == mutex) {
			sim.held[i] = sim.held[--sim.held_count];
			return;
		}
	test_fail(__FILE__, __LINE__, "a mutex that nobody holds is unlocked");
}

static bool can_run(const struct thread *thread)
{
	switch (thread->wait) {
	case RUNS:
		return true;
	case WAITS_FOR_MUTEX:
		return !is_held(thread->on);
	case WAITS_FOR_END:
		return ((const struct thread *)thread->on)->wait == ENDED;
	case WAITS_FOR_CONDITION:
	case SLEEPS:
	case ENDED:
		return false;
	}
	check(false);
}

/* Those whose time has come wait no more. */
static void ring(void)
{
	for (unsigned i = 0; i < sim.count; i++) {
		struct thread *t = &sim.threads[i];
		if ((t->wait == WAITS_FOR_CONDITION || t->wait == SLEEPS) && t->until_ns > 0 &&
			t->until_ns <= sim.now_ns)
			t->wait = RUNS;
	}
}

/* All wait: the clock goes on. */
static void go_on_to_the_next_time(void)
{
	uint64_t next = UINT64_MAX;
	for (unsigned i = 0; i < sim.count; i++) {
		const struct thread *t = &sim.threads[i];
		if ((t->wait == WAITS_FOR_CONDITION || t->wait == SLEEPS) && t->until_ns > 0 &&
			t->until_ns < next)
			next = t->until_ns;
	}
	if (next == UINT64_MAX) {
		char text[512];
		size_t used = 0;
		for (unsigned i = 0; i < sim.count; i++)
			used += (size_t)snprintf(text + used, sizeof(text) - used, " %u:%d", i,
				(int)sim.threads[i].wait);
		test_fail(__FILE__, __LINE__, "no thread can ever go on:%s", text);
	}
	sim.now_ns = next;
	ring();
}

static struct thread *choose(void)
{
	struct thread *able[THREADS_MAX];
	for (;;) {
		unsigned count = 0;
		for (unsigned i = 0; i < sim.count; i++)
			if (can_run(&sim.threads[i]))
				able[count++] = &sim.threads[i];
		if (count > 0)
			return able[random_below(&sim.random, count)];
		go_on_to_the_next_time();
	}
}

static void wait_for_turn(struct thread *thread)
{
	while (sem_wait(&thread->turn) != 0)
		check(errno == EINTR);
}

/* Hands the turn on, and comes back when it is this thread's again. */
static void take_turns(void)
{
	struct thread *before = self;
	sim.turns++;
	sim.now_ns += random_below(&sim.random, STEP_NS_MAX);
	ring();
	struct thread *next = choose();
	if (next == before)
		return;
	bool ends = before->wait == ENDED;
	sem_post(&next->turn);
	if (!ends)
		wait_for_turn(before);
}

static void wait_until(enum wait wait, const void *on, uint64_t until_ns)
{
	self->wait = wait;
	self->on = on;
	self->until_ns = until_ns;
	take_turns();
	self->wait = RUNS;
}

static struct thread *add_thread(void)
{
	for (unsigned i = 0; i < sim.count; i++)
		if (sim.threads[i].wait == ENDED && sim.threads[i].joined) {
			sem_destroy(&sim.threads[i].turn);
			sim.threads[i] = (struct thread){ .wait = RUNS };
			sem_init(&sim.threads[i].turn, 0, 0);
			return &sim.threads[i];
		}
	check(sim.count < THREADS_MAX);
	struct thread *thread = &sim.threads[sim.count++];
	*thread = (struct thread){ .wait = RUNS };
	sem_init(&thread->turn, 0, 0);
	return thread;
}

void sim_threads_begin(uint64_t seed, int64_t epoch_ms)
{
	memset(&sim, 0, sizeof(sim));
	random_init(&sim.random, seed);
	sim.now_ns = (uint64_t)epoch_ms * 1000000;
	self = add_thread();
	sim.on = true;
}

void sim_threads_end(void)
{
	for (unsigned i = 0; i < sim.count; i++) {
		if (&sim.threads[i] != self && !sim.threads[i].joined)
			test_fail(__FILE__, __LINE__, "a thread was left behind");
		sem_destroy(&sim.threads[i].turn);
	}
	if (sim.held_count > 0)
		test_fail(__FILE__, __LINE__, "a mutex was left locked");
	sim.on = false;
	self = NULL;
}

uint64_t sim_now_ns(void)
{
	return sim.now_ns;
}

uint64_t sim_turns(void)
{
	return sim.turns;
}

void sim_yield(void)
{
	take_turns();
}

void sim_sleep_ms(uint64_t ms)
{
	wait_until(SLEEPS, NULL, sim.now_ns + ms * 1000000 + 1);
}

static void *begin_thread(void *argument)
{
	self = argument;
	wait_for_turn(self);
	self->result = self->run(self->argument);
	self->wait = ENDED;
	take_turns();
	return self->result;
}

int __wrap_pthread_create(
	pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument)
{
	if (!sim.on)
		return __real_pthread_create(thread, attributes, run, argument);
	struct thread *t = add_thread();
	t->run = run;
	t->argument = argument;
	int status = __real_pthread_create(&t->real, attributes, begin_thread, t);
	check(status == 0);
	*thread = t->real;
	take_turns();
	return 0;
}

int __wrap_pthread_join(pthread_t thread, void **ret_result)
{
	if (!sim.on)
		return __real_pthread_join(thread, ret_result);
	for (unsigned i = 0; i < sim.count; i++) {
		struct thread *t = &sim.threads[i];
		if (t == self || t->joined || !pthread_equal(t->real, thread))
			continue;
		wait_until(WAITS_FOR_END, t, 0);
		t->joined = true;
		return __real_pthread_join(thread, ret_result);
	}
	test_fail(__FILE__, __LINE__, "a thread that does not exist is joined");
}

static void lock(const pthread_mutex_t *mutex)
{
	if (is_held(mutex))
		wait_until(WAITS_FOR_MUTEX, mutex, 0);
	hold(mutex);
}

int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex)
{
	if (!sim.on)
		return __real_pthread_mutex_lock(mutex);
	if (random_chance(&sim.random, 1, 4))
		take_turns();
	lock(mutex);
	return 0;
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
	if (!sim.on)
		return __real_pthread_mutex_unlock(mutex);
	let_go(mutex);
	if (random_chance(&sim.random, 1, 4))
		take_turns();
	return 0;
}

static void wait_for_condition(
	const pthread_cond_t *condition, const pthread_mutex_t *mutex, uint64_t until_ns)
{
	let_go(mutex);
	bool for_no_reason = random_chance(&sim.random, 1, 50);
	wait_until(WAITS_FOR_CONDITION, condition, for_no_reason ? sim.now_ns + 1 : until_ns);
	lock(mutex);
}

int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex)
{
	if (!sim.on)
		return __real_pthread_cond_wait(condition, mutex);
	wait_for_condition(condition, mutex, 0);
	return 0;
}

int __wrap_pthread_cond_timedwait(
	pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until)
{
	if (!sim.on)
		return __real_pthread_cond_timedwait(condition, mutex, until);
	uint64_t until_ns = (uint64_t)until->tv_sec * 1000000000 + (uint64_t)until->tv_nsec;
	wait_for_condition(condition, mutex, until_ns);
	return sim.now_ns >= until_ns ? ETIMEDOUT : 0;
}

/* Wakes one of those who wait, or all of them. */
static void wake(const pthread_cond_t *condition, bool all)
{
	struct thread *waiting[THREADS_MAX];
	unsigned count = 0;
	for (unsigned i = 0; i < sim.count; i++)
		if (sim.threads[i].wait == WAITS_FOR_CONDITION && sim.threads[i].on == condition)
			waiting[count++] = &sim.threads[i];
	if (count > 0 && !all)
		waiting[random_below(&sim.random, count)]->wait = RUNS;
	for (unsigned i = 0; all && i < count; i++)
		waiting[i]->wait = RUNS;
	if (random_chance(&sim.random, 1, 4))
		take_turns();
}

int __wrap_pthread_cond_signal(pthread_cond_t *condition)
{
	if (!sim.on)
		return __real_pthread_cond_signal(condition);
	wake(condition, false);
	return 0;
}

int __wrap_pthread_cond_broadcast(pthread_cond_t *condition)
{
	if (!sim.on)
		return __real_pthread_cond_broadcast(condition);
	wake(condition, true);
	return 0;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time)
{
	if (!sim.on)
		return __real_clock_gettime(clock, ret_time);
	*ret_time = (struct timespec){ .tv_sec = (time_t)(sim.now_ns / 1000000000),
		.tv_nsec = (long)(sim.now_ns % 1000000000) };
	return 0;
}

int __wrap_nanosleep(const struct timespec *time, struct timespec *ret_rest)
{
	if (!sim.on)
		return __real_nanosleep(time, ret_rest);
	wait_until(SLEEPS, NULL,
		sim.now_ns + (uint64_t)time->tv_sec * 1000000000 + (uint64_t)time->tv_nsec + 1);
	return 0;
}

/* Who goes first is the generator's business here. */
int __wrap_pthread_setschedparam(pthread_t thread, int policy, const struct sched_param *parameter)
{
	return sim.on ? 0 : __real_pthread_setschedparam(thread, policy, parameter);
}
