/* Formats: how bytes become records, one row a format. A record is what one transaction is made of:
 * a JSON document, a Transaction element of a POSLog, the lines of a CSV file with the same key. */
#pragma once

#include "map/value.h"

struct format_options {
	struct slice record; /* json: paths of the list of records, separated by spaces, of which
			      * the first one counts that the document has; without any the
			      * document itself is the record, or the list of them;
			      * xml: local name of the element that is a record */
	struct slice
		group_by; /* csv: columns, separated by commas, whose equal values make a record */
	char separator;   /* csv; 0: comma */
	size_t record_bytes_max; /* of one record's raw bytes */
};

struct record_sink {
	/* One record: its tree, and the bytes it was read from. An error ends the reading. */
	enum status (*take)(
		void *context, struct value *record, struct slice raw, struct error *err);
	/* A part that is no record; reading goes on behind it. `where` is "line 17", "byte 4012".
	 */
	enum status (*bad)(void *context, const char *where, const struct error *why,
		struct slice raw, struct error *err);
	void *context;
};

struct format {
	const char *name; /* "json", "ndjson", "xml", "csv" */
	const char *help;
	/* Reads all of `raw`; each record's tree lives in the arena until take() has returned. */
	enum status (*read)(struct slice raw, const struct format_options *options,
		struct arena *arena, const struct record_sink *sink, struct error *err);
};

extern const struct format format_json, format_ndjson, format_xml, format_csv;
/* Ends with NULL. */
extern const struct format *const formats[];
const struct format *format_find(struct slice name);
