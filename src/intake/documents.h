/* Consumer: the index of all accepted and conflicting transactions, by key and by event. It is
 * what identity falls back on, what lists read, and how a document is found in the journal. */
#pragma once

#include "intake/identity.h"
#include "store/consumer.h"

extern const struct consumer documents_consumer;

/* Reads the index; one thread. */
struct document_reader;
enum status document_reader_open(
	const char *path, struct document_reader **ret_reader, struct error *err);
void document_reader_close(struct document_reader *reader);

/* An identity source over this reader; `applied` is the caller's. */
enum status document_reader_load(
	void *reader, struct identity *identity, const struct key *day, struct error *err);
