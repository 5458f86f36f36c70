/* The whole bridge in one process, and the sandbox ERP beside it: start() and stop(), requests, and
 * what the ERP holds. Shared by the tests that need both. */
#pragma once

#include "app/bridge.h"
#include "harness.h"
#include "sandbox/sandbox.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

__attribute__((unused)) static const char sale_format[] =
	"{\"store\":\"%s\",\"register\":\"03\",\"business_date\":\"2026-11-23\",\"sequence\":%u,"
	"\"type\":\"sale\",\"closed_at\":\"2026-11-23T17:03:40+01:00\",\"currency\":\"EUR\","
	"\"lines\":[{\"number\":1,\"kind\":\"sale\",\"item\":\"%s\",\"quantity\":\"6\","
	"\"unit_price\":\"2.55\",\"amount\":\"15.30\"}],\"tenders\":[{\"number\":1,"
	"\"kind\":\"cash\",\"amount\":\"15.30\"}],\"totals\":{\"net\":\"15.30\",\"tax\":\"0.00\","
	"\"gross\":\"15.30\"}}";

struct site {
	struct sandbox *erp;
	struct config config;
	struct bridge *bridge;
	CURL *curl;
	char data[128], erp_data[128];
	const char *segment_bytes; /* NULL: 8M */
	const char *yaml;          /* more configuration, NULL for none */
	char answer[1 << 18];
};

static struct site site;

__attribute__((unused)) static void part_failed(void *context, const struct error *err)
{
	(void)context;
	test_fail(__FILE__, __LINE__, "a part failed: %s", err->text);
}

__attribute__((unused)) static void start_erp(uint16_t port)
{
	struct error err;
	char listen[32];
	snprintf(listen, sizeof(listen), "127.0.0.1:%u", port);
	struct sandbox_config config = { .listen = listen, .data = site.erp_data, .seed = 7 };
	EXPECT_OK(sandbox_open(&config, &site.erp, &err), err);
}

__attribute__((unused)) static void read_more_config(void)
{
	struct error err;
	char path[160];
	snprintf(path, sizeof(path), "%s/more.yaml", test_folder());
	FILE *file = fopen(path, "we");
	EXPECT(file != NULL && fputs(site.yaml, file) >= 0 && fclose(file) == 0);
	EXPECT_OK(config_read(path, &site.config, &err), err);
}

__attribute__((unused)) static void start_bridge(void)
{
	char url[64], listen[] = "127.0.0.1:0";
	struct error err;
	const struct bridge_hooks hooks = { part_failed, NULL, NULL };
	site.config = (struct config){ .erp_count = 0 };
	options_default(serve_options, &site.config.serve);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u", sandbox_port(site.erp));
	if (site.yaml != NULL)
		read_more_config();
	const char *const values[][2] = { { "data", site.data }, { "listen", listen },
		{ "erp_url", url }, { "dev", "yes" },
		{ "segment_bytes", site.segment_bytes == NULL ? "8M" : site.segment_bytes } };
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		EXPECT_OK(option_set(option_find(serve_options, slice_of(values[i][0])),
				  &site.config.serve, slice_of(values[i][1]), &err),
			err);
	EXPECT_OK(config_development(&site.config, &err), err);
	EXPECT_OK(bridge_open(&site.config, &hooks, &site.bridge, &err), err);
}

__attribute__((unused)) static void stop_bridge(void)
{
	bridge_close(site.bridge);
	config_release(&site.config);
}

__attribute__((unused)) static void start(void)
{
	snprintf(site.data, sizeof(site.data), "%s/data", test_folder());
	snprintf(site.erp_data, sizeof(site.erp_data), "%s/erp", test_folder());
	site.curl = curl_easy_init();
	EXPECT(site.curl != NULL);
	start_erp(0);
	start_bridge();
}

__attribute__((unused)) static void stop(void)
{
	stop_bridge();
	sandbox_close(site.erp);
	curl_easy_cleanup(site.curl);
}

__attribute__((unused)) static size_t take_answer(
	char *bytes, size_t size, size_t count, void *context)
{
	size_t *used = context;
	if (*used + size * count < sizeof(site.answer)) {
		memcpy(site.answer + *used, bytes, size * count);
		*used += size * count;
	}
	return size * count;
}

/* Any request; the answer's body is in site.answer. Returns the HTTP status. */
__attribute__((unused)) static unsigned call(
	uint16_t port, const char *method, const char *path, const char *type, const char *body)
{
	char url[512], header[64];
	size_t used = 0;
	long status = 0;
	snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", port, path);
	snprintf(header, sizeof(header), "Content-Type: %s", type);
	struct curl_slist *headers = curl_slist_append(NULL, header);
	headers = curl_slist_append(headers, "Expect:");
	curl_easy_reset(site.curl);
	curl_easy_setopt(site.curl, CURLOPT_URL, url);
	curl_easy_setopt(site.curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(site.curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(site.curl, CURLOPT_WRITEFUNCTION, take_answer);
	curl_easy_setopt(site.curl, CURLOPT_WRITEDATA, &used);
	if (body != NULL)
		curl_easy_setopt(site.curl, CURLOPT_POSTFIELDS, body);
	CURLcode code = curl_easy_perform(site.curl);
	if (code != CURLE_OK)
		test_fail(__FILE__, __LINE__, "%s %s: %s", method, url, curl_easy_strerror(code));
	curl_easy_getinfo(site.curl, CURLINFO_RESPONSE_CODE, &status);
	curl_slist_free_all(headers);
	site.answer[used] = '\0';
	return (unsigned)status;
}

__attribute__((unused)) static unsigned post(const char *store, unsigned sequence, const char *item)
{
	char body[2048];
	snprintf(body, sizeof(body), sale_format, store, sequence, item);
	return call(bridge_port(site.bridge), "POST", "/v1/transactions", "application/json", body);
}

__attribute__((unused)) static unsigned get(const char *path)
{
	return call(bridge_port(site.bridge), "GET", path, "application/json", NULL);
}

__attribute__((unused)) static unsigned faults(const char *body)
{
	return call(sandbox_port(site.erp), "PUT", "/api/faults", "application/json", body);
}

/* Looks until the answer of `path` contains `text`; the harness ends a test that never sees it. */
__attribute__((unused)) static void wait_for(const char *path, const char *text)
{
	const struct timespec pause = { .tv_nsec = 2000000 };
	while (get(path) != 200 || strstr(site.answer, text) == NULL)
		nanosleep(&pause, NULL);
}

__attribute__((unused)) static void expect_erp(const char *documents, const char *references)
{
	EXPECT_NUMBER(
		call(sandbox_port(site.erp), "GET", "/api/summary", "application/json", NULL), 200);
	if (strstr(site.answer, documents) == NULL || strstr(site.answer, references) == NULL)
		test_fail(__FILE__, __LINE__, "the ERP has %s", site.answer);
}
