/* The parts of the configuration that are about rules:
 *
 *     rules:
 *       tax.totals: { severity: report, limit: 3 }
 *       rounding.large:
 *         currencies: { JPY: { limit: 10 } }
 *         stores: { "0042": { severity: off } }
 *     user_rules:
 *       night_refund:
 *         when: type = "return" and hour(closed_at) >= 22
 *         message: a refund late at night
 *     totals:
 *       cash_refunds:
 *         each: tenders
 *         when: kind = "cash" and amount < 0
 *         amount: -amount
 *         by: register
 *         limit: 500
 *         currencies: { JPY: { limit: 60000 } }
 *     stores:
 *       "0042": { tax_rounding: document, cash_increment: 0.05 }
 *
 * Errors name file, line and rule; those in an expression the column too. */
#pragma once

#include "app/config.h"

struct file;
struct yaml_node_s;

/* Keys of the file's top level that are read here. */
bool config_rules_key(struct slice name);
/* Reads them from the file's root, when everything else has been read. */
enum status config_rules_read(
	struct file *file, struct config *config, struct yaml_node_s *root, struct error *err);

/* Options of a store that are read here. */
bool config_rules_store_option(struct slice name);
enum status config_rules_store(struct file *file, struct config *config, const char *store,
	struct yaml_node_s *key, struct yaml_node_s *value, struct error *err);

/* The sentence in err with file, line and the column of a byte of the scalar in front. */
enum status config_wrong_at(
	struct file *file, const struct yaml_node_s *node, size_t offset, struct error *err);

/* A node that is one value, and one that is an amount of at least zero. */
enum status config_want_scalar(
	struct file *file, struct yaml_node_s *node, const char *what, struct error *err);
enum status config_read_amount(struct file *file, struct yaml_node_s *node, const char *what,
	struct decimal *ret_value, struct error *err);

/* config_totals.c: the value of `totals`. */
enum status config_totals_read(
	struct file *file, struct config *config, struct yaml_node_s *node, struct error *err);

void config_rules_release(struct config *config);
