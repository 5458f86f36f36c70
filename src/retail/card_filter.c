/* The quick look that every document gets. Almost none has a row of 14 digits that could be a
 * card's, or two groups of four digits, or a "^", a "=" or an escape of any of these. */
#include "retail/card_text.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum {
	BLOCK_BYTES = 64,
	/* Patterns of up to 16 bytes lie whole in one of two blocks that overlap. */
	STEP_BYTES = 48,
};

/* What 64 bytes are, a bit each. */
struct marks {
	uint64_t digits;
	bool odd; /* a byte that only track data and escapes have */
};

#ifdef __SSE2__
static struct marks look(const char *bytes)
{
	struct marks marks = { 0, false };
	__m128i odd = _mm_setzero_si128();
	for (unsigned i = 0; i < BLOCK_BYTES / 16; i++) {
		__m128i b = _mm_loadu_si128((const void *)(bytes + (size_t)16 * i));
		__m128i value = _mm_sub_epi8(b, _mm_set1_epi8('0'));
		__m128i digit = _mm_cmpeq_epi8(_mm_min_epu8(value, _mm_set1_epi8(9)), value);
		marks.digits |= (uint64_t)(unsigned)_mm_movemask_epi8(digit) << (16 * i);
		odd = _mm_or_si128(odd, _mm_cmpeq_epi8(b, _mm_set1_epi8('\\')));
		odd = _mm_or_si128(odd, _mm_cmpeq_epi8(b, _mm_set1_epi8('^')));
		odd = _mm_or_si128(odd, _mm_cmpeq_epi8(b, _mm_set1_epi8('=')));
	}
	marks.odd = _mm_movemask_epi8(odd) != 0;
	return marks;
}
#else
static struct marks look(const char *bytes)
{
	struct marks marks = { 0, false };
	for (unsigned i = 0; i < BLOCK_BYTES; i++) {
		char c = bytes[i];
		marks.digits |= (uint64_t)(c >= '0' && c <= '9') << i;
		marks.odd |= c == '\\' || c == '^' || c == '=';
	}
	return marks;
}
#endif

/* An escape of a byte of ASCII, of the no-break space or of a dash: only these can hide a digit, a
 * separator or a mark. */
static bool is_hiding(struct slice text, size_t at)
{
	if (text.len - at < 6 || text.ptr[at + 1] != 'u')
		return false;
	const char *hex = text.ptr + at + 2;
	if (hex[0] == '2' && hex[1] == '0')
		return true;
	return hex[0] == '0' && hex[1] == '0' &&
	       ((hex[2] >= '2' && hex[2] <= '7') || hex[2] == 'a' || hex[2] == 'A');
}

/* A "^" or "=" behind a digit, or an escape that hides something. */
static bool odd_is_suspicious(struct slice text, size_t from, size_t to)
{
	for (size_t i = from; i < to && i < text.len; i++) {
		char c = text.ptr[i];
		if ((c == '^' || c == '=') && i > 0 && text.ptr[i - 1] >= '0' &&
			text.ptr[i - 1] <= '9')
			return true;
		/* An escaped backslash: what stands behind it is no escape of ours. */
		if (c == '\\' && is_hiding(text, i))
			return true;
	}
	return false;
}

/* The rows of digits that begin in the block: could one of them be a card's number? */
static bool row_is_suspicious(struct slice text, size_t from, uint64_t starts)
{
	for (; starts != 0; starts &= starts - 1) {
		size_t start = from + (size_t)__builtin_ctzll(starts), end = start;
		if (start > 0 && text.ptr[start - 1] >= '0' && text.ptr[start - 1] <= '9')
			continue;
		while (end < text.len && end - start <= CARD_DIGITS_MAX && text.ptr[end] >= '0' &&
			text.ptr[end] <= '9')
			end++;
		if (card_number_valid(text.ptr + start, end - start, CARD_IN_GROUPS))
			return true;
	}
	return false;
}

/* Four digits, one to three other bytes, four digits: two groups of a card, or six and more. */
static bool has_groups(struct slice text, size_t from, uint64_t four, uint64_t digits)
{
	uint64_t pairs = four & ~(digits >> 4) & (four >> 5 | four >> 6 | four >> 7);
	for (; pairs != 0; pairs &= pairs - 1) {
		size_t at = from + (size_t)__builtin_ctzll(pairs) + 4;
		char c = text.ptr[at];
		if (c == ' ' || c == '-' || c == '.' || c == '\xc2' || c == '\xe2')
			return true;
	}
	return false;
}

static bool block_is_suspicious(struct slice text, size_t from, const char *bytes)
{
	struct marks marks = look(bytes);
	uint64_t d = marks.digits, two = d & d >> 1, four = two & two >> 2,
		 eight = four & four >> 4;
	uint64_t rows = eight & eight >> 6;
	if (marks.odd && odd_is_suspicious(text, from, from + BLOCK_BYTES))
		return true;
	if (rows != 0 && row_is_suspicious(text, from, rows & ~(rows << 1)))
		return true;
	return has_groups(text, from, four, d);
}

bool card_text_suspicious(struct slice text)
{
	size_t at = 0;
	for (; text.len - at >= BLOCK_BYTES; at += STEP_BYTES)
		if (block_is_suspicious(text, at, text.ptr + at))
			return true;
	char last[BLOCK_BYTES] = { 0 };
	if (text.len > at)
		memcpy(last, text.ptr + at, text.len - at);
	return text.len > at && block_is_suspicious(text, at, last);
}
