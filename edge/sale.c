/* A transaction as the POS builds it: pieces of the document, put together when it is checked. The
 * decoder reads the whole then, so that what is wrong is found by the rules that the centre has. */
#include "edge/till_internal.h"

#include "base/json.h"
#include "base/time.h"

#include <stdlib.h>
#include <time.h>

enum { PIECE_BYTES_MAX = TRANSACTION_BYTES_MAX, ARENA_BYTES = 32 << 20 };

static struct buf *piece(struct till_sale *sale, unsigned i)
{
	struct buf *const pieces[] = { &sale->head, &sale->lines, &sale->line, &sale->taxes,
		&sale->discounts, &sale->tenders, &sale->totals, &sale->declared, &sale->computed,
		&sale->counted, &sale->document };
	return i < sizeof(pieces) / sizeof(pieces[0]) ? pieces[i] : NULL;
}

static struct till_sale *sale_new(struct till *till)
{
	struct till_sale *sale = calloc(1, sizeof(*sale));
	if (sale == NULL)
		return NULL;
	sale->till = till;
	arena_init(&sale->arena, ARENA_BYTES);
	for (unsigned i = 0; piece(sale, i) != NULL; i++)
		buf_init(piece(sale, i), PIECE_BYTES_MAX);
	return sale;
}

void till_sale_free(struct till_sale *sale)
{
	if (sale == NULL)
		return;
	for (unsigned i = 0; piece(sale, i) != NULL; i++)
		buf_release(piece(sale, i));
	arena_release(&sale->arena);
	rulebook_put_back(sale->rules);
	free(sale);
}

int till_sale_begin(struct till *till, const char *type, struct till_sale **ret_sale)
{
	if (type == NULL)
		return till_fail(TILL_CONFIG, "a transaction has a type, such as \"sale\"");
	int result = till_room(till);
	if (result != TILL_OK)
		return result;
	struct till_sale *sale = sale_new(till);
	if (sale == NULL)
		return till_fail(TILL_IO, "out of memory");
	json_write_member_text(&sale->head, "type", type);
	*ret_sale = sale;
	return TILL_OK;
}

int till_sale_from_json(
	struct till *till, const char *json, size_t length, struct till_sale **ret_sale)
{
	if (length > TRANSACTION_BYTES_MAX)
		return till_fail(TILL_REFUSED, "the document has %zu bytes; %d are allowed", length,
			TRANSACTION_BYTES_MAX);
	struct till_sale *sale = sale_new(till);
	if (sale == NULL)
		return till_fail(TILL_IO, "out of memory");
	sale->from_json = true;
	buf_append(&sale->head, json, length);
	*ret_sale = sale;
	return TILL_OK;
}

/* What every building call asks first. */
static int may_build(const struct till_sale *sale)
{
	if (sale->from_json)
		return till_fail(
			TILL_MISUSE, "this transaction came as JSON; it cannot be added to");
	if (sale->committed)
		return till_fail(TILL_MISUSE, "this transaction is committed already");
	return TILL_OK;
}

static int may_add_to_line(const struct till_sale *sale)
{
	int result = may_build(sale);
	if (result == TILL_OK && !sale->has_line)
		result = till_fail(TILL_MISUSE, "there is no line yet; till_line() begins one");
	return result;
}

static bool listed(const char *field, const char *const *names)
{
	for (; *names != NULL; names++)
		if (field != NULL && strcmp(field, *names) == 0)
			return true;
	return false;
}

/* False when it is no JSON; it would break the document around it. */
static bool write_raw(struct buf *buf, const char *name, const char *text)
{
	struct arena arena;
	struct json json;
	arena_init(&arena, 1 << 20);
	json_init(&json, slice_of(text), &arena);
	bool good = json_skip(&json, NULL) && json_end(&json);
	arena_release(&arena);
	if (good) {
		json_write_name(buf, name);
		json_minify(buf, slice_of(text));
	}
	return good;
}

static void write_if(struct buf *buf, const char *name, const char *text)
{
	if (text != NULL)
		json_write_member_text(buf, name, text);
}

static int set_member(
	struct buf *buf, const char *const *names, const char *field, const char *value)
{
	if (!listed(field, names) || value == NULL)
		return till_fail(TILL_CONFIG,
			"there is no field \"%s\" to set here, or no value for it",
			field == NULL ? "" : field);
	if (strcmp(field, "extensions") == 0 || strcmp(field, "customer_details") == 0)
		return write_raw(buf, field, value)
			       ? TILL_OK
			       : till_fail(TILL_CONFIG, "%s: a JSON object is expected", field);
	if (strcmp(field, "prices_include_tax") == 0) {
		bool yes = strcmp(value, "true") == 0;
		if (!yes && strcmp(value, "false") != 0)
			return till_fail(TILL_CONFIG,
				"prices_include_tax is \"%s\"; true or false are expected", value);
		json_write_member_bool(buf, field, yes);
		return TILL_OK;
	}
	json_write_member_text(buf, field, value);
	return TILL_OK;
}

int till_sale_set(struct till_sale *sale, const char *field, const char *value)
{
	static const char *const names[] = { "business_date", "began_at", "closed_at", "operator",
		"customer", "customer_details", "currency", "prices_include_tax", "tax_rounding",
		"reason", "extensions", NULL };
	int result = may_build(sale);
	if (result == TILL_OK)
		result = set_member(&sale->head, names, field, value);
	if (result == TILL_OK && strcmp(field, "closed_at") == 0)
		sale->has_closed_at = true;
	return result;
}

/* Closes the object of the last line. */
static void end_line(struct till_sale *sale)
{
	if (!sale->has_line)
		return;
	if (sale->lines.len > 0)
		buf_char(&sale->lines, ',');
	buf_char(&sale->lines, '{');
	buf_slice(&sale->lines, buf_get(&sale->line));
	if (sale->discounts.len > 0) {
		buf_text(&sale->lines, ",\"discounts\":[");
		buf_slice(&sale->lines, buf_get(&sale->discounts));
		buf_char(&sale->lines, ']');
	}
	if (sale->taxes.len > 0) {
		buf_text(&sale->lines, ",\"taxes\":[");
		buf_slice(&sale->lines, buf_get(&sale->taxes));
		buf_char(&sale->lines, ']');
	}
	buf_char(&sale->lines, '}');
	buf_reset(&sale->line);
	buf_reset(&sale->discounts);
	buf_reset(&sale->taxes);
	sale->has_line = false;
}

int till_line(struct till_sale *sale, const char *kind, const char *item, const char *quantity,
	const char *unit_price, const char *amount)
{
	int result = may_build(sale);
	if (result != TILL_OK)
		return result;
	end_line(sale);
	sale->has_line = true;
	json_write_member_u64(&sale->line, "number", ++sale->line_count);
	write_if(&sale->line, "kind", kind);
	write_if(&sale->line, "item", item);
	write_if(&sale->line, "quantity", quantity);
	write_if(&sale->line, "unit_price", unit_price);
	write_if(&sale->line, "amount", amount);
	return TILL_OK;
}

int till_line_set(struct till_sale *sale, const char *field, const char *value)
{
	static const char *const names[] = { "gtin", "description", "unit", "list_price",
		"extensions", NULL };
	int result = may_add_to_line(sale);
	return result == TILL_OK ? set_member(&sale->line, names, field, value) : result;
}

static void begin_object(struct buf *buf)
{
	buf_text(buf, buf->len > 0 ? ",{" : "{");
}

int till_line_tax(struct till_sale *sale, const char *code, const char *rate, const char *base,
	const char *amount)
{
	int result = may_add_to_line(sale);
	if (result != TILL_OK)
		return result;
	begin_object(&sale->taxes);
	write_if(&sale->taxes, "code", code);
	write_if(&sale->taxes, "rate", rate);
	write_if(&sale->taxes, "base", base);
	write_if(&sale->taxes, "amount", amount);
	buf_char(&sale->taxes, '}');
	return TILL_OK;
}

int till_line_discount(
	struct till_sale *sale, const char *amount, const char *reason, const char *promotion)
{
	int result = may_add_to_line(sale);
	if (result != TILL_OK)
		return result;
	begin_object(&sale->discounts);
	write_if(&sale->discounts, "amount", amount);
	write_if(&sale->discounts, "reason", reason);
	write_if(&sale->discounts, "promotion", promotion);
	buf_char(&sale->discounts, '}');
	return TILL_OK;
}

int till_line_of(struct till_sale *sale, const char *store, const char *reg,
	const char *business_date, uint64_t sequence, uint64_t line)
{
	int result = may_add_to_line(sale);
	if (result != TILL_OK)
		return result;
	json_write_name(&sale->line, "of");
	buf_char(&sale->line, '{');
	write_if(&sale->line, "store", store);
	write_if(&sale->line, "register", reg);
	write_if(&sale->line, "business_date", business_date);
	json_write_member_u64(&sale->line, "sequence", sequence);
	json_write_member_u64(&sale->line, "line", line);
	buf_char(&sale->line, '}');
	return TILL_OK;
}

int till_tender(struct till_sale *sale, const char *kind, const char *amount, const char *change)
{
	int result = may_build(sale);
	if (result != TILL_OK)
		return result;
	begin_object(&sale->tenders);
	json_write_member_u64(&sale->tenders, "number", ++sale->tender_count);
	write_if(&sale->tenders, "kind", kind);
	write_if(&sale->tenders, "amount", amount);
	write_if(&sale->tenders, "change", change);
	buf_char(&sale->tenders, '}');
	return TILL_OK;
}

int till_totals(struct till_sale *sale, const char *net, const char *tax, const char *gross,
	const char *rounding)
{
	int result = may_build(sale);
	if (result != TILL_OK)
		return result;
	buf_reset(&sale->totals);
	sale->has_totals = true;
	write_if(&sale->totals, "net", net);
	write_if(&sale->totals, "tax", tax);
	write_if(&sale->totals, "gross", gross);
	write_if(&sale->totals, "rounding", rounding);
	return TILL_OK;
}

int till_declared(
	struct till_sale *sale, uint64_t transactions, uint64_t last_sequence, const char *gross)
{
	int result = may_build(sale);
	if (result != TILL_OK)
		return result;
	buf_reset(&sale->declared);
	sale->has_declared = true;
	json_write_member_u64(&sale->declared, "transactions", transactions);
	json_write_member_u64(&sale->declared, "last_sequence", last_sequence);
	write_if(&sale->declared, "gross", gross);
	return TILL_OK;
}

int till_declared_tender(
	struct till_sale *sale, const char *kind, const char *computed, const char *counted)
{
	int result = may_build(sale);
	if (result == TILL_OK && (kind == NULL || !sale->has_declared))
		result = till_fail(
			TILL_MISUSE, "till_declared() comes first, and the tender has a kind");
	if (result != TILL_OK)
		return result;
	write_if(&sale->computed, kind, computed);
	write_if(&sale->counted, kind, counted);
	return TILL_OK;
}

/* Now, as the register's own clock and time zone say. */
static void write_now(struct till_sale *sale, struct buf *buf)
{
	char text[TIME_TEXT_MAX];
	struct timestamp now = { .ms = sale->till->clock->wall_ms(sale->till->clock), .set = true };
	time_t seconds = (time_t)(now.ms / 1000);
	struct tm local;
	if (localtime_r(&seconds, &local) != NULL)
		now.offset_min = (int16_t)(local.tm_gmtoff / 60);
	timestamp_print(now, text);
	json_write_member_text(buf, "closed_at", text);
}

static void write_object(struct buf *buf, const char *name, const struct buf *members)
{
	json_write_name(buf, name);
	buf_char(buf, '{');
	buf_slice(buf, buf_get(members));
	buf_char(buf, '}');
}

static void write_list(struct buf *buf, const char *name, const struct buf *items)
{
	if (items->len == 0)
		return;
	json_write_name(buf, name);
	buf_char(buf, '[');
	buf_slice(buf, buf_get(items));
	buf_char(buf, ']');
}

static void compose_declared(struct till_sale *sale, struct buf *buf)
{
	json_write_name(buf, "declared");
	buf_char(buf, '{');
	buf_slice(buf, buf_get(&sale->declared));
	if (sale->computed.len > 0)
		write_object(buf, "tenders", &sale->computed);
	if (sale->counted.len > 0)
		write_object(buf, "counted", &sale->counted);
	buf_char(buf, '}');
}

static void compose(struct till_sale *sale, uint64_t sequence, struct buf *buf)
{
	end_line(sale);
	/* The time of a sale does not change when it is committed a second time. */
	if (!sale->has_closed_at) {
		write_now(sale, &sale->head);
		sale->has_closed_at = true;
	}
	buf_char(buf, '{');
	json_write_member_text(buf, "store", sale->till->config.options.store);
	json_write_member_text(buf, "register", sale->till->config.options.reg);
	json_write_member_u64(buf, "sequence", sequence);
	json_write_member_text(buf, "writer", sale->till->writer);
	buf_char(buf, ',');
	buf_slice(buf, buf_get(&sale->head));
	write_list(buf, "lines", &sale->lines);
	write_list(buf, "tenders", &sale->tenders);
	if (sale->has_totals)
		write_object(buf, "totals", &sale->totals);
	if (sale->has_declared)
		compose_declared(sale, buf);
	buf_char(buf, '}');
}

enum status sale_compose(struct till_sale *sale, uint64_t sequence, struct error *err)
{
	bool failed = false;
	buf_reset(&sale->document);
	if (sale->from_json)
		buf_slice(&sale->document, buf_get(&sale->head));
	else
		compose(sale, sequence, &sale->document);
	for (unsigned i = 0; piece(sale, i) != NULL; i++)
		failed = failed || piece(sale, i)->failed;
	if (failed)
		return error_set(err, E_INPUT, "the transaction is larger than %d bytes",
			TRANSACTION_BYTES_MAX);
	return OK;
}
