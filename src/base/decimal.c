#include "base/decimal.h"

#include "base/check.h"

static const int64_t powers[DECIMAL_DIGITS_MAX + 1] = {
	1,
	10,
	100,
	1000,
	10000,
	100000,
	1000000,
	10000000,
	100000000,
	1000000000,
	10000000000,
	100000000000,
	1000000000000,
	10000000000000,
	100000000000000,
	1000000000000000,
	10000000000000000,
	100000000000000000,
	1000000000000000000,
};

enum decimal_problem decimal_parse(struct slice text, struct decimal *ret_value)
{
	const char *p = text.ptr, *end = text.ptr + text.len;
	bool negative = p < end && *p == '-';
	if (negative)
		p++;
	uint64_t value = 0;
	size_t digits = 0, scale = 0;
	bool point = false;
	const char *first = p;
	for (; p < end; p++) {
		unsigned digit = (unsigned)(unsigned char)*p - '0';
		if (digit < 10) {
			if (value != 0 || digit != 0)
				digits++;
			if (digits > DECIMAL_DIGITS_MAX)
				return DECIMAL_TOO_MANY_DIGITS;
			value = value * 10 + digit;
			scale += point;
		} else if (*p == '.' && !point && p > first && p + 1 < end) {
			point = true;
		} else {
			bool exponent = (*p == 'e' || *p == 'E') && p > first;
			return exponent ? DECIMAL_EXPONENT : DECIMAL_NOT_A_NUMBER;
		}
	}
	if (p == first)
		return DECIMAL_NOT_A_NUMBER;
	if (first[0] == '0' && end - first > 1 && first[1] != '.')
		return DECIMAL_NOT_A_NUMBER;
	if (scale > DECIMAL_SCALE_MAX)
		return DECIMAL_TOO_FINE;
	*ret_value = decimal_make(negative ? -(int64_t)value : (int64_t)value, (unsigned)scale);
	return DECIMAL_FINE;
}

const char *decimal_problem_text(enum decimal_problem problem)
{
	switch (problem) {
	case DECIMAL_FINE:
		return "is fine";
	case DECIMAL_NOT_A_NUMBER:
		return "is not a decimal number such as \"-12.50\"";
	case DECIMAL_EXPONENT:
		return "has an exponent; write all digits";
	case DECIMAL_TOO_MANY_DIGITS:
		return "has more than 18 digits";
	case DECIMAL_TOO_FINE:
		return "has more than 9 decimals";
	}
	return "is not a decimal number";
}

int decimal_compare(struct decimal a, struct decimal b)
{
	return total_compare(total_of(a), total_of(b));
}

struct decimal decimal_normal(struct decimal d)
{
	while (d.scale > 0 && d.coefficient % 10 == 0) {
		d.coefficient /= 10;
		d.scale--;
	}
	return d;
}

size_t decimal_print(struct decimal d, char text[static DECIMAL_TEXT_MAX])
{
	uint64_t rest = d.coefficient < 0 ? 0 - (uint64_t)d.coefficient : (uint64_t)d.coefficient;
	char reversed[DECIMAL_TEXT_MAX];
	size_t n = 0;
	for (unsigned digit = 0; digit <= d.scale || rest > 0; digit++) {
		if (digit == d.scale && d.scale > 0)
			reversed[n++] = '.';
		reversed[n++] = (char)('0' + rest % 10);
		rest /= 10;
	}
	size_t len = 0;
	if (d.coefficient < 0)
		text[len++] = '-';
	while (n > 0)
		text[len++] = reversed[--n];
	text[len] = '\0';
	return len;
}

void decimal_write(struct decimal d, struct buf *buf)
{
	char text[DECIMAL_TEXT_MAX];
	buf_append(buf, text, decimal_print(d, text));
}

struct total total_of(struct decimal d)
{
	check(d.scale <= DECIMAL_SCALE_MAX);
	return (struct total){ (__int128)d.coefficient * powers[DECIMAL_SCALE_MAX - d.scale] };
}

struct total total_add(struct total a, struct total b)
{
	struct total sum;
	check(!__builtin_add_overflow(a.nanos, b.nanos, &sum.nanos));
	return sum;
}

struct total total_subtract(struct total a, struct total b)
{
	return total_add(a, total_negate(b));
}

struct total total_negate(struct total a)
{
	return (struct total){ -a.nanos };
}

int total_compare(struct total a, struct total b)
{
	return (a.nanos > b.nanos) - (a.nanos < b.nanos);
}

/* value / unit, settled by the mode; unit is a power of ten. */
static __int128 divide(__int128 value, __int128 unit, enum rounding mode)
{
	__int128 quotient = value / unit, rest = value % unit;
	if (rest < 0)
		rest = -rest;
	__int128 twice = 2 * rest;
	bool away = twice > unit;
	if (twice == unit)
		away = mode == ROUND_HALF_UP || (mode == ROUND_HALF_EVEN && quotient % 2 != 0);
	if (mode == ROUND_DOWN || !away)
		return quotient;
	return value < 0 ? quotient - 1 : quotient + 1;
}

struct total total_product(struct decimal a, struct decimal b, unsigned scale, enum rounding mode)
{
	check(scale <= DECIMAL_SCALE_MAX);
	__int128 product = (__int128)a.coefficient * b.coefficient;
	unsigned have = (unsigned)a.scale + b.scale;
	if (have > scale) {
		product = divide(product, powers[have - scale], mode);
		have = scale;
	}
	/* At most 36 digits and 9 more decimals: 10^36 * 10^9 does not fit into 128 bits, but then
	 * neither factor has decimals. Beyond 10^29 units the value is cut to what a total holds.
	 */
	__int128 unit = powers[DECIMAL_SCALE_MAX - have];
	if (product == (int64_t)product)
		return (struct total){ product * unit };
	const __int128 limit = ((__int128)1 << 126) / unit;
	if (product > limit)
		product = limit;
	if (product < -limit)
		product = -limit;
	return (struct total){ product * unit };
}

struct total total_round(struct total a, unsigned scale, enum rounding mode)
{
	check(scale <= DECIMAL_SCALE_MAX);
	__int128 unit = powers[DECIMAL_SCALE_MAX - scale];
	return (struct total){ divide(a.nanos, unit, mode) * unit };
}

bool total_fits_scale(struct total a, unsigned scale)
{
	check(scale <= DECIMAL_SCALE_MAX);
	return a.nanos % powers[DECIMAL_SCALE_MAX - scale] == 0;
}

bool total_to_decimal(struct total a, struct decimal *ret_value)
{
	__int128 value = a.nanos;
	unsigned scale = DECIMAL_SCALE_MAX;
	while (scale > 0 && value % 10 == 0) {
		value /= 10;
		scale--;
	}
	if (value >= powers[DECIMAL_DIGITS_MAX] || value <= -powers[DECIMAL_DIGITS_MAX])
		return false;
	*ret_value = decimal_make((int64_t)value, scale);
	return true;
}

size_t total_print(struct total a, unsigned scale_min, char text[static TOTAL_TEXT_MAX])
{
	check(scale_min <= DECIMAL_SCALE_MAX);
	unsigned __int128 rest =
		a.nanos < 0 ? 0 - (unsigned __int128)a.nanos : (unsigned __int128)a.nanos;
	unsigned scale = DECIMAL_SCALE_MAX;
	while (scale > scale_min && rest % 10 == 0) {
		rest /= 10;
		scale--;
	}
	char reversed[TOTAL_TEXT_MAX];
	size_t n = 0;
	for (unsigned digit = 0; digit <= scale || rest > 0; digit++) {
		if (digit == scale && scale > 0)
			reversed[n++] = '.';
		reversed[n++] = (char)('0' + (int)(rest % 10));
		rest /= 10;
	}
	size_t len = 0;
	if (a.nanos < 0)
		text[len++] = '-';
	while (n > 0)
		text[len++] = reversed[--n];
	text[len] = '\0';
	return len;
}

void total_write(struct total a, unsigned scale_min, struct buf *buf)
{
	char text[TOTAL_TEXT_MAX];
	buf_append(buf, text, total_print(a, scale_min, text));
}

bool total_parse(struct slice text, struct total *ret_value)
{
	bool negative = text.len > 0 && text.ptr[0] == '-', point = false;
	__int128 value = 0;
	unsigned scale = 0;
	size_t i = negative;
	if (text.len - i == 0 || text.len >= TOTAL_TEXT_MAX)
		return false;
	for (; i < text.len; i++) {
		char c = text.ptr[i];
		if (c == '.' && !point) {
			point = true;
			continue;
		}
		if (c < '0' || c > '9' || (point && scale == 9))
			return false;
		if (__builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, c - '0', &value))
			return false;
		scale += point;
	}
	if (__builtin_mul_overflow(value, powers[DECIMAL_SCALE_MAX - scale], &value))
		return false;
	*ret_value = (struct total){ negative ? -value : value };
	return true;
}
