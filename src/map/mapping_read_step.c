/* Reads the steps of an expression: one row a step. */
#include "base/yaml.h"
#include "map/mapping_internal.h"

/* What a step is told. */
enum argument {
	ARGUMENT_YES,        /* "true" and nothing else */
	ARGUMENT_TEXT,       /* one value */
	ARGUMENT_TEXTS,      /* one or several */
	ARGUMENT_NUMBER,     /* a whole number from 1 to 500 */
	ARGUMENT_DECIMALS,   /* 0 to 9, or "currency" */
	ARGUMENT_TABLE,      /* the name of a table */
	ARGUMENT_CLOCK,      /* true, utc or local */
	ARGUMENT_WHEN,       /* true, or conditions */
	ARGUMENT_EXPRESSION, /* another value */
};

struct step_row {
	const char *name;
	enum step_kind kind;
	enum argument argument;
};

static const struct step_row rows[] = {
	{ "minor", STEP_MINOR, ARGUMENT_YES },
	{ "negate", STEP_NEGATE, ARGUMENT_WHEN },
	{ "absolute", STEP_ABSOLUTE, ARGUMENT_YES },
	{ "sign_of", STEP_SIGN_OF, ARGUMENT_EXPRESSION },
	{ "round", STEP_ROUND, ARGUMENT_DECIMALS },
	{ "table", STEP_TABLE, ARGUMENT_TABLE },
	{ "default", STEP_DEFAULT, ARGUMENT_TEXT },
	{ "drop", STEP_DROP, ARGUMENT_TEXTS },
	{ "prefix", STEP_PREFIX, ARGUMENT_TEXT },
	{ "suffix", STEP_SUFFIX, ARGUMENT_TEXT },
	{ "before", STEP_BEFORE, ARGUMENT_TEXT },
	{ "after", STEP_AFTER, ARGUMENT_TEXT },
	{ "digits", STEP_DIGITS, ARGUMENT_YES },
	{ "last_digits", STEP_LAST_DIGITS, ARGUMENT_YES },
	{ "stable_number", STEP_STABLE_NUMBER, ARGUMENT_YES },
	{ "upper", STEP_UPPER, ARGUMENT_YES },
	{ "lower", STEP_LOWER, ARGUMENT_YES },
	{ "cut", STEP_CUT, ARGUMENT_NUMBER },
	{ "code", STEP_CODE, ARGUMENT_YES },
	{ "date", STEP_DATE, ARGUMENT_CLOCK },
	{ "time", STEP_TIME, ARGUMENT_CLOCK },
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]), CUT_MAX = 500 };

void step_names(struct buf *buf)
{
	for (unsigned i = 0; i < ROWS; i++)
		buf_format(buf, "%s%s", i > 0 ? ", " : "", rows[i].name);
}

static enum status expected(
	struct mapping_reader *r, yaml_node_t *node, const char *name, const char *what)
{
	return yaml_wrong(r->yaml, node, r->err, "%s: %s is expected", name, what);
}

static enum status read_table_name(struct mapping_reader *r, yaml_node_t *node, struct step *step)
{
	struct slice name = yaml_text(node);
	for (const struct table *t = r->mapping->tables; t != NULL && name.ptr != NULL; t = t->next)
		if (slice_equal(t->name, name)) {
			step->table = t;
			return OK;
		}
	return yaml_wrong(r->yaml, node, r->err, "table: there is no \"%.*s\" under tables",
		name.ptr == NULL ? 0 : (int)name.len, name.ptr == NULL ? "" : name.ptr);
}

static enum status read_clock(struct mapping_reader *r, yaml_node_t *node, struct step *step)
{
	struct slice text = yaml_text(node);
	if (text.ptr != NULL && slice_is(text, "true"))
		step->clock = CLOCK_NONE;
	else if (text.ptr != NULL && slice_is(text, "utc"))
		step->clock = CLOCK_UTC;
	else if (text.ptr != NULL && slice_is(text, "local"))
		step->clock = CLOCK_LOCAL;
	else
		return expected(r, node, step->name,
			"utc or local (what a time without an offset is), or true when every time "
			"has one,");
	return OK;
}

static enum status read_decimals(struct mapping_reader *r, yaml_node_t *node, struct step *step)
{
	struct slice text = yaml_text(node);
	uint64_t number;
	if (text.ptr != NULL && slice_is(text, "currency"))
		step->number = -1;
	else if (text.ptr != NULL && slice_to_u64(text, &number) && number <= DECIMAL_SCALE_MAX)
		step->number = (int)number;
	else
		return expected(
			r, node, step->name, "a number of decimals from 0 to 9, or currency,");
	return OK;
}

static enum status read_number(struct mapping_reader *r, yaml_node_t *node, struct step *step)
{
	uint64_t number = 0;
	struct slice text = yaml_text(node);
	if (text.ptr == NULL || !slice_to_u64(text, &number) || number < 1 || number > CUT_MAX)
		return expected(r, node, step->name, "a whole number from 1 to 500");
	step->number = (int)number;
	return OK;
}

static enum status read_argument(
	struct mapping_reader *r, yaml_node_t *node, enum argument argument, struct step *step)
{
	struct slice text = yaml_text(node);
	switch (argument) {
	case ARGUMENT_YES:
		if (text.ptr != NULL && slice_is(text, "true"))
			return OK;
		return expected(r, node, step->name, "true (or leave it out)");
	case ARGUMENT_WHEN:
		if (text.ptr != NULL && slice_is(text, "true"))
			return OK;
		return read_conditions(r, node, &step->conditions);
	case ARGUMENT_TEXT:
		return read_text(r, node, step->name, &step->text);
	case ARGUMENT_TEXTS:
		return read_texts(r, node, &step->values, &step->value_count);
	case ARGUMENT_NUMBER:
		return read_number(r, node, step);
	case ARGUMENT_DECIMALS:
		return read_decimals(r, node, step);
	case ARGUMENT_TABLE:
		return read_table_name(r, node, step);
	case ARGUMENT_CLOCK:
		return read_clock(r, node, step);
	case ARGUMENT_EXPRESSION:
		return read_expression(r, node, &step->expression);
	}
	return OK;
}

enum status read_step(struct mapping_reader *r, yaml_node_t *key, yaml_node_t *value,
	struct step *ret_step, bool *ret_known)
{
	struct slice name = yaml_text(key);
	*ret_known = false;
	for (unsigned i = 0; i < ROWS && name.ptr != NULL; i++) {
		if (!slice_is(name, rows[i].name))
			continue;
		*ret_known = true;
		ret_step->kind = rows[i].kind;
		ret_step->name = rows[i].name;
		return read_argument(r, value, rows[i].argument, ret_step);
	}
	return OK;
}
