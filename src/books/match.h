/* The comparison, line by line, of what a till sold with what an ERP holds. Pure. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "retail/transaction.h"

enum { DOCUMENT_TEXT_MAX = 64, DIFFERENCES_MAX = 32 };

/* What the ERP holds, in its own words. */
struct erp_line {
	struct slice item;
	struct total quantity; /* signed as the till's: negative for a return */
	struct total amount;   /* of the line, with tax when the till's line has it, else without */
};

struct erp_payment {
	struct slice method; /* the tender kind it stands for */
	struct total amount; /* without the change */
};

struct erp_document {
	bool found;
	unsigned copies; /* documents with this external id; more than 1 is a double posting */
	char number[DOCUMENT_TEXT_MAX];
	date_t date;
	struct slice currency;
	struct erp_line *lines;
	uint32_t line_count;
	struct erp_payment *payments;
	uint32_t payment_count;
	struct total net, tax, gross;
	struct total rounding; /* booked to a rounding account to reach the till's total */
};

enum cause {
	CAUSE_MISSING,  /* the ERP has no such document */
	CAUSE_DOUBLE,   /* it has more than one */
	CAUSE_DATE,     /* another business date */
	CAUSE_CURRENCY, /* another currency */
	CAUSE_LINE_MISSING,
	CAUSE_LINE_NOT_OURS,
	CAUSE_QUANTITY,
	CAUSE_AMOUNT,
	CAUSE_PAYMENT,
	CAUSE_TAX,
	CAUSE_TOTAL,
};

const char *cause_name(enum cause cause); /* "line_missing" */

struct difference {
	enum cause cause;
	char pointer[80]; /* into the till's document, "" for the whole */
	char ours[64], theirs[64];
	struct total amount; /* theirs minus ours, 0 when it is not about money */
};

struct differences {
	struct difference items[DIFFERENCES_MAX];
	uint32_t count;
	uint32_t dropped; /* found, but no place left in items */
};

/* Quantities and amounts are compared per item (an ERP may merge or split lines), payments per
 * tender kind, and the totals. A rounding that the ERP booked and named explains as much of a
 * difference of totals as it says. E_FULL: the arena. */
enum status match_document(const struct transaction *ours, const struct erp_document *theirs,
	struct arena *arena, struct differences *ret_differences);

/* A JSON array of {"cause", "pointer", "ours", "theirs", "amount"}. */
void differences_write(const struct differences *differences, struct buf *buf);
