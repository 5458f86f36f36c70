#include "retail/record.h"

#include "base/check.h"

#include <stdio.h>

/* Version 1 had no raw part, and its header ended with the hash; version 2 had no sealed part. What
 * has no sealed part is still written as version 2. */
enum { RECORD_VERSION = 3, RECORD_VERSION_UNSEALED = 2, HEADER_BYTES_1 = 56 };

struct record_header {
	uint8_t version;
	uint8_t source_len;
	uint8_t store_len;
	uint8_t reg_len;
	uint32_t business_date;
	uint64_t sequence;
	uint32_t revision;
	uint32_t findings_len;
	uint8_t hash[HASH_BYTES];
	uint32_t raw_len;
	uint32_t sealed_len; /* 0 in version 2 */
};

static_assert(sizeof(struct record_header) == 64, "written as it is: no padding");

void record_encode(const struct record *record, struct buf *buf)
{
	struct record_header header = {
		.version = record->sealed.len > 0 ? RECORD_VERSION : RECORD_VERSION_UNSEALED,
		.source_len = (uint8_t)record->source.len,
		.store_len = (uint8_t)record->key.store.len,
		.reg_len = (uint8_t)record->key.reg.len,
		.business_date = record->key.business_date,
		.sequence = record->key.sequence,
		.revision = (uint32_t)record->revision,
		.findings_len = (uint32_t)record->findings.len,
		.raw_len = (uint32_t)record->raw.len,
		.sealed_len = (uint32_t)record->sealed.len,
	};
	check(record->source.len < 256 && record->key.store.len < 256 && record->key.reg.len < 256);
	memcpy(header.hash, record->hash.bytes, HASH_BYTES);
	buf_append(buf, &header, sizeof(header));
	buf_slice(buf, record->source);
	buf_slice(buf, record->key.store);
	buf_slice(buf, record->key.reg);
	buf_slice(buf, record->findings);
	buf_slice(buf, record->raw);
	buf_slice(buf, record->sealed);
	buf_slice(buf, record->document);
}

static bool take(struct slice *rest, size_t len, struct slice *ret_part)
{
	if (rest->len < len)
		return false;
	*ret_part = slice_make(rest->ptr, len);
	*rest = slice_make(rest->ptr + len, rest->len - len);
	return true;
}

enum status record_decode(struct slice payload, struct record *ret_record, struct error *err)
{
	struct record_header header = { 0 };
	struct record record = { 0 };
	struct slice bytes, rest = payload;
	uint8_t version = payload.len > 0 ? (uint8_t)payload.ptr[0] : 0;
	if (payload.len > 0 && (version < 1 || version > RECORD_VERSION))
		return error_set(err, E_CORRUPT,
			"a record has version %u, this program knows 1 to %d", version,
			RECORD_VERSION);
	if (!take(&rest, version == 1 ? (size_t)HEADER_BYTES_1 : sizeof(header), &bytes))
		return error_set(err, E_CORRUPT, "a record of %zu bytes is too short", payload.len);
	memcpy(&header, bytes.ptr, bytes.len);
	if (version == 2 && header.sealed_len != 0)
		return error_set(err, E_CORRUPT, "a record of version 2 has a sealed part");
	if (!take(&rest, header.source_len, &record.source) ||
		!take(&rest, header.store_len, &record.key.store) ||
		!take(&rest, header.reg_len, &record.key.reg) ||
		!take(&rest, header.findings_len, &record.findings) ||
		!take(&rest, header.raw_len, &record.raw) ||
		!take(&rest, header.sealed_len, &record.sealed))
		return error_set(err, E_CORRUPT, "a record is shorter than its parts");
	record.key.business_date = header.business_date;
	record.key.sequence = header.sequence;
	record.revision = header.revision;
	memcpy(record.hash.bytes, header.hash, HASH_BYTES);
	record.document = rest;
	*ret_record = record;
	return OK;
}

struct fingerprint record_fingerprint(const struct hash *hash)
{
	struct fingerprint fingerprint;
	memcpy(fingerprint.bytes, hash->bytes, FINGERPRINT_BYTES);
	return fingerprint;
}

void receipt_print(
	uint64_t number, const struct fingerprint *fingerprint, char text[static RECEIPT_TEXT_MAX])
{
	struct hash hash = { 0 };
	char hex[2 * FINGERPRINT_BYTES + 1];
	memcpy(hash.bytes, fingerprint->bytes, FINGERPRINT_BYTES);
	hash_hex(&hash, FINGERPRINT_BYTES, hex);
	snprintf(text, RECEIPT_TEXT_MAX, "%llu-%s", (unsigned long long)number, hex);
}
