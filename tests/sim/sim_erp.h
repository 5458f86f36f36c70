/* A simulated ERP without idempotency: what is posted twice is there twice. Calls take time, fail,
 * lose their answer, or are carried out after they were given up; some items it refuses. What it
 * holds stays when the bridge dies. Everything is decided by one seeded generator. */
#pragma once

#include "base/random.h"
#include "deliver/connector.h"

enum { SIM_ERP_DOCUMENTS_MAX = 600, SIM_ERP_UNKNOWN_WAIT_MS = 3000 };

/* Sales of one line: that is what the simulated registers send. */
struct sim_document {
	char external_id[EXTERNAL_ID_MAX];
	char item[16];
	char currency[4], tender[16];
	date_t date;
	struct total quantity, amount, paid, net, tax, gross;
	uint64_t from_ns; /* it is there from this time on */
};

extern const struct erp_type sim_erp_type; /* its config is not used */

void sim_erp_reset(uint64_t seed);
/* False: every call is answered, and at once. */
void sim_erp_trouble(bool trouble);
/* What is there now. */
unsigned sim_erp_count(const char *external_id);
const struct sim_document *sim_erp_documents(unsigned *ret_count);
