#include "base/json.h"
#include "base/random.h"
#include "harness.h"
#include "retail/codec.h"
#include "retail/fields.h"
#include "sale.h"

#include <stdio.h>
#include <stdlib.h>

enum { ARENA_BYTES = 32 << 20 };

/* A document taken apart; everything lives until codec_release(). */
struct codec {
	struct arena arena;
	struct transaction t;
	struct findings findings;
	enum status status;
};

static void decode_bytes(struct codec *c, struct slice document)
{
	*c = (struct codec){ 0 };
	arena_init(&c->arena, ARENA_BYTES);
	c->status = transaction_decode(document, &c->arena, &c->t, &c->findings);
	EXPECT((c->status == OK) == (c->findings.count == 0));
}

static void decode(struct codec *c, const char *text)
{
	decode_bytes(c, slice_of(text));
}

static void release(struct codec *c)
{
	arena_release(&c->arena);
}

/* "pointer: detail" of the one finding, "fine" when there is none. */
static const char *judge(const char *text)
{
	static char said[POINTER_TEXT_MAX + FINDING_DETAIL_MAX + 4];
	struct codec c;
	decode(&c, text);
	snprintf(said, sizeof(said), "fine");
	if (c.status != OK) {
		EXPECT_NUMBER(c.status, E_INPUT);
		EXPECT_NUMBER(c.findings.count, 1);
		EXPECT_NUMBER(c.findings.refusing, 1);
		snprintf(said, sizeof(said), "%s: %s", c.findings.items[0].pointer,
			c.findings.items[0].detail);
	}
	release(&c);
	return said;
}

/* What is said about the example when `from` is replaced by `to` in it. */
static const char *judge_with(const char *from, const char *to)
{
	char *text = sale_with(from, to);
	const char *said = judge(text);
	free(text);
	return said;
}

static void expect_decimal(struct decimal d, const char *expected)
{
	char text[DECIMAL_TEXT_MAX];
	EXPECT(d.set);
	decimal_print(d, text);
	EXPECT_TEXT(text, expected);
}

static bool says(struct slice s, const char *text)
{
	return s.ptr != NULL && slice_is(s, text);
}

TEST(the_sale_of_the_contract_is_read)
{
	struct codec c;
	decode(&c, sale_text);
	EXPECT_NUMBER(c.status, OK);
	char key[KEY_TEXT_MAX];
	EXPECT_NUMBER(key_print(&c.t.key, key), strlen("0042/03/2026-11-23/18277"));
	EXPECT_TEXT(key, "0042/03/2026-11-23/18277");
	EXPECT_NUMBER(c.t.revision, 1);
	EXPECT_NUMBER(c.t.type, TYPE_SALE);
	EXPECT(c.t.began_at.set && c.t.closed_at.set);
	EXPECT_NUMBER(c.t.closed_at.ms - c.t.began_at.ms, 89000);
	EXPECT_NUMBER(c.t.closed_at.offset_min, 60);
	EXPECT(says(c.t.operator_id, "17") && says(c.t.customer, "c-8812"));
	EXPECT(says(c.t.currency, "EUR") && c.t.prices_include_tax);
	EXPECT(c.t.reason.ptr == NULL && c.t.extensions.ptr == NULL && !c.t.declared.set);
	EXPECT_NUMBER(c.t.unknown_count, 0);
	expect_decimal(c.t.totals.net, "12.75");
	expect_decimal(c.t.totals.tax, "2.55");
	expect_decimal(c.t.totals.gross, "15.30");
	expect_decimal(c.t.totals.rounding, "0.00");
	EXPECT_NUMBER(c.t.tenders.count, 1);
	EXPECT(says(c.t.tenders.items[0].kind, "cash"));
	expect_decimal(c.t.tenders.items[0].amount, "20.00");
	expect_decimal(c.t.tenders.items[0].change, "4.70");
	release(&c);
}

TEST(a_line_is_read_with_its_discounts_and_taxes)
{
	struct codec c;
	decode(&c, sale_text);
	EXPECT_NUMBER(c.status, OK);
	EXPECT_NUMBER(c.t.lines.count, 1);
	const struct line *line = &c.t.lines.items[0];
	EXPECT_NUMBER(line->number, 1);
	EXPECT_NUMBER(line->kind, LINE_SALE);
	EXPECT(says(line->item, "85123A") && says(line->gtin, "05012345678900"));
	EXPECT(says(line->description, "T-light holder") && says(line->unit, "EA"));
	expect_decimal(line->quantity, "6");
	expect_decimal(line->list_price, "2.95");
	expect_decimal(line->unit_price, "2.55");
	expect_decimal(line->amount, "15.30");
	EXPECT_NUMBER(line->discounts.count, 1);
	expect_decimal(line->discounts.items[0].amount, "2.40");
	EXPECT(says(line->discounts.items[0].reason, "promotion"));
	EXPECT(says(line->discounts.items[0].promotion, "P-12"));
	EXPECT_NUMBER(line->taxes.count, 1);
	EXPECT(says(line->taxes.items[0].code, "S"));
	expect_decimal(line->taxes.items[0].rate, "0.20");
	expect_decimal(line->taxes.items[0].base, "12.75");
	expect_decimal(line->taxes.items[0].amount, "2.55");
	EXPECT(!line->of.set);
	release(&c);
}

TEST(a_return_names_the_line_it_returns)
{
	struct codec c;
	decode(&c, return_text);
	EXPECT_NUMBER(c.status, OK);
	EXPECT_NUMBER(c.t.lines.count, 1);
	const struct reference *of = &c.t.lines.items[0].of;
	EXPECT(of->set);
	EXPECT(says(of->key.store, "0042") && says(of->key.reg, "03"));
	EXPECT_NUMBER(of->key.business_date, 20261123);
	EXPECT_NUMBER(of->key.sequence, 18277);
	EXPECT_NUMBER(of->line, 1);
	expect_decimal(c.t.lines.items[0].quantity, "-2");
	release(&c);
}

TEST(a_closing_carries_what_the_till_believes)
{
	struct codec c;
	decode(&c, close_text);
	EXPECT_NUMBER(c.status, OK);
	const struct declared *d = &c.t.declared;
	EXPECT(d->set);
	EXPECT_NUMBER(d->transactions, 412);
	EXPECT_NUMBER(d->last_sequence, 18411);
	expect_decimal(d->gross, "9120.55");
	EXPECT_NUMBER(d->tenders.count, 2);
	EXPECT(says(d->tenders.items[1].name, "card"));
	expect_decimal(d->tenders.items[1].amount, "6000.55");
	EXPECT_NUMBER(d->counted.count, 1);
	expect_decimal(d->counted.items[0].amount, "3118.50");
	release(&c);
}

TEST(numbers_are_taken_as_they_are_written)
{
	struct codec c;
	char *text = sale_with("\"quantity\": \"6\"", "\"quantity\": 6.000");
	decode(&c, text);
	EXPECT_NUMBER(c.status, OK);
	expect_decimal(c.t.lines.items[0].quantity, "6.000");
	release(&c);
	free(text);
	EXPECT_TEXT(judge_with("18277", "\"18277\""), "fine");
	EXPECT_TEXT(judge_with("\"15.30\",", "1530e-2,"),
		"/lines/0/amount: has an exponent; write all digits");
	EXPECT_TEXT(judge_with("\"2.55\", \"amount\"", "2.5500000001, \"amount\""),
		"/lines/0/unit_price: has more than 9 decimals");
	EXPECT_TEXT(judge_with("\"2.55\", \"amount\"", "\"1234567890123456789\", \"amount\""),
		"/lines/0/unit_price: has more than 18 digits");
}

TEST(a_wrong_type_says_what_was_found_and_what_is_expected)
{
	EXPECT_TEXT(judge_with("\"T-light holder\"", "7"),
		"/lines/0/description: is a number, expected a string of 0 to 500 bytes");
	EXPECT_TEXT(judge_with("\"85123A\"", "\"\""),
		"/lines/0/item: has 0 bytes, expected a string of 1 to 64 bytes");
	EXPECT_TEXT(judge_with("true", "1"),
		"/prices_include_tax: is a number, expected true or false");
	EXPECT_TEXT(judge_with("18277", "1.5"),
		"/sequence: is \"1.5\", expected a whole number from 0 to 9007199254740991");
	EXPECT_TEXT(judge_with("18277", "9007199254740992"),
		"/sequence: is \"9007199254740992\", expected a whole number from 0 to "
		"9007199254740991");
	EXPECT_TEXT(judge_with("18277", "-1"),
		"/sequence: is \"-1\", expected a whole number from 0 to 9007199254740991");
	EXPECT_TEXT(judge_with("18277", "18277, \"revision\": 0"),
		"/revision: is \"0\", expected a whole number from 1 to 1000000");
	EXPECT_TEXT(judge_with("\"0042\"", "\"00/42\""),
		"/store: is \"00/42\", expected a string of 1 "
		"to 64 letters, digits, '.', '_' or '-'");
	EXPECT_TEXT(judge_with("\"6\"", "\"6,5\""),
		"/lines/0/quantity: is \"6,5\", expected a decimal such as \"-12.50\"");
	EXPECT_TEXT(judge_with("\"6\"", "{}"),
		"/lines/0/quantity: is an object, expected a decimal such as \"-12.50\"");
	EXPECT_TEXT(judge_with("{ \"amount\": \"2.40\"", "5, { \"amount\": \"2.40\""),
		"/lines/0/discounts/0: is a number, expected an object");
	EXPECT_TEXT(judge("[]"), ": is an array, expected an object");
	EXPECT_TEXT(judge("null"), ": is null, expected an object");
}

TEST(a_wrong_choice_lists_the_right_ones)
{
	EXPECT_TEXT(judge_with("\"kind\": \"sale\"", "\"kind\": \"Sale\""),
		"/lines/0/kind: is \"Sale\", expected one of sale, return, gift_card, deposit, "
		"fee, "
		"write_off, adjustment");
	EXPECT_TEXT(judge_with("\"EUR\"", "\"EUR\", \"tax_rounding\": \"none\""),
		"/tax_rounding: is \"none\", expected one of line, document");
	EXPECT_TEXT(judge_with("\"type\": \"sale\"", "\"type\": \"refund\""),
		"/type: is \"refund\", expected one of sale, return, exchange, void, no_sale, "
		"training, "
		"open, close, paid_in, paid_out, pickup, loan, count, adjustment");
}

TEST(dates_and_times_are_of_the_calendar)
{
	EXPECT_TEXT(judge_with("\"business_date\": \"2026-11-23\"",
			    "\"business_date\": \"2026-02-29\""),
		"/business_date: is \"2026-02-29\", expected a day such as \"2026-11-23\"");
	EXPECT_TEXT(judge_with("17:02:11+01:00", "17:02:11"),
		"/began_at: is \"2026-11-23T17:02:11\", expected a time with its offset such as "
		"\"2026-11-23T17:03:40+01:00\"");
}

TEST(what_is_required_is_missed)
{
	EXPECT_TEXT(judge("{}"), "/store: is missing, expected a string of 1 to 64 letters, "
				 "digits, '.', '_' or '-'");
	EXPECT_TEXT(judge_with("\"number\": 1, \"kind\": \"cash\"", "\"kind\": \"cash\""),
		"/tenders/0/number: is missing, expected a whole number from 0 to 999999999");
	EXPECT_TEXT(judge_with("\"store\": \"0042\"", "\"store\": null"),
		"/store: is null, expected a string of 1 to 64 letters, digits, '.', '_' or '-'");
	EXPECT_TEXT(judge_with("\"code\": \"S\", ", ""),
		"/lines/0/taxes/0/code: is missing, expected a string of 1 to 64 bytes");
}

TEST(null_is_an_absent_member)
{
	struct codec c;
	char *text = sale_with("\"operator\": \"17\"", "\"revision\": null");
	decode(&c, text);
	EXPECT_NUMBER(c.status, OK);
	EXPECT_NUMBER(c.t.revision, 1);
	release(&c);
	free(text);
	text = sale_with("\"T-light holder\"", "null");
	decode(&c, text);
	EXPECT_NUMBER(c.status, OK);
	EXPECT(c.t.lines.items[0].description.ptr == NULL);
	release(&c);
	free(text);
	EXPECT_TEXT(judge_with("\"operator\": \"17\"", "\"declared\": null"), "fine");
}

TEST(a_name_stands_once_in_its_object)
{
	EXPECT_TEXT(judge_with("\"operator\"", "\"store\""), "/store: stands twice in its object");
	EXPECT_TEXT(judge_with("\"gtin\"", "\"\\u0069tem\""),
		"/lines/0/item: stands twice in its object");
	EXPECT_TEXT(judge_with("\"operator\": \"17\"", "\"x\": 1, \"y\": [2], \"x\": {}"),
		"/x: stands twice in its object");
	EXPECT_TEXT(judge_with("\"operator\": \"17\"", "\"x\": {\"a\": 1, \"a\": 2}"),
		"/x: byte 212: a name stands twice in one object");
}

TEST(control_characters_have_no_place_in_texts)
{
	EXPECT_TEXT(judge_with("T-light", "T\\u0000light"),
		"/lines/0/description: has a control character, expected a string of 0 to 500 "
		"bytes");
	EXPECT_TEXT(judge_with("T-light", "T\\nlight"),
		"/lines/0/description: has a control character, expected a string of 0 to 500 "
		"bytes");
	EXPECT_TEXT(judge_with("T-light", "T\x7flight"),
		"/lines/0/description: has a control character, expected a string of 0 to 500 "
		"bytes");
	EXPECT_TEXT(judge_with("T-light", "Th\xc3\xa9 \\u00e9 \\ud83d\\ude00"), "fine");
}

TEST(a_control_character_is_seen_at_every_place)
{
	for (unsigned len = 1; len <= 30; len++) {
		for (unsigned place = 0; place < len; place++) {
			char item[64] = "\"", to[96];
			memset(item + 1, 'x', len);
			item[1 + place] = 0x7f;
			item[1 + len] = '"';
			EXPECT(strstr(judge_with("\"85123A\"", item), "has a control") != NULL);
			item[1 + place] = '~';
			EXPECT_TEXT(judge_with("\"85123A\"", item), "fine");
			snprintf(to, sizeof(to), "%.*s\\u001f%s", (int)(1 + place), item,
				item + 2 + place);
			EXPECT(strstr(judge_with("\"85123A\"", to), "has a control") != NULL);
		}
	}
}

/* A document whose list `name` has `count` copies of `item`. */
static const char *judge_list(const char *name, unsigned count, const char *item)
{
	struct buf buf;
	buf_init(&buf, 4 << 20);
	buf_text(&buf, "{\"store\":\"1\",\"register\":\"1\",\"business_date\":\"2026-11-23\","
		       "\"sequence\":1,\"type\":\"void\",\"closed_at\":\"2026-11-23T17:03:40Z\"");
	json_write_name(&buf, name);
	buf_char(&buf, '[');
	for (unsigned i = 0; i < count; i++) {
		json_write_comma(&buf);
		buf_text(&buf, item);
	}
	buf_text(&buf, "]}");
	buf_char(&buf, '\0');
	const char *said = judge(buf.ptr);
	buf_release(&buf);
	return said;
}

TEST(lists_have_limits)
{
	const char *line = "{\"number\":1,\"kind\":\"fee\",\"amount\":\"0\"}";
	const char *tender = "{\"number\":1,\"kind\":\"cash\",\"amount\":\"0\"}";
	EXPECT_TEXT(judge_list("lines", 5000, line), "fine");
	EXPECT_TEXT(judge_list("lines", 5001, line),
		"/lines: has more than 5000 lines; at most 5000 are allowed");
	EXPECT_TEXT(judge_list("tenders", 100, tender), "fine");
	EXPECT_TEXT(judge_list("tenders", 101, tender),
		"/tenders: has more than 100 tenders; at most 100 are allowed");
}

static const char *judge_strangers(unsigned count)
{
	struct buf buf;
	buf_init(&buf, 4096);
	buf_text(&buf, "\"operator\": \"17\"");
	for (unsigned i = 0; i < count; i++)
		buf_format(&buf, ", \"x%u\": %u", i, i);
	buf_char(&buf, '\0');
	const char *said = judge_with("\"operator\": \"17\"", buf.ptr);
	buf_release(&buf);
	return said;
}

TEST(unknown_members_are_counted_up_to_their_limit)
{
	struct codec c;
	char *text = sale_with("\"unit\"", "\"shelf\": {\"a\": [1]}, \"unit\"");
	decode(&c, text);
	EXPECT_NUMBER(c.status, OK);
	EXPECT_NUMBER(c.t.unknown_count, 1);
	release(&c);
	free(text);
	EXPECT_TEXT(judge_strangers(64), "fine");
	EXPECT_TEXT(judge_strangers(65),
		"/x64: is one unknown member too many; at most 64 are kept in an object");
}

TEST(pointers_escape_what_a_pointer_must)
{
	EXPECT_TEXT(judge_with("\"operator\"", "\"a/b~c\": 1, \"a/b~c\""),
		"/a~1b~0c: stands twice in its object");
}

TEST(broken_json_is_told_from_a_wrong_document)
{
	struct codec c;
	decode(&c, "{\"store\": \"1\", \"lines\": [ { \"number\": 1 ");
	EXPECT_NUMBER(c.status, E_INPUT);
	EXPECT_TEXT(c.findings.items[0].rule, "json");
	EXPECT_TEXT(c.findings.items[0].pointer, "/lines/0/number");
	EXPECT_TEXT(c.findings.items[0].detail, "byte 40: the document ends too early");
	release(&c);
	decode(&c, "{\"store\": nope}");
	EXPECT_TEXT(c.findings.items[0].rule, "json");
	EXPECT_TEXT(c.findings.items[0].detail, "byte 10: a value is expected");
	release(&c);
	decode(&c, "{\"store\": 1}");
	EXPECT_TEXT(c.findings.items[0].rule, "schema");
	release(&c);
	EXPECT_TEXT(judge_with("\"rounding\": \"0.00\" }\n}", "\"rounding\": \"0.00\" }\n} x"),
		": byte 867: something stands behind the document");
}

/* Goal: no document within its limit is refused for want of memory. Method: the largest document of
 * what costs the scanner and the hash most for its bytes, many small objects in each other. */
TEST(the_largest_document_fits_into_32_MiB)
{
	enum { DEPTH = 27, UNIT_BYTES = 6 * DEPTH + 2 };
	struct codec c;
	struct buf buf;
	struct hash hash;
	buf_init(&buf, TRANSACTION_BYTES_MAX);
	char *head = text_with(close_text, "\"declared\"", "\"extensions\": {\"x\": [1");
	*strstr(head, "[1") = '\0';
	buf_text(&buf, head);
	buf_char(&buf, '[');
	while (buf.len + UNIT_BYTES + 8 < TRANSACTION_BYTES_MAX) {
		json_write_comma(&buf);
		for (unsigned i = 0; i < DEPTH; i++)
			buf_text(&buf, "{\"a\":");
		buf_char(&buf, '1');
		for (unsigned i = 0; i < DEPTH; i++)
			buf_char(&buf, '}');
	}
	buf_text(&buf, "]}}");
	EXPECT(!buf.failed);
	decode_bytes(&c, buf_get(&buf));
	EXPECT_NUMBER(c.status, OK);
	EXPECT_NUMBER(transaction_hash(&c.t, buf_get(&buf), &c.arena, &hash), OK);
	release(&c);
	buf_release(&buf);
	free(head);
}

TEST(a_full_arena_is_not_the_documents_fault)
{
	struct arena arena;
	struct transaction t;
	struct findings findings = { 0 };
	arena_init(&arena, 300);
	EXPECT_NUMBER(transaction_decode(slice_of(sale_text), &arena, &t, &findings), E_FULL);
	EXPECT_NUMBER(findings.count, 0);
	arena_release(&arena);
}

static struct hash hash_text(const char *text)
{
	struct codec c;
	struct hash hash;
	decode(&c, text);
	EXPECT_NUMBER(c.status, OK);
	EXPECT_NUMBER(transaction_hash(&c.t, slice_of(text), &c.arena, &hash), OK);
	release(&c);
	return hash;
}

static const char *hex_of(const char *text)
{
	static char hex[2 * HASH_BYTES + 1];
	struct hash hash = hash_text(text);
	hash_hex(&hash, HASH_BYTES, hex);
	return hex;
}

/* Goal: what was written is read back. Method: the canonical JSON of each example is decoded and
 * encoded once more, and must be the same bytes and have the same hash. */
TEST(what_is_encoded_decodes_to_the_same)
{
	const char *const texts[] = { sale_text, return_text, close_text, rich_text };
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct codec first, second;
		struct buf one, two;
		buf_init(&one, 1 << 20);
		buf_init(&two, 1 << 20);
		decode(&first, texts[i]);
		EXPECT_NUMBER(first.status, OK);
		EXPECT_NUMBER(first.t.unknown_count, 0);
		transaction_encode(&first.t, &one);
		buf_char(&one, '\0');
		decode(&second, one.ptr);
		EXPECT_NUMBER(second.status, OK);
		transaction_encode(&second.t, &two);
		buf_char(&two, '\0');
		EXPECT_TEXT(two.ptr, one.ptr);
		struct hash hash = hash_text(one.ptr), same = hash_text(texts[i]);
		EXPECT(memcmp(&hash, &same, sizeof(hash)) == 0);
		buf_release(&one);
		buf_release(&two);
		release(&first);
		release(&second);
	}
}

TEST(the_canonical_json_is_in_the_order_of_the_contract)
{
	struct codec c;
	struct buf buf;
	buf_init(&buf, 4096);
	decode(&c, close_text);
	transaction_encode(&c.t, &buf);
	buf_char(&buf, '\0');
	EXPECT_TEXT(buf.ptr,
		"{\"store\":\"0042\",\"register\":\"03\",\"business_date\":\"2026-11-23\","
		"\"sequence\":18412,\"type\":\"close\",\"closed_at\":\"2026-11-23T20:01:00.250+01:"
		"00\","
		"\"currency\":\"EUR\",\"declared\":{\"transactions\":412,\"last_sequence\":18411,"
		"\"gross\":\"9120.55\",\"tenders\":{\"cash\":\"3120.00\",\"card\":\"6000.55\"},"
		"\"counted\":{\"cash\":\"3118.50\"}}}");
	buf_release(&buf);
	release(&c);
}

/* These values stand in receipts and journals. A change that breaks this test is a wrong one. */
TEST(the_content_hash_is_for_ever)
{
	EXPECT_TEXT(hex_of(sale_text),
		"8ae565bd0df3ca2a24c64e93ef14f687a740b4c0831ddf7ec310357c7eaddb44");
	EXPECT_TEXT(hex_of(return_text),
		"8295f18ccffe3d80aac2d9c30615cae6255a5be620bcc38e7c97a40d4f703d87");
	EXPECT_TEXT(hex_of(close_text),
		"b55e9d06095d17bb07c2ee88a4b74b43bf68dbfd51a54df00fc2ee8fac51b418");
	EXPECT_TEXT(hex_of(rich_text),
		"5c0f3e8c54fe2d5d1f885e8449da5260ecac89455019c538097ecf6ac636790d");
	EXPECT_TEXT(hex_of(strange_text),
		"1d36f9e0ee38d236e14626710fdabaf85cdb784ec49439a840de0228a809487d");
}

/* The hash is written in the order of the rows, and the form says in the order of the tags. */
static void expect_rising_tags(const struct schema *schema)
{
	EXPECT(schema->field_count <= SCHEMA_FIELDS_MAX);
	for (unsigned i = 0; i < schema->field_count; i++) {
		const struct field *field = &schema->fields[i];
		EXPECT(field->tag > 0 && field->tag < FIELD_TAG_UNKNOWN);
		EXPECT(i == 0 || field->tag > schema->fields[i - 1].tag);
		if (field->schema != NULL)
			expect_rising_tags(field->schema);
	}
}

TEST(tags_rise_with_the_rows)
{
	expect_rising_tags(&transaction_schema);
}

static bool same_hash(const char *from, const char *to)
{
	char *text = sale_with(from, to);
	struct hash a = hash_text(sale_text), b = hash_text(text);
	free(text);
	return memcmp(&a, &b, sizeof(a)) == 0;
}

TEST(the_way_of_writing_does_not_count_in_the_hash)
{
	EXPECT(same_hash("\"0.00\"", "\"0\""));
	EXPECT(same_hash("\"0.00\"", "\"-0.0\""));
	EXPECT(same_hash("\"15.30\", \"rounding\"", "15.3, \"rounding\""));
	EXPECT(same_hash("18277", "\"18277\""));
	EXPECT(same_hash("18277", "18277, \"revision\": 1"));
	EXPECT(same_hash("T-light", "\\u0054-light"));
	EXPECT(same_hash("\"store\": \"0042\", \"register\": \"03\"",
		"\"register\" :\n\"03\",\"store\":\"0042\""));
	EXPECT(same_hash("\"customer\"", "\"reason\": null, \"customer\""));
	EXPECT(same_hash("17:02:11+01:00", "17:02:11.000+01:00"));
}

TEST(what_is_said_counts_in_the_hash)
{
	EXPECT(!same_hash("\"0.00\"", "\"0.01\""));
	EXPECT(!same_hash("T-light", "T-Light"));
	EXPECT(!same_hash("17:02:11+01:00", "16:02:11+00:00"));
	EXPECT(!same_hash("\"customer\": \"c-8812\"", "\"reason\": \"c-8812\""));
	EXPECT(!same_hash("true", "false"));
	EXPECT(!same_hash("\"kind\": \"sale\"", "\"kind\": \"fee\""));
	EXPECT(!same_hash("\"unit\": \"EA\"", "\"unit\": \"EA\", \"shelf\": 1"));
	EXPECT(!same_hash("18277", "18277, \"extensions\": {}"));
}

TEST(unknown_members_count_in_the_hash_by_place_and_content)
{
	char *texts[] = {
		sale_with("\"operator\"",
			"\"x\": {\"b\": 1, \"a\": [1, \"/\"]}, \"y\": 2, \"operator\""),
		sale_with("\"operator\"", "\"y\":2,\"x\":{\"a\":[1,\"\\/\"],\"b\":1},\"operator\""),
		sale_with("\"operator\"",
			"\"x\": {\"b\": 1, \"a\": [\"/\", 1]}, \"y\": 2, \"operator\""),
		sale_with("\"gtin\"", "\"x\": {\"b\": 1, \"a\": [1, \"/\"]}, \"y\": 2, \"gtin\""),
	};
	struct hash hashes[4];
	for (size_t i = 0; i < 4; i++) {
		hashes[i] = hash_text(texts[i]);
		free(texts[i]);
	}
	EXPECT(memcmp(&hashes[0], &hashes[1], HASH_BYTES) == 0);
	EXPECT(memcmp(&hashes[0], &hashes[2], HASH_BYTES) != 0);
	EXPECT(memcmp(&hashes[0], &hashes[3], HASH_BYTES) != 0);
}

/* The bytes are copied into an allocation of their own size, so that a sanitizer sees a read
 * beyond the end. */
static enum status decode_exactly(const char *bytes, size_t len)
{
	struct codec c;
	struct hash hash;
	char *copy = malloc(len == 0 ? 1 : len);
	EXPECT(copy != NULL);
	memcpy(copy, bytes, len);
	decode_bytes(&c, slice_make(copy, len));
	if (c.status == OK)
		EXPECT_NUMBER(transaction_hash(&c.t, slice_make(copy, len), &c.arena, &hash), OK);
	enum status status = c.status;
	release(&c);
	free(copy);
	return status;
}

TEST(every_prefix_of_a_document_is_refused)
{
	const char *const texts[] = { sale_text, rich_text, strange_text };
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		size_t len = strlen(texts[i]);
		while (texts[i][len - 1] == '\n')
			len--;
		for (size_t cut = 0; cut < len; cut++)
			EXPECT_NUMBER(decode_exactly(texts[i], cut), E_INPUT);
		EXPECT_NUMBER(decode_exactly(texts[i], len), OK);
	}
}

TEST(a_changed_byte_never_breaks_the_decoder)
{
	struct random random;
	random_init(&random, test_seed(20261123));
	const char *const texts[] = { sale_text, rich_text, strange_text };
	unsigned rounds = test_rounds(20000), refused = 0;
	for (unsigned round = 0; round < rounds; round++) {
		const char *text = texts[random_below(&random, 3)];
		size_t len = strlen(text);
		char *copy = malloc(len);
		EXPECT(copy != NULL);
		memcpy(copy, text, len);
		copy[random_below(&random, len)] = (char)random_below(&random, 256);
		refused += decode_exactly(copy, len) != OK;
		free(copy);
	}
	EXPECT(refused > rounds / 2);
}

TEST(goods_move_stock_and_fees_do_not)
{
	struct total change;
	struct line line = {
		.kind = LINE_SALE, .item = slice_of("A"), .quantity = decimal_make(25, 1)
	};
	EXPECT(line_stock_change(&line, &change));
	EXPECT(total_compare(change, total_of(decimal_make(-25, 1))) == 0);
	line.kind = LINE_WRITE_OFF;
	line.quantity = decimal_make(-3, 0);
	EXPECT(line_stock_change(&line, &change));
	EXPECT(total_compare(change, total_of(decimal_make(-3, 0))) == 0);
	line.kind = LINE_FEE;
	EXPECT(!line_stock_change(&line, &change));
}
