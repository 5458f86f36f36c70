/* The register's queue on a disk that forgets, tears, fails and runs full: whatever was appended
 * stays until it is done, and no sequence number is used twice. */
#include "base/crc32c.h"
#include "edge/queue.h"
#include "harness.h"
#include "sim_disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SALES_MAX = 4000, SEGMENT_BYTES = 8192, DOUBTS_MAX = 4096 };

struct world {
	struct random random;
	struct disk *disk;
	struct queue *queue;
	/* By number: the checksum of its payload; 0 when it was never acknowledged. */
	uint32_t kept[SALES_MAX];
	/* What was being appended when the disk failed: each may be there or not. */
	struct {
		uint64_t number;
		uint32_t crc;
	} doubts[DOUBTS_MAX];
	unsigned doubt_count;
	bool done[SALES_MAX];
	uint64_t sequence; /* the largest that was acknowledged as used */
	struct buf buf;
};

static struct queue_config config_of(struct world *w)
{
	return (struct queue_config){ .disk = w->disk,
		.clock = clock_system(),
		.bytes_max = 64 * SEGMENT_BYTES,
		.count_max = 1000,
		.segment_bytes = SEGMENT_BYTES };
}

static bool world_open(struct world *w)
{
	struct queue_config config = config_of(w);
	struct error err;
	return queue_open(&config, &w->queue, &err) == OK;
}

static uint32_t sum(struct slice payload)
{
	uint32_t crc = crc32c(0, payload.ptr, payload.len);
	return crc == 0 ? 1 : crc;
}

/* The sale in doubt has a number that the next acknowledged one may take over. */
static void append(struct world *w)
{
	char text[3000];
	size_t len = 1 + random_below(&w->random, random_chance(&w->random, 1, 8) ? 3000 : 300);
	struct queue_counters counters;
	struct error err;
	uint64_t number = 0;
	for (size_t i = 0; i < len; i++)
		text[i] = (char)('a' + random_below(&w->random, 26));
	struct slice payload = slice_make(text, len);
	queue_counters(w->queue, &counters);
	uint64_t sequence = counters.last_sequence + 1;
	enum status s = queue_append(w->queue, sequence, payload, &number, &err);
	if (s == OK) {
		EXPECT_NUMBER(number, counters.appended + 1);
		EXPECT(number < SALES_MAX && w->kept[number] == 0 && sequence > w->sequence);
		w->kept[number] = sum(payload);
		w->sequence = sequence;
	} else if (s != E_FULL) {
		unsigned at = w->doubt_count++ % DOUBTS_MAX;
		w->doubts[at].number = counters.appended + 1;
		w->doubts[at].crc = sum(payload);
	}
}

static void use_sequence(struct world *w)
{
	struct queue_counters counters;
	queue_counters(w->queue, &counters);
	uint64_t sequence = counters.last_sequence + 1;
	EXPECT(sequence > w->sequence);
	if (queue_use_sequence(w->queue, sequence, NULL) == OK)
		w->sequence = sequence;
}

static void deliver(struct world *w)
{
	struct queue_entry entry;
	struct queue_counters counters;
	queue_counters(w->queue, &counters);
	uint64_t after = counters.appended > 0 ? random_below(&w->random, counters.appended) : 0;
	if (queue_next(w->queue, after, &w->buf, &entry, NULL) != OK)
		return;
	uint64_t count = 1 + random_below(&w->random, 5);
	for (uint64_t n = entry.number; n < entry.number + count && n <= counters.appended; n++)
		w->done[n] = true;
	(void)queue_done(w->queue, entry.number, count, NULL);
}

static bool in_doubt(const struct world *w, uint64_t number, uint32_t crc)
{
	for (unsigned i = 0; i < DOUBTS_MAX; i++)
		if (w->doubts[i].number == number && w->doubts[i].crc == crc)
			return true;
	return false;
}

/* Everything acknowledged and not done comes, in order, as it was; what else comes was in doubt,
 * or done (a mark may be lost). */
static void verify(struct world *w)
{
	struct queue_counters counters;
	struct queue_entry entry;
	uint64_t after = 0;
	struct error err;
	queue_counters(w->queue, &counters);
	EXPECT(counters.last_sequence >= w->sequence);
	EXPECT_NUMBER(counters.damaged, 0);
	for (;;) {
		enum status s = queue_next(w->queue, after, &w->buf, &entry, &err);
		uint64_t end = s == OK ? entry.number : SALES_MAX;
		for (uint64_t n = after + 1; n < end; n++)
			EXPECT(w->kept[n] == 0 || w->done[n]);
		if (s == E_RETRY)
			break;
		EXPECT_OK(s, err);
		uint32_t crc = sum(entry.payload);
		EXPECT(crc == w->kept[entry.number] || in_doubt(w, entry.number, crc));
		w->kept[entry.number] = crc;
		after = entry.number;
	}
}

static void step(struct world *w)
{
	uint64_t dice = random_below(&w->random, 100);
	if (dice < 55)
		append(w);
	else if (dice < 60)
		use_sequence(w);
	else if (dice < 97)
		deliver(w);
	else
		(void)queue_room(w->queue, NULL);
}

static void restart(struct world *w)
{
	queue_close(w->queue);
	w->queue = NULL;
	sim_disk_fail(w->disk, SIM_ANY, 0, false);
	sim_disk_cut_at(w->disk, 0);
	sim_disk_restart(w->disk);
	/* The power may go while the queue recovers, too. */
	if (random_chance(&w->random, 1, 3)) {
		sim_disk_cut_at(w->disk, 1 + random_below(&w->random, 20));
		bool opened = world_open(w);
		if (opened)
			queue_close(w->queue);
		w->queue = NULL;
		sim_disk_cut_at(w->disk, 0);
		sim_disk_restart(w->disk);
	}
	EXPECT(world_open(w));
	verify(w);
}

static void run_world(uint64_t seed, bool failures)
{
	struct world *w = calloc(1, sizeof(*w));
	EXPECT(w != NULL);
	random_init(&w->random, seed);
	w->disk = sim_disk_open(seed);
	buf_init(&w->buf, 1 << 20);
	EXPECT(world_open(w));
	for (unsigned life = 0; life < 8; life++) {
		unsigned steps = (unsigned)random_below(&w->random, 150);
		if (failures)
			sim_disk_fail(w->disk, SIM_WRITE | SIM_SYNC | SIM_ALLOCATE,
				1 + random_below(&w->random, 60), random_chance(&w->random, 1, 4));
		else if (random_chance(&w->random, 3, 4))
			sim_disk_cut_at(w->disk, 1 + random_below(&w->random, 120));
		for (unsigned i = 0; i < steps && !sim_disk_is_off(w->disk); i++)
			step(w);
		restart(w);
	}
	queue_close(w->queue);
	buf_release(&w->buf);
	w->disk->ops->close_disk(w->disk);
	free(w);
}

static void run_rounds(bool failures)
{
	uint64_t seed = test_seed(1);
	unsigned rounds = test_rounds(150);
	for (unsigned i = 0; i < rounds; i++)
		run_world(seed + i, failures);
}

TEST(a_power_cut_loses_nothing_that_was_acknowledged)
{
	run_rounds(false);
}

TEST(a_failing_disk_loses_nothing_that_was_acknowledged)
{
	run_rounds(true);
}

TEST(a_full_disk_refuses_the_sale_and_keeps_the_others)
{
	struct world *w = calloc(1, sizeof(*w));
	struct error err;
	uint64_t number;
	EXPECT(w != NULL);
	w->disk = sim_disk_open(7);
	buf_init(&w->buf, 1 << 20);
	random_init(&w->random, 7);
	sim_disk_limit(w->disk, 3 * SEGMENT_BYTES);
	EXPECT(world_open(w));
	for (unsigned i = 0; i < 200; i++)
		append(w);
	enum status s = queue_append(
		w->queue, 100000, slice_make((char[4000]){ 'x' }, 4000), &number, &err);
	EXPECT_NUMBER(s, E_FULL);
	verify(w);
	restart(w);
	/* Once the centre has them there is room again. */
	struct queue_counters counters;
	queue_counters(w->queue, &counters);
	EXPECT(counters.waiting > 10);
	EXPECT_OK(queue_done(w->queue, 1, counters.appended, &err), err);
	EXPECT_OK(queue_append(w->queue, 100000, slice_of("{}"), &number, &err), err);
	queue_close(w->queue);
	buf_release(&w->buf);
	w->disk->ops->close_disk(w->disk);
	free(w);
}
