/* How fast transactions are read, on one core, beside jansson and simdjson on the same bytes.
 *
 *     bench-decode [--json] [SECONDS]
 *
 * Each measurement runs for SECONDS (default 2) of processor time over one sale of bench/sale.lua,
 * and prints its transactions a second of user time (getrusage), so that a busy neighbour does not
 * count. Jansson and simdjson only build their trees: they check no field. */
#include "base/check.h"
#include "base/error.h"
#include "bench/simdjson_tree.h"
#include "retail/rule_set.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

enum { ARENA_BYTES = 1 << 20, BATCH = 1000 };

/* clang-format off */
static const char sale[] =
	"{\"store\":\"0042\",\"register\":\"3\",\"business_date\":\"2026-11-23\",\"sequence\""
	":18277,"
	"\"type\":\"sale\",\"began_at\":\"2026-11-23T12:02:11+00:00\",\"closed_at\":\"2026"
	"-11-23T12:03:40+00:00\","
	"\"operator\":\"17\",\"customer\":\"c-8812\",\"currency\":\"EUR\",\"prices_include_t"
	"ax\":true,\"lines\":["
	"{\"number\":1,\"kind\":\"sale\",\"item\":\"20001\",\"gtin\":\"05012345678900\",\"desc"
	"ription\":\"WHITE HANGING HEART T-LIGHT HOLDER\",\"quantity\":\"6\",\"unit\":\"E"
	"A\",\"list_price\":\"2.95\",\"unit_price\":\"2.55\",\"amount\":\"15.30\",\"taxes\":[{"
	"\"code\":\"S\",\"rate\":\"0.20\",\"base\":\"12.75\",\"amount\":\"2.55\"}]},"
	"{\"number\":2,\"kind\":\"sale\",\"item\":\"20002\",\"gtin\":\"05012345678917\",\"desc"
	"ription\":\"RED WOOLLY HOTTIE WHITE HEART\",\"quantity\":\"4\",\"unit\":\"EA\",\"l"
	"ist_price\":\"3.00\",\"unit_price\":\"3.00\",\"amount\":\"12.00\",\"taxes\":[{\"code"
	"\":\"S\",\"rate\":\"0.20\",\"base\":\"10.00\",\"amount\":\"2.00\"}]},"
	"{\"number\":3,\"kind\":\"sale\",\"item\":\"20003\",\"gtin\":\"05012345678924\",\"desc"
	"ription\":\"SET 7 BABUSHKA NESTING BOXES\",\"quantity\":\"1\",\"unit\":\"EA\",\"li"
	"st_price\":\"7.65\",\"unit_price\":\"7.20\",\"amount\":\"7.20\",\"taxes\":[{\"code\":"
	"\"S\",\"rate\":\"0.20\",\"base\":\"6.00\",\"amount\":\"1.20\"}]}],"
	"\"tenders\":[{\"number\":1,\"kind\":\"cash\",\"amount\":\"40.00\",\"change\":\"5.50\"}"
	"],"
	"\"totals\":{\"net\":\"28.75\",\"tax\":\"5.75\",\"gross\":\"34.50\",\"rounding\":\"0.00\""
	"}}";
/* clang-format on */

struct bench {
	struct slice document;
	struct arena arena;
	struct transaction t;
	struct findings findings;
	struct hash hash;
	const struct rule_set *rules;
	void *simdjson;
};

/* One transaction; false when it was not what the measurement is about. */
typedef bool step(struct bench *b);

static bool decode(struct bench *b)
{
	arena_reset(&b->arena);
	b->findings.count = 0;
	return transaction_decode(b->document, &b->arena, &b->t, &b->findings) == OK;
}

static bool decode_and_check(struct bench *b)
{
	if (!decode(b))
		return false;
	transaction_check(&b->t, b->rules, &b->findings);
	return b->findings.count == 0;
}

static bool decode_check_and_hash(struct bench *b)
{
	return decode_and_check(b) &&
	       transaction_hash(&b->t, b->document, &b->arena, &b->hash) == OK;
}

static bool load_jansson(struct bench *b)
{
	json_error_t error;
	json_t *tree = json_loadb(b->document.ptr, b->document.len, JSON_REJECT_DUPLICATES, &error);
	bool good = tree != NULL;
	json_decref(tree);
	return good;
}

#ifdef HAVE_SIMDJSON
static bool load_simdjson(struct bench *b)
{
	return simdjson_load(b->simdjson);
}
#endif

static uint64_t user_us(void)
{
	struct rusage usage;
	check(getrusage(RUSAGE_THREAD, &usage) == 0);
	return (uint64_t)usage.ru_utime.tv_sec * 1000000U + (uint64_t)usage.ru_utime.tv_usec;
}

/* Transactions a second; 0 when one was not what the measurement is about. */
static uint64_t measure(step *run, struct bench *b, uint64_t seconds)
{
	uint64_t count = 0, start = user_us(), passed;
	do {
		for (unsigned i = 0; i < BATCH; i++)
			if (!run(b))
				return 0;
		count += BATCH;
		passed = user_us() - start;
	} while (passed < seconds * 1000000U);
	return count * 1000000U / passed;
}

/* What a retailer might write: limits of a store and a currency, and five rules of its own. */
static struct rule_set *configured_rules(void)
{
	static const char *const when[] = { "totals.gross > 500 and any(tenders, kind = \"cash\")",
		"type = \"return\" and hour(closed_at) >= 22",
		"count(lines, kind = \"return\") > 5", "not present(operator)",
		"any(lines, amount > 5000 and item not in (\"GIFT\", \"CATERING\"))" };
	struct rule_set *set;
	struct error err;
	struct rule_change change = { .limit = decimal_make(3, 0) };
	struct rule_scope store = { .store = slice_of("0042") };
	struct rule_scope currency = { .currency = slice_of("EUR") };
	check(rule_set_open(&set, &err) == OK);
	check(rule_set_change(set, slice_of("tax.totals"), store, &change, &err) == OK);
	check(rule_set_change(set, slice_of("tax.rate"), currency, &change, &err) == OK);
	for (unsigned i = 0; i < sizeof(when) / sizeof(when[0]); i++) {
		char id[8] = { 'u', (char)('0' + i), '\0' };
		struct user_rule rule = { .id = slice_of(id),
			.when = slice_of(when[i]),
			.message = slice_of("odd"),
			.severity = RULE_REPORT };
		check(rule_set_add(set, &rule, NULL, &err) == OK);
	}
	return set;
}

/* One row of the table. */
struct row {
	const char *key, *name;
	step *run;
	bool configured;
};

static const struct row rows[] = {
	{ "decode", "decode", decode, false },
	{ "rules", "decode, rules", decode_and_check, false },
	{ "configured", "decode, rules, own rules", decode_and_check, true },
	{ "hash", "decode, rules, hash", decode_check_and_hash, false },
	{ "jansson", "jansson (tree only)", load_jansson, false },
#ifdef HAVE_SIMDJSON
	{ "simdjson", "simdjson (tree only)", load_simdjson, false },
#endif
};

static bool measure_all(struct bench *b, const struct rule_set *own, uint64_t seconds, bool json)
{
	uint64_t rules = 0;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		b->rules = rows[i].configured ? own : NULL;
		uint64_t rate = measure(rows[i].run, b, seconds);
		if (rate == 0)
			return false;
		if (strcmp(rows[i].key, "rules") == 0)
			rules = rate;
		if (json)
			printf("%s\"%s\":%" PRIu64, i == 0 ? "{" : ",", rows[i].key, rate);
		else
			printf("%-26s %9" PRIu64 " transactions/s %6.2f x\n", rows[i].name, rate,
				rules == 0 ? 1.0 : (double)rate / (double)rules);
	}
	if (json)
		printf(",\"bytes\":%zu}\n", b->document.len);
	return true;
}

int main(int argc, char **argv)
{
	struct bench b = { .document = SLICE(sale) };
	char *end = NULL;
	bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
	int at = json ? 2 : 1;
	unsigned long seconds = argc > at ? strtoul(argv[at], &end, 10) : 2;
	if (argc > at + 1 || (end != NULL && *end != '\0') || seconds == 0 || seconds > 3600) {
		fprintf(stderr, "usage: bench-decode [--json] [SECONDS, 1 to 3600]\n");
		return 2;
	}
	struct rule_set *own = configured_rules();
	arena_init(&b.arena, ARENA_BYTES);
#ifdef HAVE_SIMDJSON
	b.simdjson = simdjson_open(sale, sizeof(sale) - 1);
#endif
	if (!json)
		printf("one sale of %zu bytes; x is the rate beside \"decode, rules\"\n",
			b.document.len);
	bool good = measure_all(&b, own, seconds, json);
#ifdef HAVE_SIMDJSON
	simdjson_close(b.simdjson);
#endif
	arena_release(&b.arena);
	rule_set_close(own);
	if (!good)
		fprintf(stderr, "bench-decode: the sale was not accepted\n");
	return good ? 0 : 3;
}
