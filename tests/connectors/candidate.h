/* The connector that a test program is about, and what it posts. Which one it is, the environment
 * says, so that the same tests hold for every connector and every server:
 *
 *     CONTRACT_CONNECTOR   its name in the registry
 *     CONTRACT_OPTIONS     a file with a line "name: value" for each option; `url` is among them
 *     CONTRACT_DOCUMENTS   the transactions, one a line; the ERP knows their stores and items
 *     CONTRACT_WRONG       "name: value" of an option with which the ERP does not let us in
 *     CONTRACT_REFUSAL     what stands in the ERP's refusal of a wrong sale */
#pragma once

#include "deliver/connector.h"

enum { CANDIDATE_DOCUMENTS_MAX = 64 };

struct candidate {
	const struct erp_type *type;
	char *config; /* of the connector's own type */
	void *instance;
	atomic_bool stop;
};

struct documents {
	struct arena arena;
	char *text;
	struct transaction items[CANDIDATE_DOCUMENTS_MAX];
	size_t count;
};

/* The value of an environment variable; the test ends when it is not set. */
const char *candidate_setting(const char *name);

struct documents *documents_load(void);
void documents_unload(struct documents *d);

/* Configured as the environment says; `port` takes the place of the url's when it is not 0, `extra`
 * ("name: value") may be NULL. */
void candidate_open(struct candidate *s, unsigned port, const char *extra);
void candidate_close(struct candidate *s);
unsigned candidate_server_port(void);

/* A reference that no other run of the tests has used: "test-4711-name". */
struct posting candidate_posting(const struct transaction *t, const char *name);
enum status candidate_post(struct candidate *s, const struct posting *postings, size_t count,
	struct posting_result *results, struct error *err);
enum outcome candidate_find(struct candidate *s, const struct posting *posting);
/* What deliver/ does with a posting of which nothing is known: asks, and posts what is not there.
 */
void candidate_deliver(
	struct candidate *s, const struct posting *posting, struct posting_result *result);

void candidate_expect_settled(const struct posting_result *result, const char *what);
/* The ERP holds the posting once, and as the till has it. */
void candidate_expect_agreed(struct candidate *s, const struct posting *posting);
