/* tillbridge config check: the configuration file, without starting anything. */
#include "app/arguments.h"
#include "app/commands.h"
#include "app/config.h"

#include <stdio.h>
#include <string.h>

static const struct option rows[] = { { 0 } };

static const struct arguments arguments = {
	.command = "tillbridge config",
	.words = "check FILE",
	.help = "Reads a configuration file and says what is wrong with it, or what it means. "
		"`tillbridge serve --help` lists the options.",
	.options = rows,
	.words_min = 2,
	.words_max = 2,
};

static void show(const struct config *config)
{
	printf("listen %s, data %s, %s\n", config->serve.listen, config->serve.data,
		config->serve.tls_cert == NULL ? "plain HTTP" : "TLS 1.3");
	for (size_t i = 0; i < config->erp_count; i++)
		printf("erp %s: %s\n", config->erps[i].name, config->erps[i].type->name);
	printf("default erp: %s\n", config->default_erp[0] == '\0' ? "none" : config->default_erp);
	for (size_t i = 0; i < config->door_count; i++)
		printf("door %s: %s, mapping %s\n", config->doors[i].name,
			config->doors[i].door.type->name,
			config->doors[i].door.mapping != NULL
				? mapping_name(config->doors[i].door.mapping)
			: config->doors[i].door.lines ? "transactions"
						      : "transaction");
	if (config->stores == NULL)
		printf("stores: every store is taken\n");
	for (size_t i = 0; config->stores != NULL && i < config->store_count; i++)
		printf("store %s: %s\n", config->stores[i].store,
			config->stores[i].erp[0] == '\0' ? "default erp" : config->stores[i].erp);
}

int command_config(int argc, char **argv)
{
	struct config config = { 0 };
	struct words words;
	struct error err;
	char nothing;
	int code;
	if (!arguments_take(&arguments, argc, argv, &nothing, &words, &code))
		return code;
	if (strcmp(words.items[0], "check") != 0) {
		fprintf(stderr, "tillbridge config: \"%s\" is not known; say: config check FILE\n",
			words.items[0]);
		return EXIT_USAGE;
	}
	options_default(serve_options, &config.serve);
	enum status s = config_read(words.items[1], &config, &err);
	if (s == OK && config_check(&config, &err) != OK)
		s = error_wrap(&err, "%s", words.items[1]);
	if (s == OK)
		show(&config);
	else
		fprintf(stderr, "tillbridge: %s\n", err.text);
	config_release(&config);
	return s == OK ? EXIT_DONE : EXIT_USAGE;
}
