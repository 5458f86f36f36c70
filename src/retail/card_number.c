#include "retail/card_number.h"

/* The lengths as bits: bit n is n digits. */
#define LEN(n) (1U << (n))
#define FROM_16 (LEN(16) | LEN(17) | LEN(18) | LEN(19))

/* A range of issuer prefixes, written with as many digits as are published. */
struct issuer {
	uint32_t from, to; /* the first six digits */
	uint32_t lengths;
};

#define RANGE(from, to, scale) (from) * (scale), (to) * (scale) + (scale)-1

/* The ranges that the networks publish for merchants and processors, which ISO/IEC 7812 leaves to
 * them. Left out on purpose: Visa of 13 digits, withdrawn and equal to barcodes; Maestro below 16
 * digits, whose 15 begin like IMEIs; UATP, which no till takes. Sorted by the first digit. */
/* clang-format off */
static const struct issuer issuers[] = {
	{ RANGE(1800, 1800, 100), LEN(15) },        /* JCB, old */
	{ RANGE(2131, 2131, 100), LEN(15) },        /* JCB, old */
	{ RANGE(2200, 2204, 100), FROM_16 },        /* Mir */
	{ RANGE(2221, 2720, 100), LEN(16) },        /* Mastercard, second range */
	{ RANGE(300, 305, 1000), LEN(14) | FROM_16 }, /* Diners Club */
	{ RANGE(3095, 3095, 100), LEN(14) | FROM_16 }, /* Diners Club */
	{ RANGE(34, 34, 10000), LEN(15) },          /* American Express */
	{ RANGE(3528, 3589, 100), FROM_16 },        /* JCB */
	{ RANGE(36, 36, 10000), LEN(14) | FROM_16 }, /* Diners Club International */
	{ RANGE(37, 37, 10000), LEN(15) },          /* American Express */
	{ RANGE(38, 39, 10000), LEN(14) | FROM_16 }, /* Diners Club */
	{ RANGE(4, 4, 100000), LEN(16) | LEN(19) }, /* Visa and its co-brands */
	{ RANGE(5018, 5020, 100), FROM_16 },        /* Maestro, Dankort (5019) */
	{ RANGE(5038, 5038, 100), FROM_16 },        /* Maestro */
	{ RANGE(506099, 506198, 1), LEN(16) | LEN(18) | LEN(19) }, /* Verve */
	{ RANGE(506699, 506778, 1), LEN(16) },      /* Elo */
	{ RANGE(507865, 507964, 1), LEN(16) | LEN(18) | LEN(19) }, /* Verve */
	{ RANGE(508, 508, 1000), LEN(16) },         /* RuPay */
	{ RANGE(509, 509, 1000), LEN(16) },         /* Elo */
	{ RANGE(51, 55, 10000), LEN(16) },          /* Mastercard */
	{ RANGE(56, 58, 10000), FROM_16 },          /* Maestro */
	{ RANGE(6011, 6011, 100), FROM_16 },        /* Discover */
	{ RANGE(60, 60, 10000), LEN(16) },          /* RuPay, and others under 60 */
	{ RANGE(62, 62, 10000), FROM_16 },          /* UnionPay */
	{ RANGE(6304, 6304, 100), FROM_16 },        /* Maestro */
	{ RANGE(636, 636, 1000), FROM_16 },         /* InterPayment, Elo */
	{ RANGE(637, 639, 1000), LEN(16) },         /* InstaPayment */
	{ RANGE(644, 649, 1000), FROM_16 },         /* Discover */
	{ RANGE(65, 65, 10000), FROM_16 },          /* Discover, RuPay, Elo, Troy, Verve */
	{ RANGE(67, 67, 10000), FROM_16 },          /* Maestro */
	{ RANGE(81, 82, 10000), FROM_16 },          /* UnionPay, RuPay */
	{ RANGE(9792, 9792, 100), LEN(16) },        /* Troy */
};
/* clang-format on */

bool card_luhn(const char *digits, size_t count)
{
	unsigned sum = 0;
	for (size_t i = 0; i < count; i++) {
		unsigned digit = (unsigned)(digits[count - 1 - i] - '0');
		if ((i & 1) != 0)
			digit = digit > 4 ? 2 * digit - 9 : 2 * digit;
		sum += digit;
	}
	return sum % 10 == 0;
}

/* The check digit of GS1: every second digit counts three times, from the right. */
static bool gtin_valid(const char *digits, size_t count)
{
	unsigned sum = 0;
	for (size_t i = 0; i < count; i++)
		sum += (unsigned)(digits[count - 1 - i] - '0') * ((i & 1) != 0 ? 3 : 1);
	return sum % 10 == 0;
}

static bool issued(const char *digits, size_t count)
{
	uint32_t first = 0;
	for (size_t i = 0; i < 6; i++)
		first = first * 10 + (uint32_t)(digits[i] - '0');
	for (size_t i = 0; i < sizeof(issuers) / sizeof(issuers[0]); i++)
		if (first >= issuers[i].from && first <= issuers[i].to &&
			(issuers[i].lengths & LEN(count)) != 0)
			return true;
	return false;
}

bool card_number_valid(const char *digits, size_t count, enum card_context context)
{
	if (context == CARD_IN_ITS_FIELD)
		return count >= CARD_DIGITS_SAID_MIN && count <= CARD_DIGITS_MAX &&
		       digits[0] != '0' && card_luhn(digits, count);
	if (count < CARD_DIGITS_MIN || count > CARD_DIGITS_MAX)
		return false;
	/* Most barcodes end here. */
	if (digits[0] == '0' || digits[0] == '7' || (count == 14 && digits[0] != '3'))
		return false;
	if (!issued(digits, count) || !card_luhn(digits, count))
		return false;
	return context == CARD_IN_GROUPS || count != 14 || !gtin_valid(digits, count);
}
