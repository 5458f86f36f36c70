/* How fast transactions are read, on one core, beside jansson on the same bytes.
 *
 *     bench-decode [SECONDS]
 *
 * Each measurement runs for SECONDS (default 2) over one sale of about 1.2 KB, and prints its
 * transactions a second of processor time, so that a busy neighbour does not count. Jansson only
 * builds its tree: it checks no field. */
#include "retail/rules.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ARENA_BYTES = 1 << 20, BATCH = 1000 };

/* clang-format off */
static const char sale[] =
	"{\"store\":\"0042\",\"register\":\"03\",\"business_date\":\"2026-11-23\",\"sequence\":18277,"
	"\"type\":\"sale\",\"began_at\":\"2026-11-23T17:02:11+01:00\","
	"\"closed_at\":\"2026-11-23T17:03:40+01:00\",\"operator\":\"17\",\"customer\":\"c-8812\","
	"\"currency\":\"EUR\",\"prices_include_tax\":true,\"lines\":["
	"{\"number\":1,\"kind\":\"sale\",\"item\":\"85123A\",\"gtin\":\"05012345678900\","
	"\"description\":\"T-light holder\",\"quantity\":\"6\",\"unit\":\"EA\",\"list_price\":\"2.95\","
	"\"unit_price\":\"2.55\",\"amount\":\"15.30\",\"discounts\":[{\"amount\":\"2.40\","
	"\"reason\":\"promotion\",\"promotion\":\"P-12\"}],\"taxes\":[{\"code\":\"S\","
	"\"rate\":\"0.20\",\"base\":\"12.75\",\"amount\":\"2.55\"}]},"
	"{\"number\":2,\"kind\":\"sale\",\"item\":\"71053\",\"gtin\":\"05012345678917\","
	"\"description\":\"White metal lantern\",\"quantity\":\"2\",\"unit\":\"EA\","
	"\"unit_price\":\"3.60\",\"amount\":\"7.20\","
	"\"taxes\":[{\"code\":\"S\",\"rate\":\"0.20\",\"base\":\"6.00\",\"amount\":\"1.20\"}]},"
	"{\"number\":3,\"kind\":\"sale\",\"item\":\"22752\",\"description\":\"Nesting boxes\","
	"\"quantity\":\"1\",\"unit\":\"EA\",\"unit_price\":\"7.50\",\"amount\":\"7.50\","
	"\"taxes\":[{\"code\":\"S\",\"rate\":\"0.20\",\"base\":\"6.25\",\"amount\":\"1.25\"}]}],"
	"\"tenders\":[{\"number\":1,\"kind\":\"cash\",\"amount\":\"40.00\",\"change\":\"10.00\"}],"
	"\"totals\":{\"net\":\"25.00\",\"tax\":\"5.00\",\"gross\":\"30.00\",\"rounding\":\"0.00\"}}";
/* clang-format on */

struct bench {
	struct slice document;
	struct arena arena;
	struct transaction t;
	struct findings findings;
	struct hash hash;
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
	transaction_check(&b->t, NULL, &b->findings);
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

static uint64_t cpu_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static bool measure(const char *name, step *run, struct bench *b, uint64_t seconds)
{
	uint64_t count = 0, start = cpu_ns(), passed;
	do {
		for (unsigned i = 0; i < BATCH; i++)
			if (!run(b))
				return false;
		count += BATCH;
		passed = cpu_ns() - start;
	} while (passed < seconds * 1000000000U);
	printf("%-22s %9" PRIu64 " transactions/s\n", name,
		(uint64_t)((unsigned __int128)count * 1000000000U / passed));
	return true;
}

int main(int argc, char **argv)
{
	struct bench b = { .document = SLICE(sale) };
	char *end = NULL;
	unsigned long seconds = argc > 1 ? strtoul(argv[1], &end, 10) : 2;
	if (argc > 2 || (end != NULL && *end != '\0') || seconds == 0 || seconds > 3600) {
		fprintf(stderr, "usage: bench-decode [SECONDS, 1 to 3600]\n");
		return 2;
	}
	arena_init(&b.arena, ARENA_BYTES);
	printf("one sale of %zu bytes\n", b.document.len);
	bool good = measure("decode", decode, &b, seconds) &&
		    measure("decode, rules", decode_and_check, &b, seconds) &&
		    measure("decode, rules, hash", decode_check_and_hash, &b, seconds) &&
		    measure("jansson (tree only)", load_jansson, &b, seconds);
	arena_release(&b.arena);
	if (!good)
		fprintf(stderr, "bench-decode: the sale was not accepted\n");
	return good ? 0 : 3;
}
