#include "app/config.h"
#include "harness.h"

#include <stdio.h>
#include <sys/stat.h>

static char secret[256];

static void write_file(const char *name, const char *text, mode_t mode, char *path, size_t size)
{
	snprintf(path, size, "%s/%s", test_folder(), name);
	remove(path);
	FILE *file = fopen(path, "we");
	EXPECT(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
	EXPECT(chmod(path, mode) == 0);
}

static void prepare(void)
{
	write_file(
		"secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", 0600, secret, sizeof(secret));
}

/* Reads "data: ... doors:\n" and the text as a configuration; the error without the folder. */
static const char *read_doors(const char *text, struct config *config)
{
	static struct error err;
	char path[256], all[4096];
	snprintf(all, sizeof(all), "data: /tmp/x\ndoors:\n%s", text);
	write_file("c.yaml", all, 0600, path, sizeof(path));
	*config = (struct config){ .erp_count = 0 };
	options_default(serve_options, &config->serve);
	if (config_read(path, config, &err) == OK && config_check(config, &err) == OK)
		return "";
	const char *name = strstr(err.text, "c.yaml");
	return name == NULL ? err.text : name;
}

/* `format` has a %s for the file of secrets. */
static void expect_error(const char *format, const char *error)
{
	struct config config;
	char text[2048];
	snprintf(text, sizeof(text), format, secret);
	const char *found = read_doors(text, &config);
	if (strncmp(found, error, strlen(error)) != 0)
		test_fail(__FILE__, __LINE__, "found    \"%s\"\n   expected \"%s\"", found, error);
	config_release(&config);
}

TEST(doors_are_read_with_their_common_options)
{
	struct config config;
	char text[1024];
	prepare();
	snprintf(text, sizeof(text),
		"  shop:\n    secret_file: %s\n    door: standard\n    store: '0042'\n"
		"    register: web\n    currency: EUR\n    time_zone: Europe/Berlin\n"
		"    tolerance: 1m\n"
		"  drop: { door: folder, folder: /srv/drop, mapping: poslog-6-json }\n"
		"  lines: { door: folder, folder: /srv/lines, mapping: transactions }\n",
		secret);
	EXPECT_TEXT(read_doors(text, &config), "");
	EXPECT_NUMBER(config.door_count, 3);
	const struct door_config *shop = &config.doors[0].door, *drop = &config.doors[1].door,
				 *lines = &config.doors[2].door;
	EXPECT_TEXT(shop->name, "shop");
	EXPECT_TEXT(shop->type->name, "standard");
	EXPECT_TEXT(shop->store, "0042");
	EXPECT_TEXT(shop->reg, "web");
	EXPECT_TEXT(shop->currency, "EUR");
	EXPECT(shop->zone != NULL && shop->mapping == NULL && !shop->lines);
	EXPECT_NUMBER(shop->body_bytes_max, 2 << 20);
	EXPECT_TEXT(mapping_name(drop->mapping), "poslog-6-json");
	EXPECT(drop->store == NULL && drop->zone == NULL);
	EXPECT(lines->mapping == NULL && lines->lines);
	config_release(&config);
}

TEST(a_mistake_in_a_door_is_named_with_its_line)
{
	prepare();
	expect_error("  - a\n", "c.yaml:3: doors: a mapping of names to values is expected");
	expect_error(
		"  a b: { door: standard }\n", "c.yaml:3: doors: \"a b\" is not a name of 1 to");
	expect_error("  shop: standard\n", "c.yaml:3: doors: a mapping of names");
	expect_error("  shop: { store: '1' }\n", "c.yaml:3: shop: door is missing");
	expect_error("  shop:\n    door: [standard]\n", "c.yaml:4: shop: door is missing");
	expect_error("  shop:\n    door: window\n",
		"c.yaml:4: door: \"window\" is not one of standard,");
	expect_error("  shop:\n    door: standard\n    door: standard\n",
		"c.yaml:5: \"door\" stands twice");
	expect_error("  shop: { door: standard, secret_file: %1$s }\n"
		     "  shop: { door: standard, secret_file: %1$s }\n",
		"c.yaml:4: \"shop\" stands twice");
	expect_error("  shop:\n    door: standard\n    secret: x\n",
		"c.yaml:5: a door standard has no option \"secret\"; known are: door, mapping, "
		"store, register, currency, time_zone, body_bytes_max, secret_file, tolerance");
	expect_error("  drop:\n    door: folder\n    body_bytes_max: 1M\n",
		"c.yaml:5: a door folder has no option \"body_bytes_max\"; known are: door,");
	expect_error("  shop:\n    door: standard\n    tolerance: soon\n",
		"c.yaml:5: tolerance: \"soon\" is not a time such as");
	expect_error("  shop:\n    door: standard\n    tolerance: 2d\n",
		"c.yaml:5: tolerance: 2d is outside 1000 to 86400000 ms");
	expect_error("  shop:\n    door: standard\n    tolerance: [1s]\n",
		"c.yaml:5: tolerance: one value is expected");
}

TEST(what_a_door_needs_is_asked_for)
{
	prepare();
	expect_error("  shop: { door: standard }\n", "c.yaml:3: shop: secret_file is missing: ");
	expect_error("  drop: { door: folder, mapping: poslog-2 }\n",
		"c.yaml:3: drop: folder is missing: ");
	expect_error("  drop: { door: folder, folder: /srv }\n",
		"c.yaml:3: drop: mapping is missing: name a shipped one");
	expect_error("  drop:\n    door: folder\n    folder: /srv\n    mapping: poslog-9\n",
		"c.yaml:6: mapping \"poslog-9\" is not one of ");
	expect_error("  drop:\n    door: folder\n    folder: /srv\n    mapping: ./none.yaml\n",
		"c.yaml:6: ./none.yaml");
	expect_error("  drop:\n    door: folder\n    folder: /srv\n    currency: EUX\n"
		     "    mapping: poslog-2\n",
		"c.yaml:6: currency: \"EUX\" is no code of ISO 4217");
	expect_error("  drop:\n    door: folder\n    folder: /srv\n    time_zone: Mars/Rim\n"
		     "    mapping: poslog-2\n",
		"c.yaml:6: time_zone: ");
	expect_error("  drop: { door: folder, folder: /srv, mapping: poslog-2, store: '7' }\n"
		     "stores:\n  '0042': { }\n",
		"doors: drop: store \"7\" is not one of the stores");
}

TEST(what_is_wrong_with_secrets_is_said_before_the_start)
{
	char path[256], text[512], expected[400];
	prepare();
	write_file("open", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", 0644, path, sizeof(path));
	snprintf(text, sizeof(text), "  shop:\n    door: standard\n    secret_file: %s\n", path);
	snprintf(expected, sizeof(expected), "c.yaml:5: shop: secret_file: %s has mode 0644", path);
	expect_error(text, expected);
	expect_error("  shop:\n    door: standard\n    secret_file: /nowhere\n",
		"c.yaml:5: shop: secret_file: /nowhere: No such file");
}

TEST(doors_have_a_limit)
{
	struct buf text;
	buf_init(&text, 1 << 20);
	for (unsigned i = 0; i < CONFIG_DOORS_MAX + 1; i++)
		buf_format(&text, "  d%u: { }\n", i);
	buf_char(&text, '\0');
	expect_error(text.ptr, "c.yaml:3: doors: has 101 entries; at most 100 are allowed");
	buf_release(&text);
}
