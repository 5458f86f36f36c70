/* The sandbox ERP's log: JSON lines in DIR/sandbox.log, one a document. A document exists once its
 * line is there, whole, with its newline.
 *
 * sandbox_log_open() cuts a line without a newline off the end: nobody was told about it. What it
 * keeps it syncs first, because a line that survived a crash by luck could go with the next one. A
 * write or sync that failed leaves the end of the file unknown; nothing is appended any more until
 * the log has been opened again. One user at a time: DIR/sandbox.log is locked. Not for two
 * threads. */
#pragma once

#include "base/buf.h"
#include "base/error.h"

enum { LOG_LINE_BYTES_MAX = 64 << 20 };

struct sandbox_log;

enum status sandbox_log_open(const char *folder, struct sandbox_log **ret_log, struct error *err);
void sandbox_log_close(struct sandbox_log *log);

/* Calls `each` with every line (without its newline) and its offset, in order, and ends with the
 * first failure. */
enum status sandbox_log_replay(struct sandbox_log *log,
	enum status (*each)(void *context, struct slice line, uint64_t offset, struct error *err),
	void *context, struct error *err);

/* Where the next append begins. */
uint64_t sandbox_log_end(const struct sandbox_log *log);
/* One write and one sync for all the lines; each ends in a newline. OK means durable. */
enum status sandbox_log_append(struct sandbox_log *log, struct slice lines, struct error *err);
/* Appends `len` bytes from `offset` on to `buf`. */
enum status sandbox_log_read(const struct sandbox_log *log, uint64_t offset, size_t len,
	struct buf *buf, struct error *err);
