/* A buffer that grows up to its limit. Appending beyond the limit, or without memory, sets
 * `failed` and changes nothing more, so that a writer of many pieces asks once, at the end. */
#pragma once

#include "base/slice.h"

struct buf {
	char *ptr;
	size_t len;
	size_t size;  /* bytes allocated */
	size_t limit; /* bytes allowed */
	bool failed;
};

void buf_init(struct buf *buf, size_t limit_bytes);
void buf_release(struct buf *buf);
/* Empty again, memory kept, `failed` cleared. */
void buf_reset(struct buf *buf);

/* Room for `bytes` more behind len; NULL (and failed) when there is none. */
char *buf_reserve(struct buf *buf, size_t bytes);
void buf_append(struct buf *buf, const void *bytes, size_t len);
void buf_char(struct buf *buf, char c);
void buf_format(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_u64(struct buf *buf, uint64_t value);
/* Drops the first `bytes`. */
void buf_consume(struct buf *buf, size_t bytes);

static inline void buf_slice(struct buf *buf, struct slice s)
{
	buf_append(buf, s.ptr, s.len);
}

static inline void buf_text(struct buf *buf, const char *text)
{
	buf_append(buf, text, strlen(text));
}

static inline struct slice buf_get(const struct buf *buf)
{
	return slice_make(buf->ptr, buf->len);
}
