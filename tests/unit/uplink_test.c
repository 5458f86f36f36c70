/* The way up with a centre that misbehaves and a clock that the test moves. */
#include "edge/uplink.h"

#include "edge_site.h"
#include "sim/sim_disk.h"

struct moved_clock {
	struct clock clock;
	uint64_t ns;
};

struct road {
	struct centre centre;
	struct moved_clock clock;
	struct disk *disk;
	struct queue *queue;
	struct held *held;
	struct client *client;
	struct uplink *up;
	unsigned outcomes[3];
	uint64_t longest_wait_ms;
};

static uint64_t moved_ns(struct clock *clock)
{
	return ((struct moved_clock *)clock)->ns;
}

static int64_t moved_wall(struct clock *clock)
{
	/* The centre's Date is 16:03:40; this clock began 90 s ahead of it. */
	return 1795449820000 + 90000 + (int64_t)(((struct moved_clock *)clock)->ns / 1000000);
}

static void outcome(void *context, enum uplink_outcome what, const char *key, const char *detail)
{
	struct road *road = context;
	EXPECT(key[0] != '\0' && detail[0] != '\0');
	road->outcomes[what]++;
}

static void road_up(struct road *road)
{
	struct error err;
	struct client_config client = {
		.url = road->centre.url, .timeout_ms = 20000, .clock = &road->clock.clock
	};
	EXPECT_OK(client_open(&client, &road->client, &err), err);
	struct uplink_config up = { .client = road->client,
		.queue = road->queue,
		.held = road->held,
		.clock = &road->clock.clock,
		.backoff_ms = 1000,
		.backoff_max_ms = 120000,
		.seed = test_seed(5),
		.outcome = outcome,
		.context = road };
	EXPECT_OK(uplink_open(&up, &road->up, &err), err);
}

static void road_open(struct road *road)
{
	struct error err;
	memset(road, 0, sizeof(*road));
	road->clock = (struct moved_clock){ { moved_ns, moved_wall }, 1 };
	road->disk = sim_disk_open(1);
	struct queue_config queue = { road->disk, &road->clock.clock, 64 << 20, 100000, 65536 };
	EXPECT_OK(queue_open(&queue, &road->queue, &err), err);
	EXPECT_OK(held_open(road->disk, &road->clock.clock, &road->held, &err), err);
	centre_open(&road->centre);
	road_up(road);
}

static void road_close(struct road *road)
{
	uplink_close(road->up);
	client_close(road->client);
	centre_close(&road->centre);
	held_close(road->held);
	queue_close(road->queue);
	road->disk->ops->close_disk(road->disk);
}

static uint64_t add(struct road *road, unsigned sequence)
{
	char text[400];
	struct error err;
	uint64_t number;
	snprintf(text, sizeof(text),
		"{\"store\":\"s\",\"register\":\"1\",\"business_date\":\"2026-11-23\",\"sequence\":"
		"%u,"
		"\"type\":\"no_sale\",\"closed_at\":\"2026-11-23T17:03:40Z\"}",
		sequence);
	EXPECT_OK(queue_append(road->queue, sequence, slice_of(text), &number, &err), err);
	return number;
}

static uint64_t waiting(struct road *road)
{
	struct queue_counters counters;
	queue_counters(road->queue, &counters);
	return counters.waiting;
}

/* Steps until nothing waits; the clock jumps over every pause. */
static void run_down(struct road *road, unsigned steps_max)
{
	struct error err;
	uint64_t wait_ms = 0;
	for (unsigned i = 0; waiting(road) > 0; i++) {
		EXPECT(i < steps_max);
		EXPECT_OK(uplink_step(road->up, 0, &wait_ms, &err), err);
		if (wait_ms != UINT64_MAX) {
			road->clock.ns += wait_ms * 1000000;
			if (wait_ms > road->longest_wait_ms)
				road->longest_wait_ms = wait_ms;
		}
	}
}

static void expect_each_once_or_more(struct road *road, unsigned from, unsigned to)
{
	for (unsigned i = from; i <= to; i++)
		if (i != road->centre.conflict && i != road->centre.refuse)
			EXPECT(road->centre.taken[i] >= 1);
}

TEST(a_backlog_goes_up_in_batches_and_in_order)
{
	struct road road;
	road_open(&road);
	for (unsigned i = 1; i <= 250; i++)
		add(&road, i);
	run_down(&road, 3);
	EXPECT_NUMBER(road.centre.largest_batch, UPLINK_BATCH_MAX);
	for (unsigned i = 1; i <= 250; i++) {
		EXPECT_NUMBER(road.centre.taken[i], 1);
		EXPECT_NUMBER(road.centre.order[i - 1], i);
	}
	EXPECT_NUMBER(road.outcomes[UPLINK_ACCEPTED], 250);
	road_close(&road);
}

TEST(a_live_sale_goes_before_the_backlog)
{
	struct road road;
	struct error err;
	uint64_t wait_ms, live = 0;
	road_open(&road);
	for (unsigned i = 1; i <= 150; i++)
		live = add(&road, i);
	EXPECT_OK(uplink_step(road.up, live, &wait_ms, &err), err);
	EXPECT_NUMBER(road.centre.arrived, 1);
	EXPECT_NUMBER(road.centre.order[0], 150);
	run_down(&road, 2);
	EXPECT_NUMBER(road.centre.order[1], 1);
	expect_each_once_or_more(&road, 1, 150);
	road_close(&road);
}

TEST(every_way_to_fail_ends_with_everything_sent)
{
	static const enum behaviour plan[] = { LOST, HALF, GARBAGE, NO_JSON, BUSY, THROTTLED,
		BROKEN, PARTLY, LOST, PARTLY, HALF, NO_JSON, TOO_LARGE, GARBAGE, BUSY, PARTLY };
	struct road road;
	road_open(&road);
	for (unsigned i = 1; i <= 120; i++)
		add(&road, i);
	centre_plan(&road.centre, plan, sizeof(plan) / sizeof(plan[0]));
	run_down(&road, 100);
	expect_each_once_or_more(&road, 1, 120);
	EXPECT_NUMBER(held_count(road.held), 0);
	EXPECT_NUMBER(road.outcomes[UPLINK_ACCEPTED], 120);
	/* Retry-After: 7 was waited for. */
	EXPECT(road.longest_wait_ms > 7000);
	road_close(&road);
}

TEST(what_the_centre_never_takes_is_held_and_blocks_nothing)
{
	struct road road;
	struct buf buf;
	struct error err;
	road_open(&road);
	road.centre.conflict = 3;
	road.centre.refuse = 7;
	for (unsigned i = 1; i <= 20; i++)
		add(&road, i);
	run_down(&road, 3);
	expect_each_once_or_more(&road, 1, 20);
	EXPECT_NUMBER(held_count(road.held), 2);
	EXPECT_NUMBER(road.outcomes[UPLINK_CONFLICT], 1);
	EXPECT_NUMBER(road.outcomes[UPLINK_REFUSED], 1);
	buf_init(&buf, 1 << 20);
	EXPECT_OK(held_read(road.held, 1, &buf, &err), err);
	buf_char(&buf, '\0');
	EXPECT(strstr(buf.ptr, "\"status\":422") != NULL &&
		strstr(buf.ptr, "\"sequence\":7,") != NULL);
	EXPECT(strstr(buf.ptr, "\"detail\":\"because\"") != NULL);
	EXPECT(held_read(road.held, 2, &buf, &err) == E_RETRY);
	/* The file outlives the process. */
	held_close(road.held);
	EXPECT_OK(held_open(road.disk, &road.clock.clock, &road.held, &err), err);
	EXPECT_NUMBER(held_count(road.held), 2);
	buf_release(&buf);
	road_close(&road);
}

TEST(a_single_conflict_is_held_too)
{
	struct road road;
	road_open(&road);
	road.centre.conflict = 1;
	add(&road, 1);
	run_down(&road, 1);
	EXPECT_NUMBER(held_count(road.held), 1);
	road_close(&road);
}

TEST(days_without_a_centre_cost_few_attempts_and_nothing_else)
{
	struct road road;
	struct error err;
	struct uplink_figures figures;
	unsigned attempts = 0, sequence = 0;
	road_open(&road);
	uint16_t port = road.centre.port;
	uplink_close(road.up);
	client_close(road.client);
	centre_close(&road.centre);
	road_up(&road);
	/* Four days, a sale every five minutes. */
	for (uint64_t minute = 0; minute < 4 * 24 * 60; minute++) {
		uint64_t wait_ms = 0;
		if (minute % 5 == 0)
			add(&road, ++sequence);
		if (uplink_wait_ms(road.up) == 0) {
			EXPECT_OK(uplink_step(road.up, 0, &wait_ms, &err), err);
			EXPECT(wait_ms > 0 && wait_ms <= 120000 + 1);
			attempts++;
		}
		road.clock.ns += UINT64_C(60) * 1000000000;
	}
	uplink_figures(road.up, &figures);
	EXPECT(!figures.reachable && figures.error[0] != '\0');
	EXPECT(attempts > 100);
	EXPECT_NUMBER(waiting(&road), sequence);
	uplink_close(road.up);
	client_close(road.client);
	centre_open(&road.centre);
	EXPECT(road.centre.port != 0 && port != 0);
	road_up(&road);
	run_down(&road, 20);
	expect_each_once_or_more(&road, 1, sequence);
	road_close(&road);
}

TEST(the_skew_of_the_clock_is_measured_by_the_date_of_the_answer)
{
	struct road road;
	struct uplink_figures figures;
	road_open(&road);
	add(&road, 1);
	run_down(&road, 1);
	uplink_figures(road.up, &figures);
	EXPECT(figures.has_skew && figures.reachable);
	EXPECT_NUMBER(figures.skew_ms, 90000 - 500);
	EXPECT(figures.skew_error_ms >= 500);
	road_close(&road);
}
