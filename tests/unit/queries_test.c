/* Queries of the state: what a list touches, and that none of them holds up the others, the limit
 * of time or the end of the server. */
#include "api/api.h"
#include "bridge_site.h"

#include <pthread.h>
#include <sched.h>

enum { SALES_FEW = 120, SALES_MANY = 700 };

/* Sales first to last of a store, many in a request, and waits until all is applied and agreed. */
static void sell(const char *store, unsigned first, unsigned last)
{
	static char body[1 << 20], agreed[64];
	static unsigned sold;
	size_t len = 0;
	for (unsigned i = first; i <= last; i++) {
		len += (size_t)snprintf(body + len, sizeof(body) - len, sale_format, store, i, "A");
		body[len++] = '\n';
	}
	body[len] = '\0';
	EXPECT_NUMBER(call(bridge_port(site.bridge), "POST", "/v1/transactions",
			      "application/x-ndjson", body),
		200);
	sold += last - first + 1;
	snprintf(agreed, sizeof(agreed), "\"agreed\":%u,", sold);
	wait_for("/v1/status", agreed);
}

static uint64_t query_steps(void)
{
	static const char name[] = "\ntillbridge_query_steps_total ";
	EXPECT_NUMBER(get("/metrics"), 200);
	const char *at = strstr(site.answer, name);
	EXPECT(at != NULL);
	return strtoull(at + strlen(name), NULL, 10);
}

static uint64_t cost(const char *path)
{
	uint64_t before = query_steps();
	EXPECT_NUMBER(get(path), 200);
	return query_steps() - before;
}

/* No store 9999, three sales of 0043, and no posting that is not agreed. */
static const char *const rare_lists[] = {
	"/v1/transactions?store=9999",
	"/v1/transactions?store=0043&limit=1000",
	"/v1/exceptions?store=9999",
	"/v1/exceptions?store=0043",
	"/v1/ledger?store=9999",
	"/v1/ledger?store=9999&date=2026-11-23",
	"/v1/ledger?store=0043&limit=1000",
	"/v1/ledger?store=0043&date=2026-11-23&limit=1000",
	"/v1/ledger?store=0042&date=2026-11-24",
	"/v1/postings?store=9999",
	"/v1/postings?store=0043&limit=1000",
	"/v1/postings?store=0043&state=agreed&limit=1000",
	"/v1/postings?erp=nobody",
	"/v1/postings?state=planned",
	"/v1/postings?state=settled",
	"/v1/postings?state=refused",
	"/v1/postings?state=differs",
	"/v1/stock?location=9999",
	"/v1/stock?location=0043",
	"/v1/stock?item=none",
};

enum { LISTS = sizeof(rare_lists) / sizeof(rare_lists[0]) };

TEST(what_a_list_costs_grows_with_what_it_finds_and_not_with_what_there_is)
{
	uint64_t few[LISTS], all_few;
	start();
	sell("0043", 1, 3);
	sell("0042", 1, SALES_FEW);
	for (size_t i = 0; i < LISTS; i++)
		few[i] = cost(rare_lists[i]);
	all_few = cost("/v1/transactions?limit=1000");
	sell("0042", SALES_FEW + 1, SALES_MANY);
	for (size_t i = 0; i < LISTS; i++) {
		uint64_t many = cost(rare_lists[i]);
		if (many != few[i] || many > 1000)
			test_fail(__FILE__, __LINE__,
				"%s takes %llu steps among %d sales, %llu among %d", rare_lists[i],
				(unsigned long long)few[i], SALES_FEW, (unsigned long long)many,
				SALES_MANY);
	}
	/* The measure measures: the list of everything has grown. */
	EXPECT(cost("/v1/transactions?limit=1000") > 4 * all_few);
	stop();
}

TEST(an_open_posting_is_found_among_many_that_are_done)
{
	start();
	sell("0042", 1, SALES_FEW);
	EXPECT_NUMBER(faults("{\"down\":true}"), 200);
	EXPECT_NUMBER(post("0042", SALES_FEW + 1, "A"), 201);
	wait_for("/v1/erps", "\"state\":\"retrying\"");
	bool found = false;
	static const char *const states[] = { "planned", "called", "unknown" };
	/* It goes from one of them to the other while it is tried again. */
	for (size_t i = 0; !found; i = (i + 1) % 3) {
		char path[64];
		snprintf(path, sizeof(path), "/v1/postings?state=%s", states[i]);
		EXPECT(cost(path) < 300);
		EXPECT_NUMBER(get(path), 200);
		found = strstr(site.answer, "/121\"") != NULL;
	}
	EXPECT_NUMBER(faults("{}"), 200);
	wait_for("/v1/status", "\"agreed\":121,");
	stop();
}

TEST(a_cursor_goes_through_a_list_of_one_store_or_item_once)
{
	static const char *const lists[][3] = {
		{ "/v1/ledger?store=0043&limit=1", "\"entries\":[{", "\"event\":" },
		{ "/v1/ledger?store=0043&date=2026-11-23&limit=1", "\"entries\":[{", "\"event\":" },
		{ "/v1/postings?store=0043&limit=1", "\"postings\":[{", "\"id\":" },
		{ "/v1/postings?state=agreed&limit=2", "\"postings\":[{", "\"id\":" },
		{ "/v1/transactions?store=0043&limit=1", "\"transactions\":[{", "\"event\":" },
		{ "/v1/stock?location=0043&limit=1", "\"stock\":[{", "\"item\":" },
		{ "/v1/stock?item=A&limit=1", "\"stock\":[{", "\"item\":" },
	};
	static const unsigned pages[] = { 6, 6, 3, 3, 3, 1, 2 };
	start();
	sell("0043", 1, 3);
	sell("0042", 1, 3);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		char path[256], cursor[128] = "";
		unsigned count = 0;
		for (bool more = true; more; count++) {
			snprintf(path, sizeof(path), "%s%s%s", lists[i][0],
				cursor[0] != '\0' ? "&after=" : "", cursor);
			EXPECT_NUMBER(get(path), 200);
			EXPECT(strstr(site.answer, lists[i][1]) != NULL);
			EXPECT(strstr(site.answer, lists[i][2]) != NULL);
			const char *next = strstr(site.answer, "\"next\":\"");
			more = next != NULL && sscanf(next, "\"next\":\"%100[^\"]", cursor) == 1;
		}
		if (count != pages[i])
			test_fail(__FILE__, __LINE__, "%s has %u pages, expected %u", lists[i][0],
				count, pages[i]);
	}
	stop();
}

/* A clock that tells what the test wants at the n-th question of a query. */
struct script_clock {
	struct clock clock; /* first */
	atomic_uint questions;
	void (*at)(unsigned question);
	uint64_t jump_ns; /* how far it goes at each question */
};

static struct script_clock script;
static struct sources sources;
static struct api *api;
static struct server *server;

static uint64_t script_ns(struct clock *clock)
{
	struct script_clock *s = (struct script_clock *)clock;
	unsigned question = atomic_fetch_add(&s->questions, 1) + 1;
	if (s->at != NULL)
		s->at(question);
	return 1000000000 + question * s->jump_ns;
}

static int64_t script_wall_ms(struct clock *clock)
{
	(void)clock;
	return 1795470236123;
}

/* The API alone, on the state that a bridge has left behind. */
static void open_api_alone(unsigned threads, uint64_t jump_ns, void (*at)(unsigned question))
{
	static char path[256];
	struct error err;
	start();
	sell("0042", 1, SALES_MANY);
	stop_bridge();
	snprintf(path, sizeof(path), "%s/" DATA_STATE, site.data);
	script = (struct script_clock){
		.clock = { script_ns, script_wall_ms }, .at = at, .jump_ns = jump_ns
	};
	sources.clock = &script.clock;
	struct api_config config = { .sources = &sources,
		.state_path = path,
		.query_threads = threads,
		.query_timeout_ms = 5000 };
	EXPECT_OK(api_open(&config, &api, &err), err);
	struct server_config http = { .address = "127.0.0.1",
		.loops = 1,
		.connections_max = 100,
		.body_bytes_max = 1 << 20,
		.head_ms = 60000,
		.body_ms = 60000,
		.idle_ms = 60000,
		.write_ms = 60000,
		.handle = api_handle,
		.context = api };
	EXPECT_OK(server_open(&http, clock_system(), &server, &err), err);
}

static void close_api_alone(void)
{
	server_close(server, 1000);
	api_close(api);
	sandbox_close(site.erp);
	curl_easy_cleanup(site.curl);
}

static unsigned ask(const char *path)
{
	return call(server_port(server), "GET", path, "application/json", NULL);
}

TEST(a_query_that_takes_too_long_ends_with_503_and_harms_no_other)
{
	open_api_alone(1, 6000000000, NULL);
	EXPECT_NUMBER(ask("/v1/transactions?limit=1000"), 503);
	EXPECT(strstr(site.answer, "problems/slow\"") != NULL);
	EXPECT(strstr(site.answer, "stopped after 5000 ms (query_timeout)") != NULL);
	/* A short one ends before anybody looks at the clock. */
	EXPECT_NUMBER(ask("/v1/transactions?limit=1"), 200);
	EXPECT_NUMBER(atomic_load(&sources.queries.stopped_total), 1);
	EXPECT_NUMBER(atomic_load(&sources.queries.answered_total), 2);
	close_api_alone();
}

static void stop_at_the_second(unsigned question)
{
	if (question == 2)
		api_stop(api);
}

TEST(a_query_ends_when_the_server_does)
{
	open_api_alone(1, 0, stop_at_the_second);
	EXPECT_NUMBER(ask("/v1/transactions?limit=1000"), 503);
	EXPECT(strstr(site.answer, "problems/stopping\"") != NULL);
	EXPECT_NUMBER(ask("/v1/transactions?limit=1"), 503);
	EXPECT(strstr(site.answer, "problems/stopping\"") != NULL);
	EXPECT_NUMBER(atomic_load(&script.questions), 2);
	close_api_alone();
}

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool slow_is_running;

static void wait_at_the_second(unsigned question)
{
	if (question != 2)
		return;
	atomic_store(&slow_is_running, true);
	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
}

static void *ask_slowly(void *argument)
{
	char url[128];
	long status = 0;
	size_t used = sizeof(site.answer); /* nobody reads what it says */
	CURL *curl = curl_easy_init();
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/v1/transactions?limit=1000",
		server_port(server));
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_answer);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &used);
	if (curl_easy_perform(curl) == CURLE_OK)
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_cleanup(curl);
	*(long *)argument = status;
	return NULL;
}

TEST(a_slow_query_holds_up_no_other)
{
	pthread_t thread;
	long status = 0;
	open_api_alone(2, 0, wait_at_the_second);
	pthread_mutex_lock(&gate);
	EXPECT(pthread_create(&thread, NULL, ask_slowly, &status) == 0);
	while (!atomic_load(&slow_is_running))
		sched_yield();
	for (unsigned i = 0; i < 5; i++)
		EXPECT_NUMBER(ask("/v1/transactions?limit=1"), 200);
	EXPECT_NUMBER(atomic_load(&sources.queries.answered_total), 5);
	pthread_mutex_unlock(&gate);
	pthread_join(thread, NULL);
	EXPECT_NUMBER(status, 200);
	close_api_alone();
}
