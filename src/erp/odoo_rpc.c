/* Calls to Odoo: execute_kw by JSON-RPC, or /json/2/MODEL/METHOD. Each call is one transaction of
 * Odoo's, which is rolled back when it ends with an error of Odoo's own. */
#include "base/clock.h"
#include "erp/odoo_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

enum {
	CONFLICTS_MAX = 6, /* attempts of one call that meets another writer */
	CONFLICT_PAUSE_MS = 40,
	UNSURE_MS_MAX = 60000,
	WORDS_MAX = 240,
};

static bool speaks_json2(const struct odoo *o)
{
	return o->config->version >= ODOO_19;
}

static bool stopped(const struct odoo *o)
{
	return o->environment.stop != NULL && atomic_load(o->environment.stop);
}

static bool pause_ms(const struct odoo *o, uint64_t ms)
{
	enum { SLICE_MS = 50 };
	while (ms > 0 && !stopped(o)) {
		uint64_t part = ms < SLICE_MS ? ms : SLICE_MS;
		nanosleep(&(struct timespec){ .tv_nsec = (long)part * 1000000 }, NULL);
		ms -= part;
	}
	return !stopped(o);
}

/* --- writing a call --- */

static void write_head(struct odoo *o, const char *service, const char *method)
{
	buf_reset(&o->request);
	wire_write(&o->request,
		"{'jsonrpc':'2.0','method':'call','id':%i,'params':{'service':%s,'method':%s,"
		"'args':[",
		++o->call_number, service, method);
}

static void write_ids(struct buf *buf, const int64_t *ids, size_t count)
{
	buf_char(buf, '[');
	for (size_t i = 0; i < count; i++)
		wire_write(buf, i == 0 ? "%i" : ",%i", ids[i]);
	buf_char(buf, ']');
}

void odoo_begin(
	struct odoo *o, const char *model, const char *method, const int64_t *ids, size_t count)
{
	struct buf *buf = &o->request;
	o->model = model;
	o->method = method;
	o->first_parameter = true;
	if (speaks_json2(o)) {
		buf_reset(buf);
		buf_char(buf, '{');
		if (count > 0)
			write_ids(odoo_parameter(o, "ids"), ids, count);
		return;
	}
	write_head(o, "object", "execute_kw");
	wire_write(
		buf, "%s,%i,%s,%s,%s,[", o->config->database, o->user_id, o->secret, model, method);
	if (count > 0)
		write_ids(buf, ids, count);
	wire_write(buf, "],{");
}

struct buf *odoo_parameter(struct odoo *o, const char *name)
{
	wire_write(&o->request, o->first_parameter ? "%s:" : ",%s:", name);
	o->first_parameter = false;
	return &o->request;
}

/* --- one exchange --- */

/* What came back: a result, or a problem in Odoo's words. */
struct reply {
	struct json_t *whole;
	const struct json_t *problem;
	struct json_t *result;
};

static enum status no_reply(
	const struct odoo *o, const struct rpc_answer *answer, bool reads, struct error *err)
{
	char excerpt[RPC_EXCERPT_MAX];
	rpc_excerpt(answer, excerpt);
	return error_set(err, reads ? E_RETRY : E_UNKNOWN,
		"Odoo at %s: the answer is none of Odoo's: %s", o->config->url, excerpt);
}

/* {"jsonrpc", "id", "result"} or {"jsonrpc", "id", "error": {"code", "message", "data"}} */
static enum status read_rpc(const struct odoo *o, const struct rpc_answer *answer, bool reads,
	struct reply *reply, struct error *err)
{
	if (answer->http_status != 200) {
		char excerpt[RPC_EXCERPT_MAX];
		rpc_excerpt(answer, excerpt);
		return error_set(err, E_CONFIG, "Odoo at %s answered %u, expected 200: %s",
			o->config->url, answer->http_status, excerpt);
	}
	reply->whole = wire_parse(answer->body);
	reply->problem = wire_get(wire_get(reply->whole, "error"), "data");
	reply->result = wire_take(reply->whole, "result");
	if (wire_id(wire_get(reply->whole, "id")) != o->call_number ||
		(reply->result == NULL && !wire_is_text(wire_get(reply->problem, "name"))))
		return no_reply(o, answer, reads, err);
	return OK;
}

/* The result itself with 200, else {"name", "message", "arguments", "context", "debug"}. */
static enum status read_json2(const struct odoo *o, const struct rpc_answer *answer, bool reads,
	struct reply *reply, struct error *err)
{
	struct json_t *whole = wire_parse(answer->body);
	reply->whole = whole;
	if (answer->http_status == 200) {
		/* A reference of its own, so that both ways end alike. */
		reply->result = wire_keep(whole);
		return whole == NULL ? no_reply(o, answer, reads, err) : OK;
	}
	reply->problem = whole;
	if (wire_is_text(wire_get(whole, "name")) && wire_is_text(wire_get(whole, "message")) &&
		wire_get(whole, "debug") != NULL)
		return OK;
	if (answer->http_status >= 500)
		return no_reply(o, answer, reads, err);
	char excerpt[RPC_EXCERPT_MAX];
	rpc_excerpt(answer, excerpt);
	return error_set(err, E_CONFIG, "Odoo at %s has no database \"%s\" with JSON-2: %u: %s",
		o->config->url, o->config->database, answer->http_status, excerpt);
}

static void release_reply(struct reply *reply)
{
	wire_release(reply->result);
	wire_release(reply->whole);
	*reply = (struct reply){ 0 };
}

/* A 500 of JSON-2 is an answer too, when Odoo wrote it. */
static bool answered(const struct odoo *o, const struct rpc_answer *answer)
{
	return speaks_json2(o) && answer->http_status >= 500 && answer->http_status != 503 &&
	       answer->body.len > 0;
}

static void note_unsure(struct odoo *o)
{
	uint64_t ms = o->environment.timeout_ms;
	ms = ms < UNSURE_MS_MAX ? ms : UNSURE_MS_MAX;
	o->unsure_until_ns = clock_system()->monotonic_ns(clock_system()) + ms * 1000000;
}

static enum status exchange(struct odoo *o, bool reads, struct reply *reply, struct error *err)
{
	char url[ODOO_URL_MAX], authorization[ODOO_SECRET_MAX + 32], database[96];
	const char *headers[] = { authorization, database, "User-Agent: tillbridge", NULL };
	struct rpc_answer answer;
	if (speaks_json2(o))
		snprintf(url, sizeof(url), "%s/json/2/%s/%s", o->config->url, o->model, o->method);
	else
		snprintf(url, sizeof(url), "%s/jsonrpc", o->config->url);
	snprintf(authorization, sizeof(authorization), "Authorization: bearer %s", o->secret);
	snprintf(database, sizeof(database), "X-Odoo-Database: %s", o->config->database);
	struct rpc_request request = { .method = "POST",
		.url = url,
		.headers = speaks_json2(o) ? headers : headers + 2,
		.body = buf_get(&o->request),
		.timeout_ms = o->environment.timeout_ms,
		.reads = reads };
	enum status s = rpc_call(o->rpc, &request, &answer, err);
	o->retry_after_ms = answer.retry_after_ms;
	if (s != OK && answered(o, &answer))
		s = OK;
	if (s == E_UNKNOWN || (s == E_STOPPED && answer.sent && !reads))
		note_unsure(o);
	if (s != OK)
		return error_wrap(err, "Odoo");
	s = speaks_json2(o) ? read_json2(o, &answer, reads, reply, err)
			    : read_rpc(o, &answer, reads, reply, err);
	if (s == E_UNKNOWN)
		note_unsure(o);
	return s;
}

/* --- what an error means --- */

static bool contains(struct slice text, const char *part)
{
	return text.len > 0 && memmem(text.ptr, text.len, part, strlen(part)) != NULL;
}

static bool contains_any(struct slice text, const char *const *parts)
{
	for (size_t i = 0; parts[i] != NULL; i++)
		if (contains(text, parts[i]))
			return true;
	return false;
}

/* Odoo itself has tried five times by then, and rolled back: the same call may succeed later. */
static bool is_conflict(struct slice name, struct slice words)
{
	static const char *const names[] = { "SerializationFailure", "DeadlockDetected",
		"LockNotAvailable", "TransactionRollback", "ConcurrencyError", "LockError", NULL };
	static const char *const parts[] = { "could not serialize access", "deadlock detected",
		"could not obtain lock", NULL };
	return contains_any(name, names) || contains_any(words, parts);
}

/* Who we are, and what we may do, is the same for every record. */
static bool is_our_standing(struct slice name)
{
	static const char *const names[] = { "AccessDenied", "AccessError", "SessionExpired",
		"werkzeug.exceptions.Unauthorized", "werkzeug.exceptions.Forbidden",
		"werkzeug.exceptions.NotFound", NULL };
	return contains_any(name, names);
}

/* The database is not there, has no connection to spare, or went away in the middle of it. */
static enum status database_problem(
	struct odoo *o, struct slice name, const char *words, bool reads, struct error *err)
{
	if (contains(slice_of(words), "does not exist"))
		return error_set(err, E_CONFIG, "Odoo: %s", words);
	if (reads || contains(name, "PoolError"))
		return error_set(err, E_RETRY, "Odoo's database: %s", words);
	note_unsure(o);
	return error_set(err, E_UNKNOWN, "Odoo's database: %s", words);
}

static enum status settle_problem(struct odoo *o, const struct json_t *problem, bool reads,
	unsigned *conflicts, struct error *err)
{
	static const char *const database[] = { "OperationalError", "InterfaceError", "PoolError",
		"AdminShutdown", "ConnectionFailure", NULL };
	struct slice name = wire_text(wire_get(problem, "name"));
	char words[WORDS_MAX];
	rpc_text(wire_text(wire_get(problem, "message")), words, sizeof(words));
	if (is_conflict(name, slice_of(words))) {
		if (++*conflicts >= CONFLICTS_MAX)
			return error_set(
				err, E_RETRY, "Odoo is busy with other writers: %s", words);
		uint64_t pause = (uint64_t)CONFLICT_PAUSE_MS << *conflicts;
		if (!pause_ms(o, pause / 2 + random_below(&o->random, pause)))
			return error_set(err, E_STOPPED,
				"Odoo: stopped while another writer had to be waited for");
		return OK;
	}
	if (is_our_standing(name)) {
		o->user_id = 0;
		return error_set(err, E_CONFIG, "Odoo, user \"%s\": %s",
			speaks_json2(o) ? "of the API key" : o->config->user, words);
	}
	if (contains_any(name, database))
		return database_problem(o, name, words, reads, err);
	return error_set(err, E_REFUSED, "Odoo: %s", words[0] != '\0' ? words : "no reason given");
}

static enum status call(struct odoo *o, bool reads, struct json_t **ret_result, struct error *err)
{
	unsigned conflicts = 0;
	if (o->request.failed)
		return error_set(err, E_REFUSED, "a call to Odoo would be longer than %zu bytes",
			o->request.limit);
	for (;;) {
		struct reply reply = { 0 };
		enum status s = exchange(o, reads, &reply, err);
		if (s == OK && reply.problem == NULL) {
			*ret_result = reply.result;
			reply.result = NULL;
			release_reply(&reply);
			return OK;
		}
		if (s == OK)
			s = settle_problem(o, reply.problem, reads, &conflicts, err);
		release_reply(&reply);
		if (s != OK)
			return s;
	}
}

enum status odoo_send(struct odoo *o, bool reads, struct json_t **ret_result, struct error *err)
{
	buf_text(&o->request, speaks_json2(o) ? "}" : "}]}}");
	return call(o, reads, ret_result, err);
}

enum status odoo_send_search(struct odoo *o, struct json_t **ret_rows, struct error *err)
{
	enum status s = odoo_send(o, true, ret_rows, err);
	if (s != OK)
		return s;
	bool rows = wire_is_list(*ret_rows);
	for (size_t i = 0; rows && i < wire_count(*ret_rows); i++)
		rows = wire_id(wire_get(wire_at(*ret_rows, i), "id")) > 0;
	if (rows)
		return OK;
	return error_set(err, E_RETRY, "Odoo: the answer to %s.%s is no list of records", o->model,
		o->method);
}

int64_t odoo_reference(const struct json_t *value)
{
	return wire_id(wire_at(value, 0));
}

/* --- logging in --- */

static enum status read_secret(struct odoo *o, struct error *err)
{
	const char *path = o->config->secret_file;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, E_CONFIG, "secret file %s", path);
	ssize_t n = read(fd, o->secret, sizeof(o->secret) - 1);
	close(fd);
	if (n < 0)
		return error_errno(err, E_CONFIG, "secret file %s", path);
	o->secret[n] = '\0';
	o->secret[strcspn(o->secret, "\r\n")] = '\0';
	if (o->secret[0] == '\0')
		return error_set(err, E_CONFIG, "secret file %s is empty", path);
	return OK;
}

enum status odoo_log_in(struct odoo *o, struct error *err)
{
	struct json_t *result WIRE_OWNED = NULL;
	if (speaks_json2(o) ? o->secret[0] != '\0' && o->master.loaded : o->user_id != 0)
		return OK;
	enum status s = read_secret(o, err);
	if (s != OK || speaks_json2(o))
		return s;
	write_head(o, "common", "authenticate");
	wire_write(&o->request, "%s,%s,%s,{}]}}", o->config->database, o->config->user, o->secret);
	s = call(o, true, &result, err);
	if (s == E_REFUSED)
		return error_set(err, E_CONFIG, "Odoo at %s does not let user \"%s\" in",
			o->config->url, o->config->user);
	if (s != OK)
		return s;
	/* Odoo answers false to a wrong password; nothing else is no number. */
	o->user_id = wire_id(result);
	if (o->user_id > 0)
		return OK;
	o->user_id = 0;
	if (wire_is_false(result))
		return error_set(err, E_CONFIG,
			"Odoo at %s refused the login of user \"%s\" in database \"%s\"",
			o->config->url, o->config->user, o->config->database);
	return error_set(
		err, E_RETRY, "Odoo at %s: the answer to a login is no user", o->config->url);
}
