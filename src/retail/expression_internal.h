/* The tree that the parser of expressions makes and the evaluator walks. */
#pragma once

#include "retail/expression.h"
#include "retail/fields.h"

enum operation {
	OP_NUMBER, /* constants */
	OP_TEXT,
	OP_TRUTH,
	OP_FIELD,
	OP_NEGATE, /* numbers */
	OP_ADD,
	OP_SUBTRACT,
	OP_MULTIPLY,
	OP_ABSOLUTE,
	OP_EQUAL, /* both sides of one type */
	OP_NOT_EQUAL,
	OP_LESS, /* numbers */
	OP_LESS_EQUAL,
	OP_GREATER,
	OP_GREATER_EQUAL,
	OP_IN, /* left; right is a chain of constants */
	OP_STARTS,
	OP_AND,
	OP_OR,
	OP_NOT,
	OP_PRESENT, /* left is a field */
	OP_HOUR,
	OP_WEEKDAY,
	OP_SUM, /* over a list: left is what is evaluated for each element */
	OP_COUNT,
	OP_ANY,
	OP_ALL,
};

/* Elements of a list that stands in the element of a scope. */
struct expression_list {
	const struct field *field;
	unsigned scope;
	/* For taxes and discounts of the whole document: the list of lines around them. */
	const struct field *around;
};

struct expression {
	enum operation operation;
	enum expression_type type;
	const struct expression *left, *right;
	const struct expression *next; /* in a chain of constants */
	struct total number;
	struct slice text;
	bool truth;
	/* Of a field: where it stands. */
	const struct field *field;
	unsigned scope;
	size_t offset; /* in the scope's struct, those of objects around it added up */
	struct expression_list list;
};
