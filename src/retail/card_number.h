/* What is a payment card's number: an issuer's prefix, a length that this issuer uses, and the Luhn
 * check digit, all three together. Luhn alone is met by every tenth barcode and by every IMEI. */
#pragma once

#include "base/slice.h"

enum {
	CARD_DIGITS_MIN =
		14, /* in free text: what is shorter collides with barcodes of 13 digits */
	CARD_DIGITS_SAID_MIN = 12,
	CARD_DIGITS_MAX = 19,
	CARD_DIGITS_FIRST = 6, /* what is left of a masked number */
	CARD_DIGITS_LAST = 4,
};

/* How sure it is from elsewhere that the digits are a card's number. */
enum card_context {
	CARD_IN_TEXT, /* digits in a row, anywhere: a GTIN-14 with a right check digit is no card */
	CARD_IN_GROUPS,   /* spaced as on a card: prefix, length and Luhn decide */
	CARD_IN_ITS_FIELD /* a field for card numbers: 12 to 19 digits and Luhn decide */
};

/* `digits` are `count` ASCII digits. */
bool card_number_valid(const char *digits, size_t count, enum card_context context);
bool card_luhn(const char *digits, size_t count);
