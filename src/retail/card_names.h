/* What the name of a field says about card data in it. Names are compared without case and without
 * what is no letter or digit, behind the last colon: "CVV2", "card_cvv" and "pos:Cvv" are the same.
 */
#pragma once

#include "base/slice.h"

enum card_name {
	NAME_PLAIN,  /* any text: card numbers and track data are looked for */
	NAME_CODE,   /* an item, barcode, serial or reference number: only track data is */
	NAME_NUMBER, /* a field for card numbers: 12 to 19 digits and Luhn are one */
	NAME_CVV,    /* the rest holds what must never be kept */
	NAME_PIN,
	NAME_PIN_BLOCK,
	NAME_TRACK,
	NAME_TAG_TRACK,  /* "57": EMV's tags, whose names are digits: the value must look like it */
	NAME_TAG_NUMBER, /* "5A" */
	NAME_TAG_PIN,    /* "99" */
	NAME_TAGS,       /* EMV data as one hexadecimal text of tags */
};

enum card_name card_name_find(struct slice name);
/* True when it is one of those whose value must never be kept. */
bool card_name_is_secret(enum card_name name);
/* Whether the value is what the name says. NULL: it is not (empty, masked, a result code); else
 * what it is, in words for people. `value` is without quotes and escapes. */
const char *card_value_secret(enum card_name name, struct slice value);
