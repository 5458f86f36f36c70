/* tillbridge rules: the table of rules, as it holds for a store and a currency. */
#include "app/arguments.h"
#include "app/commands.h"
#include "app/config.h"
#include "base/currency.h"

#include <stdio.h>

struct rules_options {
	char *config, *store, *currency;
	bool json;
};

static const struct option rows[] = {
	{ .name = "config",
		.type = OPTION_TEXT,
		.offset = offsetof(struct rules_options, config),
		.help = "The configuration file; without it, the table as it stands." },
	{ .name = "store",
		.type = OPTION_TEXT,
		.offset = offsetof(struct rules_options, store),
		.help = "What holds for this store." },
	{ .name = "currency",
		.type = OPTION_TEXT,
		.offset = offsetof(struct rules_options, currency),
		.help = "What holds for this currency." },
	{ .name = "json",
		.type = OPTION_BOOL,
		.offset = offsetof(struct rules_options, json),
		.fallback = "no",
		.help = "The same as GET /v1/rules answers." },
	{ 0 },
};

static const struct arguments arguments = {
	.command = "tillbridge rules",
	.help = "Lists the rules that transactions are held to, with severity and limit. A store's "
		"own setting goes before a currency's, and a currency's before the general one.",
	.options = rows,
};

static struct slice optional(const char *text)
{
	return text == NULL ? slice_make(NULL, 0) : slice_of(text);
}

static void show_json(const struct rule_set *set, const struct rules_options *o)
{
	struct buf buf;
	buf_init(&buf, RULE_SET_JSON_MAX);
	rule_set_write(set, optional(o->store), optional(o->currency), &buf);
	printf("%.*s\n", (int)buf.len, buf.ptr);
	buf_release(&buf);
}

static void show_row(const struct rule_row *row, const struct rule_setting *setting)
{
	char limit[DECIMAL_TEXT_MAX + 16] = "-", number[DECIMAL_TEXT_MAX];
	if (setting->limit.set) {
		decimal_print(setting->limit, number);
		snprintf(limit, sizeof(limit), "%s %s", number, limit_unit_name(row->unit));
	}
	printf("%-22s %-7s %-26s %s\n", row->id, severity_name(setting->severity), limit,
		row->user == NULL ? row->help : row->user->message.ptr);
}

static void show_table(const struct rule_set *set, const struct rules_options *o)
{
	struct rule_settings own;
	struct practice practice;
	const struct rule_setting *settings =
		rule_set_resolve(set, optional(o->store), optional(o->currency), &own, &practice);
	printf("%-22s %-7s %-26s %s\n", "rule", "does", "limit", "what must hold");
	for (unsigned i = 0; i < rule_set_count(set); i++) {
		struct rule_row row = rule_set_row(set, i);
		show_row(&row, settings == NULL ? &transaction_rules[i].usual : &settings[i]);
	}
}

int command_rules(int argc, char **argv)
{
	struct rules_options o = { .json = false };
	struct config config = { 0 };
	struct words words;
	struct error err = { .text = "" };
	int code;
	if (!arguments_take(&arguments, argc, argv, &o, &words, &code)) {
		options_release(rows, &o);
		return code;
	}
	options_default(serve_options, &config.serve);
	enum status s = o.config == NULL ? OK : config_read(o.config, &config, &err);
	if (s == OK && o.currency != NULL && currency_minor_units(slice_of(o.currency)) < 0)
		s = error_set(
			&err, E_CONFIG, "currency: \"%s\" is no code of ISO 4217", o.currency);
	if (s != OK)
		fprintf(stderr, "tillbridge rules: %s\n", err.text);
	else if (o.json)
		show_json(config.rules, &o);
	else
		show_table(config.rules, &o);
	config_release(&config);
	options_release(rows, &o);
	return s == OK ? EXIT_DONE : EXIT_USAGE;
}
