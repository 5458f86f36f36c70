/* What the files behind till.h share. */
#pragma once

#include "base/arena.h"
#include "base/option.h"
#include "edge/downlink.h"
#include "edge/held.h"
#include "edge/queue.h"
#include "edge/rulebook.h"
#include "edge/till.h"
#include "edge/uplink.h"
#include "edge/writer.h"
#include "retail/codec.h"

#include <pthread.h>
#include <stdatomic.h>

/* The rows of till_config_set(). */
struct till_options {
	char *folder, *url, *store, *reg;
	char *token_file, *ca_file, *client_cert, *client_key;
	uint64_t queue_count, queue_bytes;
	uint64_t timeout_ms, backoff_ms, backoff_max_ms;
	uint64_t poll_ms, report_ms;
};
extern const struct option till_options[];

struct till_config {
	struct till_options options;
	void (*outcome)(void *user, enum till_outcome outcome, const char *key, const char *detail);
	void *outcome_user;
	void (*publication)(void *user, const char *kind, uint64_t version);
	void *publication_user;
	size_t (*token)(void *user, char *text, size_t size);
	void *token_user;
};

struct till {
	struct till_config config;
	struct clock *clock;
	struct disk *disk;
	char writer[WRITER_TEXT_MAX + 1];
	struct queue *queue;
	struct held *held;
	struct downlink *downlink;
	struct rulebook *rules;
	struct client *client;
	struct uplink *uplink;

	pthread_mutex_t commit_lock;
	uint64_t sequence; /* commit_lock: the largest that was used, failed commits included */

	pthread_mutex_t lock;
	pthread_cond_t work; /* something to do, or to stop for */
	pthread_cond_t done; /* a step is over */
	uint64_t live;       /* lock: the newest sale that nobody has tried to send */
	bool hurry;          /* lock: till_flush() waits */
	bool report;         /* lock: something for the centre to hear of */
	bool stopping;       /* lock */
	bool started;
	pthread_t thread;
};

/* Keeps the sentence for till_error() and returns what the caller of the library sees. */
int till_failed(const struct error *err);
int till_fail(int result, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* sender.c: the thread. */
enum status sender_start(struct till *till, struct error *err);
void sender_stop(struct till *till);
void sender_wake(struct till *till, uint64_t live);

/* sale.c, for commit.c: the document as it would be sent. */
struct till_sale {
	struct till *till;
	bool from_json, committed;
	bool has_sequence;
	uint64_t sequence;
	/* The members of the document so far, each without its brackets. */
	struct buf head, lines, line, taxes, discounts, tenders, totals, declared, computed,
		counted;
	bool has_line, has_closed_at, has_totals, has_declared;
	unsigned line_count, tender_count;
	struct buf document; /* as it was checked last */
	struct arena arena;
	struct findings findings;
	struct rulebook_page *rules; /* that the findings' ids belong to */
	char key[KEY_TEXT_MAX];
};
/* Writes the document, with `sequence` in it. E_FULL: it is too large. */
enum status sale_compose(struct till_sale *sale, uint64_t sequence, struct error *err);
