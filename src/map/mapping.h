/* A mapping: a YAML file that says which part of a source's record becomes which field of the
 * canonical transaction. docs/MAPPING.md is its reference. Shipped mappings lie in mappings/ and
 * are part of the program; a user copies one and changes it. */
#pragma once

#include "base/zone.h"
#include "map/format.h"
#include "retail/codec.h"

enum { MAPPING_RECORD_BYTES_MAX = 4 << 20 };

struct mapping;

/* What a door knows that the record does not say. What is set here wins over the mapping's rules.
 */
struct mapping_context {
	struct slice store, reg, currency;
	struct slice topic;      /* what the sender calls this kind of message, if it says so */
	const struct zone *zone; /* wins over the mapping's time_zone */
};

/* Where a field of the result came from, in the order they were written. */
struct mapping_trace {
	/* `field` is the JSON Pointer in the result, `value` JSON, `from` the JSON Pointers it was
	 * read from, separated by spaces, and `rule` the place and the steps of the rule. */
	void (*field)(void *context, struct slice field, struct slice value, struct slice from,
		struct slice rule);
	/* What no rule has read; `value` is JSON. Nulls and empty texts are left out. */
	void (*unused)(void *context, struct slice pointer, struct slice value);
	void *context;
};

/* `path` is for messages. E_CONFIG: `err` names file, line, what was found and what is expected. */
enum status mapping_open(
	const char *path, struct slice yaml, struct mapping **ret_mapping, struct error *err);
void mapping_close(struct mapping *mapping);
const char *mapping_name(const struct mapping *mapping);
const char *mapping_help(const struct mapping *mapping);
const struct format *mapping_format(const struct mapping *mapping);
const struct format_options *mapping_format_options(const struct mapping *mapping);

enum mapping_verdict {
	MAPPED,  /* the document was written */
	SKIPPED, /* the mapping says that such a record is no transaction (another topic, say) */
	UNMAPPED /* findings (rule "mapping", pointers into the record) say what is missing */
};
/* Writes the canonical JSON of one record. Any thread; a mapping is never changed, the record's
 * `used` marks are. E_FULL: the arena's or the buffer's limit, or a record that takes more work
 * than is allowed. `trace` may be NULL. */
enum status mapping_apply(const struct mapping *mapping, struct value *record,
	const struct mapping_context *context, struct arena *arena, struct buf *ret_document,
	enum mapping_verdict *ret_verdict, struct findings *findings,
	const struct mapping_trace *trace);

/* The bytes of a record as they are kept: in JSON what the mapping calls personal is the text
 * "removed", everything else is as it was. Call it after mapping_apply() said MAPPED. *ret_kept is
 * `raw` itself when there was nothing to remove, else it stands in `buf`. *ret_personal is true
 * when something personal is still in it, because the format is another: it must be kept sealed. */
enum status mapping_keep(const struct mapping *mapping, struct value *record, struct slice raw,
	struct buf *buf, struct slice *ret_kept, bool *ret_personal);

/* The mappings that are part of the program; ends with a row whose name is NULL. */
struct shipped_mapping {
	const char *name;
	struct slice yaml;
};
extern const struct shipped_mapping shipped_mappings[];
const struct shipped_mapping *shipped_mapping_find(struct slice name);
