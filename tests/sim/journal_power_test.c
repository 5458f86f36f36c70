/* The journal on a disk that forgets, tears, fails and runs full. */
#include "base/buf.h"
#include "harness.h"
#include "journal/journal.h"
#include "sim_disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAYLOAD_MAX = 12000, EVENTS_MAX = 20000 };

static int64_t fixed_time(struct clock *clock)
{
	(void)clock;
	return 1764000000000;
}

static struct clock *fixed_clock(void)
{
	static struct clock clock = { .wall_ms = fixed_time };
	return &clock;
}

/* What the test knows: for event n, made[n - 1] says which payload it has. */
struct model {
	struct disk *disk;
	struct random random;
	uint64_t segment_bytes;
	uint64_t attempts; /* of appending, so that no two payloads are equal */
	uint64_t made[EVENTS_MAX];
	uint64_t count; /* events appended */
	uint64_t known; /* of them acknowledged, or shown by a recovery: they must stay */
};

static struct slice payload_of(uint64_t attempt)
{
	static char bytes[PAYLOAD_MAX];
	struct random random;
	random_init(&random, attempt);
	/* Mostly small; some are larger than the smallest segment. */
	uint64_t len_max = random_chance(&random, 1, 100) ? PAYLOAD_MAX : 700;
	size_t len = 8 + (size_t)random_below(&random, len_max - 8);
	memset(bytes, (int)(random_u64(&random) & 0xff), len);
	memcpy(bytes, &attempt, sizeof(attempt));
	return slice_make(bytes, len);
}

static uint16_t kind_of(uint64_t attempt)
{
	return (uint16_t)(1 + attempt % 5);
}

static void expect_event(const struct model *m, const struct event *event, uint64_t number)
{
	EXPECT_NUMBER(event->number, number);
	EXPECT(number <= m->count);
	EXPECT(slice_equal(event->payload, payload_of(m->made[number - 1])));
	EXPECT_NUMBER(event->kind, kind_of(m->made[number - 1]));
}

/* The only way in which a disk that fails may show. */
static void expect_io(enum status s, const struct error *err)
{
	if (s != E_IO)
		test_fail(
			__FILE__, __LINE__, "E_IO was expected: %s: %s", status_name(s), err->text);
}

/* Reads all; false when the disk failed on the way. */
static bool read_all(struct model *m, struct journal *journal)
{
	struct error err = { 0 };
	struct journal_reader *reader = NULL;
	struct event event;
	EXPECT_OK(journal_reader_open(journal, 1, &reader, &err), err);
	uint64_t number = 0;
	enum status s;
	while ((s = journal_reader_next(reader, &event, &err)) == OK)
		expect_event(m, &event, ++number);
	journal_reader_close(reader);
	if (s != E_RETRY) {
		expect_io(s, &err);
		return false;
	}
	EXPECT_NUMBER(number, journal_durable_number(journal));
	return true;
}

static void read_one(struct model *m, struct journal *journal, const struct event *wanted)
{
	struct error err = { 0 };
	struct event event;
	struct buf buf;
	if (wanted->number == 0 || wanted->number > journal_durable_number(journal))
		return;
	buf_init(&buf, PAYLOAD_MAX + 8);
	enum status s = journal_read_at(journal, wanted->position, &buf, &event, &err);
	if (s == OK)
		expect_event(m, &event, wanted->number);
	else
		expect_io(s, &err);
	buf_release(&buf);
}

/* NULL when the disk failed during recovery, or was full. */
static struct journal *open_journal(struct model *m)
{
	struct error err = { 0 };
	struct journal *journal = NULL;
	enum status s = journal_open(m->disk, fixed_clock(), m->segment_bytes, &journal, &err);
	if (s == E_FULL)
		sim_disk_limit(m->disk, UINT64_MAX);
	else if (s != OK)
		expect_io(s, &err);
	if (s != OK)
		return NULL;
	uint64_t found = journal_durable_number(journal);
	if (found < m->known || found > m->count)
		test_fail(__FILE__, __LINE__,
			"recovery found %llu events; %llu were promised and %llu appended",
			(unsigned long long)found, (unsigned long long)m->known,
			(unsigned long long)m->count);
	m->known = m->count = found;
	return journal;
}

/* Puts a group together; false when the journal can go on no more. */
static bool append_group(struct model *m, struct journal *journal, struct event *ret_last)
{
	struct error err = { 0 };
	uint64_t wanted = 1 + random_below(&m->random, 20);
	for (uint64_t i = 0; i < wanted && m->count < EVENTS_MAX; i++) {
		uint64_t attempt = m->attempts++;
		enum status s = journal_append(
			journal, kind_of(attempt), payload_of(attempt), ret_last, &err);
		if (s == E_FULL) {
			if (random_chance(&m->random, 1, 2))
				sim_disk_limit(m->disk, UINT64_MAX);
			return true;
		}
		if (s != OK) {
			expect_io(s, &err);
			return false;
		}
		m->made[m->count++] = attempt;
		EXPECT_NUMBER(ret_last->number, m->count);
	}
	return true;
}

static void expect_stopped(struct model *m, struct journal *journal)
{
	struct error err = { 0 };
	struct event event;
	EXPECT(journal_append(journal, 1, payload_of(m->attempts++), &event, &err) == E_IO);
	EXPECT(journal_sync(journal, &err) == E_IO);
}

static void work(struct model *m, struct journal *journal)
{
	struct error err = { 0 };
	struct event last = { 0 };
	uint64_t groups = 1 + random_below(&m->random, 40);
	for (uint64_t i = 0; i < groups; i++) {
		if (!append_group(m, journal, &last)) {
			expect_stopped(m, journal);
			return;
		}
		if (random_chance(&m->random, 1, 10))
			continue;
		enum status s = journal_sync(journal, &err);
		if (s != OK) {
			expect_io(s, &err);
			expect_stopped(m, journal);
			return;
		}
		m->known = m->count;
		EXPECT_NUMBER(journal_durable_number(journal), m->count);
		if (random_chance(&m->random, 1, 8))
			read_one(m, journal, &last);
	}
}

static void arrange_trouble(struct model *m)
{
	static const unsigned ops[] = { SIM_ANY, SIM_SYNC, SIM_WRITE, SIM_SYNC_NAMES, SIM_ALLOCATE,
		SIM_RENAME | SIM_REMOVE | SIM_OPEN };
	static const uint64_t reach[] = { 16, 40, 300, 300 }; /* the first: inside recovery */
	uint64_t within = reach[random_below(&m->random, 4)];
	if (random_chance(&m->random, 3, 4))
		sim_disk_cut_at(m->disk, 1 + random_below(&m->random, within));
	if (random_chance(&m->random, 1, 3))
		sim_disk_fail(m->disk, ops[random_below(&m->random, sizeof(ops) / sizeof(ops[0]))],
			1 + random_below(&m->random, within / 4), random_chance(&m->random, 1, 2));
	if (random_chance(&m->random, 1, 4))
		sim_disk_limit(m->disk,
			sim_disk_used(m->disk) + random_below(&m->random, 4 * m->segment_bytes));
}

/* One life of the process, and its end: a power cut, or only a crash of the process, after which
 * the system goes on showing what it has in memory. */
static void live(struct model *m)
{
	arrange_trouble(m);
	struct journal *journal = open_journal(m);
	if (journal != NULL && read_all(m, journal))
		work(m, journal);
	bool cut = sim_disk_is_off(m->disk) || random_chance(&m->random, 1, 2);
	if (cut && random_chance(&m->random, 1, 2))
		sim_disk_restart(m->disk);
	journal_close(journal);
	if (cut)
		sim_disk_restart(m->disk);
	sim_disk_fail(m->disk, 0, 0, false);
	sim_disk_cut_at(m->disk, 0);
	if (random_chance(&m->random, 1, 2))
		sim_disk_limit(m->disk, UINT64_MAX);
}

static void run_round(struct model *m, uint64_t seed)
{
	static const uint64_t sizes[] = { 4096, 16384, 131072 };
	struct error err = { 0 };
	*m = (struct model){ .disk = sim_disk_open(seed), .attempts = seed << 24 };
	random_init(&m->random, seed);
	m->segment_bytes = sizes[random_below(&m->random, 3)];
	uint64_t lives = 2 + random_below(&m->random, 6);
	for (uint64_t i = 0; i < lives; i++)
		live(m);
	/* At last all is well, and everything is there. */
	sim_disk_restart(m->disk);
	sim_disk_limit(m->disk, UINT64_MAX);
	struct journal *journal = open_journal(m);
	EXPECT(journal != NULL && read_all(m, journal));
	journal_close(journal);
	EXPECT_OK(journal_verify(m->disk, NULL, NULL, &err), err);
	m->disk->ops->close_disk(m->disk);
}

/* Goal: what was acknowledged, or shown by a recovery, is there for good, once, in order, and as it
 * was; nothing else ever appears. Method: on thousands of simulated disks append, sync, cut the
 * power or fail anywhere, recovery included, and open again, several times over. */
TEST(the_journal_survives_power_cuts_and_failing_disks)
{
	uint64_t seed = test_seed(1);
	unsigned rounds = test_rounds(2000);
	struct model *m = calloc(1, sizeof(*m));
	EXPECT(m != NULL);
	for (unsigned i = 0; i < rounds; i++)
		run_round(m, test_seed(seed + i));
	free(m);
}

/* A journal of several segments, closed in order. */
static struct model *several_segments(uint64_t seed, struct event *ret_last)
{
	struct error err = { 0 };
	struct journal *journal = NULL;
	struct model *m = calloc(1, sizeof(*m));
	EXPECT(m != NULL);
	*m = (struct model){ .disk = sim_disk_open(seed), .segment_bytes = 16384 };
	random_init(&m->random, seed);
	EXPECT_OK(journal_open(m->disk, fixed_clock(), m->segment_bytes, &journal, &err), err);
	while (journal_segments(journal) < 4 || random_chance(&m->random, 3, 4)) {
		EXPECT(append_group(m, journal, ret_last));
		EXPECT_OK(journal_sync(journal, &err), err);
	}
	m->known = m->count;
	EXPECT(journal_durable_number(journal) == m->count);
	journal_close(journal);
	return m;
}

static void release(struct model *m)
{
	m->disk->ops->close_disk(m->disk);
	free(m);
}

/* Opens what a bit was flipped in. Either that is found, and nothing was changed; or the bit was in
 * a sealed segment, which opening does not read, and then reading finds it; or nothing of an event
 * was hit. */
static bool damage_is_found(struct model *m)
{
	struct error err = { 0 };
	struct journal *journal = NULL;
	struct journal_reader *reader = NULL;
	struct event event;
	uint64_t before = sim_disk_state(m->disk), number = 0;
	enum status s = journal_open(m->disk, fixed_clock(), m->segment_bytes, &journal, &err);
	if (s != OK) {
		EXPECT_TEXT(status_name(s), "corrupt");
		EXPECT(sim_disk_state(m->disk) == before);
		return true;
	}
	EXPECT_NUMBER(journal_durable_number(journal), m->count);
	EXPECT_OK(journal_reader_open(journal, 1, &reader, &err), err);
	while ((s = journal_reader_next(reader, &event, &err)) == OK)
		expect_event(m, &event, ++number);
	EXPECT(s == E_CORRUPT || (s == E_RETRY && number == m->count));
	journal_reader_close(reader);
	journal_close(journal);
	return s == E_CORRUPT;
}

TEST(a_flipped_bit_in_durable_bytes_is_found_and_nothing_is_changed)
{
	uint64_t seed = test_seed(1);
	unsigned rounds = test_rounds(300);
	for (unsigned i = 0; i < rounds; i++) {
		struct event last = { 0 };
		struct error err = { 0 };
		char name[40];
		uint64_t size = 0;
		struct model *m = several_segments(test_seed(seed + i), &last);
		uint64_t segments = last.position >> 32;
		uint64_t segment = 1 + random_below(&m->random, segments);
		snprintf(name, sizeof(name), "%016llu.segment", (unsigned long long)segment);
		EXPECT(sim_disk_bytes(m->disk, name, &size) != NULL);
		if (segment == segments)
			size = (last.position & UINT32_MAX) + last.payload.len;
		sim_disk_flip(m->disk, name, random_below(&m->random, size),
			(unsigned)random_below(&m->random, 8));
		EXPECT(journal_verify(m->disk, NULL, NULL, &err) == E_CORRUPT);
		EXPECT(strstr(err.text, name) != NULL || strstr(err.text, "seal") != NULL);
		bool found = damage_is_found(m);
		EXPECT(found || segment < segments);
		release(m);
	}
}

TEST(a_missing_segment_is_named)
{
	for (uint64_t gone = 1;; gone++) {
		struct event last = { 0 };
		struct error err = { 0 };
		struct journal *journal = NULL;
		char name[40];
		struct model *m = several_segments(test_seed(7), &last);
		bool done = gone > last.position >> 32;
		snprintf(name, sizeof(name), "%016llu.segment", (unsigned long long)gone);
		if (!done) {
			EXPECT_OK(m->disk->ops->remove(m->disk, name, &err), err);
			uint64_t before = sim_disk_state(m->disk);
			EXPECT(journal_open(m->disk, fixed_clock(), m->segment_bytes, &journal,
				       &err) == E_CORRUPT);
			EXPECT(strstr(err.text, name) != NULL);
			EXPECT(sim_disk_state(m->disk) == before);
			EXPECT(journal_verify(m->disk, NULL, NULL, &err) == E_CORRUPT);
		}
		release(m);
		if (done)
			return;
	}
}

/* Appends until the answer is something else than OK. */
static enum status append_until_refused(struct model *m, struct journal *journal)
{
	struct error err = { 0 };
	struct event event;
	for (;;) {
		uint64_t attempt = m->attempts++;
		enum status s = journal_append(
			journal, kind_of(attempt), payload_of(attempt), &event, &err);
		if (s != OK)
			return s;
		m->made[m->count++] = attempt;
	}
}

TEST(a_full_disk_refuses_an_event_and_the_journal_goes_on_when_there_is_room)
{
	struct event last = { 0 };
	struct error err = { 0 };
	struct model *m = several_segments(test_seed(3), &last);
	struct journal *journal = open_journal(m);
	sim_disk_limit(m->disk, sim_disk_used(m->disk));
	EXPECT_TEXT(status_name(append_until_refused(m, journal)), "full");
	uint64_t before = sim_disk_state(m->disk);
	EXPECT_TEXT(status_name(append_until_refused(m, journal)), "full");
	EXPECT(sim_disk_state(m->disk) == before);
	EXPECT_OK(journal_sync(journal, &err), err);
	uint64_t there = m->count;
	EXPECT_NUMBER(journal_durable_number(journal), there);
	sim_disk_limit(m->disk, UINT64_MAX);
	EXPECT(append_group(m, journal, &last));
	EXPECT_OK(journal_sync(journal, &err), err);
	EXPECT_NUMBER(journal_durable_number(journal), m->count);
	EXPECT(m->count > there && read_all(m, journal));
	journal_close(journal);
	release(m);
}

TEST(after_a_failed_sync_nothing_more_is_accepted)
{
	struct event event;
	struct error err = { 0 };
	struct journal *journal = NULL;
	struct disk *disk = sim_disk_open(test_seed(5));
	EXPECT_OK(journal_open(disk, fixed_clock(), 65536, &journal, &err), err);
	EXPECT_OK(journal_append(journal, 1, slice_of("one"), &event, &err), err);
	EXPECT_OK(journal_sync(journal, &err), err);
	EXPECT_OK(journal_append(journal, 1, slice_of("two"), &event, &err), err);
	sim_disk_fail(disk, SIM_SYNC, 1, false);
	EXPECT(journal_sync(journal, &err) == E_IO);
	for (int i = 0; i < 3; i++) {
		EXPECT(journal_append(journal, 1, slice_of("three"), &event, &err) == E_IO);
		EXPECT(journal_sync(journal, &err) == E_IO);
	}
	EXPECT_NUMBER(journal_durable_number(journal), 1);
	journal_close(journal);
	disk->ops->close_disk(disk);
}
