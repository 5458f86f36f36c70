/* A mapping as it is in memory: rules in the order of the model's fields, expressions in the order
 * in which they are computed. Everything lives in the mapping's arena. */
#pragma once

#include "map/mapping.h"
#include "map/path.h"
#include "retail/fields.h"

enum {
	MAPPING_ARENA_BYTES = 16 << 20,
	MAPPING_DEPTH_MAX = 32,     /* of expressions and conditions in each other */
	MAPPING_WORK_MAX = 8 << 20, /* values looked at, for one record */
	MAPPING_SOURCES_MAX = 8,    /* remembered for one field's report */
	MAPPING_ROOTS_MAX = 8,
};

struct expression;

/* The tests of a condition; the first that has a value decides. */
enum test {
	TEST_IS,     /* the value is one of `values`; an absent value is "" */
	TEST_NOT,    /* it is none of them */
	TEST_EXISTS, /* there is a value, or none when `yes` is false */
	TEST_SIGN,   /* of a decimal, as `sign` says */
	TEST_ANY,    /* one of `any` holds */
};

enum sign { SIGN_NEGATIVE, SIGN_ZERO, SIGN_POSITIVE, SIGN_NONZERO };

struct conditions {
	struct condition *items; /* all must hold */
	uint32_t count;
};

struct condition {
	struct expression *expression;
	enum test test;
	bool yes;
	enum sign sign;
	struct slice *values;
	uint32_t value_count;
	struct conditions any;
};

struct table_entry {
	struct slice key, value;
};

struct table {
	struct slice name;
	struct table_entry *entries; /* sorted by key */
	uint32_t count;
	struct slice other; /* of the key "*"; NULL ptr: none */
	struct table *next;
};

/* What is done to a value, one after the other. */
enum step_kind {
	STEP_MINOR,  /* whole minor units to a decimal of the currency */
	STEP_NEGATE, /* when `conditions` hold (there may be none) */
	STEP_ABSOLUTE,
	STEP_SIGN_OF, /* the sign of `expression` */
	STEP_ROUND,   /* to `number` decimals; -1: the currency's */
	STEP_TABLE,
	STEP_DEFAULT, /* `text`, when there is no value */
	STEP_DROP,    /* no value, when it is one of `values` */
	STEP_PREFIX,
	STEP_SUFFIX,
	STEP_BEFORE,      /* what stands before the first `text` */
	STEP_AFTER,       /* what stands behind the last `text` */
	STEP_DIGITS,      /* the digits only */
	STEP_LAST_DIGITS, /* the digits at its end */
	STEP_STABLE_NUMBER,
	STEP_UPPER,
	STEP_LOWER,
	STEP_CUT,  /* at most `number` bytes, whole characters */
	STEP_CODE, /* what a code may not have becomes '-' */
	STEP_DATE, /* the local day of a time */
	STEP_TIME,
};

/* What a time without an offset is. */
enum clock_kind { CLOCK_NONE, CLOCK_UTC, CLOCK_LOCAL };

struct step {
	enum step_kind kind;
	const char *name; /* for reports */
	struct slice text;
	int number;
	enum clock_kind clock;
	const struct table *table;
	struct conditions conditions;
	struct expression *expression;
	struct slice *values;
	uint32_t value_count;
};

enum source {
	SOURCE_FROM,
	SOURCE_VALUE,
	SOURCE_CONTEXT,
	SOURCE_FIRST,
	SOURCE_SUM,
	SOURCE_SUBTRACT,
	SOURCE_MULTIPLY,
	SOURCE_CONCAT,
	SOURCE_CHOOSE,
	SOURCE_POSITION,
	SOURCE_FIND,
};

enum context_name { CONTEXT_STORE, CONTEXT_REGISTER, CONTEXT_CURRENCY, CONTEXT_TOPIC };

struct choice {
	struct conditions when; /* none: otherwise */
	struct expression *then;
};

/* {in: taxes, match: uid, with: tax_uid, take: percentage} */
struct find {
	struct path in, match, take;
	struct expression *with;
};

struct expression {
	enum source source;
	const char *name; /* "from" */
	unsigned line;
	struct path *paths; /* SOURCE_FROM: the first that leads to a value */
	uint32_t path_count;
	struct slice text; /* SOURCE_VALUE */
	enum context_name context;
	struct expression **items; /* FIRST, SUM, SUBTRACT, MULTIPLY, CONCAT */
	uint32_t item_count;
	struct choice *choices;
	uint32_t choice_count;
	struct find *find;
	struct step *steps;
	uint32_t step_count;
};

struct object_rule;

/* The items of a list: one for each value that `each` leads to, or one alone. */
struct group {
	bool has_each;
	struct path each;
	struct conditions where;
	struct object_rule *object;       /* of a FIELD_LIST */
	struct expression *name, *amount; /* of FIELD_AMOUNTS */
	unsigned line;
};

struct kept {
	struct slice name;
	struct expression *expression;
};

struct field_rule {
	const struct field *field;
	unsigned line;
	struct expression *expression;
	struct object_rule *object; /* FIELD_OBJECT */
	struct group *groups;       /* FIELD_LIST, FIELD_AMOUNTS */
	uint32_t group_count;
	struct kept *kept; /* FIELD_RAW */
	uint32_t kept_count;
};

struct object_rule {
	const struct schema *schema;
	struct field_rule *rules[SCHEMA_FIELDS_MAX]; /* by the field's place; NULL: no rule */
	bool numbered; /* the items of this list are numbered by themselves */
};

struct path_list {
	struct path *items;
	uint32_t count;
};

struct variant {
	struct slice name;
	unsigned line;
	struct path_list roots; /* the first that the record has; none: the record itself */
	struct conditions when;
	struct object_rule *fields;
	struct path_list personal, ignore;
};

struct mapping {
	struct arena arena;
	char *path; /* for reports */
	struct slice name, help;
	const struct format *format;
	struct format_options format_options;
	struct zone *zone;
	struct slice numbering;
	struct table *tables;
	struct conditions when;
	struct path_list personal, ignore;
	struct variant *variants;
	uint32_t variant_count;
};

/* Reading one mapping; for the files that read parts of it. */
struct yaml_file;
struct mapping_reader {
	struct yaml_file *yaml;
	struct mapping *mapping;
	struct error *err;
	unsigned depth;
};

/* The node of libyaml, which only these files need to know. */
struct yaml_node_s;
enum status read_expression(
	struct mapping_reader *r, struct yaml_node_s *node, struct expression **ret_expression);
enum status read_conditions(
	struct mapping_reader *r, struct yaml_node_s *node, struct conditions *ret_conditions);
enum status read_path(struct mapping_reader *r, struct yaml_node_s *node, struct path *ret_path);
/* One path or a list of them. */
enum status read_paths(
	struct mapping_reader *r, struct yaml_node_s *node, struct path_list *ret_paths);
enum status read_texts(struct mapping_reader *r, struct yaml_node_s *node, struct slice **ret_texts,
	uint32_t *ret_count);
enum status read_text(struct mapping_reader *r, struct yaml_node_s *node, const char *what,
	struct slice *ret_text);
enum status read_object(struct mapping_reader *r, struct yaml_node_s *node,
	const struct schema *schema, bool in_list, struct object_rule **ret_object);
enum status read_step(struct mapping_reader *r, struct yaml_node_s *key, struct yaml_node_s *value,
	struct step *ret_step, bool *ret_known);
enum status unknown_key(
	struct mapping_reader *r, struct yaml_node_s *key, const char *what, const char *known);
/* Out of memory, as a status. */
enum status reader_full(struct mapping_reader *r);
/* "from, value, ..." for messages. */
void step_names(struct buf *buf);

/* Applying it to one record. */
struct run {
	const struct mapping *mapping;
	const struct variant *variant;
	const struct mapping_context *context;
	struct value *record, *root;
	struct arena *arena;
	struct buf *out;
	struct findings *findings;
	const struct mapping_trace *trace;
	const struct zone *zone;
	struct slice currency; /* NULL ptr: not known */
	uint64_t budget;
	enum status status; /* E_FULL: no way to go on */
	unsigned depth;
	const struct value *sources[MAPPING_SOURCES_MAX]; /* read for the field at hand */
	uint32_t source_count;
	char pointer[POINTER_TEXT_MAX]; /* of the field at hand, in the result */
};

/* Where an expression is computed. */
struct here {
	struct value *value;
	uint32_t position; /* of the item in its list, from 1; 0: in no list */
};

enum outcome {
	ABSENT, /* there is no value */
	FOUND,
	WRONG, /* there is one, and a finding that says what is wrong with it */
};

enum outcome evaluate(struct run *run, const struct expression *expression, struct here here,
	struct slice *ret_text);
enum outcome apply_step(
	struct run *run, const struct step *step, struct here here, struct slice *text);
/* The first of its roots that the record has; NULL: none of them. */
struct value *variant_root(struct run *run, const struct variant *variant);
bool conditions_hold(struct run *run, const struct conditions *conditions, struct here here);
/* The first value that the path leads to, NULL when there is none. */
struct value *find_value(struct run *run, const struct path *path, struct here here);
bool walk_values(struct run *run, const struct path *path, struct here here,
	bool (*found)(void *context, struct value *value), void *context);
/* A finding about what was read for the field at hand; returns WRONG. */
enum outcome wrong_value(struct run *run, struct slice text, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
enum outcome run_full(struct run *run);
/* A copy that lives as long as the run; false: run->status is E_FULL. */
bool keep_text(struct run *run, struct slice text, struct slice *ret_text);

/* map/mapping_time.c: a time as RFC 3339, or its local day. */
enum outcome step_time(struct run *run, const struct step *step, struct slice *text);

/* Shapes of a mapping with all values written: false when `text` cannot be read as a decimal. */
bool decimal_of(struct run *run, struct slice text, struct decimal *ret_decimal);

void run_object(struct run *run, const struct object_rule *object, struct here here,
	uint32_t number, bool *ret_written);
