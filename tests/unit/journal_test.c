#include "journal/journal.h"

#include "base/buf.h"
#include "harness.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct disk *open_disk(const char *name)
{
	static char path[128];
	struct disk *disk = NULL;
	struct error err = { 0 };
	snprintf(path, sizeof(path), "%s/%s", test_folder(), name);
	EXPECT_OK(disk_open_folder(path, &disk, &err), err);
	return disk;
}

static struct journal *open_journal(struct disk *disk, uint64_t segment_bytes)
{
	struct journal *journal = NULL;
	struct error err = { 0 };
	EXPECT_OK(journal_open(disk, clock_system(), segment_bytes, &journal, &err), err);
	return journal;
}

static void close_both(struct journal *journal, struct disk *disk)
{
	journal_close(journal);
	disk->ops->close_disk(disk);
}

/* "event 17 xxxx...": as long as `len` says. */
static struct slice text_of(uint64_t number, size_t len)
{
	static _Thread_local char text[JOURNAL_EVENT_BYTES_MAX];
	memset(text, 'x', len);
	int used = snprintf(text, sizeof(text), "event %llu", (unsigned long long)number);
	text[used] = 'x';
	return slice_make(text, len < (size_t)used ? (size_t)used : len);
}

static struct event append(struct journal *journal, uint64_t number, size_t len)
{
	struct event event = { 0 };
	struct error err = { 0 };
	EXPECT_OK(journal_append(journal, EVENT_TRANSACTION, text_of(number, len), &event, &err),
		err);
	EXPECT_NUMBER(event.number, number);
	return event;
}

static void sync_journal(struct journal *journal)
{
	struct error err = { 0 };
	EXPECT_OK(journal_sync(journal, &err), err);
}

TEST(events_come_back_in_order_after_the_journal_is_opened_again)
{
	struct error err = { 0 };
	struct event event;
	struct journal_reader *reader = NULL;
	for (uint64_t life = 0; life < 3; life++) {
		struct disk *disk = open_disk("order");
		struct journal *journal = open_journal(disk, 64 << 10);
		EXPECT_NUMBER(journal_durable_number(journal), life * 300);
		for (uint64_t i = 1; i <= 300; i++) {
			append(journal, life * 300 + i, 40 + i % 900);
			if (i % 7 == 0)
				sync_journal(journal);
		}
		sync_journal(journal);
		close_both(journal, disk);
	}
	struct disk *disk = open_disk("order");
	struct journal *journal = open_journal(disk, 64 << 10);
	EXPECT(journal_segments(journal) > 3);
	EXPECT_OK(journal_reader_open(journal, 250, &reader, &err), err);
	for (uint64_t n = 250; n <= 900; n++) {
		EXPECT_OK(journal_reader_next(reader, &event, &err), err);
		EXPECT_NUMBER(event.number, n);
		EXPECT_NUMBER(event.kind, EVENT_TRANSACTION);
		EXPECT(slice_equal(event.payload, text_of(n, 40 + ((n - 1) % 300 + 1) % 900)));
	}
	EXPECT(journal_reader_next(reader, &event, &err) == E_RETRY);
	journal_reader_close(reader);
	close_both(journal, disk);
}

TEST(an_event_that_was_not_synced_is_not_durable_and_not_shown)
{
	struct error err = { 0 };
	struct event event;
	struct journal_reader *reader = NULL;
	struct buf buf;
	struct disk *disk = open_disk("unsynced");
	struct journal *journal = open_journal(disk, 0);
	buf_init(&buf, 1 << 20);
	EXPECT_OK(journal_reader_open(journal, 1, &reader, &err), err);
	struct event first = append(journal, 1, 100);
	EXPECT_NUMBER(journal_durable_number(journal), 0);
	EXPECT(journal_reader_next(reader, &event, &err) == E_RETRY);
	EXPECT(journal_read_at(journal, first.position, &buf, &event, &err) == E_INPUT);
	sync_journal(journal);
	EXPECT_NUMBER(journal_durable_number(journal), 1);
	EXPECT_OK(journal_reader_next(reader, &event, &err), err);
	EXPECT(slice_equal(event.payload, text_of(1, 100)));
	EXPECT_OK(journal_read_at(journal, first.position, &buf, &event, &err), err);
	EXPECT_NUMBER(event.recorded_ms, first.recorded_ms);
	EXPECT_NUMBER(journal_bytes(journal), 48 + 104);
	append(journal, 2, 100);
	journal_reader_close(reader);
	close_both(journal, disk);
	disk = open_disk("unsynced");
	journal = open_journal(disk, 0);
	EXPECT_NUMBER(journal_durable_number(journal), 1);
	buf_release(&buf);
	close_both(journal, disk);
}

TEST(any_event_is_read_by_its_position)
{
	enum { COUNT = 200 };
	static struct event events[COUNT];
	struct error err = { 0 };
	struct event event;
	struct buf buf;
	struct disk *disk = open_disk("positions");
	struct journal *journal = open_journal(disk, 128 << 10);
	for (uint64_t i = 0; i < COUNT; i++)
		events[i] = append(journal, i + 1, 20 + i * i);
	sync_journal(journal);
	buf_init(&buf, 64 << 10);
	for (uint64_t i = 0; i < COUNT; i++) {
		uint64_t at = i * 77 % COUNT;
		EXPECT_OK(journal_read_at(journal, events[at].position, &buf, &event, &err), err);
		EXPECT_NUMBER(event.number, at + 1);
		EXPECT(slice_equal(buf_get(&buf), text_of(at + 1, 20 + at * at)));
		EXPECT(at == 0 || events[at].position > events[at - 1].position);
	}
	EXPECT(journal_read_at(journal, 0, &buf, &event, &err) == E_INPUT);
	EXPECT(journal_read_at(journal, events[3].position + 4, &buf, &event, &err) == E_INPUT);
	EXPECT(journal_read_at(journal, events[3].position + 8, &buf, &event, &err) == E_CORRUPT);
	EXPECT(journal_read_at(journal, UINT64_C(99) << 32 | 88, &buf, &event, &err) == E_INPUT);
	buf_release(&buf);
	close_both(journal, disk);
}

TEST(the_largest_event_fits_and_a_larger_one_is_refused)
{
	struct error err = { 0 };
	struct event event;
	struct buf buf;
	struct disk *disk = open_disk("large");
	struct journal *journal = open_journal(disk, 64 << 10);
	append(journal, 1, 10);
	struct event large[3];
	for (uint64_t i = 0; i < 3; i++)
		large[i] = append(journal, i + 2, JOURNAL_EVENT_BYTES_MAX);
	append(journal, 5, 10);
	sync_journal(journal);
	EXPECT(journal_append(journal, 1,
		       slice_make(text_of(1, JOURNAL_EVENT_BYTES_MAX).ptr,
			       JOURNAL_EVENT_BYTES_MAX + 1),
		       &event, &err) == E_INPUT);
	buf_init(&buf, JOURNAL_EVENT_BYTES_MAX);
	for (uint64_t i = 0; i < 3; i++) {
		EXPECT_OK(journal_read_at(journal, large[i].position, &buf, &event, &err), err);
		EXPECT(slice_equal(event.payload, text_of(i + 2, JOURNAL_EVENT_BYTES_MAX)));
	}
	buf_release(&buf);
	journal_close(journal);
	EXPECT_OK(journal_verify(disk, NULL, NULL, &err), err);
	disk->ops->close_disk(disk);
}

TEST(a_reader_cannot_begin_behind_the_end)
{
	struct error err = { 0 };
	struct journal_reader *reader = NULL;
	struct disk *disk = open_disk("behind");
	struct journal *journal = open_journal(disk, 0);
	EXPECT(journal_reader_open(journal, 2, &reader, &err) == E_INPUT);
	EXPECT_TEXT(err.text, "event 2 was asked for; the journal ends with event 0");
	close_both(journal, disk);
}

TEST(a_folder_belongs_to_one_process)
{
	char path[128];
	struct disk *disk = open_disk("locked"), *second = NULL;
	struct error err = { 0 };
	snprintf(path, sizeof(path), "%s/locked", test_folder());
	EXPECT(disk_open_folder(path, &second, &err) == E_CONFIG);
	EXPECT(strstr(err.text, "is in use by another process") != NULL);
	disk->ops->close_disk(disk);
	EXPECT_OK(disk_open_folder(path, &disk, &err), err);
	disk->ops->close_disk(disk);
	snprintf(path, sizeof(path), "%s/no/such", test_folder());
	EXPECT(disk_open_folder(path, &disk, &err) == E_CONFIG);
}

static void count_segment(void *context, const struct segment_report *report)
{
	unsigned *sealed = context;
	EXPECT(report->first_number <= report->last_number);
	*sealed += report->sealed;
}

TEST(verification_reads_every_segment_and_names_the_damaged_one)
{
	struct error err = { 0 };
	struct disk *disk = open_disk("verify");
	struct journal *journal = open_journal(disk, 16 << 10);
	for (uint64_t i = 1; i <= 100; i++) {
		append(journal, i, 500);
		sync_journal(journal);
	}
	uint64_t segments = journal_segments(journal);
	unsigned sealed = 0;
	journal_close(journal);
	EXPECT_OK(journal_verify(disk, count_segment, &sealed, &err), err);
	EXPECT_NUMBER(sealed, segments - 1);
	struct disk_file *file = NULL;
	EXPECT_OK(disk->ops->open(disk, "0000000000000002.segment", false, &file, &err), err);
	EXPECT_OK(disk->ops->write(file, "?", 1, 5000, &err), err);
	disk->ops->close(file);
	EXPECT(journal_verify(disk, NULL, NULL, &err) == E_CORRUPT);
	EXPECT(strncmp(err.text, "0000000000000002.segment: offset ", 33) == 0);
	disk->ops->close_disk(disk);
}

TEST(a_segment_that_was_shortened_is_damage)
{
	struct error err = { 0 };
	struct journal *journal = NULL;
	struct disk_file *file = NULL;
	struct disk *disk = open_disk("short");
	journal_close(open_journal(disk, 64 << 10));
	EXPECT_OK(disk->ops->open(disk, "0000000000000001.segment", false, &file, &err), err);
	EXPECT_OK(disk->ops->truncate(file, 60000, &err), err);
	disk->ops->close(file);
	EXPECT(journal_open(disk, clock_system(), 0, &journal, &err) == E_CORRUPT);
	EXPECT_TEXT(err.text,
		"journal: 0000000000000001.segment: the file has 60000 bytes; its header says "
		"65536: events from 1 on may be missing");
	disk->ops->close_disk(disk);
}

enum { FOLLOWED = 20000 };

static void *follow(void *context)
{
	struct journal *journal = context;
	struct journal_reader *reader = NULL;
	struct error err = { 0 };
	struct event event;
	EXPECT_OK(journal_reader_open(journal, 1, &reader, &err), err);
	for (uint64_t n = 1; n <= FOLLOWED;) {
		enum status s = journal_reader_next(reader, &event, &err);
		if (s == E_RETRY) {
			sched_yield();
			continue;
		}
		EXPECT_OK(s, err);
		EXPECT(event.number == n);
		EXPECT(slice_equal(event.payload, text_of(n, 30 + n % 700)));
		n++;
	}
	journal_reader_close(reader);
	return NULL;
}

static void *look_up(void *context)
{
	struct journal *journal = context;
	struct journal_reader *reader = NULL;
	struct error err = { 0 };
	struct event event, again;
	struct buf buf;
	buf_init(&buf, 1 << 20);
	for (uint64_t n = 1; n < FOLLOWED; n = journal_durable_number(journal) + 1) {
		EXPECT_OK(journal_reader_open(journal, n, &reader, &err), err);
		while (journal_reader_next(reader, &event, &err) == E_RETRY)
			sched_yield();
		EXPECT_OK(journal_read_at(journal, event.position, &buf, &again, &err), err);
		EXPECT(again.number == n && slice_equal(again.payload, event.payload));
		journal_reader_close(reader);
	}
	buf_release(&buf);
	return NULL;
}

/* Goal: readers on other threads see every durable event and nothing half written. */
TEST(readers_on_other_threads_follow_the_one_that_appends)
{
	struct disk *disk = open_disk("threads");
	struct journal *journal = open_journal(disk, 256 << 10);
	pthread_t threads[3];
	EXPECT(pthread_create(&threads[0], NULL, follow, journal) == 0);
	EXPECT(pthread_create(&threads[1], NULL, follow, journal) == 0);
	EXPECT(pthread_create(&threads[2], NULL, look_up, journal) == 0);
	for (uint64_t n = 1; n <= FOLLOWED; n++) {
		append(journal, n, 30 + n % 700);
		if (n % 50 == 0)
			sync_journal(journal);
	}
	sync_journal(journal);
	for (int i = 0; i < 3; i++)
		EXPECT(pthread_join(threads[i], NULL) == 0);
	close_both(journal, disk);
}
