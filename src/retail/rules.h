/* The rules that a transaction is held to, one row each. They are pure, so that the register and
 * the centre run the same ones. A rule that refuses is only for what cannot be true; what is odd
 * but happens in real stores is reported and accepted. */
#pragma once

#include "retail/codec.h"

struct rule {
	const char *id;     /* stable, part of the API: "balance.lines" */
	const char *help;   /* what must hold, in one sentence */
	const char *fields; /* JSON Pointers of what it reads, separated by spaces */
	bool refuses;
	void (*check)(
		const struct rule *rule, const struct transaction *t, struct findings *findings);
};

/* Ends with a row whose id is NULL. */
extern const struct rule transaction_rules[];

/* Runs every rule; findings are appended. */
void transaction_check(const struct transaction *t, struct findings *findings);
