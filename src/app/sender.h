/* The sender: plays files of transactions (NDJSON, may be compressed) to a server.
 *
 * Registers behave like registers: each waits for the answer to one transaction before it sends the
 * next, while many registers send at once over keep-alive connections. On 429, 5xx and broken
 * connections it waits (longer each time, with jitter, and at least as long as Retry-After says)
 * and sends the same bytes again; the server knows the key. The files are streamed: at most
 * SENDER_WINDOW_COUNT transactions or SENDER_WINDOW_BYTES are in memory. */
#pragma once

#include "app/latency.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/slice.h"

enum {
	SENDER_CONNECTIONS_MAX = 1024,
	SENDER_WINDOW_COUNT = 16384,
	SENDER_WINDOW_BYTES = 64 << 20,
	SENDER_REGISTERS_MAX = 65536,
	SENDER_DAYS_MAX = 4096,
};

struct sender_progress {
	uint64_t read;     /* transactions taken from the files */
	uint64_t answered; /* finally, by any status that is not sent again */
	uint64_t accepted, duplicates, conflicts, refused; /* 201, 200, 409, any other */
	uint64_t retries;
	uint64_t bytes_done, bytes_total; /* of the file, as it is on the disk; about */
	struct latency latency;           /* from a POST to its final answer */
};

struct sender_config {
	const char *url;     /* "http://127.0.0.1:8080", or https:// */
	const char *ca_file; /* PEM, for https://; NULL: what the system trusts */
	const char *const *paths;
	unsigned path_count;
	unsigned connections;
	uint64_t speed;       /* seconds of till time in one second; 0: as fast as it goes */
	uint64_t days;        /* only those of the first business dates in the files; 0: all */
	uint64_t patience_ms; /* gives up when nothing was answered for so long */
	uint64_t seed;        /* of the jitter */
	/* Called about five times a second; false ends the sending with E_STOPPED. */
	bool (*progress)(void *context, const struct sender_progress *progress);
	/* A transaction that the server does not take, with the file and line where it stands;
	 * `transaction` and `answer` as they were. */
	void (*refused)(void *context, const char *path, uint64_t line, struct slice transaction,
		unsigned status, struct slice answer);
	void *context;
};

/* Sends everything. E_INPUT: a line is no transaction (what was read before it is sent); E_RETRY:
 * patience is over; E_CONFIG (also a server whose certificate is not trusted), E_IO, E_FULL.
 * *ret_progress is always written. */
enum status sender_run(const struct sender_config *config, struct clock *clock,
	struct sender_progress *ret_progress, struct error *err);
