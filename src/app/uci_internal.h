/* The data set in memory, between reading (uci_read.c) and mapping (uci.c). */
#pragma once

#include "app/uci.h"
#include "base/arena.h"

struct uci_row {
	struct uci_row *next; /* of the same invoice, in the order of the file */
	struct slice item, description;
	struct decimal quantity, price;
};

struct uci_invoice {
	struct slice number, country, customer;
	int64_t first_ms, last_ms;
	struct uci_row *rows, *rows_last;
	uint32_t row_count;
	uint32_t place; /* in the file */
};

struct uci_invoices {
	struct uci_invoice *items;
	uint32_t count;
};

/* All invoices in the order of their first line. The slices point into `csv`, the rest lives in the
 * arena. */
enum status uci_read(char *csv, size_t len, const char *name, struct arena *arena,
	struct uci_invoices *ret_invoices, struct error *err);
