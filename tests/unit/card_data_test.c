/* Card numbers and track data in plain text: what is one, and what only looks like one. */
#include "harness.h"
#include "retail/card_names.h"
#include "retail/card_text.h"

static const char *const masked[][2] = {
	{ "4111111111111111", "411111******1111" },
	{ "paid 4111 1111 1111 1111 ok", "paid 4111 11** **** 1111 ok" },
	{ "5500-0055-5555-5559", "5500-00**-****-5559" },
	{ "3782 822463 10005", "3782 82**** *0005" },
	{ "card:378282246310005.", "card:378282*****0005." },
	{ "2223003122003222", "222300******3222" },
	{ "6011111111111117", "601111******1117" },
	{ "3530111333300000", "353011******0000" },
	{ "6200000000000005", "620000******0005" },
};

static const char *const left[] = { "4006381333931", "05012345678900", "490154203237518",
	"352099001761481", "+4915112345678901", "20261123170340", "4111111111111112",
	"99994111111111111111", "0.4111111111111111", "4111111111111111.50",
	"1234-4111-1111-1111-1111", "9f86d081884c7d4111111111111111feaa0c55ad015" };

static const char *const tracks[] = { "%B4111111111111111^DOE/JOHN^25121010000000?",
	"x ;4111111111111111=25121010000000? y", "4111111111111111=25121010000",
	"4111111111111111D25121010000", "B4111111111111111^DOE/J^2512101" };

TEST(numbers_are_masked)
{
	for (size_t i = 0; i < sizeof(masked) / sizeof(masked[0]); i++) {
		char text[64];
		size_t len = strlen(masked[i][0]);
		memcpy(text, masked[i][0], len + 1);
		EXPECT(card_text_suspicious(slice_make(text, len)));
		EXPECT(card_text_mask(text, len) == 1);
		EXPECT(strcmp(text, masked[i][1]) == 0);
	}
}

TEST(others_are_left)
{
	for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++) {
		struct card_match match;
		size_t at = 0;
		EXPECT(!card_text_next(slice_of(left[i]), &at, &match));
	}
}

TEST(tracks_are_found)
{
	for (size_t i = 0; i < sizeof(tracks) / sizeof(tracks[0]); i++) {
		struct card_match match;
		size_t at = 0;
		EXPECT(card_text_suspicious(slice_of(tracks[i])));
		EXPECT(card_text_next(slice_of(tracks[i]), &at, &match));
		EXPECT(match.kind == CARD_TRACK);
	}
}

TEST(names_say_what_is_secret)
{
	EXPECT(card_name_find(slice_of("card_CVV2")) == NAME_CVV);
	EXPECT(card_name_find(slice_of("pos:pin-block")) == NAME_PIN_BLOCK);
	EXPECT(card_name_find(slice_of("cvv_result")) == NAME_PLAIN);
	EXPECT(card_value_secret(NAME_CVV, slice_of("123")) != NULL);
	EXPECT(card_value_secret(NAME_CVV, slice_of("***")) == NULL);
	EXPECT(card_value_secret(NAME_TAGS, slice_of("5A084111111111111111")) != NULL);
	EXPECT(card_value_secret(NAME_TAGS, slice_of("9F02060000000010009505")) == NULL);
}
