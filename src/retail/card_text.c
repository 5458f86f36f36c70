#include "retail/card_text.h"

enum {
	GROUP_DIGITS_MAX = 13,
	GROUPS_MAX = 5,
	WORD_BYTES_MAX = 24, /* as long, it is a hash or a token */
	TRACK_TAIL_BYTES = 7,
	TRACK_NAME_BYTES_MAX = 30,
};

/* How cards are embossed; a group of 0 ends it. The longest first. */
static const uint8_t embossed[][GROUPS_MAX] = {
	{ 4, 4, 4, 4, 3 },
	{ 4, 4, 4, 4, 2 },
	{ 4, 4, 4, 4, 1 },
	{ 4, 4, 4, 4, 0 },
	{ 6, 13, 0, 0, 0 },
	{ 4, 6, 5, 0, 0 },
	{ 4, 6, 4, 0, 0 },
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static size_t digits_end(struct slice text, size_t at)
{
	while (at < text.len && is_digit(text.ptr[at]))
		at++;
	return at;
}

/* Bytes of the separator that stands there; 0 when none does. */
static size_t separator(struct slice text, size_t at)
{
	static const struct slice longer[] = { SLICE("\xc2\xa0"), SLICE("\xe2\x80\xaf"),
		SLICE("\xe2\x80\x91"), SLICE("\xe2\x80\x93"), SLICE("\xe2\x80\x89") };
	if (at >= text.len)
		return 0;
	char c = text.ptr[at];
	if (c == ' ' || c == '-' || c == '.')
		return 1;
	if (c != '\xc2' && c != '\xe2')
		return 0;
	for (size_t i = 0; i < sizeof(longer) / sizeof(longer[0]); i++)
		if (text.len - at >= longer[i].len &&
			memcmp(text.ptr + at, longer[i].ptr, longer[i].len) == 0)
			return longer[i].len;
	return 0;
}

/* The letters and digits around [start, end) are too many for a card number. */
static bool in_long_word(struct slice text, size_t start, size_t end)
{
	size_t from = start, to = end;
	while (from > 0 && end - from < WORD_BYTES_MAX &&
		(is_letter(text.ptr[from - 1]) || is_digit(text.ptr[from - 1])))
		from--;
	while (to < text.len && to - from < WORD_BYTES_MAX &&
		(is_letter(text.ptr[to]) || is_digit(text.ptr[to])))
		to++;
	return to - from >= WORD_BYTES_MAX;
}

/* A part of another number: a fraction, an amount with decimals, a telephone number. */
static bool in_number(struct slice text, size_t start, size_t end)
{
	char before = start > 0 ? text.ptr[start - 1] : ' ';
	if (before == '+')
		return true;
	if (before == '.' && start > 1 && is_digit(text.ptr[start - 2]))
		return true;
	return end + 1 < text.len && text.ptr[end] == '.' && is_digit(text.ptr[end + 1]);
}

/* Behind the digits of a track 1: a name between two "^", and a date. */
static bool is_track_1_rest(struct slice text, size_t at)
{
	size_t end = at + 1;
	while (end < text.len && text.ptr[end] != '^' && end - at <= TRACK_NAME_BYTES_MAX)
		end++;
	return end < text.len && text.ptr[end] == '^' && digits_end(text, end + 1) - end > 4;
}

/* Whether the digits in [start, end) are those of a track; moves the match over all of it. */
static bool is_track(struct slice text, bool valid, struct card_match *match)
{
	size_t start = match->start, end = match->end;
	if (end >= text.len)
		return false;
	char before = start > 0 ? text.ptr[start - 1] : ' ', behind = text.ptr[end];
	if (behind == '^' && (before == 'B' || before == 'b')) {
		bool sentinel = start > 1 && text.ptr[start - 2] == '%';
		if (!sentinel && !is_track_1_rest(text, end))
			return false;
		match->start = start - 1 - sentinel;
		while (match->end < text.len && text.ptr[match->end] != '?' &&
			text.ptr[match->end] != '"' && text.ptr[match->end] != '\n')
			match->end++;
		return true;
	}
	if (behind != '=' && behind != 'D' && behind != 'd')
		return false;
	size_t tail = digits_end(text, end + 1), count = tail - end - 1;
	bool sentinel = before == ';' && behind == '=' && count >= 4;
	if (!sentinel && (!valid || count < TRACK_TAIL_BYTES))
		return false;
	match->start = start - sentinel;
	match->end = tail;
	return true;
}

/* One row of digits. */
static bool match_row(struct slice text, size_t start, size_t end, struct card_match *match)
{
	size_t count = end - start;
	*match = (struct card_match){ CARD_TRACK, start, end };
	if (count < CARD_DIGITS_SAID_MIN || count > CARD_DIGITS_MAX)
		return false;
	bool valid = card_number_valid(text.ptr + start, count, CARD_IN_GROUPS);
	if (is_track(text, valid, match))
		return true;
	match->kind = CARD_NUMBER;
	return card_number_valid(text.ptr + start, count, CARD_IN_TEXT) &&
	       !in_number(text, start, end) && !in_long_word(text, start, end);
}

/* The groups that begin at `start`, with the same separator; as many as an embossing has. */
struct groups {
	uint8_t sizes[GROUPS_MAX];
	size_t ends[GROUPS_MAX];
	char digits[GROUPS_MAX * GROUP_DIGITS_MAX];
	size_t step; /* of the separator */
};

static unsigned read_groups(struct slice text, size_t start, struct groups *groups)
{
	unsigned count = 0;
	size_t at = start, total = 0;
	groups->step = 0;
	while (count < GROUPS_MAX) {
		size_t end = digits_end(slice_make(text.ptr, text.len - at > GROUP_DIGITS_MAX + 1
								     ? at + GROUP_DIGITS_MAX + 1
								     : text.len),
			at);
		if (end == at || end - at > GROUP_DIGITS_MAX)
			break;
		groups->sizes[count] = (uint8_t)(end - at);
		groups->ends[count++] = end;
		memcpy(groups->digits + total, text.ptr + at, end - at);
		total += end - at;
		size_t step = separator(text, end);
		const char *first = text.ptr + groups->ends[0];
		if (step == 0 || (count > 1 && (step != groups->step ||
						       memcmp(first, text.ptr + end, step) != 0)))
			break;
		groups->step = step;
		at = end + step;
	}
	return count;
}

/* Groups with dashes or dots are one word: nothing of it may be left over. */
static bool is_whole(struct slice text, size_t start, size_t end, char mark)
{
	if (mark != '-' && mark != '.')
		return true;
	bool before = start > 1 && text.ptr[start - 1] == mark && is_digit(text.ptr[start - 2]);
	bool behind = end + 1 < text.len && text.ptr[end] == mark && is_digit(text.ptr[end + 1]);
	return !before && !behind;
}

static bool fits(const struct groups *groups, unsigned count, const uint8_t *sizes, unsigned *ret_n,
	size_t *ret_digits)
{
	unsigned n = 0;
	size_t digits = 0;
	for (; n < GROUPS_MAX && sizes[n] != 0; n++) {
		if (n >= count || groups->sizes[n] != sizes[n])
			return false;
		digits += sizes[n];
	}
	*ret_n = n;
	*ret_digits = digits;
	return true;
}

static bool match_groups(struct slice text, size_t start, struct card_match *match)
{
	struct groups groups;
	unsigned n, count = read_groups(text, start, &groups);
	size_t digits;
	if (count < 2 || (start > 0 && text.ptr[start - 1] == '+'))
		return false;
	for (size_t i = 0; i < sizeof(embossed) / sizeof(embossed[0]); i++) {
		if (!fits(&groups, count, embossed[i], &n, &digits))
			continue;
		size_t end = groups.ends[n - 1];
		if (!card_number_valid(groups.digits, digits, CARD_IN_GROUPS))
			continue;
		*match = (struct card_match){ CARD_TRACK, start, end };
		if (is_track(text, true, match))
			return true;
		match->kind = CARD_NUMBER;
		if (is_whole(text, start, end, text.ptr[groups.ends[0]]))
			return true;
	}
	return false;
}

bool card_text_next(struct slice text, size_t *at, struct card_match *match)
{
	size_t i = *at;
	while (i < text.len && i > 0 && is_digit(text.ptr[i]) && is_digit(text.ptr[i - 1]))
		i++;
	while (i < text.len) {
		if (!is_digit(text.ptr[i])) {
			i++;
			continue;
		}
		size_t end = digits_end(text, i);
		bool found = match_row(text, i, end, match) ||
			     ((end - i == 4 || end - i == 6) && match_groups(text, i, match));
		if (found) {
			*at = match->end;
			return true;
		}
		i = end;
	}
	*at = text.len;
	return false;
}

void card_mask_digits(char *bytes, size_t len, char mask)
{
	size_t digits = 0, seen = 0;
	for (size_t i = 0; i < len; i++)
		digits += is_digit(bytes[i]);
	for (size_t i = 0; i < len; i++) {
		if (!is_digit(bytes[i]))
			continue;
		if (seen >= CARD_DIGITS_FIRST && seen < digits - CARD_DIGITS_LAST)
			bytes[i] = mask;
		seen++;
	}
}

unsigned card_text_mask(char *text, size_t len)
{
	struct card_match match;
	size_t at = 0;
	unsigned count = 0;
	while (card_text_next(slice_make(text, len), &at, &match)) {
		count++;
		if (match.kind == CARD_TRACK)
			memset(text + match.start, '*', match.end - match.start);
		else
			card_mask_digits(text + match.start, match.end - match.start, '*');
	}
	return count;
}
