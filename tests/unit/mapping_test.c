#include "mapping_site.h"

#define HEAD "mapping: t\nformat: json\n"
#define KEYS                                                                                       \
	"  store: { value: s }\n  register: { value: r }\n  business_date: { value: 2025-03-01 "   \
	"}\n"                                                                                      \
	"  sequence: { value: 7 }\n  type: { value: sale }\n"                                      \
	"  closed_at: { value: '2025-03-01T10:00:00Z' }\n"
#define KEYS_JSON                                                                                  \
	"{\"store\":\"s\",\"register\":\"r\",\"business_date\":\"2025-03-01\",\"sequence\":7,"     \
	"\"type\":\"sale\",\"closed_at\":\"2025-03-01T10:00:00Z\""

static void expect_map(const char *yaml, const char *json, const char *seen)
{
	struct mapping_site site = { 0 };
	EXPECT_TEXT(site_map(&site, yaml, json), seen);
	site_close(&site);
}

/* One expression as the reason, which may be any text; NULL: there is none. */
static void expect_reason(const char *expression, const char *json, const char *value)
{
	char yaml[2000], seen[2000];
	snprintf(yaml, sizeof(yaml),
		HEAD
		"time_zone: Europe/Berlin\ntables: { t: { A: cash, B: '', '*': other }, u: { A: "
		"x } }\n"
		"fields:\n" KEYS "  currency: { value: EUR }\n  reason: %s\n",
		expression);
	if (value != NULL && value[0] == '!')
		snprintf(seen, sizeof(seen), "%s\n", value + 1);
	else
		snprintf(seen, sizeof(seen), KEYS_JSON ",\"currency\":\"EUR\"%s%s%s}",
			value == NULL ? "" : ",\"reason\":\"", value == NULL ? "" : value,
			value == NULL ? "" : "\"");
	expect_map(yaml, json, seen);
}

TEST(a_path_leads_to_members_elements_parents_and_the_root)
{
	const char *json = "{\"a\":{\"b\":[1,{\"c\":\"x\"}]},\"a/b\":2,\"m~n\":3}";
	expect_reason("a/b/1/c", json, "x");
	expect_reason("/a/b/0", json, "1");
	expect_reason("//a/b/0", json, "1");
	expect_reason("a~1b", json, "2");
	expect_reason("m~0n", json, "3");
	expect_reason("a/b/2/c", json, NULL);
	expect_reason("../a", json, NULL);
	expect_reason("{ from: [z, a/z, a~1b] }", json, "2");
	expect_reason("{ from: a }", json,
		"!/a: is \"{...}\"; one value is expected, not a list or an object (for /reason)");
}

TEST(null_and_empty_count_as_absent)
{
	expect_reason("{ from: [a, b, c] }", "{\"a\":null,\"b\":\"\",\"c\":\"x\"}", "x");
	expect_reason("{ from: [a], default: y }", "{\"a\":null}", "y");
	expect_reason("{ from: a, drop: [\"false\", \"0\"] }", "{\"a\":false}", NULL);
	expect_reason("{ first: [a, { value: z }] }", "{}", "z");
}

TEST(amounts_are_exact)
{
	expect_reason("{ sum: [a, b] }", "{\"a\":0.1,\"b\":\"0.2\"}", "0.3");
	expect_reason(
		"{ sum: l/*/v }", "{\"l\":[{\"v\":\"1.10\"},{\"v\":2},{},{\"v\":null}]}", "3.10");
	expect_reason("{ subtract: [a, b] }", "{\"a\":19.0,\"b\":1.73}", "17.27");
	expect_reason("{ subtract: [a, b] }", "{\"b\":\"2\"}", "-2");
	expect_reason("{ sum: [a, b] }", "{}", NULL);
	expect_reason("{ multiply: [a, b, { value: '0.01' }], round: 2 }",
		"{\"a\":\"19.99\",\"b\":\"5\"}", "1.00");
	expect_reason("{ multiply: [a, b] }", "{\"a\":\"3.000\",\"b\":\"0.125\"}", "0.375");
	expect_reason("{ from: a, minor: true }", "{\"a\":1599}", "15.99");
	expect_reason("{ from: a, minor: true }", "{\"a\":-5}", "-0.05");
	expect_reason("{ from: a, minor: true }", "{\"a\":1.5}",
		"!/a: is \"1.5\"; a whole number of minor units is expected (for /reason)");
	expect_reason("{ from: a, negate: true }", "{\"a\":\"0.00\"}", "0.00");
	expect_reason(
		"{ from: a, negate: [{ from: b, is: '1' }] }", "{\"a\":\"5.0\",\"b\":1}", "-5.0");
	expect_reason(
		"{ from: a, negate: [{ from: b, is: '1' }] }", "{\"a\":\"5.0\",\"b\":0}", "5.0");
	expect_reason("{ from: a, sign_of: b }", "{\"a\":\"5.0\",\"b\":-1}", "-5.0");
	expect_reason("{ from: a, absolute: true }", "{\"a\":\"-5.0\"}", "5.0");
	expect_reason("{ from: a, round: currency }", "{\"a\":\"2.345\"}", "2.35");
	expect_reason("{ sum: [a] }", "{\"a\":\"1e3\"}",
		"!/a: is \"1e3\"; a decimal number is expected: has an exponent; write all digits "
		"(for /reason)");
}

TEST(texts_are_taken_apart_and_put_together)
{
	expect_reason("{ concat: [a, { value: '-' }, b] }", "{\"a\":\"x\",\"b\":\"y\"}", "x-y");
	expect_reason("{ concat: [a, { value: '-' }] }", "{}", NULL);
	expect_reason("{ from: a, after: '-' }", "{\"a\":\"x-y-z\"}", "z");
	expect_reason("{ from: a, before: '-' }", "{\"a\":\"x-y-z\"}", "x");
	expect_reason("{ from: a, digits: true }", "{\"a\":\"00a1-2\"}", "12");
	expect_reason("{ from: a, last_digits: true }", "{\"a\":\"ACC-2025-00017\"}", "17");
	expect_reason("{ from: a, last_digits: true }", "{\"a\":\"x\"}",
		"!/a: is \"x\"; digits are expected (for /reason)");
	expect_reason("{ from: a, prefix: p, suffix: s, upper: true }", "{\"a\":\"x\"}", "PXS");
	expect_reason("{ from: a, code: true, lower: true }", "{\"a\":\"My Shop/1\"}", "my-shop-1");
	expect_reason("{ from: a, cut: 3 }", "{\"a\":\"ab\xc3\xa9\"}", "ab");
	expect_reason("{ from: a, table: t }", "{\"a\":\"A\"}", "cash");
	expect_reason("{ from: a, table: t }", "{\"a\":\"Z\"}", "other");
	expect_reason("{ from: a, table: t }", "{\"a\":\"B\"}", NULL);
	expect_reason("{ from: a, table: u }", "{\"a\":\"Z\"}",
		"!/a: is \"Z\"; the table u has no such entry and no \"*\" (for /reason)");
}

/* sha256("abc") begins ba7816bf8f01cfea; its first 53 bits. */
TEST(an_opaque_id_has_a_stable_number)
{
	expect_reason("{ from: a, stable_number: true }", "{\"a\":\"abc\"}", "6560798095827001");
}

TEST(times_get_an_offset_and_a_local_day)
{
	expect_reason("{ from: a, time: true }", "{\"a\":\"2025-07-01T23:30:00Z\"}",
		"2025-07-02T01:30:00+02:00");
	expect_reason("{ from: a, date: true }", "{\"a\":\"2025-07-01T23:30:00Z\"}", "2025-07-02");
	expect_reason("{ from: a, time: utc }", "{\"a\":\"2025-03-01 10:15:00\"}",
		"2025-03-01T11:15:00+01:00");
	expect_reason("{ from: a, time: local }", "{\"a\":\"2025-03-01 10:15\"}",
		"2025-03-01T10:15:00+01:00");
	expect_reason("{ from: a, time: true }", "{\"a\":\"2025-03-01 10:15:00 +0300\"}",
		"2025-03-01T08:15:00+01:00");
	expect_reason("{ from: a, date: local }", "{\"a\":\"2025-03-01\"}", "2025-03-01");
	expect_reason("{ from: a, time: true }", "{\"a\":\"2025-03-01 10:15:00\"}",
		"!/a: is \"2025-03-01 10:15:00\"; it has no offset; time: utc or local says what "
		"is "
		"meant (for /reason)");
	expect_reason("{ from: a, time: true }", "{\"a\":\"yesterday\"}",
		"!/a: is \"yesterday\"; a time such as 2025-03-01T10:15:00+01:00 is expected (for "
		"/reason)");
}

TEST(conditions_choose)
{
	const char *kind =
		"{ choose: [{ when: [{ from: q, sign: negative }], then: { value: back } "
		"}, { when: { any: [{ from: g, is: ['true', 'yes'] }, { from: l, exists: "
		"true }] }, then: { value: card } }, { else: { value: goods } }] }";
	expect_reason(kind, "{\"q\":-1}", "back");
	expect_reason(kind, "{\"q\":\"1\",\"g\":true}", "card");
	expect_reason(kind, "{\"q\":0,\"l\":[1]}", "card");
	expect_reason(kind, "{\"l\":[]}", "goods");
	expect_reason("{ find: { in: /taxes, match: uid, with: ref, take: rate } }",
		"{\"ref\":\"b\",\"taxes\":[{\"uid\":\"a\",\"rate\":1},{\"uid\":\"b\",\"rate\":9}]}",
		"9");
}

TEST(what_is_no_transaction_is_skipped)
{
	const char *yaml = HEAD "when: [{ from: state, is: DONE }, { from: kind, not: [x, y] }]\n"
				"fields:\n" KEYS;
	expect_map(yaml, "{\"state\":\"DONE\"}", KEYS_JSON "}");
	expect_map(yaml, "{\"state\":\"OPEN\"}", "skipped");
	expect_map(yaml, "{\"state\":\"DONE\",\"kind\":\"y\"}", "skipped");
	expect_map(yaml, "[]", "skipped");
}

#define LINES                                                                                      \
	"  lines:\n  - each: /o/l\n    where: [{ from: n, not: '0' }]\n    fields: { kind: { "     \
	"value: "                                                                                  \
	"sale }, item: i, amount: a, taxes: { each: t, fields: { code: c, amount: ../../a } } }\n" \
	"  - where: [{ from: fee, exists: true }]\n    fields: { kind: { value: fee }, amount: "   \
	"fee }\n"

TEST(lists_are_walked_filtered_and_numbered)
{
	expect_map(HEAD "fields:\n" KEYS LINES,
		"{\"o\":{\"l\":[{\"i\":\"x\",\"a\":1},{\"n\":0,\"a\":9},{\"i\":\"y\",\"a\":2,\"t\":"
		"[{"
		"\"c\":\"S\"}]}]},\"fee\":\"0.50\"}",
		KEYS_JSON ",\"lines\":[{\"number\":1,\"kind\":\"sale\",\"item\":\"x\",\"amount\":"
			  "\"1\"},{\"number\":2,\"kind\":\"sale\",\"item\":\"y\",\"amount\":\"2\","
			  "\"taxes\":[{\"code\":\"S\",\"amount\":\"2\"}]},"
			  "{\"number\":3,\"kind\":\"fee\",\"amount\":\"0.50\"}]}");
}

TEST(an_element_that_stands_alone_is_a_list_of_one)
{
	expect_map(HEAD "fields:\n" KEYS LINES, "{\"o\":{\"l\":{\"a\":1}}}",
		KEYS_JSON ",\"lines\":[{\"number\":1,\"kind\":\"sale\",\"amount\":\"1\"}]}");
	expect_map(HEAD "fields:\n" KEYS LINES, "{\"o\":{\"l\":[]}}", KEYS_JSON "}");
}

TEST(what_is_missing_is_said_with_its_place_in_the_record)
{
	expect_map(HEAD "fields:\n" KEYS LINES, "{\"o\":{\"l\":[{\"a\":1},{\"i\":\"x\"}]}}",
		"/o/l/1/a: is missing or empty; /lines/1/amount needs it\n");
	expect_map(HEAD
		"fields: { business_date: d, sequence: n, type: { value: sale }, closed_at: "
		"{ from: [t, u] } }\n",
		"{\"n\":\"x\"}",
		": is missing or empty; /store needs it, and neither the mapping nor the door says "
		"what it is\n"
		": is missing or empty; /register needs it, and neither the mapping nor the door "
		"says "
		"what it is\n"
		"/d: is missing or empty; /business_date needs it\n"
		"/n: is \"x\"; a whole number from 0 to 9007199254740991 is expected (for "
		"/sequence)\n"
		"/t: is missing or empty; /closed_at needs it\n");
}

TEST(an_optional_object_may_be_absent_as_a_whole_only)
{
	const char *yaml = HEAD "fields:\n" KEYS "  totals: { net: n, tax: t, gross: g }\n";
	expect_map(yaml, "{}", KEYS_JSON "}");
	expect_map(yaml, "{\"n\":1,\"t\":0}", "/g: is missing or empty; /totals/gross needs it\n");
	expect_map(yaml, "{\"n\":1,\"t\":0,\"g\":1}",
		KEYS_JSON ",\"totals\":{\"net\":\"1\",\"tax\":\"0\",\"gross\":\"1\"}}");
}

TEST(the_door_knows_better_than_the_record)
{
	struct mapping_site site = { .context = { .store = SLICE("42"),
					     .reg = SLICE("web"),
					     .currency = SLICE("JPY"),
					     .topic = SLICE("orders/paid") } };
	const char *yaml = HEAD "when: [{ context: topic, is: ['', orders/paid] }]\nfields:\n" KEYS
				"  reason: { from: a, minor: true }\n";
	EXPECT_TEXT(site_map(&site, yaml, "{\"a\":100}"),
		"{\"store\":\"42\",\"register\":\"web\",\"business_date\":\"2025-03-01\","
		"\"sequence\":"
		"7,\"type\":\"sale\",\"closed_at\":\"2025-03-01T10:00:00Z\",\"currency\":\"JPY\","
		"\"reason\":\"100\"}");
	site_close(&site);
	site.context.topic = slice_of("orders/edited");
	EXPECT_TEXT(site_map(&site, yaml, "{}"), "skipped");
	site_close(&site);
}

TEST(the_first_variant_whose_root_is_there_counts)
{
	const char *yaml = HEAD
		"variants:\n- root: [/order, /data/order]\n  when: [{ from: state, is: DONE }]\n"
		"  fields: { store: id, register: //who, business_date: { value: 2025-03-01 }, "
		"sequence: { value: 1 }, type: { value: sale }, closed_at: { value: "
		"'2025-03-01T10:00:00Z' } }\n"
		"- root: /refund\n  fields: { store: /id, register: ../who, business_date: { "
		"value: "
		"2025-03-01 }, sequence: { value: 2 }, type: { value: return }, closed_at: { "
		"value: "
		"'2025-03-01T10:00:00Z' } }\n";
	expect_map(yaml, "{\"who\":\"w\",\"data\":{\"order\":{\"id\":\"o\",\"state\":\"DONE\"}}}",
		"{\"store\":\"o\",\"register\":\"w\",\"business_date\":\"2025-03-01\",\"sequence\":"
		"1,"
		"\"type\":\"sale\",\"closed_at\":\"2025-03-01T10:00:00Z\"}");
	expect_map(yaml, "{\"who\":\"w\",\"refund\":{\"id\":\"r\"}}",
		"{\"store\":\"r\",\"register\":\"w\",\"business_date\":\"2025-03-01\",\"sequence\":"
		"2,"
		"\"type\":\"return\",\"closed_at\":\"2025-03-01T10:00:00Z\"}");
	expect_map(yaml, "{\"order\":{\"state\":\"OPEN\"}}", "skipped");
}

TEST(extensions_keep_parts_as_they_came)
{
	expect_map(HEAD "fields:\n" KEYS
			"  extensions: { part: a, text: { from: b, suffix: '!' }, none: z }\n",
		"{\"a\":{\"x\":[1.50,null,true,\"\\u00e9\"]},\"b\":7}",
		KEYS_JSON ",\"extensions\":{\"part\":{\"x\":[1.50,null,true,\"\xc3\xa9\"]},"
			  "\"text\":\"7!\"}}");
}

TEST(amounts_by_name_come_from_a_list)
{
	expect_map(HEAD
		"fields:\n" KEYS
		"  declared: { transactions: n, last_sequence: n, tenders: { each: t, name: k, "
		"amount: v } }\n",
		"{\"n\":3,\"t\":[{\"k\":\"cash\",\"v\":1},{\"k\":\"card\",\"v\":\"2.50\"}]}",
		KEYS_JSON
		",\"declared\":{\"transactions\":3,\"last_sequence\":3,\"tenders\":{\"cash\":"
		"\"1\",\"card\":\"2.50\"}}}");
}

TEST(numbering_is_a_property_of_the_source)
{
	expect_map(HEAD "numbering: sparse\nfields:\n" KEYS, "{}",
		KEYS_JSON ",\"numbering\":\"sparse\"}");
}

TEST(a_trace_says_where_each_field_came_from_and_what_was_not_read)
{
	struct mapping_site site = { .traced = true };
	site_map(&site,
		HEAD "ignore: [i]\nfields:\n" KEYS "  reason: { sum: [a, b/0], round: 1 }\n",
		"{\"a\":1,\"b\":[2,3],\"c\":null,\"d\":\"\",\"i\":{\"x\":9},\"e\":\"q\"}");
	const char *fields = site_text(&site.fields);
	EXPECT(strstr(fields, "/reason=\"3.0\"<-/a /b/0 [t.yaml:11: sum, round]\n") != NULL);
	EXPECT(strstr(fields, "/store=\"s\"<- [t.yaml:5: value]\n") != NULL);
	EXPECT(strstr(fields, "unused /b/1 3\nunused /e \"q\"\n") != NULL);
	EXPECT(strstr(fields, "unused /i") == NULL && strstr(fields, "unused /c") == NULL);
	site_close(&site);
}

TEST(what_is_personal_is_removed_and_every_other_byte_is_kept)
{
	struct mapping_site site = { 0 };
	site_map(&site,
		HEAD "personal: [customer, lines/*/note, none, customer/email]\nfields:\n" KEYS,
		"{ \"customer\" : "
		"{\"email\":\"a@b\"},\n\t\"lines\":[{\"note\":\"J\\u00f6rg\",\"n\":1.0},"
		"{\"note\":null}] }");
	EXPECT(slice_is(site.kept,
		"{ \"customer\" : \"removed\",\n\t\"lines\":[{\"note\":\"removed\","
		"\"n\":1.0},{\"note\":null}] }"));
	site_close(&site);
	site_map(&site, HEAD "fields:\n" KEYS, "{ \"a\":1}");
	EXPECT(slice_is(site.kept, "{ \"a\":1}"));
	site_close(&site);
}

TEST(what_is_personal_in_another_format_stays_and_is_told)
{
	static const struct {
		const char *record;
		bool personal;
	} rows[] = {
		{ "{\"customer\":{\"name\":\"Ann\"}}", true },
		{ "{\"customer\":{\"name\":\"\",\"pets\":{\"a\":1}}}", true },
		{ "{\"customer\":{\"name\":\"\",\"pets\":{}}}", false },
		{ "{\"customer\":{\"phone\":\"1\"}}", false },
		{ "{\"a\":1}", false },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mapping_site site = { 0 };
		site_map(&site,
			"mapping: t\nformat: xml\npersonal: [customer/name, customer/pets]\n"
			"fields:\n" KEYS,
			rows[i].record);
		EXPECT(slice_is(site.kept, rows[i].record) && site.personal == rows[i].personal);
		site_close(&site);
	}
}

TEST(errors_of_a_mapping_name_file_and_line)
{
	static const struct {
		const char *yaml, *error;
	} rows[] = {
		{ "", "t.yaml:1: a mapping with fields is expected" },
		{ "a: [", "t.yaml:2: did not find expected node content" },
		{ HEAD, "t.yaml:1: fields is missing" },
		{ "mapping: t\nfields:\n" KEYS,
			"t.yaml:1: format is missing: json, ndjson, xml or csv" },
		{ HEAD "fields: { store: s }\n",
			"t.yaml:3: business_date is missing: a transaction "
			"must have it" },
		{ HEAD "fields:\n" KEYS "  lines: { each: l, fields: { kind: k } }\n",
			"t.yaml:10: amount is missing: a transaction must have it" },
		{ HEAD "fields:\n" KEYS "  gross: g\n",
			"t.yaml:10: fields: there is no \"gross\"; known are: store, register, "
			"business_date," },
		{ HEAD "fields:\n" KEYS "  reason: { form: g }\n",
			"t.yaml:10: an expression begins with from, value, context, first, sum, "
			"subtract, multiply, concat, choose, position or find, not with \"form\"" },
		{ HEAD "fields:\n" KEYS "  reason: { from: g, trim: true }\n",
			"t.yaml:10: there is no step \"trim\"; known are: minor, negate," },
		{ HEAD "fields:\n" KEYS "  reason: { from: g, table: t }\n",
			"t.yaml:10: table: there is no \"t\" under tables" },
		{ HEAD "fields:\n" KEYS "  reason: a//b\n",
			"t.yaml:10: the path \"a//b\" has a step that is empty, \"..\" behind a "
			"name" },
		{ HEAD "fields:\n" KEYS "  reason: { from: g, round: 10 }\n",
			"t.yaml:10: round: a number of decimals from 0 to 9, or currency, is "
			"expected" },
		{ HEAD "when: [{ from: a }]\nfields:\n" KEYS,
			"t.yaml:3: a condition has one of is, not, exists and sign; this one has "
			"0" },
		{ HEAD "time_zone: Mars/Base\nfields:\n" KEYS,
			"t.yaml:3: time_zone: \"Mars/Base\" is no time zone of this system" },
		{ "mapping: t\nformat: yaml\nfields:\n" KEYS,
			"t.yaml:2: format: \"yaml\" is not one of json, ndjson, xml, csv" },
		{ HEAD "fields:\n" KEYS "  reason: &a { first: [*a] }\n",
			"t.yaml:10: expressions stand in each other more than 32 deep" },
		{ HEAD "tables: { t: { a: 1, a: 2 } }\nfields:\n" KEYS,
			"t.yaml:3: \"a\" stands twice in the table" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mapping_site site = { 0 };
		const char *seen = site_map(&site, rows[i].yaml, "{}");
		if (strncmp(seen, rows[i].error, strlen(rows[i].error)) != 0)
			test_fail(__FILE__, __LINE__, "found    \"%s\"\n   expected \"%s\"", seen,
				rows[i].error);
		site_close(&site);
	}
}

TEST(every_shipped_mapping_can_be_read)
{
	unsigned count = 0;
	for (const struct shipped_mapping *m = shipped_mappings; m->name != NULL; m++, count++) {
		struct mapping *mapping = NULL;
		struct error err;
		EXPECT_OK(mapping_open(m->name, m->yaml, &mapping, &err), err);
		EXPECT_TEXT(mapping_name(mapping), m->name);
		EXPECT(mapping_help(mapping)[0] != '\0');
		mapping_close(mapping);
	}
	EXPECT(count > 0);
	EXPECT(shipped_mapping_find(slice_of("odoo")) != NULL);
	EXPECT(shipped_mapping_find(slice_of("none")) == NULL);
}

/* Each line looks for its tax in all of the document. */
TEST(a_record_that_takes_too_much_work_is_given_up)
{
	struct mapping_site site = { 0 };
	struct buf json;
	buf_init(&json, 8 << 20);
	buf_text(&json, "{\"l\":[{\"a\":1}");
	for (unsigned i = 0; i < 5000; i++)
		buf_text(&json, ",{\"a\":1}");
	buf_text(&json, "],\"t\":[{}");
	for (unsigned i = 0; i < 20000; i++)
		buf_text(&json, ",{\"u\":1}");
	buf_text(&json, "]}");
	buf_char(&json, '\0');
	EXPECT_TEXT(
		site_map(&site,
			HEAD
			"fields:\n" KEYS
			"  lines: { each: l, fields: { kind: { value: fee }, amount: a, item: { "
			"find: { in: /t, match: u, with: a, take: v } } } }\n",
			json.ptr),
		"status full");
	site_close(&site);
	buf_release(&json);
}
