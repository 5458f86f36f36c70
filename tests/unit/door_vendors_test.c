/* Who may call the vendors' doors. The first two signatures are public vectors: Square's rule with
 * a test key, and Shopify's from its own test; ERPNext's was made by OpenSSL's command. */
#include "harness.h"
#include "intake/door_erpnext.h"
#include "intake/door_odoo.h"
#include "intake/door_shopify.h"
#include "intake/door_square.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static struct {
	const struct door_type *type;
	void *options, *door;
	struct error err;
} site;

static void set(const char *name, const char *value)
{
	EXPECT_OK(option_set(option_find(site.type->options, slice_of(name)), site.options,
			  slice_of(value), &site.err),
		site.err);
}

static void open_door(const struct door_type *type, const char *secrets, const char *url)
{
	char path[4200];
	snprintf(path, sizeof(path), "%s/secrets", test_folder());
	FILE *file = fopen(path, "we");
	EXPECT(file != NULL && fputs(secrets, file) >= 0 && fclose(file) == 0);
	EXPECT(chmod(path, 0600) == 0);
	site.type = type;
	site.options = calloc(1, type->options_size);
	EXPECT(site.options != NULL);
	options_default(type->options, site.options);
	set("secret_file", path);
	if (url != NULL)
		set("notification_url", url);
	struct door_config config = { .name = "shop", .type = type, .options = site.options };
	EXPECT_OK(type->open(&config, &site.door, &site.err), site.err);
}

static void close_door(void)
{
	site.type->close(site.door);
	options_release(site.type->options, site.options);
	free(site.options);
}

/* Empty when it is authentic, else why not. A NULL value leaves the field out. */
static const char *ask(const char *name, const char *value, const char *body)
{
	struct http_head head = { .field_count = value != NULL };
	head.fields[0] = (struct http_field){ slice_of(name),
		value == NULL ? slice_of("") : slice_of(value) };
	struct door_message message = { .head = &head, .body = slice_of(body) };
	enum status s = site.type->authenticate(site.door, &message, &site.err);
	EXPECT(s == OK || s == E_INPUT);
	return s == OK ? "" : site.err.text;
}

TEST(square_signs_the_url_and_the_body)
{
	static const char field[] = "X-Square-HmacSha256-Signature";
	static const char body[] = "{\"event_id\":\"evt_123\",\"type\":\"payment.updated\"}";
	static const char good[] = "hP+9K0IO6NTQefXl3foXo4gTVl+B4FiLi/LWB1ZoiJg=";
	open_door(&door_square, "test_signature_key\n", "https://example.com/webhooks/square");
	EXPECT_TEXT(ask(field, good, body), "");
	EXPECT_TEXT(ask(field, good, "{\"event_id\":\"evt_124\",\"type\":\"payment.updated\"}"),
		"x-square-hmacsha256-signature is not the signature of this body by one of the "
		"door's secrets");
	EXPECT_TEXT(ask(field, NULL, body), "x-square-hmacsha256-signature is missing");
	EXPECT(ask(field, "hP+9", body)[0] != '\0');
	EXPECT(ask(field, "not base64!", body)[0] != '\0');
	close_door();
	open_door(&door_square, "test_signature_key\n", "https://example.com/webhooks/square/");
	EXPECT(ask(field, good, body)[0] != '\0');
	close_door();
}

TEST(shopify_signs_the_body_and_secrets_can_be_rotated)
{
	static const char field[] = "X-Shopify-Hmac-SHA256";
	static const char body[] = "\"my secret message\"";
	static const char good[] = "hMTq0K2x7oyOjoBwGYeTj5oxfnaVYXzbanUG9aajpKI=";
	open_door(&door_shopify, "hush\n", NULL);
	EXPECT_TEXT(ask(field, good, body), "");
	EXPECT(ask(field, good, "\"my secret message\" ")[0] != '\0');
	close_door();
	open_door(&door_shopify, "new-one\nhush\n", NULL);
	EXPECT_TEXT(ask(field, good, body), "");
	close_door();
	open_door(&door_shopify, "new-one\n", NULL);
	EXPECT(ask(field, good, body)[0] != '\0');
	close_door();
}

TEST(erpnext_signs_the_body)
{
	static const char field[] = "X-Frappe-Webhook-Signature";
	static const char body[] = "{\"name\": \"ACC-PSINV-2025-00017\"}";
	open_door(&door_erpnext, "frappe-secret\n", NULL);
	EXPECT_TEXT(ask(field, "jYZUJWk869FpfjqJu0OBR5WW5Pc2q+lU/Xwg8rTB+x0=", body), "");
	EXPECT(ask(field, "jYZUJWk869FpfjqJu0OBR5WW5Pc2q+lU/Xwg8rTB+x0=",
		       "{\"name\": \"ACC-PSINV-2025-00018\"}")[0] != '\0');
	close_door();
}

TEST(odoo_sends_a_token)
{
	static const char wrong[] = "Authorization is not \"Bearer\" with one of the door's tokens";
	open_door(&door_odoo, "token-one\ntoken-two\n", NULL);
	EXPECT_TEXT(ask("Authorization", "Bearer token-one", "{}"), "");
	EXPECT_TEXT(ask("authorization", "bearer token-two", "{}"), "");
	EXPECT_TEXT(ask("Authorization", "Bearer token-on", "{}"), wrong);
	EXPECT_TEXT(ask("Authorization", "Bearer ", "{}"), wrong);
	EXPECT_TEXT(ask("Authorization", "Basic token-one", "{}"), wrong);
	EXPECT_TEXT(ask("Authorization", "token-one", "{}"), wrong);
	EXPECT_TEXT(ask("Authorization", NULL, "{}"), "Authorization is missing");
	close_door();
}
