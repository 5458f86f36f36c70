/* The bridge: all parts of `tillbridge serve`, opened in order and closed in the opposite one. */
#pragma once

#include "app/config.h"

struct bridge;

struct bridge_hooks {
	/* From any thread: journal or state cannot be used any more; the process must stop. */
	void (*failed)(void *context, const struct error *err);
	/* Start-up that takes time: how far the state has caught up. May be NULL. */
	void (*progress)(void *context, const char *what, uint64_t number, uint64_t last);
	void *context;
};

/* The config outlives the bridge. When this returns OK, requests are answered. */
enum status bridge_open(const struct config *config, const struct bridge_hooks *hooks,
	struct bridge **ret_bridge, struct error *err);
void bridge_close(struct bridge *bridge);
uint16_t bridge_port(const struct bridge *bridge);
enum status bridge_reload_tls(struct bridge *bridge, struct error *err);
/* Reads the secrets of the doors again. */
enum status bridge_reload_doors(struct bridge *bridge, struct error *err);

/* Where things stand in the data folder. */
enum { DATA_PATH_MAX = 4096 };
void data_path(const char *data, const char *name, char path[static DATA_PATH_MAX]);
/* Creates the folder when it is missing. */
enum status data_prepare(const char *data, struct error *err);
/* E_CONFIG when there is no journal in it: for commands that make none. */
enum status data_is_there(const char *journal, struct error *err);
/* The journal's disk, with the archive's segments when there is an archive. */
enum status data_open_disk(const char *data, struct disk **ret_disk, struct error *err);
#define DATA_ARCHIVE "archive"
#define DATA_JOURNAL "journal"
#define DATA_STATE "state.db"
#define DATA_KEYS "keys"
#define DATA_DOORS "doors"
