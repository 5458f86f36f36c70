/* The last segment as recovery finds it. The input is a list of commands that lay records with good
 * checksums and any other field, and raw bytes, into the file: so that the rules behind the
 * checksum are reached too. */
#include "base/check.h"
#include "fuzz.h"
#include "journal/scan.h"

enum { FILE_BYTES = 16384, FIRST_NUMBER = 1000, GENERATION = 10 };

struct memory_file {
	struct disk_file file;
	char bytes[FILE_BYTES];
	uint64_t end;
	uint64_t number;
};

static enum status memory_read(struct disk_file *file, void *bytes, size_t len, uint64_t offset,
	size_t *ret_len, struct error *err)
{
	struct memory_file *memory = (struct memory_file *)file;
	(void)err;
	check(offset <= FILE_BYTES);
	*ret_len = len < FILE_BYTES - offset ? len : (size_t)(FILE_BYTES - offset);
	memcpy(bytes, memory->bytes + offset, *ret_len);
	return OK;
}

static uint8_t take(const uint8_t **at, const uint8_t *end)
{
	return *at < end ? *(*at)++ : 0;
}

/* A small step up or down, so that rules about order are met from both sides. */
static int step(const uint8_t **at, const uint8_t *end)
{
	return (int)(take(at, end) % 7) - 3;
}

static void lay_record(
	struct memory_file *memory, bool as_expected, const uint8_t **at, const uint8_t *end)
{
	static const char text[256] = "a payload";
	struct slice payload = slice_make(text, take(at, end));
	struct record_header fields = {
		.type = RECORD_EVENT,
		.number = memory->number,
		.durable = memory->number - 1,
		.offset = (uint32_t)memory->end,
		.generation = GENERATION,
	};
	if (!as_expected) {
		fields.type = take(at, end) % 5;
		fields.number += (uint64_t)(int64_t)step(at, end);
		fields.durable += (uint64_t)(int64_t)step(at, end);
		fields.generation += (uint32_t)step(at, end);
		fields.offset += (uint32_t)(8 * step(at, end));
	}
	if (record_bytes(payload.len) > FILE_BYTES - memory->end)
		return;
	record_write(memory->bytes + memory->end, fields, payload);
	memory->end += record_bytes(payload.len);
	memory->number = fields.number + (fields.type == RECORD_EVENT);
}

static void lay_raw(struct memory_file *memory, const uint8_t **at, const uint8_t *end)
{
	for (size_t len = take(at, end); len > 0 && memory->end < FILE_BYTES; len--)
		memory->bytes[memory->end++] = (char)take(at, end);
	memory->end = (memory->end + 7) & ~UINT64_C(7);
}

static void lay(struct memory_file *memory, const uint8_t *at, const uint8_t *end)
{
	while (at < end && memory->end < FILE_BYTES) {
		uint8_t command = take(&at, end) % 4;
		if (command < 2)
			lay_record(memory, command == 0, &at, end);
		else if (command == 2)
			lay_raw(memory, &at, end);
		else
			memory->end += 8 * (uint64_t)take(&at, end);
	}
}

static void check_scan(const struct scan *scan)
{
	check(scan->proven_end >= SEGMENT_HEADER_BYTES && scan->proven_end <= scan->end);
	check(scan->end <= segment_room_end(FILE_BYTES) && scan->end <= scan->dirty_end);
	check(scan->dirty_end <= FILE_BYTES && scan->generation <= scan->generation_max);
	check(scan->next_number >= FIRST_NUMBER && scan->event_bytes < scan->end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct disk_ops ops = { .read = memory_read };
	struct memory_file memory = {
		.file = { &ops }, .end = SEGMENT_HEADER_BYTES, .number = FIRST_NUMBER
	};
	struct segment_header header = { .index = 1,
		.first_number = FIRST_NUMBER,
		.size = FILE_BYTES,
		.generation = GENERATION };
	struct window window;
	struct scan scan, again;
	struct error err = { 0 };
	segment_header_finish(&header);
	lay(&memory, data, data + len);
	memcpy(memory.bytes, &header, sizeof(header));
	struct hasher *hasher = hasher_open();
	window_init(&window, &memory.file, 256);
	enum status s = scan_open_segment(&window, &header, hasher, &scan, &err);
	check(s == OK || s == E_CORRUPT);
	if (s == OK) {
		check_scan(&scan);
		/* What recovery leaves is clean, and found again as it was. */
		memset(memory.bytes + scan.end, 0, (size_t)(FILE_BYTES - scan.end));
		window_turn(&window, &memory.file);
		check(scan_open_segment(&window, &header, hasher, &again, &err) == OK);
		check(again.end == scan.end && again.dirty_end == scan.end &&
			again.next_number == scan.next_number);
	}
	window_release(&window);
	hasher_close(hasher);
	return 0;
}
