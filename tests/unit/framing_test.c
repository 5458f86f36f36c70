/* What two programs could read as different requests is refused by the server, and nothing that
 * stands behind it is carried out. */
#include "framing_forms.h"
#include "net_site.h"

#include <stdio.h>
#include <stdlib.h>

#define SECOND "POST /echo HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 2\r\n\r\nok"
#define CHUNKED "POST /echo HTTP/1.1\r\nHost: shop.example\r\nTransfer-Encoding: chunked\r\n\r\n"

static unsigned refused_forms(void)
{
	unsigned count = 0;
	for (size_t i = 0; i < COUNT(heads); i++)
		count += heads[i].http_status != 0;
	for (size_t i = 0; i < COUNT(chunk_rows); i++)
		count += chunk_rows[i].body == NULL;
	return count;
}

/* Sends a form and a good request behind it; `step` bytes at a time, 0 for all at once. */
static void send_form(struct client *client, const char *begin, const char *form, size_t step)
{
	char bytes[4096];
	int len = snprintf(bytes, sizeof(bytes), "%s%s%s", begin, form, SECOND);
	EXPECT(len > 0 && (size_t)len < sizeof(bytes));
	if (step == 0)
		step = (size_t)len;
	/* The server may have closed before the last piece: what it said is read afterwards. */
	for (size_t at = 0; at < (size_t)len; at += step) {
		size_t n = (size_t)len - at < step ? (size_t)len - at : step;
		if (send(client->fd, bytes + at, n, MSG_NOSIGNAL) < 0)
			break;
	}
}

static void expect_refusal(struct site *site, const char *title, const char *begin,
	const char *form, size_t step, unsigned status)
{
	struct server_counters before = site_counters(site);
	struct client client;
	struct answer answer;
	client_open(&client, site);
	send_form(&client, begin, form, step);
	client_answer(&client, true, &answer);
	/* Of a size that comes in pieces, the first digits can be too many already. */
	if (answer.status != status && !(step > 0 && status == 400 && answer.status == 413))
		test_fail(__FILE__, __LINE__, "%s: found %u, expected %u", title, answer.status,
			status);
	EXPECT_TEXT(answer_field(&answer, "Connection"), "close");
	EXPECT_TEXT(answer_field(&answer, "Content-Type"), "application/problem+json");
	expect_closed(&client);
	client_close(&client);
	struct server_counters after = site_counters(site);
	if (after.requests_total != before.requests_total)
		test_fail(__FILE__, __LINE__, "%s: a request was carried out", title);
	EXPECT_NUMBER(after.requests_refused_total, before.requests_refused_total + 1);
}

static void expect_all_refused(size_t step)
{
	struct site site;
	site_open(&site, site_config());
	for (size_t i = 0; i < COUNT(heads); i++)
		if (heads[i].http_status != 0)
			expect_refusal(&site, heads[i].title, "", heads[i].bytes, step,
				heads[i].http_status);
	for (size_t i = 0; i < COUNT(chunk_rows); i++)
		if (chunk_rows[i].body == NULL)
			expect_refusal(&site, chunk_rows[i].title, CHUNKED, chunk_rows[i].bytes,
				step, 400);
	site_close(&site);
}

TEST(at_least_eighty_forms_are_refused_with_400_and_others_with_what_they_are)
{
	unsigned bad_requests = 0;
	for (size_t i = 0; i < COUNT(heads); i++)
		bad_requests += heads[i].http_status == 400;
	EXPECT(bad_requests >= 80);
	EXPECT(refused_forms() >= 120);
}

TEST(each_form_is_refused_the_connection_closed_and_what_is_behind_it_not_carried_out)
{
	expect_all_refused(0);
}

TEST(the_same_in_pieces)
{
	expect_all_refused(7);
}

TEST(a_zero_byte_anywhere_is_refused_and_what_is_behind_it_not_carried_out)
{
	static const char head[] = GET "X-Note: a\r\n\r\n";
	struct site site;
	site_open(&site, site_config());
	for (size_t i = 0; i < sizeof(head) - 1; i++) {
		char bytes[sizeof(head) - 1 + sizeof(SECOND) - 1];
		struct client client;
		memcpy(bytes, head, sizeof(head) - 1);
		memcpy(bytes + sizeof(head) - 1, SECOND, sizeof(SECOND) - 1);
		bytes[i] = '\0';
		client_open(&client, &site);
		client_send(&client, bytes, sizeof(bytes));
		expect_answer(&client, 400, NULL);
		expect_closed(&client);
		client_close(&client);
	}
	EXPECT_NUMBER(site_counters(&site).requests_total, 0);
	site_close(&site);
}
