/* A rule set: the table of rules.h with what a configuration says about it. A row's severity and
 * limit may be changed in general, for a currency and for a store; each of the two is looked for at
 * the store first, then at the currency, then in general, then in the table itself:
 *
 *     store  >  currency  >  general  >  the row
 *
 * A set is built by one thread, then only read, by any number. Nothing of it is resolved ahead: a
 * transaction whose store and currency have nothing of their own uses the general rows as they
 * stand, and another gets a copy with a handful of rows changed, which is quicker than a cache. */
#pragma once

#include "retail/rules.h"

struct expression;

enum {
	RULE_STORES_MAX = 10000,
	USER_RULES_MAX = 200,
	RULE_ROWS_MAX = RULES_MAX + USER_RULES_MAX,
	RULE_ID_MAX = 64, /* bytes */
	RULE_MESSAGE_MAX = 150,
	RULE_SET_JSON_MAX = 16 << 20,
};

/* How a store rounds. */
struct practice {
	unsigned tax_rounding;         /* enum tax_rounding; never TAX_UNSAID after resolving */
	struct decimal cash_increment; /* the smallest coin; not set: currency.h */
};

/* Where a change holds: both NULL ptr for all, or one of them set. */
struct rule_scope {
	struct slice store, currency;
};

struct rule_change {
	bool has_severity;
	enum severity severity;
	struct decimal limit; /* set when it is changed */
};

/* A rule in words: what the configuration and the JSON say. */
struct user_rule {
	struct slice id;      /* letters, digits, '.', '_' and '-'; no id of the table */
	struct slice when;    /* expression.h: a truth; the rule is broken where it holds */
	struct slice each;    /* "lines" or "tenders": looked at one by one; empty: the document */
	struct slice message; /* for the finding */
	enum severity severity;
};

enum status rule_set_open(struct rule_set **ret_set, struct error *err);
void rule_set_close(struct rule_set *set); /* NULL is fine */

/* Changes a row or a user rule. E_CONFIG: there is no such rule, it is fixed, it has no limit, or
 * the limit is negative; E_FULL. */
enum status rule_set_change(struct rule_set *set, struct slice rule, struct rule_scope scope,
	const struct rule_change *change, struct error *err);
/* E_CONFIG: *ret_offset (may be NULL) is the place in `when`, or SIZE_MAX when it is not about
 * `when`. */
enum status rule_set_add(
	struct rule_set *set, const struct user_rule *rule, size_t *ret_offset, struct error *err);
/* What of `practice` is not said is left as it is. */
enum status rule_set_practice(struct rule_set *set, struct slice store,
	const struct practice *practice, struct error *err);

/* The rows of a set: first those of the table, then the user's. */
unsigned rule_set_count(const struct rule_set *set); /* NULL: the table */
struct rule_row {
	const char *id, *help, *fields; /* fields: NULL for a user's rule */
	enum limit_unit unit;
	bool fixed;
	const struct user_rule *user; /* NULL for a row of the table */
	const struct expression *when;
};
struct rule_row rule_set_row(const struct rule_set *set, unsigned number);

/* What holds for a store and a currency (either may have a NULL ptr). `own` is room for a copy;
 * the answer is `own` or inside the set. */
struct rule_settings {
	struct rule_setting items[RULE_ROWS_MAX];
};
const struct rule_setting *rule_set_resolve(const struct rule_set *set, struct slice store,
	struct slice currency, struct rule_settings *own, struct practice *ret_practice);

/* JSON, for the register and the API. With a store, only what matters to it; with a currency too,
 * the rows that hold there. docs/RULES.md shows it. */
void rule_set_write(
	const struct rule_set *set, struct slice store, struct slice currency, struct buf *buf);
/* Reads what rule_set_write() wrote. Rules of the table that this program does not know are left
 * out and counted: a register may be older than the centre. E_INPUT. */
enum status rule_set_read(
	struct slice json, struct rule_set **ret_set, unsigned *ret_unknown, struct error *err);
