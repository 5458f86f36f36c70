#include "app/sender.h"
#include "app/sender_queue.h"
#include "base/arena.h"
#include "harness.h"
#include "net/server.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { REGISTERS = 7, EACH = 60 };

/* A server that notes what it took and refuses on purpose. */
struct site {
	pthread_mutex_t lock;
	struct server *server;
	char url[64];
	unsigned requests;        /* lock */
	unsigned next[REGISTERS]; /* lock: sequence expected next, by register */
	unsigned taken;           /* lock */
	unsigned disorder;        /* lock: requests out of order */
	unsigned days_seen[40];   /* lock: by day of the month */
	bool flaky;               /* set once: every fourth request gets a 503 or 429 */
	unsigned refuse_sequence, refuse_with; /* set once */
};

static unsigned decide(struct site *site, unsigned reg, unsigned sequence)
{
	unsigned request = ++site->requests;
	if (site->flaky && request % 4 == 0)
		return request % 8 == 0 ? 429 : 503;
	site->disorder += sequence != site->next[reg] + 1;
	site->next[reg] = sequence;
	site->taken++;
	if (sequence == site->refuse_sequence)
		return site->refuse_with;
	return 201;
}

static void handle(void *context, struct http_request *request)
{
	struct site *site = context;
	struct slice body = http_request_body(request);
	char text[256];
	unsigned reg = 0, day = 0, sequence = 0;
	snprintf(text, sizeof(text), "%.*s", SLICE_ARG(body));
	EXPECT(sscanf(text,
		       "{\"store\":\"s\",\"register\":\"%u\",\"business_date\":\"2026-11-%u\","
		       "\"sequence\":%u",
		       &reg, &day, &sequence) == 3);
	pthread_mutex_lock(&site->lock);
	unsigned status = decide(site, reg, sequence);
	site->days_seen[day]++;
	bool close = site->flaky && site->requests % 9 == 0;
	pthread_mutex_unlock(&site->lock);
	struct http_response response = { .status = status,
		.content_type = "application/json",
		.headers = status == 503 ? "Retry-After: 0\r\n" : NULL,
		.body = slice_of("{}"),
		.close = close };
	http_respond(request, &response);
}

static void open_site(struct site *site)
{
	struct server_config config = { .address = "127.0.0.1",
		.loops = 2,
		.connections_max = 100,
		.body_bytes_max = 1 << 20,
		.head_ms = 10000,
		.body_ms = 10000,
		.idle_ms = 10000,
		.write_ms = 10000,
		.handle = handle,
		.context = site };
	struct error err;
	pthread_mutex_init(&site->lock, NULL);
	EXPECT_OK(server_open(&config, clock_system(), &site->server, &err), err);
	snprintf(site->url, sizeof(site->url), "http://127.0.0.1:%u", server_port(site->server));
}

static void write_sales(const char *path)
{
	FILE *file = fopen(path, "w");
	EXPECT(file != NULL);
	for (unsigned sequence = 1; sequence <= EACH; sequence++)
		for (unsigned reg = 0; reg < REGISTERS; reg++)
			fprintf(file,
				"{\"store\":\"s\",\"register\":\"%u\",\"business_date\":\"2026-11-%"
				"02u\","
				"\"sequence\":%u,\"type\":\"no_sale\","
				"\"closed_at\":\"2026-11-%02uT10:00:00Z\"}\n",
				reg, 1 + sequence / 20, sequence, 1 + sequence / 20);
	EXPECT(fclose(file) == 0);
}

static struct sender_config config_for(const struct site *site, const char *const *path)
{
	return (struct sender_config){ .url = site->url,
		.paths = path,
		.path_count = 1,
		.connections = 4,
		.patience_ms = 60000,
		.seed = test_seed(7) };
}

TEST(each_register_sends_in_order_although_the_server_is_busy_now_and_then)
{
	char text[512];
	const char *path = text;
	snprintf(text, sizeof(text), "%s/sales.ndjson", test_folder());
	write_sales(path);
	struct site site = { .flaky = true };
	open_site(&site);
	struct sender_config config = config_for(&site, &path);
	struct sender_progress progress;
	struct error err;
	EXPECT_OK(sender_run(&config, clock_system(), &progress, &err), err);
	server_close(site.server, 1000);
	EXPECT_NUMBER(site.taken, REGISTERS * EACH);
	EXPECT_NUMBER(site.disorder, 0);
	EXPECT_NUMBER(progress.accepted, REGISTERS * EACH);
	EXPECT_NUMBER(progress.retries, site.requests - site.taken);
	EXPECT(progress.retries > 0);
	EXPECT_NUMBER(progress.latency.count, REGISTERS * EACH);
}

static void count_refusal(void *context, const char *path, uint64_t line, struct slice transaction,
	unsigned status, struct slice answer)
{
	EXPECT(strstr(path, "/sales.ndjson") != NULL && line >= 1 && line <= REGISTERS * EACH);
	unsigned *sum = context;
	EXPECT(slice_starts(transaction, "{\"store\":\"s\"") && slice_is(answer, "{}"));
	*sum += status;
}

TEST(what_is_refused_is_told_and_not_sent_again)
{
	char text[512];
	const char *path = text;
	unsigned sum = 0;
	snprintf(text, sizeof(text), "%s/sales.ndjson", test_folder());
	write_sales(path);
	struct site site = { .refuse_sequence = 5, .refuse_with = 422 };
	open_site(&site);
	struct sender_config config = config_for(&site, &path);
	config.refused = count_refusal;
	config.context = &sum;
	struct sender_progress progress;
	struct error err;
	EXPECT_OK(sender_run(&config, clock_system(), &progress, &err), err);
	server_close(site.server, 1000);
	EXPECT_NUMBER(progress.refused, REGISTERS);
	EXPECT_NUMBER(sum, REGISTERS * 422);
	EXPECT_NUMBER(progress.accepted, REGISTERS * (EACH - 1));
	EXPECT_NUMBER(site.requests, REGISTERS * EACH);
}

TEST(only_the_first_business_days_are_sent_when_asked_for)
{
	char text[512];
	const char *path = text;
	snprintf(text, sizeof(text), "%s/sales.ndjson", test_folder());
	write_sales(path);
	struct site site = { .requests = 0 };
	open_site(&site);
	struct sender_config config = config_for(&site, &path);
	config.days = 2;
	struct sender_progress progress;
	struct error err;
	EXPECT_OK(sender_run(&config, clock_system(), &progress, &err), err);
	server_close(site.server, 1000);
	EXPECT_NUMBER(site.days_seen[1], REGISTERS * 19);
	EXPECT_NUMBER(site.days_seen[2], REGISTERS * 20);
	EXPECT_NUMBER(site.days_seen[3] + site.days_seen[4], 0);
}

/* Each look at this clock costs a tenth of a second. */
struct hasty_clock {
	struct clock clock;
	uint64_t now_ns;
};

static uint64_t hasty_ns(struct clock *clock)
{
	struct hasty_clock *hasty = (struct hasty_clock *)clock;
	return hasty->now_ns += 100000000;
}

TEST(it_gives_up_when_nobody_answers)
{
	char text[512];
	const char *path = text;
	snprintf(text, sizeof(text), "%s/sales.ndjson", test_folder());
	write_sales(path);
	struct site site = { .requests = 0 };
	open_site(&site);
	server_close(site.server, 0);
	struct hasty_clock hasty = { { .monotonic_ns = hasty_ns }, 1 };
	struct sender_config config = config_for(&site, &path);
	config.patience_ms = 20000;
	struct sender_progress progress;
	struct error err;
	EXPECT(sender_run(&config, &hasty.clock, &progress, &err) == E_RETRY);
	EXPECT(strstr(err.text, "nothing was taken for 20 s; 127.0.0.1:") == err.text);
	EXPECT(progress.retries > 0 && progress.answered == 0);
}

TEST(a_line_that_is_no_transaction_is_named_and_what_stands_before_is_sent)
{
	char text[512];
	const char *path = text;
	snprintf(text, sizeof(text), "%s/sales.ndjson", test_folder());
	FILE *file = fopen(path, "w");
	fprintf(file, "{\"store\":\"s\",\"register\":\"1\",\"business_date\":\"2026-11-01\","
		      "\"sequence\":1}\n\n[]\n");
	fclose(file);
	struct site site = { .requests = 0 };
	open_site(&site);
	struct sender_config config = config_for(&site, &path);
	struct sender_progress progress;
	struct error err;
	EXPECT(sender_run(&config, clock_system(), &progress, &err) == E_INPUT);
	server_close(site.server, 1000);
	EXPECT(strstr(err.text, "sales.ndjson:3: not JSON: an object is expected") != NULL);
	EXPECT_NUMBER(progress.accepted, 1);
}

TEST(an_address_that_is_none_is_refused)
{
	struct site site = { .requests = 0 };
	const char *path = "-";
	snprintf(site.url, sizeof(site.url), "ftp://127.0.0.1");
	struct sender_config config = config_for(&site, &path);
	struct sender_progress progress;
	struct error err;
	EXPECT(sender_run(&config, clock_system(), &progress, &err) == E_CONFIG);
	EXPECT_TEXT(err.text, "\"ftp://127.0.0.1\": an address such as http://127.0.0.1:8080 or "
			      "https://centre.example is expected");
}

TEST(a_latency_quantile_is_right_to_within_an_eighth)
{
	struct latency latency = { .count = 0 };
	for (uint64_t us = 1; us <= 100000; us++)
		latency_add(&latency, us);
	uint64_t p50 = latency_quantile(&latency, 50), p99 = latency_quantile(&latency, 99);
	EXPECT(p50 >= 50000 && p50 <= 57000);
	EXPECT(p99 >= 99000 && p99 <= 115000);
}
