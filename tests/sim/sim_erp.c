#include "sim_erp.h"

#include "base/check.h"
#include "sim_threads.h"

#include <stdio.h>
#include <string.h>

static struct {
	struct random random;
	bool trouble;
	struct sim_document documents[SIM_ERP_DOCUMENTS_MAX];
	unsigned count;
} erp;

static const atomic_bool *stop;

void sim_erp_reset(uint64_t seed)
{
	memset(&erp, 0, sizeof(erp));
	random_init(&erp.random, seed);
	erp.trouble = true;
}

void sim_erp_trouble(bool trouble)
{
	erp.trouble = trouble;
}

static bool chance(uint32_t percent)
{
	return erp.trouble && random_chance(&erp.random, percent, 100);
}

static void text_of(struct slice text, char *to, size_t size)
{
	check(text.len < size);
	memcpy(to, text.ptr, text.len);
	to[text.len] = '\0';
}

/* The document is there `delay_ms` from now on. */
static void keep(const struct posting *posting, uint64_t delay_ms)
{
	const struct transaction *t = posting->transaction;
	check(erp.count < SIM_ERP_DOCUMENTS_MAX && t->lines.count == 1 && t->tenders.count == 1);
	struct sim_document *d = &erp.documents[erp.count++];
	*d = (struct sim_document){ .date = t->key.business_date,
		.quantity = total_of(t->lines.items[0].quantity),
		.amount = total_of(t->lines.items[0].amount),
		.paid = total_subtract(
			total_of(t->tenders.items[0].amount), total_of(t->tenders.items[0].change)),
		.net = total_of(t->totals.net),
		.tax = total_of(t->totals.tax),
		.gross = total_of(t->totals.gross),
		.from_ns = sim_now_ns() + delay_ms * 1000000 };
	memcpy(d->external_id, posting->external_id, sizeof(d->external_id));
	text_of(t->lines.items[0].item, d->item, sizeof(d->item));
	text_of(t->currency, d->currency, sizeof(d->currency));
	text_of(t->tenders.items[0].kind, d->tender, sizeof(d->tender));
}

const struct sim_document *sim_erp_documents(unsigned *ret_count)
{
	*ret_count = erp.count;
	return erp.documents;
}

static const struct sim_document *find(const char *external_id)
{
	for (unsigned i = 0; i < erp.count; i++)
		if (strcmp(erp.documents[i].external_id, external_id) == 0 &&
			erp.documents[i].from_ns <= sim_now_ns())
			return &erp.documents[i];
	return NULL;
}

unsigned sim_erp_count(const char *external_id)
{
	unsigned count = 0;
	for (unsigned i = 0; i < erp.count; i++)
		count += strcmp(erp.documents[i].external_id, external_id) == 0;
	return count;
}

static enum status sim_open(const void *config, const struct connector_environment *environment,
	void **ret_instance, struct error *err)
{
	(void)config, (void)err;
	stop = environment->stop;
	*ret_instance = &erp;
	return OK;
}

static void sim_close(void *instance)
{
	(void)instance;
}

/* The time of a call. False: it was given up. */
static bool takes_time(void)
{
	sim_sleep_ms(random_below(&erp.random, erp.trouble ? 400 : 5));
	return !atomic_load((atomic_bool *)stop);
}

static void settle(struct posting_result *result)
{
	result->outcome = OUTCOME_SETTLED;
	snprintf(result->document, sizeof(result->document), "D%u", erp.count);
}

static void post_one(const struct posting *posting, struct posting_result *result)
{
	if (slice_is(posting->transaction->lines.items[0].item, "BAD")) {
		result->outcome = OUTCOME_REFUSED;
		snprintf(result->detail, sizeof(result->detail), "no such item");
	} else if (chance(5)) {
		result->outcome = OUTCOME_UNKNOWN;
	} else if (chance(8)) {
		keep(posting, random_below(&erp.random, SIM_ERP_UNKNOWN_WAIT_MS * 8 / 10));
		result->outcome = OUTCOME_UNKNOWN;
	} else {
		keep(posting, 0);
		settle(result);
		if (chance(10))
			*result = (struct posting_result){ .outcome = OUTCOME_UNKNOWN };
	}
}

static enum status sim_post(void *instance, const struct posting *postings, size_t count,
	struct posting_result *results, uint64_t *ret_retry_after_ms, struct error *err)
{
	(void)instance;
	if (chance(5)) {
		*ret_retry_after_ms = random_below(&erp.random, 5000);
		return error_set(err, E_RETRY, "the simulated ERP is busy");
	}
	for (size_t i = 0; i < count; i++) {
		/* What is given up before it was sent, was not sent. */
		if (!takes_time())
			return error_set(err, E_STOPPED, "stopped");
		post_one(&postings[i], &results[i]);
		if (!takes_time()) {
			results[i] = (struct posting_result){ .outcome = OUTCOME_UNKNOWN };
			return error_set(err, E_STOPPED, "stopped");
		}
		if (chance(3))
			return error_set(err, E_RETRY, "the simulated ERP throttles");
	}
	return OK;
}

static enum status sim_find(void *instance, const struct posting *postings, size_t count,
	struct posting_result *results, struct error *err)
{
	(void)instance;
	if (!takes_time())
		return error_set(err, E_STOPPED, "stopped");
	if (chance(10))
		return error_set(err, E_RETRY, "the simulated ERP cannot be asked");
	for (size_t i = 0; i < count; i++) {
		results[i] = (struct posting_result){ .outcome = OUTCOME_NOT_SENT };
		if (find(postings[i].external_id) != NULL)
			settle(&results[i]);
	}
	return OK;
}

static enum status sim_read_back(void *instance, const struct posting *postings, size_t count,
	struct erp_document *documents, struct arena *arena, struct error *err)
{
	(void)instance;
	if (!takes_time())
		return error_set(err, E_STOPPED, "stopped");
	if (chance(10))
		return error_set(err, E_RETRY, "the simulated ERP cannot be read");
	for (size_t i = 0; i < count; i++) {
		const struct sim_document *d = find(postings[i].external_id);
		struct erp_document *out = &documents[i];
		*out = (struct erp_document){ .found = d != NULL,
			.copies = sim_erp_count(postings[i].external_id) };
		if (d == NULL)
			continue;
		out->lines = arena_array(arena, struct erp_line, 1);
		out->payments = arena_array(arena, struct erp_payment, 1);
		check(out->lines != NULL && out->payments != NULL);
		out->lines[0] = (struct erp_line){ slice_of(d->item), d->quantity, d->amount };
		out->payments[0] = (struct erp_payment){ slice_of(d->tender), d->paid };
		out->line_count = out->payment_count = 1;
		out->date = d->date;
		out->currency = slice_of(d->currency);
		out->net = d->net;
		out->tax = d->tax;
		out->gross = d->gross;
	}
	return OK;
}

const struct erp_type sim_erp_type = {
	.name = "simulated",
	.help = "of the tests",
	.batch_max = 4,
	.connections_max = 1,
	.open = sim_open,
	.post = sim_post,
	.find = sim_find,
	.read_back = sim_read_back,
	.close = sim_close,
};
