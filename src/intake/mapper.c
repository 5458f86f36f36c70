#include "intake/mapper.h"

enum {
	SCRATCH_BYTES_MAX = 32 << 20,
	DOCUMENT_BYTES_MAX = TRANSACTION_BYTES_MAX + 1,
};

void mapper_init(struct mapper *mapper, const struct door_config *door)
{
	mapper->door = door;
	arena_init(&mapper->scratch, SCRATCH_BYTES_MAX);
	buf_init(&mapper->document, DOCUMENT_BYTES_MAX);
}

void mapper_release(struct mapper *mapper)
{
	arena_release(&mapper->scratch);
	buf_release(&mapper->document);
}

const struct format *mapper_format(const struct door_config *door)
{
	if (door->mapping == NULL)
		return door->lines ? &format_ndjson : &format_json;
	return mapping_format(door->mapping);
}

/* Standard Webhooks put the document into a member "data". Elsewhere that may be a field that we do
 * not know, which is kept. */
struct format_options mapper_format_options(const struct door_config *door)
{
	struct format_options options = { .record = { NULL, 0 } };
	if (door->mapping == NULL && door->type->authenticate != NULL)
		options.record = slice_of("data");
	if (door->mapping != NULL)
		options = *mapping_format_options(door->mapping);
	if (options.record_bytes_max == 0 || options.record_bytes_max > MAPPER_RECORD_BYTES_MAX)
		options.record_bytes_max = MAPPER_RECORD_BYTES_MAX;
	return options;
}

static struct slice text_of(const char *text)
{
	return text == NULL ? slice_make(NULL, 0) : slice_of(text);
}

/* A canonical transaction says itself where it comes from, so it must be what the door is for. */
static void check_origin(
	const struct door_config *door, const struct value *record, struct findings *findings)
{
	const struct {
		const char *name, *pointer, *expected;
	} origins[] = { { "store", "/store", door->store }, { "register", "/register", door->reg },
		{ "currency", "/currency", door->currency } };
	for (size_t i = 0; i < sizeof(origins) / sizeof(origins[0]); i++) {
		if (origins[i].expected == NULL)
			continue;
		const struct value *value = value_member(record, slice_of(origins[i].name));
		if (value == NULL || value->kind != VALUE_TEXT ||
			!slice_is(value->text, origins[i].expected))
			findings_add(findings, "door.origin", true, origins[i].pointer,
				"is not \"%s\", for which alone this door speaks",
				origins[i].expected);
	}
}

static enum mapping_verdict take_canonical(struct mapper *mapper, const struct value *record,
	struct slice raw, struct findings *findings)
{
	check_origin(mapper->door, record, findings);
	buf_slice(&mapper->document, slice_trim(raw));
	if (mapper->document.failed)
		findings_add(findings, "schema", true, "",
			"the document has %zu bytes; at most %d "
			"are allowed",
			raw.len, TRANSACTION_BYTES_MAX);
	return findings->count > 0 ? UNMAPPED : MAPPED;
}

enum mapping_verdict mapper_map(struct mapper *mapper, struct value *record, struct slice raw,
	struct slice topic, struct findings *findings)
{
	const struct door_config *door = mapper->door;
	enum mapping_verdict verdict = UNMAPPED;
	const struct mapping_context context = {
		.store = text_of(door->store),
		.reg = text_of(door->reg),
		.currency = text_of(door->currency),
		.topic = topic,
		.zone = door->zone,
	};
	arena_reset(&mapper->scratch);
	buf_reset(&mapper->document);
	if (door->mapping == NULL)
		return take_canonical(mapper, record, raw, findings);
	if (mapping_apply(door->mapping, record, &context, &mapper->scratch, &mapper->document,
		    &verdict, findings, NULL) == OK)
		return verdict;
	findings_add(findings, "mapping", true, "", "the record takes too much memory");
	return UNMAPPED;
}

enum status mapper_add(struct mapper *mapper, struct value *record, enum mapping_verdict verdict,
	struct slice raw, const struct findings *findings, struct batch *batch)
{
	struct offer offer = { .source = slice_of(mapper->door->name),
		.document = buf_get(&mapper->document) };
	struct buf kept;
	if (verdict == UNMAPPED)
		return batch_refuse(batch, PROBLEM_INVALID,
			"the record does not make a transaction; errors says why", findings);
	if (mapper->door->mapping == NULL)
		return batch_offer(batch, &offer);
	buf_init(&kept, MAPPER_RECORD_BYTES_MAX + TRANSACTION_BYTES_MAX);
	enum status s = mapping_keep(
		mapper->door->mapping, record, raw, &kept, &offer.raw, &offer.personal);
	/* It would be so the next time, too; whoever fetches records would never get beyond it. */
	if (s == OK)
		s = batch_offer(batch, &offer);
	else
		s = batch_refuse(batch, PROBLEM_TOO_LARGE,
			"taking what is personal out of the record takes too much memory or time",
			NULL);
	buf_release(&kept);
	return s;
}
