#include "base/zone.h"

#include "base/zone_rule.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	FILE_BYTES_MAX = 256 << 10,
	HEADER_BYTES = 44,
	TRANSITIONS_MAX = 10000,
	TYPES_MAX = 256,
	TYPE_BYTES = 6,
};

struct transition {
	int64_t utc_s;
	int32_t offset_s; /* from here on */
};

struct zone {
	int32_t first_s; /* before the first transition */
	struct zone_rule rule;
	uint32_t count;
	struct transition transitions[];
};

static uint32_t be32(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;
	return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

static int64_t be64(const char *p)
{
	return (int64_t)((uint64_t)be32(p) << 32 | be32(p + 4));
}

/* One of the two blocks of a file: the first counts in 32 bits, the second in 64. */
struct block {
	uint32_t utc, standard, leap, times, types, chars;
	size_t bytes; /* of the data behind the header */
};

static bool read_header(struct slice text, size_t time_bytes, struct block *block)
{
	if (text.len < HEADER_BYTES || memcmp(text.ptr, "TZif", 4) != 0)
		return false;
	const char *p = text.ptr + 20;
	*block = (struct block){ be32(p), be32(p + 4), be32(p + 8), be32(p + 12), be32(p + 16),
		be32(p + 20) };
	if (block->times > TRANSITIONS_MAX || block->types > TYPES_MAX || block->types == 0 ||
		block->chars > 4096 || block->leap > 1000 || block->standard > TYPES_MAX ||
		block->utc > TYPES_MAX)
		return false;
	block->bytes = block->times * (time_bytes + 1) + block->types * TYPE_BYTES + block->chars +
		       block->leap * (time_bytes + 4) + block->standard + block->utc;
	return text.len - HEADER_BYTES >= block->bytes;
}

static struct zone *new_zone(uint32_t count)
{
	struct zone *zone = calloc(1, sizeof(*zone) + count * sizeof(zone->transitions[0]));
	if (zone != NULL)
		zone->count = count;
	return zone;
}

/* False when a transition names a type that is not there, or they do not rise. */
static bool fill(struct zone *zone, const struct block *block, const char *data)
{
	const char *indexes = data + block->times * 8;
	const char *types = indexes + block->times;
	zone->first_s = (int32_t)be32(types);
	for (uint32_t i = 0; i < block->times; i++) {
		unsigned type = (unsigned char)indexes[i];
		if (type >= block->types)
			return false;
		zone->transitions[i] = (struct transition){ be64(data + i * 8),
			(int32_t)be32(types + type * TYPE_BYTES) };
		if (abs(zone->transitions[i].offset_s) > 26 * 3600 ||
			(i > 0 && zone->transitions[i].utc_s <= zone->transitions[i - 1].utc_s))
			return false;
	}
	return abs(zone->first_s) <= 26 * 3600;
}

enum status zone_read(struct slice tzif, struct zone **ret_zone, struct error *err)
{
	struct block old, block;
	if (!read_header(tzif, 4, &old) || tzif.ptr[4] < '2')
		return error_set(err, E_CONFIG, "is no TZif file of version 2 or later");
	struct slice rest = slice_make(
		tzif.ptr + HEADER_BYTES + old.bytes, tzif.len - HEADER_BYTES - old.bytes);
	if (!read_header(rest, 8, &block))
		return error_set(err, E_CONFIG, "has a damaged header");
	struct zone *zone = new_zone(block.times);
	if (zone == NULL)
		return error_set(err, E_FULL, "out of memory");
	struct slice footer = slice_make(
		rest.ptr + HEADER_BYTES + block.bytes, rest.len - HEADER_BYTES - block.bytes);
	bool good = fill(zone, &block, rest.ptr + HEADER_BYTES);
	if (good && footer.len >= 2 && footer.ptr[0] == '\n') {
		struct slice end,
			line = slice_cut(slice_make(footer.ptr + 1, footer.len - 1), '\n', &end);
		good = line.len == 0 || zone_rule_parse(line, &zone->rule);
	}
	if (!good) {
		zone_close(zone);
		return error_set(err, E_CONFIG, "has damaged contents");
	}
	*ret_zone = zone;
	return OK;
}

static bool is_name(struct slice name)
{
	if (name.len == 0 || name.len > 64 || name.ptr[0] == '/')
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];
		bool known = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			     (c >= '0' && c <= '9') || c == '_' || c == '+' || c == '-' || c == '/';
		if (!known)
			return false;
	}
	return true;
}

static enum status read_file(struct slice name, struct zone **ret_zone, struct error *err)
{
	char path[128];
	snprintf(path, sizeof(path), "/usr/share/zoneinfo/%.*s", SLICE_ARG(name));
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return error_set(err, E_CONFIG,
			"\"%.*s\" is no time zone of this system (there is no %s)", SLICE_ARG(name),
			path);
	enum status s = E_FULL;
	char *bytes = malloc(FILE_BYTES_MAX);
	if (bytes != NULL) {
		size_t len = fread(bytes, 1, FILE_BYTES_MAX, file);
		s = zone_read(slice_make(bytes, len), ret_zone, err);
	} else {
		error_set(err, E_FULL, "out of memory");
	}
	free(bytes);
	fclose(file);
	if (s != OK)
		return error_wrap(err, "time zone \"%.*s\": %s", SLICE_ARG(name), path);
	return OK;
}

static bool fixed_offset(struct slice name, int32_t *ret_offset_s)
{
	char text[48];
	struct timestamp time;
	if (name.len != 6 || (name.ptr[0] != '+' && name.ptr[0] != '-'))
		return false;
	snprintf(text, sizeof(text), "2000-01-01T00:00:00%.6s", name.ptr);
	if (!timestamp_parse(slice_of(text), &time))
		return false;
	*ret_offset_s = time.offset_min * 60;
	return true;
}

enum status zone_open(struct slice name, struct zone **ret_zone, struct error *err)
{
	int32_t offset_s = 0;
	if (slice_is(name, "UTC") || fixed_offset(name, &offset_s)) {
		struct zone *zone = new_zone(0);
		if (zone == NULL)
			return error_set(err, E_FULL, "out of memory");
		zone->first_s = offset_s;
		*ret_zone = zone;
		return OK;
	}
	if (!is_name(name))
		return error_set(err, E_CONFIG,
			"\"%.*s\" is no time zone; expected a name such as Europe/Berlin, UTC, or "
			"an offset such as +01:00",
			name.len > 80 ? 80 : (int)name.len, name.ptr == NULL ? "" : name.ptr);
	return read_file(name, ret_zone, err);
}

void zone_close(struct zone *zone)
{
	free(zone);
}

int32_t zone_offset(const struct zone *zone, int64_t utc_s)
{
	uint32_t low = 0, high = zone->count;
	if (zone->rule.set &&
		(zone->count == 0 || utc_s >= zone->transitions[zone->count - 1].utc_s))
		return zone_rule_offset(&zone->rule, utc_s);
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (zone->transitions[middle].utc_s <= utc_s)
			low = middle + 1;
		else
			high = middle;
	}
	return low == 0 ? zone->first_s : zone->transitions[low - 1].offset_s;
}

int64_t zone_to_utc(const struct zone *zone, int64_t local_s)
{
	int32_t before = zone_offset(zone, local_s - 86400);
	int32_t after = zone_offset(zone, local_s + 86400);
	if (zone_offset(zone, local_s - before) == before)
		return local_s - before;
	if (zone_offset(zone, local_s - after) == after)
		return local_s - after;
	return local_s - before;
}
