/* A YAML document while it is read, for the files that read parts of the configuration. */
#pragma once

#include "base/error.h"
#include "base/slice.h"

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
