#include "app/config.h"
#include "harness.h"

#include <stdio.h>

/* Reads the text as a configuration file; the error without the folder in front. */
static const char *read_config(const char *text, struct config *config)
{
	static struct error err;
	char path[128];
	snprintf(path, sizeof(path), "%s/c.yaml", test_folder());
	FILE *file = fopen(path, "we");
	EXPECT(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
	*config = (struct config){ .erp_count = 0 };
	options_default(serve_options, &config->serve);
	if (config_read(path, config, &err) == OK && config_check(config, &err) == OK)
		return "";
	const char *name = strstr(err.text, "c.yaml");
	return name == NULL ? err.text : name;
}

static void expect_error(const char *text, const char *error)
{
	struct config config;
	const char *found = read_config(text, &config);
	if (strncmp(found, error, strlen(error)) != 0)
		test_fail(__FILE__, __LINE__, "found    \"%s\"\n   expected \"%s\"", found, error);
	config_release(&config);
}

static const char good[] =
	"listen: 127.0.0.1:9000\n"
	"data: /tmp/x\n"
	"body_bytes_max: 2M\n"
	"erps:\n"
	"  box: { connector: sandbox, url: 'http://127.0.0.1:8091', timeout: 5s }\n"
	"default_erp: box\n"
	"stores:\n"
	"  '0042': { }\n"
	"  '0007': { erp: box }\n";

TEST(a_configuration_is_read)
{
	struct config config;
	EXPECT_TEXT(read_config(good, &config), "");
	EXPECT_TEXT(config.serve.listen, "127.0.0.1:9000");
	EXPECT_NUMBER(config.serve.body_bytes_max, 2 << 20);
	EXPECT_NUMBER(config.erps[0].timeout_ms, 5000);
	EXPECT(config_store_known(&config, slice_of("0042")));
	EXPECT(config_store_known(&config, slice_of("0007")));
	EXPECT(!config_store_known(&config, slice_of("0043")));
	struct buf routing;
	buf_init(&routing, 1 << 12);
	config_routing(&config, &routing);
	EXPECT(slice_is(buf_get(&routing), "{\"default\":\"box\",\"stores\":{\"0007\":\"box\"}}"));
	buf_release(&routing);
	config_release(&config);
}

TEST(a_key_that_stands_twice_is_refused)
{
	expect_error("data: /tmp/x\nerps: { }\nlisten: 127.0.0.1:9000\nerps: { }\n",
		"c.yaml:4: \"erps\" stands twice");
}

TEST(an_error_names_file_line_option_and_what_is_allowed)
{
	expect_error("data: /tmp/x\nlissten: a\n",
		"c.yaml:2: there is no option \"lissten\"; known are: config, dev, listen");
	expect_error("data: /tmp/x\nloops: 65\n", "c.yaml:2: loops: 65 is outside 1 to 64");
	expect_error(
		"data: /tmp/x\nloops: many\n", "c.yaml:2: loops: \"many\" is not a whole number");
	expect_error("data: /tmp/x\nloops: [1]\n", "c.yaml:2: loops: one value is expected");
	expect_error("data: /tmp/x\n  bad: : x\n", "c.yaml:2: ");
	expect_error("", "c.yaml:1: the file is empty");
	expect_error("data: /tmp/x\nerps:\n  a: { connector: sap }\n",
		"c.yaml:3: connector: \"sap\" is not one of sandbox, tryton, odoo");
	expect_error(
		"data: /tmp/x\nerps:\n  a: { url: x }\n", "c.yaml:3: erps: a has no connector");
	expect_error("data: /tmp/x\nerps:\n  a: { connector: sandbox, colour: red }\n",
		"c.yaml:3: there is no option \"colour\"; known are: ");
	expect_error(
		"data: /tmp/x\nstores:\n  'a b': { }\n", "c.yaml:3: stores: \"a b\" is not a name");
	expect_error("data: /tmp/x\nstores:\n  a: { erp: nope }\n",
		"stores: a: erp \"nope\" is not one of the erps");
	expect_error("data: /tmp/x\ndefault_erp: nope\n",
		"default_erp: \"nope\" is not one of the erps");
	expect_error(
		"data: /tmp/x\nlisten: 0.0.0.0:80\n", "listen: 0.0.0.0 is not a loopback address");
	expect_error(
		"data: /tmp/x\nlisten: here\n", "listen: \"here\" is not an address and a port");
	expect_error("data: /tmp/x\ntls_cert: a.pem\n",
		"tls_cert and tls_key belong together; tls_key is missing");
	expect_error("listen: 127.0.0.1:1\n", "data is missing");
}

TEST(rules_and_totals_are_read)
{
	struct config config;
	EXPECT_TEXT(read_config("data: /tmp/x\n"
				"rules:\n"
				"  mine: { limit: 1 }\n",
			    &config),
		"c.yaml:3: rules: there is no rule \"mine\"; `tillbridge rules` lists them");
	config_release(&config);
	EXPECT_TEXT(
		read_config("data: /tmp/x\n"
			    "rules:\n"
			    "  tax.totals: { limit: 3, stores: { '0042': { severity: off } } }\n"
			    "  mine: { currencies: { JPY: { severity: refuse } } }\n"
			    "user_rules:\n"
			    "  mine: { when: totals.gross > 5, message: m }\n"
			    "stores:\n"
			    "  '0042': { tax_rounding: per_document, cash_increment: 0.05 }\n"
			    "totals:\n"
			    "  all: { amount: totals.gross, by: register, limit: 10,\n"
			    "         currencies: { JPY: { limit: 1000 } } }\n",
			&config),
		"");
	struct rule_settings own;
	struct practice practice;
	const struct rule_setting *settings =
		rule_set_resolve(config.rules, slice_of("0042"), slice_of("JPY"), &own, &practice);
	EXPECT_NUMBER(practice.tax_rounding, TAX_PER_DOCUMENT);
	EXPECT_NUMBER(practice.cash_increment.coefficient, 5);
	EXPECT_NUMBER(settings[rules_count()].severity, RULE_REFUSE);
	for (unsigned i = 0; i < rules_count(); i++) {
		if (strcmp(transaction_rules[i].id, "tax.totals") != 0)
			continue;
		EXPECT_NUMBER(settings[i].severity, RULE_OFF);
		EXPECT_NUMBER(settings[i].limit.coefficient, 3);
	}
	EXPECT_NUMBER(config.totals.count, 1);
	EXPECT_NUMBER(config.totals.items[0].by, TOTAL_BY_REGISTER);
	EXPECT_NUMBER(user_total_limit(&config.totals.items[0], slice_of("JPY")).coefficient, 1000);
	EXPECT_NUMBER(user_total_limit(&config.totals.items[0], slice_of("EUR")).coefficient, 10);
	config_release(&config);
}

TEST(what_is_wrong_with_a_rule_is_said_with_its_place)
{
	expect_error("rules: { tax.totals: { limits: 3 } }\n",
		"c.yaml:1: tax.totals: there is no option \"limits\"; known are: severity, limit, "
		"currencies, stores");
	expect_error(
		"rules:\n  tax.totals: { limit: -3 }\n", "c.yaml:2: limit: \"-3\" is negative");
	expect_error(
		"rules:\n  tax.totals: { limit: [3] }\n", "c.yaml:2: limit: one value is expected");
	expect_error("rules:\n  tax.totals: { severity: maybe }\n",
		"c.yaml:2: severity: \"maybe\" is not one of refuse, report, off");
	expect_error("rules:\n  required: { severity: off }\n",
		"c.yaml:2: rules: required always refuses");
	expect_error("rules:\n  tax.totals: { stores: { '1': { stores: { } } } }\n",
		"c.yaml:2: tax.totals: there is no option \"stores\"; known are: severity, limit");
	expect_error("stores:\n  '1': { tax_rounding: up }\n",
		"c.yaml:2: tax_rounding: \"up\" is not one of line, document");
	expect_error(
		"stores:\n  '1': { cash_increment: 0 }\n", "c.yaml:2: cash_increment: is zero");
	expect_error("user_rules:\n  a: { when: totals.gros > 1, message: m }\n",
		"c.yaml:2:14: user_rules: a: when: there is no field or function \"totals.gros\"");
	expect_error("user_rules:\n  a:\n    when: '1 = \"a\"'\n    message: m\n",
		"c.yaml:3:16: user_rules: a: when: =: a number is expected, not a text");
	expect_error("user_rules:\n  a:\n    message: m\n    when: |\n      1 = 1\n"
		     "        and 2 = x\n",
		"c.yaml:6:17: user_rules: a: when: there is no field or function \"x\" here");
	expect_error("user_rules:\n  a:\n    message: m\n    when: >\n      1 = 1\n"
		     "      and 2 = x\n",
		"c.yaml:4: character 15: user_rules: a: when: there is no field");
	expect_error(
		"user_rules:\n  a: { message: m }\n", "c.yaml:2: user_rules: a: when is missing");
	expect_error("user_rules:\n  a: { when: true }\n", "c.yaml:2: user_rules: a: message: ");
	expect_error("user_rules:\n  tax.rate: { when: true, message: m }\n",
		"c.yaml:2: user_rules: \"tax.rate\" is the name of a rule already");
	expect_error("totals:\n  a: { amount: 1, by: hour }\n",
		"c.yaml:2: totals: a: by: is \"hour\", expected day, register, operator or tender");
	expect_error("totals:\n  a: { amount: 1, by: tender }\n",
		"c.yaml:2: totals: a: by tender needs each: tenders");
	expect_error("totals:\n  a: { when: true }\n", "c.yaml:2: totals: a: amount is missing");
	expect_error("totals:\n  a: { amount: 1 + true }\n",
		"c.yaml:2:20: totals: a: amount: +: a number is expected, not a truth");
	expect_error("totals:\n  a: { amount: 1, when: 2 }\n",
		"c.yaml:2:25: totals: a: when: the expression: a truth is expected, not a number");
	expect_error("totals:\n  a: { amount: 1 }\n  a: { amount: 2 }\n",
		"c.yaml:3: totals: \"a\" stands twice");
	expect_error("totals:\n  a: { amount: 1, currencies: { QQQ: { limit: 1 } } }\n",
		"c.yaml:2: totals: a: \"QQQ\" is no currency of ISO 4217");
}

TEST(a_file_that_is_not_there_is_named)
{
	struct config config = { .erp_count = 0 };
	struct error err;
	EXPECT(config_read("/nowhere/c.yaml", &config, &err) == E_CONFIG);
	EXPECT_TEXT(err.text, "configuration /nowhere/c.yaml: No such file or directory");
}
