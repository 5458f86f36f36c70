#include "app/config_rules.h"

#include "app/config_file.h"
#include "base/option.h"

#include <stdlib.h>

enum { LINE_BYTES_MAX = 4096 };

bool config_rules_key(struct slice name)
{
	return slice_is(name, "rules") || slice_is(name, "user_rules") || slice_is(name, "totals");
}

bool config_rules_store_option(struct slice name)
{
	return slice_is(name, "tax_rounding") || slice_is(name, "cash_increment");
}

static enum status need_rules(struct config *config, struct error *err)
{
	return config->rules == NULL ? rule_set_open(&config->rules, err) : OK;
}

enum status config_want_scalar(
	struct file *file, yaml_node_t *node, const char *what, struct error *err)
{
	if (node->type == YAML_SCALAR_NODE)
		return OK;
	error_set(err, E_CONFIG, "%s: one value is expected, not a list or a mapping", what);
	return wrong(file, node, err);
}

enum status config_read_amount(struct file *file, yaml_node_t *node, const char *what,
	struct decimal *ret_value, struct error *err)
{
	enum status s = config_want_scalar(file, node, what, err);
	if (s != OK)
		return s;
	enum decimal_problem problem = decimal_parse(scalar(node), ret_value);
	if (problem == DECIMAL_FINE && decimal_sign(*ret_value) >= 0)
		return OK;
	error_set(err, E_CONFIG, "%s: \"%.*s\" %s", what, SLICE_ARG(scalar(node)),
		problem == DECIMAL_FINE ? "is negative" : decimal_problem_text(problem));
	return wrong(file, node, err);
}

static enum status read_severity(
	struct file *file, yaml_node_t *node, enum severity *ret_severity, struct error *err)
{
	enum status s = config_want_scalar(file, node, "severity", err);
	if (s != OK || severity_find(scalar(node), ret_severity))
		return s;
	error_set(err, E_CONFIG, "severity: \"%.*s\" is not one of refuse, report, off",
		SLICE_ARG(scalar(node)));
	return wrong(file, node, err);
}

enum status config_rules_store(struct file *file, struct config *config, const char *store,
	yaml_node_t *key, yaml_node_t *value, struct error *err)
{
	struct practice practice = { .tax_rounding = TAX_UNSAID };
	enum status s = need_rules(config, err);
	if (s == OK && slice_is(scalar(key), "cash_increment")) {
		s = config_read_amount(
			file, value, "cash_increment", &practice.cash_increment, err);
		if (s == OK && decimal_is_zero(practice.cash_increment)) {
			error_set(err, E_CONFIG, "cash_increment: is zero");
			return wrong(file, value, err);
		}
	} else if (s == OK) {
		s = config_want_scalar(file, value, "tax_rounding", err);
		struct slice text = s == OK ? scalar(value) : slice_of("");
		if (slice_is(text, "line") || slice_is(text, "per_line"))
			practice.tax_rounding = TAX_PER_LINE;
		else if (slice_is(text, "document") || slice_is(text, "per_document"))
			practice.tax_rounding = TAX_PER_DOCUMENT;
		else if (s == OK) {
			error_set(err, E_CONFIG,
				"tax_rounding: \"%.*s\" is not one of line, document",
				SLICE_ARG(text));
			return wrong(file, value, err);
		}
	}
	return s == OK ? rule_set_practice(config->rules, slice_of(store), &practice, err) : s;
}

/* ---- rules ---- */

/* A row of the mapping on its way. */
struct reading {
	struct file *file;
	struct config *config;
	struct slice rule;
	struct error *err;
};

static enum status read_change(const struct reading *r, struct rule_scope scope, yaml_node_t *node);

/* `currencies` or `stores`: a mapping of names to changes. */
static enum status read_scopes(const struct reading *r, bool stores, yaml_node_t *node)
{
	enum status s = want_mapping(r->file, node, stores ? "stores" : "currencies", r->err);
	for (yaml_node_pair_t *p = s == OK ? node->data.mapping.pairs.start : NULL;
		s == OK && p < node->data.mapping.pairs.top; p++) {
		yaml_node_t *key = node_at(r->file, p->key), *value = node_at(r->file, p->value);
		s = config_want_scalar(r->file, key, "rules", r->err);
		struct rule_scope scope = { .store = { NULL, 0 } };
		if (s == OK)
			*(stores ? &scope.store : &scope.currency) = scalar(key);
		if (s == OK)
			s = read_change(r, scope, value);
	}
	return s;
}

static enum status unknown_member(const struct reading *r, yaml_node_t *key, const char *known)
{
	error_set(r->err, E_CONFIG, "%.*s: there is no option \"%.*s\"; known are: %s",
		SLICE_ARG(r->rule), SLICE_ARG(scalar(key)), known);
	return wrong(r->file, key, r->err);
}

static enum status read_change(const struct reading *r, struct rule_scope scope, yaml_node_t *node)
{
	struct rule_change change = { .has_severity = false };
	bool everywhere = scope.store.ptr == NULL && scope.currency.ptr == NULL;
	enum status s = want_mapping(r->file, node, "rules", r->err);
	for (yaml_node_pair_t *p = s == OK ? node->data.mapping.pairs.start : NULL;
		s == OK && p < node->data.mapping.pairs.top; p++) {
		yaml_node_t *key = node_at(r->file, p->key), *value = node_at(r->file, p->value);
		struct slice name = key->type == YAML_SCALAR_NODE ? scalar(key) : slice_of("");
		if (slice_is(name, "severity")) {
			change.has_severity = true;
			s = read_severity(r->file, value, &change.severity, r->err);
		} else if (slice_is(name, "limit"))
			s = config_read_amount(r->file, value, "limit", &change.limit, r->err);
		else if (everywhere && slice_is(name, "currencies"))
			s = read_scopes(r, false, value);
		else if (everywhere && slice_is(name, "stores"))
			s = read_scopes(r, true, value);
		else
			s = unknown_member(r, key,
				everywhere ? "severity, limit, currencies, stores"
					   : "severity, limit");
	}
	if (s == OK && rule_set_change(r->config->rules, r->rule, scope, &change, r->err) != OK)
		s = wrong(r->file, node, r->err);
	return s;
}

static enum status read_rules(
	struct file *file, struct config *config, yaml_node_t *node, struct error *err)
{
	enum status s = want_mapping(file, node, "rules", err);
	for (yaml_node_pair_t *p = s == OK ? node->data.mapping.pairs.start : NULL;
		s == OK && p < node->data.mapping.pairs.top; p++) {
		yaml_node_t *key = node_at(file, p->key);
		s = config_want_scalar(file, key, "rules", err);
		if (s != OK)
			break;
		struct reading reading = { file, config, scalar(key), err };
		s = read_change(&reading, (struct rule_scope){ .store = { NULL, 0 } },
			node_at(file, p->value));
	}
	return s;
}

/* ---- expressions ---- */

/* Leading spaces of a line of the file, from 0; 0 when it cannot be read again. */
static size_t indentation(const char *path, size_t line)
{
	char text[LINE_BYTES_MAX];
	size_t spaces = 0;
	FILE *stream = fopen(path, "re");
	if (stream == NULL)
		return 0;
	for (size_t i = 0; fgets(text, sizeof(text), stream) != NULL;) {
		if (i == line) {
			spaces = strspn(text, " ");
			break;
		}
		i += strchr(text, '\n') != NULL;
	}
	fclose(stream);
	return spaces;
}

enum status config_wrong_at(
	struct file *file, const yaml_node_t *node, size_t offset, struct error *err)
{
	struct slice text = scalar(node);
	struct error inner = *err;
	size_t line = node->start_mark.line, column = node->start_mark.column + offset;
	yaml_scalar_style_t style = node->data.scalar.style;
	if (offset > text.len)
		return wrong(file, node, err);
	if (style == YAML_LITERAL_SCALAR_STYLE) {
		size_t begin = 0;
		line++;
		for (size_t i = 0; i < offset; i++)
			if (text.ptr[i] == '\n') {
				begin = i + 1;
				line++;
			}
		column = offset - begin + indentation(file->path, node->start_mark.line + 1);
	} else if (node->start_mark.line != node->end_mark.line) {
		return error_set(err, E_CONFIG, "%s:%zu: character %zu: %s", file->path, line + 1,
			offset + 1, inner.text);
	} else if (style != YAML_PLAIN_SCALAR_STYLE) {
		column++;
	}
	return error_set(
		err, E_CONFIG, "%s:%zu:%zu: %s", file->path, line + 1, column + 1, inner.text);
}

/* ---- the user's rules ---- */

static enum status read_user_rule(
	struct file *file, struct config *config, yaml_node_pair_t *pair, struct error *err)
{
	yaml_node_t *name = node_at(file, pair->key), *node = node_at(file, pair->value),
		    *when = NULL;
	struct user_rule rule = { .severity = RULE_REPORT };
	enum status s = config_want_scalar(file, name, "user_rules", err);
	if (s == OK)
		s = want_mapping(file, node, "user_rules", err);
	if (s != OK)
		return s;
	rule.id = scalar(name);
	struct reading reading = { file, config, rule.id, err };
	for (yaml_node_pair_t *p = node->data.mapping.pairs.start;
		p < node->data.mapping.pairs.top && s == OK; p++) {
		yaml_node_t *key = node_at(file, p->key), *value = node_at(file, p->value);
		struct slice option = key->type == YAML_SCALAR_NODE ? scalar(key) : slice_of("");
		s = config_want_scalar(file, value, "user_rules", err);
		if (s != OK)
			break;
		if (slice_is(option, "severity"))
			s = read_severity(file, value, &rule.severity, err);
		else if (slice_is(option, "when")) {
			when = value;
			rule.when = scalar(value);
		} else if (slice_is(option, "each"))
			rule.each = scalar(value);
		else if (slice_is(option, "message"))
			rule.message = scalar(value);
		else
			s = unknown_member(&reading, key, "when, each, severity, message");
	}
	if (s == OK && when == NULL) {
		error_set(err, E_CONFIG, "user_rules: %.*s: when is missing", SLICE_ARG(rule.id));
		return wrong(file, node, err);
	}
	size_t offset;
	if (s == OK && rule_set_add(config->rules, &rule, &offset, err) != OK)
		s = offset == SIZE_MAX ? wrong(file, node, err)
				       : config_wrong_at(file, when, offset, err);
	return s;
}

static enum status read_user_rules(
	struct file *file, struct config *config, yaml_node_t *node, struct error *err)
{
	enum status s = want_mapping(file, node, "user_rules", err);
	for (yaml_node_pair_t *p = s == OK ? node->data.mapping.pairs.start : NULL;
		s == OK && p < node->data.mapping.pairs.top; p++)
		s = read_user_rule(file, config, p, err);
	return s;
}

/* The user's rules come first: `rules` may change them for a store, like any other. */
enum status config_rules_read(
	struct file *file, struct config *config, yaml_node_t *root, struct error *err)
{
	yaml_node_t *user = config_member(file, root, "user_rules"),
		    *rules = config_member(file, root, "rules"),
		    *totals = config_member(file, root, "totals");
	enum status s = OK;
	if (user != NULL || rules != NULL)
		s = need_rules(config, err);
	if (s == OK && user != NULL)
		s = read_user_rules(file, config, user, err);
	if (s == OK && rules != NULL)
		s = read_rules(file, config, rules, err);
	if (s == OK && totals != NULL)
		s = config_totals_read(file, config, totals, err);
	return s;
}

void config_rules_release(struct config *config)
{
	rule_set_close(config->rules);
	config->rules = NULL;
	arena_release(&config->arena);
	config->totals = (struct user_totals){ NULL, 0 };
}
