#include "net_site.h"

#include "base/random.h"

#include <stdio.h>
#include <stdlib.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST(body_len, body)                                                                       \
	"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: " body_len "\r\n\r\n" body

TEST(a_connection_serves_one_request_after_the_other)
{
	struct site site;
	struct client client;
	site_open(&site, site_config());
	client_open(&client, &site);
	for (unsigned i = 0; i < 100; i++) {
		client_say(&client, POST("5", "hello"));
		expect_answer(&client, 200, "hello");
	}
	struct server_counters counters = site_counters(&site);
	EXPECT_NUMBER(counters.connections_total, 1);
	EXPECT_NUMBER(counters.connections_open, 1);
	EXPECT_NUMBER(counters.requests_total, 100);
	client_close(&client);
	site_close(&site);
}

TEST(an_answer_carries_date_length_and_security_headers)
{
	struct site site;
	struct client client;
	struct answer answer;
	site_open(&site, site_config());
	client_open(&client, &site);
	client_say(&client, POST("2", "ok"));
	client_answer(&client, true, &answer);
	EXPECT_TEXT(answer_field(&answer, "Date"), "Mon, 23 Nov 2026 21:43:56 GMT");
	EXPECT_TEXT(answer_field(&answer, "Content-Length"), "2");
	EXPECT_TEXT(answer_field(&answer, "Content-Type"), "text/plain");
	EXPECT_TEXT(answer_field(&answer, "Cache-Control"), "no-store");
	EXPECT_TEXT(answer_field(&answer, "X-Content-Type-Options"), "nosniff");
	EXPECT_TEXT(answer_field(&answer, "Content-Security-Policy"),
		"default-src 'none'; frame-ancestors 'none'");
	EXPECT_TEXT(answer_field(&answer, "Connection"), "");
	client_say(&client, GET("/page"));
	client_answer(&client, true, &answer);
	EXPECT_TEXT(answer_field(&answer, "Cache-Control"), "max-age=60");
	EXPECT_TEXT(answer_field(&answer, "Content-Security-Policy"), "default-src 'self'");
	client_close(&client);
	site_close(&site);
}

/* Goal: it makes no difference where the network cuts. Method: three pipelined requests of three
 * kinds, cut at every byte; the second piece leaves when the server has read the first. */
TEST(pipelined_requests_are_answered_in_order_wherever_the_bytes_are_cut)
{
	static const char bytes[] =
		POST("5", "hello") "POST /echo HTTP/1.1\r\nHost: a\r\n"
				   "Transfer-Encoding: chunked\r\n\r\n"
				   "3\r\nwor\r\n2;x\r\nld\r\n0\r\nA: b\r\n\r\n" GET("/echo");
	struct site site;
	struct server_config config = site_config();
	uint64_t sent = 0;
	site_open(&site, config);
	for (size_t cut = 1; cut < sizeof(bytes) - 1; cut++) {
		struct client client;
		client_open(&client, &site);
		client_send(&client, bytes, cut);
		site_await_bytes(&site, sent + cut);
		client_send(&client, bytes + cut, sizeof(bytes) - 1 - cut);
		sent += sizeof(bytes) - 1;
		expect_answer(&client, 200, "hello");
		expect_answer(&client, 200, "world");
		expect_answer(&client, 200, "");
		client_close(&client);
	}
	site_close(&site);
}

TEST(hundreds_of_pipelined_requests_are_all_answered)
{
	enum { COUNT = 500 };
	struct site site;
	struct client client;
	site_open(&site, site_config());
	client_open(&client, &site);
	for (unsigned i = 0; i < COUNT; i++)
		client_say(&client, POST("5", "hello"));
	for (unsigned i = 0; i < COUNT; i++)
		expect_answer(&client, 200, "hello");
	client_close(&client);
	site_close(&site);
}

TEST(a_large_body_arrives_whole_with_length_or_in_chunks)
{
	enum { LEN = 1 << 20 };
	struct site site;
	struct client client;
	struct answer answer;
	char line[160], *body = malloc(LEN);
	site_open(&site, site_config());
	client_open(&client, &site);
	for (size_t i = 0; i < LEN; i++)
		body[i] = (char)('a' + i % 23);
	snprintf(line, sizeof(line),
		"POST /echo HTTP/1.1\r\nHost: a\r\nX-Far: 1\r\nContent-Length: %d\r\n\r\n", LEN);
	client_say(&client, line);
	client_send(&client, body, LEN);
	client_answer(&client, true, &answer);
	EXPECT(slice_equal(answer.body, slice_make(body, LEN)));
	client_say(&client, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
	for (size_t i = 0; i < LEN; i += 1 << 14) {
		client_say(&client, "4000\r\n");
		client_send(&client, body + i, 1 << 14);
		client_say(&client, "\r\n");
	}
	client_say(&client, "0\r\n\r\n");
	client_answer(&client, true, &answer);
	EXPECT(slice_equal(answer.body, slice_make(body, LEN)));
	client_close(&client);
	site_close(&site);
	free(body);
}

TEST(a_waiting_client_is_told_to_continue)
{
	struct site site;
	struct client client;
	struct answer answer;
	site_open(&site, site_config());
	client_open(&client, &site);
	client_say(&client, "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
			    "Content-Length: 5\r\n\r\n");
	client_answer(&client, false, &answer);
	EXPECT_NUMBER(answer.status, 100);
	client_say(&client, "hello");
	expect_answer(&client, 200, "hello");
	/* No body to wait for, or it is there already: nothing to tell. */
	client_say(&client, "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
			    "Content-Length: 0\r\n\r\n");
	expect_answer(&client, 200, "");
	client_say(&client, "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
			    "Content-Length: 5\r\n\r\nhello");
	expect_answer(&client, 200, "hello");
	client_close(&client);
	site_close(&site);
}

TEST(a_client_that_would_send_too_much_is_not_told_to_continue)
{
	struct site site;
	struct client client;
	site_open(&site, site_config());
	client_open(&client, &site);
	client_say(&client, "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
			    "Content-Length: 1048577\r\n\r\n");
	expect_answer(&client, 413, NULL);
	expect_closed(&client);
	client_close(&client);
	site_close(&site);
}

TEST(head_gets_the_length_but_no_body)
{
	struct site site;
	struct client client;
	struct answer answer;
	site_open(&site, site_config());
	client_open(&client, &site);
	client_say(&client, "HEAD /big HTTP/1.1\r\nHost: a\r\n\r\n" POST("2", "ok"));
	client_answer(&client, false, &answer);
	EXPECT_NUMBER(strtoul(answer_field(&answer, "Content-Length"), NULL, 10), BIG_BYTES);
	expect_answer(&client, 200, "ok");
	client_close(&client);
	site_close(&site);
}

TEST(the_connection_is_closed_when_client_or_handler_want_it)
{
	static const char *const requests[] = {
		"GET /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
		"GET /echo HTTP/1.0\r\n\r\n",
		GET("/full"),
		/* What comes behind the last request is not looked at. */
		"GET /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" GET("/echo"),
	};
	struct site site;
	site_open(&site, site_config());
	for (unsigned i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		struct client client;
		struct answer answer;
		client_open(&client, &site);
		client_say(&client, requests[i]);
		client_answer(&client, true, &answer);
		EXPECT_TEXT(answer_field(&answer, "Connection"), "close");
		expect_closed(&client);
		client_close(&client);
	}
	site_close(&site);
}

TEST(an_old_client_may_keep_its_connection)
{
	struct site site;
	struct client client;
	struct answer answer;
	site_open(&site, site_config());
	client_open(&client, &site);
	client_say(&client, "GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	client_answer(&client, true, &answer);
	EXPECT_TEXT(answer_field(&answer, "Connection"), "keep-alive");
	client_say(&client, GET("/echo"));
	expect_answer(&client, 200, "");
	client_close(&client);
	site_close(&site);
}

TEST(a_client_that_has_closed_its_side_still_gets_its_answers)
{
	struct site site;
	struct client client;
	site_open(&site, site_config());
	client_open(&client, &site);
	client_say(&client, POST("1", "a") POST("1", "b"));
	shutdown(client.fd, SHUT_WR);
	expect_answer(&client, 200, "a");
	expect_answer(&client, 200, "b");
	expect_closed(&client);
	client_close(&client);
	site_close(&site);
}

TEST(a_malformed_request_is_refused_in_words_and_the_connection_closed)
{
	struct site site;
	struct client client;
	struct answer answer;
	site_open(&site, site_config());
	client_open(&client, &site);
	client_say(&client, POST("2", "ok") "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
					    "Transfer-Encoding: chunked\r\n\r\n" GET("/echo"));
	expect_answer(&client, 200, "ok");
	client_answer(&client, true, &answer);
	EXPECT_NUMBER(answer.status, 400);
	EXPECT_TEXT(answer_field(&answer, "Content-Type"), "application/problem+json");
	EXPECT_TEXT(answer_field(&answer, "Connection"), "close");
	EXPECT(slice_is(answer.body, "{\"title\":\"Bad Request\",\"status\":400,\"detail\":"
				     "\"both Content-Length and Transfer-Encoding are there; "
				     "expected one\"}"));
	expect_closed(&client);
	EXPECT_NUMBER(site_counters(&site).requests_total, 1);
	EXPECT_NUMBER(site_counters(&site).requests_refused_total, 1);
	client_close(&client);
	site_close(&site);
}

TEST(malformed_chunks_are_refused)
{
	struct site site;
	struct client client;
	site_open(&site, site_config());
	client_open(&client, &site);
	client_say(&client, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
			    "5\r\nhello!\r\n0\r\n\r\n");
	expect_answer(&client, 400, NULL);
	expect_closed(&client);
	client_close(&client);
	site_close(&site);
}

TEST(another_thread_may_answer)
{
	struct site site;
	struct client client;
	site_open(&site, site_config());
	client_open(&client, &site);
	client_say(&client,
		"POST /hold HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok" GET("/echo"));
	struct http_request *request = site_take(&site);
	EXPECT(slice_is(http_request_body(request), "ok"));
	EXPECT_NUMBER(http_request_arrived_ns(request), 1000000000);
	EXPECT(http_request_user(request) == NULL);
	http_request_set_user(request, &site);
	EXPECT(http_request_user(request) == &site);
	echo(request);
	expect_answer(&client, 200, "ok");
	expect_answer(&client, 200, "");
	client_close(&client);
	site_close(&site);
}

TEST(a_dropped_request_has_no_answer)
{
	struct site site;
	struct client client;
	site_open(&site, site_config());
	client_open(&client, &site);
	client_say(&client, GET("/hold"));
	http_drop(site_take(&site));
	expect_closed(&client);
	client_close(&client);
	site_close(&site);
}

TEST(a_resumed_request_is_answered_on_its_loop)
{
	struct site site;
	struct client client;
	site_open(&site, site_config());
	client_open(&client, &site);
	for (unsigned i = 0; i < 100; i++) {
		client_say(&client, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
		http_resume(site_take(&site), echo);
		expect_answer(&client, 200, "");
	}
	client_close(&client);
	site_close(&site);
}

/* Answers each held request later, in another order than it came, in one of three ways. */
struct answering {
	struct site *site;
	unsigned count;
	uint64_t seed;
};

static void resume_twice(struct http_request *request)
{
	http_resume(request, echo);
}

static void *answer_all(void *context)
{
	const struct answering *answering = context;
	struct random random;
	random_init(&random, answering->seed);
	for (unsigned i = 0; i < answering->count; i++) {
		struct http_request *request = site_take(answering->site);
		switch (random_below(&random, 3)) {
		case 0:
			echo(request);
			break;
		case 1:
			http_resume(request, echo);
			break;
		case 2:
			http_resume(request, resume_twice);
			break;
		}
	}
	return NULL;
}

/* Goal: an answer from any thread reaches its own request, in the order of the connection. Method:
 * numbered requests on many connections, answered by two threads in random ways. */
TEST(answers_of_many_threads_reach_their_own_requests)
{
	enum { CLIENTS = 16, REQUESTS = 100, THREADS = 2 };
	struct site site;
	struct client clients[CLIENTS];
	pthread_t threads[THREADS];
	struct answering answering[THREADS];
	uint64_t seed = test_seed(11);
	char text[160];
	site_open(&site, site_config());
	for (unsigned i = 0; i < THREADS; i++) {
		answering[i] = (struct answering){ &site, CLIENTS * REQUESTS / THREADS, seed + i };
		pthread_create(&threads[i], NULL, answer_all, &answering[i]);
	}
	for (unsigned i = 0; i < CLIENTS; i++)
		client_open(&clients[i], &site);
	for (unsigned r = 0; r < REQUESTS; r++)
		for (unsigned i = 0; i < CLIENTS; i++) {
			snprintf(text, sizeof(text),
				"POST /hold HTTP/1.1\r\nHost: a\r\n"
				"Content-Length: 9\r\n\r\n%04u-%04u",
				i, r);
			client_say(&clients[i], text);
		}
	for (unsigned i = 0; i < CLIENTS; i++) {
		for (unsigned r = 0; r < REQUESTS; r++) {
			snprintf(text, sizeof(text), "%04u-%04u", i, r);
			expect_answer(&clients[i], 200, text);
		}
		client_close(&clients[i]);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	site_close(&site);
}

TEST(connections_go_to_the_loops_in_turn)
{
	enum { CLIENTS = 8 };
	struct site site;
	struct client clients[CLIENTS];
	struct answer answer;
	pthread_t threads[CLIENTS];
	site_open(&site, site_config());
	for (unsigned i = 0; i < CLIENTS; i++) {
		client_open(&clients[i], &site);
		client_say(&clients[i], GET("/thread"));
		client_answer(&clients[i], true, &answer);
		EXPECT_NUMBER(answer.body.len, sizeof(pthread_t));
		memcpy(&threads[i], answer.body.ptr, sizeof(pthread_t));
		EXPECT(i == 0 || !pthread_equal(threads[i], threads[i - 1]));
		EXPECT(i < 2 || pthread_equal(threads[i], threads[i - 2]));
	}
	for (unsigned i = 0; i < CLIENTS; i++)
		client_close(&clients[i]);
	site_close(&site);
}
