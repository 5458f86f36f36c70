#include "base/clock.h"
#include "erp/tryton_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <unistd.h>

enum {
	PASSWORD_BYTES_MAX = 256,
	URL_BYTES_MAX = 512,
	CONFLICTS_MAX = 6, /* attempts of one call that meets another writer */
	CONFLICT_PAUSE_MS = 40,
	WARNINGS_MAX = 4,
	UNSURE_MS_MAX = 60000,
};

/* Tryton's warnings that say nothing new to us, by the end of their name: goods that move without
 * an origin, and goods that moved on a date that is not there yet where the server stands. */
static const char *const expected_warnings[] = { ".done", ".future", NULL };

void tryton_ids(struct buf *buf, const int64_t *ids, size_t count)
{
	buf_char(buf, '[');
	for (size_t i = 0; i < count; i++)
		wire_write(buf, i == 0 ? "%i" : ",%i", ids[i]);
	buf_char(buf, ']');
}

void tryton_begin(struct tryton *t, const char *method)
{
	buf_reset(&t->request);
	wire_write(
		&t->request, "{'id':%i,'method':%s,'params':[", (int64_t)++t->call_number, method);
}

static bool stopped(const struct tryton *t)
{
	return t->environment.stop != NULL && atomic_load(t->environment.stop);
}

static bool sleep_ms(const struct tryton *t, uint64_t ms)
{
	enum { SLICE_MS = 50 };
	while (ms > 0 && !stopped(t)) {
		uint64_t part = ms < SLICE_MS ? ms : SLICE_MS;
		nanosleep(&(struct timespec){ .tv_nsec = (long)part * 1000000 }, NULL);
		ms -= part;
	}
	return !stopped(t);
}

static enum status http_problem(
	const struct tryton *t, const struct rpc_answer *answer, struct error *err)
{
	char excerpt[RPC_EXCERPT_MAX];
	const struct tryton_config *c = t->config;
	rpc_excerpt(answer, excerpt);
	switch (answer->http_status) {
	case 401:
		return error_set(err, E_CONFIG, "Tryton at %s refused the login of user \"%s\"",
			c->url, c->user);
	case 403:
		return error_set(
			err, E_CONFIG, "user \"%s\" may not make this call: %s", c->user, excerpt);
	case 404:
		return error_set(
			err, E_CONFIG, "Tryton at %s has no database \"%s\"", c->url, c->database);
	default:
		return error_set(err, E_CONFIG, "Tryton at %s answered %u, expected 200: %s",
			c->url, answer->http_status, excerpt);
	}
}

/* One HTTP exchange of what stands in `body`; *ret_answer is Tryton's object. */
static enum status exchange(struct tryton *t, struct slice body, bool reads,
	unsigned *ret_http_status, struct json_t **ret_answer, struct error *err)
{
	char url[URL_BYTES_MAX], authorization[TRYTON_AUTHORIZATION_MAX + 32];
	const char *headers[2] = { NULL, NULL };
	struct rpc_answer answer;
	snprintf(url, sizeof(url), "%s/%s/", t->config->url, t->config->database);
	snprintf(authorization, sizeof(authorization), "Authorization: Session %s",
		t->authorization);
	if (t->authorization[0] != '\0')
		headers[0] = authorization;
	struct rpc_request request = { .method = "POST",
		.url = url,
		.headers = headers,
		.body = body,
		.timeout_ms = t->environment.timeout_ms,
		.reads = reads };
	enum status s = rpc_call(t->rpc, &request, &answer, err);
	*ret_http_status = answer.http_status;
	t->retry_after_ms = answer.retry_after_ms;
	if (s == E_UNKNOWN || (s == E_STOPPED && answer.sent && !reads)) {
		uint64_t ms = t->environment.timeout_ms;
		ms = ms < UNSURE_MS_MAX ? ms : UNSURE_MS_MAX;
		t->unsure_until_ns = clock_system()->monotonic_ns(clock_system()) + ms * 1000000;
	}
	if (s != OK)
		return error_wrap(err, "Tryton");
	if (answer.http_status != 200)
		return http_problem(t, &answer, err);
	*ret_answer = wire_parse(answer.body);
	if (*ret_answer == NULL)
		return error_set(err, E_CONFIG, "the answer of %s is not Tryton's JSON", url);
	return OK;
}

static enum status read_password(
	const struct tryton *t, char text[static PASSWORD_BYTES_MAX], struct error *err)
{
	const char *path = t->config->password_file;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, E_CONFIG, "password file %s", path);
	ssize_t n = read(fd, text, PASSWORD_BYTES_MAX - 1);
	close(fd);
	if (n < 0)
		return error_errno(err, E_CONFIG, "password file %s", path);
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
		n--;
	text[n] = '\0';
	if (n == 0)
		return error_set(err, E_CONFIG, "password file %s is empty", path);
	return OK;
}

/* "user:id:key" in base64, as the Authorization header wants it. */
static enum status keep_session(struct tryton *t, const struct json_t *result, struct error *err)
{
	char plain[TRYTON_AUTHORIZATION_MAX / 4 * 3];
	struct slice key = wire_text(wire_at(result, 1));
	t->user_id = wire_id(wire_at(result, 0));
	int len = snprintf(plain, sizeof(plain), "%s:%lld:%.*s", t->config->user,
		(long long)t->user_id, SLICE_ARG(key));
	if (t->user_id == 0 || key.len == 0 || len >= (int)sizeof(plain) - 3)
		return error_set(err, E_CONFIG,
			"Tryton answered the login of \"%s\" without a session", t->config->user);
	EVP_EncodeBlock((unsigned char *)t->authorization, (const unsigned char *)plain, len);
	return OK;
}

static enum status log_in(struct tryton *t, struct error *err)
{
	char password[PASSWORD_BYTES_MAX];
	struct buf body;
	unsigned http_status = 0;
	struct json_t *answer WIRE_OWNED = NULL;
	t->authorization[0] = '\0';
	enum status s = read_password(t, password, err);
	if (s != OK)
		return s;
	buf_init(&body, 4096);
	wire_write(&body, "{'id':%i,'method':'common.db.login','params':[%s,{'password':%s},'en']}",
		(int64_t)++t->call_number, t->config->user, password);
	OPENSSL_cleanse(password, sizeof(password));
	s = body.failed ? error_set(err, E_CONFIG, "the user's name or password is too long")
			: exchange(t, buf_get(&body), true, &http_status, &answer, err);
	if (body.ptr != NULL)
		OPENSSL_cleanse(body.ptr, body.len);
	buf_release(&body);
	if (s == E_RETRY && http_status == 429)
		return error_set(err, E_RETRY,
			"Tryton has locked user \"%s\" for a while after failed logins",
			t->config->user);
	if (s != OK)
		return s;
	return keep_session(t, wire_get(answer, "result"), err);
}

/* Logs in when there is no session, and once more when the one there is has ended. */
static enum status with_session(struct tryton *t, struct slice body, bool reads,
	struct json_t **ret_answer, struct error *err)
{
	unsigned http_status = 0;
	bool new_session = t->authorization[0] == '\0';
	enum status s = new_session ? log_in(t, err) : OK;
	if (s == OK)
		s = exchange(t, body, reads, &http_status, ret_answer, err);
	if (s != E_CONFIG || http_status != 401 || new_session)
		return s;
	s = log_in(t, err);
	return s == OK ? exchange(t, body, reads, &http_status, ret_answer, err) : s;
}

static bool contains(struct slice text, const char *part)
{
	return text.len > 0 && memmem(text.ptr, text.len, part, strlen(part)) != NULL;
}

/* Another writer was quicker, or holds a lock: the same call may succeed in a moment. */
static bool is_conflict(struct slice kind)
{
	static const char *const words[] = { "ConcurrencyException", "could not obtain lock",
		"could not serialize", "deadlock detected", "database is locked",
		"database table is locked", NULL };
	for (size_t i = 0; words[i] != NULL; i++)
		if (contains(kind, words[i]))
			return true;
	return false;
}

static bool is_expected_warning(struct slice name)
{
	for (size_t i = 0; expected_warnings[i] != NULL; i++) {
		size_t len = strlen(expected_warnings[i]);
		if (name.len > len &&
			memcmp(name.ptr + name.len - len, expected_warnings[i], len) == 0)
			return true;
	}
	return false;
}

static enum status acknowledge(struct tryton *t, struct slice name, struct error *err)
{
	struct buf body;
	struct json_t *answer WIRE_OWNED = NULL;
	buf_init(&body, 4096);
	wire_write(&body,
		"{'id':%i,'method':'model.res.user.warning.create','params':"
		"[[{'user':%i,'name':%t,'always':false}],{'company':%i}]}",
		(int64_t)++t->call_number, t->user_id, &name, t->master.company);
	enum status s = body.failed ? error_set(err, E_REFUSED, "a warning's name is too long")
				    : with_session(t, buf_get(&body), false, &answer, err);
	buf_release(&body);
	if (s == OK && wire_get(answer, "error") != NULL)
		return error_set(err, E_REFUSED, "Tryton does not let warning \"%.*s\" pass",
			SLICE_ARG(name));
	return s;
}

/* Tryton's words: the first text of what stands beside the kind. Rights that are missing concern
 * every record alike, so they are no fault of this one. */
static enum status refusal(const struct tryton *t, const struct json_t *problem, struct error *err)
{
	struct slice kind = wire_text(wire_at(problem, 0));
	const struct json_t *detail = wire_at(problem, 1);
	struct slice words =
		wire_is_text(detail) ? wire_text(detail) : wire_text(wire_at(detail, 0));
	if (slice_is(kind, "UserWarning"))
		words = wire_text(wire_at(detail, 1));
	if (slice_is(kind, "LoginException"))
		return error_set(err, E_CONFIG,
			"Tryton wants more than a password from user \"%s\"", t->config->user);
	if (slice_starts(words, "You are not allowed to access"))
		return error_set(
			err, E_CONFIG, "user \"%s\": %.*s", t->config->user, SLICE_ARG(words));
	/* The server's own failures have their text in the place of the kind. */
	if (words.len == 0)
		words = kind;
	int len = words.len > 240 ? 240 : (int)words.len;
	return error_set(err, E_REFUSED, "Tryton: %.*s", len, words.ptr == NULL ? "" : words.ptr);
}

/* What to do about an error in an answer: OK means call again. */
static enum status settle_problem(struct tryton *t, const struct json_t *problem,
	unsigned *conflicts, unsigned *warnings, struct error *err)
{
	struct slice kind = wire_text(wire_at(problem, 0));
	struct slice name = wire_text(wire_at(wire_at(problem, 1), 0));
	if (is_conflict(kind)) {
		if (++*conflicts >= CONFLICTS_MAX)
			return error_set(err, E_RETRY, "Tryton is busy with other writers: %.*s",
				SLICE_ARG(kind));
		uint64_t pause = (uint64_t)CONFLICT_PAUSE_MS << *conflicts;
		if (!sleep_ms(t, pause / 2 + random_below(&t->random, pause)))
			return error_set(err, E_STOPPED,
				"Tryton: stopped while another writer had "
				"to be waited for");
		return OK;
	}
	if (slice_is(kind, "UserWarning") && is_expected_warning(name) &&
		++*warnings <= WARNINGS_MAX)
		return acknowledge(t, name, err);
	return refusal(t, problem, err);
}

/* {"id", "result"} or {"id", "error"}: anything else, such as a proxy's own words, says nothing
 * about what Tryton holds. */
static enum status check_answer(const struct tryton *t, const struct json_t *answer, int64_t number,
	bool reads, struct error *err)
{
	bool said = wire_get(answer, "result") != NULL || !wire_is_null(wire_get(answer, "error"));
	if (said && wire_id(wire_get(answer, "id")) == number)
		return OK;
	return error_set(err, reads ? E_RETRY : E_UNKNOWN,
		"Tryton at %s: the answer is none to call %lld", t->config->url, (long long)number);
}

enum status tryton_send(struct tryton *t, bool reads, struct json_t **ret_result, struct error *err)
{
	unsigned conflicts = 0, warnings = 0;
	int64_t number = (int64_t)t->call_number; /* a login in between has one of its own */
	if (t->master.company == 0)               /* which one is what the first call asks */
		wire_write(&t->request, ",{}]}");
	else
		wire_write(&t->request, ",{'company':%i}]}", t->master.company);
	if (t->request.failed)
		return error_set(err, E_REFUSED, "a call to Tryton would be longer than %zu bytes",
			t->request.limit);
	for (;;) {
		struct json_t *answer WIRE_OWNED = NULL;
		enum status s = with_session(t, buf_get(&t->request), reads, &answer, err);
		if (s == OK)
			s = check_answer(t, answer, number, reads, err);
		if (s != OK)
			return s;
		const struct json_t *problem = wire_get(answer, "error");
		if (problem == NULL) {
			*ret_result = wire_take(answer, "result");
			return OK;
		}
		s = settle_problem(t, problem, &conflicts, &warnings, err);
		if (s != OK)
			return s;
	}
}

enum status tryton_button(
	struct tryton *t, const char *method, const int64_t *ids, size_t count, struct error *err)
{
	struct json_t *nothing WIRE_OWNED = NULL;
	if (count == 0)
		return OK;
	tryton_begin(t, method);
	tryton_ids(&t->request, ids, count);
	return tryton_send(t, false, &nothing, err);
}
