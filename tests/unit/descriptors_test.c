#include "app/descriptors.h"
#include "harness.h"

#include <sys/resource.h>

static void set_limit(rlim_t soft, rlim_t hard)
{
	struct rlimit limit = { soft, hard };
	EXPECT(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

static rlim_t soft_limit(void)
{
	struct rlimit limit;
	EXPECT(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	return limit.rlim_cur;
}

TEST(a_low_limit_is_raised_to_what_is_needed)
{
	uint64_t fit = 0;
	set_limit(256, 4096);
	EXPECT(descriptors_reserve(1000, &fit));
	EXPECT_NUMBER(fit, 1000);
	EXPECT_NUMBER(soft_limit(), 1000 + DESCRIPTORS_KEPT);
}

TEST(a_limit_that_is_enough_is_left_alone)
{
	uint64_t fit = 0;
	set_limit(2048, 4096);
	EXPECT(descriptors_reserve(1000, &fit));
	EXPECT_NUMBER(fit, 1000);
	EXPECT_NUMBER(soft_limit(), 2048);
}

TEST(where_the_limit_ends_connections_give_way_and_not_the_journal)
{
	uint64_t fit = 0;
	set_limit(256, 2000);
	EXPECT(!descriptors_reserve(10000, &fit));
	EXPECT_NUMBER(soft_limit(), 2000);
	EXPECT_NUMBER(fit, 2000 - DESCRIPTORS_KEPT);
}

TEST(a_very_low_limit_is_shared)
{
	uint64_t fit = 0;
	set_limit(64, 64);
	EXPECT(!descriptors_reserve(10000, &fit));
	EXPECT_NUMBER(fit, 32);
}
