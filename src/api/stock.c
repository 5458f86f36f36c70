#include "api/resource.h"

/* The cursor is "location/item": a location has no slash. */
static bool read_cursor(struct query *q, struct slice *ret_location, struct slice *ret_item)
{
	*ret_location = slice_cut(slice_of(q->after), '/', ret_item);
	if (q->after[0] == '\0')
		*ret_item = slice_of("");
	if (ret_item->ptr != NULL)
		return true;
	error_set(&q->err, E_INPUT, "after is not a cursor that this API gave out");
	return false;
}

static void write_row(struct query *q, struct statement *row, int64_t now_ms)
{
	json_write_comma(q->buf);
	buf_char(q->buf, '{');
	json_write_member(q->buf, "item", statement_text(row, 1));
	json_write_member(q->buf, "location", statement_text(row, 0));
	write_column(q->buf, "on_hand", row, 2);
	write_time(q->buf, "as_of", statement_int(row, 3));
	write_seconds(q->buf, "age_seconds", (double)(now_ms - statement_int(row, 3)) / 1000);
	buf_char(q->buf, '}');
}

/* One location is a range of the primary key, and one item of an index: each gets a condition that
 * says so. */
#define SELECT                                                                                     \
	"SELECT location, item, quantity, changed_ms FROM on_hand"                                 \
	" WHERE (location, item) > ($1, $2) AND "
#define ORDER " ORDER BY location, item LIMIT $5"

enum status stock_list(struct query *q)
{
	struct slice item, location, after_location, after_item;
	struct statement *rows = NULL;
	bool row = true;
	uint64_t count = 0;
	if (!query_text(q, "item", &item) || !query_text(q, "location", &location) ||
		!read_cursor(q, &after_location, &after_item))
		return E_INPUT;
	enum status s = store_prepare(q->store,
		location.ptr != NULL ? SELECT
			"location = $3 AND item > $2 AND ($4 IS NULL OR item = $4)" ORDER
		: item.ptr != NULL ? SELECT "$3 IS NULL AND item = $4" ORDER
				   : SELECT "$3 IS NULL AND $4 IS NULL" ORDER,
		&rows, &q->err);
	if (s != OK)
		return s;
	statement_bind_text(rows, 1, after_location);
	/* With one location the cursor is of that location; any other's item says nothing. */
	statement_bind_text(rows, 2,
		location.ptr == NULL || slice_equal(location, after_location) ? after_item
									      : slice_of(""));
	statement_bind_text(rows, 3, location);
	statement_bind_text(rows, 4, item);
	statement_bind_int(rows, 5, (int64_t)q->limit + 1);
	struct clock *clock = api_sources(q->api)->clock;
	int64_t now_ms = clock->wall_ms(clock);
	struct slice last_location = { NULL, 0 }, last_item = { NULL, 0 };
	list_begin(q, "stock");
	while (s == OK && (s = statement_step(rows, &row, &q->err)) == OK && row) {
		if (count++ == q->limit)
			break;
		write_row(q, rows, now_ms);
		if (count == q->limit) {
			last_location = arena_copy(q->arena, statement_text(rows, 0));
			last_item = arena_copy(q->arena, statement_text(rows, 1));
		}
	}
	if (count > q->limit)
		list_end(q, "%.*s/%.*s", SLICE_ARG(last_location), SLICE_ARG(last_item));
	else
		list_end_last(q);
	statement_close(rows);
	return s;
}
