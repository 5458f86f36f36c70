#include "erp/odoo_internal.h"

#include "base/check.h"

enum { MASTER_TEXT_BYTES_MAX = 4 << 20, LEARN_MAX = 500 };

static_assert(offsetof(struct odoo_item, code) == 0, "the map's entries begin with their code");

void odoo_master_init(struct odoo_master *master)
{
	*master = (struct odoo_master){ 0 };
	code_map_init(&master->items, sizeof(struct odoo_item));
	arena_init(&master->texts, MASTER_TEXT_BYTES_MAX);
}

void odoo_master_release(struct odoo_master *master)
{
	code_map_release(&master->items);
	arena_release(&master->texts);
}

void odoo_master_forget(struct odoo *o)
{
	code_map_clear(&o->master.items);
	o->master.loaded = false;
}

static void begin_search(struct odoo *o, const char *model)
{
	odoo_begin(o, model, "search_read", NULL, 0);
}

/* --- points of sale --- */

static enum status keep_points(struct odoo *o, const struct json_t *rows, struct error *err)
{
	struct odoo_master *m = &o->master;
	m->points = arena_array(&m->texts, struct odoo_point, wire_count(rows) + 1);
	m->point_count = 0;
	for (size_t i = 0; m->points != NULL && i < wire_count(rows); i++) {
		const struct json_t *row = wire_at(rows, i);
		struct slice name = arena_copy(&m->texts, wire_text(wire_get(row, "name")));
		if (name.ptr == NULL)
			return error_set(
				err, E_FULL, "the names of Odoo's points of sale are too long");
		m->points[m->point_count++] = (struct odoo_point){
			.id = wire_id(wire_get(row, "id")),
			.company = odoo_reference(wire_get(row, "company_id")),
			.currency = odoo_reference(wire_get(row, "currency_id")),
			.name = name,
		};
	}
	return m->points == NULL ? error_set(err, E_FULL, "no memory for points of sale") : OK;
}

static bool lists(const struct json_t *ids, int64_t id)
{
	for (size_t i = 0; i < wire_count(ids); i++)
		if (wire_id(wire_at(ids, i)) == id)
			return true;
	return false;
}

/* Each point of sale lists the methods that it takes; several companies may have one of a name. */
static void keep_methods(struct odoo *o, const struct json_t *points, const struct json_t *methods)
{
	for (size_t p = 0; p < o->master.point_count; p++) {
		const struct json_t *taken = wire_get(wire_at(points, p), "payment_method_ids");
		for (size_t k = 0; k < wire_count(methods); k++) {
			const struct json_t *row = wire_at(methods, k);
			int64_t id = wire_id(wire_get(row, "id"));
			if (!lists(taken, id))
				continue;
			for (unsigned i = 0; i < ODOO_METHODS; i++)
				if (slice_is(wire_text(wire_get(row, "name")),
					    odoo_method_name(o, i)))
					o->master.points[p].methods[i] = id;
		}
	}
}

static enum status load_points(struct odoo *o, struct error *err)
{
	struct json_t *rows WIRE_OWNED = NULL, *methods WIRE_OWNED = NULL;
	arena_reset(&o->master.texts);
	begin_search(o, "pos.config");
	wire_write(odoo_parameter(o, "domain"), "[['active','=',true]]");
	wire_write(odoo_parameter(o, "fields"),
		"['name','company_id','currency_id','payment_method_ids']");
	wire_write(odoo_parameter(o, "limit"), "%i", (int64_t)ODOO_POINTS_MAX);
	enum status s = odoo_send_search(o, &rows, err);
	if (s == OK)
		s = keep_points(o, rows, err);
	if (s != OK)
		return s;
	begin_search(o, "pos.payment.method");
	wire_write(odoo_parameter(o, "domain"), "[]");
	wire_write(odoo_parameter(o, "fields"), "['name']");
	s = odoo_send_search(o, &methods, err);
	if (s == OK)
		keep_methods(o, rows, methods);
	return s;
}

static enum status load_currencies(struct odoo *o, struct error *err)
{
	struct json_t *rows WIRE_OWNED = NULL;
	begin_search(o, "res.currency");
	wire_write(odoo_parameter(o, "domain"), "[['active','=',true]]");
	wire_write(odoo_parameter(o, "fields"), "['name','decimal_places']");
	enum status s = odoo_send_search(o, &rows, err);
	for (size_t k = 0; k < wire_count(rows) && s == OK; k++) {
		const struct json_t *row = wire_at(rows, k);
		struct slice code = wire_text(wire_get(row, "name"));
		int64_t digits = wire_id(wire_get(row, "decimal_places"));
		for (size_t i = 0; i < o->master.point_count; i++) {
			struct odoo_point *point = &o->master.points[i];
			if (point->currency != wire_id(wire_get(row, "id")) || code.len != 3 ||
				digits < 0 || digits > 4)
				continue;
			memcpy(point->currency_code, code.ptr, 3);
			point->currency_digits = (unsigned)digits;
		}
	}
	return s;
}

/* --- taxes, and the product for rounding --- */

static enum status load_taxes(struct odoo *o, struct error *err)
{
	struct odoo_master *m = &o->master;
	struct json_t *rows WIRE_OWNED = NULL;
	m->tax_count = 0;
	begin_search(o, "account.tax");
	wire_write(odoo_parameter(o, "domain"),
		"[['type_tax_use','=','sale'],['amount_type','=','percent']]");
	wire_write(odoo_parameter(o, "fields"), "['name','amount','price_include','company_id']");
	wire_write(odoo_parameter(o, "limit"), "%i", (int64_t)ODOO_TAXES_MAX);
	wire_write(odoo_parameter(o, "order"), "'sequence, id'");
	enum status s = odoo_send_search(o, &rows, err);
	for (size_t i = 0; i < wire_count(rows) && i < ODOO_TAXES_MAX && s == OK; i++) {
		const struct json_t *row = wire_at(rows, i);
		struct slice name = arena_copy(&m->texts, wire_text(wire_get(row, "name")));
		if (name.ptr == NULL)
			return error_set(err, E_FULL, "the names of Odoo's taxes are too long");
		m->taxes[m->tax_count++] = (struct odoo_tax){
			.id = wire_id(wire_get(row, "id")),
			.company = odoo_reference(wire_get(row, "company_id")),
			.percent = wire_total(wire_get(row, "amount")),
			.name = name,
			.in_price = wire_is_true(wire_get(row, "price_include")),
		};
	}
	return s;
}

static enum status keep_code(struct odoo *o, struct slice code, int64_t id, struct error *err)
{
	if (code.len == 0) /* Odoo writes false for a text that is not there */
		return OK;
	struct odoo_item *item = code_map_add(&o->master.items, code);
	if (item == NULL)
		return error_set(err, E_FULL, "no memory for more products");
	item->ambiguous |= item->id != 0 && item->id != id;
	item->id = id;
	return OK;
}

static enum status keep_items(struct odoo *o, const struct json_t *rows, struct error *err)
{
	for (size_t i = 0; i < wire_count(rows); i++) {
		const struct json_t *row = wire_at(rows, i);
		int64_t id = wire_id(wire_get(row, "id"));
		enum status s = keep_code(o, wire_text(wire_get(row, "default_code")), id, err);
		if (s == OK)
			s = keep_code(o, wire_text(wire_get(row, "barcode")), id, err);
		if (s != OK)
			return s;
	}
	return OK;
}

static enum status load_rounding(struct odoo *o, struct error *err)
{
	struct json_t *rows WIRE_OWNED = NULL;
	begin_search(o, "product.product");
	wire_write(odoo_parameter(o, "domain"), "[['default_code','=',%s]]",
		o->config->rounding_product);
	wire_write(odoo_parameter(o, "fields"), "['default_code','barcode']");
	wire_write(odoo_parameter(o, "limit"), "1");
	enum status s = odoo_send_search(o, &rows, err);
	o->master.rounding = (struct odoo_item){ .id = wire_id(wire_get(wire_at(rows, 0), "id")) };
	if (s == OK && o->master.rounding.id == 0)
		return error_set(err, E_CONFIG, "Odoo has no product \"%s\" for rounding",
			o->config->rounding_product);
	return s;
}

enum status odoo_master_load(struct odoo *o, struct error *err)
{
	static enum status (*const parts[])(struct odoo *, struct error *) = { load_points,
		load_currencies, load_taxes, load_rounding };
	enum status s = odoo_log_in(o, err);
	if (s != OK || o->master.loaded)
		return s;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		s = parts[i](o, err);
		/* What is refused here is no record's fault. */
		if (s == E_REFUSED)
			return error_set(err, E_CONFIG, "Odoo's master data cannot be read: %s",
				err == NULL ? "" : err->text);
		if (s != OK)
			return s;
	}
	o->master.loaded = true;
	return OK;
}

/* --- looking up --- */

const struct odoo_item *odoo_item_find(const struct odoo *o, const struct line *line)
{
	const struct odoo_item *item = NULL;
	if (line->item.ptr != NULL)
		item = code_map_find(&o->master.items, line->item);
	if (item == NULL && line->gtin.ptr != NULL)
		item = code_map_find(&o->master.items, line->gtin);
	return item;
}

/* The value of `name` in "a=x,b=y"; a NULL ptr when it is not there. */
static struct slice find_pair(const char *list, struct slice name)
{
	struct slice rest = slice_of(list == NULL ? "" : list);
	while (rest.len > 0) {
		struct slice value, pair = slice_cut(rest, ',', &rest);
		if (slice_equal(slice_trim(slice_cut(pair, '=', &value)), name))
			return slice_trim(value);
	}
	return (struct slice){ NULL, 0 };
}

const struct odoo_tax *odoo_tax_find(const struct odoo *o, int64_t company, const struct tax *tax)
{
	struct slice wanted = find_pair(o->config->tax_names, tax->code);
	struct total percent = { total_of(tax->rate).nanos * 100 };
	for (size_t i = 0; i < o->master.tax_count; i++) {
		const struct odoo_tax *found = &o->master.taxes[i];
		if (found->company == company &&
			(wanted.ptr != NULL ? slice_equal(found->name, wanted)
					    : total_compare(found->percent, percent) == 0))
			return found;
	}
	return NULL;
}

struct slice odoo_point_name(const struct odoo *o, const struct key *key)
{
	char both[2 * ID_TEXT_MAX + 2];
	snprintf(both, sizeof(both), "%.*s/%.*s", SLICE_ARG(key->store), SLICE_ARG(key->reg));
	struct slice name = find_pair(o->config->points_of_sale, slice_of(both));
	if (name.ptr == NULL)
		name = find_pair(o->config->points_of_sale, key->store);
	return name.ptr == NULL ? key->store : name;
}

struct odoo_point *odoo_point_find(const struct odoo *o, const struct key *key)
{
	struct slice name = odoo_point_name(o, key);
	for (size_t i = 0; i < o->master.point_count; i++)
		if (slice_equal(o->master.points[i].name, name))
			return &o->master.points[i];
	return NULL;
}

unsigned odoo_method_index(struct slice kind)
{
	return slice_is(kind, "cash") ? 0 : slice_is(kind, "card") ? 1 : 2;
}

const char *odoo_method_name(const struct odoo *o, unsigned index)
{
	const char *const names[ODOO_METHODS] = { o->config->cash_method, o->config->card_method,
		o->config->other_method };
	check(index < ODOO_METHODS);
	return names[index];
}

/* --- learning the items of a batch --- */

/* Codes that are not known yet, of at most LEARN_MAX lines, from *posting and *line on. */
static size_t list_unknown(struct odoo *o, struct buf *buf, const struct posting *postings,
	size_t count, size_t *posting, uint32_t *line)
{
	size_t listed = 0;
	for (; *posting < count; (*posting)++, *line = 0) {
		const struct line_list *lines = &postings[*posting].transaction->lines;
		for (; *line < lines->count && listed < LEARN_MAX; (*line)++) {
			const struct line *wanted = &lines->items[*line];
			if (odoo_item_find(o, wanted) != NULL)
				continue;
			if (wanted->item.ptr != NULL)
				wire_write(buf, listed++ == 0 ? "%t" : ",%t", &wanted->item);
			if (wanted->gtin.ptr != NULL)
				wire_write(buf, listed++ == 0 ? "%t" : ",%t", &wanted->gtin);
		}
		if (listed >= LEARN_MAX)
			return listed;
	}
	return listed;
}

static enum status learn(
	struct odoo *o, const struct posting *postings, size_t count, struct error *err)
{
	size_t posting = 0;
	uint32_t line = 0;
	struct buf codes;
	enum status s = OK;
	buf_init(&codes, 1 << 20);
	while (posting < count && s == OK) {
		struct json_t *rows WIRE_OWNED = NULL;
		buf_reset(&codes);
		if (list_unknown(o, &codes, postings, count, &posting, &line) == 0)
			break;
		struct slice list = buf_get(&codes);
		begin_search(o, "product.product");
		struct buf *domain = odoo_parameter(o, "domain");
		wire_write(domain, "['|',['default_code','in',[");
		buf_append(domain, list.ptr, list.len);
		wire_write(domain, "]],['barcode','in',[");
		buf_append(domain, list.ptr, list.len);
		wire_write(domain, "]]]");
		wire_write(odoo_parameter(o, "fields"), "['default_code','barcode']");
		s = codes.failed ? error_set(err, E_FULL, "no memory for a list of items")
				 : odoo_send_search(o, &rows, err);
		if (s == OK)
			s = keep_items(o, rows, err);
	}
	buf_release(&codes);
	return s;
}

enum status odoo_master_learn(
	struct odoo *o, const struct posting *postings, size_t count, struct error *err)
{
	enum status s = learn(o, postings, count, err);
	if (s != E_FULL)
		return s;
	/* The map is full of what is not needed now: start again with what is. */
	code_map_clear(&o->master.items);
	return learn(o, postings, count, err);
}
