/* The sandbox ERP's log: JSON lines in DIR/sandbox.log, one a document. A document exists once its
 * line is there, whole, with its newline.
 *
 * log_open() cuts a line without a newline off the end: nobody was told about it. What it keeps it
 * syncs first, because a line that survived a crash by luck could go with the next one. A write or
 * sync that failed leaves the end of the file unknown; nothing is appended any more until the log
 * has been opened again. One user at a time: DIR/sandbox.log is locked. Not for two threads. */
#pragma once

#include "base/buf.h"
#include "base/error.h"

enum { LOG_LINE_BYTES_MAX = 64 << 20 };

struct log;

enum status log_open(const char *folder, struct log **ret_log, struct error *err);
void log_close(struct log *log);

/* Calls `each` with every line (without its newline) and its offset, in order, and ends with the
 * first failure. */
enum status log_replay(struct log *log,
	enum status (*each)(void *context, struct slice line, uint64_t offset, struct error *err),
	void *context, struct error *err);

/* Where the next append begins. */
uint64_t log_end(const struct log *log);
/* One write and one sync for all the lines; each ends in a newline. OK means durable. */
enum status log_append(struct log *log, struct slice lines, struct error *err);
/* Appends `len` bytes from `offset` on to `buf`. */
enum status log_read(
	const struct log *log, uint64_t offset, size_t len, struct buf *buf, struct error *err);
