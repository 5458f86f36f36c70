#include "watch/sampler.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { SAMPLES = 61, RATE_SECONDS = 10 };

struct sample {
	uint64_t at_ns;
	uint64_t accepted, settled, refused;
	struct histogram answers;
};

struct sampler {
	const struct sources *sources;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool stopping;                  /* lock */
	struct sample samples[SAMPLES]; /* lock: a ring, the newest at count - 1 */
	uint64_t count;                 /* lock: samples taken so far */
};

static void take(struct sampler *s, struct sample *sample)
{
	struct acceptor_counters accepted;
	acceptor_counters(s->sources->acceptor, &accepted);
	const struct delivery_lags *lags = delivery_lags(s->sources->delivery);
	sample->at_ns = s->sources->clock->monotonic_ns(s->sources->clock);
	sample->accepted = accepted.accepted_total;
	sample->refused = admission_counters(s->sources->admission)->refused_total;
	histogram_copy(&lags->receipt_to_answer, &sample->answers);
	sample->settled = sample->answers.count;
}

static void *run(void *argument)
{
	struct sampler *s = argument;
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	pthread_mutex_lock(&s->lock);
	while (!s->stopping) {
		take(s, &s->samples[s->count % SAMPLES]);
		s->count++;
		until.tv_sec++;
		while (!s->stopping && pthread_cond_timedwait(&s->changed, &s->lock, &until) == 0)
			;
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

enum status sampler_open(
	const struct sources *sources, struct sampler **ret_sampler, struct error *err)
{
	struct sampler *s = calloc(1, sizeof(*s));
	if (s == NULL)
		return error_set(err, E_FULL, "watch: out of memory");
	s->sources = sources;
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_t attributes;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&s->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	if (pthread_create(&s->thread, NULL, run, s) != 0) {
		free(s);
		return error_set(err, E_IO, "watch: cannot start a thread");
	}
	pthread_setname_np(s->thread, "sampler");
	*ret_sampler = s;
	return OK;
}

void sampler_close(struct sampler *s)
{
	if (s == NULL)
		return;
	pthread_mutex_lock(&s->lock);
	s->stopping = true;
	pthread_cond_signal(&s->changed);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->changed);
	free(s);
}

/* The sample of `seconds` ago, or the oldest there is. */
static const struct sample *ago(const struct sampler *s, uint64_t seconds)
{
	uint64_t last = s->count - 1;
	uint64_t back = seconds < last ? seconds : last;
	if (back > SAMPLES - 1)
		back = SAMPLES - 1;
	return &s->samples[(last - back) % SAMPLES];
}

void sampler_rates(struct sampler *s, struct rates *ret_rates)
{
	struct sample now;
	*ret_rates = (struct rates){ 0 };
	take(s, &now);
	pthread_mutex_lock(&s->lock);
	if (s->count > 0) {
		const struct sample *recent = ago(s, RATE_SECONDS), *minute = ago(s, SAMPLES - 1);
		double seconds = (double)(now.at_ns - recent->at_ns) / 1e9;
		if (seconds > 0.1) {
			ret_rates->accepted_per_second =
				(double)(now.accepted - recent->accepted) / seconds;
			ret_rates->settled_per_second =
				(double)(now.settled - recent->settled) / seconds;
		}
		double refused = (double)(now.refused - minute->refused);
		double all = (double)(now.accepted - minute->accepted) + refused;
		ret_rates->refused_percent = all > 0 ? 100 * refused / all : 0;
		ret_rates->lag_p50_seconds =
			(double)histogram_quantile(&now.answers, &minute->answers, 500) / 1e6;
		ret_rates->lag_p99_seconds =
			(double)histogram_quantile(&now.answers, &minute->answers, 990) / 1e6;
	}
	pthread_mutex_unlock(&s->lock);
}
