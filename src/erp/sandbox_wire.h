/* What the connector of the sandbox ERP sends, and how it reads the answers. Pure. */
#pragma once

#include "base/buf.h"
#include "deliver/connector.h"

/* {"sales": [...]}, a sale a posting: warehouse is the store, reference our external id. */
void sandbox_write_postings(const struct posting *postings, size_t count, struct buf *buf);
/* {"references": [...]} */
void sandbox_write_references(const struct posting *postings, size_t count, struct buf *buf);

/* Fills every result from the answer to a POST. What the answer does not say clearly is UNKNOWN. */
void sandbox_read_results(struct slice text, struct arena *arena, const struct posting *postings,
	size_t count, struct posting_result *results);

/* Fills the documents that the answer to a search has; those of the others are left alone. Texts
 * and lists are in the arena. E_RETRY: the answer cannot be understood. E_FULL: the arena. */
enum status sandbox_read_documents(struct slice text, struct arena *arena,
	const struct posting *postings, size_t count, struct erp_document *documents,
	struct error *err);
