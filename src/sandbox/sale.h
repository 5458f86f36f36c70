/* A sale as the sandbox ERP takes and keeps it: JSON in, JSON in the log, one object a document.
 *
 *     {"reference","reverses","warehouse","date","currency",
 *      "lines":[{"item","description","quantity","unit_price","amount","tax","kind"}],
 *      "payments":[{"method","amount"}],"net","tax","total","rounding"}
 *
 * In the log "number" and "at" stand in front. Texts are slices of what was read. */
#pragma once

#include "base/decimal.h"
#include "base/error.h"
#include "base/json.h"
#include "base/time.h"

enum {
	SALE_LINES_MAX = 5000,
	SALE_PAYMENTS_MAX = 100,
	SALE_REFERENCE_MAX = 256,
	SALE_NUMBER_MAX = 24,
	SALE_ID_MAX = 64,
	SALE_DESCRIPTION_MAX = 4096,
};

enum sale_kind {
	SALE_GOODS,
	SALE_RETURN,
	SALE_FEE,
	SALE_GIFT_CARD,
	SALE_DEPOSIT,
	SALE_WRITE_OFF,
	SALE_ADJUSTMENT,
	SALE_KIND_MAX,
};

struct sale_line {
	struct slice item;
	struct slice description;
	struct decimal quantity;
	struct decimal unit_price;
	struct decimal amount;
	struct decimal tax;
	unsigned kind; /* enum sale_kind */
};

struct sale_payment {
	struct slice method;
	struct decimal amount;
};

struct sale_lines {
	struct sale_line *items;
	uint32_t count;
};

struct sale_payments {
	struct sale_payment *items;
	uint32_t count;
};

struct sale {
	struct slice number; /* only in the log */
	struct slice at;     /* only in the log: when it was saved */
	struct slice reference;
	struct slice
		reverses; /* the reference of the sale that this one takes back; may be absent */
	struct slice warehouse;
	date_t date;
	struct slice currency;
	struct sale_lines lines;
	struct sale_payments payments;
	struct decimal net, tax, total;
	struct decimal rounding;  /* paid beyond the total */
	bool amounts_include_tax; /* found out by sale_read(): the lines add up to the total */
};

const char *sale_kind_name(unsigned kind);

/* What of a text fits into a message: at most 40 bytes, and no half character. */
struct slice sale_excerpt(struct slice text);

/* Reads the next value, with its lists in the scanner's arena. OK; E_INPUT: this sale is wrong, the
 * sentence says what, and the scanner stands behind it (ret_sale->reference is there if it could be
 * read); E_CORRUPT: the document is no JSON, json->problem says why; E_FULL: out of arena.
 * `from_log`: number and at must be there, else they must not. */
enum status sale_read(struct json *json, bool from_log, struct sale *ret_sale, struct error *err);

/* Writes the sale as one object with the number and the time in front. */
void sale_write(const struct sale *sale, struct slice number, struct slice at, struct buf *buf);

/* What a line does to the stock of its warehouse; false when it is not about goods. */
bool sale_stock_change(const struct sale_line *line, struct total *ret_change);
