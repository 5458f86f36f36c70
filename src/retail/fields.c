#include "retail/fields.h"

#include "retail/transaction.h"

#include <stddef.h>

enum { DESCRIPTION_MAX = 500, TEXT_MAX = 200 };

#define NUMBER_MAX 999999999U
#define SEQUENCE_MAX 9007199254740991U /* 2^53 - 1: every reader of JSON holds it exactly */

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

const char *const transaction_type_names[] = {
	[TYPE_SALE] = "sale",
	[TYPE_RETURN] = "return",
	[TYPE_EXCHANGE] = "exchange",
	[TYPE_VOID] = "void",
	[TYPE_NO_SALE] = "no_sale",
	[TYPE_TRAINING] = "training",
	[TYPE_OPEN] = "open",
	[TYPE_CLOSE] = "close",
	[TYPE_PAID_IN] = "paid_in",
	[TYPE_PAID_OUT] = "paid_out",
	[TYPE_PICKUP] = "pickup",
	[TYPE_LOAN] = "loan",
	[TYPE_COUNT] = "count",
	[TYPE_ADJUSTMENT] = "adjustment",
	[TYPE_MAX] = NULL,
};

const char *const line_kind_names[] = {
	[LINE_SALE] = "sale",
	[LINE_RETURN] = "return",
	[LINE_GIFT_CARD] = "gift_card",
	[LINE_DEPOSIT] = "deposit",
	[LINE_FEE] = "fee",
	[LINE_WRITE_OFF] = "write_off",
	[LINE_ADJUSTMENT] = "adjustment",
	[LINE_KIND_MAX] = NULL,
};

static const char *const tax_rounding_names[] = {
	[TAX_UNSAID] = "",
	[TAX_PER_LINE] = "line",
	[TAX_PER_DOCUMENT] = "document",
	NULL,
};

static const char *const numbering_names[] = {
	[NUMBERING_DENSE] = "dense",
	[NUMBERING_SPARSE] = "sparse",
	NULL,
};

#define AT(type, member) .offset = offsetof(struct type, member)

/* The rows read as a table; clang-format would break it. */
/* clang-format off */
static const struct field discount_fields[] = {
	{ SLICE("amount"), FIELD_DECIMAL, 1, .required = true, AT(discount, amount) },
	{ SLICE("reason"), FIELD_TEXT, 2, .max = TEXT_MAX, AT(discount, reason) },
	{ SLICE("promotion"), FIELD_TEXT, 3, .max = TEXT_MAX, AT(discount, promotion) },
};

static const struct schema discount_schema = {
	.plural = "discounts", .fields = discount_fields, .field_count = COUNT(discount_fields),
	.size = sizeof(struct discount), .set_offset = -1,
};

static const struct field tax_fields[] = {
	{ SLICE("code"), FIELD_TEXT, 1, .required = true, .min = 1, .max = ID_TEXT_MAX, AT(tax, code) },
	{ SLICE("rate"), FIELD_DECIMAL, 2, AT(tax, rate) },
	{ SLICE("base"), FIELD_DECIMAL, 3, AT(tax, base) },
	{ SLICE("amount"), FIELD_DECIMAL, 4, .required = true, AT(tax, amount) },
	{ SLICE("exemption"), FIELD_TEXT, 5, .min = 1, .max = ID_TEXT_MAX, AT(tax, exemption) },
};

static const struct schema tax_schema = {
	.plural = "taxes", .fields = tax_fields, .field_count = COUNT(tax_fields),
	.size = sizeof(struct tax), .set_offset = -1,
};

static const struct field reference_fields[] = {
	{ SLICE("store"), FIELD_CODE, 1, .required = true, .min = 1, .max = ID_TEXT_MAX,
	  AT(reference, key.store) },
	{ SLICE("register"), FIELD_CODE, 2, .required = true, .min = 1, .max = ID_TEXT_MAX,
	  AT(reference, key.reg) },
	{ SLICE("business_date"), FIELD_DATE, 3, .required = true, AT(reference, key.business_date) },
	{ SLICE("sequence"), FIELD_NUMBER, 4, .required = true, .max = SEQUENCE_MAX,
	  AT(reference, key.sequence) },
	{ SLICE("line"), FIELD_NUMBER, 5, .required = true, .max = NUMBER_MAX, AT(reference, line) },
};

static const struct schema reference_schema = {
	.fields = reference_fields, .field_count = COUNT(reference_fields),
	.size = sizeof(struct reference), .set_offset = offsetof(struct reference, set),
};

static const struct field line_fields[] = {
	{ SLICE("number"), FIELD_NUMBER, 1, .required = true, .max = NUMBER_MAX, AT(line, number) },
	{ SLICE("kind"), FIELD_CHOICE, 2, .required = true, .choices = line_kind_names, AT(line, kind) },
	{ SLICE("item"), FIELD_TEXT, 3, .min = 1, .max = ID_TEXT_MAX, AT(line, item) },
	{ SLICE("gtin"), FIELD_TEXT, 4, .max = ID_TEXT_MAX, AT(line, gtin) },
	{ SLICE("description"), FIELD_TEXT, 5, .max = DESCRIPTION_MAX, AT(line, description) },
	{ SLICE("quantity"), FIELD_DECIMAL, 6, AT(line, quantity) },
	{ SLICE("unit"), FIELD_TEXT, 7, .max = ID_TEXT_MAX, AT(line, unit) },
	{ SLICE("list_price"), FIELD_DECIMAL, 8, AT(line, list_price) },
	{ SLICE("unit_price"), FIELD_DECIMAL, 9, AT(line, unit_price) },
	{ SLICE("amount"), FIELD_DECIMAL, 10, .required = true, AT(line, amount) },
	{ SLICE("discounts"), FIELD_LIST, 11, .max = TRANSACTION_DISCOUNTS_MAX,
	  .schema = &discount_schema, AT(line, discounts) },
	{ SLICE("taxes"), FIELD_LIST, 12, .max = TRANSACTION_TAXES_MAX, .schema = &tax_schema,
	  AT(line, taxes) },
	{ SLICE("of"), FIELD_OBJECT, 13, .schema = &reference_schema, AT(line, of) },
	{ SLICE("extensions"), FIELD_RAW, 14, AT(line, extensions) },
};

static const struct schema line_schema = {
	.plural = "lines", .fields = line_fields, .field_count = COUNT(line_fields),
	.size = sizeof(struct line), .set_offset = -1,
};

static const struct field tender_fields[] = {
	{ SLICE("number"), FIELD_NUMBER, 1, .required = true, .max = NUMBER_MAX, AT(tender, number) },
	{ SLICE("kind"), FIELD_TEXT, 2, .required = true, .min = 1, .max = ID_TEXT_MAX, AT(tender, kind) },
	{ SLICE("amount"), FIELD_DECIMAL, 3, .required = true, AT(tender, amount) },
	{ SLICE("change"), FIELD_DECIMAL, 4, AT(tender, change) },
	{ SLICE("extensions"), FIELD_RAW, 5, AT(tender, extensions) },
};

static const struct schema tender_schema = {
	.plural = "tenders", .fields = tender_fields, .field_count = COUNT(tender_fields),
	.size = sizeof(struct tender), .set_offset = -1,
};

static const struct field totals_fields[] = {
	{ SLICE("net"), FIELD_DECIMAL, 1, .required = true, AT(totals, net) },
	{ SLICE("tax"), FIELD_DECIMAL, 2, .required = true, AT(totals, tax) },
	{ SLICE("gross"), FIELD_DECIMAL, 3, .required = true, AT(totals, gross) },
	{ SLICE("rounding"), FIELD_DECIMAL, 4, AT(totals, rounding) },
};

static const struct schema totals_schema = {
	.fields = totals_fields, .field_count = COUNT(totals_fields),
	.size = sizeof(struct totals), .set_offset = offsetof(struct totals, set),
};

static const struct field declared_fields[] = {
	{ SLICE("transactions"), FIELD_NUMBER, 1, .required = true, .max = SEQUENCE_MAX,
	  AT(declared, transactions) },
	{ SLICE("last_sequence"), FIELD_NUMBER, 2, .required = true, .max = SEQUENCE_MAX,
	  AT(declared, last_sequence) },
	{ SLICE("gross"), FIELD_DECIMAL, 3, AT(declared, gross) },
	{ SLICE("tenders"), FIELD_AMOUNTS, 4, .max = TRANSACTION_DECLARED_MAX, AT(declared, tenders) },
	{ SLICE("counted"), FIELD_AMOUNTS, 5, .max = TRANSACTION_DECLARED_MAX, AT(declared, counted) },
};

static const struct schema declared_schema = {
	.fields = declared_fields, .field_count = COUNT(declared_fields),
	.size = sizeof(struct declared), .set_offset = offsetof(struct declared, set),
};

static const struct field customer_fields[] = {
	{ SLICE("name"), FIELD_TEXT, 1, .personal = true, .max = TEXT_MAX, AT(customer_details, name) },
	{ SLICE("email"), FIELD_TEXT, 2, .personal = true, .max = TEXT_MAX, AT(customer_details, email) },
	{ SLICE("phone"), FIELD_TEXT, 3, .personal = true, .max = ID_TEXT_MAX,
	  AT(customer_details, phone) },
	{ SLICE("loyalty"), FIELD_TEXT, 4, .personal = true, .max = TEXT_MAX,
	  AT(customer_details, loyalty) },
	{ SLICE("address"), FIELD_TEXT, 5, .personal = true, .max = DESCRIPTION_MAX,
	  AT(customer_details, address) },
};

static const struct schema customer_schema = {
	.fields = customer_fields, .field_count = COUNT(customer_fields),
	.size = sizeof(struct customer_details), .set_offset = offsetof(struct customer_details, set),
};

static const struct field transaction_fields[] = {
	{ SLICE("store"), FIELD_CODE, 1, .required = true, .min = 1, .max = ID_TEXT_MAX,
	  AT(transaction, key.store) },
	{ SLICE("register"), FIELD_CODE, 2, .required = true, .min = 1, .max = ID_TEXT_MAX,
	  AT(transaction, key.reg) },
	{ SLICE("business_date"), FIELD_DATE, 3, .required = true, AT(transaction, key.business_date) },
	{ SLICE("sequence"), FIELD_NUMBER, 4, .required = true, .max = SEQUENCE_MAX,
	  AT(transaction, key.sequence) },
	{ SLICE("revision"), FIELD_NUMBER, 5, .min = 1, .max = 1000000, .fallback = 1,
	  AT(transaction, revision) },
	{ SLICE("type"), FIELD_CHOICE, 6, .required = true, .choices = transaction_type_names,
	  AT(transaction, type) },
	{ SLICE("began_at"), FIELD_TIME, 7, AT(transaction, began_at) },
	{ SLICE("closed_at"), FIELD_TIME, 8, .required = true, AT(transaction, closed_at) },
	{ SLICE("operator"), FIELD_TEXT, 9, .max = ID_TEXT_MAX, AT(transaction, operator_id) },
	{ SLICE("customer"), FIELD_TEXT, 10, .personal = true, .max = TEXT_MAX, AT(transaction, customer) },
	{ SLICE("currency"), FIELD_TEXT, 11, .min = 3, .max = 3, AT(transaction, currency) },
	{ SLICE("prices_include_tax"), FIELD_BOOL, 12, AT(transaction, prices_include_tax) },
	{ SLICE("tax_rounding"), FIELD_CHOICE, 13, .min = TAX_PER_LINE, .fallback = TAX_PER_LINE,
	  .choices = tax_rounding_names,
	  AT(transaction, tax_rounding) },
	{ SLICE("lines"), FIELD_LIST, 14, .max = TRANSACTION_LINES_MAX, .schema = &line_schema,
	  AT(transaction, lines) },
	{ SLICE("tenders"), FIELD_LIST, 15, .max = TRANSACTION_TENDERS_MAX, .schema = &tender_schema,
	  AT(transaction, tenders) },
	{ SLICE("totals"), FIELD_OBJECT, 16, .schema = &totals_schema, AT(transaction, totals) },
	{ SLICE("declared"), FIELD_OBJECT, 17, .schema = &declared_schema, AT(transaction, declared) },
	{ SLICE("reason"), FIELD_TEXT, 18, .max = TEXT_MAX, AT(transaction, reason) },
	{ SLICE("extensions"), FIELD_RAW, 19, AT(transaction, extensions) },
	{ SLICE("numbering"), FIELD_CHOICE, 20, .choices = numbering_names,
	  AT(transaction, numbering) },
	{ SLICE("writer"), FIELD_TEXT, 21, .min = 1, .max = ID_TEXT_MAX, AT(transaction, writer) },
	{ SLICE("customer_details"), FIELD_OBJECT, 22, .schema = &customer_schema,
	  AT(transaction, customer_details) },
};
/* clang-format on */

const struct schema transaction_schema = {
	.fields = transaction_fields,
	.field_count = COUNT(transaction_fields),
	.size = sizeof(struct transaction),
	.set_offset = -1,
};

const struct field *schema_find(const struct schema *schema, struct slice name, unsigned *next)
{
	unsigned count = schema->field_count;
	for (unsigned i = 0, at = *next; i < count; i++, at++) {
		if (at >= count)
			at = 0;
		const struct field *field = &schema->fields[at];
		if (field->name.len == name.len &&
			memcmp(field->name.ptr, name.ptr, name.len) == 0) {
			*next = at + 1;
			return field;
		}
	}
	return NULL;
}

bool field_present(const struct field *field, const char *at)
{
	switch (field->kind) {
	case FIELD_TEXT:
	case FIELD_CODE:
	case FIELD_RAW:
		return ((const struct slice *)at)->ptr != NULL;
	case FIELD_NUMBER:
		return *(const uint64_t *)at != field->fallback;
	case FIELD_DECIMAL:
		return ((const struct decimal *)at)->set;
	case FIELD_DATE:
		return *(const date_t *)at != 0;
	case FIELD_TIME:
		return ((const struct timestamp *)at)->set;
	case FIELD_BOOL:
		return *(const bool *)at;
	case FIELD_CHOICE:
		return *(const unsigned *)at != 0;
	case FIELD_OBJECT:
		return *(const bool *)(at + field->schema->set_offset);
	case FIELD_LIST:
	case FIELD_AMOUNTS:
		return list_load(at).count > 0;
	}
	return false;
}

/* The lists of transaction.h are different types; their bytes are the same. */
struct list list_load(const void *place)
{
	struct list list;
	memcpy(&list, place, sizeof(list));
	return list;
}

void list_store(void *place, struct list list)
{
	memcpy(place, &list, sizeof(list));
}
