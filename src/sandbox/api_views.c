#include "sandbox/api.h"

#include "sandbox/ledger.h"

/* The parameters that a list understands; an absent one is an empty text. */
struct filter {
	char warehouse[SALE_ID_MAX + 1], item[SALE_ID_MAX + 1], date[DATE_TEXT_LEN + 1];
	uint64_t after, limit;
	bool none; /* nothing can match: the warehouse or item was never seen */
	bool by_warehouse, by_item, by_date;
	uint32_t warehouse_number, item_number;
	date_t day;
};

static enum status read_number(struct slice query, const char *name, uint64_t min, uint64_t max,
	uint64_t *number, struct error *err)
{
	char text[24];
	bool present;
	if (!http_query(query, name, text, sizeof(text), &present) ||
		(present &&
			(!slice_to_u64(slice_of(text), number) || *number < min || *number > max)))
		return error_set(err, E_INPUT, "%s: a number from %llu to %llu is expected", name,
			(unsigned long long)min, (unsigned long long)max);
	return OK;
}

static enum status read_name(struct slice query, const char *name, const struct names *names,
	char *text, bool *ret_present, uint32_t *ret_number, struct filter *filter,
	struct error *err)
{
	if (!http_query(query, name, text, SALE_ID_MAX + 1, ret_present))
		return error_set(
			err, E_INPUT, "%s: at most %d bytes are expected", name, SALE_ID_MAX);
	if (*ret_present && !names_find(names, slice_of(text), ret_number))
		filter->none = true;
	return OK;
}

static enum status read_day(struct slice query, struct filter *filter, struct error *err)
{
	if (!http_query(query, "date", filter->date, sizeof(filter->date), &filter->by_date) ||
		(filter->by_date && !date_parse(slice_of(filter->date), &filter->day)))
		return error_set(err, E_INPUT, "date: a date such as 2026-11-23 is expected");
	return OK;
}

static enum status read_filter(const struct sandbox_state *state, struct slice query,
	struct filter *ret_filter, struct error *err)
{
	struct filter *f = ret_filter;
	*f = (struct filter){ .limit = API_PAGE_ROWS_MAX };
	enum status s = read_number(query, "limit", 1, API_PAGE_ROWS_MAX, &f->limit, err);
	if (s == OK)
		s = read_number(query, "after", 0, UINT32_MAX, &f->after, err);
	if (s == OK)
		s = read_name(query, "warehouse", &state->warehouses, f->warehouse,
			&f->by_warehouse, &f->warehouse_number, f, err);
	if (s == OK)
		s = read_name(query, "item", &state->items, f->item, &f->by_item, &f->item_number,
			f, err);
	if (s == OK)
		s = read_day(query, f, err);
	return s;
}

static void write_total(struct buf *buf, const char *name, struct total total, unsigned scale_min)
{
	json_write_name(buf, name);
	buf_char(buf, '"');
	total_write(total, scale_min, buf);
	buf_char(buf, '"');
}

/* "next" is the place to go on from, or null when this was the end. */
static void end_page(struct buf *buf, uint32_t at, uint32_t count)
{
	buf_char(buf, ']');
	json_write_name(buf, "next");
	if (at < count)
		buf_format(buf, "\"%u\"", at);
	else
		buf_text(buf, "null");
	buf_char(buf, '}');
}

static bool page_is_full(const struct filter *filter, uint64_t rows, const struct buf *buf)
{
	return rows == filter->limit || buf->len > API_PAGE_BYTES_MAX || buf->failed;
}

static void write_stock(
	const struct sandbox_state *state, const struct stock_row *row, struct buf *buf)
{
	json_write_comma(buf);
	buf_char(buf, '{');
	json_write_member(buf, "warehouse", names_text(&state->warehouses, row->warehouse));
	json_write_member(buf, "item", names_text(&state->items, row->item));
	write_total(buf, "on_hand", row->on_hand, 0);
	buf_char(buf, '}');
}

void sandbox_api_get_stock(struct sandbox_api *api, struct slice query, struct reply *reply)
{
	const struct sandbox_state *state = &api->state;
	struct filter filter;
	struct error err;
	uint64_t rows = 0;
	if (read_filter(state, query, &filter, &err) != OK) {
		reply_problem(reply, PROBLEM_MALFORMED, "%s", err.text);
		return;
	}
	uint32_t count = filter.none ? 0 : state->stock.count, at = (uint32_t)filter.after;
	buf_text(&reply->body, "{\"stock\":[");
	for (; at < count && !page_is_full(&filter, rows, &reply->body); at++) {
		const struct stock_row *row = sandbox_state_stock(state, at);
		if ((filter.by_warehouse && row->warehouse != filter.warehouse_number) ||
			(filter.by_item && row->item != filter.item_number))
			continue;
		write_stock(state, row, &reply->body);
		rows++;
	}
	end_page(&reply->body, at, count);
}

static void write_entry(const struct sale *sale, const struct ledger_entry *entry, struct buf *buf)
{
	json_write_comma(buf);
	buf_char(buf, '{');
	json_write_member(buf, "number", sale->number);
	json_write_member_text(buf, "account", entry->account);
	write_total(buf, "debit", entry->debit, 2);
	write_total(buf, "credit", entry->credit, 2);
	json_write_member(buf, "currency", sale->currency);
	buf_char(buf, '}');
}

static enum status write_ledger(
	struct sandbox_api *api, uint32_t at, struct buf *buf, struct error *err)
{
	struct sale sale;
	struct ledger ledger;
	enum status s = sandbox_api_read_document(api, at, &sale, err);
	if (s != OK)
		return s;
	ledger_of(&sale, &ledger);
	for (uint32_t i = 0; i < ledger.count; i++)
		write_entry(&sale, &ledger.entries[i], buf);
	return OK;
}

void sandbox_api_get_ledger(struct sandbox_api *api, struct slice query, struct reply *reply)
{
	struct filter filter;
	struct error err;
	uint64_t documents = 0;
	if (read_filter(&api->state, query, &filter, &err) != OK) {
		reply_problem(reply, PROBLEM_MALFORMED, "%s", err.text);
		return;
	}
	uint32_t count = filter.none ? 0 : api->state.documents.count, at = (uint32_t)filter.after;
	buf_text(&reply->body, "{\"entries\":[");
	for (; at < count && !page_is_full(&filter, documents, &reply->body); at++) {
		const struct document *document = sandbox_state_document(&api->state, at);
		if ((filter.by_warehouse && document->warehouse != filter.warehouse_number) ||
			(filter.by_date && document->date != filter.day))
			continue;
		if (write_ledger(api, at, &reply->body, &err) != OK) {
			reply_problem(reply, PROBLEM_INTERNAL, "%s", err.text);
			return;
		}
		documents++;
	}
	end_page(&reply->body, at, count);
}

static void write_sums(const struct sum_row *row, struct buf *buf)
{
	json_write_member_text(buf, "currency", row->currency);
	json_write_member_u64(buf, "documents", row->documents);
	json_write_member_u64(buf, "lines", row->lines);
	write_total(buf, "net", row->net, 2);
	write_total(buf, "tax", row->tax, 2);
	write_total(buf, "total", row->total, 2);
	buf_char(buf, '}');
}

/* What all warehouses add up to in the currency of row `first`; false when an earlier row has had
 * it already. */
static bool sum_currency(const struct sandbox_state *state, uint32_t first, struct sum_row *ret_sum)
{
	const char *currency = sandbox_state_sum(state, first)->currency;
	struct sum_row sum = { 0 };
	memcpy(sum.currency, currency, sizeof(sum.currency));
	for (uint32_t i = 0; i < state->sums.count; i++) {
		const struct sum_row *row = sandbox_state_sum(state, i);
		if (strcmp(row->currency, currency) != 0)
			continue;
		if (i < first)
			return false;
		sum.documents += row->documents;
		sum.lines += row->lines;
		sum.net = total_add(sum.net, row->net);
		sum.tax = total_add(sum.tax, row->tax);
		sum.total = total_add(sum.total, row->total);
	}
	*ret_sum = sum;
	return true;
}

static void write_totals(const struct sandbox_state *state, struct buf *buf)
{
	struct sum_row sum;
	json_write_name(buf, "totals");
	buf_char(buf, '[');
	for (uint32_t i = 0; i < state->sums.count; i++) {
		if (!sum_currency(state, i, &sum))
			continue;
		json_write_comma(buf);
		buf_char(buf, '{');
		write_sums(&sum, buf);
	}
	buf_char(buf, ']');
}

void sandbox_api_get_summary(struct sandbox_api *api, struct reply *reply)
{
	const struct sandbox_state *state = &api->state;
	struct buf *buf = &reply->body;
	buf_char(buf, '{');
	json_write_member_u64(buf, "documents", state->documents.count);
	json_write_member_u64(buf, "lines", state->lines_count);
	json_write_member_u64(buf, "references", state->references_count);
	json_write_member_u64(buf, "duplicates", state->documents.count - state->references_count);
	write_totals(state, buf);
	json_write_name(buf, "warehouses");
	buf_char(buf, '[');
	for (uint32_t i = 0; i < state->sums.count; i++) {
		const struct sum_row *row = sandbox_state_sum(state, i);
		json_write_comma(buf);
		buf_char(buf, '{');
		json_write_member(buf, "warehouse", names_text(&state->warehouses, row->warehouse));
		write_sums(row, buf);
	}
	buf_text(buf, "]}");
}
