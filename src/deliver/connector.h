/* A connector: how one kind of ERP is spoken to. One file in src/erp/, one const struct.
 *
 * The contract. deliver/ owns queues, intents, retries, breaker and history; a connector only turns
 * postings into calls and answers into outcomes. It is called from one thread at a time per opened
 * instance and may block; `timeout_ms` bounds each call to the ERP, and *stop, when it becomes
 * true, ends a call early with E_STOPPED.
 *
 *  - post() may see the same posting again, after a crash or an unknown outcome. deliver/ asks
 *    find() first; a connector whose ERP has no idempotency relies on that.
 *  - post() fills one outcome for each posting. Its own status says only whether the ERP as a whole
 *    could be used: OK (look at the outcomes), E_RETRY (down, throttling, logged out: nothing of
 * the batch whose outcome is OUTCOME_NOT_SENT had any effect), E_CONFIG (credentials, database).
 *  - A connector never turns "I do not know" into "refused" or "not sent". */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/option.h"
#include "books/match.h"

#include <stdatomic.h>

enum outcome {
	OUTCOME_NOT_SENT,   /* no effect in the ERP; may be sent again */
	OUTCOME_SETTLED,    /* the ERP has it; `document` is its number */
	OUTCOME_REFUSED,    /* the ERP says this record is wrong; `detail` has its words */
	OUTCOME_UNKNOWN,    /* sent, and no answer: ask find() before anything else */
	OUTCOME_SUPERSEDED, /* never called, a newer revision stands: said by deliver/ only */
};

enum { DETAIL_TEXT_MAX = 300, EXTERNAL_ID_MAX = KEY_TEXT_MAX + 24 };

/* What one ERP must hold for one transaction: its document, or the reversal of what an earlier
 * revision posted. A reversal is a document like any other, with quantities and amounts negated,
 * and with an external id of its own. */
struct posting {
	uint64_t id;                           /* number of the transaction's event */
	bool reversal;                         /* there can be one of each for an event */
	char external_id[EXTERNAL_ID_MAX];     /* the key; "#2" behind it for revision 2; "~r1" for
						  the reversal of revision 1 */
	char reverses[EXTERNAL_ID_MAX];        /* of a reversal: the external id of the original */
	const struct transaction *transaction; /* what to post, negated already */
};

/* The ERP's name for a document of this revision, or for its reversal. */
void external_id_write(
	const struct key *key, uint64_t revision, bool reversal, char text[static EXTERNAL_ID_MAX]);

struct posting_result {
	enum outcome outcome;
	char document[DOCUMENT_TEXT_MAX];
	char detail[DETAIL_TEXT_MAX];
};

/* What an instance is given when it is opened. */
struct connector_environment {
	const char *name; /* of this ERP in the configuration: "tryton-eu" */
	uint64_t timeout_ms;
	const atomic_bool *stop;
};

struct erp_type {
	const char *name; /* "tryton" */
	const char *help;
	const struct option *options;
	size_t config_size;
	unsigned batch_max; /* postings a post() takes at most */
	unsigned connections_max;
	/* `config` is filled from `options` and outlives the instance. Connects to nothing yet. */
	enum status (*open)(const void *config, const struct connector_environment *environment,
		void **ret_instance, struct error *err);
	enum status (*post)(void *instance, const struct posting *postings, size_t count,
		struct posting_result *results, uint64_t *ret_retry_after_ms, struct error *err);
	/* For each posting: SETTLED with its document, or NOT_SENT when the ERP surely does not
	 * have it. E_RETRY when the ERP cannot be asked now. */
	enum status (*find)(void *instance, const struct posting *postings, size_t count,
		struct posting_result *results, struct error *err);
	/* What the ERP holds for each posting; texts and lists live in the arena. */
	enum status (*read_back)(void *instance, const struct posting *postings, size_t count,
		struct erp_document *documents, struct arena *arena, struct error *err);
	void (*close)(void *instance);
};
