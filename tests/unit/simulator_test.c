#include "app/simulator.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/hash.h"
#include "harness.h"
#include "retail/rules.h"

#include <stdlib.h>

static struct simulator_config chain(void)
{
	return (struct simulator_config){ .seed = test_seed(20261123),
		.stores = 14,
		.registers = 3,
		.days = 2,
		.sales = 40,
		.items = 500,
		.first_date = 20261106,
		.gaps = 50,
		.late = 200,
		.repeats = 200,
		.conflicts = 50,
		.miscounts = 2000 };
}

struct result {
	struct buf lines;
	struct simulator_summary summary;
};

static enum status gather(void *context, struct slice line, struct error *err)
{
	struct buf *lines = context;
	(void)err;
	buf_slice(lines, line);
	buf_char(lines, '\n');
	return OK;
}

static struct result simulate(const struct simulator_config *config)
{
	struct result result;
	struct error err;
	buf_init(&result.lines, 64 << 20);
	struct simulator_sink sink = { gather, &result.lines };
	EXPECT_OK(simulator_run(config, &sink, &result.summary, &err), err);
	EXPECT(!result.lines.failed);
	return result;
}

TEST(the_same_seed_gives_the_same_bytes)
{
	struct simulator_config config = chain();
	struct result a = simulate(&config), b = simulate(&config);
	EXPECT(a.lines.len > 100000 && slice_equal(buf_get(&a.lines), buf_get(&b.lines)));
	config.seed++;
	struct result c = simulate(&config);
	EXPECT(!slice_equal(buf_get(&a.lines), buf_get(&c.lines)));
	buf_release(&a.lines);
	buf_release(&b.lines);
	buf_release(&c.lines);
}

/* Goal: what the simulator makes is what real tills may send. Method: every line goes through the
 * decoder and all rules; nothing is refused, and nothing is even reported. */
TEST(every_transaction_decodes_and_breaks_no_rule)
{
	struct simulator_config config = chain();
	struct result result = simulate(&config);
	struct arena arena;
	arena_init(&arena, 8 << 20);
	uint64_t types[TYPE_MAX] = { 0 }, count = 0, with_receipt = 0;
	struct slice line, rest = buf_get(&result.lines);
	while (rest.len > 0) {
		struct transaction t;
		struct findings findings = { .count = 0 };
		line = slice_cut(rest, '\n', &rest);
		arena_reset(&arena);
		enum status s = transaction_decode(line, &arena, &t, &findings);
		if (s == OK)
			transaction_check(&t, NULL, &findings);
		if (s != OK || findings.count > 0)
			test_fail(__FILE__, __LINE__, "%s %s: %s\n%.*s", findings.items[0].rule,
				findings.items[0].pointer, findings.items[0].detail,
				SLICE_ARG(line));
		types[t.type]++;
		count++;
		for (uint32_t i = 0; i < t.lines.count; i++)
			with_receipt += t.lines.items[i].of.set;
	}
	EXPECT_NUMBER(count, result.summary.lines_written);
	EXPECT_NUMBER(count,
		result.summary.transactions + result.summary.repeats + result.summary.conflicts);
	static const enum transaction_type expected[] = { TYPE_SALE, TYPE_RETURN, TYPE_EXCHANGE,
		TYPE_VOID, TYPE_NO_SALE, TYPE_TRAINING, TYPE_ADJUSTMENT, TYPE_OPEN, TYPE_CLOSE };
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		EXPECT(types[expected[i]] > 0);
	EXPECT(with_receipt > 0);
	EXPECT(result.summary.gaps > 0 && result.summary.late > 0);
	EXPECT(result.summary.repeats > 0 && result.summary.conflicts > 0);
	arena_release(&arena);
	buf_release(&result.lines);
}

/* Goal: a closing is true to what was sold. Method: without gaps, add up what each register of each
 * day sent and compare it with what its closing declares. */
struct day {
	char id[KEY_TEXT_MAX];
	uint64_t transactions, last_sequence;
	struct total gross, cash;
};

static struct day *find_day(struct day *days, uint32_t *count, const struct key *key)
{
	char id[KEY_TEXT_MAX];
	struct key without = *key;
	without.sequence = 0;
	key_print(&without, id);
	for (uint32_t i = 0; i < *count; i++)
		if (strcmp(days[i].id, id) == 0)
			return &days[i];
	EXPECT(*count < 500);
	struct day *day = &days[(*count)++];
	memset(day, 0, sizeof(*day));
	snprintf(day->id, sizeof(day->id), "%s", id);
	return day;
}

static void add_to_day(struct day *day, const struct transaction *t)
{
	day->transactions++;
	EXPECT(t->key.sequence > day->last_sequence);
	day->last_sequence = t->key.sequence;
	if (!transaction_is_posted(t))
		return;
	day->gross = total_add(day->gross, total_of(t->totals.gross));
	for (uint32_t i = 0; i < t->tenders.count; i++) {
		const struct tender *tender = &t->tenders.items[i];
		if (slice_is(tender->kind, "cash"))
			day->cash = total_add(day->cash,
				total_subtract(total_of(tender->amount), total_of(tender->change)));
	}
}

static void compare_closing(const struct day *day, const struct declared *declared)
{
	EXPECT_NUMBER(declared->transactions, day->transactions);
	EXPECT_NUMBER(declared->last_sequence, day->last_sequence);
	EXPECT(total_compare(total_of(declared->gross), day->gross) == 0);
	EXPECT(slice_is(declared->tenders.items[0].name, "cash"));
	EXPECT(total_compare(total_of(declared->tenders.items[0].amount), day->cash) == 0);
	EXPECT(total_compare(total_of(declared->counted.items[0].amount), day->cash) == 0);
}

TEST(a_closing_declares_what_was_sold)
{
	struct simulator_config config = chain();
	config.gaps = config.late = config.repeats = config.conflicts = config.miscounts = 0;
	struct result result = simulate(&config);
	static struct day days[500];
	uint32_t day_count = 0, closings = 0;
	struct arena arena;
	arena_init(&arena, 8 << 20);
	struct slice line, rest = buf_get(&result.lines);
	while (rest.len > 0) {
		struct transaction t;
		struct findings findings = { .count = 0 };
		line = slice_cut(rest, '\n', &rest);
		arena_reset(&arena);
		EXPECT(transaction_decode(line, &arena, &t, &findings) == OK);
		struct day *day = find_day(days, &day_count, &t.key);
		add_to_day(day, &t);
		if (t.type == TYPE_CLOSE)
			compare_closing(day, &t.declared);
		closings += t.type == TYPE_CLOSE;
	}
	EXPECT_NUMBER(closings, day_count);
	arena_release(&arena);
	buf_release(&result.lines);
}
