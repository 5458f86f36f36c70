#include "app/simulator_catalogue.h"

#include <stdio.h>
#include <stdlib.h>

static const struct country countries[] = {
	{ "EUR", 2, 60, true, { "S", "R", "Z" }, { 190000, 70000, 0 }, 1, 100, 99, 100 },
	{ "GBP", 2, 0, true, { "S", "R", "Z" }, { 200000, 50000, 0 }, 1, 85, 99, 100 },
	{ "EUR", 2, 120, true, { "S", "R", "Z" }, { 255000, 135000, 0 }, 5, 110, 95, 100 },
	{ "CHF", 2, 60, true, { "N", "R", "Z" }, { 81000, 26000, 0 }, 5, 115, 90, 100 },
	{ "USD", 2, -300, false, { "S", "F", "Z" }, { 88750, 40000, 0 }, 1, 100, 99, 100 },
	{ "JPY", 0, 540, true, { "S", "R", "Z" }, { 100000, 80000, 0 }, 1, 160, 8, 10 },
	{ "BHD", 3, 180, false, { "S", "S", "Z" }, { 100000, 100000, 0 }, 5, 400, 950, 1000 },
};

static const char *const qualities[] = { "Oak", "Linen", "Blue", "Small", "Large", "Folding",
	"Organic", "Striped", "Steel", "Soft", "Travel", "Garden" };
static const char *const goods[] = { "tray", "lantern", "mug", "basket", "towel", "frame", "bowl",
	"candle", "notebook", "cushion", "kettle", "umbrella" };
static const char *const fresh[] = { "apples", "cheese", "olives", "coffee beans", "nuts",
	"tomatoes" };

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

const struct country *catalogue_country(uint64_t store)
{
	return &countries[store % COUNT(countries)];
}

bool catalogue_init(struct catalogue *catalogue, uint64_t seed, uint64_t count)
{
	*catalogue = (struct catalogue){ .seed = seed, .count = count };
	catalogue->popularity = calloc(count, sizeof(uint64_t));
	uint64_t sum = 0;
	for (uint64_t i = 0; i < count && catalogue->popularity != NULL; i++) {
		sum += (1ULL << 32) / (i + 1);
		catalogue->popularity[i] = sum;
	}
	return catalogue->popularity != NULL;
}

void catalogue_release(struct catalogue *catalogue)
{
	free(catalogue->popularity);
	catalogue->popularity = NULL;
}

uint64_t catalogue_pick(const struct catalogue *catalogue, struct random *random)
{
	uint64_t point = random_below(random, catalogue->popularity[catalogue->count - 1]);
	uint64_t low = 0, high = catalogue->count - 1;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		if (catalogue->popularity[middle] > point)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* Cheap things are sold more than dear ones, and a price ends as the country likes it. */
static int64_t price_of(struct random *random, const struct country *country)
{
	static const uint32_t tops[] = { 500, 1000, 2000, 2000, 5000, 20000 };
	uint64_t cents = 49 + random_below(random, tops[random_below(random, COUNT(tops))]);
	uint64_t minor = cents * country->price_factor_percent / 100;
	return (int64_t)(minor / country->price_step * country->price_step + country->price_ending);
}

static void promote(
	const struct catalogue *catalogue, uint64_t number, date_t date, struct item *item)
{
	static const unsigned percents[] = { 10, 20, 25, 30 };
	/* 1970-01-05 was a Monday. */
	uint64_t week = (uint64_t)(date_to_days(date) - 4) / 7;
	struct random random;
	random_init(&random, catalogue->seed ^ (number * 2654435761ULL + week * 40503));
	if (!random_chance(&random, 1, 12))
		return;
	item->discount_percent = percents[random_below(&random, COUNT(percents))];
	snprintf(item->promotion, sizeof(item->promotion), "P-%u-%u", (unsigned)(week % 10000),
		item->discount_percent);
}

void catalogue_item(const struct catalogue *catalogue, uint64_t number,
	const struct country *country, date_t date, struct item *ret_item)
{
	struct random random;
	struct item item = { .discount_percent = 0 };
	random_init(&random, catalogue->seed + number * 0x9e3779b97f4a7c15ULL);
	uint64_t shape = random_below(&random, 100);
	item.weighed = shape < 8;
	item.tax = item.weighed || shape < 25 ? TAX_REDUCED : shape < 30 ? TAX_ZERO : TAX_STANDARD;
	item.price = price_of(&random, country);
	snprintf(item.code, sizeof(item.code), "%06u%s", (unsigned)(100000 + number),
		shape % 10 == 9 ? "B" : "");
	if (item.weighed)
		snprintf(item.description, sizeof(item.description), "%s",
			fresh[number % COUNT(fresh)]);
	else
		snprintf(item.description, sizeof(item.description), "%s %s",
			qualities[random_below(&random, COUNT(qualities))],
			goods[random_below(&random, COUNT(goods))]);
	promote(catalogue, number, date, &item);
	*ret_item = item;
}

struct decimal catalogue_rate(uint32_t ppm)
{
	struct decimal rate = decimal_normal(decimal_make(ppm, 6));
	if (rate.scale < 2) {
		rate.coefficient *= rate.scale == 0 ? 100 : 10;
		rate.scale = 2;
	}
	return rate;
}
