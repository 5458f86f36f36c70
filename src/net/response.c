#include "net/server_internal.h"

#include "base/json.h"
#include "base/time.h"

#include <stdio.h>
#include <strings.h>

enum { HEAD_RESERVE_BYTES = 512, PROBLEM_BYTES_MAX = 8 << 10, MS_PER_DAY = 86400 * 1000 };

/* True when the text of whole header lines has one of this name. */
static bool has_field(const char *lines, const char *name)
{
	size_t len = strlen(name);
	while (lines != NULL && *lines != '\0') {
		if (strncasecmp(lines, name, len) == 0 && lines[len] == ':')
			return true;
		lines = strchr(lines, '\n');
		lines = lines == NULL ? NULL : lines + 1;
	}
	return false;
}

static void two_digits(char *to, int64_t value)
{
	to[0] = (char)('0' + value / 10);
	to[1] = (char)('0' + value % 10);
}

/* "Date: Mon, 23 Nov 2026 21:43:56 GMT": by hand, because any thread writes it for every answer,
 * and a cache would need a lock that costs more. */
static void write_date(struct buf *out, int64_t wall_ms)
{
	static const char weekdays[] = "ThuFriSatSunMonTueWed";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	char text[] = "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n";
	int64_t days = wall_ms / MS_PER_DAY, seconds = wall_ms % MS_PER_DAY / 1000;
	date_t date = date_from_days(days);
	memcpy(text + 6, weekdays + days % 7 * 3, 3);
	two_digits(text + 11, date % 100);
	memcpy(text + 14, months + (date / 100 % 100 - 1) * 3, 3);
	two_digits(text + 18, date / 1000000);
	two_digits(text + 20, date / 10000 % 100);
	two_digits(text + 23, seconds / 3600);
	two_digits(text + 26, seconds / 60 % 60);
	two_digits(text + 29, seconds % 60);
	buf_append(out, text, sizeof(text) - 1);
}

static bool has_no_body(unsigned status)
{
	return status < 200 || status == 204 || status == 304;
}

static void write_security(struct buf *out, const struct http_response *response)
{
	buf_text(out, "X-Content-Type-Options: nosniff\r\n");
	if (!has_field(response->headers, "Cache-Control"))
		buf_text(out, "Cache-Control: no-store\r\n");
	bool html = response->content_type != NULL &&
		    strncasecmp(response->content_type, "text/html", 9) == 0;
	/* A page says itself what it may load; nothing else is ever run or framed. */
	if (!html && !has_field(response->headers, "Content-Security-Policy"))
		buf_text(out, "Content-Security-Policy: default-src 'none'; "
			      "frame-ancestors 'none'\r\n");
}

enum status response_write(struct buf *out, const struct http_head *head,
	const struct http_response *response, bool keep_alive, int64_t wall_ms)
{
	bool bodiless = has_no_body(response->status);
	struct slice body = bodiless ? (struct slice){ NULL, 0 } : response->body;
	buf_reserve(out, HEAD_RESERVE_BYTES + body.len);
	buf_text(out, "HTTP/1.1 ");
	buf_u64(out, response->status);
	buf_char(out, ' ');
	buf_text(out, http_status_text(response->status));
	buf_text(out, "\r\n");
	write_date(out, wall_ms);
	if (response->content_type != NULL && !bodiless) {
		buf_text(out, "Content-Type: ");
		buf_text(out, response->content_type);
		buf_text(out, "\r\n");
	}
	if (!bodiless) {
		buf_text(out, "Content-Length: ");
		buf_u64(out, body.len);
		buf_text(out, "\r\n");
	}
	write_security(out, response);
	if (!keep_alive)
		buf_text(out, "Connection: close\r\n");
	else if (head->minor == 0)
		buf_text(out, "Connection: keep-alive\r\n");
	if (response->headers != NULL)
		buf_text(out, response->headers);
	buf_text(out, "\r\n");
	if (head == NULL || !slice_is(head->method, "HEAD"))
		buf_slice(out, body);
	return out->failed ? E_FULL : OK;
}

enum status response_write_problem(
	struct buf *out, unsigned status, const char *detail, int64_t wall_ms)
{
	char headers[64];
	struct buf body;
	buf_init(&body, PROBLEM_BYTES_MAX);
	buf_char(&body, '{');
	json_write_member_text(&body, "title", http_status_text(status));
	json_write_member_u64(&body, "status", status);
	json_write_member_text(&body, "detail", detail);
	buf_char(&body, '}');
	snprintf(headers, sizeof(headers), "Retry-After: %d\r\n", SERVER_RETRY_AFTER_S);
	struct http_response response = {
		.status = status,
		.content_type = "application/problem+json",
		.headers = status == 503 ? headers : NULL,
		.body = buf_get(&body),
	};
	enum status s = response_write(out, NULL, &response, false, wall_ms);
	buf_release(&body);
	return s;
}
