/* The rules that a transaction is held to, one row each. They are pure, so that the register and
 * the centre run the same ones. A rule that refuses is only for what cannot be true; what is odd
 * but happens in real stores is reported and accepted; what only some retailers want is off.
 * rule_set.h holds what a configuration changes about the rows, and the rules it adds. */
#pragma once

#include "retail/codec.h"

struct rule_run;
struct rule_set;

enum severity { RULE_OFF, RULE_REPORT, RULE_REFUSE };

enum limit_unit {
	LIMIT_NONE,
	LIMIT_MINOR_UNITS, /* of the currency: 1 is 0.01 in EUR and 1 in JPY */
	LIMIT_AMOUNT,      /* whole units of the currency */
	LIMIT_DAYS,
	LIMIT_PERCENT,
	LIMIT_COUNT,
};

/* What a store and a currency hold a rule to. */
struct rule_setting {
	enum severity severity;
	struct decimal limit; /* in the unit of the row; not set where the row has none */
};

struct rule {
	const char *id;     /* stable, part of the API: "balance.lines" */
	const char *help;   /* what must hold, in one sentence */
	const char *fields; /* JSON Pointers of what it reads, separated by spaces */
	struct rule_setting usual;
	enum limit_unit unit;
	bool fixed; /* books and postings rely on it: it always refuses */
	void (*check)(
		const struct rule_run *run, const struct transaction *t, struct findings *findings);
};

/* At most RULES_MAX rows; ends with a row whose id is NULL. */
enum { RULES_MAX = 64 };
extern const struct rule transaction_rules[];
unsigned rules_count(void);

const char *severity_name(enum severity severity); /* "off", "report", "refuse" */
const char *limit_unit_name(enum limit_unit unit); /* "minor_units", NULL for LIMIT_NONE */
bool severity_find(struct slice name, enum severity *ret_severity);

/* Holds the transaction to every rule that is not off for its store and currency; findings are
 * appended, their ids live as long as the set. NULL is the table as it stands. */
void transaction_check(
	const struct transaction *t, const struct rule_set *set, struct findings *findings);
