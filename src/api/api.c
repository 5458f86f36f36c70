#include "api/resource.h"

#include "base/check.h"

#include <pthread.h>
#include <stdlib.h>

enum { QUERY_QUEUE_MAX = 256, QUERY_THREADS_MAX = 16, QUERY_ARENA_BYTES = 64 << 20 };

/* A request that waits for a query thread. */
struct waiting {
	struct http_request *http;
	const struct route *route;
};

struct api {
	struct api_config config;
	atomic_bool ready;
	pthread_mutex_t lock;
	pthread_cond_t filled;
	struct waiting queue[QUERY_QUEUE_MAX]; /* lock: a ring */
	unsigned first, count;                 /* lock */
	atomic_bool stopping;                  /* set under the lock */
	pthread_t threads[QUERY_THREADS_MAX];
	unsigned thread_count;
};

const struct sources *api_sources(const struct api *api)
{
	return api->config.sources;
}

struct sampler *api_sampler(const struct api *api)
{
	return api->config.sampler;
}

bool api_development(const struct api *api)
{
	return api->config.development;
}

const struct rule_set *api_rules(const struct api *api)
{
	return api->config.rules;
}

bool api_ready(const struct api *api)
{
	return atomic_load(&((struct api *)api)->ready);
}

void api_set_ready(struct api *api, bool ready)
{
	atomic_store(&api->ready, ready);
}

/* Matches one path against one template; {names} are decoded into `parameters`. */
static bool path_matches(struct slice path, const char *template,
	char parameters[PARAMETERS_MAX][PARAMETER_BYTES_MAX])
{
	struct slice pattern = slice_of(template);
	unsigned count = 0;
	while (pattern.ptr != NULL || path.ptr != NULL) {
		struct slice rest_pattern, rest_path;
		struct slice name = slice_cut(pattern, '/', &rest_pattern);
		struct slice part = slice_cut(path, '/', &rest_path);
		if ((rest_pattern.ptr == NULL) != (rest_path.ptr == NULL))
			return false;
		if (name.len > 0 && name.ptr[0] == '{') {
			size_t len;
			check(count < PARAMETERS_MAX);
			if (part.len == 0 || part.len >= PARAMETER_BYTES_MAX ||
				!http_percent_decode(part, parameters[count], &len))
				return false;
			parameters[count++][len] = '\0';
		} else if (!slice_equal(name, part)) {
			return false;
		}
		pattern = rest_pattern;
		path = rest_path;
	}
	return true;
}

/* Why a query may not go on. */
struct patience {
	struct api *api;
	uint64_t until_ns;
	bool ended; /* its time is over */
};

static bool must_stop(void *context)
{
	struct patience *patience = context;
	struct clock *clock = patience->api->config.sources->clock;
	if (atomic_load(&patience->api->stopping))
		return true;
	patience->ended = clock->monotonic_ns(clock) >= patience->until_ns;
	return patience->ended;
}

static void respond_stopped(struct query *q, const struct patience *patience)
{
	struct api *api = patience->api;
	if (!patience->ended) {
		problem_respond(q->http, PROBLEM_STOPPING, "the server is stopping");
		return;
	}
	atomic_fetch_add(&api->config.sources->queries.stopped_total, 1);
	problem_respond(q->http, PROBLEM_SLOW,
		"the query was stopped after %llu ms (query_timeout); a filter by store, or a "
		"smaller limit, makes it shorter",
		(unsigned long long)api->config.query_timeout_ms);
}

static void respond_query(struct query *q, enum status s)
{
	if (s == OK && q->buf->failed)
		s = error_set(&q->err, E_FULL, "the answer is larger than 64 MiB; ask for less");
	if (s == OK) {
		struct http_response response = { .status = 200,
			.content_type =
				q->content_type == NULL ? "application/json" : q->content_type,
			.body = buf_get(q->buf) };
		http_respond(q->http, &response);
		return;
	}
	enum problem problem = s == E_INPUT                  ? PROBLEM_MALFORMED
			       : s == E_REFUSED              ? PROBLEM_NOT_FOUND
			       : s == E_RETRY || s == E_FULL ? PROBLEM_BUSY
							     : PROBLEM_INTERNAL;
	problem_respond(q->http, problem, "%s", q->err.text);
}

static bool read_paging(struct query *q)
{
	struct slice query = http_request_head(q->http)->query;
	char text[32];
	bool present;
	q->limit = LIMIT_DEFAULT;
	if (!http_query(query, "limit", text, sizeof(text), &present) ||
		(present && (!slice_to_u64(slice_of(text), &q->limit) || q->limit < 1 ||
				    q->limit > LIMIT_MAX))) {
		error_set(&q->err, E_INPUT, "limit is not a whole number from 1 to %d", LIMIT_MAX);
		return false;
	}
	if (!http_query(query, "after", q->after, sizeof(q->after), &present)) {
		error_set(&q->err, E_INPUT, "after is not a cursor that this API gave out");
		return false;
	}
	if (!present)
		q->after[0] = '\0';
	return true;
}

static void answer_query(struct api *api, const struct waiting *waiting, struct store *store,
	struct arena *arena, struct buf *buf)
{
	struct query q = {
		.http = waiting->http, .api = api, .store = store, .arena = arena, .buf = buf
	};
	struct clock *clock = api->config.sources->clock;
	struct patience patience = { .api = api,
		.until_ns = clock->monotonic_ns(clock) + api->config.query_timeout_ms * 1000000 };
	uint64_t steps = store_steps(store);
	arena_reset(arena);
	buf_reset(buf);
	check(path_matches(http_request_head(q.http)->path, waiting->route->path, q.parameters));
	enum status s = read_paging(&q) ? OK : E_INPUT;
	/* One transaction for all statements of a request: they see the same state. */
	if (s == OK)
		s = store_begin(store, &q.err);
	if (s == OK) {
		store_watch(store, must_stop, &patience);
		s = waiting->route->query_handler(&q);
		store_watch(store, NULL, NULL);
		store_rollback(store);
	}
	/* Before the answer, so that who has it finds itself counted. */
	atomic_fetch_add(&api->config.sources->queries.answered_total, 1);
	atomic_fetch_add(&api->config.sources->queries.steps_total, store_steps(store) - steps);
	if (s == E_RETRY && (patience.ended || atomic_load(&api->stopping)))
		respond_stopped(&q, &patience);
	else
		respond_query(&q, s);
}

static bool take_waiting(struct api *api, struct waiting *ret_waiting)
{
	pthread_mutex_lock(&api->lock);
	while (api->count == 0 && !atomic_load(&api->stopping))
		pthread_cond_wait(&api->filled, &api->lock);
	bool found = api->count > 0;
	if (found) {
		*ret_waiting = api->queue[api->first];
		api->first = (api->first + 1) % QUERY_QUEUE_MAX;
		api->count--;
	}
	pthread_mutex_unlock(&api->lock);
	return found;
}

static void *run(void *argument)
{
	struct api *api = argument;
	struct store *store = NULL;
	struct waiting waiting;
	struct arena arena;
	struct buf buf;
	arena_init(&arena, QUERY_ARENA_BYTES);
	buf_init(&buf, ANSWER_BYTES_MAX);
	while (take_waiting(api, &waiting)) {
		struct error err;
		if (atomic_load(&api->stopping))
			problem_respond(waiting.http, PROBLEM_STOPPING, "the server is stopping");
		else if (store == NULL &&
			 store_open(api->config.state_path, STORE_READ, &store, &err) != OK)
			problem_respond(waiting.http, PROBLEM_INTERNAL, "%s", err.text);
		else
			answer_query(api, &waiting, store, &arena, &buf);
		if (buf.size > 1 << 20)
			buf_release(&buf);
	}
	store_close(store);
	arena_release(&arena);
	buf_release(&buf);
	return NULL;
}

enum status api_open(const struct api_config *config, struct api **ret_api, struct error *err)
{
	struct api *api = calloc(1, sizeof(*api));
	if (api == NULL)
		return error_set(err, E_FULL, "api: out of memory");
	check(config->query_threads >= 1 && config->query_threads <= QUERY_THREADS_MAX);
	api->config = *config;
	pthread_mutex_init(&api->lock, NULL);
	pthread_cond_init(&api->filled, NULL);
	for (unsigned i = 0; i < config->query_threads; i++) {
		if (pthread_create(&api->threads[i], NULL, run, api) != 0) {
			api_close(api);
			return error_set(err, E_IO, "api: cannot start a thread");
		}
		pthread_setname_np(api->threads[i], "query");
		api->thread_count++;
	}
	*ret_api = api;
	return OK;
}

void api_stop(struct api *api)
{
	pthread_mutex_lock(&api->lock);
	atomic_store(&api->stopping, true);
	pthread_cond_broadcast(&api->filled);
	pthread_mutex_unlock(&api->lock);
}

void api_close(struct api *api)
{
	if (api == NULL)
		return;
	api_stop(api);
	for (unsigned i = 0; i < api->thread_count; i++)
		pthread_join(api->threads[i], NULL);
	pthread_mutex_destroy(&api->lock);
	pthread_cond_destroy(&api->filled);
	free(api);
}

static void enqueue(struct api *api, const struct route *route, struct http_request *request)
{
	pthread_mutex_lock(&api->lock);
	bool stopping = atomic_load(&api->stopping);
	bool full = api->count == QUERY_QUEUE_MAX;
	if (!full && !stopping) {
		unsigned at = (api->first + api->count) % QUERY_QUEUE_MAX;
		api->queue[at] = (struct waiting){ request, route };
		api->count++;
		pthread_cond_signal(&api->filled);
	}
	pthread_mutex_unlock(&api->lock);
	if (stopping)
		problem_respond(request, PROBLEM_STOPPING, "the server is stopping");
	else if (full)
		problem_respond(request, PROBLEM_BUSY, "%d queries wait already", QUERY_QUEUE_MAX);
}

/* The path is known, the method is not: says which ones are. */
static void method_not_allowed(struct http_request *request, struct slice path)
{
	char parameters[PARAMETERS_MAX][PARAMETER_BYTES_MAX], allow[64] = "", header[96];
	struct buf buf;
	size_t used = 0;
	for (const struct route *r = routes; r->method != NULL; r++)
		if (path_matches(path, r->path, parameters)) {
			int n = snprintf(allow + used, sizeof(allow) - used, "%s%s",
				used > 0 ? ", " : "", r->method);
			used += (size_t)n;
		}
	snprintf(header, sizeof(header), "Allow: %s\r\n", allow);
	buf_init(&buf, 4096);
	problem_begin(&buf, PROBLEM_METHOD_NOT_ALLOWED, "see the Allow header");
	buf_char(&buf, '}');
	struct http_response response = { .status = 405,
		.content_type = "application/problem+json",
		.headers = header,
		.body = buf_get(&buf) };
	http_respond(request, &response);
	buf_release(&buf);
}

void api_handle(void *context, struct http_request *request)
{
	struct api *api = context;
	const struct http_head *head = http_request_head(request);
	char parameters[PARAMETERS_MAX][PARAMETER_BYTES_MAX];
	bool path_known = false;
	bool reads = slice_is(head->method, "GET") || slice_is(head->method, "HEAD");
	for (const struct route *r = routes; r->method != NULL; r++) {
		if (!path_matches(head->path, r->path, parameters))
			continue;
		path_known = true;
		if (!slice_is(head->method, r->method) && !(reads && r->method[0] == 'G'))
			continue;
		if (r->inline_handler != NULL)
			r->inline_handler(api, request);
		else
			enqueue(api, r, request);
		return;
	}
	if (path_known)
		method_not_allowed(request, head->path);
	else
		page_get(api, request);
}
