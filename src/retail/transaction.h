/* The canonical transaction: any numbered event at a register, as every door hands it on.
 *
 * Signs are the store's point of view of its sales: a returned line has a negative quantity and a
 * negative amount, a refund is a negative tender, so that sums are sums. Amounts are the till's
 * facts and are never recomputed. All amounts are in the transaction's currency.
 *
 * Texts are slices of the document or of the arena it was decoded with, and live as long as both.
 * A text that was absent has a NULL ptr; a decimal, timestamp or date that was absent has
 * set == false (a date is 0). */
#pragma once

#include "base/decimal.h"
#include "base/slice.h"
#include "base/time.h"

enum {
	TRANSACTION_BYTES_MAX = 1 << 20,
	TRANSACTION_LINES_MAX = 5000,
	TRANSACTION_TENDERS_MAX = 100,
	TRANSACTION_TAXES_MAX = 20,     /* a line */
	TRANSACTION_DISCOUNTS_MAX = 20, /* a line */
	TRANSACTION_DECLARED_MAX = 50,  /* tenders of a closing */
	ID_TEXT_MAX = 64,               /* bytes of a store, register, item or operator */
	KEY_TEXT_MAX = 2 * ID_TEXT_MAX + 1 + 10 + 1 + 20 + 1 + 1,
};

enum transaction_type {
	TYPE_SALE,
	TYPE_RETURN,
	TYPE_EXCHANGE,
	TYPE_VOID,
	TYPE_NO_SALE,
	TYPE_TRAINING,
	TYPE_OPEN,
	TYPE_CLOSE,
	TYPE_PAID_IN,
	TYPE_PAID_OUT,
	TYPE_PICKUP,
	TYPE_LOAN,
	TYPE_COUNT,
	TYPE_ADJUSTMENT, /* a correction of money or stock that no customer took part in */
	TYPE_MAX,
};

enum line_kind {
	LINE_SALE,
	LINE_RETURN,
	LINE_GIFT_CARD, /* sold or loaded: a liability, not goods */
	LINE_DEPOSIT,
	LINE_FEE,        /* postage, charges, discounts as lines: money, not goods */
	LINE_WRITE_OFF,  /* goods that left without a sale; the quantity is the stock's change */
	LINE_ADJUSTMENT, /* money only, such as bad debt */
	LINE_KIND_MAX,
};

enum tax_rounding {
	TAX_UNSAID,       /* the store's way (rule_set.h), else per line */
	TAX_PER_LINE,     /* each line's tax is rounded to the minor unit */
	TAX_PER_DOCUMENT, /* only a code's sum over the document is; lines may be finer or a unit
			     off */
};

/* Whether a register's numbers leave none out. */
enum numbering {
	NUMBERING_DENSE,  /* a till: a number that is not there is a transaction that is missing */
	NUMBERING_SPARSE, /* an order system, whose numbers have holes that mean nothing */
};

/* The natural key, unique for the life of the journal. */
struct key {
	struct slice store;
	struct slice reg;
	date_t business_date;
	uint64_t sequence;
};

struct tax {
	struct slice code;
	struct decimal rate;    /* "0.20" is 20 % */
	struct decimal base;    /* what the tax was computed on, without tax */
	struct decimal amount;  /* the tax */
	struct slice exemption; /* why nothing is due: a code of the till's or the law's */
};

struct discount {
	struct decimal amount; /* positive: what the customer saved on this line */
	struct slice reason;
	struct slice promotion;
};

/* The line that a return returns. */
struct reference {
	struct key key;
	uint64_t line;
	bool set;
};

struct tax_list {
	struct tax *items;
	uint32_t count;
};

struct discount_list {
	struct discount *items;
	uint32_t count;
};

struct line {
	uint64_t number;
	unsigned kind; /* enum line_kind */
	struct slice item;
	struct slice gtin;
	struct slice description;
	struct decimal quantity;
	struct slice unit;
	struct decimal list_price;
	struct decimal unit_price;
	struct decimal amount; /* with tax when prices_include_tax, else without */
	struct discount_list discounts;
	struct tax_list taxes;
	struct reference of;
	struct slice extensions; /* raw JSON */
};

struct tender {
	uint64_t number;
	struct slice kind;     /* cash, card, gift_card, voucher, account, other */
	struct decimal amount; /* what was handed over; negative for a refund */
	struct decimal change; /* what was given back in cash, positive */
	struct slice extensions;
};

struct totals {
	struct decimal net, tax, gross;
	struct decimal rounding; /* cash rounding: what the customer paid beyond gross */
	bool set;
};

struct named_amount {
	struct slice name;
	struct decimal amount;
};

struct named_amount_list {
	struct named_amount *items;
	uint32_t count;
};

/* What the till believes when it closes. */
struct declared {
	uint64_t transactions, last_sequence;
	struct decimal gross;
	struct named_amount_list tenders; /* computed by the till, by tender kind */
	struct named_amount_list counted; /* counted by hand, by tender kind */
	bool set;
};

/* Who the customer is, beside the number in `customer`. Personal, all of it (retail/personal.h). */
struct customer_details {
	struct slice name, email, phone;
	struct slice loyalty; /* the number of their card */
	struct slice address; /* as one text */
	bool set;
};

struct line_list {
	struct line *items;
	uint32_t count;
};

struct tender_list {
	struct tender *items;
	uint32_t count;
};

struct transaction {
	struct key key;
	uint64_t revision; /* 1 unless the source resends a changed document */
	unsigned type;     /* enum transaction_type */
	struct timestamp began_at, closed_at;
	struct slice operator_id;
	struct slice customer; /* personal: their number, or its stand-in once it is accepted */
	struct slice currency; /* ISO 4217 */
	bool prices_include_tax;
	unsigned tax_rounding; /* enum tax_rounding */
	struct line_list lines;
	struct tender_list tenders;
	struct totals totals;
	struct declared declared;
	struct slice reason;
	struct slice extensions;
	unsigned numbering; /* enum numbering */
	/* Which device or program wrote it: stays the same while a till lives, and another one
	 * never has it. */
	struct slice writer;
	struct customer_details customer_details;
	uint32_t unknown_count; /* members, at any level, whose name is not in this model */
};

const char *transaction_type_name(unsigned type);
const char *line_kind_name(unsigned kind);

/* "0042/03/2026-11-23/18277"; returns the length. */
size_t key_print(const struct key *key, char text[static KEY_TEXT_MAX]);

/* True for types that change stock, revenue or tenders (sale, return, exchange, adjustment, ...);
 * false for those that only keep the numbers dense (void, no_sale, training, open, close, count).
 */
bool transaction_has_effect(const struct transaction *t);
/* True for types that an ERP receives a document for: sale, return, exchange, adjustment. */
bool transaction_is_posted(const struct transaction *t);
/* What the line does to the stock of its store: minus the quantity for goods sold or returned,
 * the quantity for a write-off; false when it is not about goods. */
bool line_stock_change(const struct line *line, struct total *ret_change);
