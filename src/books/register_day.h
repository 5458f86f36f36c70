/* The consumer of what a register has done on a business date: how many transactions, from which
 * number to which, the sums that its closing declares, and which numbers are missing.
 *
 * Exceptions about a register's day ("0042/03/2026-11-23"), which close by themselves:
 *
 *     gap        numbers are missing for longer than the store allows (an event said so,
 *                books/gap_watch.h); closed when the last of them has arrived ("arrived")
 *     declared   the closing with the highest number declares other totals than were received;
 *                compared when it comes, and again with whatever comes later ("agrees"). Sales
 *                behind the closing wait for the next one ("reopened") */
#pragma once

#include "store/consumer.h"

extern const struct consumer register_day_consumer;

/* Tables: register_day (store, business_date, register, transactions, line_count, first_sequence,
 * last_sequence, sparse, noted, closes): `noted` of its missing numbers are in the table
 * register_gap (store, business_date, register, first, last), which the open exception names.
 * register_total (..., currency, gross) and register_tender (..., kind, currency, amount): what the
 * closing is held to. register_close and register_declared: what it declared. */
