/* What the shipped mappings make of any document. The first byte says which mapping ('a' is the
 * first by name), the rest is the document. A record becomes a document that the decoder reads, or
 * findings say why not; what is kept of it is no longer than it was, but for what was removed. */
#include "base/check.h"
#include "fuzz.h"
#include "map/mapping.h"

enum { MAPPINGS_MAX = 32, KEPT_MAX = 1 << 20 };

struct site {
	struct mapping *mapping;
	struct arena arena;
	struct buf document, kept;
};

static enum status map_record(
	void *context, struct value *record, struct slice raw, struct error *err)
{
	struct site *site = context;
	struct findings findings = { .count = 0 }, wrong = { .count = 0 };
	struct mapping_context door = {
		.store = SLICE("S1"), .reg = SLICE("R1"), .currency = SLICE("EUR")
	};
	enum mapping_verdict verdict;
	struct transaction t;
	struct slice kept;
	bool personal;
	(void)err;
	buf_reset(&site->document);
	enum status s = mapping_apply(site->mapping, record, &door, &site->arena, &site->document,
		&verdict, &findings, NULL);
	if (s != OK)
		return s;
	check(verdict != UNMAPPED || findings.count > 0);
	if (verdict != MAPPED)
		return OK;
	s = transaction_decode(buf_get(&site->document), &site->arena, &t, &wrong);
	check(s == OK || wrong.count > 0);
	buf_reset(&site->kept);
	return mapping_keep(site->mapping, record, raw, &site->kept, &kept, &personal);
}

static enum status note_bad(void *context, const char *where, const struct error *why,
	struct slice raw, struct error *err)
{
	(void)context, (void)raw, (void)err;
	check(where[0] != '\0' && why->text[0] != '\0');
	return OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct mapping *mappings[MAPPINGS_MAX];
	struct site site = { .mapping = NULL };
	struct error err = { .text = "" };
	unsigned count = 0;
	while (shipped_mappings[count].name != NULL && count < MAPPINGS_MAX)
		count++;
	if (size == 0 || size > 1 << 15 || data[0] < 'a' || data[0] >= 'a' + count)
		return 0;
	unsigned which = data[0] - 'a';
	if (mappings[which] == NULL)
		check(mapping_open(shipped_mappings[which].name, shipped_mappings[which].yaml,
			      &mappings[which], &err) == OK);
	site.mapping = mappings[which];
	arena_init(&site.arena, 16 << 20);
	buf_init(&site.document, KEPT_MAX);
	buf_init(&site.kept, KEPT_MAX);
	struct record_sink sink = { map_record, note_bad, &site };
	struct arena arena;
	arena_init(&arena, 8 << 20);
	enum status s = mapping_format(site.mapping)
				->read(slice_make((const char *)data + 1, size - 1),
					mapping_format_options(site.mapping), &arena, &sink, &err);
	check(s == OK || s == E_FULL || (s == E_INPUT && err.text[0] != '\0'));
	arena_release(&arena);
	arena_release(&site.arena);
	buf_release(&site.document);
	buf_release(&site.kept);
	return 0;
}
