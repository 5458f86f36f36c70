#include "erp/sandbox_wire.h"

#include "base/json.h"
#include "erp/rpc.h"

#include <stdio.h>

enum { LINES_MAX = TRANSACTION_LINES_MAX, PAYMENTS_MAX = TRANSACTION_TENDERS_MAX };

static void write_total(struct buf *buf, const char *name, struct total value)
{
	json_write_name(buf, name);
	buf_char(buf, '"');
	total_write(value, 2, buf);
	buf_char(buf, '"');
}

static void write_decimal(struct buf *buf, const char *name, struct decimal value)
{
	json_write_name(buf, name);
	buf_char(buf, '"');
	decimal_write(value, buf);
	buf_char(buf, '"');
}

static struct total tax_of(const struct line *line)
{
	struct total tax = total_zero();
	for (uint32_t i = 0; i < line->taxes.count; i++)
		tax = total_add(tax, total_of(line->taxes.items[i].amount));
	return tax;
}

static void write_line(const struct line *line, struct buf *buf)
{
	json_write_comma(buf);
	buf_char(buf, '{');
	if (line->item.ptr != NULL)
		json_write_member(buf, "item", line->item);
	if (line->description.ptr != NULL)
		json_write_member(buf, "description", line->description);
	write_decimal(buf, "quantity", line->quantity);
	if (line->unit_price.set)
		write_decimal(buf, "unit_price", line->unit_price);
	write_decimal(buf, "amount", line->amount);
	write_total(buf, "tax", tax_of(line));
	json_write_member_text(buf, "kind", line_kind_name(line->kind));
	buf_char(buf, '}');
}

static void write_payment(const struct tender *tender, struct buf *buf)
{
	json_write_comma(buf);
	buf_char(buf, '{');
	json_write_member(buf, "method", tender->kind);
	write_total(
		buf, "amount", total_subtract(total_of(tender->amount), total_of(tender->change)));
	buf_char(buf, '}');
}

/* The till's totals; what it left out follows from the lines. */
static void write_totals(const struct transaction *t, struct buf *buf)
{
	struct total sum = total_zero(), tax = total_zero();
	for (uint32_t i = 0; i < t->lines.count; i++) {
		sum = total_add(sum, total_of(t->lines.items[i].amount));
		tax = total_add(tax, tax_of(&t->lines.items[i]));
	}
	if (t->totals.tax.set)
		tax = total_of(t->totals.tax);
	struct total gross = t->prices_include_tax ? sum : total_add(sum, tax);
	if (t->totals.gross.set)
		gross = total_of(t->totals.gross);
	struct total net = total_subtract(gross, tax);
	if (t->totals.net.set)
		net = total_of(t->totals.net);
	write_total(buf, "net", net);
	write_total(buf, "tax", tax);
	write_total(buf, "total", gross);
	write_total(buf, "rounding", total_of(t->totals.rounding));
}

static void write_posting(const struct posting *posting, struct buf *buf)
{
	const struct transaction *t = posting->transaction;
	char date[DATE_TEXT_LEN + 1];
	date_print(t->key.business_date, date);
	json_write_comma(buf);
	buf_char(buf, '{');
	json_write_member_text(buf, "reference", posting->external_id);
	if (posting->reversal)
		json_write_member_text(buf, "reverses", posting->reverses);
	json_write_member(buf, "warehouse", t->key.store);
	json_write_member_text(buf, "date", date);
	json_write_member(buf, "currency", t->currency);
	json_write_name(buf, "lines");
	buf_char(buf, '[');
	for (uint32_t i = 0; i < t->lines.count; i++)
		write_line(&t->lines.items[i], buf);
	buf_char(buf, ']');
	json_write_name(buf, "payments");
	buf_char(buf, '[');
	for (uint32_t i = 0; i < t->tenders.count; i++)
		write_payment(&t->tenders.items[i], buf);
	buf_char(buf, ']');
	write_totals(t, buf);
	buf_char(buf, '}');
}

void sandbox_write_postings(const struct posting *postings, size_t count, struct buf *buf)
{
	buf_text(buf, "{\"sales\":[");
	for (size_t i = 0; i < count; i++)
		write_posting(&postings[i], buf);
	buf_text(buf, "]}");
}

void sandbox_write_references(const struct posting *postings, size_t count, struct buf *buf)
{
	buf_text(buf, "{\"references\":[");
	for (size_t i = 0; i < count; i++) {
		json_write_comma(buf);
		json_write_string(buf, slice_of(postings[i].external_id));
	}
	buf_text(buf, "]}");
}

/* Steps to the elements of the array `name` in the object that comes. */
static bool enter_list(struct json *json, const char *name)
{
	struct slice found;
	if (!json_object(json))
		return false;
	while (json_member(json, &found)) {
		if (slice_is(found, name))
			return json_array(json);
		if (!json_skip(json, NULL))
			return false;
	}
	return false;
}

struct result {
	struct slice reference, status, number, error;
};

static bool read_result(struct json *json, struct result *ret_result)
{
	struct slice name;
	struct result result = { 0 };
	if (!json_object(json))
		return false;
	while (json_member(json, &name)) {
		bool fine;
		if (slice_is(name, "reference"))
			fine = json_string(json, &result.reference);
		else if (slice_is(name, "status"))
			fine = json_string(json, &result.status);
		else if (slice_is(name, "number"))
			fine = json_string(json, &result.number);
		else if (slice_is(name, "error"))
			fine = json_string(json, &result.error);
		else
			fine = json_skip(json, NULL);
		if (!fine)
			return false;
	}
	*ret_result = result;
	return json->problem == NULL;
}

/* A refused sale may come back without its reference, when that was what was wrong with it. */
static void take_result(
	const struct result *found, const struct posting *posting, struct posting_result *result)
{
	bool ours = slice_is(found->reference, posting->external_id);
	bool refused = slice_is(found->status, "refused");
	if (ours && slice_is(found->status, "created") && found->number.len > 0 &&
		found->number.len < DOCUMENT_TEXT_MAX) {
		*result = (struct posting_result){ .outcome = OUTCOME_SETTLED };
		memcpy(result->document, found->number.ptr, found->number.len);
	} else if (refused && (ours || found->reference.len == 0)) {
		*result = (struct posting_result){ .outcome = OUTCOME_REFUSED };
		rpc_text(found->error, result->detail, DETAIL_TEXT_MAX);
	}
}

void sandbox_read_results(struct slice text, struct arena *arena, const struct posting *postings,
	size_t count, struct posting_result *results)
{
	struct json json;
	struct result result;
	size_t at = 0;
	for (size_t i = 0; i < count; i++) {
		results[i] = (struct posting_result){ .outcome = OUTCOME_UNKNOWN };
		snprintf(results[i].detail, DETAIL_TEXT_MAX,
			"the ERP's answer does not say what became of it");
	}
	json_init(&json, text, arena);
	if (!enter_list(&json, "results"))
		return;
	for (; at < count && json_element(&json) && read_result(&json, &result); at++)
		take_result(&result, &postings[at], &results[at]);
}

/* A document while it is read. Its texts are slices of the answer until it is known to be asked
 * for. */
struct reading {
	struct json *json;
	bool full;
	struct slice reference;
	struct erp_document document;
};

static bool read_total(struct json *json, struct total *ret_total)
{
	struct slice text;
	if (!json_string(json, &text))
		return false;
	if (total_parse(text, ret_total))
		return true;
	json->problem = "a decimal is expected";
	return false;
}

static bool read_date(struct json *json, date_t *ret_date)
{
	struct slice text;
	if (!json_string(json, &text))
		return false;
	if (date_parse(text, ret_date))
		return true;
	json->problem = "a date is expected";
	return false;
}

/* The answer's bytes go with the next call; what is handed out stays. */
static bool read_copy(struct reading *r, struct slice *ret_text)
{
	struct slice text;
	if (!json_string(r->json, &text))
		return false;
	*ret_text = arena_copy(r->json->arena, text);
	r->full = r->full || ret_text->ptr == NULL;
	return !r->full;
}

static bool read_number(struct reading *r)
{
	struct slice text;
	if (!json_string(r->json, &text))
		return false;
	if (text.len >= DOCUMENT_TEXT_MAX) {
		r->json->problem = "a shorter number is expected";
		return false;
	}
	memcpy(r->document.number, text.ptr, text.len);
	return true;
}

/* A place behind the last item of a list that doubles in the arena. */
static void *add_item(struct reading *r, void *items, uint32_t count, uint32_t max, size_t bytes)
{
	if (count == max) {
		r->json->problem = "the list is longer than any that we have sent";
		return NULL;
	}
	if (count != 0 && (count < 4 || (count & (count - 1)) != 0))
		return items;
	void *longer = arena_alloc(r->json->arena, (count == 0 ? 4 : (size_t)count * 2) * bytes);
	if (longer == NULL)
		r->full = true;
	else if (count > 0)
		memcpy(longer, items, count * bytes);
	return longer;
}

static bool read_line(struct reading *r)
{
	struct erp_document *d = &r->document;
	struct slice name;
	struct erp_line *lines = add_item(r, d->lines, d->line_count, LINES_MAX, sizeof(*lines));
	if (lines == NULL || !json_object(r->json))
		return false;
	d->lines = lines;
	struct erp_line *line = &lines[d->line_count++];
	while (json_member(r->json, &name)) {
		bool fine;
		if (slice_is(name, "item"))
			fine = read_copy(r, &line->item);
		else if (slice_is(name, "quantity"))
			fine = read_total(r->json, &line->quantity);
		else if (slice_is(name, "amount"))
			fine = read_total(r->json, &line->amount);
		else
			fine = json_skip(r->json, NULL);
		if (!fine)
			return false;
	}
	return r->json->problem == NULL;
}

static bool read_payment(struct reading *r)
{
	struct erp_document *d = &r->document;
	struct slice name;
	struct erp_payment *payments =
		add_item(r, d->payments, d->payment_count, PAYMENTS_MAX, sizeof(*payments));
	if (payments == NULL || !json_object(r->json))
		return false;
	d->payments = payments;
	struct erp_payment *payment = &payments[d->payment_count++];
	while (json_member(r->json, &name)) {
		bool fine;
		if (slice_is(name, "method"))
			fine = read_copy(r, &payment->method);
		else if (slice_is(name, "amount"))
			fine = read_total(r->json, &payment->amount);
		else
			fine = json_skip(r->json, NULL);
		if (!fine)
			return false;
	}
	return r->json->problem == NULL;
}

static bool read_list(struct reading *r, bool (*read_item)(struct reading *r))
{
	if (!json_array(r->json))
		return false;
	while (json_element(r->json))
		if (!read_item(r))
			return false;
	return r->json->problem == NULL;
}

static bool read_member(struct reading *r, struct slice name)
{
	struct erp_document *d = &r->document;
	if (slice_is(name, "number"))
		return read_number(r);
	if (slice_is(name, "reference"))
		return json_string(r->json, &r->reference);
	if (slice_is(name, "date"))
		return read_date(r->json, &d->date);
	if (slice_is(name, "currency"))
		return read_copy(r, &d->currency);
	if (slice_is(name, "lines"))
		return read_list(r, read_line);
	if (slice_is(name, "payments"))
		return read_list(r, read_payment);
	if (slice_is(name, "net"))
		return read_total(r->json, &d->net);
	if (slice_is(name, "tax"))
		return read_total(r->json, &d->tax);
	if (slice_is(name, "total"))
		return read_total(r->json, &d->gross);
	if (slice_is(name, "rounding"))
		return read_total(r->json, &d->rounding);
	return json_skip(r->json, NULL);
}

static bool read_document(struct reading *r)
{
	struct slice name;
	if (!json_object(r->json))
		return false;
	while (json_member(r->json, &name))
		if (!read_member(r, name))
			return false;
	return r->json->problem == NULL;
}

/* The first document with a reference counts; further ones are copies. */
static void place(const struct reading *r, const struct posting *postings, size_t count,
	struct erp_document *documents)
{
	for (size_t i = 0; i < count; i++) {
		if (!slice_is(r->reference, postings[i].external_id))
			continue;
		unsigned copies = documents[i].copies + 1;
		if (copies == 1)
			documents[i] = r->document;
		documents[i].found = true;
		documents[i].copies = copies;
		return;
	}
}

enum status sandbox_read_documents(struct slice text, struct arena *arena,
	const struct posting *postings, size_t count, struct erp_document *documents,
	struct error *err)
{
	struct json json;
	bool full = false, fine;
	json_init(&json, text, arena);
	fine = enter_list(&json, "sales");
	while (fine && json_element(&json)) {
		struct reading r = { .json = &json };
		fine = read_document(&r);
		full = r.full;
		if (fine)
			place(&r, postings, count, documents);
	}
	if (full)
		return error_set(err, E_FULL, "the documents need too much memory");
	if (fine && json.problem == NULL)
		return OK;
	return error_set(err, E_RETRY, "the ERP's answer cannot be read: byte %zu: %s",
		json_offset(&json),
		json.problem != NULL ? json.problem : "a list of sales is expected");
}
