#include "erp/tryton_internal.h"

#include "base/check.h"

enum { MASTER_TEXT_BYTES_MAX = 64 << 10, LEARN_MAX = 500 };

static_assert(offsetof(struct tryton_item, code) == 0, "the map's entries begin with their code");
static_assert(offsetof(struct tryton_store, code) == 0, "the map's entries begin with their code");

void tryton_master_init(struct tryton_master *master)
{
	*master = (struct tryton_master){ 0 };
	code_map_init(&master->items, sizeof(struct tryton_item));
	code_map_init(&master->stores, sizeof(struct tryton_store));
	arena_init(&master->texts, MASTER_TEXT_BYTES_MAX);
}

void tryton_master_release(struct tryton_master *master)
{
	code_map_release(&master->items);
	code_map_release(&master->stores);
	arena_release(&master->texts);
}

void tryton_master_forget(struct tryton *t)
{
	struct tryton_master *m = &t->master;
	code_map_clear(&m->items);
	code_map_clear(&m->stores);
	m->loaded = false;
}

static enum status load_company(struct tryton *t, struct error *err)
{
	struct tryton_master *m = &t->master;
	struct json_t *preferences WIRE_OWNED = NULL, *rows WIRE_OWNED = NULL;
	m->company = 0;
	tryton_begin(t, "model.res.user.get_preferences");
	wire_write(&t->request, "true");
	enum status s = tryton_send(t, true, &preferences, err);
	if (s != OK)
		return s;
	m->company = wire_id(wire_get(preferences, "company"));
	if (m->company == 0)
		return error_set(err, E_CONFIG, "user \"%s\" works for no company in Tryton",
			t->config->user);
	tryton_begin(t, "model.company.company.read");
	wire_write(&t->request, "[%i],['currency','currency.code','currency.digits']", m->company);
	s = tryton_send(t, true, &rows, err);
	if (s != OK)
		return s;
	const struct json_t *row = wire_at(rows, 0);
	struct slice code = wire_text(wire_path(row, "currency.", "code"));
	int64_t digits = wire_id(wire_path(row, "currency.", "digits"));
	m->currency = wire_id(wire_get(row, "currency"));
	m->currency_digits = (unsigned)digits;
	if (code.len != 3 || digits < 0 || digits > 4)
		return error_set(err, E_CONFIG,
			"the company's currency \"%.*s\" is none of ISO 4217", SLICE_ARG(code));
	memcpy(m->currency_code, code.ptr, 3);
	return OK;
}

static enum status load_party(struct tryton *t, struct error *err)
{
	struct tryton_master *m = &t->master;
	struct json_t *rows WIRE_OWNED = NULL, *locations WIRE_OWNED = NULL;
	tryton_begin(t, "model.party.party.search_read");
	wire_write(&t->request, "[['code','=',%s]],0,1,null,['addresses']", t->config->party);
	enum status s = tryton_send(t, true, &rows, err);
	if (s != OK)
		return s;
	m->party = wire_id(wire_get(wire_at(rows, 0), "id"));
	m->address = wire_id(wire_at(wire_get(wire_at(rows, 0), "addresses"), 0));
	if (m->party == 0 || m->address == 0)
		return error_set(err, E_CONFIG,
			"Tryton has no party with code \"%s\" and an address to sell to",
			t->config->party);
	tryton_begin(t, "model.stock.location.search_read");
	wire_write(&t->request, "[['type','=','customer']],0,1,[['id','ASC']],['code']");
	s = tryton_send(t, true, &locations, err);
	if (s != OK)
		return s;
	m->customer_location = wire_id(wire_get(wire_at(locations, 0), "id"));
	if (m->customer_location == 0)
		return error_set(err, E_CONFIG, "Tryton has no location of type customer");
	return OK;
}

/* The field only exists when its module is there, and Tryton refuses fields it does not know. */
static enum status load_fields(struct tryton *t, struct error *err)
{
	struct json_t *rows WIRE_OWNED = NULL;
	tryton_begin(t, "model.ir.model.field.search_read");
	wire_write(&t->request, "[['model.model','=','sale.sale'],['name','=','price_list']],"
				"0,1,null,['name']");
	enum status s = tryton_send(t, true, &rows, err);
	t->master.has_price_list = s == OK && wire_count(rows) > 0;
	return s;
}

static enum status load_methods(struct tryton *t, struct error *err)
{
	struct json_t *rows WIRE_OWNED = NULL;
	const char *const names[TRYTON_METHODS] = { t->config->cash_method, t->config->card_method,
		t->config->other_method };
	tryton_begin(t, "model.account.invoice.payment.method.search_read");
	wire_write(&t->request,
		"[['company','=',%i]],0,null,null,['name','journal','debit_account','credit_"
		"account']",
		t->master.company);
	enum status s = tryton_send(t, true, &rows, err);
	for (size_t i = 0; i < TRYTON_METHODS && s == OK; i++) {
		struct tryton_method *method = &t->master.methods[i];
		*method = (struct tryton_method){ 0 };
		for (size_t k = 0; k < wire_count(rows); k++) {
			const struct json_t *row = wire_at(rows, k);
			if (!slice_is(wire_text(wire_get(row, "name")), names[i]))
				continue;
			method->journal = wire_id(wire_get(row, "journal"));
			method->debit_account = wire_id(wire_get(row, "debit_account"));
			method->credit_account = wire_id(wire_get(row, "credit_account"));
		}
		if (method->journal == 0)
			s = error_set(
				err, E_CONFIG, "Tryton has no payment method \"%s\"", names[i]);
	}
	return s;
}

static enum status load_taxes(struct tryton *t, struct error *err)
{
	struct tryton_master *m = &t->master;
	struct json_t *rows WIRE_OWNED = NULL;
	arena_reset(&m->texts);
	m->tax_count = 0;
	tryton_begin(t, "model.account.tax.search_read");
	wire_write(&t->request,
		"[['company','=',%i],['parent','=',null],['type','=','percentage']],0,%i,"
		"[['id','ASC']],['name','rate']",
		m->company, (int64_t)TRYTON_TAXES_MAX);
	enum status s = tryton_send(t, true, &rows, err);
	for (size_t i = 0; i < wire_count(rows) && s == OK; i++) {
		const struct json_t *row = wire_at(rows, i);
		struct slice name = arena_copy(&m->texts, wire_text(wire_get(row, "name")));
		if (name.ptr == NULL)
			return error_set(err, E_FULL, "the names of Tryton's taxes are too long");
		m->taxes[m->tax_count++] = (struct tryton_tax){
			.id = wire_id(wire_get(row, "id")),
			.rate = wire_total(wire_get(row, "rate")),
			.name = name,
		};
	}
	return s;
}

static enum status load_years(struct tryton *t, struct error *err)
{
	struct tryton_master *m = &t->master;
	struct json_t *rows WIRE_OWNED = NULL;
	m->year_count = 0;
	tryton_begin(t, "model.account.fiscalyear.search_read");
	wire_write(&t->request,
		"[['company','=',%i]],0,%i,[['start_date','DESC']],['start_date','end_date']",
		m->company, (int64_t)TRYTON_YEARS_MAX);
	enum status s = tryton_send(t, true, &rows, err);
	for (size_t i = 0; i < wire_count(rows) && s == OK; i++) {
		const struct json_t *row = wire_at(rows, i);
		m->years[m->year_count++] = (struct tryton_year){
			.id = wire_id(wire_get(row, "id")),
			.start = wire_date(wire_get(row, "start_date")),
			.end = wire_date(wire_get(row, "end_date")),
		};
	}
	return s;
}

static enum status keep_items(struct tryton *t, const struct json_t *rows, struct error *err)
{
	for (size_t i = 0; i < wire_count(rows); i++) {
		const struct json_t *row = wire_at(rows, i);
		struct slice type = wire_text(wire_get(row, "type"));
		struct tryton_item *item =
			code_map_add(&t->master.items, wire_text(wire_get(row, "code")));
		if (item == NULL)
			return error_set(err, E_FULL, "no memory for more products");
		item->id = wire_id(wire_get(row, "id"));
		item->unit = wire_id(wire_get(row, "sale_uom"));
		if (item->unit == 0)
			item->unit = wire_id(wire_get(row, "default_uom"));
		item->goods = !slice_is(type, "service");
	}
	return OK;
}

static const char item_fields[] = "['code','type','sale_uom','default_uom']";

static enum status load_rounding(struct tryton *t, struct error *err)
{
	struct json_t *rows WIRE_OWNED = NULL;
	tryton_begin(t, "model.product.product.search_read");
	wire_write(&t->request, "[['code','=',%s]],0,1,null,", t->config->rounding_product);
	wire_write(&t->request, item_fields);
	enum status s = tryton_send(t, true, &rows, err);
	if (s == OK)
		s = keep_items(t, rows, err);
	if (s != OK)
		return s;
	const struct tryton_item *item = tryton_item_find(t, slice_of(t->config->rounding_product));
	if (item == NULL)
		return error_set(err, E_CONFIG, "Tryton has no product \"%s\" for rounding",
			t->config->rounding_product);
	t->master.rounding = *item;
	return OK;
}

enum status tryton_master_load(struct tryton *t, struct error *err)
{
	static enum status (*const parts[])(struct tryton *, struct error *) = { load_company,
		load_party, load_fields, load_methods, load_taxes, load_years, load_rounding };
	if (t->master.loaded)
		return OK;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		enum status s = parts[i](t, err);
		/* What is refused here is no document's fault. */
		if (s == E_REFUSED)
			return error_set(err, E_CONFIG, "Tryton's master data cannot be read: %s",
				err == NULL ? "" : err->text);
		if (s != OK)
			return s;
	}
	t->master.loaded = true;
	return OK;
}

const struct tryton_item *tryton_item_find(const struct tryton *t, struct slice code)
{
	return code_map_find(&t->master.items, code);
}

const struct tryton_store *tryton_store_find(const struct tryton *t, struct slice code)
{
	return code_map_find(&t->master.stores, code);
}

int64_t tryton_tax_find(const struct tryton *t, const struct tax *tax)
{
	const struct tryton_master *m = &t->master;
	struct slice rest = slice_of(t->config->tax_names == NULL ? "" : t->config->tax_names);
	struct slice wanted = { NULL, 0 };
	while (rest.len > 0 && wanted.ptr == NULL) {
		struct slice name, pair = slice_cut(rest, ',', &rest);
		if (slice_equal(slice_trim(slice_cut(pair, '=', &name)), tax->code))
			wanted = slice_trim(name);
	}
	struct total rate = total_of(tax->rate);
	for (size_t i = 0; i < m->tax_count; i++)
		if (wanted.ptr != NULL ? slice_equal(m->taxes[i].name, wanted)
				       : total_compare(m->taxes[i].rate, rate) == 0)
			return m->taxes[i].id;
	return 0;
}

struct tryton_year *tryton_year_find(struct tryton *t, date_t date)
{
	struct tryton_master *m = &t->master;
	for (size_t i = 0; i < m->year_count; i++)
		if (m->years[i].start <= date && date <= m->years[i].end)
			return &m->years[i];
	return NULL;
}

const struct tryton_method *tryton_method_find(const struct tryton *t, struct slice kind)
{
	return &t->master.methods[slice_is(kind, "cash") ? 0 : slice_is(kind, "card") ? 1 : 2];
}

/* Codes that are not known yet go into t->request as a list; returns how many. */
static size_t list_unknown_items(struct tryton *t, const struct posting *postings, size_t count,
	size_t *posting, uint32_t *line)
{
	size_t listed = 0;
	for (; *posting < count; (*posting)++, *line = 0) {
		const struct line_list *lines = &postings[*posting].transaction->lines;
		for (; *line < lines->count; (*line)++) {
			const struct slice *code = &lines->items[*line].item;
			if (code->ptr == NULL || tryton_item_find(t, *code) != NULL)
				continue;
			wire_write(&t->request, listed == 0 ? "%t" : ",%t", code);
			if (++listed == LEARN_MAX) {
				(*line)++;
				return listed;
			}
		}
	}
	return listed;
}

static enum status learn_items(
	struct tryton *t, const struct posting *postings, size_t count, struct error *err)
{
	size_t posting = 0;
	uint32_t line = 0;
	while (posting < count) {
		struct json_t *rows WIRE_OWNED = NULL;
		tryton_begin(t, "model.product.product.search_read");
		wire_write(&t->request, "[['code','in',[");
		if (list_unknown_items(t, postings, count, &posting, &line) == 0)
			return OK;
		wire_write(&t->request, "]]],0,null,null,");
		wire_write(&t->request, item_fields);
		enum status s = tryton_send(t, true, &rows, err);
		if (s == OK)
			s = keep_items(t, rows, err);
		if (s != OK)
			return s;
	}
	return OK;
}

static enum status learn_stores(
	struct tryton *t, const struct posting *postings, size_t count, struct error *err)
{
	struct json_t *rows WIRE_OWNED = NULL;
	bool any = false;
	tryton_begin(t, "model.stock.location.search_read");
	wire_write(&t->request, "[['type','=','warehouse'],['code','in',[");
	for (size_t i = 0; i < count; i++) {
		const struct slice *code = &postings[i].transaction->key.store;
		if (tryton_store_find(t, *code) != NULL)
			continue;
		wire_write(&t->request, any ? ",%t" : "%t", code);
		any = true;
	}
	if (!any)
		return OK;
	wire_write(
		&t->request, "]]],0,null,null,['code','storage_location','lost_found_location']");
	enum status s = tryton_send(t, true, &rows, err);
	for (size_t i = 0; i < wire_count(rows) && s == OK; i++) {
		const struct json_t *row = wire_at(rows, i);
		struct tryton_store *store =
			code_map_add(&t->master.stores, wire_text(wire_get(row, "code")));
		if (store == NULL)
			return error_set(err, E_FULL, "no memory for more warehouses");
		store->id = wire_id(wire_get(row, "id"));
		store->storage = wire_id(wire_get(row, "storage_location"));
		store->lost_found = wire_id(wire_get(row, "lost_found_location"));
	}
	return s;
}

enum status tryton_master_learn(
	struct tryton *t, const struct posting *postings, size_t count, struct error *err)
{
	enum status s = learn_stores(t, postings, count, err);
	if (s == OK)
		s = learn_items(t, postings, count, err);
	if (s != E_FULL)
		return s;
	/* The maps are full of what is not needed now: start again with what is. */
	code_map_clear(&t->master.items);
	code_map_clear(&t->master.stores);
	s = learn_stores(t, postings, count, err);
	return s == OK ? learn_items(t, postings, count, err) : s;
}
