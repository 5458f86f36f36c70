#include "app/mapping_file.h"

#include "app/input.h"
#include "base/yaml.h"

#include <stdio.h>

static bool is_path(struct slice name)
{
	static const char end[] = ".yaml";
	size_t n = sizeof(end) - 1;
	return memchr(name.ptr, '/', name.len) != NULL ||
	       (name.len > n && memcmp(name.ptr + name.len - n, end, n) == 0);
}

static enum status open_shipped(const char *name, struct mapping **ret_mapping, struct error *err)
{
	const struct shipped_mapping *shipped = shipped_mapping_find(slice_of(name));
	if (shipped != NULL)
		return mapping_open(name, shipped->yaml, ret_mapping, err);
	char names[300] = "";
	size_t used = 0;
	for (const struct shipped_mapping *m = shipped_mappings;
		m->name != NULL && used < sizeof(names); m++) {
		int n = snprintf(names + used, sizeof(names) - used, "%s%s",
			m > shipped_mappings ? ", " : "", m->name);
		used += n > 0 ? (size_t)n : 0;
	}
	return error_set(err, E_CONFIG,
		"mapping \"%s\" is not one of %s, and no path of a file (./name.yaml)", name,
		names);
}

enum status mapping_file_open(const char *name, struct mapping **ret_mapping, struct error *err)
{
	struct input *input = NULL;
	struct buf text;
	if (!is_path(slice_of(name)))
		return open_shipped(name, ret_mapping, err);
	buf_init(&text, YAML_FILE_BYTES_MAX + 1);
	enum status s = input_open(name, &input, err);
	if (s == OK)
		s = input_read_all(input, &text, err);
	if (s == OK)
		s = mapping_open(name, buf_get(&text), ret_mapping, err);
	else
		err->status = s = E_CONFIG;
	input_close(input);
	buf_release(&text);
	return s;
}
