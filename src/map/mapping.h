/* A mapping: a YAML file that says which part of a source's record becomes which field of the
 * canonical transaction. docs/MAPPING.md is its reference. Shipped mappings lie in mappings/ and
 * are part of the program; a user copies one and changes it. */
#pragma once

#include "map/format.h"
#include "retail/codec.h"

struct mapping;

/* What a door knows that the record does not say. Empty slices: the record has to say it. */
struct mapping_context {
	struct slice store, reg, currency, time_zone;
	bool (*lookup)(
		void *context, struct slice table, struct slice key, struct slice *ret_value);
	void *context;
};

/* Where a field of the result came from, in the order they were written. */
struct mapping_trace {
	/* `field` is the JSON Pointer in the result, `from` the pointers it was read from. */
	void (*field)(void *context, struct slice field, struct slice value, struct slice from,
		struct slice rule);
	void (*unused)(void *context, struct slice pointer, struct slice value);
	void *context;
};

/* E_CONFIG: `err` names file, line, what was found and what is expected. */
enum status mapping_open(
	const char *path, struct slice yaml, struct mapping **ret_mapping, struct error *err);
void mapping_close(struct mapping *mapping);
const struct format *mapping_format(const struct mapping *mapping);
const struct format_options *mapping_format_options(const struct mapping *mapping);

enum mapping_verdict {
	MAPPED,  /* the document was written */
	SKIPPED, /* the mapping says that such a record is no transaction (another topic, say) */
	UNMAPPED /* findings say what is missing or cannot be */
};
/* Writes the canonical JSON of one record. Any thread; a mapping is never changed.
 * E_FULL: the arena's or the buffer's limit. `trace` may be NULL. */
enum status mapping_apply(const struct mapping *mapping, struct value *record,
	const struct mapping_context *context, struct arena *arena, struct buf *ret_document,
	enum mapping_verdict *ret_verdict, struct findings *findings,
	const struct mapping_trace *trace);

/* The mappings that are part of the program; ends with a row whose name is NULL. */
struct shipped_mapping {
	const char *name, *help;
	struct slice yaml;
};
extern const struct shipped_mapping shipped_mappings[];
