/* Any bytes are an expression or a fault with a place inside them; what is taken gives the same
 * answer twice, or says twice why it has none. */
#include "base/check.h"
#include "fuzz.h"
#include "retail/codec.h"
#include "retail/expression.h"

enum { ARENA_BYTES = 16 << 20 };

static const char sale[] =
	"{\"store\":\"1\",\"register\":\"1\",\"business_date\":\"2026-11-23\",\"sequence\":1,"
	"\"type\":\"sale\",\"closed_at\":\"2026-11-23T17:03:40+01:00\",\"currency\":\"EUR\","
	"\"lines\":[{\"number\":1,\"kind\":\"sale\",\"item\":\"A\",\"quantity\":2,\"amount\":"
	"\"12\","
	"\"discounts\":[{\"amount\":\"1\"}],\"taxes\":[{\"code\":\"S\",\"rate\":\"0.2\",\"base\":"
	"\"10\",\"amount\":\"2\"}]},{\"number\":2,\"kind\":\"fee\",\"amount\":"
	"\"999999999999999999\"}],"
	"\"tenders\":[{\"number\":1,\"kind\":\"cash\",\"amount\":\"12\"}],"
	"\"totals\":{\"net\":\"10\",\"tax\":\"2\",\"gross\":\"12\"}}";

static void evaluate(const struct expression *e, const struct expression_place *place, bool truth)
{
	bool yes[2];
	struct total number[2];
	const char *problem[2];
	bool good[2];
	for (unsigned i = 0; i < 2; i++) {
		if (truth)
			good[i] = expression_truth(e, place, &yes[i], &problem[i]);
		else
			good[i] = expression_number(e, place, &number[i], &problem[i]);
	}
	check(good[0] == good[1] && good[0] == (problem[0] == NULL));
	check(!truth || yes[0] == yes[1]);
	check(truth || total_compare(number[0], number[1]) == 0);
}

static void parse(
	struct slice text, const struct transaction *t, const char *each, struct arena *arena)
{
	for (unsigned truth = 0; truth < 2; truth++) {
		struct expression_wanted wanted = { truth ? EXPRESSION_TRUTH : EXPRESSION_NUMBER,
			each };
		struct expression_place place = { .transaction = t,
			.item = each == NULL ? NULL : (const void *)&t->tenders.items[0] };
		const struct expression *e = NULL;
		struct expression_fault fault;
		enum status s = expression_parse(text, wanted, arena, &e, &fault);
		check(s == OK ||
			(s == E_INPUT && fault.text[0] != '\0' && fault.offset <= text.len));
		if (s == OK)
			evaluate(e, &place, truth);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena;
	struct transaction t;
	struct findings findings = { .count = 0 };
	if (size > 1 << 14)
		return 0;
	arena_init(&arena, ARENA_BYTES);
	check(transaction_decode(slice_of(sale), &arena, &t, &findings) == OK);
	parse(slice_make(data, size), &t, NULL, &arena);
	parse(slice_make(data, size), &t, "tenders", &arena);
	arena_release(&arena);
	return 0;
}
