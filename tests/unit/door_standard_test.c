#include "intake/door_standard.h"

#include "base/signature.h"
#include "harness.h"
#include "intake/secrets.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define OTHER_SECRET "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"
#define PUBLIC_KEY "whpk_A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="

/* The public vector: by the secret, and (made with OpenSSL's command) by the private key. */
enum { VECTOR_TIME = 1614265330 };
static const char vector_id[] = "msg_p5jXN8AQM9LWM0D4loKWxJek";
static const char vector_body[] = "{\"test\": 2432232314}";
static const char vector_signature[] = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
static const char ed25519_signature[] =
	"v1a,iEefdFFutrjzfRpIHPVkD0OJda55sSkFuOPJiISmxfftsHYsf52TIpu/r3R/h+HNGfFH6O/nzOZUh3JiNSj2Cw"
	"==";

static int64_t now_s;

static int64_t wall_ms(struct clock *clock)
{
	(void)clock;
	return now_s * 1000;
}

static uint64_t monotonic_ns(struct clock *clock)
{
	(void)clock;
	return 0;
}

static struct clock test_clock = { monotonic_ns, wall_ms };

static struct {
	void *options, *door;
	struct error err;
} site;

static const char *write_secrets(const char *text, mode_t mode)
{
	static char path[4200];
	snprintf(path, sizeof(path), "%s/secrets", test_folder());
	remove(path);
	FILE *file = fopen(path, "we");
	EXPECT(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
	EXPECT(chmod(path, mode) == 0);
	return path;
}

/* Opens the door with a file of these secrets. */
static enum status open_door(const char *secrets)
{
	const char *path = write_secrets(secrets, 0600);
	now_s = VECTOR_TIME;
	site.options = calloc(1, door_standard.options_size);
	EXPECT(site.options != NULL);
	options_default(door_standard.options, site.options);
	EXPECT_OK(option_set(option_find(door_standard.options, slice_of("secret_file")),
			  site.options, slice_of(path), &site.err),
		site.err);
	struct door_config config = { .name = "shop",
		.type = &door_standard,
		.options = site.options,
		.clock = &test_clock };
	return door_standard.open(&config, &site.door, &site.err);
}

static void close_door(void)
{
	door_standard.close(site.door);
	site.door = NULL;
	options_release(door_standard.options, site.options);
	free(site.options);
}

struct message {
	const char *id, *timestamp, *signature, *body;
};

/* NULL leaves the field out. Empty when it is authentic, else why not. */
static const char *ask(struct message m)
{
	struct http_head head = { .field_count = 0 };
	const char *const fields[][2] = { { "Webhook-Id", m.id },
		{ "webhook-timestamp", m.timestamp }, { "WEBHOOK-SIGNATURE", m.signature } };
	for (unsigned i = 0; i < 3; i++)
		if (fields[i][1] != NULL)
			head.fields[head.field_count++] =
				(struct http_field){ slice_of(fields[i][0]),
					slice_of(fields[i][1]) };
	struct door_message message = { .head = &head, .body = slice_of(m.body) };
	enum status s = door_standard.authenticate(site.door, &message, &site.err);
	EXPECT(s == OK || s == E_INPUT);
	return s == OK ? "" : site.err.text;
}

static struct message vector(const char *signature)
{
	return (struct message){ vector_id, "1614265330", signature, vector_body };
}

TEST(the_public_vector_is_authentic)
{
	EXPECT_NUMBER(open_door(SECRET "\n"), OK);
	EXPECT_TEXT(ask(vector(vector_signature)), "");
	close_door();
}

TEST(any_change_of_message_or_signature_is_noticed)
{
	const char *const wrong = "webhook-signature is not one of this door's secrets";
	EXPECT_NUMBER(open_door(SECRET), OK);
	EXPECT_TEXT(ask((struct message){ "msg_2", "1614265330", vector_signature, vector_body }),
		wrong);
	EXPECT_TEXT(ask((struct message){ vector_id, "1614265331", vector_signature, vector_body }),
		wrong);
	EXPECT_TEXT(ask((struct message){
			    vector_id, "1614265330", vector_signature, "{\"test\": 2432232315}" }),
		wrong);
	EXPECT_TEXT(ask((struct message){ vector_id, "1614265330", vector_signature, "" }), wrong);
	EXPECT_TEXT(ask(vector("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OF=")), wrong);
	EXPECT_TEXT(ask(vector("v1,")), wrong);
	EXPECT_TEXT(ask(vector("v1")), wrong);
	EXPECT_TEXT(ask(vector("g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")), wrong);
	EXPECT_TEXT(ask(vector("v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")), wrong);
	EXPECT_TEXT(ask(vector("v1a,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")), wrong);
	close_door();
}

TEST(every_bit_of_the_signature_counts)
{
	uint8_t bytes[HASH_BYTES];
	size_t len;
	EXPECT_NUMBER(open_door(SECRET), OK);
	EXPECT(base64_decode(slice_of(vector_signature + 3), bytes, sizeof(bytes), &len));
	EXPECT_NUMBER(len, HASH_BYTES);
	for (unsigned bit = 0; bit < HASH_BYTES * 8; bit++) {
		static const char digits[] =
			"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
		char text[64] = "v1,";
		size_t at = 3;
		uint8_t changed[HASH_BYTES + 1] = { 0 };
		memcpy(changed, bytes, sizeof(bytes));
		changed[bit / 8] ^= (uint8_t)(1U << (bit % 8));
		for (size_t i = 0; i < HASH_BYTES; i += 3) {
			uint32_t three =
				(uint32_t)changed[i] << 16 |
				(i + 1 < sizeof(changed) ? (uint32_t)changed[i + 1] << 8 : 0) |
				(i + 2 < sizeof(changed) ? changed[i + 2] : 0);
			for (int shift = 18; shift >= 0; shift -= 6)
				text[at++] = digits[three >> shift & 63];
		}
		text[at - 1] = '=';
		text[at] = '\0';
		EXPECT(ask(vector(text))[0] != '\0');
	}
	close_door();
}

TEST(one_good_signature_among_several_is_enough)
{
	char text[400];
	EXPECT_NUMBER(open_door(SECRET), OK);
	snprintf(text, sizeof(text), "v1,AAAA v3,x %s", vector_signature);
	EXPECT_TEXT(ask(vector(text)), "");
	snprintf(text, sizeof(text), "%s v1a,AAAA", vector_signature);
	EXPECT_TEXT(ask(vector(text)), "");
	close_door();
}

TEST(old_and_new_secret_both_open_while_they_are_changed)
{
	EXPECT_NUMBER(open_door(OTHER_SECRET "\n" SECRET "\n"), OK);
	EXPECT_TEXT(ask(vector(vector_signature)), "");
	close_door();
	EXPECT_NUMBER(open_door(OTHER_SECRET "\n"), OK);
	EXPECT(ask(vector(vector_signature))[0] != '\0');
	close_door();
}

TEST(a_public_key_verifies_ed25519)
{
	struct message m = { "msg_1", "1614265330", ed25519_signature, vector_body };
	EXPECT_NUMBER(open_door(SECRET "\r\n" PUBLIC_KEY "\r\n"), OK);
	EXPECT_TEXT(ask(m), "");
	m.body = "{\"test\": 2432232313}";
	EXPECT(ask(m)[0] != '\0');
	EXPECT_TEXT(ask(vector(vector_signature)), "");
	close_door();
	EXPECT_NUMBER(open_door(SECRET), OK);
	m.body = vector_body;
	EXPECT(ask(m)[0] != '\0');
	close_door();
}

TEST(a_message_is_good_for_five_minutes_both_ways)
{
	const char *const late =
		"webhook-timestamp is more than 300 seconds from this server's time";
	EXPECT_NUMBER(open_door(SECRET), OK);
	now_s = VECTOR_TIME + 300;
	EXPECT_TEXT(ask(vector(vector_signature)), "");
	now_s = VECTOR_TIME + 301;
	EXPECT_TEXT(ask(vector(vector_signature)), late);
	now_s = VECTOR_TIME - 300;
	EXPECT_TEXT(ask(vector(vector_signature)), "");
	now_s = VECTOR_TIME - 301;
	EXPECT_TEXT(ask(vector(vector_signature)), late);
	close_door();
}

TEST(fields_that_are_missing_or_odd_are_named)
{
	const char *const no_number = "webhook-timestamp is not a number of seconds since 1970";
	char id[300];
	EXPECT_NUMBER(open_door(SECRET), OK);
	struct message m = vector(vector_signature);
	m.id = NULL;
	EXPECT_TEXT(ask(m), "webhook-id is missing");
	m.id = "";
	EXPECT_TEXT(ask(m), "webhook-id is missing");
	m.id = "msg.1";
	EXPECT_TEXT(ask(m), "webhook-id has a dot in it or more than 256 characters");
	memset(id, 'a', sizeof(id) - 1);
	id[sizeof(id) - 1] = '\0';
	m.id = id;
	EXPECT_TEXT(ask(m), "webhook-id has a dot in it or more than 256 characters");
	m = vector(NULL);
	EXPECT_TEXT(ask(m), "webhook-signature is missing");
	m = vector(vector_signature);
	m.timestamp = NULL;
	EXPECT_TEXT(ask(m), "webhook-timestamp is missing");
	m.timestamp = "1614265330.5";
	EXPECT_TEXT(ask(m), no_number);
	m.timestamp = "-1614265330";
	EXPECT_TEXT(ask(m), no_number);
	m.timestamp = "9999999999999";
	EXPECT_TEXT(ask(m), no_number);
	close_door();
}

TEST(a_field_that_stands_twice_is_refused)
{
	EXPECT_NUMBER(open_door(SECRET), OK);
	struct http_head head = { .field_count = 4 };
	head.fields[0] = (struct http_field){ SLICE("webhook-id"), slice_of(vector_id) };
	head.fields[1] = (struct http_field){ SLICE("webhook-timestamp"), SLICE("1614265330") };
	head.fields[2] =
		(struct http_field){ SLICE("webhook-signature"), slice_of(vector_signature) };
	head.fields[3] = (struct http_field){ SLICE("Webhook-Id"), slice_of(vector_id) };
	struct door_message message = { .head = &head, .body = slice_of(vector_body) };
	EXPECT_NUMBER(door_standard.authenticate(site.door, &message, &site.err), E_INPUT);
	EXPECT_TEXT(site.err.text, "webhook-id stands twice in the head");
	close_door();
}

static void expect_bad_secrets(const char *secrets, const char *why)
{
	EXPECT_NUMBER(open_door(secrets), E_CONFIG);
	if (strstr(site.err.text, why) == NULL)
		test_fail(
			__FILE__, __LINE__, "found \"%s\"\n   expected \"%s\"", site.err.text, why);
	/* The secret itself is in no message. */
	EXPECT(strstr(site.err.text, "SGVsbG8") == NULL);
	options_release(door_standard.options, site.options);
	free(site.options);
}

TEST(secrets_that_cannot_be_used_say_why_without_showing_them)
{
	expect_bad_secrets("SGVsbG8hSGVsbG8hSGVsbG8hSGVsbG8h", "begins with whsec_ or whpk_");
	expect_bad_secrets("whsec_SGVsbG8hSGVsbG8", "no base64");
	expect_bad_secrets("whsec_SGVsbG8h", "a key has 6 bytes; expected are 24 to 64");
	expect_bad_secrets("whpk_SGVsbG8hSGVsbG8hSGVsbG8h", "a key has 18 bytes; expected are 32");
	expect_bad_secrets("\n\r\n", "is empty; a secret is expected");
	expect_bad_secrets("a\nb\nc\nd\ne\nf\ng\nh\ni\n", "at most 8 secrets are allowed");
}

static const char *read_secrets(const char *path)
{
	struct secrets secrets;
	enum status s = secrets_read("secret_file", path, &secrets, &site.err);
	EXPECT(s == OK || s == E_CONFIG);
	return s == OK ? "" : site.err.text;
}

TEST(a_file_that_others_can_read_holds_no_secret)
{
	EXPECT_TEXT(read_secrets(write_secrets("x", 0600)), "");
	EXPECT_TEXT(read_secrets(write_secrets("x", 0440)), "");
	const mode_t open[] = { 0644, 0604, 0602, 0660, 0777 };
	for (unsigned i = 0; i < sizeof(open) / sizeof(open[0]); i++)
		EXPECT(strstr(read_secrets(write_secrets("x", open[i])),
			       "so others can read or change it; allowed is 0640") != NULL);
	EXPECT(strstr(read_secrets(test_folder()), "is not a regular file") != NULL);
	EXPECT(strstr(read_secrets("/nowhere/at/all"), "No such file") != NULL);
}

/* Vectors of other senders, by the same helpers. */
TEST(hmac_of_parts_is_that_of_the_whole)
{
	struct secrets secrets;
	const struct slice whole = SLICE("\"my secret message\"");
	const struct slice parts[] = { SLICE("https://example.com/webhooks/square"),
		SLICE("{\"event_id\":\"evt_123\",\"type\":\"payment.updated\"}") };
	EXPECT_OK(secrets_read("secret_file",
			  write_secrets("new one\nhush\ntest_signature_key\n", 0600), &secrets,
			  &site.err),
		site.err);
	EXPECT(secrets_signed(
		&secrets, &whole, 1, slice_of("hMTq0K2x7oyOjoBwGYeTj5oxfnaVYXzbanUG9aajpKI=")));
	EXPECT(secrets_signed(
		&secrets, parts, 2, slice_of("hP+9K0IO6NTQefXl3foXo4gTVl+B4FiLi/LWB1ZoiJg=")));
	EXPECT(!secrets_signed(
		&secrets, parts, 1, slice_of("hP+9K0IO6NTQefXl3foXo4gTVl+B4FiLi/LWB1ZoiJg=")));
	EXPECT(secrets_include(&secrets, slice_of("hush")));
	EXPECT(!secrets_include(&secrets, slice_of("hus")));
	EXPECT(!secrets_include(&secrets, slice_of("")));
}

TEST(base64_is_read_strictly)
{
	static const char *const bad[] = { "A", "AA", "AAA", "AA=A", "=AAA", "A===", "AAAA\n",
		"AB==", "AAB=", "AA==AAAA", "AA-_", "A A=", "====" };
	uint8_t out[8];
	size_t len;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (base64_decode(slice_of(bad[i]), out, sizeof(out), &len))
			test_fail(__FILE__, __LINE__, "\"%s\" was read", bad[i]);
	EXPECT(base64_decode(slice_of(""), out, sizeof(out), &len) && len == 0);
	EXPECT(base64_decode(slice_of("/+8="), out, sizeof(out), &len) && len == 2);
	EXPECT(out[0] == 0xff && out[1] == 0xef);
	EXPECT(base64_decode(slice_of("AAAAAAAAAAA="), out, sizeof(out), &len) && len == 8);
	EXPECT(!base64_decode(slice_of("AAAAAAAAAAAA"), out, sizeof(out), &len));
}
