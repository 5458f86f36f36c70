/* The agent for tills that cannot embed libtill: what they hand over by HTTP on the same machine,
 * or as files in a folder, goes through libtill's checks into libtill's queue, and from there to
 * the centre. `tillbridge edge` runs it. */
#pragma once

#include "base/error.h"
#include "edge/till.h"
#include "intake/folder_files.h"
#include "net/server.h"

#include <pthread.h>
#include <stdatomic.h>

/* What became of one document. */
struct agent_answer {
	int result; /* enum till_result */
	char key[300];
	struct till_sale *sale; /* with its findings; till_sale_free() it */
};
/* Checks it and writes it to the queue; durable when `result` is TILL_OK. */
void agent_submit(struct till *till, struct slice document, struct agent_answer *ret_answer);

/* agent_http.c: the handler of the local server; its context is the till. */
void agent_handle(void *till, struct http_request *request);

/* agent_folder.c: files of the folder, one document or one a line (.ndjson, .jsonl), each moved to
 * done/, or to failed/ with a list of problems beside it. */
struct agent_folder {
	struct till *till;
	struct folder_files files;
	int scratch; /* a folder for copies */
	pthread_t thread;
	bool started;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool stopping;                  /* lock */
	char complaint[ERROR_TEXT_MAX]; /* the last one that was printed; the thread's */
};
enum status agent_folder_open(struct agent_folder *folder, struct till *till, const char *path,
	const char *scratch, struct error *err);
void agent_folder_close(struct agent_folder *folder);
