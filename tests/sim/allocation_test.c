/* Goal: memory that runs out costs an answer, never a sale and never the process. Method: the whole
 * intake path (HTTP server, admission, acceptor, journal) in this process, its malloc, calloc and
 * realloc wrapped by the linker. A request is sent again and again on a new site; in round N the
 * N-th allocation that it causes fails, once or from then on, N = 1, 2, 3 ... until a round ends
 * without a failure. The answer may be a success, a refusal for want of room, or none; afterwards,
 * with memory, the same sales are sent again, are accepted, and stand in the journal once. */
#include "../unit/net_site.h"
#include "../unit/sale.h"

#include "base/disk.h"
#include "intake/rest.h"
#include "journal/journal.h"

#include <stdio.h>

enum { LINES = 5, ROUNDS_MAX = 2000 };

static atomic_uint_fast64_t fail_at; /* 0: not armed */
static atomic_uint_fast64_t allocations;
static atomic_bool for_ever;
static atomic_uint_fast64_t failures;
static _Thread_local bool spared; /* the test's own thread */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static bool fails(void)
{
	uint64_t at = atomic_load(&fail_at);
	if (at == 0 || spared)
		return false;
	uint64_t number = atomic_fetch_add(&allocations, 1) + 1;
	if (number != at && !(atomic_load(&for_ever) && number > at))
		return false;
	atomic_fetch_add(&failures, 1);
	return true;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return fails() ? NULL : __real_realloc(old, size);
}

/* The intake as `serve` puts it together, without state and ERPs. */
struct intake {
	struct site site; /* its server has a handler of ours */
	struct disk *disk;
	struct journal *journal;
	struct identity *identity;
	struct acceptor *acceptor;
	struct admission *admission;
};

static enum status load_nothing(
	void *context, struct identity *identity, const struct key *day, struct error *err)
{
	(void)context;
	(void)identity;
	(void)day;
	(void)err;
	return OK;
}

static uint64_t nothing_applied(void *context)
{
	(void)context;
	return 0;
}

static void handle(void *context, struct http_request *request)
{
	rest_post(((struct intake *)context)->admission, request);
}

static void intake_open(struct intake *in, unsigned round)
{
	char path[300];
	struct error err;
	*in = (struct intake){ .site.clock.clock = { test_clock_ns, test_clock_wall_ms } };
	snprintf(path, sizeof(path), "%s/%u", test_folder(), round);
	EXPECT_OK(disk_open_folder(path, &in->disk, &err), err);
	EXPECT_OK(journal_open(in->disk, &in->site.clock.clock, 64 << 10, &in->journal, &err), err);
	struct identity_source source = { load_nothing, nothing_applied, NULL };
	EXPECT_OK(identity_open(&source, 1000, &in->identity, &err), err);
	struct acceptor_config acceptor = { .journal = in->journal,
		.identity = in->identity,
		.clock = &in->site.clock.clock,
		.queue_bytes_max = 1 << 20,
		.queue_items_max = 1000 };
	EXPECT_OK(acceptor_open(&acceptor, &in->acceptor, &err), err);
	struct admission_config admission = { .acceptor = in->acceptor,
		.clock = &in->site.clock.clock };
	EXPECT_OK(admission_open(&admission, &in->admission, &err), err);
	struct server_config server = site_config();
	server.loops = 1;
	server.handle = handle;
	server.context = in;
	EXPECT_OK(server_open(&server, &in->site.clock.clock, &in->site.server, &err), err);
}

static void intake_close(struct intake *in)
{
	server_close(in->site.server, 1000);
	acceptor_close(in->acceptor);
	admission_close(in->admission);
	identity_close(in->identity);
	journal_close(in->journal);
	in->disk->ops->close_disk(in->disk);
}

/* The sale with another number, on one line, without its own line ends. */
static size_t write_sale(unsigned sequence, char *to, size_t size)
{
	static const char number[] = "\"sequence\": 18277";
	const char *at = strstr(sale_text, number);
	int len = snprintf(to, size, "%.*s\"sequence\": %u%s", (int)(at - sale_text), sale_text,
		sequence, at + sizeof(number) - 1);
	EXPECT(len > 0 && (size_t)len < size);
	for (int i = 0; i < len; i++)
		if (to[i] == '\n')
			to[i] = ' ';
	return (size_t)len;
}

static size_t write_request(bool many, char *to, size_t size)
{
	char body[LINES * 2048];
	size_t len = 0;
	for (unsigned i = 0; i < (many ? LINES : 1U); i++) {
		len += write_sale(i + 1, body + len, sizeof(body) - len - 1);
		body[len++] = '\n';
	}
	int all = snprintf(to, size,
		"POST /v1/transactions HTTP/1.1\r\nHost: a\r\nContent-Type: application/%s\r\n"
		"Content-Length: %zu\r\n\r\n%.*s",
		many ? "x-ndjson" : "json", len, (int)len, body);
	EXPECT(all > 0 && (size_t)all < size);
	return (size_t)all;
}

/* The status of the answer and its text; 0 when the connection was closed without one. */
static unsigned exchange(struct intake *in, const char *bytes, size_t len, char *text, size_t size)
{
	int fd = try_connect(server_port(in->site.server));
	size_t have = 0;
	EXPECT(fd >= 0);
	text[0] = '\0';
	for (size_t sent = 0; sent < len;) {
		ssize_t n = send(fd, bytes + sent, len - sent, MSG_NOSIGNAL);
		if (n <= 0)
			break;
		sent += (size_t)n;
	}
	shutdown(fd, SHUT_WR);
	for (;;) {
		ssize_t n = recv(fd, text + have, size - have - 1, 0);
		if (n < 0 && errno == EAGAIN)
			test_fail(__FILE__, __LINE__, "the server neither answers nor closes");
		if (n <= 0)
			break;
		have += (size_t)n;
		text[have] = '\0';
	}
	close(fd);
	return have > 12 ? (unsigned)strtoul(text + 9, NULL, 10) : 0;
}

static unsigned count_of(const char *text, const char *word)
{
	unsigned count = 0;
	for (const char *at = text; (at = strstr(at, word)) != NULL; at++)
		count++;
	return count;
}

static unsigned transactions_in(const struct intake *in)
{
	struct journal_reader *reader;
	struct event event;
	struct error err;
	unsigned count = 0;
	EXPECT_OK(journal_reader_open(in->journal, 1, &reader, &err), err);
	while (journal_reader_next(reader, &event, &err) == OK) {
		EXPECT_NUMBER(event.kind, EVENT_TRANSACTION);
		count++;
	}
	EXPECT_NUMBER(err.status, E_RETRY);
	journal_reader_close(reader);
	return count;
}

/* False when no allocation failed: the round before was the last one that counts. */
static bool run_round(bool many, bool ever, unsigned round)
{
	static char request[LINES * 2048 + 512], text[1 << 16];
	size_t len = write_request(many, request, sizeof(request));
	unsigned sales = many ? LINES : 1;
	struct intake in;
	intake_open(&in, round);
	atomic_store(&allocations, 0);
	atomic_store(&failures, 0);
	atomic_store(&for_ever, ever);
	atomic_store(&fail_at, round);
	unsigned status = exchange(&in, request, len, text, sizeof(text));
	atomic_store(&fail_at, 0);
	bool failed = atomic_load(&failures) > 0;
	unsigned promised = count_of(text, "\"status\":\"accepted\"");
	if (status != 0 && status != 200 && status != 201 && status != 413 && status != 500 &&
		status != 503 && status != 507)
		test_fail(__FILE__, __LINE__, "allocation %u: answered %u", round, status);
	if (transactions_in(&in) < promised)
		test_fail(__FILE__, __LINE__, "allocation %u: %u acknowledged, %u kept", round,
			promised, transactions_in(&in));
	status = exchange(&in, request, len, text, sizeof(text));
	if ((status != 200 && status != 201) || count_of(text, "\"status\":\"accepted\"") != sales)
		test_fail(
			__FILE__, __LINE__, "allocation %u: sent again, answered: %s", round, text);
	if (transactions_in(&in) != sales)
		test_fail(__FILE__, __LINE__, "allocation %u: %u of %u in the journal", round,
			transactions_in(&in), sales);
	intake_close(&in);
	return failed;
}

static void run_all(bool many, bool ever)
{
	unsigned round = 1;
	spared = true;
	while (run_round(many, ever, round))
		EXPECT(++round < ROUNDS_MAX);
	EXPECT(round > 5);
}

TEST(one_sale_survives_each_allocation_that_fails_once)
{
	run_all(false, false);
}

TEST(one_sale_survives_memory_that_ends_at_each_allocation)
{
	run_all(false, true);
}

TEST(many_sales_survive_each_allocation_that_fails_once)
{
	run_all(true, false);
}

TEST(many_sales_survive_memory_that_ends_at_each_allocation)
{
	run_all(true, true);
}
