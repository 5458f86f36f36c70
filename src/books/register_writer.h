/* Who writes for a register. A register has one writer at a time; a till that was replaced leaves
 * its numbers to its successor. When the numbers of two writers are among each other, two tills are
 * alive under one name: their numbers collide, and each overwrites what the other believes.
 *
 * That is the exception "writers" about the register ("0042/03"), which a person must end. Writers
 * are told apart by the transaction's field `writer`; where it is not sent, two tills show as
 * conflicts only. */
#pragma once

#include "store/consumer.h"

extern const struct consumer register_writer_consumer;

/* Table register_writer (store, register, writer, first, last): between which numbers. A number is
 * the business date's place in time and the sequence behind it, so that it grows over days. */
