/* The "Online Retail" data set of the UCI Machine Learning Repository (Chen, 2015) as
 * transactions: 541,909 real lines of a British wholesaler of gifts, 2010-12 to 2011-12.
 *
 *     InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
 *     536365,85123A,WHITE HANGING HEART ...,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom
 *
 * The data knows countries and invoices, no stores and registers, so they are made from it:
 *
 *     store       the country, lower-case, every other character a dash: "united-kingdom"
 *     register    invoices that begin in the same minute at one store need as many tills: the
 *                 k-th one is at register k ("01", "02", ...)
 *     sequence    1, 2, 3, ... at each store and register, by time, then by place in the file
 *     type        "C..." is a return, "A..." an adjustment; an invoice of nothing but negative
 *                 lines at price zero is goods written off, an adjustment too; else a sale
 *     line kind   postage, charges and discounts are fees, "gift_..." are gift cards
 *     times       the data states no zone; they are written with +00:00
 *     amount      quantity times price, exact; prices are without tax and no tax is known
 *
 * An invoice's lines need not stand together in the file. */
#pragma once

#include "base/buf.h"
#include "base/decimal.h"
#include "base/error.h"
#include "base/time.h"

enum { UCI_FILE_BYTES_MAX = 256 << 20, UCI_MEMORY_BYTES_MAX = 768 << 20 };

struct uci_summary {
	uint64_t transactions, sales, returns, adjustments, lines, stores, days;
	date_t first_date, last_date;
	struct total net; /* GBP */
};

/* Gets the transactions one by one, as one line of JSON without a newline. */
struct uci_sink {
	enum status (*take)(void *context, struct slice line, struct error *err);
	void *context;
};

/* Reads the whole CSV (which is changed on the way) and hands its transactions to the sink in the
 * order of their first time stamps. With days_max > 0 only those of the first days_max business
 * dates. E_INPUT names `name`, the line and what was expected; every line of the file is
 * checked before the sink gets anything. */
enum status uci_convert(char *csv, size_t len, const char *name, uint64_t days_max,
	const struct uci_sink *sink, struct uci_summary *ret_summary, struct error *err);
