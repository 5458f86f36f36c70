#include "deliver/delivery.h"

#include "deliver/worker.h"

#include <stdlib.h>

struct delivery {
	struct delivery_config config;
	struct delivery_lags lags;
	atomic_bool stop;
	struct worker **workers;
	size_t count;
};

enum status delivery_open(
	const struct delivery_config *config, struct delivery **ret_delivery, struct error *err)
{
	struct delivery *d = calloc(1, sizeof(*d));
	if (d == NULL)
		return error_set(err, E_FULL, "delivery: out of memory");
	d->config = *config;
	d->workers = calloc(config->target_count + 1, sizeof(*d->workers));
	enum status s = d->workers == NULL ? error_set(err, E_FULL, "delivery: out of memory") : OK;
	for (size_t i = 0; i < config->target_count && s == OK; i++) {
		s = worker_open(
			&d->config, &config->targets[i], &d->lags, &d->stop, &d->workers[i], err);
		if (s == OK)
			d->count++;
	}
	if (s != OK) {
		delivery_close(d);
		return s;
	}
	*ret_delivery = d;
	return OK;
}

void delivery_wake(struct delivery *d)
{
	for (size_t i = 0; i < d->count; i++)
		worker_wake(d->workers[i]);
}

void delivery_stop(struct delivery *d)
{
	if (d == NULL)
		return;
	atomic_store(&d->stop, true);
	delivery_wake(d);
	for (size_t i = 0; i < d->count; i++)
		worker_join(d->workers[i]);
}

void delivery_close(struct delivery *d)
{
	if (d == NULL)
		return;
	delivery_stop(d);
	for (size_t i = 0; i < d->count; i++)
		worker_close(d->workers[i]);
	free(d->workers);
	free(d);
}

bool delivery_status(struct delivery *d, size_t index, struct erp_status *ret_status)
{
	if (index >= d->count)
		return false;
	worker_status(d->workers[index], ret_status);
	return true;
}

const struct delivery_lags *delivery_lags(const struct delivery *d)
{
	return &d->lags;
}
