#include "retail/card_names.h"

#include "retail/card_number.h"

enum {
	NAME_BYTES_MAX = 40,
	CVV_DIGITS_MIN = 3,
	CVV_DIGITS_MAX = 4,
	PIN_DIGITS_MIN = 4,
	PIN_DIGITS_MAX = 12,
	OPAQUE_BYTES_MIN = 8, /* a shorter text holds no track and no PIN block */
	TAG_PIN_BYTES = 16,
};

struct row {
	struct slice name;
	enum card_name means;
	bool ending; /* any name that ends so */
};

/* clang-format off */
static const struct row rows[] = {
	{ SLICE("cvv"), NAME_CVV, true }, { SLICE("cvv2"), NAME_CVV, true },
	{ SLICE("cvc"), NAME_CVV, true }, { SLICE("cvc2"), NAME_CVV, true },
	{ SLICE("icvv"), NAME_CVV, true }, { SLICE("dcvv"), NAME_CVV, true },
	{ SLICE("cav2"), NAME_CVV, false }, { SLICE("cvn"), NAME_CVV, false },
	{ SLICE("cvn2"), NAME_CVV, false }, { SLICE("cid"), NAME_CVV, false },
	{ SLICE("csc"), NAME_CVV, false }, { SLICE("cardcsc"), NAME_CVV, true },
	{ SLICE("cardcid"), NAME_CVV, true }, { SLICE("securitycode"), NAME_CVV, true },
	{ SLICE("verificationvalue"), NAME_CVV, true },
	{ SLICE("cardverificationcode"), NAME_CVV, true },
	{ SLICE("pin"), NAME_PIN, false }, { SLICE("cardpin"), NAME_PIN, true },
	{ SLICE("enteredpin"), NAME_PIN, true }, { SLICE("pinnumber"), NAME_PIN, true },
	{ SLICE("pinblock"), NAME_PIN_BLOCK, true }, { SLICE("encryptedpin"), NAME_PIN_BLOCK, true },
	{ SLICE("pindata"), NAME_PIN_BLOCK, true },
	{ SLICE("track"), NAME_TRACK, false }, { SLICE("track1"), NAME_TRACK, true },
	{ SLICE("track2"), NAME_TRACK, true }, { SLICE("track3"), NAME_TRACK, true },
	{ SLICE("trackone"), NAME_TRACK, true }, { SLICE("tracktwo"), NAME_TRACK, true },
	{ SLICE("trackdata"), NAME_TRACK, true }, { SLICE("track1data"), NAME_TRACK, true },
	{ SLICE("track2data"), NAME_TRACK, true }, { SLICE("track3data"), NAME_TRACK, true },
	{ SLICE("track2equivalent"), NAME_TRACK, true },
	{ SLICE("track2equivalentdata"), NAME_TRACK, true },
	{ SLICE("magstripe"), NAME_TRACK, true }, { SLICE("magstripedata"), NAME_TRACK, true },
	{ SLICE("magneticstripe"), NAME_TRACK, true }, { SLICE("magdata"), NAME_TRACK, true },
	{ SLICE("swipedata"), NAME_TRACK, true }, { SLICE("fullmagneticstripe"), NAME_TRACK, true },
	{ SLICE("57"), NAME_TAG_TRACK, false }, { SLICE("56"), NAME_TAG_TRACK, false },
	{ SLICE("9f6b"), NAME_TAG_TRACK, false }, { SLICE("tag57"), NAME_TAG_TRACK, true },
	{ SLICE("5a"), NAME_TAG_NUMBER, false }, { SLICE("tag5a"), NAME_TAG_NUMBER, true },
	{ SLICE("99"), NAME_TAG_PIN, false }, { SLICE("tag99"), NAME_TAG_PIN, true },
	{ SLICE("emv"), NAME_TAGS, false }, { SLICE("emvdata"), NAME_TAGS, true },
	{ SLICE("emvtags"), NAME_TAGS, true }, { SLICE("tlv"), NAME_TAGS, true },
	{ SLICE("iccdata"), NAME_TAGS, true }, { SLICE("de55"), NAME_TAGS, false },
	{ SLICE("field55"), NAME_TAGS, false },
	{ SLICE("pan"), NAME_NUMBER, false }, { SLICE("cardnumber"), NAME_NUMBER, true },
	{ SLICE("cardno"), NAME_NUMBER, true }, { SLICE("cardpan"), NAME_NUMBER, true },
	{ SLICE("ccnumber"), NAME_NUMBER, true }, { SLICE("ccnum"), NAME_NUMBER, true },
	{ SLICE("creditcard"), NAME_NUMBER, true },
	{ SLICE("primaryaccountnumber"), NAME_NUMBER, true },
	{ SLICE("giftcardnumber"), NAME_CODE, true }, { SLICE("loyaltycardnumber"), NAME_CODE, true },
	{ SLICE("membercardnumber"), NAME_CODE, true },
	{ SLICE("customercardnumber"), NAME_CODE, true },
	{ SLICE("item"), NAME_CODE, false }, { SLICE("itemid"), NAME_CODE, true },
	{ SLICE("itemcode"), NAME_CODE, true }, { SLICE("sku"), NAME_CODE, true },
	{ SLICE("gtin"), NAME_CODE, true }, { SLICE("gtin14"), NAME_CODE, true },
	{ SLICE("ean"), NAME_CODE, true }, { SLICE("ean13"), NAME_CODE, true },
	{ SLICE("upc"), NAME_CODE, true }, { SLICE("isbn"), NAME_CODE, true },
	{ SLICE("barcode"), NAME_CODE, true }, { SLICE("plu"), NAME_CODE, true },
	{ SLICE("articlenumber"), NAME_CODE, true }, { SLICE("imei"), NAME_CODE, true },
	{ SLICE("imei2"), NAME_CODE, true }, { SLICE("meid"), NAME_CODE, true },
	{ SLICE("iccid"), NAME_CODE, true }, { SLICE("serial"), NAME_CODE, false },
	{ SLICE("serialno"), NAME_CODE, true }, { SLICE("serialnumber"), NAME_CODE, true },
	{ SLICE("sscc"), NAME_CODE, true }, { SLICE("lot"), NAME_CODE, false },
	{ SLICE("lotnumber"), NAME_CODE, true }, { SLICE("batchnumber"), NAME_CODE, true },
	{ SLICE("customer"), NAME_CODE, false }, { SLICE("customerid"), NAME_CODE, true },
	{ SLICE("customernumber"), NAME_CODE, true }, { SLICE("loyaltyid"), NAME_CODE, true },
	{ SLICE("loyaltynumber"), NAME_CODE, true }, { SLICE("memberid"), NAME_CODE, true },
	{ SLICE("membernumber"), NAME_CODE, true }, { SLICE("phone"), NAME_CODE, true },
	{ SLICE("phonenumber"), NAME_CODE, true }, { SLICE("id"), NAME_CODE, false },
	{ SLICE("uuid"), NAME_CODE, true }, { SLICE("guid"), NAME_CODE, true },
	{ SLICE("orderid"), NAME_CODE, true }, { SLICE("transactionid"), NAME_CODE, true },
	{ SLICE("trackingnumber"), NAME_CODE, true },
};
/* clang-format on */

/* Letters and digits only, in lower case; a name that is too long keeps its end. */
static struct slice plain(struct slice name, char text[static NAME_BYTES_MAX])
{
	size_t at = NAME_BYTES_MAX;
	for (size_t i = name.len; i > 0 && at > 0; i--) {
		char c = name.ptr[i - 1];
		if (c == ':')
			break;
		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
			text[--at] = c;
	}
	return slice_make(text + at, NAME_BYTES_MAX - at);
}

enum card_name card_name_find(struct slice name)
{
	char text[NAME_BYTES_MAX];
	struct slice is = plain(name, text);
	enum card_name means = NAME_PLAIN;
	size_t best = 0;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		bool fits = row->name.len == is.len || (row->ending && row->name.len < is.len);
		if (!fits || row->name.len <= best)
			continue;
		if (memcmp(is.ptr + is.len - row->name.len, row->name.ptr, row->name.len) != 0)
			continue;
		best = row->name.len;
		means = row->means;
	}
	return means;
}

bool card_name_is_secret(enum card_name name)
{
	return name >= NAME_CVV;
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static size_t count_digits(struct slice value)
{
	size_t count = 0;
	while (count < value.len && value.ptr[count] >= '0' && value.ptr[count] <= '9')
		count++;
	return count;
}

static bool all_digits(struct slice value, size_t min, size_t max)
{
	return value.len >= min && value.len <= max && count_digits(value) == value.len;
}

/* Something is there, and it is not only the mask's stars and X: no word, but a row of bytes. */
static bool is_opaque(struct slice value)
{
	size_t signs = 0, digits = 0;
	for (size_t i = 0; i < value.len; i++) {
		char c = value.ptr[i];
		bool digit = c >= '0' && c <= '9';
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		digits += digit;
		signs += digit || (letter && c != 'x' && c != 'X');
	}
	return signs >= OPAQUE_BYTES_MIN && digits > 0;
}

/* Digits of a card, then the separator of a track 2: "4111111111111111D2512...". */
static bool is_tag_track(struct slice value)
{
	size_t digits = count_digits(value);
	return digits >= CARD_DIGITS_SAID_MIN && digits <= CARD_DIGITS_MAX && value.len > digits &&
	       (value.ptr[digits] == 'D' || value.ptr[digits] == 'd' || value.ptr[digits] == '=');
}

/* Digits of a card, filled up with F to whole bytes. */
static bool is_tag_number(struct slice value)
{
	size_t digits = count_digits(value), end = digits;
	while (end < value.len && (value.ptr[end] == 'F' || value.ptr[end] == 'f'))
		end++;
	return end == value.len && digits <= CARD_DIGITS_MAX &&
	       card_number_valid(value.ptr, digits, CARD_IN_ITS_FIELD);
}

static bool is_tag_pin(struct slice value)
{
	for (size_t i = 0; i < value.len; i++)
		if (!is_hex(value.ptr[i]))
			return false;
	return value.len == TAG_PIN_BYTES;
}

static unsigned hex_byte(const char *hex)
{
	unsigned byte = 0;
	for (unsigned i = 0; i < 2; i++) {
		char c = hex[i];
		unsigned nibble = c <= '9' ? (unsigned)(c - '0') : ((unsigned)c | 0x20) - 'a' + 10;
		byte = byte * 16 + nibble;
	}
	return byte;
}

/* BER-TLV as in EMV book 3, annex B: a tag of one or two bytes, a length of one to three. Templates
 * (bit 6 of the tag) are stepped into. */
static bool holds_secret_tag(struct slice hex)
{
	size_t at = 0;
	for (size_t i = 0; i < hex.len; i++)
		if (!is_hex(hex.ptr[i]))
			return false;
	while (at + 4 <= hex.len) {
		unsigned tag = hex_byte(hex.ptr + at);
		bool template = (tag & 0x20) != 0;
		at += 2;
		if ((tag & 0x1f) == 0x1f) {
			tag = tag << 8 | hex_byte(hex.ptr + at);
			at += 2;
		}
		if (at + 2 > hex.len)
			return false;
		size_t length = hex_byte(hex.ptr + at), more = length > 0x80 ? length - 0x80 : 0;
		at += 2;
		if (more > 2 || at + 2 * more > hex.len)
			return false;
		for (length = more > 0 ? 0 : length; more > 0; more--, at += 2)
			length = length << 8 | hex_byte(hex.ptr + at);
		bool secret = tag == 0x56 || tag == 0x57 || tag == 0x5a || tag == 0x99 ||
			      tag == 0x9f1f || tag == 0x9f20 || tag == 0x9f6b;
		if (secret && length > 0 && at + 2 <= hex.len)
			return true;
		if (!template)
			at += 2 * length;
	}
	return false;
}

const char *card_value_secret(enum card_name name, struct slice value)
{
	value = slice_trim(value);
	switch (name) {
	case NAME_CVV:
		return all_digits(value, CVV_DIGITS_MIN, CVV_DIGITS_MAX)
			       ? "a card verification value"
			       : NULL;
	case NAME_PIN:
		return all_digits(value, PIN_DIGITS_MIN, PIN_DIGITS_MAX) ? "a PIN" : NULL;
	case NAME_PIN_BLOCK:
		return is_opaque(value) ? "a PIN block" : NULL;
	case NAME_TRACK:
		return is_opaque(value) ? "data of a magnetic stripe" : NULL;
	case NAME_TAG_TRACK:
		return is_tag_track(value) ? "data of a magnetic stripe" : NULL;
	case NAME_TAG_NUMBER:
		return is_tag_number(value) ? "a chip's card number" : NULL;
	case NAME_TAG_PIN:
		return is_tag_pin(value) ? "a PIN block" : NULL;
	case NAME_TAGS:
		return holds_secret_tag(value) ? "a chip's track or PIN data" : NULL;
	case NAME_PLAIN:
	case NAME_CODE:
	case NAME_NUMBER:
		break;
	}
	return NULL;
}
