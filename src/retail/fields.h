/* The model as rows: one row a field, in the order of the contract. The decoder, the encoder and
 * the content hash are driven by the same rows, so that they cannot disagree about a field.
 *
 * To add a field: a member in transaction.h, a row in fields.c with a tag that its schema has
 * never used. Documents without the field keep their content hash. */
#pragma once

#include "base/slice.h"

enum field_kind {
	FIELD_TEXT,    /* struct slice; min and max are bytes */
	FIELD_CODE,    /* struct slice of the letters, digits, '.', '_' and '-' of ASCII */
	FIELD_NUMBER,  /* uint64_t from min to max; `fallback` when it is absent */
	FIELD_DECIMAL, /* struct decimal */
	FIELD_DATE,    /* date_t */
	FIELD_TIME,    /* struct timestamp */
	FIELD_BOOL,    /* bool; false when it is absent */
	FIELD_CHOICE,  /* unsigned: the place in `choices`, from min on; 0 when it is absent, which
			* has the content hash of `fallback` when that is not 0 */
	FIELD_OBJECT,  /* a struct described by `schema` */
	FIELD_LIST,    /* struct list of structs described by `schema`, at most `max` */
	FIELD_AMOUNTS, /* struct list of struct named_amount: an object of decimals, at most `max`
			*/
	FIELD_RAW,     /* struct slice: an object, kept as it came */
};

struct field {
	struct slice name;
	enum field_kind kind;
	uint8_t tag; /* in the content hash: never changes, never used again; 1 to 254 */
	bool required;
	bool personal;   /* a text that says who the customer is: never kept in clear */
	uint16_t offset; /* in the schema's struct */
	uint64_t min, max, fallback;
	const char *const *choices; /* ends with NULL */
	const struct schema *schema;
};

struct schema {
	const char *plural; /* "lines", for sentences about a list of them */
	const struct field *fields;
	unsigned field_count; /* at most SCHEMA_FIELDS_MAX */
	size_t size;          /* bytes of the struct */
	int set_offset;       /* of its `bool set`; -1 when it has none */
};

enum { SCHEMA_FIELDS_MAX = 64, FIELD_TAG_UNKNOWN = 255 };

/* What line_list, tender_list and the others of transaction.h look like in memory. */
struct list {
	void *items;
	uint32_t count;
};

extern const struct schema transaction_schema;
extern const char *const transaction_type_names[];
extern const char *const line_kind_names[];

/* The row with this name, NULL when the schema has none. *next is where to look first (documents
 * mostly come in the contract's order) and moves on behind what was found. */
const struct field *schema_find(const struct schema *schema, struct slice name, unsigned *next);

/* False when the value at `at` is what an absent field looks like. */
bool field_present(const struct field *field, const char *at);

struct list list_load(const void *place);
void list_store(void *place, struct list list);
