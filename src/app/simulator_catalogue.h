/* What the made-up chain sells, and where. All of it follows from the seed and a number; only the
 * popularity is a table. */
#pragma once

#include "base/decimal.h"
#include "base/random.h"
#include "base/slice.h"
#include "base/time.h"

enum tax_class { TAX_STANDARD, TAX_REDUCED, TAX_ZERO, TAX_CLASSES };

struct country {
	const char *currency;
	unsigned minor_units;
	int16_t offset_min;
	bool prices_include_tax;
	const char *tax_codes[TAX_CLASSES];
	uint32_t tax_ppm[TAX_CLASSES];     /* millionths */
	uint32_t cash_step;                /* minor units that cash is rounded to; 1: not at all */
	uint32_t price_factor_percent;     /* of the price in cents, to minor units */
	uint32_t price_ending, price_step; /* prices end like 99 of 100, 8 of 10 */
};

const struct country *catalogue_country(uint64_t store);

struct catalogue {
	uint64_t seed;
	uint64_t count;
	uint64_t *popularity; /* running sums of 2^32 / rank */
};

struct item {
	char code[16];
	char description[48];
	bool weighed; /* sold by the kilogram */
	enum tax_class tax;
	int64_t price;             /* minor units for one piece or kilogram */
	unsigned discount_percent; /* of the promotion that runs, else 0 */
	char promotion[16];
};

/* False without memory. */
bool catalogue_init(struct catalogue *catalogue, uint64_t seed, uint64_t count);
void catalogue_release(struct catalogue *catalogue);
/* The number of an item, the popular ones more often. */
uint64_t catalogue_pick(const struct catalogue *catalogue, struct random *random);
/* Promotions run from Monday to Sunday in the whole chain. */
void catalogue_item(const struct catalogue *catalogue, uint64_t number,
	const struct country *country, date_t date, struct item *ret_item);

/* "0.19" for 190000 */
struct decimal catalogue_rate(uint32_t ppm);
