/* One YAML document as a tree (libyaml), and errors that say where in it something stands:
 * "mappings/square.yaml:17: ...". For files that people write and that are read once. */
#pragma once

#include "base/error.h"
#include "base/slice.h"

#include <yaml.h>

enum { YAML_FILE_BYTES_MAX = 1 << 20 };

struct yaml_file {
	const char *path; /* for messages */
	yaml_document_t document;
};

/* E_CONFIG: no YAML, more than one document, or too large. Release it after OK only. */
enum status yaml_file_read(
	struct yaml_file *file, const char *path, struct slice text, struct error *err);
void yaml_file_release(struct yaml_file *file);
/* NULL when the document is empty. */
yaml_node_t *yaml_root(struct yaml_file *file);

/* "PATH:LINE: ..." as E_CONFIG. */
enum status yaml_wrong(const struct yaml_file *file, const yaml_node_t *node, struct error *err,
	const char *format, ...) __attribute__((format(printf, 4, 5)));
unsigned yaml_line(const yaml_node_t *node);

/* The text of a scalar; NULL ptr for a list or a mapping. */
struct slice yaml_text(const yaml_node_t *node);
/* The item or pair at this place; false behind the last one, or when the node is of another kind.
 */
bool yaml_item(
	struct yaml_file *file, const yaml_node_t *node, unsigned at, yaml_node_t **ret_item);
bool yaml_pair(struct yaml_file *file, const yaml_node_t *node, unsigned at, yaml_node_t **ret_key,
	yaml_node_t **ret_value);
unsigned yaml_count(const yaml_node_t *node);
