/* A rule set as JSON: what the centre serves and the register reads.
 *
 *     {"store":"0042","tax_rounding":"document","cash_increment":"0.05",
 *      "rules":[{"id":"tax.totals","help":"...","fields":["/lines/..."],"severity":"report",
 *                "limit":"3","unit":"minor_units","fixed":false,
 *                "currencies":{"JPY":{"severity":"report","limit":"10"}}},
 *               {"id":"big_refund","severity":"report","when":"...","each":"","message":"..."}]} */
#include "base/json.h"
#include "retail/expression.h"
#include "retail/rule_set_internal.h"

static void write_setting(const struct rule_setting *setting, struct buf *buf)
{
	char text[DECIMAL_TEXT_MAX];
	json_write_member_text(buf, "severity", severity_name(setting->severity));
	if (!setting->limit.set)
		return;
	size_t len = decimal_print(setting->limit, text);
	json_write_member(buf, "limit", slice_make(text, len));
}

static void write_fields(const char *fields, struct buf *buf)
{
	struct slice rest = slice_of(fields);
	json_write_name(buf, "fields");
	buf_char(buf, '[');
	while (rest.ptr != NULL) {
		struct slice field = slice_cut(rest, ' ', &rest);
		json_write_comma(buf);
		json_write_string(buf, field);
	}
	buf_char(buf, ']');
}

static bool same_setting(const struct rule_setting *a, const struct rule_setting *b)
{
	return a->severity == b->severity && a->limit.set == b->limit.set &&
	       decimal_compare(a->limit, b->limit) == 0;
}

/* The currencies for which the row holds otherwise. */
static void write_currencies(const struct rule_set *set, struct slice store, unsigned number,
	const struct rule_setting *usual, struct buf *buf)
{
	struct rule_settings own;
	struct practice practice;
	bool any = false;
	for (uint32_t i = 0; set != NULL && i < set->currencies.count; i++) {
		struct slice currency = set->currencies.items[i]->name;
		const struct rule_setting *setting =
			&rule_set_resolve(set, store, currency, &own, &practice)[number];
		if (same_setting(setting, usual))
			continue;
		if (!any) {
			json_write_name(buf, "currencies");
			buf_char(buf, '{');
		}
		any = true;
		json_write_comma(buf);
		json_write_string(buf, currency);
		buf_text(buf, ":{");
		write_setting(setting, buf);
		buf_char(buf, '}');
	}
	if (any)
		buf_char(buf, '}');
}

static void write_row(
	const struct rule_row *row, const struct rule_setting *setting, struct buf *buf)
{
	json_write_member_text(buf, "id", row->id);
	if (row->user != NULL) {
		json_write_member(buf, "message", row->user->message);
		json_write_member(buf, "when", row->user->when);
		if (row->user->each.len > 0)
			json_write_member(buf, "each", row->user->each);
	} else {
		json_write_member_text(buf, "help", row->help);
		write_fields(row->fields, buf);
	}
	write_setting(setting, buf);
	if (row->unit != LIMIT_NONE)
		json_write_member_text(buf, "unit", limit_unit_name(row->unit));
	json_write_member_bool(buf, "fixed", row->fixed);
}

void rule_set_write(
	const struct rule_set *set, struct slice store, struct slice currency, struct buf *buf)
{
	struct rule_settings own;
	struct practice practice;
	const struct rule_setting *settings =
		rule_set_resolve(set, store, currency, &own, &practice);
	buf_char(buf, '{');
	if (store.ptr != NULL)
		json_write_member(buf, "store", store);
	if (currency.ptr != NULL)
		json_write_member(buf, "currency", currency);
	json_write_member_text(buf, "tax_rounding",
		practice.tax_rounding == TAX_PER_DOCUMENT ? "document" : "line");
	if (practice.cash_increment.set) {
		char text[DECIMAL_TEXT_MAX];
		size_t len = decimal_print(practice.cash_increment, text);
		json_write_member(buf, "cash_increment", slice_make(text, len));
	}
	json_write_name(buf, "rules");
	buf_char(buf, '[');
	for (unsigned i = 0; i < rule_set_count(set); i++) {
		struct rule_row row = rule_set_row(set, i);
		const struct rule_setting *setting =
			settings == NULL ? &transaction_rules[i].usual : &settings[i];
		json_write_comma(buf);
		buf_char(buf, '{');
		write_row(&row, setting, buf);
		if (currency.ptr == NULL)
			write_currencies(set, store, i, setting, buf);
		buf_char(buf, '}');
	}
	buf_text(buf, "]}");
}

/* ---- reading ---- */

/* A row as it comes; its texts live in the reader's arena or the document. */
struct read_row {
	struct user_rule user;
	struct rule_change change;
	struct slice currencies; /* raw JSON */
};

static bool read_decimal(struct json *json, struct decimal *ret_value)
{
	struct slice text;
	return json_string(json, &text) && decimal_parse(text, ret_value) == DECIMAL_FINE;
}

/* *ret_known is false when the member is none of a setting's; it is then not read. */
static bool read_setting_member(
	struct json *json, struct slice name, struct rule_change *change, bool *ret_known)
{
	struct slice text;
	*ret_known = true;
	if (slice_is(name, "limit"))
		return read_decimal(json, &change->limit);
	if (slice_is(name, "severity")) {
		change->has_severity = true;
		return json_string(json, &text) && severity_find(text, &change->severity);
	}
	*ret_known = false;
	return true;
}

static bool read_row(struct json *json, struct read_row *row)
{
	struct slice name;
	bool known;
	if (!json_object(json))
		return false;
	while (json_member(json, &name)) {
		if (!read_setting_member(json, name, &row->change, &known))
			return false;
		struct slice *text = slice_is(name, "id")        ? &row->user.id
				     : slice_is(name, "when")    ? &row->user.when
				     : slice_is(name, "each")    ? &row->user.each
				     : slice_is(name, "message") ? &row->user.message
								 : NULL;
		if (known)
			continue;
		if (text != NULL ? !json_string(json, text)
				 : !json_skip(json,
					   slice_is(name, "currencies") ? &row->currencies : NULL))
			return false;
	}
	return json->problem == NULL && row->user.id.len > 0 && row->change.has_severity;
}

static enum status read_currencies(
	struct rule_set *set, const struct read_row *row, struct arena *arena, struct error *err)
{
	struct json json;
	struct slice currency, name;
	if (row->currencies.ptr == NULL)
		return OK;
	json_init(&json, row->currencies, arena);
	enum status s = json_object(&json) ? OK : E_INPUT;
	while (s == OK && json_member(&json, &currency)) {
		struct rule_change change = { .has_severity = false };
		bool good = json_object(&json), known;
		while (good && json_member(&json, &name)) {
			good = read_setting_member(&json, name, &change, &known);
			if (good && !known)
				good = json_skip(&json, NULL);
		}
		struct rule_scope scope = { .currency = currency };
		s = good && json.problem == NULL
			    ? rule_set_change(set, row->user.id, scope, &change, err)
			    : E_INPUT;
	}
	if (s == E_INPUT || json.problem != NULL)
		return error_set(err, E_INPUT, "rules: %.*s: currencies are not what is expected",
			SLICE_ARG(row->user.id));
	return s;
}

static bool in_table(struct slice id, bool *ret_fixed)
{
	for (const struct rule *rule = transaction_rules; rule->id != NULL; rule++)
		if (slice_is(id, rule->id)) {
			*ret_fixed = rule->fixed;
			return true;
		}
	return false;
}

static enum status take_row(struct rule_set *set, const struct read_row *row, unsigned *ret_unknown,
	struct arena *arena, struct error *err)
{
	bool fixed = false, known = in_table(row->user.id, &fixed);
	struct rule_scope everywhere = { .store = { NULL, 0 } };
	if (fixed)
		return OK;
	if (!known && row->user.when.ptr == NULL) {
		++*ret_unknown;
		return OK;
	}
	struct user_rule user = row->user;
	user.severity = row->change.severity;
	enum status s = known ? rule_set_change(set, user.id, everywhere, &row->change, err)
			      : rule_set_add(set, &user, NULL, err);
	return s == OK ? read_currencies(set, row, arena, err) : s;
}

static enum status read_rows(struct json *json, struct rule_set *set, unsigned *ret_unknown,
	struct arena *arena, struct error *err)
{
	enum status s =
		json_array(json) ? OK : error_set(err, E_INPUT, "rules: an array is expected");
	while (s == OK && json_element(json)) {
		struct read_row row = { .change = { .has_severity = false } };
		if (!read_row(json, &row))
			return error_set(err, E_INPUT, "rules: \"%.*s\" is not a rule",
				SLICE_ARG(row.user.id));
		s = take_row(set, &row, ret_unknown, arena, err);
	}
	return s;
}

/* The practice is that of the one store the set was written for. */
static enum status read_set(struct json *json, struct rule_set *set, unsigned *ret_unknown,
	struct arena *arena, struct error *err)
{
	struct slice name, text, store = { NULL, 0 };
	struct practice practice = { .tax_rounding = TAX_UNSAID };
	enum status s = json_object(json) ? OK : E_INPUT;
	while (s == OK && json_member(json, &name)) {
		bool good = true;
		if (slice_is(name, "store"))
			good = json_string(json, &store);
		else if (slice_is(name, "cash_increment"))
			good = read_decimal(json, &practice.cash_increment);
		else if (slice_is(name, "tax_rounding")) {
			good = json_string(json, &text);
			practice.tax_rounding = good && slice_is(text, "document")
							? TAX_PER_DOCUMENT
							: TAX_PER_LINE;
		} else if (slice_is(name, "rules"))
			s = read_rows(json, set, ret_unknown, arena, err);
		else
			good = json_skip(json, NULL);
		if (!good)
			s = error_set(err, E_INPUT, "rules: \"%.*s\" is not what is expected",
				SLICE_ARG(name));
	}
	if (s == OK && (json->problem != NULL || !json_end(json)))
		s = E_INPUT;
	if (s == E_INPUT && json->problem != NULL)
		return error_set(
			err, E_INPUT, "rules: %s at byte %zu", json->problem, json_offset(json));
	if (s == OK && store.ptr != NULL)
		s = rule_set_practice(set, store, &practice, err);
	return s;
}

enum status rule_set_read(
	struct slice json_text, struct rule_set **ret_set, unsigned *ret_unknown, struct error *err)
{
	struct rule_set *set = NULL;
	struct arena arena;
	struct json json;
	if (json_text.len > RULE_SET_JSON_MAX)
		return error_set(err, E_INPUT, "rules: %zu bytes are more than %d", json_text.len,
			RULE_SET_JSON_MAX);
	enum status s = rule_set_open(&set, err);
	if (s != OK)
		return s;
	*ret_unknown = 0;
	arena_init(&arena, 2 * RULE_SET_JSON_MAX);
	json_init(&json, json_text, &arena);
	s = read_set(&json, set, ret_unknown, &arena, err);
	arena_release(&arena);
	if (s != OK) {
		rule_set_close(set);
		/* What the same words are in a configuration, they are not in a document. */
		if (s == E_CONFIG && err != NULL)
			err->status = E_INPUT;
		return s == E_CONFIG ? E_INPUT : s;
	}
	*ret_set = set;
	return OK;
}
