#include "books/match.h"

#include "base/json.h"

#include <stdio.h>

const char *cause_name(enum cause cause)
{
	static const char *const names[] = {
		[CAUSE_MISSING] = "missing",
		[CAUSE_DOUBLE] = "double",
		[CAUSE_DATE] = "date",
		[CAUSE_CURRENCY] = "currency",
		[CAUSE_LINE_MISSING] = "line_missing",
		[CAUSE_LINE_NOT_OURS] = "line_not_ours",
		[CAUSE_QUANTITY] = "quantity",
		[CAUSE_AMOUNT] = "amount",
		[CAUSE_PAYMENT] = "payment",
		[CAUSE_TAX] = "tax",
		[CAUSE_TOTAL] = "total",
	};
	return names[cause];
}

static void add(struct differences *all, enum cause cause, const char *pointer, struct slice ours,
	struct slice theirs, struct total amount)
{
	if (all->count == DIFFERENCES_MAX) {
		all->dropped++;
		return;
	}
	struct difference *d = &all->items[all->count++];
	*d = (struct difference){ .cause = cause, .amount = amount };
	snprintf(d->pointer, sizeof(d->pointer), "%s", pointer);
	snprintf(d->ours, sizeof(d->ours), "%.*s", ours.len > 60 ? 60 : (int)ours.len,
		ours.ptr == NULL ? "" : ours.ptr);
	snprintf(d->theirs, sizeof(d->theirs), "%.*s", theirs.len > 60 ? 60 : (int)theirs.len,
		theirs.ptr == NULL ? "" : theirs.ptr);
}

static void compare_totals(struct differences *all, enum cause cause, const char *pointer,
	struct total ours, struct total theirs)
{
	char a[TOTAL_TEXT_MAX], b[TOTAL_TEXT_MAX];
	if (total_compare(ours, theirs) == 0)
		return;
	size_t a_len = total_print(ours, 0, a), b_len = total_print(theirs, 0, b);
	add(all, cause, pointer, slice_make(a, a_len), slice_make(b, b_len),
		total_subtract(theirs, ours));
}

/* A sum per name: items with quantity and amount, or tender kinds with their amount. */
struct sum {
	struct slice name;
	struct total quantity, amount;
	uint32_t first; /* index of the first line or tender of this name */
	bool seen;      /* by the other side */
};

struct sums {
	struct sum *items;
	uint32_t count;
	uint32_t *slots; /* open addressing; 0 is free, else index + 1 */
	uint32_t slot_count;
};

static bool sums_init(struct sums *sums, uint32_t size, struct arena *arena)
{
	uint32_t slots = 16;
	while (slots < 2 * (size + 1))
		slots *= 2;
	sums->items = arena_array(arena, struct sum, size + 1);
	sums->slots = arena_array(arena, uint32_t, slots);
	sums->slot_count = slots;
	sums->count = 0;
	return sums->items != NULL && sums->slots != NULL;
}

/* The sum of that name; a new one when there is none and `first` says where it comes from. */
static struct sum *sums_find(struct sums *sums, struct slice name, uint32_t first, bool create)
{
	uint32_t at = (uint32_t)slice_hash(name, 0) & (sums->slot_count - 1);
	for (; sums->slots[at] != 0; at = (at + 1) & (sums->slot_count - 1)) {
		struct sum *sum = &sums->items[sums->slots[at] - 1];
		if (slice_equal(sum->name, name))
			return sum;
	}
	if (!create)
		return NULL;
	struct sum *sum = &sums->items[sums->count++];
	*sum = (struct sum){ .name = name, .first = first };
	sums->slots[at] = sums->count;
	return sum;
}

static bool sum_our_lines(const struct transaction *ours, struct sums *sums, struct arena *arena)
{
	if (!sums_init(sums, ours->lines.count, arena))
		return false;
	for (uint32_t i = 0; i < ours->lines.count; i++) {
		const struct line *line = &ours->lines.items[i];
		struct sum *sum = sums_find(sums, line->item, i, true);
		sum->quantity = total_add(sum->quantity, total_of(line->quantity));
		sum->amount = total_add(sum->amount, total_of(line->amount));
	}
	return true;
}

static bool sum_their_lines(
	const struct erp_document *theirs, struct sums *sums, struct arena *arena)
{
	if (!sums_init(sums, theirs->line_count, arena))
		return false;
	for (uint32_t i = 0; i < theirs->line_count; i++) {
		const struct erp_line *line = &theirs->lines[i];
		struct sum *sum = sums_find(sums, line->item, i, true);
		sum->quantity = total_add(sum->quantity, line->quantity);
		sum->amount = total_add(sum->amount, line->amount);
	}
	return true;
}

static bool empty(const struct sum *sum)
{
	return total_sign(sum->quantity) == 0 && total_sign(sum->amount) == 0;
}

static enum status match_lines(const struct transaction *ours, const struct erp_document *theirs,
	struct arena *arena, struct differences *all)
{
	struct sums mine, other;
	if (!sum_our_lines(ours, &mine, arena) || !sum_their_lines(theirs, &other, arena))
		return E_FULL;
	for (uint32_t i = 0; i < mine.count; i++) {
		struct sum *sum = &mine.items[i];
		struct sum *found = sums_find(&other, sum->name, 0, false);
		char pointer[80];
		snprintf(pointer, sizeof(pointer), "/lines/%u", sum->first);
		if (found == NULL) {
			if (!empty(sum))
				add(all, CAUSE_LINE_MISSING, pointer, sum->name,
					(struct slice){ NULL, 0 }, total_negate(sum->amount));
			continue;
		}
		found->seen = true;
		snprintf(pointer, sizeof(pointer), "/lines/%u/quantity", sum->first);
		compare_totals(all, CAUSE_QUANTITY, pointer, sum->quantity, found->quantity);
		snprintf(pointer, sizeof(pointer), "/lines/%u/amount", sum->first);
		compare_totals(all, CAUSE_AMOUNT, pointer, sum->amount, found->amount);
	}
	for (uint32_t i = 0; i < other.count; i++)
		if (!other.items[i].seen && !empty(&other.items[i]))
			add(all, CAUSE_LINE_NOT_OURS, "/lines", (struct slice){ NULL, 0 },
				other.items[i].name, other.items[i].amount);
	return OK;
}

static enum status match_payments(const struct transaction *ours, const struct erp_document *theirs,
	struct arena *arena, struct differences *all)
{
	struct sums mine, other;
	if (!sums_init(&mine, ours->tenders.count + 1, arena) ||
		!sums_init(&other, theirs->payment_count, arena))
		return E_FULL;
	for (uint32_t i = 0; i < ours->tenders.count; i++) {
		const struct tender *tender = &ours->tenders.items[i];
		struct total taken =
			total_subtract(total_of(tender->amount), total_of(tender->change));
		struct sum *sum = sums_find(&mine, tender->kind, i, true);
		sum->amount = total_add(sum->amount, taken);
	}
	for (uint32_t i = 0; i < theirs->payment_count; i++) {
		struct sum *sum = sums_find(&other, theirs->payments[i].method, i, true);
		sum->amount = total_add(sum->amount, theirs->payments[i].amount);
	}
	for (uint32_t i = 0; i < mine.count; i++) {
		struct sum *found = sums_find(&other, mine.items[i].name, 0, false);
		char pointer[80];
		snprintf(pointer, sizeof(pointer), "/tenders/%u/amount", mine.items[i].first);
		compare_totals(all, CAUSE_PAYMENT, pointer, mine.items[i].amount,
			found == NULL ? total_zero() : found->amount);
		if (found != NULL)
			found->seen = true;
	}
	for (uint32_t i = 0; i < other.count; i++)
		if (!other.items[i].seen)
			compare_totals(all, CAUSE_PAYMENT, "/tenders", total_zero(),
				other.items[i].amount);
	return OK;
}

static void match_head(
	const struct transaction *ours, const struct erp_document *theirs, struct differences *all)
{
	char copies[16], a[DATE_TEXT_LEN + 1], b[DATE_TEXT_LEN + 1];
	if (theirs->copies > 1) {
		snprintf(copies, sizeof(copies), "%u", theirs->copies);
		add(all, CAUSE_DOUBLE, "", slice_of("1"), slice_of(copies), total_zero());
	}
	if (theirs->date != 0 && theirs->date != ours->key.business_date) {
		date_print(ours->key.business_date, a);
		date_print(theirs->date, b);
		add(all, CAUSE_DATE, "/business_date", slice_of(a), slice_of(b), total_zero());
	}
	if (!slice_equal(theirs->currency, ours->currency))
		add(all, CAUSE_CURRENCY, "/currency", ours->currency, theirs->currency,
			total_zero());
}

enum status match_document(const struct transaction *ours, const struct erp_document *theirs,
	struct arena *arena, struct differences *all)
{
	*all = (struct differences){ .count = 0 };
	if (!theirs->found) {
		add(all, CAUSE_MISSING, "", slice_of("1"), slice_of("0"),
			total_negate(total_of(ours->totals.gross)));
		return OK;
	}
	match_head(ours, theirs, all);
	enum status s = match_lines(ours, theirs, arena, all);
	if (s == OK)
		s = match_payments(ours, theirs, arena, all);
	/* What the ERP booked to its rounding account stands in its gross already; its own net and
	 * tax may then differ from the till's by no more than that. */
	struct total net = total_subtract(theirs->net, total_of(ours->totals.net));
	struct total tax = total_subtract(theirs->tax, total_of(ours->totals.tax));
	bool explained = total_compare(total_negate(total_add(net, tax)), theirs->rounding) == 0 &&
			 total_sign(theirs->rounding) != 0;
	if (!explained) {
		compare_totals(
			all, CAUSE_TOTAL, "/totals/net", total_of(ours->totals.net), theirs->net);
		compare_totals(
			all, CAUSE_TAX, "/totals/tax", total_of(ours->totals.tax), theirs->tax);
	}
	compare_totals(
		all, CAUSE_TOTAL, "/totals/gross", total_of(ours->totals.gross), theirs->gross);
	return s;
}

void differences_write(const struct differences *all, struct buf *buf)
{
	buf_char(buf, '[');
	for (uint32_t i = 0; i < all->count; i++) {
		const struct difference *d = &all->items[i];
		json_write_comma(buf);
		buf_char(buf, '{');
		json_write_member_text(buf, "cause", cause_name(d->cause));
		json_write_member_text(buf, "pointer", d->pointer);
		json_write_member_text(buf, "ours", d->ours);
		json_write_member_text(buf, "theirs", d->theirs);
		json_write_name(buf, "amount");
		buf_char(buf, '"');
		total_write(d->amount, 0, buf);
		buf_text(buf, "\"}");
	}
	buf_char(buf, ']');
}
