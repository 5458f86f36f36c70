/* A mapping's YAML: any bytes are a mapping or an error with words. */
#include "base/check.h"
#include "fuzz.h"
#include "map/mapping.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mapping *mapping = NULL;
	struct error err = { .text = "" };
	if (size > 1 << 14)
		return 0;
	enum status s =
		mapping_open("fuzz.yaml", slice_make((const char *)data, size), &mapping, &err);
	check(s == OK ? mapping_name(mapping) != NULL : err.text[0] != '\0');
	mapping_close(mapping);
	return 0;
}
