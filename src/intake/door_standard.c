#include "intake/door_standard.h"

#include "base/check.h"
#include "base/signature.h"
#include "intake/door_signed.h"
#include "intake/secrets.h"

#include <stddef.h>
#include <stdlib.h>

enum { ID_BYTES_MAX = 256, SIGNATURES_MAX = 16, KEY_BYTES_MIN = 24, KEY_BYTES_MAX = 64 };

struct standard_options {
	char *secret_file;
	uint64_t tolerance_ms;
};

struct signing_key {
	bool is_public; /* Ed25519 */
	size_t len;
	uint8_t bytes[KEY_BYTES_MAX];
};

struct door {
	const struct standard_options *options;
	struct clock *clock;
	unsigned count;
	struct signing_key keys[SECRETS_MAX];
};

static const struct option rows[] = {
	{ .name = "secret_file",
		.type = OPTION_TEXT,
		.offset = offsetof(struct standard_options, secret_file),
		.required = true,
		.min = 1,
		.max = 4000,
		.help = "A file with the secrets, one a line: whsec_... (shared) or whpk_... (the "
			"sender's public key)." },
	{ .name = "tolerance",
		.type = OPTION_DURATION,
		.offset = offsetof(struct standard_options, tolerance_ms),
		.fallback = "5m",
		.min = 1000,
		.max = 86400000,
		.help = "How far the message's time may be from ours, both ways." },
	{ .name = NULL },
};

static struct slice without(struct slice text, const char *prefix)
{
	size_t n = strlen(prefix);
	return slice_make(text.ptr + n, text.len - n);
}

static enum status read_key(
	struct slice text, struct signing_key *key, const char *path, struct error *err)
{
	key->is_public = slice_starts(text, "whpk_");
	if (!key->is_public && !slice_starts(text, "whsec_"))
		return error_set(err, E_CONFIG,
			"secret_file: %s: a secret begins with whsec_ or whpk_", path);
	struct slice base64 = without(text, key->is_public ? "whpk_" : "whsec_");
	if (!base64_decode(base64, key->bytes, sizeof(key->bytes), &key->len))
		return error_set(err, E_CONFIG,
			"secret_file: %s: what stands behind %s is no base64 of at most %d bytes",
			path, key->is_public ? "whpk_" : "whsec_", KEY_BYTES_MAX);
	size_t min = key->is_public ? ED25519_KEY_BYTES : KEY_BYTES_MIN;
	size_t max = key->is_public ? ED25519_KEY_BYTES : KEY_BYTES_MAX;
	if (key->len < min || key->len > max)
		return error_set(err, E_CONFIG,
			"secret_file: %s: a key has %zu bytes; expected are %zu to %zu", path,
			key->len, min, max);
	return OK;
}

static enum status read_keys(struct door *door, struct error *err)
{
	struct secrets secrets;
	const char *path = door->options->secret_file;
	enum status s = secrets_read("secret_file", path, &secrets, err);
	if (s != OK)
		return s;
	for (unsigned i = 0; i < secrets.count && s == OK; i++)
		s = read_key(secret_get(&secrets.items[i]), &door->keys[door->count++], path, err);
	secrets_wipe(&secrets);
	return s;
}

static void standard_close(void *context)
{
	struct door *door = context;
	if (door == NULL)
		return;
	explicit_bzero(door->keys, sizeof(door->keys));
	free(door);
}

static enum status standard_open(
	const struct door_config *config, void **ret_door, struct error *err)
{
	struct door *door = calloc(1, sizeof(*door));
	if (door == NULL)
		return error_set(err, E_FULL, "out of memory");
	door->options = config->options;
	door->clock = config->clock;
	enum status s = read_keys(door, err);
	if (s != OK) {
		standard_close(door);
		return s;
	}
	*ret_door = door;
	return OK;
}

static enum status check_time(const struct door *door, struct slice text, struct error *err)
{
	uint64_t seconds, now = (uint64_t)(door->clock->wall_ms(door->clock) / 1000);
	uint64_t tolerance = door->options->tolerance_ms / 1000;
	if (text.len > 12 || !slice_to_u64(text, &seconds))
		return error_set(
			err, E_INPUT, "webhook-timestamp is not a number of seconds since 1970");
	if (seconds + tolerance < now || seconds > now + tolerance)
		return error_set(err, E_INPUT,
			"webhook-timestamp is more than %llu seconds from this server's time",
			(unsigned long long)tolerance);
	return OK;
}

/* Every key that can have made a signature of this version is tried. */
static bool signature_matches(const struct door *door, struct slice version, struct slice base64,
	const struct slice parts[static 5], struct slice whole)
{
	uint8_t signature[ED25519_SIGNATURE_BYTES];
	size_t len = 0;
	bool is_public = slice_is(version, "v1a"), found = false;
	if (!is_public && !slice_is(version, "v1"))
		return false;
	if (!base64_decode(base64, signature, sizeof(signature), &len) ||
		len != (is_public ? (size_t)ED25519_SIGNATURE_BYTES : (size_t)HASH_BYTES))
		return false;
	for (unsigned i = 0; i < door->count; i++) {
		const struct signing_key *key = &door->keys[i];
		if (key->is_public != is_public)
			continue;
		if (is_public) {
			found |= ed25519_verify(key->bytes, whole, signature);
			continue;
		}
		struct hash hash = hmac_sha256(slice_make(key->bytes, key->len), parts, 5);
		found |= bytes_same(hash.bytes, signature, HASH_BYTES);
	}
	return found;
}

static enum status check_signatures(const struct door *door, struct slice signatures,
	const struct slice parts[static 5], struct error *err)
{
	struct buf whole;
	bool found = false;
	unsigned count = 0;
	size_t len = 0;
	for (unsigned i = 0; i < 5; i++)
		len += parts[i].len;
	buf_init(&whole, len + 1);
	for (unsigned i = 0; i < 5; i++)
		buf_slice(&whole, parts[i]);
	while (signatures.len > 0 && count < SIGNATURES_MAX && !whole.failed) {
		struct slice base64, one = slice_cut(signatures, ' ', &signatures);
		struct slice version = slice_cut(one, ',', &base64);
		if (one.len == 0)
			continue;
		count++;
		found |= signature_matches(door, version, base64, parts, buf_get(&whole));
	}
	bool failed = whole.failed;
	buf_release(&whole);
	if (failed)
		return error_set(err, E_FULL, "out of memory");
	return found ? OK
		     : error_set(
			       err, E_INPUT, "webhook-signature is not one of this door's secrets");
}

static enum status standard_authenticate(
	void *context, const struct door_message *message, struct error *err)
{
	const struct door *door = context;
	struct slice id = { NULL, 0 }, timestamp = { NULL, 0 }, signatures = { NULL, 0 };
	enum status s = door_need_field(message->head, "webhook-id", &id, err);
	if (s == OK)
		s = door_need_field(message->head, "webhook-timestamp", &timestamp, err);
	if (s == OK)
		s = door_need_field(message->head, "webhook-signature", &signatures, err);
	if (s != OK)
		return s;
	check(id.ptr != NULL);
	/* With a dot in it two different messages could have the same signed text. */
	if (id.len > ID_BYTES_MAX || memchr(id.ptr, '.', id.len) != NULL)
		return error_set(err, E_INPUT,
			"webhook-id has a dot in it or more than %d characters", ID_BYTES_MAX);
	s = check_time(door, timestamp, err);
	if (s != OK)
		return s;
	const struct slice dot = SLICE(".");
	const struct slice parts[] = { id, dot, timestamp, dot, message->body };
	return check_signatures(door, signatures, parts, err);
}

const struct door_type door_standard = {
	.name = "standard",
	.help = "Standard Webhooks: signed messages that are sent to us",
	.mapping = "transaction",
	.options = rows,
	.options_size = sizeof(struct standard_options),
	.open = standard_open,
	.close = standard_close,
	.authenticate = standard_authenticate,
};
