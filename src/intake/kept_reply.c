#include "intake/kept_reply.h"

#include "base/check.h"

#include <string.h>

enum { KEPT_VERSION = 1 };

struct wire {
	uint8_t version, store_len, reg_len, key_len;
	uint16_t status, form;
	int64_t expires_ms;
	struct hash fingerprint;
	uint32_t body_len;
	uint32_t reserved;
};
static_assert(sizeof(struct wire) == 56, "written as it is: no padding");

void kept_reply_encode(const struct kept_reply *reply, struct buf *buf)
{
	check(reply->store.len <= ID_TEXT_MAX && reply->reg.len <= ID_TEXT_MAX &&
		reply->key.len <= IDEMPOTENCY_KEY_MAX && reply->body.len <= IDEMPOTENCY_REPLY_MAX);
	struct wire wire = {
		.version = KEPT_VERSION,
		.store_len = (uint8_t)reply->store.len,
		.reg_len = (uint8_t)reply->reg.len,
		.key_len = (uint8_t)reply->key.len,
		.status = (uint16_t)reply->status,
		.form = (uint16_t)reply->form,
		.expires_ms = reply->expires_ms,
		.fingerprint = reply->fingerprint,
		.body_len = (uint32_t)reply->body.len,
	};
	buf_append(buf, &wire, sizeof(wire));
	buf_slice(buf, reply->store);
	buf_slice(buf, reply->reg);
	buf_slice(buf, reply->key);
	buf_slice(buf, reply->body);
}

static struct slice take(struct slice *rest, size_t len)
{
	struct slice taken = slice_make(rest->ptr, len);
	*rest = slice_make(rest->ptr + len, rest->len - len);
	return taken;
}

enum status kept_reply_decode(struct slice payload, struct kept_reply *ret_reply, struct error *err)
{
	struct wire wire = { .version = 0 };
	if (payload.len >= sizeof(wire))
		memcpy(&wire, payload.ptr, sizeof(wire));
	if (wire.version != KEPT_VERSION || wire.form < KEPT_JSON || wire.form > KEPT_LINES ||
		payload.len != sizeof(wire) + wire.store_len + wire.reg_len + wire.key_len +
				       (size_t)wire.body_len)
		return error_set(err, E_CORRUPT,
			"a kept answer of %zu bytes is none that this program knows", payload.len);
	struct slice rest = slice_make(payload.ptr + sizeof(wire), payload.len - sizeof(wire));
	struct kept_reply reply = {
		.fingerprint = wire.fingerprint,
		.expires_ms = wire.expires_ms,
		.status = wire.status,
		.form = (enum kept_form)wire.form,
	};
	reply.store = take(&rest, wire.store_len);
	reply.reg = take(&rest, wire.reg_len);
	reply.key = take(&rest, wire.key_len);
	reply.body = rest;
	*ret_reply = reply;
	return OK;
}

struct hash kept_reply_id(struct slice store, struct slice reg, struct slice key)
{
	char text[2 * ID_TEXT_MAX + IDEMPOTENCY_KEY_MAX + 3];
	const struct slice parts[] = { store, reg, key };
	size_t len = 0;
	check(store.len <= ID_TEXT_MAX && reg.len <= ID_TEXT_MAX && key.len <= IDEMPOTENCY_KEY_MAX);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		text[len++] = (char)(unsigned char)parts[i].len;
		if (parts[i].len > 0)
			memcpy(text + len, parts[i].ptr, parts[i].len);
		len += parts[i].len;
	}
	return hash_of(slice_make(text, len));
}
