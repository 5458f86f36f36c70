/* One way to write a JSON value, for the content hash of what the model does not know: no white
 * space, the members of objects sorted by the bytes of their names, only the escapes that must be,
 * numbers as they were written. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

/* `value` is what json_skip() handed out, without white space around it; names and sorting take
 * place in the arena. E_FULL: the arena's or the buffer's limit. */
enum status canonical_write(struct slice value, struct arena *arena, struct buf *buf);
