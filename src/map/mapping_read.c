/* Reads a mapping's YAML: the top level. Fields and expressions are read next door. */
#include "base/check.h"
#include "base/yaml.h"
#include "map/mapping_internal.h"

#include <stdlib.h>

enum status reader_full(struct mapping_reader *r)
{
	return error_set(
		r->err, E_CONFIG, "%s: the mapping is too large, or memory is out", r->yaml->path);
}

enum status read_text(
	struct mapping_reader *r, yaml_node_t *node, const char *what, struct slice *ret_text)
{
	struct slice text = yaml_text(node);
	if (text.ptr == NULL)
		return yaml_wrong(r->yaml, node, r->err,
			"%s: one value is expected, not a list or a mapping", what);
	*ret_text = arena_copy(&r->mapping->arena, text);
	return ret_text->ptr == NULL ? reader_full(r) : OK;
}

enum status read_path(struct mapping_reader *r, yaml_node_t *node, struct path *ret_path)
{
	struct error why;
	struct slice text = yaml_text(node);
	if (text.ptr == NULL)
		return yaml_wrong(r->yaml, node, r->err,
			"a path such as total_money/amount is expected, not a list or a mapping");
	if (path_parse(text, &r->mapping->arena, ret_path, &why) != OK)
		return yaml_wrong(r->yaml, node, r->err, "%s", why.text);
	return OK;
}

enum status read_paths(struct mapping_reader *r, yaml_node_t *node, struct path_list *ret_paths)
{
	bool one = node->type == YAML_SCALAR_NODE;
	uint32_t count = one ? 1 : yaml_count(node);
	if (node->type == YAML_MAPPING_NODE || count == 0)
		return yaml_wrong(r->yaml, node, r->err, "a path or a list of paths is expected");
	struct path *paths = arena_array(&r->mapping->arena, struct path, count);
	if (paths == NULL)
		return reader_full(r);
	enum status s = OK;
	for (uint32_t i = 0; i < count && s == OK; i++) {
		yaml_node_t *item = node;
		if (!one)
			check(yaml_item(r->yaml, node, i, &item));
		s = read_path(r, item, &paths[i]);
	}
	*ret_paths = (struct path_list){ paths, count };
	return s;
}

enum status read_texts(
	struct mapping_reader *r, yaml_node_t *node, struct slice **ret_texts, uint32_t *ret_count)
{
	bool one = node->type == YAML_SCALAR_NODE;
	uint32_t count = one ? 1 : yaml_count(node);
	if (node->type == YAML_MAPPING_NODE || count == 0)
		return yaml_wrong(r->yaml, node, r->err, "a value or a list of values is expected");
	struct slice *texts = arena_array(&r->mapping->arena, struct slice, count);
	if (texts == NULL)
		return reader_full(r);
	enum status s = OK;
	for (uint32_t i = 0; i < count && s == OK; i++) {
		yaml_node_t *item = node;
		if (!one)
			check(yaml_item(r->yaml, node, i, &item));
		s = read_text(r, item, "a list of values", &texts[i]);
	}
	*ret_texts = texts;
	*ret_count = count;
	return s;
}

enum status unknown_key(
	struct mapping_reader *r, yaml_node_t *key, const char *what, const char *known)
{
	struct slice name = yaml_text(key);
	return yaml_wrong(r->yaml, key, r->err, "%s: there is no \"%.*s\"; known are: %s", what,
		name.ptr == NULL ? 0 : (int)name.len, name.ptr == NULL ? "" : name.ptr, known);
}

static int compare_entries(const void *a, const void *b)
{
	return slice_compare(
		((const struct table_entry *)a)->key, ((const struct table_entry *)b)->key);
}

static enum status read_table(struct mapping_reader *r, yaml_node_t *key, yaml_node_t *node)
{
	enum status s = OK;
	yaml_node_t *from, *to;
	struct table *table = arena_new(&r->mapping->arena, struct table);
	if (table == NULL)
		return reader_full(r);
	if (node->type != YAML_MAPPING_NODE)
		return yaml_wrong(r->yaml, node, r->err, "a table of values to values is expected");
	table->entries = arena_array(&r->mapping->arena, struct table_entry, yaml_count(node) + 1);
	if (table->entries == NULL)
		return reader_full(r);
	s = read_text(r, key, "tables", &table->name);
	for (unsigned i = 0; s == OK && yaml_pair(r->yaml, node, i, &from, &to); i++) {
		struct table_entry entry = { 0 };
		s = read_text(r, from, "a table", &entry.key);
		if (s == OK)
			s = read_text(r, to, "a table", &entry.value);
		if (s == OK && slice_is(entry.key, "*"))
			table->other = entry.value;
		else if (s == OK)
			table->entries[table->count++] = entry;
	}
	if (table->count > 1)
		qsort(table->entries, table->count, sizeof(table->entries[0]), compare_entries);
	for (uint32_t i = 1; s == OK && i < table->count; i++)
		if (slice_equal(table->entries[i].key, table->entries[i - 1].key))
			s = yaml_wrong(r->yaml, node, r->err, "\"%.*s\" stands twice in the table",
				SLICE_ARG(table->entries[i].key));
	table->next = r->mapping->tables;
	r->mapping->tables = table;
	return s;
}

static enum status read_tables(struct mapping_reader *r, yaml_node_t *node)
{
	enum status s = OK;
	yaml_node_t *key, *value;
	if (node->type != YAML_MAPPING_NODE)
		return yaml_wrong(r->yaml, node, r->err, "tables: names of tables are expected");
	for (unsigned i = 0; s == OK && yaml_pair(r->yaml, node, i, &key, &value); i++)
		s = read_table(r, key, value);
	return s;
}

static enum status read_variant_member(
	struct mapping_reader *r, struct variant *variant, yaml_node_t *key, yaml_node_t *value)
{
	struct slice name = yaml_text(key);
	if (slice_is(name, "name"))
		return read_text(r, value, "name", &variant->name);
	if (slice_is(name, "root"))
		return read_paths(r, value, &variant->roots);
	if (slice_is(name, "when"))
		return read_conditions(r, value, &variant->when);
	if (slice_is(name, "fields"))
		return read_object(r, value, &transaction_schema, false, &variant->fields);
	if (slice_is(name, "personal"))
		return read_paths(r, value, &variant->personal);
	if (slice_is(name, "ignore"))
		return read_paths(r, value, &variant->ignore);
	return unknown_key(r, key, "a variant", "name, root, when, fields, personal, ignore");
}

static enum status read_variant(
	struct mapping_reader *r, yaml_node_t *node, struct variant *variant)
{
	enum status s = OK;
	yaml_node_t *key, *value;
	if (node->type != YAML_MAPPING_NODE)
		return yaml_wrong(r->yaml, node, r->err,
			"variants: a list of {root: PATH, when: CONDITIONS, fields: ...} is "
			"expected");
	variant->line = yaml_line(node);
	for (unsigned i = 0; s == OK && yaml_pair(r->yaml, node, i, &key, &value); i++)
		s = read_variant_member(r, variant, key, value);
	if (s == OK && variant->fields == NULL)
		s = yaml_wrong(r->yaml, node, r->err, "fields is missing");
	return s;
}

static enum status read_variants(struct mapping_reader *r, yaml_node_t *node)
{
	struct mapping *m = r->mapping;
	uint32_t count = node->type == YAML_SEQUENCE_NODE ? yaml_count(node) : 0;
	enum status s = OK;
	yaml_node_t *item;
	if (count == 0)
		return yaml_wrong(r->yaml, node, r->err, "variants: a list is expected");
	m->variants = arena_array(&m->arena, struct variant, count);
	if (m->variants == NULL)
		return reader_full(r);
	for (unsigned i = 0; s == OK && yaml_item(r->yaml, node, i, &item); i++)
		s = read_variant(r, item, &m->variants[m->variant_count++]);
	return s;
}

/* A mapping without variants has one, made of its own root and fields. */
static enum status only_variant(struct mapping_reader *r, struct variant **ret_variant)
{
	struct mapping *m = r->mapping;
	if (m->variants == NULL) {
		m->variants = arena_new(&m->arena, struct variant);
		if (m->variants == NULL)
			return reader_full(r);
		m->variant_count = 1;
	}
	*ret_variant = m->variants;
	return OK;
}

static enum status read_separator(struct mapping_reader *r, yaml_node_t *node)
{
	struct slice text = yaml_text(node);
	if (text.len != 1 || text.ptr[0] == '"' || text.ptr[0] == '\n')
		return yaml_wrong(r->yaml, node, r->err,
			"separator: one character is expected, such as \";\" or \"\\t\"");
	r->mapping->format_options.separator = text.ptr[0];
	return OK;
}

static enum status read_format(struct mapping_reader *r, yaml_node_t *node)
{
	struct slice text = yaml_text(node);
	r->mapping->format = text.ptr == NULL ? NULL : format_find(text);
	if (r->mapping->format == NULL)
		return yaml_wrong(r->yaml, node, r->err,
			"format: \"%.*s\" is not one of json, ndjson, xml, csv",
			text.ptr == NULL ? 0 : (int)text.len, text.ptr == NULL ? "" : text.ptr);
	return OK;
}

/* A list of values becomes one text with this between them. */
static enum status read_joined(
	struct mapping_reader *r, yaml_node_t *node, const char *between, struct slice *ret_text)
{
	struct slice *texts = NULL;
	uint32_t count = 0;
	struct buf joined;
	enum status s = read_texts(r, node, &texts, &count);
	buf_init(&joined, 4096);
	for (uint32_t i = 0; s == OK && i < count; i++) {
		buf_text(&joined, i > 0 ? between : "");
		buf_slice(&joined, texts[i]);
	}
	if (s == OK) {
		*ret_text = arena_copy(&r->mapping->arena, buf_get(&joined));
		if (ret_text->ptr == NULL || joined.failed)
			s = reader_full(r);
	}
	buf_release(&joined);
	return s;
}

static enum status read_zone(struct mapping_reader *r, yaml_node_t *node)
{
	struct error why;
	struct slice text = { 0 };
	enum status s = read_text(r, node, "time_zone", &text);
	if (s == OK && r->mapping->zone == NULL && zone_open(text, &r->mapping->zone, &why) != OK)
		s = yaml_wrong(r->yaml, node, r->err, "time_zone: %s", why.text);
	return s;
}

static enum status read_numbering(struct mapping_reader *r, yaml_node_t *node)
{
	struct slice text = yaml_text(node);
	if (text.ptr == NULL || (!slice_is(text, "dense") && !slice_is(text, "sparse")))
		return yaml_wrong(r->yaml, node, r->err,
			"numbering: dense (no number is left out) or sparse is expected");
	return read_text(r, node, "numbering", &r->mapping->numbering);
}

static enum status read_top_member(struct mapping_reader *r, yaml_node_t *key, yaml_node_t *value)
{
	struct mapping *m = r->mapping;
	struct slice name = yaml_text(key);
	struct variant *variant = NULL;
	if (slice_is(name, "mapping"))
		return read_text(r, value, "mapping", &m->name);
	if (slice_is(name, "help"))
		return read_text(r, value, "help", &m->help);
	if (slice_is(name, "format"))
		return read_format(r, value);
	if (slice_is(name, "record"))
		return read_joined(r, value, " ", &m->format_options.record);
	if (slice_is(name, "group_by"))
		return read_joined(r, value, ",", &m->format_options.group_by);
	if (slice_is(name, "separator"))
		return read_separator(r, value);
	if (slice_is(name, "numbering"))
		return read_numbering(r, value);
	if (slice_is(name, "time_zone"))
		return read_zone(r, value);
	if (slice_is(name, "tables"))
		return OK; /* read before everything that names one */
	if (slice_is(name, "when"))
		return read_conditions(r, value, &m->when);
	if (slice_is(name, "personal"))
		return read_paths(r, value, &m->personal);
	if (slice_is(name, "ignore"))
		return read_paths(r, value, &m->ignore);
	bool fields = slice_is(name, "fields");
	if (fields || slice_is(name, "root")) {
		enum status s = only_variant(r, &variant);
		if (s != OK)
			return s;
		return fields ? read_object(r, value, &transaction_schema, false, &variant->fields)
			      : read_paths(r, value, &variant->roots);
	}
	return unknown_key(r, key, "a mapping",
		"mapping, help, format, record, group_by, separator, numbering, time_zone, tables, "
		"root, when, fields, variants, personal, ignore");
}

static enum status read_top(struct mapping_reader *r, yaml_node_t *root)
{
	yaml_node_t *key, *value, *variants = NULL, *own = NULL;
	enum status s = OK;
	if (root == NULL || root->type != YAML_MAPPING_NODE)
		return error_set(
			r->err, E_CONFIG, "%s:1: a mapping with fields is expected", r->yaml->path);
	for (unsigned i = 0; s == OK && yaml_pair(r->yaml, root, i, &key, &value); i++)
		if (slice_is(yaml_text(key), "tables"))
			s = read_tables(r, value);
	for (unsigned i = 0; s == OK && yaml_pair(r->yaml, root, i, &key, &value); i++) {
		if (slice_is(yaml_text(key), "variants")) {
			variants = value;
			continue;
		}
		if (slice_is(yaml_text(key), "fields") || slice_is(yaml_text(key), "root"))
			own = key;
		s = read_top_member(r, key, value);
	}
	if (s != OK)
		return s;
	if (variants != NULL && own != NULL)
		return yaml_wrong(r->yaml, own, r->err,
			"a mapping has either variants or fields and root of its own");
	if (variants != NULL)
		return read_variants(r, variants);
	if (r->mapping->variants == NULL || r->mapping->variants->fields == NULL)
		return yaml_wrong(r->yaml, root, r->err, "fields is missing");
	r->mapping->variants->line = yaml_line(root);
	return OK;
}

static enum status check_whole(struct mapping_reader *r, yaml_node_t *root)
{
	struct mapping *m = r->mapping;
	if (m->name.ptr == NULL)
		return yaml_wrong(r->yaml, root, r->err, "mapping is missing: the mapping's name");
	if (m->format == NULL)
		return yaml_wrong(
			r->yaml, root, r->err, "format is missing: json, ndjson, xml or csv");
	return OK;
}

enum status mapping_open(
	const char *path, struct slice yaml, struct mapping **ret_mapping, struct error *err)
{
	struct yaml_file file;
	struct mapping *m = calloc(1, sizeof(*m));
	if (m == NULL)
		return error_set(err, E_FULL, "%s: out of memory", path);
	arena_init(&m->arena, MAPPING_ARENA_BYTES);
	m->path = strdup(path);
	m->format_options.record_bytes_max = MAPPING_RECORD_BYTES_MAX;
	if (m->path == NULL) {
		mapping_close(m);
		return error_set(err, E_FULL, "%s: out of memory", path);
	}
	struct mapping_reader r = { .yaml = &file, .mapping = m, .err = err };
	enum status s = yaml_file_read(&file, m->path, yaml, err);
	if (s == OK) {
		s = read_top(&r, yaml_root(&file));
		if (s == OK)
			s = check_whole(&r, yaml_root(&file));
		yaml_file_release(&file);
	}
	if (s != OK) {
		mapping_close(m);
		return s;
	}
	*ret_mapping = m;
	return OK;
}

void mapping_close(struct mapping *m)
{
	if (m == NULL)
		return;
	zone_close(m->zone);
	arena_release(&m->arena);
	free(m->path);
	free(m);
}

const char *mapping_name(const struct mapping *m)
{
	return m->name.ptr;
}

const char *mapping_help(const struct mapping *m)
{
	return m->help.ptr == NULL ? "" : m->help.ptr;
}

const struct format *mapping_format(const struct mapping *m)
{
	return m->format;
}

const struct format_options *mapping_format_options(const struct mapping *m)
{
	return &m->format_options;
}
