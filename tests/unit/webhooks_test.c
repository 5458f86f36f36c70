#include "bridge_site.h"

#include "base/signature.h"
#include "intake/door_set.h"

#include <sys/stat.h>

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define NEW_SECRET "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"

static char yaml[4096], secrets_path[256];
static const char *signing_secret = SECRET;

static void write_secrets(const char *text)
{
	FILE *file = fopen(secrets_path, "we");
	EXPECT(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
	EXPECT(chmod(secrets_path, 0600) == 0);
}

/* A bridge with a door "shop"; `options` are further ones, each on a line of its own. */
static void start_with_door(const char *options)
{
	snprintf(secrets_path, sizeof(secrets_path), "%s/secrets", test_folder());
	snprintf(yaml, sizeof(yaml), "doors:\n  shop:\n    door: standard\n    secret_file: %s\n%s",
		secrets_path, options);
	write_secrets(SECRET "\n");
	signing_secret = SECRET;
	site.yaml = yaml;
	start();
}

static void sign(const char *id, const char *timestamp, const char *body, char *text, size_t size)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint8_t key[64];
	size_t len;
	EXPECT(base64_decode(slice_of(signing_secret + 6), key, sizeof(key), &len));
	const struct slice dot = SLICE(".");
	const struct slice parts[] = { slice_of(id), dot, slice_of(timestamp), dot,
		slice_of(body) };
	struct hash hash = hmac_sha256(slice_make(key, len), parts, 5);
	char base64[48];
	size_t at = 0;
	for (unsigned i = 0; i < HASH_BYTES; i += 3) {
		uint32_t three = (uint32_t)hash.bytes[i] << 16 | (uint32_t)hash.bytes[i + 1] << 8 |
				 (i + 2 < HASH_BYTES ? hash.bytes[i + 2] : 0);
		for (int shift = 18; shift >= 0; shift -= 6)
			base64[at++] = digits[three >> shift & 63];
	}
	base64[at - 1] = '=';
	base64[at] = '\0';
	snprintf(text, size, "v1,%s", base64);
}

/* A message to the door `name`; NULL for `signature`: the right one. */
static unsigned knock(const char *name, const char *body, const char *signature)
{
	char url[256], timestamp[32], right[80], fields[3][160];
	size_t used = 0;
	long status = 0;
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/v1/webhooks/%s", bridge_port(site.bridge),
		name);
	snprintf(timestamp, sizeof(timestamp), "%lld", (long long)time(NULL));
	sign("msg_1", timestamp, body, right, sizeof(right));
	snprintf(fields[0], sizeof(fields[0]), "webhook-id: msg_1");
	snprintf(fields[1], sizeof(fields[1]), "webhook-timestamp: %s", timestamp);
	snprintf(fields[2], sizeof(fields[2]), "webhook-signature: %s",
		signature == NULL ? right : signature);
	struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
	for (unsigned i = 0; i < 3; i++)
		headers = curl_slist_append(headers, fields[i]);
	curl_easy_reset(site.curl);
	curl_easy_setopt(site.curl, CURLOPT_URL, url);
	curl_easy_setopt(site.curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(site.curl, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(site.curl, CURLOPT_WRITEFUNCTION, take_answer);
	curl_easy_setopt(site.curl, CURLOPT_WRITEDATA, &used);
	EXPECT_NUMBER(curl_easy_perform(site.curl), CURLE_OK);
	curl_easy_getinfo(site.curl, CURLINFO_RESPONSE_CODE, &status);
	curl_slist_free_all(headers);
	site.answer[used] = '\0';
	return (unsigned)status;
}

static const char *sale(const char *store, unsigned sequence)
{
	static char body[2048];
	snprintf(body, sizeof(body), sale_format, store, sequence, "A1");
	return body;
}

static void expect_answer(const char *text)
{
	if (strstr(site.answer, text) == NULL)
		test_fail(__FILE__, __LINE__, "found    %s\n   expected %s", site.answer, text);
}

static void expect_nothing_kept(void)
{
	EXPECT_NUMBER(get("/v1/transactions"), 200);
	expect_answer("\"transactions\":[]");
}

TEST(a_signed_message_is_accepted_and_a_retry_gets_the_same_receipt)
{
	static char receipt[100];
	start_with_door("");
	EXPECT_NUMBER(knock("shop", sale("0042", 1), NULL), 200);
	expect_answer("{\"items\":[{\"status_code\":201,\"key\":\"0042/03/2026-11-23/1\"");
	const char *at = strstr(site.answer, "\"receipt\":");
	EXPECT(at != NULL);
	snprintf(receipt, sizeof(receipt), "%.44s", at);
	EXPECT_NUMBER(knock("shop", sale("0042", 1), NULL), 200);
	expect_answer(receipt);
	expect_answer("\"status_code\":200");
	expect_answer("\"duplicate\":true");
	EXPECT_NUMBER(get("/v1/doors"), 200);
	expect_answer("{\"doors\":[{\"name\":\"shop\",\"door\":\"standard\",\"state\":\"open\","
		      "\"path\":\"/v1/webhooks/shop\",\"mapping\":\"transaction\",\"messages\":2,"
		      "\"unauthenticated\":0,\"records\":2,\"accepted\":1,\"duplicates\":1,");
	EXPECT(strstr(site.answer, "secret") == NULL);
	EXPECT_NUMBER(get("/metrics"), 200);
	expect_answer("tillbridge_door_accepted_total{door=\"shop\"} 1\n");
	stop();
}

TEST(data_of_a_standard_message_is_the_document)
{
	static char body[3000];
	start_with_door("");
	snprintf(body, sizeof(body),
		"{\"type\":\"sale.closed\",\"timestamp\":\"2026-11-23T17:03:40Z\",\"data\":%s}",
		sale("0042", 1));
	EXPECT_NUMBER(knock("shop", body, NULL), 200);
	expect_answer("\"key\":\"0042/03/2026-11-23/1\"");
	stop();
}

TEST(a_bad_signature_is_401_and_nothing_of_it_is_kept)
{
	start_with_door("");
	EXPECT_NUMBER(
		knock("shop", sale("0042", 1), "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
		401);
	expect_answer("/problems/unauthenticated");
	expect_nothing_kept();
	/* Not even read: what is no JSON gets the same answer. */
	EXPECT_NUMBER(knock("shop", "{\"pan\":", "v1,AAAA"), 401);
	EXPECT_NUMBER(get("/v1/doors"), 200);
	expect_answer("\"unauthenticated\":2,\"records\":0");
	expect_answer("\"last_error\":\"webhook-signature is not one of this door's secrets\"");
	stop();
}

TEST(an_unknown_name_is_404)
{
	start_with_door("    store: '0042'\n  drop:\n    door: folder\n    folder: /tmp\n"
			"    mapping: transactions\n    pattern: none-of-these-names\n");
	EXPECT_NUMBER(knock("other", sale("0042", 1), NULL), 404);
	EXPECT_NUMBER(knock("drop", sale("0042", 1), NULL), 404);
	EXPECT_NUMBER(knock("%73hop", sale("0042", 1), NULL), 200);
	EXPECT_NUMBER(knock("%zzhop", sale("0042", 1), NULL), 404);
	EXPECT_NUMBER(get("/v1/webhooks/shop"), 405);
	stop();
}

TEST(a_message_above_the_limit_is_413_before_it_is_authenticated)
{
	static char body[4096];
	start_with_door("    body_bytes_max: 2K\n");
	memset(body, ' ', 2049);
	body[2049] = '\0';
	EXPECT_NUMBER(knock("shop", body, "v1,AAAA"), 413);
	EXPECT_NUMBER(get("/v1/doors"), 200);
	expect_answer("\"unauthenticated\":0");
	expect_answer("\"errors\":1");
	body[2048] = '\0';
	EXPECT_NUMBER(knock("shop", body, NULL), 400);
	stop();
}

TEST(each_record_is_answered_and_the_worst_is_the_status)
{
	static char body[8192], one[2048];
	start_with_door("");
	snprintf(one, sizeof(one), "%s", sale("0042", 1));
	snprintf(body, sizeof(body), "[%s,{\"store\":\"0042\"},%s]", one, sale("0042", 2));
	EXPECT_NUMBER(knock("shop", body, NULL), 422);
	expect_answer("\"detail\":\"1 of 3 records did not become transactions");
	expect_answer("\"items\":[{\"status_code\":201");
	expect_answer("\"rule\":\"schema\"");
	expect_answer("\"pointer\":\"/register\"");
	expect_answer("\"skipped\":0}");
	EXPECT_NUMBER(knock("shop", body, NULL), 422);
	expect_answer("\"items\":[{\"status_code\":200");
	EXPECT_NUMBER(knock("shop", "{\"no json", NULL), 400);
	expect_answer("/problems/malformed");
	EXPECT_NUMBER(knock("shop", "", NULL), 400);
	stop();
}

TEST(a_door_speaks_for_its_store_alone)
{
	start_with_door("    store: '0042'\n    register: '03'\n");
	EXPECT_NUMBER(knock("shop", sale("0043", 1), NULL), 422);
	expect_answer("\"rule\":\"door.origin\"");
	expect_answer("\"pointer\":\"/store\"");
	expect_nothing_kept();
	EXPECT_NUMBER(knock("shop", sale("0042", 1), NULL), 200);
	stop();
}

TEST(records_beyond_the_limit_are_413_and_nothing_is_kept)
{
	struct buf body;
	start_with_door("");
	buf_init(&body, 4 << 20);
	for (unsigned i = 1; i <= 1001; i++) {
		buf_char(&body, i == 1 ? '[' : ',');
		buf_text(&body, sale("0042", i));
	}
	buf_text(&body, "]");
	buf_char(&body, '\0');
	EXPECT_NUMBER(knock("shop", body.ptr, NULL), 413);
	expect_answer("more than 1000 records; nothing of the message was kept");
	expect_nothing_kept();
	buf_release(&body);
	stop();
}

TEST(a_new_secret_is_read_without_a_restart)
{
	struct error err;
	start_with_door("");
	write_secrets(NEW_SECRET "\n" SECRET "\n");
	signing_secret = NEW_SECRET;
	EXPECT_NUMBER(knock("shop", sale("0042", 1), NULL), 401);
	EXPECT_OK(bridge_reload_doors(site.bridge, &err), err);
	EXPECT_NUMBER(knock("shop", sale("0042", 1), NULL), 200);
	signing_secret = SECRET;
	EXPECT_NUMBER(knock("shop", sale("0042", 2), NULL), 200);
	write_secrets("nonsense\n");
	EXPECT_NUMBER(bridge_reload_doors(site.bridge, &err), E_CONFIG);
	EXPECT(strstr(err.text, "doors: shop: secret_file") != NULL);
	EXPECT_NUMBER(knock("shop", sale("0042", 3), NULL), 200);
	stop();
}

TEST(what_a_called_door_took_reaches_the_erp_with_its_source)
{
	start_with_door("");
	EXPECT_NUMBER(knock("shop", sale("0042", 1), NULL), 200);
	wait_for("/v1/transactions/0042/03/2026-11-23/1", "\"state\":\"agreed\"");
	expect_answer("accepted through shop and durable");
	stop();
}
