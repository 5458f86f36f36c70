#include "app/simulator_basket.h"

#include "base/check.h"

const char *tender_kind_name(enum tender_kind kind)
{
	static const char *const names[] = { "cash", "card", "gift_card" };
	return names[kind];
}

static struct decimal money(const struct basket *basket, int64_t minor)
{
	return decimal_make(minor, basket->country->minor_units);
}

/* a / b, a half away from zero; b > 0 */
static int64_t divide(__int128 a, __int128 b)
{
	__int128 twice = 2 * (a < 0 ? -a : a) + b;
	int64_t rounded = (int64_t)(twice / (2 * b));
	return a < 0 ? -rounded : rounded;
}

static int64_t times(int64_t price, struct decimal quantity)
{
	static const int64_t powers[] = { 1, 10, 100, 1000 };
	check(quantity.scale < 4);
	return divide((__int128)price * quantity.coefficient, powers[quantity.scale]);
}

void basket_init(struct basket *basket, const struct country *country, struct arena *arena)
{
	*basket = (struct basket){ .country = country, .arena = arena };
}

static struct line *add(
	struct basket *basket, unsigned kind, const char *item, const char *description)
{
	check(basket->line_count < BASKET_LINES_MAX);
	struct line *line = &basket->lines[basket->line_count++];
	line->number = basket->line_count;
	line->kind = kind;
	line->item = arena_copy(basket->arena, slice_of(item));
	line->description = arena_copy(basket->arena, slice_of(description));
	line->unit = slice_of("EA");
	return line;
}

static void discount(
	struct basket *basket, struct line *line, const struct item *item, int64_t *amount)
{
	int64_t off = divide((__int128)*amount * item->discount_percent, 100);
	line->discounts.items = arena_new(basket->arena, struct discount);
	if (off == 0 || line->discounts.items == NULL)
		return;
	line->discounts.count = 1;
	line->discounts.items[0] = (struct discount){ .amount = money(basket, off),
		.reason = slice_of("promotion"),
		.promotion = arena_copy(basket->arena, slice_of(item->promotion)) };
	*amount -= off;
}

/* Each line's tax is rounded half up, as tills do. */
static void tax(struct basket *basket, struct line *line, enum tax_class class, int64_t amount)
{
	const struct country *country = basket->country;
	uint32_t ppm = country->tax_ppm[class];
	bool included = country->prices_include_tax;
	int64_t part = divide((__int128)amount * ppm, 1000000 + (included ? ppm : 0));
	int64_t base = included ? amount - part : amount;
	basket->net += base;
	basket->tax += part;
	line->taxes.items = arena_new(basket->arena, struct tax);
	if (line->taxes.items == NULL)
		return;
	line->taxes.count = 1;
	line->taxes.items[0] = (struct tax){ .code = slice_of(country->tax_codes[class]),
		.rate = catalogue_rate(ppm),
		.base = money(basket, base),
		.amount = money(basket, part) };
}

void basket_add_goods(struct basket *basket, const struct item *item, struct decimal quantity,
	const struct reference *reference)
{
	bool sold = quantity.coefficient > 0;
	struct line *line =
		add(basket, sold ? LINE_SALE : LINE_RETURN, item->code, item->description);
	int64_t amount = times(item->price, quantity);
	line->quantity = quantity;
	line->unit = slice_of(item->weighed ? "KGM" : "EA");
	line->unit_price = money(basket, item->price);
	if (sold && item->discount_percent != 0)
		discount(basket, line, item, &amount);
	if (reference != NULL)
		line->of = *reference;
	line->amount = money(basket, amount);
	tax(basket, line, item->tax, amount);
	basket->gross = basket->net + basket->tax;
}

void basket_add_gift_card(struct basket *basket, int64_t value)
{
	struct line *line = add(basket, LINE_GIFT_CARD, "GIFTCARD", "Gift card");
	line->quantity = decimal_make(1, 0);
	line->unit_price = money(basket, value);
	line->amount = money(basket, value);
	/* Value that is sold, not goods: the tax comes when it is spent. */
	basket->net += value;
	basket->gross = basket->net + basket->tax;
}

void basket_add_write_off(struct basket *basket, const struct item *item, struct decimal quantity)
{
	struct line *line = add(basket, LINE_WRITE_OFF, item->code, item->description);
	line->quantity = quantity;
	line->unit = slice_of(item->weighed ? "KGM" : "EA");
	line->amount = money(basket, 0);
}

static void tender(struct basket *basket, enum tender_kind kind, int64_t amount, int64_t change)
{
	check(basket->tender_count < BASKET_TENDERS_MAX);
	struct tender *added = &basket->tenders[basket->tender_count++];
	added->number = basket->tender_count;
	added->kind = slice_of(tender_kind_name(kind));
	added->amount = money(basket, amount);
	if (change != 0)
		added->change = money(basket, change);
	basket->taken[kind] += amount - change;
}

/* Cash is paid with notes and rounded where the country has no small coins. */
static void pay_cash(struct basket *basket, int64_t due, struct random *random)
{
	static const int64_t units[] = { 1, 10, 100, 1000 };
	static const int64_t notes[] = { 1, 5, 10, 20, 50 };
	int64_t step = basket->country->cash_step;
	int64_t rounded = divide(due, step) * step;
	basket->rounding = rounded - due;
	if (rounded == 0)
		return;
	int64_t note = notes[random_below(random, 5)] * units[basket->country->minor_units];
	if (rounded < 0 || random_chance(random, 1, 4))
		note = step;
	int64_t handed = rounded < 0 ? rounded : (rounded + note - 1) / note * note;
	tender(basket, TENDER_CASH, handed, handed - rounded);
}

void basket_pay(struct basket *basket, struct random *random)
{
	int64_t due = basket->gross;
	uint64_t way = random_below(random, 100);
	if (due == 0)
		return;
	if (due > 100 && way < 8) {
		int64_t part = 1 + (int64_t)random_below(random, (uint64_t)due / 2);
		tender(basket, TENDER_GIFT_CARD, part, 0);
		due -= part;
	}
	if (due > 100 && way >= 5 && way < 12) {
		int64_t part = due / 2;
		tender(basket, TENDER_CARD, part, 0);
		due -= part;
		way = 50;
	}
	if (way >= 45)
		pay_cash(basket, due, random);
	else
		tender(basket, TENDER_CARD, due, 0);
}

void basket_finish(struct basket *basket, struct transaction *t)
{
	t->currency = slice_of(basket->country->currency);
	t->prices_include_tax = basket->country->prices_include_tax;
	t->lines = (struct line_list){ basket->lines, basket->line_count };
	t->tenders = (struct tender_list){ basket->tenders, basket->tender_count };
	t->totals.net = money(basket, basket->net);
	t->totals.tax = money(basket, basket->tax);
	t->totals.gross = money(basket, basket->gross);
	if (basket->rounding != 0)
		t->totals.rounding = money(basket, basket->rounding);
	t->totals.set = true;
}
