/* The sandbox ERP: a small ERP over HTTP to try tillbridge with, and to break on purpose.
 *
 * It keeps sales (stock, ledger, totals) durably in DIR/sandbox.log and knows no idempotency: a
 * sale that is posted twice is two documents, as in most real ERPs.
 *
 *     POST /api/sales            {"sales": [...]}: each is created or refused
 *     POST /api/sales/search     {"references": [...]}: all documents with these
 *     GET  /api/sales/{number}
 *     GET  /api/stock            ?warehouse=&item=&limit=&after=
 *     GET  /api/ledger           ?warehouse=&date=&limit=&after=  (limit counts documents)
 *     GET  /api/summary
 *     GET, PUT /api/faults       what goes wrong; PUT switches off what it does not name
 *
 * Any number of them may be open in one process. */
#pragma once

#include "base/option.h"

struct sandbox_config {
	char *listen; /* "127.0.0.1:8091", "[::1]:8091"; port 0 lets the kernel choose */
	char *data;
	char *fault; /* "lost_answer=0.1,slow_ms=50", or NULL */
	uint64_t seed;
};

/* The rows of struct sandbox_config; "fault" may be repeated on a command line. */
extern const struct option sandbox_options[];

struct sandbox;

/* Rebuilds the state from the log and answers requests from then on, on threads of its own. */
enum status sandbox_open(
	const struct sandbox_config *config, struct sandbox **ret_sandbox, struct error *err);
uint16_t sandbox_port(const struct sandbox *sandbox);
/* Answers what has been asked, and ends. */
void sandbox_close(struct sandbox *sandbox);
