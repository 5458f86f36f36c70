#include "app/bridge.h"

#include "api/api.h"
#include "app/consumers.h"
#include "base/check.h"
#include "base/plant.h"
#include "books/gap_watch.h"
#include "intake/documents.h"
#include "intake/kept_replies.h"
#include "journal/archive.h"
#include "subjects/consumer.h"
#include "subjects/seal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	QUEUE_ITEMS_MAX = 200000,
	FORGOTTEN_BYTES_MAX = 1 << 30,
	CLOSE_WAIT_MS = 5000,
	GAP_WATCH_MS = 5000
};

struct bridge {
	const struct config *config;
	struct bridge_hooks hooks;
	struct clock *clock;
	struct disk *disk;
	struct journal *journal;
	struct store *store;
	struct apply *apply;
	struct document_reader *documents;
	struct identity *identity;
	struct kept_replies_reader *kept_replies;
	struct idempotency *idempotency;
	struct subjects *subjects;
	struct buf forgotten; /* struct subject_id, one behind the other, of the journal's tail */
	bool sealed;          /* the journal's tail holds something sealed */
	struct acceptor *acceptor;
	struct admission *admission;
	struct door_set *doors;
	struct erp_target *targets;
	struct delivery *delivery;
	struct gap_watch *gaps;
	struct sources sources;
	struct sampler *sampler;
	struct api *api;
	struct server *server;
	struct buf last_routing;      /* payload of the last routing event */
	struct buf last_definitions;  /* and of the last definitions of totals */
	uint64_t accepted, conflicts; /* in the journal when it was opened */
	char state_path[DATA_PATH_MAX], doors_path[DATA_PATH_MAX];
};

void data_path(const char *data, const char *name, char path[static DATA_PATH_MAX])
{
	snprintf(path, DATA_PATH_MAX, "%s/%s", data, name);
}

enum status data_prepare(const char *data, struct error *err)
{
	struct stat st;
	if (mkdir(data, 0700) != 0 && errno != EEXIST)
		return error_errno(err, E_CONFIG, "data: cannot make the folder %s", data);
	if (stat(data, &st) != 0 || !S_ISDIR(st.st_mode))
		return error_set(err, E_CONFIG, "data: %s is not a folder", data);
	return OK;
}

enum status data_is_there(const char *journal, struct error *err)
{
	return access(journal, F_OK) == 0
		       ? OK
		       : error_set(err, E_CONFIG, "%s is not there: --data names no data folder",
				 journal);
}

enum status data_open_disk(const char *data, struct disk **ret_disk, struct error *err)
{
	char path[DATA_PATH_MAX];
	struct disk *journal = NULL, *archive = NULL;
	data_path(data, DATA_JOURNAL, path);
	enum status s = disk_open_folder(path, &journal, err);
	if (s != OK)
		return s;
	data_path(data, DATA_ARCHIVE, path);
	if (access(path, F_OK) != 0) {
		*ret_disk = journal;
		return OK;
	}
	s = disk_open_folder(path, &archive, err);
	if (s == OK)
		return archive_disk_open(journal, archive, ret_disk, err);
	journal->ops->close_disk(journal);
	return s;
}

static void journal_advanced(void *context, uint64_t number)
{
	struct bridge *b = context;
	(void)number;
	apply_wake(b->apply);
}

static void state_advanced(void *context, uint64_t number)
{
	struct bridge *b = context;
	(void)number;
	delivery_wake(b->delivery);
}

static void part_failed(void *context, const struct error *err)
{
	struct bridge *b = context;
	b->hooks.failed(b->hooks.context, err);
}

static uint64_t applied_number(void *context)
{
	return apply_number(((struct bridge *)context)->apply);
}

static bool store_known(void *context, struct slice store)
{
	return config_store_known(((struct bridge *)context)->config, store);
}

static enum status open_journal(struct bridge *b, struct error *err)
{
	enum status s = data_prepare(b->config->serve.data, err);
	data_path(b->config->serve.data, DATA_STATE, b->state_path);
	if (s == OK)
		s = data_open_disk(b->config->serve.data, &b->disk, err);
	if (s == OK)
		s = journal_open(
			b->disk, b->clock, b->config->serve.segment_bytes, &b->journal, err);
	return s;
}

static enum status open_state(struct bridge *b, struct error *err)
{
	enum status s = store_open(b->state_path, STORE_WRITE, &b->store, err);
	if (s != OK)
		return s;
	struct apply_config config = {
		.journal = b->journal,
		.store = b->store,
		.consumers = consumers,
		.advanced = state_advanced,
		.failed = part_failed,
		.context = b,
	};
	return apply_open(&config, &b->apply, err);
}

/* Keys that come back, from a backup of theirs, are destroyed again. */
static enum status remember_forgotten(
	struct bridge *b, const struct event *event, struct error *err)
{
	struct subject_id subject;
	struct slice by;
	struct arena arena;
	arena_init(&arena, 64 << 10);
	enum status s = forgotten_decode(event->payload, &arena, &subject, &by, err);
	arena_release(&arena);
	if (s == OK)
		buf_append(&b->forgotten, &subject, sizeof(subject));
	return s == OK && b->forgotten.failed ? error_set(err, E_FULL, "out of memory") : s;
}

static enum status remember_event(struct bridge *b, const struct event *event, struct error *err)
{
	struct record record;
	if (event->kind == EVENT_ROUTING) {
		buf_reset(&b->last_routing);
		buf_slice(&b->last_routing, event->payload);
	}
	if (event->kind == EVENT_DEFINITIONS) {
		buf_reset(&b->last_definitions);
		buf_slice(&b->last_definitions, event->payload);
	}
	if (event->kind == EVENT_FORGOTTEN)
		return remember_forgotten(b, event, err);
	if (event->kind == EVENT_REPLY)
		return idempotency_remember(b->idempotency, event, err);
	if (event->kind != EVENT_TRANSACTION && event->kind != EVENT_CONFLICT)
		return OK;
	enum status s = record_decode(event->payload, &record, err);
	if (s != OK)
		return s;
	b->sealed |= record.sealed.len > 0;
	(*(event->kind == EVENT_CONFLICT ? &b->conflicts : &b->accepted))++;
	struct identity_entry entry = {
		.sequence = record.key.sequence,
		.number = event->number,
		.recorded_ms = event->recorded_ms,
		.fingerprint = record_fingerprint(&record.hash),
		.revision = (uint32_t)record.revision,
		.conflict = event->kind == EVENT_CONFLICT,
	};
	return identity_remember(b->identity, &record.key, &entry, err);
}

/* The keys that the state does not know yet: those of the journal's tail. */
static enum status remember_tail(struct bridge *b, struct error *err)
{
	struct journal_reader *reader = NULL;
	struct event event;
	uint64_t last = journal_durable_number(b->journal);
	enum status s = journal_reader_open(b->journal, apply_number(b->apply) + 1, &reader, err);
	while (s == OK && (s = journal_reader_next(reader, &event, err)) == OK) {
		s = remember_event(b, &event, err);
		if (b->hooks.progress != NULL && event.number % 50000 == 0)
			b->hooks.progress(
				b->hooks.context, "reading the journal's tail", event.number, last);
	}
	journal_reader_close(reader);
	return s == E_RETRY ? OK : s;
}

static enum status read_last(struct bridge *b, const char *sql, struct buf *buf, struct error *err)
{
	struct statement *read = NULL;
	bool row = false;
	enum status s = store_prepare(b->store, sql, &read, err);
	if (s == OK)
		s = statement_step(read, &row, err);
	if (s == OK && row)
		buf_slice(buf, statement_text(read, 0));
	statement_close(read);
	return s;
}

static enum status count_documents(struct bridge *b, struct error *err)
{
	struct statement *read = NULL;
	bool row = false;
	enum status s = store_prepare(b->store,
		"SELECT (SELECT sum(transactions + revisions) FROM store_summary),"
		" (SELECT count(*) FROM exception WHERE kind = 'conflict')",
		&read, err);
	if (s == OK)
		s = statement_step(read, &row, err);
	if (s == OK && row) {
		b->accepted = (uint64_t)statement_int(read, 0);
		b->conflicts = (uint64_t)statement_int(read, 1);
	}
	statement_close(read);
	return s;
}

static enum status load_day(
	void *context, struct identity *identity, const struct key *day, struct error *err)
{
	if (PLANTED(13))
		return OK;
	return document_reader_load(((struct bridge *)context)->documents, identity, day, err);
}

static enum status open_idempotency(struct bridge *b, struct error *err)
{
	enum status s = kept_replies_reader_open(b->state_path, &b->kept_replies, err);
	struct idempotency_config config = {
		.journal = b->journal,
		.clock = b->clock,
		.required = b->config->serve.idempotency_key == 1,
		.retention_ms = b->config->serve.idempotency_retention_ms,
		.find = kept_replies_reader_find,
		.applied = applied_number,
		.find_context = b->kept_replies,
		.applied_context = b,
	};
	return s == OK ? idempotency_open(&config, &b->idempotency, err) : s;
}

static enum status open_identity(struct bridge *b, struct error *err)
{
	enum status s = read_last(b, "SELECT payload FROM routing", &b->last_routing, err);
	if (s == OK)
		s = read_last(b, "SELECT payload FROM user_totals", &b->last_definitions, err);
	if (s == OK)
		s = count_documents(b, err);
	if (s == OK)
		s = document_reader_open(b->state_path, &b->documents, err);
	if (s != OK)
		return s;
	struct identity_source source = { load_day, applied_number, b };
	s = identity_open(&source, b->config->serve.identity_entries_max, &b->identity, err);
	return s == OK ? remember_tail(b, err) : s;
}

static enum status flush_keys(void *context, struct error *err)
{
	return subjects_flush(((struct bridge *)context)->subjects, err);
}

static enum status forget_again(struct bridge *b, struct error *err)
{
	struct statement *read = NULL;
	struct subject_id subject;
	bool row = true;
	enum status s =
		store_prepare(b->store, "SELECT subject FROM subject_forgotten", &read, err);
	while (s == OK && (s = statement_step(read, &row, err)) == OK && row)
		if (subject_parse(statement_text(read, 0), &subject))
			s = subjects_forget(b->subjects, &subject, err);
	statement_close(read);
	for (size_t at = 0; s == OK && at < b->forgotten.len; at += sizeof(subject)) {
		memcpy(&subject, b->forgotten.ptr + at, sizeof(subject));
		s = subjects_forget(b->subjects, &subject, err);
	}
	return s;
}

/* New keys are only made for a journal that holds nothing of older ones. */
static enum status open_subjects(struct bridge *b, struct error *err)
{
	char folder[DATA_PATH_MAX];
	struct statement *read = NULL;
	bool sealed = false;
	enum status s =
		store_prepare(b->store, "SELECT 1 FROM subject_document LIMIT 1", &read, err);
	if (s == OK)
		s = statement_step(read, &sealed, err);
	statement_close(read);
	if (s != OK)
		return s;
	data_path(b->config->serve.data, DATA_KEYS, folder);
	struct subjects_config config = {
		.folder = folder,
		.master_key_file = b->config->serve.master_key_file,
		.create = b->config->serve.keys_lost || (!sealed && !b->sealed),
		.clock = b->clock,
	};
	s = subjects_open(&config, &b->subjects, err);
	return s == OK ? forget_again(b, err) : s;
}

static enum status open_intake(struct bridge *b, struct error *err)
{
	struct acceptor_config acceptor = {
		.journal = b->journal,
		.identity = b->identity,
		.idempotency = b->idempotency,
		.clock = b->clock,
		.queue_bytes_max = b->config->serve.queue_bytes_max,
		.queue_items_max = QUEUE_ITEMS_MAX,
		.accepted_before = b->accepted,
		.conflicts_before = b->conflicts,
		.flush_keys = flush_keys,
		.failed = part_failed,
		.advanced = journal_advanced,
		.context = b,
	};
	enum status s = acceptor_open(&acceptor, &b->acceptor, err);
	if (s != OK)
		return s;
	struct admission_config admission = {
		.acceptor = b->acceptor,
		.clock = b->clock,
		.store_known = store_known,
		.context = b,
		.rules = b->config->rules,
		.subjects = b->subjects,
		.idempotency = b->idempotency,
	};
	return admission_open(&admission, &b->admission, err);
}

/* Writes down which ERP has which store when that has changed since the last start. */
static enum status record_routing(struct bridge *b, struct error *err)
{
	struct buf routing;
	uint64_t number;
	enum status s = OK;
	buf_init(&routing, JOURNAL_EVENT_BYTES_MAX);
	config_routing(b->config, &routing);
	if (!slice_equal(buf_get(&routing), buf_get(&b->last_routing)))
		s = acceptor_record(b->acceptor, EVENT_ROUTING, buf_get(&routing), &number, err);
	buf_release(&routing);
	return s;
}

/* The same for the totals that the configuration defines. */
static enum status record_definitions(struct bridge *b, struct error *err)
{
	struct buf definitions;
	uint64_t number;
	enum status s = OK;
	bool ever = b->last_definitions.len > 0;
	buf_init(&definitions, JOURNAL_EVENT_BYTES_MAX);
	user_totals_encode(&b->config->totals, &definitions);
	if ((ever || b->config->totals.count > 0) &&
		!slice_equal(buf_get(&definitions), buf_get(&b->last_definitions)))
		s = acceptor_record(
			b->acceptor, EVENT_DEFINITIONS, buf_get(&definitions), &number, err);
	buf_release(&definitions);
	return s;
}

static enum status open_delivery(struct bridge *b, struct error *err)
{
	size_t count = b->config->erp_count;
	b->targets = calloc(count + 1, sizeof(*b->targets));
	if (b->targets == NULL)
		return error_set(err, E_FULL, "out of memory");
	for (size_t i = 0; i < count; i++) {
		const struct config_erp *erp = &b->config->erps[i];
		b->targets[i] = (struct erp_target){ .name = erp->name,
			.type = erp->type,
			.config = erp->options,
			.unknown_wait_ms = erp->unknown_wait_ms,
			.timeout_ms = erp->timeout_ms,
			.backoff_ms = erp->backoff_ms,
			.backoff_max_ms = erp->backoff_max_ms };
	}
	struct delivery_config config = {
		.state_path = b->state_path,
		.journal = b->journal,
		.acceptor = b->acceptor,
		.clock = b->clock,
		.targets = b->targets,
		.target_count = count,
		.seed = b->clock->monotonic_ns(b->clock),
		.applied = applied_number,
		.context = b,
	};
	return delivery_open(&config, &b->delivery, err);
}

static uint64_t between(uint64_t min, uint64_t value, uint64_t max)
{
	return value < min ? min : value > max ? max : value;
}

static uint64_t gap_after_ms(void *context, struct slice store)
{
	return config_gap_after_ms(((struct bridge *)context)->config, store);
}

static bool gap_across_dates(void *context, struct slice store)
{
	return config_gap_across_dates(((struct bridge *)context)->config, store);
}

static enum status open_gap_watch(struct bridge *b, struct error *err)
{
	struct gap_watch_config config = {
		.state_path = b->state_path,
		.acceptor = b->acceptor,
		.clock = b->clock,
		.interval_ms = between(100, b->config->serve.gap_after_ms / 4, GAP_WATCH_MS),
		.allowed_ms = gap_after_ms,
		.across_dates = gap_across_dates,
		.context = b,
	};
	return gap_watch_open(&config, &b->gaps, err);
}

static enum status open_doors(struct bridge *b, struct error *err)
{
	const struct door_config *doors[CONFIG_DOORS_MAX];
	struct door_set_config config = {
		.doors = doors,
		.count = b->config->door_count,
		.admission = b->admission,
		.clock = b->clock,
		.data = b->doors_path,
	};
	data_path(b->config->serve.data, DATA_DOORS, b->doors_path);
	for (size_t i = 0; i < config.count; i++)
		doors[i] = &b->config->doors[i].door;
	return door_set_open(&config, &b->doors, err);
}

static enum status open_server(struct bridge *b, struct error *err)
{
	const struct serve_options *o = &b->config->serve;
	char address[64];
	uint16_t port;
	enum status s = config_split_listen(o->listen, address, sizeof(address), &port, err);
	if (s != OK)
		return s;
	struct server_config config = {
		.address = address,
		.port = port,
		.loops = (unsigned)o->loops,
		.connections_max = (unsigned)o->connections_max,
		.body_bytes_max = o->body_bytes_max,
		.head_ms = o->head_timeout_ms,
		.body_ms = o->body_timeout_ms,
		.idle_ms = o->idle_timeout_ms,
		.write_ms = o->write_timeout_ms,
		.tls_cert = o->tls_cert,
		.tls_key = o->tls_key,
		.handle = api_handle,
		.context = b->api,
	};
	return server_open(&config, b->clock, &b->server, err);
}

static enum status open_api(struct bridge *b, struct error *err)
{
	b->sources.clock = b->clock;
	b->sources.journal = b->journal;
	b->sources.acceptor = b->acceptor;
	b->sources.admission = b->admission;
	b->sources.doors = b->doors;
	b->sources.apply = b->apply;
	b->sources.delivery = b->delivery;
	b->sources.subjects = b->subjects;
	b->sources.started_ms = b->clock->wall_ms(b->clock);
	enum status s = sampler_open(&b->sources, &b->sampler, err);
	struct api_config config = {
		.sources = &b->sources,
		.sampler = b->sampler,
		.state_path = b->state_path,
		.development = b->config->serve.dev,
		.rules = b->config->rules,
		.query_threads = (unsigned)b->config->serve.query_threads,
		.query_timeout_ms = b->config->serve.query_timeout_ms,
	};
	return s == OK ? api_open(&config, &b->api, err) : s;
}

enum status bridge_open(const struct config *config, const struct bridge_hooks *hooks,
	struct bridge **ret_bridge, struct error *err)
{
	struct bridge *b = calloc(1, sizeof(*b));
	if (b == NULL)
		return error_set(err, E_FULL, "out of memory");
	b->config = config;
	b->hooks = *hooks;
	b->clock = clock_system();
	buf_init(&b->last_routing, JOURNAL_EVENT_BYTES_MAX);
	buf_init(&b->last_definitions, JOURNAL_EVENT_BYTES_MAX);
	buf_init(&b->forgotten, FORGOTTEN_BYTES_MAX);
	static enum status (*const steps[])(struct bridge *, struct error *) = { open_journal,
		open_state, open_idempotency, open_identity, open_subjects, open_intake,
		record_routing, record_definitions, open_delivery, open_gap_watch, open_doors,
		open_api, open_server };
	enum status s = OK;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && s == OK; i++)
		s = steps[i](b, err);
	if (s == OK)
		s = apply_start(b->apply, err);
	/* Everything that was there before the stop is known now, and its keys are. */
	if (s == OK)
		s = door_set_start(b->doors, err);
	if (s != OK) {
		bridge_close(b);
		return s;
	}
	atomic_store(&b->sources.server, b->server);
	apply_wake(b->apply);
	api_set_ready(b->api, true);
	*ret_bridge = b;
	return OK;
}

void bridge_close(struct bridge *b)
{
	if (b == NULL)
		return;
	if (b->api != NULL) {
		api_set_ready(b->api, false);
		api_stop(b->api);
	}
	/* What they have handed over is answered first: they wait for it. */
	door_set_stop(b->doors);
	if (b->server != NULL)
		server_close(b->server, CLOSE_WAIT_MS);
	api_close(b->api);
	sampler_close(b->sampler);
	/* The workers and the watch write through the acceptor, and the apply thread wakes the
	 * workers. */
	delivery_stop(b->delivery);
	gap_watch_close(b->gaps);
	acceptor_close(b->acceptor);
	apply_close(b->apply);
	door_set_close(b->doors);
	delivery_close(b->delivery);
	admission_close(b->admission);
	subjects_close(b->subjects);
	idempotency_close(b->idempotency);
	kept_replies_reader_close(b->kept_replies);
	identity_close(b->identity);
	document_reader_close(b->documents);
	store_close(b->store);
	journal_close(b->journal);
	if (b->disk != NULL)
		b->disk->ops->close_disk(b->disk);
	free(b->targets);
	buf_release(&b->last_routing);
	buf_release(&b->last_definitions);
	buf_release(&b->forgotten);
	free(b);
}

uint16_t bridge_port(const struct bridge *b)
{
	return server_port(b->server);
}

enum status bridge_reload_tls(struct bridge *b, struct error *err)
{
	return server_reload_tls(b->server, err);
}

enum status bridge_reload_doors(struct bridge *b, struct error *err)
{
	return door_set_reload(b->doors, err);
}
