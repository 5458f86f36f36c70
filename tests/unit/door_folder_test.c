#include "intake/door_folder.h"

#include "base/hash.h"
#include "intake_site.h"
#include "subjects/key_cache.h"
#include "subjects/subjects.h"

#include "intake/folder_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PATH_SIZE = 4200, TEXT_SIZE = 1 << 16, WAIT_STEPS = 3000 };

static struct {
	char folder[PATH_SIZE], data[PATH_SIZE];
	void *options;
	struct door_config config;
	void *door;
} site;

static void set(const char *name, const char *value)
{
	struct error err = { OK, "" };
	const struct option *option = option_find(door_folder.options, slice_of(name));
	EXPECT(option != NULL);
	EXPECT_NUMBER(option_set(option, site.options, slice_of(value), &err), OK);
}

static void prepare(void)
{
	snprintf(site.folder, sizeof(site.folder), "%s/drop", test_folder());
	snprintf(site.data, sizeof(site.data), "%s/data", test_folder());
	EXPECT(mkdir(site.folder, 0700) == 0 && mkdir(site.data, 0700) == 0);
	intake_open("journal", 10000);
	site.options = calloc(1, door_folder.options_size);
	options_default(door_folder.options, site.options);
	set("folder", site.folder);
	set("rescan", "10ms");
	set("batch", "3");
	site.config = (struct door_config){ .name = "drop",
		.type = &door_folder,
		.options = site.options,
		.mapping = INTAKE_MAPPING,
		.admission = intake.admission,
		.clock = clock_system(),
		.data = site.data };
}

static void start(void)
{
	struct error err = { OK, "" };
	EXPECT_NUMBER(door_folder.open(&site.config, &site.door, &err), OK);
	EXPECT_NUMBER(door_folder.start(site.door, &err), OK);
}

static void stop(void)
{
	door_folder.stop(site.door);
	door_folder.close(site.door);
	site.door = NULL;
}

static void tidy(void)
{
	options_release(door_folder.options, site.options);
	free(site.options);
	intake_close();
}

static const char *path_of(const char *name)
{
	static char path[PATH_SIZE + 300];
	snprintf(path, sizeof(path), "%s/%s", site.folder, name);
	return path;
}

static bool there(const char *name)
{
	struct stat st;
	return lstat(path_of(name), &st) == 0;
}

/* Writes under another name and renames, as a good sender does. */
static void put(const char *name, const char *text)
{
	char to[PATH_SIZE + 300];
	FILE *file = fopen(path_of("sent.tmp"), "w");
	EXPECT(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
	snprintf(to, sizeof(to), "%s", path_of(name));
	EXPECT(rename(path_of("sent.tmp"), to) == 0);
}

/* For what another thread does; gives up after half a minute. */
static void wait_for(const char *name)
{
	for (unsigned i = 0; i < WAIT_STEPS && !there(name); i++)
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	if (!there(name))
		test_fail(__FILE__, __LINE__, "%s did not appear", name);
}

static const char *read_back(const char *name)
{
	static char text[TEXT_SIZE];
	FILE *file = fopen(path_of(name), "r");
	EXPECT(file != NULL);
	size_t len = fread(text, 1, sizeof(text) - 1, file);
	text[len] = '\0';
	fclose(file);
	return text;
}

static void add_sale(struct buf *text, unsigned sequence, const char *amount)
{
	char document[1024];
	sale_document(document, sizeof(document), sequence, amount);
	buf_format(text, "<T>%s</T>\n", document);
}

static const char *sales(struct buf *text, unsigned first, unsigned last)
{
	buf_init(text, 1 << 20);
	buf_text(text, "<L>\n");
	for (unsigned i = first; i <= last; i++)
		add_sale(text, i, "1.00");
	buf_text(text, "</L>");
	buf_char(text, '\0');
	return text->ptr;
}

static void expect_counts(uint64_t accepted, uint64_t duplicates, uint64_t refused)
{
	const struct feed_counters *counters = &folder_counters(site.door)->feed;
	EXPECT_NUMBER(atomic_load(&counters->accepted_total), accepted);
	EXPECT_NUMBER(atomic_load(&counters->duplicates_total), duplicates);
	EXPECT_NUMBER(atomic_load(&counters->refused_total), refused);
}

TEST(a_file_renamed_into_place_is_accepted_and_moved_to_done)
{
	struct buf text;
	prepare();
	set("settle", "1000");
	set("rescan", "1h");
	start();
	put("a.xml", sales(&text, 1, 10));
	wait_for("done/a.xml");
	stop();
	EXPECT(!there("a.xml") && !there("working/a.xml"));
	struct acceptor_counters counters;
	acceptor_counters(intake.acceptor, &counters);
	EXPECT_NUMBER(counters.accepted_total, 10);
	buf_release(&text);
	tidy();
}

TEST(a_file_that_grows_is_left_until_it_rests)
{
	struct buf text;
	prepare();
	start();
	const char *whole = sales(&text, 1, 4);
	int fd = open(path_of("slow.xml"), O_WRONLY | O_CREAT, 0600);
	EXPECT(fd >= 0);
	/* Each piece comes after a scan has seen the one before. */
	for (size_t at = 0; at < strlen(whole); at += 300) {
		size_t left = strlen(whole) - at;
		ssize_t len = (ssize_t)(left < 300 ? left : 300);
		EXPECT(write(fd, whole + at, (size_t)len) == len);
		EXPECT(!there("failed/slow.xml"));
	}
	close(fd);
	wait_for("done/slow.xml");
	expect_counts(4, 0, 0);
	stop();
	buf_release(&text);
	tidy();
}

TEST(names_of_unfinished_files_are_never_taken)
{
	struct buf text;
	prepare();
	set("pattern", "*.xml*");
	start();
	const char *whole = sales(&text, 1, 1);
	put("a.xml.tmp", whole);
	put("b.xml.part", whole);
	put(".c.xml", whole);
	put("d.txt", whole);
	put("z.xml", whole);
	wait_for("done/z.xml");
	stop();
	EXPECT(there("a.xml.tmp") && there("b.xml.part") && there(".c.xml") && there("d.txt"));
	buf_release(&text);
	tidy();
}

TEST(the_same_file_again_has_no_second_effect)
{
	struct buf text;
	prepare();
	start();
	const char *whole = sales(&text, 1, 5);
	put("a.xml", whole);
	wait_for("done/a.xml");
	put("a.xml", whole);
	wait_for("done/a.xml~2");
	expect_counts(5, 5, 0);
	stop();
	buf_release(&text);
	tidy();
}

TEST(good_records_of_a_bad_file_are_accepted_and_the_bad_ones_are_reported)
{
	struct buf text;
	prepare();
	start();
	buf_init(&text, 1 << 20);
	buf_text(&text, "<L>\n");
	add_sale(&text, 1, "1.00");
	buf_text(&text, "<T>none</T>\n<T>skip</T>\n<T>{\"no\"</T>\n");
	add_sale(&text, 2, "1.00");
	add_sale(&text, 1, "2.00");
	add_sale(&text, 3, "1.00");
	buf_text(&text, "<T>cut");
	buf_char(&text, '\0');
	put("bad.xml", text.ptr);
	wait_for("failed/bad.xml");
	const char *report = read_back("failed/bad.xml.problems.json");
	static const char *const parts[] = { "\"file\":\"bad.xml\"", "\"door\":\"drop\"",
		"\"accepted\":3,", "\"skipped\":1,", "\"refused\":4,", "\"where\":\"line 3, byte",
		"\"rule\":\"mapping\"", "\"where\":\"line 5, byte", "\"where\":\"line 7, byte",
		"\"status\":409", "\"where\":\"line 9, byte", "is not complete" };
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (strstr(report, parts[i]) == NULL)
			test_fail(__FILE__, __LINE__, "no %s in %s", parts[i], report);
	expect_counts(3, 0, 4);
	stop();
	buf_release(&text);
	tidy();
}

TEST(a_file_that_cannot_be_read_goes_to_failed_with_the_reason)
{
	prepare();
	set("file_bytes_max", "1024");
	start();
	put("a.xml", "{\"a\":1}");
	wait_for("failed/a.xml");
	EXPECT(strstr(read_back("failed/a.xml.problems.json"), "does not begin with") != NULL);
	char large[2000];
	memset(large, ' ', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	put("b.xml", large);
	wait_for("failed/b.xml");
	EXPECT(strstr(read_back("failed/b.xml.problems.json"), "at most 1024 are taken") != NULL);
	stop();
	tidy();
}

TEST(links_and_folders_are_left_alone)
{
	struct buf text;
	prepare();
	char outside[PATH_SIZE];
	snprintf(outside, sizeof(outside), "%s/secret.xml", test_folder());
	FILE *file = fopen(outside, "w");
	EXPECT(file != NULL && fputs(sales(&text, 7, 7), file) >= 0 && fclose(file) == 0);
	EXPECT(symlink(outside, path_of("soft.xml")) == 0);
	EXPECT(link(outside, path_of("hard.xml")) == 0);
	EXPECT(mkdir(path_of("dir.xml"), 0700) == 0);
	EXPECT(mkfifo(path_of("pipe.xml"), 0600) == 0);
	start();
	buf_release(&text);
	put("a.xml", sales(&text, 1, 1));
	wait_for("done/a.xml");
	expect_counts(1, 0, 0);
	EXPECT(there("soft.xml") && there("hard.xml") && there("dir.xml") && there("pipe.xml"));
	EXPECT_NUMBER(atomic_load(&folder_counters(site.door)->files_ignored), 4);
	stop();
	buf_release(&text);
	tidy();
}

TEST(a_link_in_working_is_not_followed)
{
	struct buf text;
	prepare();
	char outside[PATH_SIZE];
	snprintf(outside, sizeof(outside), "%s/secret.xml", test_folder());
	FILE *file = fopen(outside, "w");
	EXPECT(file != NULL && fputs(sales(&text, 7, 7), file) >= 0 && fclose(file) == 0);
	EXPECT(mkdir(path_of("working"), 0700) == 0);
	EXPECT(symlink(outside, path_of("working/x.xml")) == 0);
	start();
	wait_for("failed/x.xml");
	expect_counts(0, 0, 0);
	EXPECT(strstr(read_back("failed/x.xml.problems.json"), "cannot be opened") != NULL);
	stop();
	buf_release(&text);
	tidy();
}

/* What kill -9 leaves: the file in working/, a part of it in the journal, any progress file. */
TEST(a_file_left_in_working_is_finished_whatever_the_progress_says)
{
	static const char *const progress[] = { NULL, "", "1", "999999 5 a.xml\n", "x y z\n" };
	struct buf text;
	prepare();
	const char *whole = sales(&text, 1, 9);
	for (size_t i = 0; i < sizeof(progress) / sizeof(progress[0]); i++) {
		char path[PATH_SIZE + 64];
		snprintf(path, sizeof(path), "%s/drop.progress", site.data);
		unlink(path);
		if (progress[i] != NULL) {
			FILE *file = fopen(path, "w");
			EXPECT(file != NULL && fputs(progress[i], file) >= 0 && fclose(file) == 0);
		}
		mkdir(path_of("working"), 0700);
		char name[32], done[64];
		snprintf(name, sizeof(name), "working/a%zu.xml", i);
		snprintf(done, sizeof(done), "done/a%zu.xml", i);
		put(name, whole);
		start();
		wait_for(done);
		expect_counts(i == 0 ? 9 : 0, i == 0 ? 0 : 9, 0);
		stop();
		EXPECT(access(path, F_OK) != 0);
	}
	buf_release(&text);
	tidy();
}

/* The progress of a file a.xml with the text `read`, as if it were for one with the size of
 * `whole`. */
static void write_progress_of(const char *whole, const char *read, size_t offset)
{
	char path[PATH_SIZE + 64], hex[33];
	size_t from = offset > 4096 ? offset - 4096 : 0;
	struct hash hash = hash_of(slice_make(read + from, offset - from));
	hash_hex(&hash, 16, hex);
	snprintf(path, sizeof(path), "%s/drop.progress", site.data);
	FILE *file = fopen(path, "w");
	EXPECT(file != NULL);
	fprintf(file, "%zu %zu %s a.xml\n", strlen(whole), offset, hex);
	EXPECT(fclose(file) == 0);
}

/* A till writes a file of the same name and size every day, and the server died behind the first.
 */
TEST(progress_of_another_file_of_the_same_name_and_size_is_none)
{
	struct buf yesterday, today;
	prepare();
	const char *old = sales(&yesterday, 1, 9), *whole = sales(&today, 11, 19);
	EXPECT(strlen(old) + 9 == strlen(whole));
	write_progress_of(whole, old, strlen(old));
	mkdir(path_of("working"), 0700);
	put("working/a.xml", whole);
	start();
	wait_for("done/a.xml");
	expect_counts(9, 0, 0);
	stop();
	buf_release(&yesterday);
	buf_release(&today);
	tidy();
}

TEST(a_name_that_stands_in_done_a_thousand_times_gets_the_next_number)
{
	enum { BEFORE = 1000 };
	struct buf text;
	char name[64];
	prepare();
	mkdir(path_of("done"), 0700);
	for (unsigned n = 1; n <= BEFORE; n++) {
		snprintf(name, sizeof(name), n == 1 ? "done/a.xml" : "done/a.xml~%u", n);
		put(name, "");
	}
	put("a.xml", sales(&text, 1, 2));
	start();
	snprintf(name, sizeof(name), "done/a.xml~%d", BEFORE + 1);
	wait_for(name);
	expect_counts(2, 0, 0);
	stop();
	buf_release(&text);
	tidy();
}

/* More files than are remembered at a time: the others have their turn when those have gone. */
TEST(a_folder_with_thousands_of_files_is_emptied)
{
	enum { FILES = FOLDER_FILES_MAX + 500 };
	struct error err;
	char name[FOLDER_NAME_MAX + 1], path[PATH_SIZE + 300];
	snprintf(site.folder, sizeof(site.folder), "%s/many", test_folder());
	EXPECT(mkdir(site.folder, 0700) == 0);
	struct folder_files files = { .pattern = "*", .settle_scans = 1, .bytes_max = 100 };
	EXPECT_OK(folder_files_open(&files, site.folder, &err), err);
	for (unsigned n = 0; n < FILES; n++) {
		snprintf(path, sizeof(path), "%s/%u", site.folder, n);
		int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		EXPECT(fd >= 0 && close(fd) == 0);
	}
	unsigned picked = 0;
	for (unsigned scan = 1; scan <= 4; scan++) {
		EXPECT_OK(folder_files_scan(&files, true, &err), err);
		EXPECT_NUMBER(files.count, scan <= 2 ? FOLDER_FILES_MAX : 500);
		while (folder_files_pick(&files, name))
			picked++;
		EXPECT_NUMBER(picked, scan == 1 ? 0 : scan <= 3 ? FOLDER_FILES_MAX : FILES);
	}
	folder_files_close(&files);
}

TEST(progress_saves_reading_what_is_settled)
{
	struct buf text;
	prepare();
	const char *whole = sales(&text, 1, 9);
	const char *fifth = strstr(whole, "\"sequence\":5,");
	EXPECT(fifth != NULL);
	write_progress_of(whole, whole, (size_t)(fifth - whole));
	mkdir(path_of("working"), 0700);
	put("working/a.xml", whole);
	start();
	wait_for("done/a.xml");
	expect_counts(4, 0, 0);
	stop();
	buf_release(&text);
	tidy();
}

static atomic_uint settled;

static void count_settled(struct accept_work *work)
{
	(void)work;
	atomic_fetch_add(&settled, 1);
}

/* The first event holds the acceptor up, the second one fills its queue. */
static void fill_queue(struct accept_work work[2], struct accept_item items[2])
{
	for (unsigned i = 0; i < 2; i++) {
		items[i] = (struct accept_item){ .kind = EVENT_ROUTING, .payload = SLICE("{}") };
		work[i] = (struct accept_work){
			.items = &items[i], .count = 1, .done = count_settled
		};
		EXPECT_NUMBER(acceptor_submit(intake.acceptor, &work[i]), OK);
		while (!atomic_load(&intake_at_gate))
			sched_yield();
	}
}

TEST(a_full_queue_slows_the_door_and_loses_nothing)
{
	struct accept_work work[2];
	struct accept_item items[2];
	struct buf text;
	prepare();
	intake_close();
	intake_open("small", 1);
	site.config.admission = intake.admission;
	set("batch", "1");
	pthread_mutex_lock(&intake_gate);
	fill_queue(work, items);
	start();
	put("a.xml", sales(&text, 1, 20));
	const struct feed_counters *counters = &folder_counters(site.door)->feed;
	while (atomic_load(&counters->waits_total) < 2)
		sched_yield();
	expect_counts(0, 0, 0);
	pthread_mutex_unlock(&intake_gate);
	wait_for("done/a.xml");
	expect_counts(20, 0, 0);
	EXPECT_NUMBER(atomic_load(&settled), 2);
	stop();
	buf_release(&text);
	tidy();
}

static void open_keys(struct subjects **ret_keys)
{
	struct error err;
	char path[PATH_SIZE];
	snprintf(path, sizeof(path), "%s/keys", test_folder());
	struct subjects_config config = { .folder = path, .create = true, .clock = clock_system() };
	EXPECT_OK(subjects_open(&config, ret_keys, &err), err);
	admission_close(intake.admission);
	struct admission_config admission = {
		.acceptor = intake.acceptor, .clock = clock_system(), .subjects = *ret_keys
	};
	EXPECT_OK(admission_open(&admission, &intake.admission, &err), err);
	site.config.admission = intake.admission;
}

static void make_key(struct subjects *keys, unsigned number)
{
	struct error err;
	char name[32];
	struct subject_id subject;
	struct secret key;
	enum subject_state state;
	bool durable;
	snprintf(name, sizeof(name), "c-%u", number);
	subjects_identify(keys, IDENTIFIER_CUSTOMER, slice_of(name), &subject);
	EXPECT_OK(subjects_key(keys, &subject, true, &key, &state, &durable, &err), err);
}

/* There is no room for one more key until those that wait are written. */
TEST(a_record_whose_customer_has_no_key_now_is_read_again_and_not_lost)
{
	struct subjects *keys = NULL;
	struct error err;
	struct door_report report = { .errors = 0 };
	char document[1024], text[1200];
	prepare();
	open_keys(&keys);
	make_key(keys, 0);
	EXPECT_OK(subjects_flush(keys, &err), err);
	for (unsigned i = 1; i <= KEY_CACHE_MAX; i++)
		make_key(keys, i);
	sale_document(document, sizeof(document), 1, "1.00");
	snprintf(text, sizeof(text), "<L><T>{\"customer\":\"c-0\",%s</T></L>", document + 1);
	put("a.xml", text);
	start();
	for (unsigned i = 0; i < WAIT_STEPS && report.errors < 2; i++) {
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
		door_folder.report(site.door, &report);
	}
	EXPECT(report.errors >= 2);
	EXPECT(strstr(report.last_error, "a customer's key") != NULL);
	EXPECT_OK(subjects_flush(keys, &err), err);
	wait_for("done/a.xml");
	expect_counts(1, 0, 0);
	stop();
	tidy();
	subjects_close(keys);
}

TEST(closing_in_the_middle_of_a_file_leaves_it_for_the_next_start)
{
	struct buf text;
	prepare();
	const char *whole = sales(&text, 1, 1500);
	for (unsigned round = 0; round < 20 && !there("done/a.xml"); round++) {
		start();
		if (round == 0)
			put("a.xml", whole);
		else
			nanosleep(&(struct timespec){ .tv_nsec = 3000000 }, NULL);
		stop();
		EXPECT(!there("failed/a.xml"));
	}
	start();
	wait_for("done/a.xml");
	stop();
	struct acceptor_counters counters;
	acceptor_counters(intake.acceptor, &counters);
	EXPECT_NUMBER(counters.accepted_total, 1500);
	buf_release(&text);
	tidy();
}
