/* The configuration of `tillbridge serve`: one YAML file.
 *
 *     listen: 127.0.0.1:8443
 *     data: /var/lib/tillbridge
 *     tls_cert: /etc/tillbridge/cert.pem
 *     tls_key: /etc/tillbridge/key.pem
 *     erps:
 *       tryton-eu:
 *         connector: tryton
 *         timeout: 60s
 *         url: http://127.0.0.1:8000
 *         ...                              # further options are the connector's
 *     default_erp: tryton-eu
 *     stores:
 *       "0042": { erp: tryton-eu }
 *       "0043": { gap_after: 2h }            # the default ERP
 *     rules:                               # docs/RULES.md
 *       tax.totals: { severity: report, limit: 3 }
 *     user_rules:
 *       big_refund: { when: "totals.gross < -500", message: "a large refund" }
 *     totals:
 *       refunds: { amount: -totals.gross, when: type = "return", by: register, limit: 500 }
 *     doors:                               # app/config_doors.h, docs/DOORS.md
 *       webshop: { door: standard, secret_file: /etc/tillbridge/webshop.secrets }
 *
 * Without `stores` every store is taken as it comes. Errors name file, line and option, what was
 * found and what is allowed. */
#pragma once

#include "app/config_doors.h"
#include "base/option.h"
#include "deliver/delivery.h"
#include "deliver/events.h"
#include "retail/rule_set.h"
#include "retail/user_total.h"

enum { CONFIG_ERPS_MAX = 32, CONFIG_STORES_MAX = 10000 };

struct serve_options {
	char *config, *listen, *data, *tls_cert, *tls_key, *erp_url, *master_key_file;
	bool dev, no_erp, keys_lost, gap_across_dates;
	unsigned idempotency_key; /* 0 optional, 1 required */
	uint64_t idempotency_retention_ms;
	uint64_t loops, connections_max, body_bytes_max, segment_bytes, queue_bytes_max,
		identity_entries_max, query_threads, query_timeout_ms, gap_after_ms;
	uint64_t head_timeout_ms, body_timeout_ms, idle_timeout_ms, write_timeout_ms;
};

/* The rows of the file's top level; the command line has them too. */
extern const struct option serve_options[];

struct config_erp {
	char name[ERP_NAME_MAX];
	const struct erp_type *type;
	void *options; /* the connector's struct */
	uint64_t timeout_ms, unknown_wait_ms, backoff_ms, backoff_max_ms;
};

struct config_store {
	char store[ID_TEXT_MAX + 1];
	char erp[ERP_NAME_MAX];                      /* empty: the default */
	uint64_t gap_after_ms;                       /* UINT64_MAX: the general one */
	bool has_gap_across_dates, gap_across_dates; /* false: the general one */
};

struct config {
	struct serve_options serve;
	char default_erp[ERP_NAME_MAX]; /* empty: none */
	struct config_erp *erps;
	size_t erp_count;
	struct config_store *stores; /* sorted by store */
	size_t store_count;
	struct rule_set *rules; /* NULL: the table as it stands */
	struct user_totals totals;
	struct config_door *doors;
	size_t door_count;
	struct arena arena; /* of the totals */
};

/* Reads the file into a config whose `serve` already has its defaults and what the command line
 * said; what the file says wins. */
enum status config_read(const char *path, struct config *config, struct error *err);
/* What `--dev` means: loopback only, the sandbox ERP for every store. */
enum status config_development(struct config *config, struct error *err);
/* What must hold whatever the source: both TLS files or none, known ERPs, loopback. */
enum status config_check(const struct config *config, struct error *err);
void config_release(struct config *config);

bool config_store_known(const struct config *config, struct slice store);
/* How long a number may be missing at this store before an exception says so; 0: for ever. */
uint64_t config_gap_after_ms(const struct config *config, struct slice store);
/* Whether the numbers of the store's registers go on from one business date to the next. */
bool config_gap_across_dates(const struct config *config, struct slice store);
/* The routing event of this configuration, to be compared with the last one. */
void config_routing(const struct config *config, struct buf *buf);
bool config_is_loopback(const char *address);
/* "127.0.0.1:8080" or "[::1]:8080" into its parts. */
enum status config_split_listen(
	const char *listen, char *address, size_t size, uint16_t *ret_port, struct error *err);
