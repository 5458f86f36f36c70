#include "base/hash.h"
#include "harness.h"
#include "store/store.h"
#include "store/tally.h"

#include <stdio.h>

static struct store *open_new(void)
{
	static int count;
	static char path[128];
	struct store *store;
	struct error err;
	snprintf(path, sizeof(path), "%s/state-%d.db", test_folder(), count++);
	EXPECT_OK(store_open(path, STORE_WRITE, &store, &err), err);
	return store;
}

static int64_t number(struct store *store, const char *sql)
{
	struct statement *read;
	struct error err;
	bool row;
	EXPECT_OK(store_prepare(store, sql, &read, &err), err);
	EXPECT_OK(statement_step(read, &row, &err), err);
	EXPECT(row);
	int64_t value = statement_int(read, 0);
	statement_close(read);
	return value;
}

TEST(parameters_are_numbers_wherever_they_stand)
{
	struct store *store = open_new();
	struct statement *statement;
	struct error err;
	bool row;
	EXPECT_OK(store_prepare(store, "SELECT $2 * 10 + $1", &statement, &err), err);
	statement_bind_int(statement, 1, 3);
	statement_bind_int(statement, 2, 7);
	EXPECT_OK(statement_step(statement, &row, &err), err);
	EXPECT_NUMBER(statement_int(statement, 0), 73);
	statement_close(statement);
	store_close(store);
}

static const struct migration two_steps[] = {
	{ "a.1", "CREATE TABLE a (n BIGINT)" },
	{ "a.2", "INSERT INTO a (n) VALUES (5)" },
};

TEST(a_migration_runs_once)
{
	struct store *store = open_new();
	struct error err;
	EXPECT_OK(store_migrate(store, two_steps, 1, &err), err);
	EXPECT_OK(store_migrate(store, two_steps, 2, &err), err);
	EXPECT_OK(store_migrate(store, two_steps, 2, &err), err);
	EXPECT_NUMBER(number(store, "SELECT count(*) FROM a"), 1);
	store_close(store);
}

TEST(a_state_of_a_newer_program_is_refused)
{
	struct store *store = open_new();
	struct error err;
	EXPECT_OK(store_migrate(store, two_steps, 2, &err), err);
	EXPECT(store_migrate(store, two_steps, 1, &err) == E_CONFIG);
	EXPECT(strstr(err.text, "newer tillbridge") != NULL);
	store_close(store);
}

TEST(a_failed_migration_leaves_nothing_behind)
{
	static const struct migration broken[] = { { "b.1",
		"CREATE TABLE b (n BIGINT); INSERT INTO nowhere VALUES (1)" } };
	struct store *store = open_new();
	struct error err;
	EXPECT(store_migrate(store, broken, 1, &err) != OK);
	EXPECT_NUMBER(number(store, "SELECT count(*) FROM sqlite_master WHERE name = 'b'"), 0);
	store_close(store);
}

TEST(a_file_of_another_program_is_refused)
{
	char path[128];
	struct store *store;
	struct error err;
	snprintf(path, sizeof(path), "%s/other", test_folder());
	EXPECT_OK(store_open(path, STORE_WRITE, &store, &err), err);
	EXPECT_OK(store_execute(store, "PRAGMA application_id = 7; CREATE TABLE t (n)", &err), err);
	store_close(store);
	EXPECT(store_open(path, STORE_WRITE, &store, &err) == E_CONFIG);
}

static const struct tally_table sales = { .name = "sales",
	.keys = { "store", "#day" },
	.values = { { "amount", TALLY_TOTAL }, { "count", TALLY_COUNT }, { "last", TALLY_MAX },
		{ "first", TALLY_MIN } },
	.rows_max = 2 };

static const char sales_sql[] =
	"CREATE TABLE sales (store TEXT, day BIGINT, amount TEXT, count BIGINT, last BIGINT,"
	" first BIGINT, PRIMARY KEY (store, day))";

static void add(
	struct tally *tally, const char *store, int64_t day, const char *amount, int64_t stamp)
{
	struct total total;
	struct error err;
	EXPECT(total_parse(slice_of(amount), &total));
	struct tally_key keys[] = { { .text = slice_of(store) }, { .number = day } };
	struct tally_value values[] = { { .total = total }, { .number = 1 }, { .number = stamp },
		{ .number = stamp } };
	EXPECT_OK(tally_add(tally, keys, values, &err), err);
}

TEST(a_tally_adds_up_exactly_across_batches)
{
	struct store *store = open_new();
	struct tally *tally;
	struct error err;
	EXPECT_OK(store_execute(store, sales_sql, &err), err);
	EXPECT_OK(tally_open(store, &sales, &tally, &err), err);
	for (int batch = 0; batch < 10; batch++) {
		for (int i = 0; i < 5; i++) {
			char name[8];
			snprintf(name, sizeof(name), "s%d", i);
			add(tally, name, 1 + batch % 2, "0.001", 100 + batch);
		}
		EXPECT_OK(tally_flush(tally, &err), err);
	}
	EXPECT_NUMBER(number(store, "SELECT count(*) FROM sales WHERE amount = '0.005'"
				    " AND count = 5"),
		10);
	EXPECT_NUMBER(
		number(store, "SELECT count(*) FROM sales WHERE first = 100 AND last = 108"), 5);
	tally_close(tally);
	store_close(store);
}

TEST(the_smallest_may_be_zero)
{
	struct store *store = open_new();
	struct tally *tally;
	struct error err;
	EXPECT_OK(store_execute(store, sales_sql, &err), err);
	EXPECT_OK(tally_open(store, &sales, &tally, &err), err);
	add(tally, "x", 1, "1", 7);
	EXPECT_OK(tally_flush(tally, &err), err);
	tally_forget(tally);
	add(tally, "x", 1, "1", 0);
	add(tally, "x", 1, "1", 3);
	EXPECT_OK(tally_flush(tally, &err), err);
	EXPECT_NUMBER(number(store, "SELECT first = 0 AND last = 7 FROM sales"), 1);
	tally_close(tally);
	store_close(store);
}

TEST(what_a_tally_forgets_never_happened)
{
	struct store *store = open_new();
	struct tally *tally;
	struct error err;
	EXPECT_OK(store_execute(store, sales_sql, &err), err);
	EXPECT_OK(tally_open(store, &sales, &tally, &err), err);
	add(tally, "x", 1, "1", 1);
	EXPECT_OK(tally_flush(tally, &err), err);
	add(tally, "x", 1, "7", 1);
	tally_forget(tally);
	add(tally, "x", 1, "2", 1);
	EXPECT_OK(tally_flush(tally, &err), err);
	EXPECT_NUMBER(number(store, "SELECT amount = '3' FROM sales"), 1);
	tally_close(tally);
	store_close(store);
}

TEST(the_digest_is_equal_for_equal_rows_and_only_then)
{
	struct store *a = open_new(), *b = open_new();
	struct hash ha, hb;
	struct error err;
	EXPECT_OK(store_execute(a,
			  "CREATE TABLE t (n INT, x TEXT); INSERT INTO t VALUES (1, 'a'),"
			  " (2, NULL)",
			  &err),
		err);
	EXPECT_OK(store_execute(b,
			  "CREATE TABLE t (n INT, x TEXT); INSERT INTO t VALUES (2, NULL),"
			  " (1, 'a')",
			  &err),
		err);
	EXPECT_OK(store_digest(a, NULL, NULL, &ha, &err), err);
	EXPECT_OK(store_digest(b, NULL, NULL, &hb, &err), err);
	EXPECT(memcmp(&ha, &hb, sizeof(ha)) == 0);
	EXPECT_OK(store_execute(b, "UPDATE t SET x = '' WHERE n = 2", &err), err);
	EXPECT_OK(store_digest(b, NULL, NULL, &hb, &err), err);
	EXPECT(memcmp(&ha, &hb, sizeof(ha)) != 0);
	store_close(a);
	store_close(b);
}

static bool stop_after(void *context)
{
	unsigned *left = context;
	return (*left)-- == 0;
}

TEST(a_statement_ends_when_its_watch_says_so_and_the_store_goes_on)
{
	static const char endless[] =
		"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
		" WHERE i < 100000000) SELECT max(i) FROM n";
	struct store *store = open_new();
	struct statement *statement;
	struct error err;
	unsigned left = 3;
	bool row;
	store_watch(store, stop_after, &left);
	EXPECT_OK(store_prepare(store, endless, &statement, &err), err);
	EXPECT(statement_step(statement, &row, &err) == E_RETRY);
	EXPECT(strstr(err.text, "interrupted") != NULL);
	statement_close(statement);
	store_watch(store, NULL, NULL);
	uint64_t steps = store_steps(store);
	EXPECT(steps > 0 && steps < 100000);
	EXPECT_NUMBER(number(store, "SELECT 5"), 5);
	EXPECT(store_steps(store) > steps && store_steps(store) < steps + 20);
	store_close(store);
}
