/* The options of a register, and opening and closing one. */
#include "edge/till_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { HELP_BYTES = 32 << 10, TOKEN_BYTES = 3500 };

#define AT(member) offsetof(struct till_options, member)

const struct option till_options[] = {
	{ .name = "folder",
		.type = OPTION_TEXT,
		.offset = AT(folder),
		.max = 4000,
		.required = true,
		.help = "Folder of the queue; made when it is missing. One register, one folder." },
	{ .name = "url",
		.type = OPTION_TEXT,
		.offset = AT(url),
		.max = 500,
		.required = true,
		.help = "Where tillbridge listens: https://tillbridge.example.com." },
	{ .name = "store",
		.type = OPTION_TEXT,
		.offset = AT(store),
		.min = 1,
		.max = ID_TEXT_MAX,
		.required = true,
		.help = "This register's store, as in the transactions." },
	{ .name = "register",
		.type = OPTION_TEXT,
		.offset = AT(reg),
		.min = 1,
		.max = ID_TEXT_MAX,
		.required = true,
		.help = "This register, as in the transactions." },
	{ .name = "token_file",
		.type = OPTION_TEXT,
		.offset = AT(token_file),
		.max = 4000,
		.help = "File with the bearer token; read before each request." },
	{ .name = "ca_file",
		.type = OPTION_TEXT,
		.offset = AT(ca_file),
		.max = 4000,
		.help = "PEM file of the authorities that may vouch for the server, instead of the "
			"system's." },
	{ .name = "client_cert",
		.type = OPTION_TEXT,
		.offset = AT(client_cert),
		.max = 4000,
		.help = "PEM file of this register's own certificate, with client_key." },
	{ .name = "client_key",
		.type = OPTION_TEXT,
		.offset = AT(client_key),
		.max = 4000,
		.help = "PEM file of the key of client_cert." },
	{ .name = "queue_count",
		.type = OPTION_U64,
		.offset = AT(queue_count),
		.fallback = "200000",
		.min = 1,
		.max = 10000000,
		.help = "Transactions that may wait for the centre." },
	{ .name = "queue_bytes",
		.type = OPTION_BYTES,
		.offset = AT(queue_bytes),
		.fallback = "1G",
		.min = 2 << 20,
		.max = UINT64_C(1) << 40,
		.help = "Bytes of the queue on the disk." },
	{ .name = "timeout",
		.type = OPTION_DURATION,
		.offset = AT(timeout_ms),
		.fallback = "20s",
		.min = 100,
		.max = 600000,
		.help = "For one request and its answer." },
	{ .name = "backoff",
		.type = OPTION_DURATION,
		.offset = AT(backoff_ms),
		.fallback = "1s",
		.min = 10,
		.max = 60000,
		.help = "Longest pause after a first failure; it doubles with each further one." },
	{ .name = "backoff_max",
		.type = OPTION_DURATION,
		.offset = AT(backoff_max_ms),
		.fallback = "2m",
		.min = 10,
		.max = 3600000,
		.help = "Longest pause of all." },
	{ .name = "poll",
		.type = OPTION_DURATION,
		.offset = AT(poll_ms),
		.fallback = "30s",
		.min = 100,
		.max = 86400000,
		.help = "How often the centre is asked for new prices, promotions and rules." },
	{ .name = "report",
		.type = OPTION_DURATION,
		.offset = AT(report_ms),
		.fallback = "1h",
		.min = 1000,
		.max = 86400000,
		.help = "How often the centre is told clock skew and unsent transactions when "
			"nothing has changed." },
	{ .name = NULL },
};

static __thread char error_text[ERROR_TEXT_MAX];

const char *till_error(void)
{
	return error_text;
}

int till_fail(int result, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(error_text, sizeof(error_text), format, args);
	va_end(args);
	return result;
}

int till_failed(const struct error *err)
{
	snprintf(error_text, sizeof(error_text), "%s", err->text);
	switch (err->status) {
	case OK:
		return TILL_OK;
	case E_FULL:
		return TILL_FULL;
	case E_CONFIG:
	case E_INPUT:
		return TILL_CONFIG;
	case E_RETRY:
		return TILL_NOTHING;
	default:
		return TILL_IO;
	}
}

const char *till_version(void)
{
	return TILL_VERSION;
}

void till_free(char *text)
{
	free(text);
}

struct till_config *till_config_new(void)
{
	struct till_config *config = calloc(1, sizeof(*config));
	if (config != NULL)
		options_default(till_options, &config->options);
	return config;
}

void till_config_free(struct till_config *config)
{
	if (config == NULL)
		return;
	options_release(till_options, &config->options);
	free(config);
}

int till_config_set(struct till_config *config, const char *name, const char *value)
{
	const struct option *option =
		name == NULL ? NULL : option_find(till_options, slice_of(name));
	struct error err;
	char names[400];
	if (option == NULL || value == NULL) {
		options_names(till_options, names, sizeof(names));
		return till_fail(TILL_CONFIG, "there is no option \"%s\"; there are: %s",
			name == NULL ? "" : name, names);
	}
	if (option_set(option, &config->options, slice_of(value), &err) == OK)
		return TILL_OK;
	return till_failed(&err);
}

char *till_config_help(void)
{
	struct buf buf;
	buf_init(&buf, HELP_BYTES);
	options_help(till_options, "", &buf);
	buf_char(&buf, '\0');
	if (!buf.failed)
		return buf.ptr;
	buf_release(&buf);
	return NULL;
}

void till_config_on_outcome(struct till_config *config,
	void (*outcome)(void *user, enum till_outcome outcome, const char *key, const char *detail),
	void *user)
{
	config->outcome = outcome;
	config->outcome_user = user;
}

void till_config_on_publication(struct till_config *config,
	void (*publication)(void *user, const char *kind, uint64_t version), void *user)
{
	config->publication = publication;
	config->publication_user = user;
}

void till_config_token(struct till_config *config,
	size_t (*token)(void *user, char *text, size_t size), void *user)
{
	config->token = token;
	config->token_user = user;
}

static enum status copy_config(
	const struct till_config *from, struct till_config *to, struct error *err)
{
	*to = *from;
	for (const struct option *o = till_options; o->name != NULL; o++) {
		if (o->type != OPTION_TEXT)
			continue;
		char **text = (char **)((char *)&to->options + o->offset);
		if (*text != NULL && (*text = strdup(*text)) == NULL)
			return error_set(err, E_FULL, "out of memory");
	}
	if ((to->options.client_cert == NULL) != (to->options.client_key == NULL))
		return error_set(err, E_CONFIG, "client_cert and client_key go together");
	if (to->options.backoff_max_ms < to->options.backoff_ms)
		return error_set(err, E_CONFIG, "backoff_max is shorter than backoff");
	return options_complete(till_options, &to->options, err);
}

static void write_token(void *context, struct buf *buf)
{
	struct till *till = context;
	char *at = buf_reserve(buf, TOKEN_BYTES);
	size_t len = 0;
	if (at == NULL)
		return;
	if (till->config.token != NULL) {
		len = till->config.token(till->config.token_user, at, TOKEN_BYTES);
	} else if (till->config.options.token_file != NULL) {
		FILE *file = fopen(till->config.options.token_file, "re");
		if (file != NULL) {
			len = fread(at, 1, TOKEN_BYTES, file);
			fclose(file);
		}
	}
	if (len > TOKEN_BYTES)
		len = 0;
	buf->len += slice_trim(slice_make(at, len)).len;
	while (len > 0 && buf->len > 0 &&
		(buf->ptr[buf->len - 1] == '\n' || buf->ptr[buf->len - 1] == '\r'))
		buf->len--;
}

static void tell_outcome(
	void *context, enum uplink_outcome outcome, const char *key, const char *detail)
{
	static const enum till_outcome outcomes[] = { [UPLINK_ACCEPTED] = TILL_ACCEPTED,
		[UPLINK_CONFLICT] = TILL_CONFLICT,
		[UPLINK_REFUSED] = TILL_HELD };
	struct till *till = context;
	till->config.outcome(till->config.outcome_user, outcomes[outcome], key, detail);
}

static enum status open_way_up(struct till *till, struct error *err)
{
	const struct till_options *o = &till->config.options;
	struct client_config client = { .url = o->url,
		.ca_file = o->ca_file,
		.client_cert = o->client_cert,
		.client_key = o->client_key,
		.timeout_ms = o->timeout_ms,
		.clock = till->clock,
		.token = till->config.token != NULL || o->token_file != NULL ? write_token : NULL,
		.context = till };
	enum status s = client_open(&client, &till->client, err);
	if (s != OK)
		return s;
	struct uplink_config uplink = { .client = till->client,
		.queue = till->queue,
		.held = till->held,
		.clock = till->clock,
		.backoff_ms = o->backoff_ms,
		.backoff_max_ms = o->backoff_max_ms,
		.seed = till->clock->monotonic_ns(till->clock) ^ slice_hash(slice_of(o->reg), 1),
		.outcome = till->config.outcome != NULL ? tell_outcome : NULL,
		.context = till };
	return uplink_open(&uplink, &till->uplink, err);
}

static enum status open_parts(
	struct till *till, const struct till_config *config, struct error *err)
{
	enum status s = copy_config(config, &till->config, err);
	if (s == OK)
		s = disk_open_folder(till->config.options.folder, &till->disk, err);
	if (s == OK)
		s = writer_open(till->disk, till->writer, err);
	if (s == OK) {
		struct queue_config queue = { .disk = till->disk,
			.clock = till->clock,
			.bytes_max = till->config.options.queue_bytes,
			.count_max = till->config.options.queue_count,
			.segment_bytes = QUEUE_SEGMENT_BYTES };
		s = queue_open(&queue, &till->queue, err);
	}
	if (s == OK)
		s = held_open(till->disk, till->clock, &till->held, err);
	if (s == OK)
		s = downlink_open(till->disk, till->clock, &till->downlink, err);
	if (s == OK)
		s = rulebook_open(till->disk, &till->rules, err);
	if (s == OK)
		s = open_way_up(till, err);
	if (s == OK) {
		struct queue_counters counters;
		queue_counters(till->queue, &counters);
		till->sequence = counters.last_sequence;
		s = sender_start(till, err);
	}
	return s;
}

int till_open(const struct till_config *config, struct till **ret_till)
{
	struct till *till = calloc(1, sizeof(*till));
	pthread_condattr_t monotonic;
	struct error err;
	if (till == NULL)
		return till_fail(TILL_IO, "out of memory");
	till->clock = clock_system();
	pthread_mutex_init(&till->commit_lock, NULL);
	pthread_mutex_init(&till->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&till->work, &monotonic);
	pthread_cond_init(&till->done, &monotonic);
	pthread_condattr_destroy(&monotonic);
	if (open_parts(till, config, &err) != OK) {
		till_close(till);
		return till_failed(&err);
	}
	*ret_till = till;
	return TILL_OK;
}

void till_close(struct till *till)
{
	if (till == NULL)
		return;
	if (till->started)
		sender_stop(till);
	uplink_close(till->uplink);
	client_close(till->client);
	rulebook_close(till->rules);
	downlink_close(till->downlink);
	held_close(till->held);
	queue_close(till->queue);
	if (till->disk != NULL)
		till->disk->ops->close_disk(till->disk);
	pthread_cond_destroy(&till->work);
	pthread_cond_destroy(&till->done);
	pthread_mutex_destroy(&till->lock);
	pthread_mutex_destroy(&till->commit_lock);
	options_release(till_options, &till->config.options);
	free(till);
}
