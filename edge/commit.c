/* The moment that counts: checked, numbered, on the disk. */
#include "edge/till_internal.h"

#include "base/check.h"
#include "base/json.h"
#include "retail/rules.h"

static enum status decode(struct till_sale *sale, struct transaction *ret_transaction)
{
	rulebook_put_back(sale->rules);
	sale->rules = rulebook_page(sale->till->rules);
	arena_reset(&sale->arena);
	sale->findings = (struct findings){ .count = 0 };
	enum status s = transaction_decode(
		buf_get(&sale->document), &sale->arena, ret_transaction, &sale->findings);
	if (s == OK)
		transaction_check(ret_transaction, rulebook_set(sale->rules), &sale->findings);
	else if (sale->findings.count == 0)
		findings_add(
			&sale->findings, "schema", true, "", "the document needs too much memory");
	return s;
}

/* The first finding that refuses, as the sentence of till_error(). */
static int refused(const struct till_sale *sale)
{
	for (uint32_t i = 0; i < sale->findings.count; i++) {
		const struct finding *f = &sale->findings.items[i];
		if (f->refuses || sale->findings.refusing == 0)
			return till_fail(TILL_REFUSED, "%s: %s (%s)",
				f->pointer[0] == '\0' ? "the transaction" : f->pointer, f->detail,
				f->rule);
	}
	return till_fail(TILL_REFUSED, "the transaction breaks a rule");
}

static int check_sale(
	struct till_sale *sale, uint64_t sequence, struct transaction *ret_transaction)
{
	struct error err;
	if (sale_compose(sale, sequence, &err) != OK)
		return till_fail(TILL_REFUSED, "%s", err.text);
	enum status s = decode(sale, ret_transaction);
	return s != OK || sale->findings.refusing > 0 ? refused(sale) : TILL_OK;
}

/* The next number, as long as nobody else takes it. */
static uint64_t next_sequence(const struct till_sale *sale)
{
	return sale->has_sequence ? sale->sequence : sale->till->sequence + 1;
}

int till_check(struct till_sale *sale)
{
	struct transaction t;
	pthread_mutex_lock(&sale->till->commit_lock);
	uint64_t sequence = next_sequence(sale);
	pthread_mutex_unlock(&sale->till->commit_lock);
	return check_sale(sale, sequence, &t);
}

int till_finding(const struct till_sale *sale, unsigned index, const char **ret_pointer,
	const char **ret_rule, const char **ret_sentence, int *ret_refuses)
{
	if (index >= sale->findings.count)
		return TILL_NOTHING;
	const struct finding *f = &sale->findings.items[index];
	*ret_pointer = f->pointer;
	*ret_rule = f->rule;
	*ret_sentence = f->detail;
	*ret_refuses = f->refuses;
	return TILL_OK;
}

int till_sale_sequence(struct till_sale *sale, uint64_t sequence)
{
	if (sale->from_json || sale->committed || sale->has_sequence)
		return till_fail(TILL_MISUSE, "this transaction has its number already");
	sale->has_sequence = true;
	sale->sequence = sequence;
	return TILL_OK;
}

int till_sale_take_sequence(struct till_sale *sale, uint64_t *ret_sequence)
{
	struct till *till = sale->till;
	struct error err;
	if (sale->from_json || sale->committed || sale->has_sequence)
		return till_fail(TILL_MISUSE, "this transaction has its number already");
	pthread_mutex_lock(&till->commit_lock);
	uint64_t sequence = till->sequence + 1;
	enum status s = queue_use_sequence(till->queue, sequence, &err);
	/* After a failed write it may be on the disk all the same: never again. */
	if (s == OK || s == E_IO)
		till->sequence = sequence;
	pthread_mutex_unlock(&till->commit_lock);
	if (s != OK)
		return till_failed(&err);
	sale->has_sequence = true;
	*ret_sequence = sale->sequence = sequence;
	return TILL_OK;
}

static bool is_this_register(const struct till *till, const struct key *key)
{
	return slice_is(key->store, till->config.options.store) &&
	       slice_is(key->reg, till->config.options.reg);
}

/* One line, whatever the white space was. */
static enum status append(
	struct till_sale *sale, uint64_t sequence, uint64_t *ret_number, struct error *err)
{
	struct buf line;
	buf_init(&line, TRANSACTION_BYTES_MAX + 64);
	json_minify(&line, buf_get(&sale->document));
	enum status s = line.failed ? error_set(err, E_FULL, "out of memory")
				    : queue_append(sale->till->queue, sequence, buf_get(&line),
					      ret_number, err);
	buf_release(&line);
	return s;
}

/* Under commit_lock. */
static int commit(struct till_sale *sale, uint64_t *ret_number)
{
	struct till *till = sale->till;
	struct transaction t;
	struct error err;
	uint64_t sequence = next_sequence(sale);
	int result = check_sale(sale, sequence, &t);
	if (result != TILL_OK)
		return result;
	bool ours = is_this_register(till, &t.key);
	uint64_t used = ours && t.key.sequence > till->sequence ? t.key.sequence : till->sequence;
	key_print(&t.key, sale->key);
	sale->sequence = t.key.sequence;
	enum status s = append(sale, used, ret_number, &err);
	if (s == OK || s == E_IO) {
		till->sequence = used;
		sale->has_sequence = true;
	}
	if (s != OK)
		return till_failed(&err);
	sale->committed = true;
	return TILL_OK;
}

int till_commit(struct till_sale *sale)
{
	uint64_t number = 0;
	if (sale->committed)
		return till_fail(TILL_MISUSE, "this transaction is committed already");
	pthread_mutex_lock(&sale->till->commit_lock);
	int result = commit(sale, &number);
	pthread_mutex_unlock(&sale->till->commit_lock);
	if (result == TILL_OK)
		sender_wake(sale->till, number);
	return result;
}

const char *till_sale_key(const struct till_sale *sale)
{
	return sale->key;
}

uint64_t till_sale_number(const struct till_sale *sale)
{
	return sale->sequence;
}

int till_submit_json(struct till *till, const char *json, size_t length)
{
	struct till_sale *sale;
	int result = till_sale_from_json(till, json, length, &sale);
	if (result != TILL_OK)
		return result;
	result = till_commit(sale);
	till_sale_free(sale);
	return result;
}
