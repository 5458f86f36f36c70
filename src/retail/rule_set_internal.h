/* What a rule set is made of, for the files that build, write and read it. */
#pragma once

#include "base/arena.h"
#include "retail/rule_set.h"

struct change {
	unsigned rule;
	struct rule_change change;
};

/* What a store or a currency has of its own. */
struct scope {
	struct slice name;
	struct practice practice; /* of a store; tax_rounding TAX_UNSAID when it says nothing */
	struct change *changes;
	uint32_t count, size;
};

/* Sorted by name. */
struct scopes {
	struct scope **items;
	uint32_t count, size;
};

struct user_row {
	struct user_rule rule; /* its texts are terminated */
	const struct expression *when;
};

struct rule_set {
	struct arena arena;
	struct rule_settings general;
	struct scopes stores, currencies;
	struct user_row *users[USER_RULES_MAX];
	unsigned user_count;
};

/* NULL when there is none. */
const struct scope *rule_scope_find(const struct scopes *scopes, struct slice name);
