/* Documents held to the rules, for the tests of retail/rules*.c. */
#pragma once

#include "harness.h"
#include "retail/rule_set.h"
#include "sale.h"

#include <stdio.h>

/* What the rules say about a document: a line "rule pointer" each, refusing ones with a "!" in
 * front. The text is the test's only one: a process runs one test. */
__attribute__((unused)) static const char *judge_by(const char *text, const struct rule_set *set)
{
	static char said[8192];
	static struct findings findings;
	struct arena arena;
	struct transaction t;
	size_t len = 0;
	said[0] = '\0';
	memset(&findings, 0, sizeof(findings));
	arena_init(&arena, 32 << 20);
	if (transaction_decode(slice_of(text), &arena, &t, &findings) == OK)
		transaction_check(&t, set, &findings);
	for (uint32_t i = 0; i < findings.count; i++) {
		const struct finding *f = &findings.items[i];
		EXPECT(f->detail[0] != '\0');
		len += (size_t)snprintf(said + len, sizeof(said) - len, "%s%s%s %s",
			len > 0 ? "\n" : "", f->refuses ? "!" : "", f->rule, f->pointer);
	}
	arena_release(&arena);
	return said;
}

__attribute__((unused)) static const char *judge(const char *text)
{
	return judge_by(text, NULL);
}

__attribute__((unused)) static const char *judge_with(
	const char *text, const char *from, const char *to)
{
	char *changed = text_with(text, from, to);
	const char *said = judge(changed);
	free(changed);
	return said;
}

/* A sale of one line and one tender whose parts can be written freely. */
__attribute__((unused)) static const char *judge_parts(
	const char *head, const char *line, const char *tenders, const char *totals)
{
	char text[4096];
	snprintf(text, sizeof(text),
		"{\"store\":\"1\",\"register\":\"1\",\"business_date\":\"2026-11-23\",\"sequence\":"
		"1,"
		"\"closed_at\":\"2026-11-23T17:03:40Z\",%s,\"lines\":[%s],\"tenders\":[%s],"
		"\"totals\":{%s}}",
		head, line, tenders, totals);
	return judge(text);
}

#define SALE_EUR "\"type\":\"sale\",\"currency\":\"EUR\""
#define CASH(amount) "{\"number\":1,\"kind\":\"cash\",\"amount\":\"" amount "\"}"
#define NET(amount) "\"net\":\"" amount "\",\"tax\":\"0\",\"gross\":\"" amount "\""
#define LINE(number, kind, quantity, price, amount)                                                \
	"{\"number\":" number ",\"kind\":\"" kind "\",\"item\":\"A\",\"quantity\":\"" quantity     \
	"\",\"unit_price\":\"" price "\",\"amount\":\"" amount "\"}"

/* One sale in euros of one line, paid in cash as its amount says. */
#define ONE_LINE(kind, quantity, price, amount)                                                    \
	judge_parts(SALE_EUR, LINE("1", kind, quantity, price, amount), CASH(amount), NET(amount))
