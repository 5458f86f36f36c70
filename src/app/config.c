#include "app/config.h"

#include "app/config_file.h"
#include "app/config_rules.h"
#include "base/check.h"
#include "erp/registry.h"

#include <stdio.h>
#include <stdlib.h>

#define AT(field) .offset = offsetof(struct serve_options, field)

static const char *const idempotency_choices[] = { "optional", "required", NULL };

const struct option serve_options[] = {
	{ .name = "config",
		.type = OPTION_TEXT,
		AT(config),
		.help = "The configuration file (YAML)." },
	{ .name = "dev",
		.type = OPTION_BOOL,
		AT(dev),
		.fallback = "no",
		.help = "Development: plain HTTP on loopback, no tokens, every store as it comes, "
			"the "
			"sandbox ERP." },
	{ .name = "listen",
		.type = OPTION_TEXT,
		AT(listen),
		.fallback = "127.0.0.1:8080",
		.help = "Address and port to listen on. Only loopback, until access control is "
			"built." },
	{ .name = "data",
		.type = OPTION_TEXT,
		AT(data),
		.min = 1,
		.help = "Folder of the journal and the state." },
	{ .name = "tls_cert",
		.type = OPTION_TEXT,
		AT(tls_cert),
		.help = "Certificate chain (PEM). With tls_key, HTTPS with TLS 1.3; SIGHUP reads "
			"both "
			"again." },
	{ .name = "tls_key", .type = OPTION_TEXT, AT(tls_key), .help = "Private key (PEM)." },
	{ .name = "master_key_file",
		.type = OPTION_TEXT,
		AT(master_key_file),
		.min = 1,
		.help = "The key that opens the keys of the data subjects (docs/PRIVACY.md): 64 "
			"hexadecimal digits in a file of its own. Without it "
			"DATA/keys/master.key, which is made at the first start." },
	{ .name = "keys_lost",
		.type = OPTION_BOOL,
		AT(keys_lost),
		.fallback = "no",
		.help = "Start with new keys although the journal holds what was sealed with "
			"others: that stays unreadable." },
	{ .name = "erp_url",
		.type = OPTION_TEXT,
		AT(erp_url),
		.fallback = "http://127.0.0.1:8091",
		.help = "With --dev: where the sandbox ERP is." },
	{ .name = "no_erp",
		.type = OPTION_BOOL,
		AT(no_erp),
		.fallback = "no",
		.help = "With --dev: post nowhere." },
	{ .name = "loops",
		.type = OPTION_U64,
		AT(loops),
		.fallback = "2",
		.min = 1,
		.max = 64,
		.help = "Threads that serve connections." },
	{ .name = "connections_max",
		.type = OPTION_U64,
		AT(connections_max),
		.fallback = "10000",
		.min = 1,
		.max = 1000000,
		.help = "Open connections at most." },
	{ .name = "body_bytes_max",
		.type = OPTION_BYTES,
		AT(body_bytes_max),
		.fallback = "8M",
		.min = 1024,
		.max = 64 << 20,
		.help = "Largest request body." },
	{ .name = "segment_bytes",
		.type = OPTION_BYTES,
		AT(segment_bytes),
		.fallback = "64M",
		.min = 64 << 10,
		.max = 1 << 30,
		.help = "Size of a journal segment." },
	{ .name = "queue_bytes_max",
		.type = OPTION_BYTES,
		AT(queue_bytes_max),
		.fallback = "64M",
		.min = 1 << 20,
		.max = 1 << 30,
		.help = "Bytes that may wait for the journal; beyond it the intake answers 503." },
	{ .name = "identity_entries_max",
		.type = OPTION_U64,
		AT(identity_entries_max),
		.fallback = "1000000",
		.min = 1000,
		.max = 1000000000,
		.help = "Keys held in memory (56 bytes each); others are read from the state." },
	{ .name = "gap_after",
		.type = OPTION_DURATION,
		AT(gap_after_ms),
		.fallback = "15m",
		.max = 31ull * 86400000,
		.help = "How long a register's number may be missing, from when a higher one was "
			"received, before an exception says so; 0 for never. A store may have its "
			"own." },
	{ .name = "gap_across_dates",
		.type = OPTION_BOOL,
		AT(gap_across_dates),
		.fallback = "yes",
		.help = "Whether a register's numbers go on from one business date to the next, so "
			"that numbers between the last of one and the first of the next are "
			"missing too; a first number that is not above that last one, or more than "
			"10,000 above, begins anew in any case. A store may have its own." },
	{ .name = "idempotency_key",
		.type = OPTION_CHOICE,
		AT(idempotency_key),
		.fallback = "optional",
		.choices = idempotency_choices,
		.help = "Whether POST /v1/transactions needs an Idempotency-Key: optional or "
			"required." },
	{ .name = "idempotency_retention",
		.type = OPTION_DURATION,
		AT(idempotency_retention_ms),
		.fallback = "30d",
		.min = 1000,
		.max = UINT64_C(366) * 86400000,
		.help = "How long an Idempotency-Key and its answer are kept; the keys of "
			"transactions are kept for ever." },
	{ .name = "query_threads",
		.type = OPTION_U64,
		AT(query_threads),
		.fallback = "2",
		.min = 1,
		.max = 16,
		.help = "Threads that answer what reads the state; 4 MiB of cache each." },
	{ .name = "query_timeout",
		.type = OPTION_DURATION,
		AT(query_timeout_ms),
		.fallback = "5s",
		.min = 10,
		.max = 600000,
		.help = "A query that takes longer is stopped and answered 503." },
	{ .name = "head_timeout",
		.type = OPTION_DURATION,
		AT(head_timeout_ms),
		.fallback = "10s",
		.min = 100,
		.max = 600000,
		.help = "Time a client has to send a request's head." },
	{ .name = "body_timeout",
		.type = OPTION_DURATION,
		AT(body_timeout_ms),
		.fallback = "15s",
		.min = 100,
		.max = 600000,
		.help = "Longest pause while a body is sent." },
	{ .name = "idle_timeout",
		.type = OPTION_DURATION,
		AT(idle_timeout_ms),
		.fallback = "2m",
		.min = 100,
		.max = 86400000,
		.help = "Idle keep-alive connections are closed after." },
	{ .name = "write_timeout",
		.type = OPTION_DURATION,
		AT(write_timeout_ms),
		.fallback = "30s",
		.min = 100,
		.max = 600000,
		.help = "Time a client has to take an answer." },
	{ 0 },
};

/* The options every ERP has, whatever its connector. */
struct erp_common {
	char *connector;
	uint64_t timeout_ms, unknown_wait_ms, backoff_ms, backoff_max_ms;
};

static const struct option erp_common_options[] = {
	{ .name = "connector",
		.type = OPTION_TEXT,
		.offset = offsetof(struct erp_common, connector),
		.required = true,
		.help = "What speaks to the ERP: sandbox, tryton or odoo." },
	{ .name = "timeout",
		.type = OPTION_DURATION,
		.offset = offsetof(struct erp_common, timeout_ms),
		.fallback = "60s",
		.min = 100,
		.max = 3600000,
		.help = "Time for one call." },
	{ .name = "unknown_wait",
		.type = OPTION_DURATION,
		.offset = offsetof(struct erp_common, unknown_wait_ms),
		.fallback = "30s",
		.min = 10,
		.max = 3600000,
		.help = "How long a call that was given up may still take effect; only after that "
			"is a posting sent again that the ERP says it does not have." },
	{ .name = "backoff",
		.type = OPTION_DURATION,
		.offset = offsetof(struct erp_common, backoff_ms),
		.fallback = "500ms",
		.min = 10,
		.max = 3600000,
		.help = "First wait after a failed call; doubled each time." },
	{ .name = "backoff_max",
		.type = OPTION_DURATION,
		.offset = offsetof(struct erp_common, backoff_max_ms),
		.fallback = "1m",
		.min = 10,
		.max = 86400000,
		.help = "Longest wait between calls." },
	{ 0 },
};

enum status config_set_option(struct file *file, const struct option *options, void *target,
	yaml_node_t *key, yaml_node_t *value, struct error *err)
{
	char names[512];
	const struct option *option = option_find(options, scalar(key));
	if (option == NULL) {
		options_names(options, names, sizeof(names));
		error_set(err, E_CONFIG, "there is no option \"%.*s\"; known are: %s",
			SLICE_ARG(scalar(key)), names);
		return wrong(file, key, err);
	}
	if (value->type != YAML_SCALAR_NODE) {
		error_set(err, E_CONFIG, "%s: one value is expected, not a list or a mapping",
			option->name);
		return wrong(file, value, err);
	}
	if (option_set(option, target, scalar(value), err) != OK)
		return wrong(file, value, err);
	return OK;
}

/* The two option tables that an ERP's mapping may draw from. */
static enum status set_erp_option(struct file *file, struct config_erp *erp,
	struct erp_common *common, yaml_node_pair_t *pair, struct error *err)
{
	yaml_node_t *key = node_at(file, pair->key), *value = node_at(file, pair->value);
	if (option_find(erp_common_options, scalar(key)) != NULL)
		return config_set_option(file, erp_common_options, common, key, value, err);
	return config_set_option(file, erp->type->options, erp->options, key, value, err);
}

static enum status find_connector(
	struct file *file, yaml_node_t *node, struct config_erp *erp, struct error *err)
{
	for (yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top;
		p++) {
		yaml_node_t *value = node_at(file, p->value);
		if (!slice_is(scalar(node_at(file, p->key)), "connector") ||
			value->type != YAML_SCALAR_NODE)
			continue;
		erp->type = erp_find(scalar(value));
		if (erp->type != NULL)
			return OK;
		error_set(err, E_CONFIG, "connector: \"%.*s\" is not one of sandbox, tryton, odoo",
			SLICE_ARG(scalar(value)));
		return wrong(file, value, err);
	}
	error_set(err, E_CONFIG, "erps: %s has no connector", erp->name);
	return wrong(file, node, err);
}

static enum status read_erp(
	struct file *file, struct config *config, yaml_node_pair_t *pair, struct error *err)
{
	struct erp_common common = { .connector = NULL };
	struct config_erp *erp = &config->erps[config->erp_count];
	yaml_node_t *node = node_at(file, pair->value);
	enum status s = copy_name(
		file, node_at(file, pair->key), erp->name, sizeof(erp->name), "erps", err);
	if (s == OK)
		s = want_mapping(file, node, "erps", err);
	if (s == OK)
		s = find_connector(file, node, erp, err);
	if (s != OK)
		return s;
	config->erp_count++;
	erp->options = calloc(1, erp->type->config_size);
	if (erp->options == NULL)
		return error_set(err, E_FULL, "out of memory");
	options_default(erp->type->options, erp->options);
	options_default(erp_common_options, &common);
	for (yaml_node_pair_t *p = node->data.mapping.pairs.start;
		p < node->data.mapping.pairs.top && s == OK; p++)
		s = set_erp_option(file, erp, &common, p, err);
	if (s == OK && options_complete(erp->type->options, erp->options, err) != OK)
		s = wrong(file, node, err);
	erp->timeout_ms = common.timeout_ms;
	erp->unknown_wait_ms = common.unknown_wait_ms;
	erp->backoff_ms = common.backoff_ms;
	erp->backoff_max_ms = common.backoff_max_ms;
	options_release(erp_common_options, &common);
	return s;
}

static enum status read_erps(
	struct file *file, struct config *config, yaml_node_t *node, struct error *err)
{
	enum status s = want_mapping(file, node, "erps", err);
	if (s != OK)
		return s;
	yaml_node_pair_t *start = node->data.mapping.pairs.start,
			 *top = node->data.mapping.pairs.top;
	if (top - start > CONFIG_ERPS_MAX) {
		error_set(err, E_CONFIG, "erps: has %td entries; at most %d are allowed",
			top - start, CONFIG_ERPS_MAX);
		return wrong(file, node, err);
	}
	config->erps = calloc((size_t)(top - start) + 1, sizeof(*config->erps));
	if (config->erps == NULL)
		return error_set(err, E_FULL, "out of memory");
	for (yaml_node_pair_t *p = start; p < top && s == OK; p++)
		s = read_erp(file, config, p, err);
	return s;
}

/* What a store may have of its own is said as the general one is. */
static bool is_own_option(struct slice name)
{
	return slice_is(name, "gap_after") || slice_is(name, "gap_across_dates");
}

static enum status read_own(struct file *file, struct config_store *store, yaml_node_t *key,
	yaml_node_t *node, struct error *err)
{
	struct serve_options own = { .gap_after_ms = 0 };
	const struct option *option = option_find(serve_options, scalar(key));
	enum status s = option_set(option, &own, scalar(node), err);
	if (s != OK)
		return wrong(file, node, err);
	if (slice_is(scalar(key), "gap_after")) {
		store->gap_after_ms = own.gap_after_ms;
	} else {
		store->has_gap_across_dates = true;
		store->gap_across_dates = own.gap_across_dates;
	}
	return OK;
}

static enum status read_store(
	struct file *file, struct config *config, yaml_node_pair_t *pair, struct error *err)
{
	struct config_store *store = &config->stores[config->store_count++];
	store->gap_after_ms = UINT64_MAX;
	yaml_node_t *node = node_at(file, pair->value);
	enum status s = copy_name(
		file, node_at(file, pair->key), store->store, sizeof(store->store), "stores", err);
	if (s == OK)
		s = want_mapping(file, node, "stores", err);
	if (s != OK)
		return s;
	for (yaml_node_pair_t *p = node->data.mapping.pairs.start;
		p < node->data.mapping.pairs.top && s == OK; p++) {
		yaml_node_t *key = node_at(file, p->key);
		if (config_rules_store_option(scalar(key))) {
			s = config_rules_store(
				file, config, store->store, key, node_at(file, p->value), err);
			continue;
		}
		if (is_own_option(scalar(key))) {
			s = read_own(file, store, key, node_at(file, p->value), err);
			continue;
		}
		if (!slice_is(scalar(key), "erp")) {
			error_set(err, E_CONFIG,
				"there is no option \"%.*s\"; known are: erp, gap_after, "
				"gap_across_dates, tax_rounding, cash_increment",
				SLICE_ARG(scalar(key)));
			return wrong(file, key, err);
		}
		s = copy_name(
			file, node_at(file, p->value), store->erp, sizeof(store->erp), "erp", err);
	}
	return s;
}

static int compare_stores(const void *a, const void *b)
{
	return strcmp(
		((const struct config_store *)a)->store, ((const struct config_store *)b)->store);
}

static enum status read_stores(
	struct file *file, struct config *config, yaml_node_t *node, struct error *err)
{
	enum status s = want_mapping(file, node, "stores", err);
	if (s != OK)
		return s;
	yaml_node_pair_t *start = node->data.mapping.pairs.start,
			 *top = node->data.mapping.pairs.top;
	if (top - start > CONFIG_STORES_MAX) {
		error_set(err, E_CONFIG, "stores: has %td entries; at most %d are allowed",
			top - start, CONFIG_STORES_MAX);
		return wrong(file, node, err);
	}
	config->stores = calloc((size_t)(top - start) + 1, sizeof(*config->stores));
	if (config->stores == NULL)
		return error_set(err, E_FULL, "out of memory");
	for (yaml_node_pair_t *p = start; p < top && s == OK; p++)
		s = read_store(file, config, p, err);
	qsort(config->stores, config->store_count, sizeof(*config->stores), compare_stores);
	return s;
}

/* YAML lets a key stand twice; the second would only seem to be read. */
enum status config_refuse_repeated(struct file *file, const yaml_node_t *mapping, struct error *err)
{
	yaml_node_pair_t *start = mapping->data.mapping.pairs.start;
	for (yaml_node_pair_t *p = start; p < mapping->data.mapping.pairs.top; p++) {
		yaml_node_t *key = node_at(file, p->key);
		for (yaml_node_pair_t *q = start; q < p && key->type == YAML_SCALAR_NODE; q++) {
			yaml_node_t *before = node_at(file, q->key);
			if (before->type != YAML_SCALAR_NODE ||
				!slice_equal(scalar(before), scalar(key)))
				continue;
			error_set(err, E_CONFIG, "\"%.*s\" stands twice", SLICE_ARG(scalar(key)));
			return wrong(file, key, err);
		}
	}
	return OK;
}

static enum status read_top(struct file *file, struct config *config, struct error *err)
{
	yaml_node_t *root = yaml_document_get_root_node(&file->document);
	if (root == NULL)
		return error_set(err, E_CONFIG, "%s:1: the file is empty", file->path);
	enum status s = want_mapping(file, root, "the file", err);
	if (s == OK)
		s = config_refuse_repeated(file, root, err);
	for (yaml_node_pair_t *p = s == OK ? root->data.mapping.pairs.start : NULL;
		s == OK && p < root->data.mapping.pairs.top; p++) {
		yaml_node_t *key = node_at(file, p->key), *value = node_at(file, p->value);
		struct slice name = key->type == YAML_SCALAR_NODE ? scalar(key) : slice_of("");
		if (slice_is(name, "erps"))
			s = read_erps(file, config, value, err);
		else if (slice_is(name, "stores"))
			s = read_stores(file, config, value, err);
		else if (slice_is(name, "doors"))
			s = config_doors_read(file, config, value, err);
		else if (slice_is(name, "default_erp"))
			s = copy_name(file, value, config->default_erp, sizeof(config->default_erp),
				"default_erp", err);
		else if (!config_rules_key(name))
			s = config_set_option(file, serve_options, &config->serve, key, value, err);
	}
	return s == OK ? config_rules_read(file, config, root, err) : s;
}

enum status config_read(const char *path, struct config *config, struct error *err)
{
	struct file file = { .path = path };
	yaml_parser_t parser;
	FILE *stream = fopen(path, "re");
	if (stream == NULL)
		return error_errno(err, E_CONFIG, "configuration %s", path);
	check(yaml_parser_initialize(&parser) == 1);
	yaml_parser_set_input_file(&parser, stream);
	enum status s = OK;
	if (yaml_parser_load(&parser, &file.document) == 0)
		s = error_set(err, E_CONFIG, "%s:%zu: %s", path, parser.problem_mark.line + 1,
			parser.problem == NULL ? "the file is no YAML" : parser.problem);
	if (s == OK) {
		s = read_top(&file, config, err);
		yaml_document_delete(&file.document);
	}
	yaml_parser_delete(&parser);
	fclose(stream);
	return s;
}

enum status config_development(struct config *config, struct error *err)
{
	if (config->serve.no_erp)
		return OK;
	config->erps = calloc(1, sizeof(*config->erps));
	struct config_erp *erp = config->erps;
	if (erp == NULL)
		return error_set(err, E_FULL, "out of memory");
	config->erp_count = 1;
	erp->type = &erp_sandbox;
	erp->options = calloc(1, erp->type->config_size);
	if (erp->options == NULL)
		return error_set(err, E_FULL, "out of memory");
	options_default(erp->type->options, erp->options);
	snprintf(erp->name, sizeof(erp->name), "sandbox");
	snprintf(config->default_erp, sizeof(config->default_erp), "sandbox");
	erp->timeout_ms = 30000;
	erp->unknown_wait_ms = 2000;
	erp->backoff_ms = 200;
	erp->backoff_max_ms = 5000;
	const struct option *url = option_find(erp->type->options, slice_of("url"));
	check(url != NULL);
	return option_set(url, erp->options, slice_of(config->serve.erp_url), err);
}

static bool erp_known(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->erp_count; i++)
		if (strcmp(config->erps[i].name, name) == 0)
			return true;
	return false;
}

bool config_is_loopback(const char *address)
{
	return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

enum status config_check(const struct config *config, struct error *err)
{
	char address[64];
	uint16_t port;
	if (config->serve.data == NULL)
		return error_set(err, E_CONFIG,
			"data is missing: name the folder of the journal and "
			"the state");
	if ((config->serve.tls_cert == NULL) != (config->serve.tls_key == NULL))
		return error_set(err, E_CONFIG,
			"tls_cert and tls_key belong together; %s is missing",
			config->serve.tls_cert == NULL ? "tls_cert" : "tls_key");
	enum status s =
		config_split_listen(config->serve.listen, address, sizeof(address), &port, err);
	if (s != OK)
		return s;
	if (!config_is_loopback(address))
		return error_set(err, E_CONFIG,
			"listen: %s is not a loopback address; this version has no access control "
			"yet "
			"and answers whoever can reach it, so it listens on 127.0.0.1 or [::1] "
			"only",
			address);
	if (config->default_erp[0] != '\0' && !erp_known(config, config->default_erp))
		return error_set(err, E_CONFIG, "default_erp: \"%s\" is not one of the erps",
			config->default_erp);
	for (size_t i = 0; i < config->store_count; i++) {
		const struct config_store *store = &config->stores[i];
		if (store->erp[0] != '\0' && !erp_known(config, store->erp))
			return error_set(err, E_CONFIG,
				"stores: %s: erp \"%s\" is not one of the erps", store->store,
				store->erp);
		if (i > 0 && strcmp(store->store, store[-1].store) == 0)
			return error_set(err, E_CONFIG, "stores: %s stands twice", store->store);
	}
	return config_doors_check(config, err);
}

void config_release(struct config *config)
{
	options_release(serve_options, &config->serve);
	for (size_t i = 0; i < config->erp_count; i++) {
		options_release(config->erps[i].type->options, config->erps[i].options);
		free(config->erps[i].options);
	}
	free(config->erps);
	free(config->stores);
	config_doors_release(config);
	config_rules_release(config);
}

static const struct config_store *find_store(const struct config *config, struct slice store)
{
	struct config_store key;
	if (config->stores == NULL || store.len >= sizeof(key.store))
		return NULL;
	memcpy(key.store, store.ptr, store.len);
	key.store[store.len] = '\0';
	return bsearch(&key, config->stores, config->store_count, sizeof(key), compare_stores);
}

bool config_store_known(const struct config *config, struct slice store)
{
	return config->stores == NULL || find_store(config, store) != NULL;
}

uint64_t config_gap_after_ms(const struct config *config, struct slice store)
{
	const struct config_store *own = find_store(config, store);
	return own == NULL || own->gap_after_ms == UINT64_MAX ? config->serve.gap_after_ms
							      : own->gap_after_ms;
}

bool config_gap_across_dates(const struct config *config, struct slice store)
{
	const struct config_store *own = find_store(config, store);
	return own == NULL || !own->has_gap_across_dates ? config->serve.gap_across_dates
							 : own->gap_across_dates;
}

void config_routing(const struct config *config, struct buf *buf)
{
	struct route *routes = calloc(config->store_count + 1, sizeof(*routes));
	struct routing routing = { routes, 0 };
	check(routes != NULL);
	if (config->default_erp[0] != '\0')
		routes[routing.count++] = (struct route){ .erp = slice_of(config->default_erp) };
	for (size_t i = 0; i < config->store_count; i++)
		if (config->stores[i].erp[0] != '\0')
			routes[routing.count++] = (struct route){ slice_of(config->stores[i].store),
				slice_of(config->stores[i].erp) };
	routing_encode(&routing, buf);
	free(routes);
}

enum status config_split_listen(
	const char *listen, char *address, size_t size, uint16_t *ret_port, struct error *err)
{
	const char *colon = strrchr(listen, ':');
	uint64_t port;
	if (colon == NULL || !slice_to_u64(slice_of(colon + 1), &port) || port > 65535)
		return error_set(err, E_CONFIG,
			"listen: \"%s\" is not an address and a port such as 127.0.0.1:8080",
			listen);
	struct slice host = slice_make(listen, (size_t)(colon - listen));
	if (host.len >= 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']')
		host = slice_make(host.ptr + 1, host.len - 2);
	if (host.len == 0 || host.len >= size)
		return error_set(err, E_CONFIG, "listen: \"%s\" has no address", listen);
	memcpy(address, host.ptr, host.len);
	address[host.len] = '\0';
	*ret_port = (uint16_t)port;
	return OK;
}
