/* The doors of the configuration (intake/door.h):
 *
 *     doors:
 *       webshop:
 *         door: standard                       # a row of the registry
 *         mapping: transaction                 # a shipped one, a path, or canonical documents
 *         store: "0042"
 *         secret_file: /etc/tillbridge/webshop.secrets     # further options are the door's
 *
 * Errors name file, line and option, what was found and what is allowed. What is wrong with a
 * file of secrets is found here too. */
#pragma once

#include "intake/door.h"

enum { CONFIG_DOORS_MAX = 100, DOOR_NAME_MAX = 64 };

/* The options every door has. `body_bytes_max` has those that are called. */
struct door_common {
	char *door, *mapping, *store, *reg, *currency, *time_zone;
	uint64_t body_bytes_max;
};

extern const struct option door_common_options[];
extern const struct option door_called_options[];

struct config_door {
	struct door_config door; /* without admission and data folder */
	char name[DOOR_NAME_MAX];
	struct door_common common;
	struct zone *zone;
};

struct config;
struct file;
struct yaml_node_s;

/* The value of `doors`. */
enum status config_doors_read(
	struct file *file, struct config *config, struct yaml_node_s *node, struct error *err);
/* What must hold whatever the order: known stores. */
enum status config_doors_check(const struct config *config, struct error *err);
void config_doors_release(struct config *config);
