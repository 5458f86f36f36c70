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
		"c.yaml:3: connector: \"sap\" is not one of sandbox, tryton");
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

TEST(a_file_that_is_not_there_is_named)
{
	struct config config = { .erp_count = 0 };
	struct error err;
	EXPECT(config_read("/nowhere/c.yaml", &config, &err) == E_CONFIG);
	EXPECT_TEXT(err.text, "configuration /nowhere/c.yaml: No such file or directory");
}
