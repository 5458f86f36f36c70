/* The totals of the configuration (retail/user_total.h). */
#include "app/config_file.h"
#include "app/config_rules.h"

enum { TOTALS_BYTES_MAX = 16 << 20 };

/* Where the expressions of a definition stand, for what is wrong with them. */
struct places {
	yaml_node_t *amount, *when;
};

static enum status unknown_option(
	struct file *file, struct slice total, yaml_node_t *key, struct error *err)
{
	error_set(err, E_CONFIG,
		"totals: %.*s: there is no option \"%.*s\"; known are: amount, when, each, by, "
		"limit, currencies",
		SLICE_ARG(total), SLICE_ARG(scalar(key)));
	return wrong(file, key, err);
}

/* { limit: 60000 } */
static enum status read_currency(struct file *file, const struct user_total *total,
	yaml_node_t *node, struct decimal *ret_limit, struct error *err)
{
	enum status s = want_mapping(file, node, "currencies", err);
	for (yaml_node_pair_t *p = s == OK ? node->data.mapping.pairs.start : NULL;
		s == OK && p < node->data.mapping.pairs.top; p++) {
		yaml_node_t *key = node_at(file, p->key);
		if (key->type != YAML_SCALAR_NODE || !slice_is(scalar(key), "limit"))
			return unknown_option(file, total->name, key, err);
		s = config_read_amount(file, node_at(file, p->value), "limit", ret_limit, err);
	}
	return s;
}

static enum status read_currencies(struct file *file, struct config *config,
	struct user_total *total, yaml_node_t *node, struct error *err)
{
	enum status s = want_mapping(file, node, "currencies", err);
	if (s != OK)
		return s;
	yaml_node_pair_t *start = node->data.mapping.pairs.start,
			 *top = node->data.mapping.pairs.top;
	if (top - start > TOTAL_LIMITS_MAX) {
		error_set(err, E_CONFIG, "totals: %.*s: at most %d currencies are allowed",
			SLICE_ARG(total->name), TOTAL_LIMITS_MAX);
		return wrong(file, node, err);
	}
	total->limits.items =
		arena_array(&config->arena, struct named_amount, (size_t)(top - start) + 1);
	if (total->limits.items == NULL)
		return error_set(err, E_FULL, "totals: too much memory is needed");
	for (yaml_node_pair_t *p = start; p < top && s == OK; p++) {
		struct named_amount *limit = &total->limits.items[total->limits.count];
		s = config_want_scalar(file, node_at(file, p->key), "currencies", err);
		if (s != OK)
			break;
		limit->name = arena_copy(&config->arena, scalar(node_at(file, p->key)));
		if (limit->name.ptr == NULL)
			return error_set(err, E_FULL, "totals: too much memory is needed");
		s = read_currency(file, total, node_at(file, p->value), &limit->amount, err);
		total->limits.count += limit->amount.set;
	}
	return s;
}

static enum status read_by(
	struct file *file, yaml_node_t *node, struct user_total *total, struct error *err)
{
	if (total_group_find(scalar(node), &total->by))
		return OK;
	error_set(err, E_CONFIG,
		"totals: %.*s: by: is \"%.*s\", expected day, register, operator or tender",
		SLICE_ARG(total->name), SLICE_ARG(scalar(node)));
	return wrong(file, node, err);
}

static enum status copy_text(
	struct config *config, yaml_node_t *node, struct slice *ret_text, struct error *err)
{
	*ret_text = arena_copy(&config->arena, scalar(node));
	return ret_text->ptr == NULL ? error_set(err, E_FULL, "totals: too much memory is needed")
				     : OK;
}

static enum status read_option(struct file *file, struct config *config, struct user_total *total,
	yaml_node_pair_t *pair, struct places *places, struct error *err)
{
	yaml_node_t *key = node_at(file, pair->key), *value = node_at(file, pair->value);
	struct slice name = key->type == YAML_SCALAR_NODE ? scalar(key) : slice_of("");
	if (slice_is(name, "currencies"))
		return read_currencies(file, config, total, value, err);
	enum status s = config_want_scalar(file, value, "totals", err);
	if (s != OK)
		return s;
	if (slice_is(name, "amount")) {
		places->amount = value;
		return copy_text(config, value, &total->amount_text, err);
	}
	if (slice_is(name, "when")) {
		places->when = value;
		return copy_text(config, value, &total->when_text, err);
	}
	if (slice_is(name, "each"))
		return copy_text(config, value, &total->each, err);
	if (slice_is(name, "by"))
		return read_by(file, value, total, err);
	if (slice_is(name, "limit"))
		return config_read_amount(file, value, "limit", &total->limit, err);
	return unknown_option(file, total->name, key, err);
}

static bool name_is_taken(const struct config *config, struct slice name)
{
	for (uint32_t i = 0; i < config->totals.count; i++)
		if (slice_equal(config->totals.items[i].name, name))
			return true;
	return false;
}

static enum status read_total(
	struct file *file, struct config *config, yaml_node_pair_t *pair, struct error *err)
{
	yaml_node_t *name = node_at(file, pair->key), *node = node_at(file, pair->value);
	struct user_total total = { .by = TOTAL_BY_DAY };
	struct places places = { NULL, NULL };
	struct total_fault fault;
	enum status s = config_want_scalar(file, name, "totals", err);
	if (s == OK)
		s = want_mapping(file, node, "totals", err);
	if (s == OK)
		s = copy_text(config, name, &total.name, err);
	if (s == OK && name_is_taken(config, total.name)) {
		error_set(err, E_CONFIG, "totals: \"%.*s\" stands twice", SLICE_ARG(total.name));
		return wrong(file, name, err);
	}
	for (yaml_node_pair_t *p = s == OK ? node->data.mapping.pairs.start : NULL;
		s == OK && p < node->data.mapping.pairs.top; p++)
		s = read_option(file, config, &total, p, &places, err);
	if (s != OK)
		return s;
	s = user_total_prepare(&total, &config->arena, &fault, err);
	if (s == E_CONFIG && (fault.in_amount || fault.in_when))
		return config_wrong_at(
			file, fault.in_when ? places.when : places.amount, fault.offset, err);
	if (s == E_CONFIG)
		return wrong(file, node, err);
	if (s == OK)
		config->totals.items[config->totals.count++] = total;
	return s;
}

enum status config_totals_read(
	struct file *file, struct config *config, yaml_node_t *node, struct error *err)
{
	enum status s = want_mapping(file, node, "totals", err);
	if (s != OK)
		return s;
	yaml_node_pair_t *start = node->data.mapping.pairs.start,
			 *top = node->data.mapping.pairs.top;
	if (top - start > USER_TOTALS_MAX) {
		error_set(err, E_CONFIG, "totals: has %td entries; at most %d are allowed",
			top - start, USER_TOTALS_MAX);
		return wrong(file, node, err);
	}
	arena_init(&config->arena, TOTALS_BYTES_MAX);
	config->totals.items = arena_array(&config->arena, struct user_total, USER_TOTALS_MAX);
	if (config->totals.items == NULL)
		return error_set(err, E_FULL, "totals: too much memory is needed");
	for (yaml_node_pair_t *p = start; p < top && s == OK; p++)
		s = read_total(file, config, p, err);
	return s;
}
