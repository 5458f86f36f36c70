#include "base/yaml.h"

#include "base/check.h"

#include <stdarg.h>
#include <stdio.h>

/* A second document would be read by nobody. */
static enum status expect_end(yaml_parser_t *parser, const char *path, struct error *err)
{
	yaml_document_t second;
	if (yaml_parser_load(parser, &second) == 0)
		return error_set(err, E_CONFIG, "%s:%zu: %s", path, parser->problem_mark.line + 1,
			parser->problem == NULL ? "the file is no YAML" : parser->problem);
	yaml_node_t *root = yaml_document_get_root_node(&second);
	enum status s = OK;
	if (root != NULL)
		s = error_set(err, E_CONFIG, "%s:%zu: a second document; one is expected", path,
			root->start_mark.line + 1);
	yaml_document_delete(&second);
	return s;
}

enum status yaml_file_read(
	struct yaml_file *file, const char *path, struct slice text, struct error *err)
{
	yaml_parser_t parser;
	if (text.len > YAML_FILE_BYTES_MAX)
		return error_set(err, E_CONFIG, "%s: has %zu bytes; at most %d are allowed", path,
			text.len, YAML_FILE_BYTES_MAX);
	check(yaml_parser_initialize(&parser) == 1);
	yaml_parser_set_input_string(
		&parser, (const unsigned char *)(text.ptr == NULL ? "" : text.ptr), text.len);
	file->path = path;
	enum status s = OK;
	if (yaml_parser_load(&parser, &file->document) == 0) {
		s = error_set(err, E_CONFIG, "%s:%zu: %s", path, parser.problem_mark.line + 1,
			parser.problem == NULL ? "the file is no YAML" : parser.problem);
	} else {
		s = expect_end(&parser, path, err);
		if (s != OK)
			yaml_document_delete(&file->document);
	}
	yaml_parser_delete(&parser);
	return s;
}

void yaml_file_release(struct yaml_file *file)
{
	yaml_document_delete(&file->document);
}

yaml_node_t *yaml_root(struct yaml_file *file)
{
	return yaml_document_get_root_node(&file->document);
}

unsigned yaml_line(const yaml_node_t *node)
{
	return (unsigned)node->start_mark.line + 1;
}

enum status yaml_wrong(const struct yaml_file *file, const yaml_node_t *node, struct error *err,
	const char *format, ...)
{
	char text[ERROR_TEXT_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return error_set(err, E_CONFIG, "%s:%u: %s", file->path, yaml_line(node), text);
}

struct slice yaml_text(const yaml_node_t *node)
{
	if (node->type != YAML_SCALAR_NODE)
		return (struct slice){ 0 };
	return slice_make(node->data.scalar.value, node->data.scalar.length);
}

bool yaml_item(struct yaml_file *file, const yaml_node_t *node, unsigned at, yaml_node_t **ret_item)
{
	if (node->type != YAML_SEQUENCE_NODE || at >= yaml_count(node))
		return false;
	*ret_item = yaml_document_get_node(&file->document, node->data.sequence.items.start[at]);
	return true;
}

bool yaml_pair(struct yaml_file *file, const yaml_node_t *node, unsigned at, yaml_node_t **ret_key,
	yaml_node_t **ret_value)
{
	if (node->type != YAML_MAPPING_NODE || at >= yaml_count(node))
		return false;
	yaml_node_pair_t *pair = node->data.mapping.pairs.start + at;
	*ret_key = yaml_document_get_node(&file->document, pair->key);
	*ret_value = yaml_document_get_node(&file->document, pair->value);
	return true;
}

unsigned yaml_count(const yaml_node_t *node)
{
	if (node->type == YAML_SEQUENCE_NODE)
		return (unsigned)(node->data.sequence.items.top - node->data.sequence.items.start);
	if (node->type == YAML_MAPPING_NODE)
		return (unsigned)(node->data.mapping.pairs.top - node->data.mapping.pairs.start);
	return 0;
}
