/* A YAML document while it is read, for the files that read parts of the configuration. */
#pragma once

#include "base/option.h"

#include <stdio.h>
#include <string.h>
#include <yaml.h>

/* A loaded YAML document and where it came from. */
struct file {
	const char *path;
	yaml_document_t document;
};

/* The sentence in err, with file and line in front. */
static inline enum status wrong(const struct file *file, const yaml_node_t *node, struct error *err)
{
	struct error inner = *err;
	return error_set(
		err, E_CONFIG, "%s:%zu: %s", file->path, node->start_mark.line + 1, inner.text);
}

static inline yaml_node_t *node_at(struct file *file, int index)
{
	return yaml_document_get_node(&file->document, index);
}

static inline struct slice scalar(const yaml_node_t *node)
{
	return slice_make(node->data.scalar.value, node->data.scalar.length);
}

static inline enum status want_mapping(
	struct file *file, yaml_node_t *node, const char *what, struct error *err)
{
	if (node != NULL && node->type == YAML_MAPPING_NODE)
		return OK;
	error_set(err, E_CONFIG, "%s: a mapping of names to values is expected", what);
	return node == NULL ? E_CONFIG : wrong(file, node, err);
}

static inline enum status copy_name(struct file *file, yaml_node_t *node, char *to, size_t size,
	const char *what, struct error *err)
{
	struct slice name = node->type == YAML_SCALAR_NODE ? scalar(node) : slice_of("");
	bool good = name.len > 0 && name.len < size;
	for (size_t i = 0; i < name.len && good; i++)
		good = strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-",
			       name.ptr[i]) != NULL &&
		       name.ptr[i] != '\0';
	if (!good) {
		error_set(err, E_CONFIG,
			"%s: \"%.*s\" is not a name of 1 to %zu letters, digits, '.', '_' or '-'",
			what, SLICE_ARG(name), size - 1);
		return wrong(file, node, err);
	}
	snprintf(to, size, "%.*s", SLICE_ARG(name));
	return OK;
}

/* The value of a mapping's key; NULL when it is not there. */
static inline yaml_node_t *config_member(struct file *file, yaml_node_t *mapping, const char *name)
{
	for (yaml_node_pair_t *p = mapping->data.mapping.pairs.start;
		p < mapping->data.mapping.pairs.top; p++) {
		yaml_node_t *key = node_at(file, p->key);
		if (key->type == YAML_SCALAR_NODE && slice_is(scalar(key), name))
			return node_at(file, p->value);
	}
	return NULL;
}

/* app/config.c: sets one option of a table from a key and its value, which must be a scalar. */
enum status config_set_option(struct file *file, const struct option *options, void *target,
	yaml_node_t *key, yaml_node_t *value, struct error *err);
/* app/config.c: YAML lets a key stand twice; the second would only seem to be read. */
enum status config_refuse_repeated(
	struct file *file, const yaml_node_t *mapping, struct error *err);
