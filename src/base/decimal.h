/* Exact decimals for money, quantities and rates. No float touches them.
 *
 *     value = coefficient / 10^scale        "2.550" is { 2550, 3 }
 *
 * A struct decimal holds what a till says: at most 18 digits, at most 9 of them behind the point.
 * A struct total holds sums: 128 bits, always with 9 decimals, so that adding cannot overflow
 * (it would take 10^10 of the largest decimals). Products and comparisons go through 128 bits. */
#pragma once

#include "base/buf.h"
#include "base/slice.h"

enum {
	DECIMAL_DIGITS_MAX = 18,
	DECIMAL_SCALE_MAX = 9,
	DECIMAL_TEXT_MAX = 32, /* bytes of a printed decimal, its zero included */
	TOTAL_TEXT_MAX = 56,
};

struct decimal {
	int64_t coefficient;
	uint8_t scale;
	bool set; /* false: the field was absent; the value is then 0 */
};

struct total {
	__int128 nanos;
};

/* How a value between two neighbours is settled. */
enum rounding {
	ROUND_HALF_UP,   /* a tie goes away from zero: the commercial rule and our default */
	ROUND_HALF_EVEN, /* a tie goes to the even neighbour: ERPs written in Python */
	ROUND_DOWN,      /* towards zero */
};

/* Why a text is no decimal; decimal_problem_text() says it in words. */
enum decimal_problem {
	DECIMAL_FINE = 0,
	DECIMAL_NOT_A_NUMBER,
	DECIMAL_EXPONENT,
	DECIMAL_TOO_MANY_DIGITS,
	DECIMAL_TOO_FINE,
};

/* "-?digits(.digits)?" and nothing else: no plus, no exponent, no spaces, no leading zeros
 * ("007"), no bare point. The scale is kept as written. */
enum decimal_problem decimal_parse(struct slice text, struct decimal *ret_value);
const char *decimal_problem_text(enum decimal_problem problem);

static inline struct decimal decimal_make(int64_t coefficient, unsigned scale)
{
	return (struct decimal){ coefficient, (uint8_t)scale, true };
}

static inline bool decimal_is_zero(struct decimal d)
{
	return d.coefficient == 0;
}

static inline int decimal_sign(struct decimal d)
{
	return (d.coefficient > 0) - (d.coefficient < 0);
}

/* -1, 0, 1 by value: 2.5 equals 2.50. */
int decimal_compare(struct decimal a, struct decimal b);

/* The same value with the fewest decimals ("2.550" becomes "2.55", "3.00" becomes "3"). */
struct decimal decimal_normal(struct decimal d);

/* Prints with the scale it has; returns the length. The text is terminated. */
size_t decimal_print(struct decimal d, char text[static DECIMAL_TEXT_MAX]);
void decimal_write(struct decimal d, struct buf *buf);

/* Sums. */
static inline struct total total_zero(void)
{
	return (struct total){ 0 };
}

struct total total_of(struct decimal d);
struct total total_add(struct total a, struct total b);
struct total total_subtract(struct total a, struct total b);
struct total total_negate(struct total a);
int total_compare(struct total a, struct total b);
static inline int total_sign(struct total a)
{
	return (a.nanos > 0) - (a.nanos < 0);
}

static inline struct total total_absolute(struct total a)
{
	return a.nanos < 0 ? total_negate(a) : a;
}

/* a * b rounded to `scale` decimals (0 to 9). */
struct total total_product(struct decimal a, struct decimal b, unsigned scale, enum rounding mode);
/* The total rounded to `scale` decimals (0 to 9). */
struct total total_round(struct total a, unsigned scale, enum rounding mode);
/* True when nothing stands behind the first `scale` decimals. */
bool total_fits_scale(struct total a, unsigned scale);
/* False when the value needs more than 18 digits. */
bool total_to_decimal(struct total a, struct decimal *ret_value);

/* Prints with at least `scale_min` decimals and no further trailing zeros; returns the length. */
size_t total_print(struct total a, unsigned scale_min, char text[static TOTAL_TEXT_MAX]);
void total_write(struct total a, unsigned scale_min, struct buf *buf);
/* Reads what total_print() wrote. */
bool total_parse(struct slice text, struct total *ret_value);
