/* Archived segments: read like any other, wherever an interruption left them, and damage is named.
 */
#include "base/buf.h"
#include "harness.h"
#include "journal/archive_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EVENTS = 600, SEGMENT = 64 << 10 };

static uint64_t positions[EVENTS + 1];

static struct disk *folder(const char *name)
{
	char path[4096];
	struct disk *disk = NULL;
	struct error err;
	snprintf(path, sizeof(path), "%s/%s", test_folder(), name);
	EXPECT_OK(disk_open_folder(path, &disk, &err), err);
	return disk;
}

static struct disk *both(void)
{
	struct disk *disk = NULL;
	struct error err;
	EXPECT_OK(archive_disk_open(folder("journal"), folder("archive"), &disk, &err), err);
	return disk;
}

static struct slice text_of(uint64_t number)
{
	static char text[1200];
	int len = snprintf(text, sizeof(text), "event %llu ", (unsigned long long)number);
	for (size_t i = (size_t)len; i < sizeof(text); i++)
		text[i] = (char)('a' + (i * number + i / 7) % 23);
	return slice_make(text, sizeof(text));
}

static void write_journal(void)
{
	struct error err;
	struct event event;
	struct journal *journal = NULL;
	struct disk *disk = folder("journal");
	EXPECT_OK(journal_open(disk, clock_system(), SEGMENT, &journal, &err), err);
	for (uint64_t i = 1; i <= EVENTS; i++) {
		EXPECT_OK(
			journal_append(journal, EVENT_TRANSACTION, text_of(i), &event, &err), err);
		positions[i] = event.position;
	}
	EXPECT_OK(journal_sync(journal, &err), err);
	EXPECT(journal_segments(journal) > 8);
	journal_close(journal);
	disk->ops->close_disk(disk);
}

static void count_moved(void *context, const struct archive_report *report)
{
	EXPECT(report->archived_bytes < report->bytes && report->first_number > 0);
	(*(unsigned *)context)++;
}

static enum status archive(uint64_t through, uint64_t keep, unsigned *moved, struct error *err)
{
	struct disk *journal = folder("journal"), *archived = folder("archive");
	*moved = 0;
	enum status s = journal_archive(journal, archived, through, keep, count_moved, moved, err);
	journal->ops->close_disk(journal);
	archived->ops->close_disk(archived);
	return s;
}

/* Every event in order, every event by its place, and every byte against the seals. */
static void expect_whole(void)
{
	struct error err;
	struct event event;
	struct buf buf;
	struct journal *journal = NULL;
	struct journal_reader *reader = NULL;
	struct disk *disk = both();
	EXPECT_OK(journal_verify(disk, NULL, NULL, &err), err);
	EXPECT_OK(journal_open(disk, clock_system(), SEGMENT, &journal, &err), err);
	EXPECT_NUMBER(journal_durable_number(journal), EVENTS);
	EXPECT_OK(journal_reader_open(journal, 1, &reader, &err), err);
	buf_init(&buf, 1 << 20);
	for (uint64_t i = 1; i <= EVENTS; i++) {
		EXPECT_OK(journal_reader_next(reader, &event, &err), err);
		EXPECT(event.number == i && slice_equal(event.payload, text_of(i)));
		uint64_t other = EVENTS + 1 - i;
		EXPECT_OK(journal_read_at(journal, positions[other], &buf, &event, &err), err);
		EXPECT(event.number == other && slice_equal(event.payload, text_of(other)));
	}
	journal_reader_close(reader);
	buf_release(&buf);
	journal_close(journal);
	disk->ops->close_disk(disk);
}

static char *path_of(const char *in, const char *end)
{
	static char path[4096];
	snprintf(path, sizeof(path), "%s/%s/0000000000000002.segment%s", test_folder(), in, end);
	return path;
}

/* Copies a file of the test's folder; `from` is path_of()'s, so it is copied first. */
static void copy(const char *from, const char *to)
{
	char bytes[4096];
	size_t len;
	FILE *in = fopen(from, "rbe"), *out = fopen(to, "wbe");
	EXPECT(in != NULL && out != NULL);
	while ((len = fread(bytes, 1, sizeof(bytes), in)) > 0)
		EXPECT_NUMBER(fwrite(bytes, 1, len, out), len);
	EXPECT(fclose(in) == 0 && fclose(out) == 0);
}

static void flip(const char *path, long at, int whence)
{
	FILE *file = fopen(path, "r+be");
	EXPECT(file != NULL && fseek(file, at, whence) == 0);
	int byte = fgetc(file);
	EXPECT(byte != EOF && fseek(file, -1, SEEK_CUR) == 0);
	EXPECT(fputc(byte ^ 0x10, file) != EOF && fclose(file) == 0);
}

TEST(archived_segments_are_read_like_any_other)
{
	struct error err;
	unsigned moved;
	write_journal();
	EXPECT_OK(archive(EVENTS, 2, &moved, &err), err);
	EXPECT(moved > 5 && access(path_of("journal", ""), F_OK) != 0);
	unsigned first = moved;
	expect_whole();
	EXPECT_OK(archive(EVENTS, 2, &moved, &err), err);
	EXPECT_NUMBER(moved, 0);
	EXPECT_OK(archive(EVENTS, 0, &moved, &err), err);
	EXPECT(moved == 2 && first > moved);
	expect_whole();
}

TEST(what_a_consumer_has_not_passed_stays)
{
	struct error err;
	unsigned moved;
	write_journal();
	EXPECT_OK(archive(60, 0, &moved, &err), err);
	EXPECT_NUMBER(moved, 1);
	EXPECT_NUMBER(access(path_of("journal", ""), F_OK), 0);
	expect_whole();
}

TEST(a_run_that_was_interrupted_is_gone_on_with)
{
	struct error err;
	unsigned moved;
	char kept[4096];
	write_journal();
	snprintf(kept, sizeof(kept), "%s/kept", test_folder());
	copy(path_of("journal", ""), kept);
	EXPECT_OK(archive(EVENTS, 2, &moved, &err), err);
	/* before the segment was removed */
	copy(kept, path_of("journal", ""));
	expect_whole();
	EXPECT_OK(archive(EVENTS, 2, &moved, &err), err);
	EXPECT_NUMBER(moved, 1);
	/* ... with an archived file that is no good */
	copy(kept, path_of("journal", ""));
	flip(path_of("archive", ".zst"), 100, SEEK_SET);
	expect_whole();
	EXPECT_OK(archive(EVENTS, 2, &moved, &err), err);
	EXPECT_NUMBER(moved, 1);
	expect_whole();
	/* before the new file had its name */
	EXPECT_NUMBER(unlink(path_of("archive", ".zst")), 0);
	copy(kept, path_of("journal", ""));
	copy(kept, path_of("archive", ".zst.tmp"));
	expect_whole();
	EXPECT_OK(archive(EVENTS, 2, &moved, &err), err);
	EXPECT_NUMBER(moved, 1);
	EXPECT(access(path_of("archive", ".zst.tmp"), F_OK) != 0);
	expect_whole();
}

static void expect_damage(const char *words)
{
	struct error err = { OK, "" };
	struct disk *disk = both();
	EXPECT_NUMBER(journal_verify(disk, NULL, NULL, &err), E_CORRUPT);
	if (strstr(err.text, words) == NULL)
		test_fail(__FILE__, __LINE__, "\"%s\" does not say \"%s\"", err.text, words);
	disk->ops->close_disk(disk);
}

TEST(damage_and_loss_are_named)
{
	struct error err;
	unsigned moved;
	char kept[4096];
	write_journal();
	EXPECT_OK(archive(EVENTS, 2, &moved, &err), err);
	snprintf(kept, sizeof(kept), "%s/kept", test_folder());
	copy(path_of("archive", ".zst"), kept);
	static const struct {
		long at;
		int whence;
	} places[] = { { 0, SEEK_SET }, { 400, SEEK_SET }, { -70, SEEK_END }, { -1, SEEK_END },
		{ -30, SEEK_END } };
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		flip(path_of("archive", ".zst"), places[i].at, places[i].whence);
		expect_damage("0000000000000002.segment.zst");
		copy(kept, path_of("archive", ".zst"));
	}
	EXPECT_NUMBER(truncate(path_of("archive", ".zst"), 40), 0);
	expect_damage("cut off");
	EXPECT_NUMBER(unlink(path_of("archive", ".zst")), 0);
	expect_damage(
		"0000000000000002.segment is missing: its events behind event 1 before event ");
	copy(kept, path_of("archive", ".zst"));
	expect_whole();
}

TEST(a_damaged_segment_does_not_leave_the_journal)
{
	struct error err;
	unsigned moved;
	write_journal();
	flip(path_of("journal", ""), 5000, SEEK_SET);
	EXPECT_NUMBER(archive(EVENTS, 2, &moved, &err), E_CORRUPT);
	EXPECT(moved == 1 && strstr(err.text, "0000000000000002.segment") != NULL);
	EXPECT_NUMBER(access(path_of("journal", ""), F_OK), 0);
}
