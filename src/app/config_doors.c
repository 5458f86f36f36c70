#include "app/config_doors.h"

#include "app/config.h"
#include "app/config_file.h"
#include "app/mapping_file.h"
#include "base/currency.h"

#include <stddef.h>
#include <stdlib.h>

#define AT(field) .offset = offsetof(struct door_common, field)

const struct option door_common_options[] = {
	{ .name = "door",
		.type = OPTION_TEXT,
		AT(door),
		.required = true,
		.help = "What kind of door it is; `tillbridge doors` lists them." },
	{ .name = "mapping",
		.type = OPTION_TEXT,
		AT(mapping),
		.min = 1,
		.max = 4000,
		.help = "What makes transactions of the records: a shipped mapping or the path of "
			"a "
			"file. \"transaction\" and \"transactions\" take canonical documents: "
			"JSON, "
			"or one a line." },
	{ .name = "store",
		.type = OPTION_TEXT,
		AT(store),
		.min = 1,
		.max = ID_TEXT_MAX,
		.help = "The door speaks for this store alone, whatever a record says." },
	{ .name = "register",
		.type = OPTION_TEXT,
		AT(reg),
		.min = 1,
		.max = ID_TEXT_MAX,
		.help = "The same for a register." },
	{ .name = "currency",
		.type = OPTION_TEXT,
		AT(currency),
		.min = 3,
		.max = 3,
		.help = "The currency of all records (ISO 4217)." },
	{ .name = "time_zone",
		.type = OPTION_TEXT,
		AT(time_zone),
		.min = 1,
		.max = 100,
		.help = "Where the clocks hang whose times have no offset, such as "
			"Europe/Berlin." },
	{ .name = NULL },
};

const struct option door_called_options[] = {
	{ .name = "body_bytes_max",
		.type = OPTION_BYTES,
		AT(body_bytes_max),
		.fallback = "2M",
		.min = 1024,
		.max = 64 << 20,
		.help = "Largest message; the server's own limit holds before this one." },
	{ .name = NULL },
};

/* All options that this kind of door has, for the message about one that it has not. */
static enum status unknown_option(
	struct file *file, const struct door_type *type, yaml_node_t *key, struct error *err)
{
	char common[160], called[40] = "", own[200];
	options_names(door_common_options, common, sizeof(common));
	if (type->authenticate != NULL)
		options_names(door_called_options, called, sizeof(called));
	options_names(type->options, own, sizeof(own));
	struct slice name = key->type == YAML_SCALAR_NODE ? scalar(key) : slice_of("");
	error_set(err, E_CONFIG, "a door %s has no option \"%.*s\"; known are: %s, %s%s%s",
		type->name, SLICE_ARG(name), common, called, called[0] == '\0' ? "" : ", ", own);
	return wrong(file, key, err);
}

static enum status set_door_option(
	struct file *file, struct config_door *d, yaml_node_pair_t *pair, struct error *err)
{
	yaml_node_t *key = node_at(file, pair->key), *value = node_at(file, pair->value);
	const struct door_type *type = d->door.type;
	struct slice name = key->type == YAML_SCALAR_NODE ? scalar(key) : slice_of("");
	if (option_find(door_common_options, name) != NULL)
		return config_set_option(file, door_common_options, &d->common, key, value, err);
	if (type->authenticate != NULL && option_find(door_called_options, name) != NULL)
		return config_set_option(file, door_called_options, &d->common, key, value, err);
	if (option_find(type->options, name) == NULL)
		return unknown_option(file, type, key, err);
	return config_set_option(file, type->options, d->door.options, key, value, err);
}

static enum status find_type(
	struct file *file, yaml_node_t *node, struct config_door *d, struct error *err)
{
	char names[300] = "";
	yaml_node_t *value = config_member(file, node, "door");
	if (value == NULL || value->type != YAML_SCALAR_NODE) {
		error_set(err, E_CONFIG, "%s: door is missing: it says what kind of door it is",
			d->name);
		return wrong(file, value == NULL ? node : value, err);
	}
	d->door.type = door_type_find(scalar(value));
	if (d->door.type != NULL)
		return OK;
	for (size_t i = 0, used = 0; door_types[i] != NULL && used < sizeof(names); i++)
		used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s",
			i > 0 ? ", " : "", door_types[i]->name);
	error_set(
		err, E_CONFIG, "door: \"%.*s\" is not one of %s", SLICE_ARG(scalar(value)), names);
	return wrong(file, value, err);
}

/* The sentence in err, with the line of the option where it stands, else of the door. */
static enum status wrong_option(
	struct file *file, yaml_node_t *node, const char *name, struct error *err)
{
	yaml_node_t *value = config_member(file, node, name);
	return wrong(file, value == NULL ? node : value, err);
}

static enum status open_mapping(
	struct file *file, yaml_node_t *node, struct config_door *d, struct error *err)
{
	const char *name = d->common.mapping != NULL ? d->common.mapping : d->door.type->mapping;
	if (name == NULL) {
		error_set(err, E_CONFIG,
			"%s: mapping is missing: name a shipped one (`tillbridge map`), the path "
			"of a file, or transaction or transactions for canonical documents",
			d->name);
		return wrong(file, node, err);
	}
	d->door.lines = strcmp(name, "transactions") == 0;
	if (d->door.lines || strcmp(name, "transaction") == 0)
		return OK;
	if (mapping_file_open(name, &d->door.mapping, err) == OK)
		return OK;
	return wrong_option(file, node, "mapping", err);
}

/* What the common options say beyond their form. */
static enum status read_common(
	struct file *file, yaml_node_t *node, struct config_door *d, struct error *err)
{
	struct door_common *c = &d->common;
	d->door.store = c->store;
	d->door.reg = c->reg;
	d->door.currency = c->currency;
	d->door.body_bytes_max = c->body_bytes_max;
	if (c->currency != NULL && currency_minor_units(slice_of(c->currency)) < 0) {
		error_set(err, E_CONFIG, "currency: \"%s\" is no code of ISO 4217", c->currency);
		return wrong_option(file, node, "currency", err);
	}
	if (c->time_zone != NULL && zone_open(slice_of(c->time_zone), &d->zone, err) != OK) {
		error_wrap(err, "time_zone");
		return wrong_option(file, node, "time_zone", err);
	}
	d->door.zone = d->zone;
	return open_mapping(file, node, d, err);
}

/* A door that is called needs nothing but its options and its secrets: what is wrong with them is
 * said now, not when the server starts. */
static enum status try_door(
	struct file *file, yaml_node_t *node, struct config_door *d, struct error *err)
{
	void *door = NULL;
	if (d->door.type->authenticate == NULL)
		return OK;
	enum status s = d->door.type->open(&d->door, &door, err);
	if (s == OK)
		d->door.type->close(door);
	else if (s == E_CONFIG) {
		error_wrap(err, "%s", d->name);
		s = wrong_option(file, node, "secret_file", err);
	}
	return s;
}

static enum status read_door(
	struct file *file, struct config *config, yaml_node_pair_t *pair, struct error *err)
{
	struct config_door *d = &config->doors[config->door_count];
	yaml_node_t *node = node_at(file, pair->value);
	enum status s =
		copy_name(file, node_at(file, pair->key), d->name, sizeof(d->name), "doors", err);
	if (s == OK)
		s = want_mapping(file, node, "doors", err);
	if (s == OK)
		s = config_refuse_repeated(file, node, err);
	if (s == OK)
		s = find_type(file, node, d, err);
	if (s != OK)
		return s;
	config->door_count++;
	d->door.name = d->name;
	d->door.clock = clock_system();
	d->door.options = calloc(1, d->door.type->options_size);
	if (d->door.options == NULL)
		return error_set(err, E_FULL, "out of memory");
	options_default(d->door.type->options, d->door.options);
	options_default(door_common_options, &d->common);
	options_default(door_called_options, &d->common);
	for (yaml_node_pair_t *p = node->data.mapping.pairs.start;
		p < node->data.mapping.pairs.top && s == OK; p++)
		s = set_door_option(file, d, p, err);
	if (s == OK && options_complete(d->door.type->options, d->door.options, err) != OK) {
		error_wrap(err, "%s", d->name);
		s = wrong(file, node, err);
	}
	if (s == OK)
		s = read_common(file, node, d, err);
	return s == OK ? try_door(file, node, d, err) : s;
}

enum status config_doors_read(
	struct file *file, struct config *config, yaml_node_t *node, struct error *err)
{
	enum status s = want_mapping(file, node, "doors", err);
	if (s == OK)
		s = config_refuse_repeated(file, node, err);
	if (s != OK)
		return s;
	yaml_node_pair_t *start = node->data.mapping.pairs.start,
			 *top = node->data.mapping.pairs.top;
	if (top - start > CONFIG_DOORS_MAX) {
		error_set(err, E_CONFIG, "doors: has %td entries; at most %d are allowed",
			top - start, CONFIG_DOORS_MAX);
		return wrong(file, node, err);
	}
	config->doors = calloc((size_t)(top - start) + 1, sizeof(*config->doors));
	if (config->doors == NULL)
		return error_set(err, E_FULL, "out of memory");
	for (yaml_node_pair_t *p = start; p < top && s == OK; p++)
		s = read_door(file, config, p, err);
	return s;
}

enum status config_doors_check(const struct config *config, struct error *err)
{
	for (size_t i = 0; i < config->door_count; i++) {
		const struct config_door *d = &config->doors[i];
		if (d->door.store != NULL && !config_store_known(config, slice_of(d->door.store)))
			return error_set(err, E_CONFIG,
				"doors: %s: store \"%s\" is not one of the stores", d->name,
				d->door.store);
	}
	return OK;
}

void config_doors_release(struct config *config)
{
	for (size_t i = 0; i < config->door_count; i++) {
		struct config_door *d = &config->doors[i];
		if (d->door.options != NULL)
			options_release(d->door.type->options, d->door.options);
		free(d->door.options);
		mapping_close(d->door.mapping);
		zone_close(d->zone);
		options_release(door_common_options, &d->common);
	}
	free(config->doors);
	config->doors = NULL;
	config->door_count = 0;
}
