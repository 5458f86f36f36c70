#include "net_site.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

/* Moves the clock in small steps until the server has counted a time-out. */
static void await_timeout(struct site *site)
{
	while (site_counters(site).timeouts_total == 0) {
		site_advance(site, 10);
		sched_yield();
	}
}

TEST(a_head_that_does_not_end_is_timed_out)
{
	struct site site;
	struct client client;
	site_open(&site, site_config());
	client_open(&client, &site);
	client_say(&client, "GET / HT");
	site_await_bytes(&site, 8);
	site_advance(&site, 1001);
	expect_answer(&client, 408, NULL);
	expect_closed(&client);
	client_close(&client);
	site_close(&site);
}

/* One byte now and then must not hold a connection: the time counts from the first. */
TEST(a_dripping_head_gets_no_more_time)
{
	struct site site;
	struct client client;
	site_open(&site, site_config());
	client_open(&client, &site);
	for (unsigned i = 0; i < 4; i++) {
		client_say(&client, "G");
		site_await_bytes(&site, i + 1);
		site_advance(&site, 250);
	}
	client_say(&client, "E");
	expect_answer(&client, 408, NULL);
	expect_closed(&client);
	EXPECT_NUMBER(site_counters(&site).timeouts_total, 1);
	client_close(&client);
	site_close(&site);
}

TEST(a_body_that_stops_is_timed_out)
{
	static const char begun[] =
		"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel";
	struct site site;
	struct client client;
	site_open(&site, site_config());
	client_open(&client, &site);
	client_say(&client, begun);
	site_await_bytes(&site, sizeof(begun) - 1);
	await_timeout(&site);
	expect_answer(&client, 408, NULL);
	expect_closed(&client);
	client_close(&client);
	site_close(&site);
}

TEST(a_body_may_take_its_time_when_it_keeps_up_the_rate)
{
	static const char head[] =
		"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10000\r\n\r\n";
	struct site site;
	struct client client;
	struct answer answer;
	char piece[1000];
	memset(piece, 'p', sizeof(piece));
	site_open(&site, site_config());
	client_open(&client, &site);
	client_say(&client, head);
	for (unsigned i = 0; i < 10; i++) {
		site_await_bytes(&site, sizeof(head) - 1 + i * sizeof(piece));
		site_advance(&site, 900);
		client_send(&client, piece, sizeof(piece));
	}
	client_answer(&client, true, &answer);
	EXPECT_NUMBER(answer.status, 200);
	EXPECT_NUMBER(answer.body.len, 10000);
	client_close(&client);
	site_close(&site);
}

TEST(a_dripping_body_is_timed_out)
{
	static const char head[] = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n";
	struct site site;
	struct client client;
	site_open(&site, site_config());
	client_open(&client, &site);
	client_say(&client, head);
	for (unsigned i = 0; i < 3; i++) {
		site_await_bytes(&site, sizeof(head) - 1 + i);
		site_advance(&site, 600);
		client_say(&client, "b");
	}
	expect_answer(&client, 408, NULL);
	expect_closed(&client);
	client_close(&client);
	site_close(&site);
}

TEST(an_idle_connection_is_closed_without_words)
{
	struct site site;
	struct client client;
	struct server_config config = site_config();
	config.idle_ms = 50;
	site_open(&site, config);
	client_open(&client, &site);
	client_say(&client, GET("/echo"));
	expect_answer(&client, 200, "");
	site_advance(&site, 51);
	expect_closed(&client);
	EXPECT_NUMBER(site_counters(&site).timeouts_total, 0);
	client_close(&client);
	site_close(&site);
}

TEST(a_client_that_does_not_take_its_answer_is_dropped)
{
	struct site site;
	struct client client;
	site_open(&site, site_config());
	client_open(&client, &site);
	client_say(&client, GET("/big"));
	while (site_counters(&site).bytes_out_total == 0)
		sched_yield();
	await_timeout(&site);
	while (site_counters(&site).connections_open > 0)
		sched_yield();
	client_close(&client);
	site_close(&site);
}

TEST(a_large_answer_arrives_whole)
{
	struct site site;
	struct client client;
	struct answer answer;
	site_open(&site, site_config());
	client_open(&client, &site);
	client_say(&client, GET("/big") GET("/echo"));
	client_answer(&client, true, &answer);
	EXPECT_NUMBER(answer.body.len, BIG_BYTES);
	expect_answer(&client, 200, "");
	client_close(&client);
	site_close(&site);
}

TEST(a_body_beyond_the_limit_is_refused_before_it_is_read)
{
	struct site site;
	struct client client;
	site_open(&site, site_config());
	client_open(&client, &site);
	client_say(&client, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n");
	expect_answer(&client, 413, NULL);
	expect_closed(&client);
	client_close(&client);
	site_close(&site);
}

TEST(chunks_beyond_the_limit_are_refused)
{
	static const char *const sizes[] = { "100001\r\n", "fffffffffffffff\r\n" };
	struct site site;
	site_open(&site, site_config());
	for (unsigned i = 0; i < 2; i++) {
		struct client client;
		client_open(&client, &site);
		client_say(&client, "POST /echo HTTP/1.1\r\nHost: a\r\n"
				    "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
		client_say(&client, sizes[i]);
		expect_answer(&client, 413, NULL);
		expect_closed(&client);
		client_close(&client);
	}
	site_close(&site);
}

/* Goal: the answer is not lost to a reset when the client is still sending. Method: a client that
 * goes on with its body in many pieces; a server that had closed would make the second one fail. */
TEST(a_client_reads_its_refusal_while_it_is_still_sending)
{
	static const char piece[64 << 10];
	struct site site;
	struct client client;
	site_open(&site, site_config());
	client_open(&client, &site);
	client_say(&client, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n");
	while (site_counters(&site).requests_refused_total == 0)
		sched_yield();
	for (unsigned i = 0; i < 8; i++)
		client_send(&client, piece, sizeof(piece));
	expect_answer(&client, 413, NULL);
	client_send(&client, piece, sizeof(piece));
	expect_closed(&client);
	client_close(&client);
	site_close(&site);
}

TEST(a_connection_too_many_is_told_to_come_back)
{
	struct site site;
	struct client busy[2], third;
	struct answer answer;
	struct server_config config = site_config();
	config.connections_max = 2;
	site_open(&site, config);
	for (unsigned i = 0; i < 2; i++) {
		client_open(&busy[i], &site);
		client_say(&busy[i], GET("/hold"));
	}
	struct http_request *held[2] = { site_take(&site), site_take(&site) };
	client_open(&third, &site);
	client_answer(&third, true, &answer);
	EXPECT_NUMBER(answer.status, 503);
	EXPECT_TEXT(answer_field(&answer, "Retry-After"), "1");
	expect_closed(&third);
	client_close(&third);
	for (unsigned i = 0; i < 2; i++)
		echo(held[i]);
	for (unsigned i = 0; i < 2; i++) {
		expect_answer(&busy[i], 200, "");
		client_close(&busy[i]);
	}
	site_close(&site);
}

TEST(the_connection_that_is_idle_for_longest_makes_room)
{
	struct site site;
	struct client clients[3];
	struct server_config config = site_config();
	config.connections_max = 2;
	config.loops = 1;
	site_open(&site, config);
	for (unsigned i = 0; i < 3; i++) {
		client_open(&clients[i], &site);
		client_say(&clients[i], GET("/echo"));
		expect_answer(&clients[i], 200, "");
	}
	expect_closed(&clients[0]);
	for (unsigned i = 1; i < 3; i++) {
		client_say(&clients[i], GET("/echo"));
		expect_answer(&clients[i], 200, "");
	}
	for (unsigned i = 0; i < 3; i++)
		client_close(&clients[i]);
	site_close(&site);
}

/* Goal: without descriptors the server waits and goes on. Method: clients, which take theirs from
 * the same process, until there are none; then every other one goes, and all others are served. */
TEST(running_out_of_descriptors_only_delays)
{
	enum { CLIENTS_MAX = 64 };
	struct site site;
	struct client clients[CLIENTS_MAX];
	struct rlimit few = { .rlim_cur = 48, .rlim_max = 48 };
	struct server_config config = site_config();
	unsigned count = 0;
	config.idle_ms = UINT32_MAX;
	site_open(&site, config);
	EXPECT(setrlimit(RLIMIT_NOFILE, &few) == 0);
	for (int fd; count < CLIENTS_MAX && (fd = try_connect(server_port(site.server))) >= 0;
		count++) {
		clients[count] = (struct client){ .fd = fd };
		buf_init(&clients[count].in, 1 << 16);
	}
	EXPECT(count > 8 && count < CLIENTS_MAX);
	for (unsigned i = 0; i < count; i += 2)
		client_close(&clients[i]);
	while (site_counters(&site).connections_total < count) {
		site_advance(&site, 10);
		sched_yield();
	}
	for (unsigned i = 1; i < count; i += 2) {
		client_say(&clients[i], GET("/echo"));
		expect_answer(&clients[i], 200, "");
		client_close(&clients[i]);
	}
	site_close(&site);
}

TEST(a_client_may_go_before_its_answer)
{
	struct site site;
	struct client client;
	site_open(&site, site_config());
	client_open(&client, &site);
	client_say(&client, "POST /hold HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok");
	struct http_request *request = site_take(&site);
	struct linger reset = { .l_onoff = 1 };
	setsockopt(client.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	client_close(&client);
	EXPECT(slice_is(http_request_body(request), "ok"));
	echo(request);
	while (site_counters(&site).connections_open > 0)
		sched_yield();
	site_close(&site);
}

static void *close_site(void *context)
{
	struct site *site = context;
	server_close(site->server, 60000);
	return NULL;
}

TEST(closing_answers_what_is_under_way_and_lets_the_others_go)
{
	struct site site;
	struct client busy, idle;
	struct answer answer;
	pthread_t closer;
	site_open(&site, site_config());
	uint16_t port = server_port(site.server);
	client_open(&busy, &site);
	client_open(&idle, &site);
	client_say(&idle, GET("/echo"));
	expect_answer(&idle, 200, "");
	client_say(&busy, GET("/hold"));
	struct http_request *request = site_take(&site);
	pthread_create(&closer, NULL, close_site, &site);
	expect_closed(&idle);
	int fd;
	while ((fd = try_connect(port)) >= 0)
		close(fd);
	echo(request);
	client_answer(&busy, true, &answer);
	EXPECT_NUMBER(answer.status, 200);
	EXPECT_TEXT(answer_field(&answer, "Connection"), "close");
	expect_closed(&busy);
	pthread_join(closer, NULL);
	client_close(&busy);
	client_close(&idle);
	free(site.big);
}

TEST(a_request_may_be_answered_after_the_server_has_given_up)
{
	struct site site;
	struct client clients[3];
	site_open(&site, site_config());
	for (unsigned i = 0; i < 3; i++) {
		client_open(&clients[i], &site);
		client_say(&clients[i], "POST /hold HTTP/1.1\r\nHost: a\r\n"
					"Content-Length: 2\r\n\r\nok");
	}
	struct http_request *requests[3];
	for (unsigned i = 0; i < 3; i++)
		requests[i] = site_take(&site);
	server_close(site.server, 0);
	EXPECT(slice_is(http_request_body(requests[0]), "ok"));
	echo(requests[0]);
	http_resume(requests[1], echo);
	echo(requests[2]);
	for (unsigned i = 0; i < 3; i++) {
		expect_closed(&clients[i]);
		client_close(&clients[i]);
	}
	free(site.big);
}

TEST(closing_does_not_wait_for_clients_that_only_began)
{
	struct site site;
	struct client client;
	site_open(&site, site_config());
	client_open(&client, &site);
	client_say(&client, "GET / HT");
	site_await_bytes(&site, 8);
	server_close(site.server, 10);
	expect_closed(&client);
	client_close(&client);
	free(site.big);
}

TEST(what_cannot_be_served_is_refused_at_the_start)
{
	struct site site;
	struct server *server;
	struct error err;
	struct server_config config = site_config(), odd = config;
	odd.loops = 0;
	EXPECT(server_open(&odd, clock_system(), &server, &err) == E_CONFIG);
	EXPECT_TEXT(err.text, "0 event loops are asked for; expected 1 to 64");
	odd = config;
	odd.address = "shop.example";
	EXPECT(server_open(&odd, clock_system(), &server, &err) == E_CONFIG);
	odd = config;
	odd.tls_cert = "cert.pem";
	EXPECT(server_open(&odd, clock_system(), &server, &err) == E_CONFIG);
	odd = config;
	odd.idle_ms = 0;
	EXPECT(server_open(&odd, clock_system(), &server, &err) == E_CONFIG);
	site_open(&site, config);
	odd = config;
	odd.port = server_port(site.server);
	EXPECT(server_open(&odd, clock_system(), &server, &err) == E_CONFIG);
	site_close(&site);
	server_close(NULL, 0);
}

TEST(a_server_listens_on_ipv6_too)
{
	struct server_config config = site_config();
	struct site site;
	config.address = "::1";
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };
	/* A machine without IPv6 cannot show it. */
	if (fd < 0 || bind(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
		return;
	close(fd);
	site_open(&site, config);
	fd = socket(AF_INET6, SOCK_STREAM, 0);
	to.sin6_port = htons(server_port(site.server));
	EXPECT(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
	close(fd);
	site_close(&site);
}
