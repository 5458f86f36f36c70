/* Documents that the tests of src/retail share: the sale of the contract, a return of a part of
 * it, the closing after it, one that uses every field, and one with members that nobody knows. */
#pragma once

#include "harness.h"

#include <stdlib.h>
#include <string.h>

/* clang-format off */
__attribute__((unused)) static const char sale_text[] =
	"{\n"
	"  \"store\": \"0042\", \"register\": \"03\", \"business_date\": \"2026-11-23\", \"sequence\": 18277,\n"
	"  \"type\": \"sale\",\n"
	"  \"began_at\": \"2026-11-23T17:02:11+01:00\", \"closed_at\": \"2026-11-23T17:03:40+01:00\",\n"
	"  \"operator\": \"17\", \"customer\": \"c-8812\", \"currency\": \"EUR\", \"prices_include_tax\": true,\n"
	"  \"lines\": [\n"
	"    { \"number\": 1, \"kind\": \"sale\", \"item\": \"85123A\", \"gtin\": \"05012345678900\",\n"
	"      \"description\": \"T-light holder\", \"quantity\": \"6\", \"unit\": \"EA\",\n"
	"      \"list_price\": \"2.95\", \"unit_price\": \"2.55\", \"amount\": \"15.30\",\n"
	"      \"discounts\": [ { \"amount\": \"2.40\", \"reason\": \"promotion\", \"promotion\": \"P-12\" } ],\n"
	"      \"taxes\": [ { \"code\": \"S\", \"rate\": \"0.20\", \"base\": \"12.75\", \"amount\": \"2.55\" } ] }\n"
	"  ],\n"
	"  \"tenders\": [ { \"number\": 1, \"kind\": \"cash\", \"amount\": \"20.00\", \"change\": \"4.70\" } ],\n"
	"  \"totals\": { \"net\": \"12.75\", \"tax\": \"2.55\", \"gross\": \"15.30\", \"rounding\": \"0.00\" }\n"
	"}\n";

__attribute__((unused)) static const char return_text[] =
	"{ \"store\": \"0042\", \"register\": \"04\", \"business_date\": \"2026-11-24\", \"sequence\": 7,\n"
	"  \"type\": \"return\", \"closed_at\": \"2026-11-24T09:15:00+01:00\", \"currency\": \"EUR\",\n"
	"  \"prices_include_tax\": true, \"reason\": \"broken\",\n"
	"  \"lines\": [ { \"number\": 1, \"kind\": \"return\", \"item\": \"85123A\", \"quantity\": \"-2\",\n"
	"    \"unit_price\": \"2.55\", \"amount\": \"-5.10\",\n"
	"    \"taxes\": [ { \"code\": \"S\", \"rate\": \"0.20\", \"base\": \"-4.25\", \"amount\": \"-0.85\" } ],\n"
	"    \"of\": { \"store\": \"0042\", \"register\": \"03\", \"business_date\": \"2026-11-23\",\n"
	"      \"sequence\": 18277, \"line\": 1 } } ],\n"
	"  \"tenders\": [ { \"number\": 1, \"kind\": \"cash\", \"amount\": \"-5.10\" } ],\n"
	"  \"totals\": { \"net\": \"-4.25\", \"tax\": \"-0.85\", \"gross\": \"-5.10\" } }\n";

__attribute__((unused)) static const char close_text[] =
	"{ \"store\": \"0042\", \"register\": \"03\", \"business_date\": \"2026-11-23\", \"sequence\": 18412,\n"
	"  \"type\": \"close\", \"closed_at\": \"2026-11-23T20:01:00.250+01:00\", \"currency\": \"EUR\",\n"
	"  \"declared\": { \"transactions\": 412, \"last_sequence\": 18411, \"gross\": \"9120.55\",\n"
	"    \"tenders\": { \"cash\": \"3120.00\", \"card\": \"6000.55\" }, \"counted\": { \"cash\": \"3118.50\" } } }\n";

__attribute__((unused)) static const char rich_text[] =
	"{ \"store\": \"A.b_c-9\", \"register\": \"R\", \"business_date\": \"2024-02-29\", \"sequence\": 0,\n"
	"  \"revision\": 3, \"type\": \"exchange\", \"began_at\": \"2024-02-29T23:59:59.999-05:30\",\n"
	"  \"closed_at\": \"2024-03-01T05:30:00Z\", \"operator\": \"\", \"customer\": \"J\\u00fcrgen \\\"J\\\"\",\n"
	"  \"currency\": \"JPY\", \"tax_rounding\": \"document\", \"reason\": \"size\",\n"
	"  \"extensions\": { \"b\": [ 1, 2.50, null, true ], \"a\": { \"z\": \"\\u0041\", \"y\": {} } },\n"
	"  \"lines\": [\n"
	"    { \"number\": 2, \"kind\": \"return\", \"item\": \"S\", \"quantity\": -1, \"amount\": \"-1000\" },\n"
	"    { \"number\": 1, \"kind\": \"sale\", \"item\": \"M\", \"quantity\": 1, \"unit_price\": 1000,\n"
	"      \"amount\": 1000, \"extensions\": { \"shelf\": \"7\" } },\n"
	"    { \"number\": 3, \"kind\": \"write_off\", \"item\": \"S\", \"quantity\": \"-0.250\", \"amount\": 0 },\n"
	"    { \"number\": 4, \"kind\": \"gift_card\", \"amount\": \"5000\" },\n"
	"    { \"number\": 5, \"kind\": \"deposit\", \"amount\": \"0\", \"discounts\": [], \"taxes\": [] },\n"
	"    { \"number\": 6, \"kind\": \"adjustment\", \"amount\": \"-5000\" },\n"
	"    { \"number\": 7, \"kind\": \"fee\", \"amount\": \"12\",\n"
	"      \"taxes\": [ { \"code\": \"Z\", \"amount\": 0 }, { \"code\": \"S\", \"rate\": 0.1, \"base\": 12, \"amount\": 1.2 },\n"
	"        { \"code\": \"T\", \"amount\": 0 } ] } ],\n"
	"  \"tenders\": [ { \"number\": 9, \"kind\": \"voucher\", \"amount\": 13, \"extensions\": { \"id\": \"v\" } } ],\n"
	"  \"totals\": { \"net\": 12, \"tax\": 1, \"gross\": 13 } }\n";

__attribute__((unused)) static const char strange_text[] =
	"{ \"store\": \"1\", \"register\": \"1\", \"business_date\": \"2026-11-23\", \"sequence\": 1,\n"
	"  \"type\": \"training\", \"closed_at\": \"2026-11-23T17:03:40Z\", \"currency\": \"EUR\",\n"
	"  \"a/b~c\": [ { \"y\": 1, \"x\": [ ] }, \"\\u00e9\\n\" ], \"Z\": null,\n"
	"  \"lines\": [ { \"number\": 1, \"kind\": \"sale\", \"item\": \"A\", \"quantity\": 1, \"amount\": 1, \"shelf\": 7,\n"
	"    \"taxes\": [ { \"code\": \"S\", \"amount\": 0, \"name\": \"none\" } ] } ],\n"
	"  \"totals\": { \"net\": 1, \"tax\": 0, \"gross\": 1, \"items\": -1.50e3 } }\n";
/* clang-format on */

/* `text` with the first `from` in it replaced by `to`; the caller frees it. */
static inline char *text_with(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);
	if (at == NULL)
		test_fail(__FILE__, __LINE__, "the document has no %s", from);
	size_t before = (size_t)(at - text), size = strlen(text) + strlen(to) + 1;
	char *copy = malloc(size);
	EXPECT(copy != NULL);
	memcpy(copy, text, before);
	memcpy(copy + before, to, strlen(to));
	memcpy(copy + before + strlen(to), at + strlen(from), strlen(at + strlen(from)) + 1);
	return copy;
}

static inline char *sale_with(const char *from, const char *to)
{
	return text_with(sale_text, from, to);
}
