#include "base/buf.h"

#include "base/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void buf_init(struct buf *buf, size_t limit_bytes)
{
	*buf = (struct buf){ .limit = limit_bytes };
}

void buf_release(struct buf *buf)
{
	free(buf->ptr);
	*buf = (struct buf){ .limit = buf->limit };
}

void buf_reset(struct buf *buf)
{
	buf->len = 0;
	buf->failed = false;
}

char *buf_reserve(struct buf *buf, size_t bytes)
{
	if (buf->failed || bytes > buf->limit || buf->len > buf->limit - bytes) {
		buf->failed = true;
		return NULL;
	}
	size_t need = buf->len + bytes;
	if (need > buf->size) {
		size_t size = buf->size < 256 ? 256 : buf->size;
		while (size < need)
			size *= 2;
		if (size > buf->limit)
			size = buf->limit;
		char *ptr = realloc(buf->ptr, size);
		if (ptr == NULL) {
			buf->failed = true;
			return NULL;
		}
		buf->ptr = ptr;
		buf->size = size;
	}
	return buf->ptr + buf->len;
}

void buf_append(struct buf *buf, const void *bytes, size_t len)
{
	if (len == 0)
		return;
	char *to = buf_reserve(buf, len);
	if (to == NULL)
		return;
	memcpy(to, bytes, len);
	buf->len += len;
}

void buf_char(struct buf *buf, char c)
{
	buf_append(buf, &c, 1);
}

void buf_format(struct buf *buf, const char *format, ...)
{
	va_list args, again;
	va_start(args, format);
	va_copy(again, args);
	int len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	check(len >= 0);
	char *to = buf_reserve(buf, (size_t)len + 1);
	if (to != NULL) {
		vsnprintf(to, (size_t)len + 1, format, again);
		buf->len += (size_t)len;
	}
	va_end(again);
}

void buf_u64(struct buf *buf, uint64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);
	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	buf_append(buf, digits + at, sizeof(digits) - at);
}

void buf_consume(struct buf *buf, size_t bytes)
{
	check(bytes <= buf->len);
	buf->len -= bytes;
	if (buf->len > 0)
		memmove(buf->ptr, buf->ptr + bytes, buf->len);
}
