#include "map/format.h"

const struct format *const formats[] = { &format_json, &format_ndjson, &format_xml, &format_csv,
	NULL };

const struct format *format_find(struct slice name)
{
	for (const struct format *const *f = formats; *f != NULL; f++)
		if (slice_is(name, (*f)->name))
			return *f;
	return NULL;
}
