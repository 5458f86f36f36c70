#include "erp/rpc.h"

#include "base/check.h"

#include <curl/curl.h>

#include <stdlib.h>

enum { CONNECT_MS_MAX = 10000, RETRY_AFTER_SECONDS_MAX = 3600 };

struct rpc {
	CURL *curl;
	const atomic_bool *stop;
	struct buf answer;
	bool reads;
	unsigned attempts;             /* of this call: requests that curl began to send */
	char problem[CURL_ERROR_SIZE]; /* curl's words for the last failure */
};

static bool stopped(const struct rpc *rpc)
{
	return rpc->stop != NULL && atomic_load(rpc->stop);
}

/* Called on the chosen connection just before a request is written to it, and again when curl
 * means to repeat the request on another connection. */
static int before_request(
	void *context, char *peer_ip, char *local_ip, int peer_port, int local_port)
{
	struct rpc *rpc = context;
	(void)peer_ip, (void)local_ip, (void)peer_port, (void)local_port;
	if (stopped(rpc) || (rpc->attempts > 0 && !rpc->reads))
		return CURL_PREREQFUNC_ABORT;
	rpc->attempts++;
	return CURL_PREREQFUNC_OK;
}

static int on_progress(
	void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up)
{
	const struct rpc *rpc = context;
	(void)down_total, (void)down, (void)up_total, (void)up;
	return stopped(rpc) ? 1 : 0;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
	struct rpc *rpc = context;
	buf_append(&rpc->answer, bytes, size * count);
	return rpc->answer.failed ? 0 : size * count;
}

/* What is the same for every call. Every option is known to the libcurl this is built with, so that
 * a failure here is our own mistake. */
static void set_up(struct rpc *rpc)
{
	CURL *curl = rpc->curl;
	check(curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK);
	check(curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK);
	check(curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK);
	check(curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK);
	check(curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, rpc->problem) == CURLE_OK);
	check(curl_easy_setopt(curl, CURLOPT_PREREQFUNCTION, before_request) == CURLE_OK);
	check(curl_easy_setopt(curl, CURLOPT_PREREQDATA, rpc) == CURLE_OK);
	check(curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L) == CURLE_OK);
	check(curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress) == CURLE_OK);
	check(curl_easy_setopt(curl, CURLOPT_XFERINFODATA, rpc) == CURLE_OK);
	check(curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK);
	check(curl_easy_setopt(curl, CURLOPT_WRITEDATA, rpc) == CURLE_OK);
	check(curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L) == CURLE_OK);
}

enum status rpc_open(const atomic_bool *stop, struct rpc **ret_rpc, struct error *err)
{
	/* Counted by libcurl, and safe from several threads since 7.84. */
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return error_set(err, E_IO, "libcurl cannot be initialised");
	struct rpc *rpc = calloc(1, sizeof(*rpc));
	CURL *curl = curl_easy_init();
	if (rpc == NULL || curl == NULL) {
		free(rpc);
		curl_easy_cleanup(curl);
		curl_global_cleanup();
		return error_set(err, E_FULL, "out of memory for an HTTP client");
	}
	rpc->curl = curl;
	rpc->stop = stop;
	buf_init(&rpc->answer, RPC_ANSWER_BYTES_MAX);
	set_up(rpc);
	*ret_rpc = rpc;
	return OK;
}

void rpc_close(struct rpc *rpc)
{
	if (rpc == NULL)
		return;
	curl_easy_cleanup(rpc->curl);
	buf_release(&rpc->answer);
	free(rpc);
	curl_global_cleanup();
}

static bool add_header(struct curl_slist **list, const char *header)
{
	struct curl_slist *longer = curl_slist_append(*list, header);
	if (longer != NULL)
		*list = longer;
	return longer != NULL;
}

static enum status header_list(
	const struct rpc_request *request, struct curl_slist **ret_list, struct error *err)
{
	struct curl_slist *list = NULL;
	/* Without "Expect:" curl waits up to a second for a 100 before it sends a long body. */
	bool fine = add_header(&list, "Expect:") && add_header(&list, "Accept: application/json");
	if (request->body.ptr != NULL)
		fine = fine && add_header(&list, "Content-Type: application/json");
	for (size_t i = 0; request->headers != NULL && request->headers[i] != NULL; i++) {
		check(i < RPC_HEADERS_MAX);
		fine = fine && add_header(&list, request->headers[i]);
	}
	if (!fine) {
		curl_slist_free_all(list);
		return error_set(err, E_FULL, "out of memory for the headers of a request");
	}
	*ret_list = list;
	return OK;
}

static long as_ms(uint64_t ms)
{
	return ms > INT32_MAX ? INT32_MAX : (long)ms;
}

static enum status prepare(struct rpc *rpc, const struct rpc_request *request,
	struct curl_slist *headers, struct error *err)
{
	CURL *curl = rpc->curl;
	long timeout_ms = as_ms(request->timeout_ms);
	long connect_ms = timeout_ms < CONNECT_MS_MAX ? timeout_ms : CONNECT_MS_MAX;
	if (curl_easy_setopt(curl, CURLOPT_URL, request->url) != CURLE_OK)
		return error_set(err, E_FULL, "out of memory for a URL");
	/* HTTPGET undoes what an earlier call with a body left behind. */
	check(curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L) == CURLE_OK);
	if (request->body.ptr != NULL) {
		check(curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
			      (curl_off_t)request->body.len) == CURLE_OK);
		check(curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body.ptr) == CURLE_OK);
	}
	if (curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method) != CURLE_OK)
		return error_set(err, E_FULL, "out of memory for a method");
	check(curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers) == CURLE_OK);
	check(curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout_ms) == CURLE_OK);
	check(curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, connect_ms) == CURLE_OK);
	rpc->reads = request->reads;
	rpc->attempts = 0;
	rpc->problem[0] = '\0';
	buf_reset(&rpc->answer);
	return OK;
}

/* The URL for messages: a query may hold what no log should. */
static struct slice shown(const struct rpc_request *request)
{
	return slice_cut(slice_of(request->url), '?', &(struct slice){ 0 });
}

static enum status no_answer(const struct rpc *rpc, const struct rpc_request *request,
	CURLcode code, struct rpc_answer *answer, struct error *err)
{
	const char *why = rpc->problem[0] != '\0' ? rpc->problem : curl_easy_strerror(code);
	struct slice url = shown(request);
	if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL)
		return error_set(err, E_CONFIG, "\"%.*s\" is not a http or https URL: %s",
			SLICE_ARG(url), why);
	if (stopped(rpc))
		return error_set(err, E_STOPPED, "%s %.*s: ended early, because we are stopping",
			request->method, SLICE_ARG(url));
	if (rpc->answer.failed)
		why = "the answer is longer than 64 MiB";
	else if (rpc->attempts > 0 && code == CURLE_ABORTED_BY_CALLBACK)
		why = "the connection was closed before an answer came";
	enum status status = answer->sent && !request->reads ? E_UNKNOWN : E_RETRY;
	return error_set(err, status, "%s %.*s: %s", request->method, SLICE_ARG(url), why);
}

static enum status bad_status(
	const struct rpc_request *request, const struct rpc_answer *answer, struct error *err)
{
	char excerpt[RPC_EXCERPT_MAX];
	struct slice url = shown(request);
	bool later = answer->http_status == 429 || answer->http_status == 503 || request->reads;
	rpc_excerpt(answer, excerpt);
	return error_set(err, later ? E_RETRY : E_UNKNOWN, "%s %.*s: answered %u%s%s",
		request->method, SLICE_ARG(url), answer->http_status,
		excerpt[0] != '\0' ? ": " : "", excerpt);
}

static void read_head(const struct rpc *rpc, struct rpc_answer *answer)
{
	long http_status = 0;
	curl_off_t seconds = 0;
	curl_easy_getinfo(rpc->curl, CURLINFO_RESPONSE_CODE, &http_status);
	curl_easy_getinfo(rpc->curl, CURLINFO_RETRY_AFTER, &seconds);
	if (seconds > RETRY_AFTER_SECONDS_MAX)
		seconds = RETRY_AFTER_SECONDS_MAX;
	answer->http_status = (unsigned)http_status;
	answer->retry_after_ms = seconds > 0 ? (uint64_t)seconds * 1000 : 0;
	answer->body = buf_get(&rpc->answer);
}

enum status rpc_call(struct rpc *rpc, const struct rpc_request *request, struct rpc_answer *answer,
	struct error *err)
{
	struct curl_slist *headers = NULL;
	*answer = (struct rpc_answer){ 0 };
	enum status s = header_list(request, &headers, err);
	if (s == OK)
		s = prepare(rpc, request, headers, err);
	if (s == OK) {
		CURLcode code = curl_easy_perform(rpc->curl);
		answer->sent = rpc->attempts > 0;
		if (code != CURLE_OK) {
			s = no_answer(rpc, request, code, answer, err);
		} else {
			read_head(rpc, answer);
			if (answer->http_status == 429 || answer->http_status >= 500)
				s = bad_status(request, answer, err);
		}
	}
	curl_easy_setopt(rpc->curl, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(headers);
	return s;
}

/* Length of the UTF-8 sequence at the start; 0 when there is none. Overlong forms pass: nobody
 * compares these texts. */
static size_t sequence_length(struct slice bytes)
{
	unsigned char first = (unsigned char)bytes.ptr[0];
	size_t len = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	if (first > 0xf4 || len > bytes.len)
		return 0;
	for (size_t i = 1; i < len; i++)
		if (((unsigned char)bytes.ptr[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

void rpc_text(struct slice bytes, char *text, size_t size)
{
	size_t used = 0;
	check(size > 0);
	while (bytes.len > 0) {
		size_t len = sequence_length(bytes), step = len == 0 ? 1 : len;
		bool blank = (unsigned char)bytes.ptr[0] <= ' ' || bytes.ptr[0] == 127;
		if (used + step >= size)
			break;
		if (!blank && len > 0)
			memcpy(text + used, bytes.ptr, len);
		else
			text[used] = blank ? ' ' : '?';
		/* White space at the start or behind other white space says nothing. */
		if (!blank || (used > 0 && text[used - 1] != ' '))
			used += step;
		bytes = slice_make(bytes.ptr + step, bytes.len - step);
	}
	text[used] = '\0';
}

void rpc_excerpt(const struct rpc_answer *answer, char text[static RPC_EXCERPT_MAX])
{
	rpc_text(answer->body, text, RPC_EXCERPT_MAX);
}
