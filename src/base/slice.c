#include "base/slice.h"

#include <strings.h>

int slice_compare(struct slice a, struct slice b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int order = n == 0 ? 0 : memcmp(a.ptr, b.ptr, n);
	if (order != 0)
		return order;
	return (a.len > b.len) - (a.len < b.len);
}

bool slice_equal_nocase(struct slice a, const char *text)
{
	return a.len == strlen(text) && strncasecmp(a.ptr, text, a.len) == 0;
}

struct slice slice_trim(struct slice s)
{
	while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t')) {
		s.ptr++;
		s.len--;
	}
	while (s.len > 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
		s.len--;
	return s;
}

struct slice slice_cut(struct slice s, char separator, struct slice *ret_rest)
{
	const char *at = s.len == 0 ? NULL : memchr(s.ptr, separator, s.len);
	if (at == NULL) {
		*ret_rest = (struct slice){ NULL, 0 };
		return s;
	}
	size_t head = (size_t)(at - s.ptr);
	*ret_rest = slice_make(at + 1, s.len - head - 1);
	return slice_make(s.ptr, head);
}

bool slice_to_u64(struct slice s, uint64_t *ret_value)
{
	uint64_t value = 0;
	if (s.len == 0 || s.len > 19)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(s.ptr[i] - '0');
	}
	*ret_value = value;
	return true;
}

static uint64_t mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Multiply and fold, eight bytes a step; the length goes in last, so that trailing zero bytes
 * count. The odd constants are digits of the golden ratio and of pi. */
uint64_t slice_hash(struct slice s, uint64_t seed)
{
	uint64_t h = seed ^ 0x9e3779b97f4a7c15U;
	size_t i = 0;
	for (; i + 8 <= s.len; i += 8) {
		uint64_t word;
		memcpy(&word, s.ptr + i, 8);
		h = mix(h ^ word, 0x243f6a8885a308d3U);
	}
	uint64_t last = 0;
	if (i < s.len)
		memcpy(&last, s.ptr + i, s.len - i);
	h = mix(h ^ last, 0x13198a2e03707345U);
	return mix(h ^ s.len, 0xa4093822299f31d1U);
}
