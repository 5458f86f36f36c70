/* Card data in plain bytes: card numbers, and what the magnetic stripe holds. Linear in the text,
 * without memory of its own.
 *
 * A card number is one row of 14 to 19 digits, or groups as they are embossed (4-4-4-4, 4-6-5,
 * 4-6-4 and 6-13) with the same separator between them: a space, a no-break space, a dash or a dot.
 * What is part of a longer row of digits, a fraction, a telephone number ("+") or a word of 24 or
 * more letters and digits (a hash, a token) is none. Groups with dashes or dots count only when
 * they are the whole word.
 *
 * Track 1 is "B", 12 to 19 digits and "^"; track 2 is ";", 12 to 19 digits, "=" and four digits, or
 * without its ";" a card number, "=" or "D" and seven digits. */
#pragma once

#include "retail/card_number.h"

enum card_kind { CARD_NUMBER, CARD_TRACK };

struct card_match {
	enum card_kind kind;
	size_t start, end; /* bytes; of a number: from its first digit to behind its last */
};

/* The next match that begins at *at or behind it; *at moves behind it. */
bool card_text_next(struct slice text, size_t *at, struct card_match *ret_match);

/* Masks every card number within `text` to its first six and last four digits, "*" for the rest;
 * returns how many there were. Track data becomes "*" as a whole. */
unsigned card_text_mask(char *text, size_t len);

/* Puts `mask` for all digits in `bytes` but the first six and the last four; other bytes stay. */
void card_mask_digits(char *bytes, size_t len, char mask);

/* Whether a look at the bytes is worth more than this look: false says that there is no card number
 * and no track data in the text, escaped or not. Fast: for every document that arrives. */
bool card_text_suspicious(struct slice text);
