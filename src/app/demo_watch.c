#include "app/demo_watch.h"

#include "erp/rpc.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TIMEOUT_MS = 10000, PATH_MAX_BYTES = 256, PAGES_MAX = 100 };

struct demo_watch {
	struct rpc *rpc;
	unsigned port, erp_port;
};

enum status demo_watch_open(
	unsigned port, unsigned erp_port, struct demo_watch **ret_watch, struct error *err)
{
	struct demo_watch *watch = calloc(1, sizeof(*watch));
	if (watch == NULL)
		return error_set(err, E_FULL, "out of memory");
	watch->port = port;
	watch->erp_port = erp_port;
	enum status s = rpc_open(NULL, &watch->rpc, err);
	if (s != OK) {
		free(watch);
		return s;
	}
	*ret_watch = watch;
	return OK;
}

void demo_watch_close(struct demo_watch *watch)
{
	if (watch == NULL)
		return;
	rpc_close(watch->rpc);
	free(watch);
}

static enum status get(struct demo_watch *watch, unsigned port, const char *path,
	struct rpc_answer *answer, struct error *err)
{
	char url[PATH_MAX_BYTES + 64];
	snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", port, path);
	struct rpc_request request = {
		.method = "GET", .url = url, .timeout_ms = TIMEOUT_MS, .reads = true
	};
	enum status s = rpc_call(watch->rpc, &request, answer, err);
	if (s == OK && answer->http_status != 200)
		s = error_set(err, E_RETRY, "%s answers %u", url, answer->http_status);
	return s;
}

/* The answer as an object; json_decref() it. */
static enum status get_object(struct demo_watch *watch, unsigned port, const char *path,
	json_t **ret_object, struct error *err)
{
	struct rpc_answer answer;
	json_error_t problem;
	enum status s = get(watch, port, path, &answer, err);
	if (s != OK)
		return s;
	*ret_object =
		json_loadb(answer.body.ptr, answer.body.len, JSON_REJECT_DUPLICATES, &problem);
	if (*ret_object == NULL)
		return error_set(
			err, E_RETRY, "%s: the answer is not JSON: %.100s", path, problem.text);
	return OK;
}

static uint64_t count(const json_t *object, const char *name)
{
	json_int_t value = json_integer_value(json_object_get(object, name));
	return value < 0 ? 0 : (uint64_t)value;
}

/* Rates and seconds are shown, never summed up: decimal texts or numbers. */
static double figure(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);
	if (json_is_string(value))
		return strtod(json_string_value(value), NULL);
	return json_number_value(value);
}

enum status demo_watch_ready(struct demo_watch *watch, struct error *err)
{
	struct rpc_answer answer;
	return get(watch, watch->port, "/readyz", &answer, err);
}

enum status demo_watch_status(
	struct demo_watch *watch, struct demo_status *ret_status, struct error *err)
{
	json_t *object = NULL;
	enum status s = get_object(watch, watch->port, "/v1/status", &object, err);
	if (s != OK)
		return s;
	const json_t *intake = json_object_get(object, "intake");
	const json_t *delivery = json_object_get(object, "delivery");
	*ret_status = (struct demo_status){
		.accepted = count(intake, "accepted"),
		.duplicates = count(intake, "duplicates"),
		.conflicts = count(intake, "conflicts"),
		.accepted_per_second = figure(intake, "accepted_per_second"),
		.behind = count(json_object_get(object, "apply"), "behind"),
		.planned = count(delivery, "planned"),
		.called = count(delivery, "called"),
		.settled = count(delivery, "settled"),
		.agreed = count(delivery, "agreed"),
		.differs = count(delivery, "differs"),
		.refused = count(delivery, "refused"),
		.unknown = count(delivery, "unknown"),
		.lag_seconds = figure(delivery, "lag_seconds"),
		.lag_p99_seconds = figure(delivery, "lag_p99_seconds"),
		.exceptions = count(json_object_get(object, "exceptions"), "open"),
	};
	json_decref(object);
	return OK;
}

static void add_net(struct demo_stores *stores, const char *currency, const char *net)
{
	struct decimal value;
	unsigned i = 0;
	if (currency == NULL || net == NULL || decimal_parse(slice_of(net), &value) != DECIMAL_FINE)
		return;
	while (i < stores->currency_count && strcmp(stores->totals[i].currency, currency) != 0)
		i++;
	if (i == DEMO_CURRENCIES_MAX)
		return;
	if (i == stores->currency_count) {
		stores->currency_count++;
		snprintf(stores->totals[i].currency, sizeof(stores->totals[i].currency), "%s",
			currency);
	}
	stores->totals[i].net = total_add(stores->totals[i].net, total_of(value));
}

/* Adds a page; *ret_next is where the next one begins, empty at the end. */
static enum status add_page(struct demo_watch *watch, const char *path, struct demo_stores *stores,
	char *ret_next, size_t next_size, struct error *err)
{
	json_t *object = NULL;
	enum status s = get_object(watch, watch->port, path, &object, err);
	if (s != OK)
		return s;
	const json_t *list = json_object_get(object, "stores");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *store = json_array_get(list, i);
		stores->stores++;
		stores->transactions += count(store, "transactions");
		stores->lines += count(store, "lines");
		add_net(stores, json_string_value(json_object_get(store, "currency")),
			json_string_value(json_object_get(store, "net")));
	}
	const char *next = json_string_value(json_object_get(object, "next"));
	snprintf(ret_next, next_size, "%s", next == NULL ? "" : next);
	json_decref(object);
	return OK;
}

enum status demo_watch_stores(
	struct demo_watch *watch, struct demo_stores *ret_stores, struct error *err)
{
	struct demo_stores stores = { .stores = 0 };
	char path[PATH_MAX_BYTES] = "/v1/stores?limit=1000", next[PATH_MAX_BYTES - 40];
	for (unsigned page = 0; page < PAGES_MAX; page++) {
		enum status s = add_page(watch, path, &stores, next, sizeof(next), err);
		if (s != OK)
			return s;
		if (next[0] == '\0')
			break;
		snprintf(path, sizeof(path), "/v1/stores?limit=1000&after=%s", next);
	}
	*ret_stores = stores;
	return OK;
}

enum status demo_watch_erp(struct demo_watch *watch, struct demo_erp *ret_erp, struct error *err)
{
	json_t *object = NULL;
	enum status s = get_object(watch, watch->erp_port, "/api/summary", &object, err);
	if (s != OK)
		return s;
	*ret_erp = (struct demo_erp){ .documents = count(object, "documents"),
		.references = count(object, "references"),
		.duplicates = count(object, "duplicates") };
	json_decref(object);
	return OK;
}
