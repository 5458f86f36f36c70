/* Expressions over a transaction, for rules and totals that a configuration brings along.
 *
 *     totals.gross > 500 and any(tenders, kind = "cash" and amount > 200)
 *     sum(lines, amount * 2) - count(lines, item in ("A", "B"))
 *
 *     or           = and { "or" and }
 *     and          = not { "and" not }
 *     not          = "not" not | comparison
 *     comparison   = sum [ ( "=" | "!=" | "<" | "<=" | ">" | ">=" ) sum
 *                        | [ "not" ] "in" "(" literal { "," literal } ")" ]
 *     sum          = product { ( "+" | "-" ) product }
 *     product      = factor { "*" factor }
 *     factor       = "-" factor | "(" or ")" | literal | field | function
 *     function     = ( "sum" | "any" | "all" ) "(" list "," or ")" | "count" "(" list [ "," or ]
 * ")" | ( "abs" | "hour" | "weekday" | "date" | "present" ) "(" ... ")" | "starts" "(" or "," text
 * ")" list         = "lines" | "tenders" | "taxes" | "discounts"
 *
 * Fields have the names of the contract (fields.c): totals.gross, and inside a list those of its
 * elements first. Every expression has a type, known before it runs: number, text or truth. Numbers
 * are exact with nine decimals; dates are days and times are seconds since 1970, so that they can
 * be compared and subtracted. An absent number is 0, an absent text empty. Nothing here allocates
 * once it is parsed, loops without a bound, or touches anything but the transaction. */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "retail/transaction.h"

enum {
	EXPRESSION_BYTES_MAX = 2000,
	EXPRESSION_DEPTH_MAX = 32, /* of brackets, "not" and "-" */
	EXPRESSION_NODES_MAX = 400,
	EXPRESSION_SCOPES_MAX = 4,      /* lists within lists, the document included */
	EXPRESSION_STEPS_MAX = 1000000, /* of one evaluation */
};

enum expression_type { EXPRESSION_NUMBER, EXPRESSION_TEXT, EXPRESSION_TRUTH };

struct expression;

struct expression_wanted {
	enum expression_type type;
	const char *each; /* "lines" or "tenders": fields of an element are known; NULL: none */
};

/* What is wrong and where: a byte of the text, from 0. */
struct expression_fault {
	size_t offset;
	char text[200];
};

/* The expression lives in the arena and in `text`. E_INPUT: *ret_fault says why; E_FULL: the
 * arena's limit (the fault says so too). */
enum status expression_parse(struct slice text, struct expression_wanted wanted,
	struct arena *arena, const struct expression **ret_expression,
	struct expression_fault *ret_fault);

/* What it is evaluated over. */
struct expression_place {
	const struct transaction *transaction;
	const void *item; /* the line or tender of `each`, NULL without one */
};

/* False when it cannot be computed (a number beyond 10^24, too many steps); *ret_problem says so
 * in words that live for ever. */
bool expression_truth(const struct expression *expression, const struct expression_place *place,
	bool *ret_value, const char **ret_problem);
bool expression_number(const struct expression *expression, const struct expression_place *place,
	struct total *ret_value, const char **ret_problem);
