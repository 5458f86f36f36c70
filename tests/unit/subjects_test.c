/* Keys of data subjects, and what is sealed with them. */
#include "subjects/seal.h"

#include "base/disk.h"
#include "harness.h"
#include "intake/acceptor.h"
#include "retail/codec.h"
#include "store/store.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD                                                                                       \
	"{\"store\":\"0042\",\"register\":\"03\",\"business_date\":\"2026-11-23\",\"sequence\":7," \
	"\"type\":\"sale\",\"closed_at\":\"2026-11-23T17:03:40Z\", "
#define PERSON                                                                                     \
	"\"customer\" : \"c-8812\",\"x\":[1, "                                                     \
	"2],\"customer_details\":{\"email\":\"Ann@Example.org\", "                                 \
	"\"name\": \"Ann \\u00c4rmel\",\"pet\":\"cat\",\"phone\":null,\"loyalty\":\"\"},"
#define TAIL "\"lines\":[],\"tenders\":[]}"

static struct subjects *keys;
static struct arena arena;

static struct subjects_config keys_config(void)
{
	static char folder[300];
	snprintf(folder, sizeof(folder), "%s/keys", test_folder());
	return (struct subjects_config){ folder, NULL, true, clock_system() };
}

static void open_keys(void)
{
	struct error err;
	struct subjects_config config = keys_config();
	EXPECT_OK(subjects_open(&config, &keys, &err), err);
	arena_init(&arena, 64 << 20);
}

static void close_keys(void)
{
	subjects_close(keys);
	arena_release(&arena);
}

/* One document as admission keeps it. */
struct kept {
	struct transaction t;
	struct record record;
	struct hidden hidden;
	bool durable;
};

static struct kept keep_as(const char *text, const char *raw, bool raw_personal)
{
	struct kept kept = { .durable = true };
	struct findings findings = { .count = 0 };
	struct error err;
	struct slice document = arena_copy(&arena, slice_of(text));
	if (transaction_decode(document, &arena, &kept.t, &findings) != OK)
		test_fail(__FILE__, __LINE__, "%s %s", findings.items[0].pointer,
			findings.items[0].detail);
	EXPECT_NUMBER(
		subjects_hide(keys, &kept.t, raw_personal, &document, &arena, &kept.hidden), OK);
	kept.record = (struct record){ .key = kept.t.key,
		.revision = kept.t.revision,
		.raw = slice_of(raw),
		.document = document };
	EXPECT_NUMBER(transaction_hash(&kept.t, document, &arena, &kept.record.hash), OK);
	if (kept.hidden.any)
		EXPECT_OK(subjects_seal(
				  keys, &kept.hidden, &kept.record, &arena, &kept.durable, &err),
			err);
	return kept;
}

static struct kept keep(const char *text, const char *raw)
{
	return keep_as(text, raw, false);
}

static bool contains(struct slice bytes, const char *text)
{
	return bytes.len > 0 && memmem(bytes.ptr, bytes.len, text, strlen(text)) != NULL;
}

static void expect_slice(struct slice found, const char *expected)
{
	char text[1024];
	snprintf(text, sizeof(text), "%.*s", SLICE_ARG(found));
	EXPECT_TEXT(text, expected);
}

TEST(a_document_with_a_customer_is_kept_with_stand_ins_and_opens_again)
{
	struct unsealed u;
	struct error err;
	open_keys();
	struct kept k = keep(HEAD PERSON TAIL, "raw of Ann");
	char subject[SUBJECT_TEXT_MAX];
	subject_print(&k.hidden.subject, subject);
	EXPECT(k.hidden.any && !k.durable);
	EXPECT(slice_is(k.t.customer, subject));
	EXPECT(k.record.raw.len == 0);
	const char *const clear[] = { "c-8812", "Ann", "Example", "rmel", "raw of" };
	for (size_t i = 0; i < sizeof(clear) / sizeof(clear[0]); i++)
		EXPECT(!contains(k.record.document, clear[i]) &&
			!contains(k.record.sealed, clear[i]));
	/* Every other byte stays. */
	char begin[400];
	snprintf(begin, sizeof(begin),
		HEAD "\"customer\" : \"%s\",\"x\":[1, 2],\"customer_details\":{\"email\":\"",
		subject);
	EXPECT(slice_starts(k.record.document, begin));
	EXPECT(contains(
		k.record.document, "\",\"pet\":\"cat\",\"phone\":null,\"loyalty\":\"\"}," TAIL));
	EXPECT_OK(subjects_unseal(keys, &k.record, &arena, &u, &err), err);
	EXPECT_NUMBER(u.state, SUBJECT_KEPT);
	expect_slice(u.personal, "{\"customer\":\"c-8812\",\"customer_details\":{\"name\":\"Ann "
				 "\xc3\x84rmel\",\"email\":\"Ann@Example.org\"}}");
	expect_slice(u.raw, "raw of Ann");
	close_keys();
}

/* Fields without escapes are replaced where they stand, others by reading the document again. */
TEST(how_a_personal_field_is_written_changes_nothing_of_what_is_kept)
{
	static const char *const details[] = {
		"{\"phone\":\"+49 30 1\", "
		"\"name\":\"Ann\",\"pet\":\"Ann\",\"email\":\"\",\"loyalty\":\"+49 30 1\"}",
		"{\"phone\":\"+49 30 1\", "
		"\"name\":\"\\u0041nn\",\"pet\":\"Ann\",\"email\":\"\",\"loyalty\":\"+49 30 1\"}",
	};
	char text[2][600], begin[500];
	struct kept k[2];
	open_keys();
	for (unsigned i = 0; i < 2; i++) {
		snprintf(text[i], sizeof(text[i]),
			HEAD
			"\"x\":\"c-8812\",\"customer_details\" : %s,\"customer\":\"c-8812\"," TAIL,
			details[i]);
		k[i] = keep(text[i], "");
	}
	EXPECT(slice_equal(k[0].record.document, k[1].record.document));
	EXPECT(memcmp(&k[0].record.hash, &k[1].record.hash, HASH_BYTES) == 0);
	snprintf(begin, sizeof(begin),
		HEAD
		"\"x\":\"c-8812\",\"customer_details\" : {\"phone\":\"%.*s\", \"name\":\"%.*s\","
		"\"pet\":\"Ann\",\"email\":\"\",\"loyalty\":\"%.*s\"},\"customer\":\"%.*s\"," TAIL,
		SLICE_ARG(k[0].t.customer_details.phone), SLICE_ARG(k[0].t.customer_details.name),
		SLICE_ARG(k[0].t.customer_details.loyalty), SLICE_ARG(k[0].t.customer));
	expect_slice(k[0].record.document, begin);
	EXPECT(slice_equal(k[0].t.customer, k[1].t.customer));
	EXPECT(!slice_equal(k[0].t.customer_details.phone, k[0].t.customer_details.loyalty));
	close_keys();
}

TEST(a_document_without_a_customer_is_kept_byte_by_byte)
{
	open_keys();
	struct kept k =
		keep(HEAD "\"customer\":null,\"customer_details\":{\"name\":\"\"}," TAIL, "raw");
	EXPECT(!k.hidden.any && k.record.sealed.len == 0);
	expect_slice(k.record.document,
		HEAD "\"customer\":null,\"customer_details\":{\"name\":\"\"}," TAIL);
	expect_slice(k.record.raw, "raw");
	EXPECT_NUMBER(subjects_flush(keys, NULL), OK);
	close_keys();
}

TEST(a_raw_record_that_tells_the_customer_is_sealed_though_no_field_does)
{
	struct unsealed u;
	struct error err;
	open_keys();
	struct kept k = keep_as(HEAD TAIL, "<Customer>Ann</Customer>", true);
	EXPECT(k.hidden.any && k.record.raw.len == 0 && !contains(k.record.sealed, "Ann"));
	expect_slice(k.record.document, HEAD TAIL);
	struct kept without = keep(HEAD TAIL, "");
	EXPECT(memcmp(&k.record.hash, &without.record.hash, HASH_BYTES) == 0);
	EXPECT_OK(subjects_unseal(keys, &k.record, &arena, &u, &err), err);
	expect_slice(u.personal, "{}");
	expect_slice(u.raw, "<Customer>Ann</Customer>");
	EXPECT_OK(subjects_forget(keys, &k.hidden.subject, &err), err);
	EXPECT_OK(subjects_unseal(keys, &k.record, &arena, &u, &err), err);
	EXPECT(u.state == SUBJECT_FORGOTTEN && u.raw.ptr == NULL);
	close_keys();
}

/* A stand-in may be longer than what it stands for, and what is kept must be decoded for ever. */
TEST(a_document_that_stand_ins_would_make_too_large_is_refused)
{
	static char text[TRANSACTION_BYTES_MAX + 1];
	enum { GROWS = 2 * SUBJECT_BYTES - 1 };
	struct hidden hidden;
	struct transaction t;
	struct findings findings = { .count = 0 };
	open_keys();
	for (unsigned over = 0; over < 2; over++) {
		int head = snprintf(text, sizeof(text), HEAD "\"customer\":\"c\",\"x\":\"");
		size_t len = TRANSACTION_BYTES_MAX - GROWS + over;
		size_t tail = strlen("\"," TAIL);
		memset(text + head, 'x', len - (size_t)head - tail);
		memcpy(text + len - tail, "\"," TAIL, tail);
		struct slice document = slice_make(text, len);
		EXPECT_NUMBER(transaction_decode(document, &arena, &t, &findings), OK);
		EXPECT_NUMBER(subjects_hide(keys, &t, false, &document, &arena, &hidden),
			over == 0 ? OK : E_FULL);
		if (over == 0)
			EXPECT_NUMBER(transaction_decode(document, &arena, &t, &findings), OK);
	}
	close_keys();
}

TEST(the_same_document_has_the_same_hash_and_another_value_another)
{
	open_keys();
	struct kept a = keep(HEAD PERSON TAIL, "");
	struct kept b = keep(HEAD PERSON TAIL, "");
	EXPECT(memcmp(&a.record.hash, &b.record.hash, sizeof(a.record.hash)) == 0);
	EXPECT(!slice_equal(a.record.sealed, b.record.sealed));
	static const char *const others[] = {
		HEAD "\"customer\":\"c-8813\"," TAIL,
		HEAD
		"\"customer\":\"c-8812\",\"customer_details\":{\"email\":\"b@example.org\"}," TAIL,
		HEAD
		"\"customer\":\"c-8812\",\"customer_details\":{\"name\":\"b@example.org\"}," TAIL,
		HEAD "\"customer_details\":{\"loyalty\":\"c-8812\"}," TAIL,
	};
	struct hash seen[4];
	for (size_t i = 0; i < 4; i++) {
		seen[i] = keep(others[i], "").record.hash;
		EXPECT(memcmp(&seen[i], &a.record.hash, sizeof(seen[i])) != 0);
		for (size_t j = 0; j < i; j++)
			EXPECT(memcmp(&seen[i], &seen[j], sizeof(seen[i])) != 0);
	}
	close_keys();
}

TEST(a_subject_is_known_by_its_number_else_its_card_its_mail_its_phone)
{
	static const struct {
		const char *members, *kind, *value;
	} cases[] = {
		{ "\"customer\":\" c-1 \",\"customer_details\":{\"email\":\"a@b.c\"},", "customer",
			"c-1" },
		{ "\"customer\":\"  "
		  "\",\"customer_details\":{\"loyalty\":\"77\",\"email\":\"a@b.c\"},",
			"loyalty", "77" },
		{ "\"customer_details\":{\"name\":\"Ann\",\"email\":\" A@B.c\"},", "email",
			"a@b.c" },
		{ "\"customer_details\":{\"phone\":\"+49 (30) 12-3\"},", "phone", "+4930123" },
		{ "\"customer_details\":{\"name\":\"Ann\"},", NULL, "0042/03/2026-11-23/7" },
	};
	open_keys();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[1024];
		struct subject_id expected;
		snprintf(text, sizeof(text), HEAD "%s" TAIL, cases[i].members);
		struct kept k = keep(text, "");
		unsigned kind = 0;
		while (identifier_names[kind] != NULL &&
			(cases[i].kind == NULL ||
				strcmp(identifier_names[kind], cases[i].kind) != 0))
			kind++;
		subjects_identify(
			keys, (enum identifier_kind)kind, slice_of(cases[i].value), &expected);
		EXPECT(k.hidden.any && memcmp(&k.hidden.subject, &expected, sizeof(expected)) == 0);
	}
	close_keys();
}

TEST(a_sealed_part_that_is_moved_or_changed_does_not_open)
{
	struct unsealed u;
	struct error err;
	open_keys();
	struct kept a = keep(HEAD PERSON TAIL, "");
	struct record moved = a.record;
	moved.key.sequence++;
	EXPECT_NUMBER(subjects_unseal(keys, &moved, &arena, &u, &err), E_CORRUPT);
	moved = a.record;
	moved.revision++;
	EXPECT_NUMBER(subjects_unseal(keys, &moved, &arena, &u, &err), E_CORRUPT);
	moved = a.record;
	moved.hash.bytes[31] ^= 1;
	EXPECT_NUMBER(subjects_unseal(keys, &moved, &arena, &u, &err), E_CORRUPT);
	for (size_t i = SUBJECT_BYTES; i < a.record.sealed.len; i++) {
		struct slice copy = arena_copy(&arena, a.record.sealed);
		((char *)(uintptr_t)copy.ptr)[i] ^= 1;
		moved = a.record;
		moved.sealed = copy;
		EXPECT_NUMBER(subjects_unseal(keys, &moved, &arena, &u, &err), E_CORRUPT);
	}
	for (size_t len = 1; len < a.record.sealed.len; len++) {
		moved = a.record;
		moved.sealed = slice_make(a.record.sealed.ptr, len);
		if (len != SUBJECT_BYTES)
			EXPECT_NUMBER(subjects_unseal(keys, &moved, &arena, &u, &err), E_CORRUPT);
	}
	EXPECT_OK(subjects_unseal(keys, &a.record, &arena, &u, &err), err);
	close_keys();
}

/* ---- the file ---- */

static bool file_has(const char *name, struct slice bytes)
{
	char path[512];
	static char content[1 << 20];
	snprintf(path, sizeof(path), "%s/keys/%s", test_folder(), name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t len = read(fd, content, sizeof(content));
	close(fd);
	return len > 0 && memmem(content, (size_t)len, bytes.ptr, bytes.len) != NULL;
}

static bool any_file_has(struct slice bytes)
{
	EXPECT(bytes.ptr != NULL && bytes.len > 0);
	char path[512];
	bool found = false;
	snprintf(path, sizeof(path), "%s/keys", test_folder());
	DIR *folder = opendir(path);
	EXPECT(folder != NULL);
	for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
		found = found || (entry->d_name[0] != '.' && file_has(entry->d_name, bytes));
	closedir(folder);
	return found;
}

/* The wrapped key as the file has it; nothing when it has none. */
static struct slice wrapped_key(const struct subject_id *subject)
{
	char path[512];
	struct store *store;
	struct statement *read;
	struct error err;
	struct slice wrapped = { NULL, 0 };
	bool row;
	snprintf(path, sizeof(path), "%s/keys/subjects.db", test_folder());
	EXPECT_OK(store_open(path, STORE_READ, &store, &err), err);
	EXPECT_OK(
		store_prepare(store, "SELECT wrapped FROM subject WHERE subject = $1", &read, &err),
		err);
	statement_bind_blob(read, 1, slice_make(subject->bytes, SUBJECT_BYTES));
	EXPECT_OK(statement_step(read, &row, &err), err);
	if (row && !statement_is_null(read, 0))
		wrapped = arena_copy(&arena, statement_blob(read, 0));
	statement_close(read);
	store_close(store);
	return wrapped;
}

TEST(a_new_key_is_in_the_file_after_the_flush_and_not_before)
{
	struct unsealed u;
	struct error err;
	open_keys();
	struct kept a = keep(HEAD PERSON TAIL, "");
	EXPECT(!a.durable && wrapped_key(&a.hidden.subject).ptr == NULL);
	EXPECT(!keep(HEAD PERSON TAIL, "").durable);
	EXPECT_OK(subjects_flush(keys, &err), err);
	EXPECT(keep(HEAD PERSON TAIL, "").durable);
	EXPECT(wrapped_key(&a.hidden.subject).len > 0);
	subjects_close(keys);
	struct subjects_config config = keys_config();
	config.create = false;
	EXPECT_OK(subjects_open(&config, &keys, &err), err);
	EXPECT_OK(subjects_unseal(keys, &a.record, &arena, &u, &err), err);
	EXPECT_NUMBER(u.state, SUBJECT_KEPT);
	close_keys();
}

TEST(what_was_not_flushed_before_a_crash_leaves_a_subject_that_is_unknown)
{
	struct unsealed u;
	struct error err;
	open_keys();
	struct kept a = keep(HEAD PERSON TAIL, "");
	subjects_close(keys);
	struct subjects_config config = keys_config();
	EXPECT_OK(subjects_open(&config, &keys, &err), err);
	EXPECT_OK(subjects_unseal(keys, &a.record, &arena, &u, &err), err);
	EXPECT_NUMBER(u.state, SUBJECT_UNKNOWN);
	EXPECT(u.personal.ptr == NULL);
	close_keys();
}

TEST(a_forgotten_subject_leaves_no_key_in_any_file_and_gets_none_again)
{
	struct unsealed u;
	struct error err;
	enum subject_state state;
	open_keys();
	struct kept a = keep(HEAD PERSON TAIL, "raw");
	struct kept other = keep(HEAD "\"customer\":\"c-1\"," TAIL, "");
	EXPECT_OK(subjects_flush(keys, &err), err);
	struct slice wrapped = wrapped_key(&a.hidden.subject);
	EXPECT(any_file_has(wrapped));
	for (int round = 0; round < 2; round++) {
		EXPECT_OK(subjects_forget(keys, &a.hidden.subject, &err), err);
		/* Nor a part of it, where another row has taken the rest of its place. */
		for (size_t at = 0; at + 10 <= wrapped.len; at += 10)
			EXPECT(!any_file_has(slice_make(wrapped.ptr + at, 10)));
		EXPECT(any_file_has(wrapped_key(&other.hidden.subject)));
		EXPECT_OK(subjects_unseal(keys, &a.record, &arena, &u, &err), err);
		EXPECT_NUMBER(u.state, SUBJECT_FORGOTTEN);
		EXPECT(u.personal.ptr == NULL && u.raw.ptr == NULL);
		struct kept again = keep(HEAD PERSON TAIL, "raw");
		EXPECT(again.durable && again.record.sealed.len == SUBJECT_BYTES);
		EXPECT(again.record.raw.len == 0);
		EXPECT(memcmp(&again.record.hash, &a.record.hash, sizeof(a.record.hash)) == 0);
		subjects_close(keys);
		struct subjects_config config = keys_config();
		EXPECT_OK(subjects_open(&config, &keys, &err), err);
	}
	EXPECT_OK(subjects_state(keys, &other.hidden.subject, &state, &err), err);
	EXPECT_NUMBER(state, SUBJECT_KEPT);
	close_keys();
}

TEST(a_key_that_is_forgotten_before_its_flush_never_reaches_the_file)
{
	struct error err;
	open_keys();
	struct kept a = keep(HEAD PERSON TAIL, "");
	EXPECT_OK(subjects_forget(keys, &a.hidden.subject, &err), err);
	EXPECT_OK(subjects_flush(keys, &err), err);
	EXPECT(wrapped_key(&a.hidden.subject).ptr == NULL);
	close_keys();
}

TEST(more_subjects_than_memory_keeps_are_read_from_the_file)
{
	struct error err;
	struct secret key, again;
	enum subject_state state;
	struct subject_id id, first = { { 0 } };
	bool durable;
	open_keys();
	for (unsigned i = 0; i < 40000; i++) {
		char number[16];
		snprintf(number, sizeof(number), "c-%u", i);
		subjects_identify(keys, IDENTIFIER_CUSTOMER, slice_of(number), &id);
		EXPECT_OK(subjects_key(
				  keys, &id, true, i == 0 ? &key : &again, &state, &durable, &err),
			err);
		if (i == 0)
			first = id;
		if (i % 10000 == 9999)
			EXPECT_OK(subjects_flush(keys, &err), err);
	}
	EXPECT_OK(subjects_key(keys, &first, false, &again, &state, &durable, &err), err);
	EXPECT(state == SUBJECT_KEPT && durable && memcmp(&key, &again, sizeof(key)) == 0);
	close_keys();
}

/* ---- the master key ---- */

static void write_master(const char *path, const char *text, mode_t mode)
{
	unlink(path);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	EXPECT(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	EXPECT(fchmod(fd, mode) == 0 && close(fd) == 0);
}

static void expect_refused(const char *master, bool create, const char *words)
{
	struct error err;
	struct subjects *none;
	struct subjects_config config = keys_config();
	config.master_key_file = master;
	config.create = create;
	EXPECT_NUMBER(subjects_open(&config, &none, &err), E_CONFIG);
	if (strstr(err.text, words) == NULL)
		test_fail(__FILE__, __LINE__, "\"%s\" does not say \"%s\"", err.text, words);
}

#define DIGITS_A "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"
#define DIGITS_B "10112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"

TEST(a_master_key_that_is_missing_wrong_or_open_to_all_is_named)
{
	char path[300], own[300];
	struct stat st;
	struct error err;
	struct subjects_config config = keys_config();
	snprintf(path, sizeof(path), "%s/master", test_folder());
	snprintf(own, sizeof(own), "%s/keys/master.key", test_folder());
	expect_refused(path, false, "subjects.db is missing");
	char empty[300];
	snprintf(empty, sizeof(empty), "%s/keys/subjects.db", test_folder());
	write_master(empty, "", 0600);
	write_master(path, DIGITS_A, 0600);
	expect_refused(path, false, "subjects.db is missing");
	unlink(path);
	expect_refused(path, true, "is missing; `openssl rand -hex 32` makes one");
	write_master(path, "0011\n", 0600);
	expect_refused(path, true, "64 hexadecimal digits are expected");
	write_master(path, DIGITS_A "\n", 0644);
	expect_refused(path, true, "mode 0644");
	write_master(path, DIGITS_A "\n", 0640);
	config.master_key_file = path;
	EXPECT_OK(subjects_open(&config, &keys, &err), err);
	subjects_close(keys);
	EXPECT(stat(own, &st) != 0);
	write_master(path, DIGITS_B, 0600);
	expect_refused(path, true, "is not the key that");
	unlink(path);
	expect_refused(path, true, "is missing, but");
	expect_refused(NULL, true, "is missing, but");
	write_master(path, DIGITS_A, 0600);
	EXPECT_OK(subjects_open(&config, &keys, &err), err);
	subjects_close(keys);
}

TEST(the_first_start_makes_a_master_key_that_only_its_owner_reads)
{
	char path[300];
	struct stat st;
	open_keys();
	snprintf(path, sizeof(path), "%s/keys/master.key", test_folder());
	EXPECT(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600 && st.st_size == 65);
	static const char *const names[] = { "subjects.db", "subjects.db-wal" };
	for (unsigned i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/keys/%s", test_folder(), names[i]);
		EXPECT(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600);
	}
	close_keys();
}

TEST(another_master_key_opens_all_that_the_old_one_did)
{
	char path[300];
	struct error err;
	struct unsealed u;
	struct secret master;
	struct subjects_config config = keys_config();
	snprintf(path, sizeof(path), "%s/master", test_folder());
	write_master(path, DIGITS_A, 0600);
	config.master_key_file = path;
	EXPECT_OK(subjects_open(&config, &keys, &err), err);
	arena_init(&arena, 64 << 20);
	struct kept kept[3], gone = keep(HEAD "\"customer\":\"c-9\"," TAIL, "");
	for (unsigned i = 0; i < 3; i++) {
		char text[600];
		snprintf(text, sizeof(text), HEAD "\"customer\":\"c-%u\"," TAIL, i);
		kept[i] = keep(text, "");
	}
	EXPECT_OK(subjects_flush(keys, &err), err);
	EXPECT_OK(subjects_forget(keys, &gone.hidden.subject, &err), err);
	for (size_t i = 0; i < SECRET_BYTES; i++)
		master.bytes[i] = (uint8_t)(0x11 * (i % 16));
	master.bytes[0] = 0x10;
	EXPECT_OK(subjects_rewrap(keys, &master, &err), err);
	subjects_close(keys);
	expect_refused(path, false, "is not the key that");
	write_master(path, DIGITS_B, 0600);
	EXPECT_OK(subjects_open(&config, &keys, &err), err);
	for (unsigned i = 0; i < 3; i++) {
		EXPECT_OK(subjects_unseal(keys, &kept[i].record, &arena, &u, &err), err);
		EXPECT_NUMBER(u.state, SUBJECT_KEPT);
	}
	EXPECT_OK(subjects_unseal(keys, &gone.record, &arena, &u, &err), err);
	EXPECT_NUMBER(u.state, SUBJECT_FORGOTTEN);
	close_keys();
}

/* ---- the order: keys, then the journal ---- */

struct order {
	struct journal *journal;
	uint64_t number_at_flush;
	unsigned flushes;
	enum status answer;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool done; /* lock */
};

static enum status note_flush(void *context, struct error *err)
{
	struct order *order = context;
	order->flushes++;
	order->number_at_flush = journal_durable_number(order->journal);
	return order->answer == OK ? OK : error_set(err, order->answer, "the keys' disk");
}

static enum status load_nothing(
	void *context, struct identity *identity, const struct key *day, struct error *err)
{
	(void)context, (void)identity, (void)day, (void)err;
	return OK;
}

static uint64_t nothing_applied(void *context)
{
	(void)context;
	return 0;
}

static void note_done(struct accept_work *work)
{
	struct order *order = work->context;
	pthread_mutex_lock(&order->lock);
	order->done = true;
	pthread_cond_signal(&order->changed);
	pthread_mutex_unlock(&order->lock);
}

static void submit(struct acceptor *acceptor, struct order *order, uint64_t sequence,
	bool needs_keys, struct accept_item *item)
{
	struct accept_work work = { .items = item,
		.count = 1,
		.needs_keys = needs_keys,
		.done = note_done,
		.context = order };
	*item = (struct accept_item){ .payload = slice_of("payload"),
		.has_identity = true,
		.key = { slice_of("1"), slice_of("1"), 20261123, sequence },
		.revision = 1 };
	order->done = false;
	EXPECT_NUMBER(acceptor_submit(acceptor, &work), OK);
	pthread_mutex_lock(&order->lock);
	while (!order->done)
		pthread_cond_wait(&order->changed, &order->lock);
	pthread_mutex_unlock(&order->lock);
}

TEST(keys_are_durable_before_the_journal_is_written_and_cost_nothing_without_customers)
{
	struct disk *disk;
	struct identity *identity;
	struct acceptor *acceptor;
	struct accept_item item;
	struct error err;
	char path[300];
	struct order order = { .lock = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER };
	struct identity_source source = { load_nothing, nothing_applied, NULL };
	snprintf(path, sizeof(path), "%s/journal", test_folder());
	EXPECT_OK(disk_open_folder(path, &disk, &err), err);
	EXPECT_OK(journal_open(disk, clock_system(), 1 << 20, &order.journal, &err), err);
	EXPECT_OK(identity_open(&source, 1000, &identity, &err), err);
	struct acceptor_config config = { .journal = order.journal,
		.identity = identity,
		.clock = clock_system(),
		.queue_bytes_max = 1 << 20,
		.queue_items_max = 100,
		.flush_keys = note_flush,
		.context = &order };
	EXPECT_OK(acceptor_open(&config, &acceptor, &err), err);
	submit(acceptor, &order, 1, false, &item);
	EXPECT(item.outcome == ACCEPTED && order.flushes == 0);
	submit(acceptor, &order, 2, true, &item);
	EXPECT(item.outcome == ACCEPTED && order.flushes == 1 && order.number_at_flush == 1);
	static const enum status answers[][2] = { { E_FULL, E_FULL }, { E_IO, E_RETRY } };
	for (unsigned i = 0; i < 2; i++) {
		order.answer = answers[i][0];
		submit(acceptor, &order, 3, true, &item);
		EXPECT_NUMBER(item.outcome, NOT_ACCEPTED);
		EXPECT_NUMBER(item.status, answers[i][1]);
		EXPECT_NUMBER(journal_durable_number(order.journal), 2);
	}
	submit(acceptor, &order, 4, false, &item);
	EXPECT(item.outcome == ACCEPTED && item.number == 3);
	order.answer = OK;
	submit(acceptor, &order, 3, true, &item);
	EXPECT(item.outcome == ACCEPTED && item.number == 4);
	acceptor_close(acceptor);
	identity_close(identity);
	journal_close(order.journal);
	disk->ops->close_disk(disk);
}
