#include "app/simulator.h"

#include "app/simulator_basket.h"
#include "app/simulator_events.h"
#include "base/check.h"
#include "retail/codec.h"

#include <stdio.h>
#include <stdlib.h>

enum { ARENA_BYTES_MAX = 1 << 20, RECEIPTS_KEPT = 32, DAY_SALES_MAX = 4 * SIMULATOR_SALES_MAX };
enum { OPENING, SELLING, CLOSING };

static const int64_t SECOND_MS = 1000, MINUTE_MS = 60000, DAY_MS = 86400000;

/* A line that can be brought back with its receipt. */
struct receipt {
	date_t business_date;
	uint64_t sequence, line;
	uint64_t item;
	struct decimal quantity;
	int64_t price;
};

struct simulated_register {
	uint64_t store, number;
	const struct country *country;
	struct random random;
	date_t date;
	uint64_t day; /* from 0 */
	int phase;
	uint64_t sequence;
	int32_t *seconds; /* of the day, when today's transactions close */
	uint64_t sale_count, sale_next;
	struct receipt receipts[RECEIPTS_KEPT];
	uint64_t receipt_count;
	/* Of the day, for the closing. */
	uint64_t day_transactions;
	int64_t day_gross, day_taken[TENDER_KINDS];
};

struct simulator {
	const struct simulator_config *config;
	const struct simulator_sink *sink;
	struct simulator_summary summary;
	struct catalogue catalogue;
	struct simulated_register *registers;
	uint64_t register_count;
	struct simulator_events events;
	struct arena arena; /* one transaction */
	struct buf line;
};

static bool chance(struct simulated_register *reg, uint64_t in_10000)
{
	return random_chance(&reg->random, (uint32_t)in_10000, 10000);
}

/* ---- The day of a register ---- */

static int by_second(const void *a, const void *b)
{
	const int32_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

/* How many transactions today, and when: few in the morning, most after work, Saturdays best. */
static void plan_day(struct simulator *sim, struct simulated_register *reg)
{
	static const unsigned weekday_percent[] = { 100, 90, 90, 95, 100, 115,
		140 };                                                           /* from Thursday */
	static const unsigned curve[] = { 3, 5, 7, 9, 8, 6, 6, 7, 9, 10, 8, 4 }; /* from 9:00 */
	unsigned sum = 0;
	for (size_t i = 0; i < 12; i++)
		sum += curve[i];
	int64_t days = date_to_days(sim->config->first_date) + (int64_t)reg->day;
	reg->date = date_from_days(days);
	reg->sale_count = sim->config->sales * weekday_percent[days % 7] *
			  (70 + random_below(&reg->random, 61)) / 10000;
	for (uint64_t i = 0; i < reg->sale_count; i++) {
		uint64_t point = random_below(&reg->random, sum);
		unsigned hour = 0;
		while (point >= curve[hour])
			point -= curve[hour++];
		reg->seconds[i] = (int32_t)((9 + hour) * 3600 + random_below(&reg->random, 3600));
	}
	qsort(reg->seconds, reg->sale_count, sizeof(*reg->seconds), by_second);
	reg->phase = OPENING;
	reg->sale_next = 0;
	reg->day_transactions = 0;
	reg->day_gross = 0;
	memset(reg->day_taken, 0, sizeof(reg->day_taken));
}

/* When the register's next transaction closes. */
static int64_t next_ms(const struct simulated_register *reg)
{
	int64_t seconds = 0;
	switch (reg->phase) {
	case OPENING:
		seconds = 8 * 3600 + 45 * 60 + (int64_t)(reg->number * 31 % 600);
		break;
	case SELLING:
		seconds = reg->seconds[reg->sale_next];
		break;
	case CLOSING:
		seconds = 21 * 3600 + 5 * 60 + (int64_t)(reg->number * 37 % 600);
		break;
	}
	return date_to_days(reg->date) * DAY_MS + seconds * SECOND_MS -
	       reg->country->offset_min * MINUTE_MS;
}

/* False after the last closing. */
static bool advance(struct simulator *sim, struct simulated_register *reg)
{
	if (reg->phase == CLOSING) {
		if (++reg->day == sim->config->days)
			return false;
		plan_day(sim, reg);
		return true;
	}
	if (reg->phase == SELLING)
		reg->sale_next++;
	reg->phase = reg->sale_next < reg->sale_count ? SELLING : CLOSING;
	return true;
}

/* ---- What is on the receipts ---- */

static struct decimal some_quantity(struct simulated_register *reg, const struct item *item)
{
	if (item->weighed)
		return decimal_make(50 + (int64_t)random_below(&reg->random, 2951), 3);
	if (random_chance(&reg->random, 7, 10))
		return decimal_make(1, 0);
	return decimal_make(2 + (int64_t)random_below(&reg->random, 5), 0);
}

static struct decimal negative(struct decimal quantity)
{
	quantity.coefficient = -quantity.coefficient;
	return quantity;
}

static void keep_receipt(
	struct simulated_register *reg, const struct basket *basket, uint64_t item, int64_t price)
{
	const struct line *line = &basket->lines[basket->line_count - 1];
	reg->receipts[reg->receipt_count++ % RECEIPTS_KEPT] = (struct receipt){
		.business_date = reg->date,
		.sequence = reg->sequence,
		.line = line->number,
		.item = item,
		.quantity = line->quantity,
		.price = price,
	};
}

static void sell(
	struct simulator *sim, struct simulated_register *reg, struct basket *basket, bool keeps)
{
	uint64_t lines = 1 + random_below(&reg->random, 4);
	while (lines < BASKET_LINES_MAX - 4 && random_chance(&reg->random, 6, 10))
		lines++;
	for (uint64_t i = 0; i < lines; i++) {
		struct item item;
		uint64_t number = catalogue_pick(&sim->catalogue, &reg->random);
		catalogue_item(&sim->catalogue, number, reg->country, reg->date, &item);
		basket_add_goods(basket, &item, some_quantity(reg, &item), NULL);
		if (keeps && item.discount_percent == 0 && random_chance(&reg->random, 1, 8))
			keep_receipt(reg, basket, number, item.price);
	}
	if (chance(reg, 60)) {
		static const int64_t units[] = { 1, 10, 100, 1000 };
		int64_t value = 10 + 5 * (int64_t)random_below(&reg->random, 9);
		basket_add_gift_card(basket, value * units[reg->country->minor_units]);
	}
}

static bool bring_back_with_receipt(struct simulator *sim, struct simulated_register *reg,
	struct basket *basket, const struct key *key)
{
	struct receipt *receipt = &reg->receipts[random_below(&reg->random, RECEIPTS_KEPT)];
	if (receipt->sequence == 0)
		return false;
	struct item item;
	catalogue_item(&sim->catalogue, receipt->item, reg->country, receipt->business_date, &item);
	item.price = receipt->price;
	struct reference of = { .key = *key, .line = receipt->line, .set = true };
	of.key.business_date = receipt->business_date;
	of.key.sequence = receipt->sequence;
	basket_add_goods(basket, &item, negative(receipt->quantity), &of);
	receipt->sequence = 0; /* nobody brings it back twice */
	return true;
}

static void bring_back(struct simulator *sim, struct simulated_register *reg, struct basket *basket,
	const struct key *key)
{
	struct item item;
	if (random_chance(&reg->random, 2, 3) && bring_back_with_receipt(sim, reg, basket, key))
		return;
	catalogue_item(&sim->catalogue, catalogue_pick(&sim->catalogue, &reg->random), reg->country,
		reg->date, &item);
	struct decimal quantity = item.weighed ? decimal_make(-500, 3) : decimal_make(-1, 0);
	basket_add_goods(basket, &item, quantity, NULL);
}

static void write_off(struct simulator *sim, struct simulated_register *reg, struct basket *basket,
	struct transaction *t)
{
	struct item item;
	catalogue_item(&sim->catalogue, catalogue_pick(&sim->catalogue, &reg->random), reg->country,
		reg->date, &item);
	basket_add_write_off(basket, &item, negative(some_quantity(reg, &item)));
	t->reason = slice_of("damaged");
}

static enum transaction_type some_type(struct simulated_register *reg)
{
	static const struct {
		enum transaction_type type;
		unsigned in_1000;
	} shares[] = { { TYPE_RETURN, 40 }, { TYPE_EXCHANGE, 10 }, { TYPE_VOID, 15 },
		{ TYPE_NO_SALE, 20 }, { TYPE_TRAINING, 4 }, { TYPE_ADJUSTMENT, 4 } };
	uint64_t point = random_below(&reg->random, 1000);
	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		if (point < shares[i].in_1000)
			return shares[i].type;
		point -= shares[i].in_1000;
	}
	return TYPE_SALE;
}

/* What customers do at a register that is open. `sent` is false for a number that gets lost. */
static void make_trade(struct simulator *sim, struct simulated_register *reg, bool sent,
	struct basket *basket, struct transaction *t)
{
	t->type = some_type(reg);
	if (t->type == TYPE_VOID || t->type == TYPE_NO_SALE)
		return;
	if (t->type == TYPE_RETURN || t->type == TYPE_EXCHANGE)
		bring_back(sim, reg, basket, &t->key);
	if (t->type == TYPE_SALE || t->type == TYPE_EXCHANGE || t->type == TYPE_TRAINING)
		sell(sim, reg, basket, sent && t->type == TYPE_SALE);
	if (t->type == TYPE_ADJUSTMENT)
		write_off(sim, reg, basket, t);
	basket_pay(basket, &reg->random);
	basket_finish(basket, t);
	if (t->type != TYPE_ADJUSTMENT && random_chance(&reg->random, 1, 3))
		t->customer = arena_format(
			&sim->arena, "c-%u", (unsigned)(1000 + random_below(&reg->random, 9000)));
	if (t->type == TYPE_TRAINING)
		return;
	reg->day_gross += basket->gross;
	for (unsigned kind = 0; kind < TENDER_KINDS; kind++)
		reg->day_taken[kind] += basket->taken[kind];
}

/* The till declares what it took, whether it was sent or not; a person counts the cash. */
static void make_closing(
	struct simulator *sim, struct simulated_register *reg, struct transaction *t)
{
	unsigned scale = reg->country->minor_units;
	struct named_amount *amounts = arena_array(&sim->arena, struct named_amount, 4);
	t->type = TYPE_CLOSE;
	t->currency = slice_of(reg->country->currency);
	if (amounts == NULL)
		return;
	for (unsigned kind = 0; kind < TENDER_KINDS; kind++)
		amounts[kind] = (struct named_amount){ slice_of(tender_kind_name(kind)),
			decimal_make(reg->day_taken[kind], scale) };
	int64_t cash = reg->day_taken[TENDER_CASH];
	if (chance(reg, sim->config->miscounts))
		cash -= 1 + (int64_t)random_below(&reg->random, 500);
	amounts[3] = (struct named_amount){ slice_of("cash"), decimal_make(cash, scale) };
	t->declared = (struct declared){
		.transactions = reg->day_transactions,
		.last_sequence = reg->sequence,
		.gross = decimal_make(reg->day_gross, scale),
		.tenders = { amounts, TENDER_KINDS },
		.counted = { amounts + 3, 1 },
		.set = true,
	};
}

static void make_transaction(struct simulator *sim, struct simulated_register *reg, int64_t ms,
	bool sent, struct basket *basket, struct transaction *t)
{
	basket_init(basket, reg->country, &sim->arena);
	reg->sequence++;
	reg->day_transactions++;
	t->revision = 1;
	t->key.store = arena_format(&sim->arena, "%04u", (unsigned)(reg->store + 1));
	t->key.reg = arena_format(&sim->arena, "%02u", (unsigned)(reg->number + 1));
	t->key.business_date = reg->date;
	t->key.sequence = reg->sequence;
	t->closed_at = (struct timestamp){ ms, reg->country->offset_min, true };
	t->began_at = t->closed_at;
	t->began_at.ms -= (int64_t)(5 + random_below(&reg->random, 120)) * SECOND_MS;
	t->operator_id =
		arena_format(&sim->arena, "%u", (unsigned)(10 + (reg->day + reg->number) % 7));
	if (reg->phase == OPENING)
		t->type = TYPE_OPEN;
	else if (reg->phase == CLOSING)
		make_closing(sim, reg, t);
	else
		make_trade(sim, reg, sent, basket, t);
}

/* ---- How it reaches the server ---- */

static enum status encode(struct simulator *sim, const struct transaction *t, struct error *err)
{
	buf_reset(&sim->line);
	transaction_encode(t, &sim->line);
	if (sim->line.failed)
		return error_set(err, E_FULL, "a transaction is longer than %d bytes",
			TRANSACTION_BYTES_MAX);
	return OK;
}

static enum status write_line(struct simulator *sim, struct slice line, struct error *err)
{
	sim->summary.lines_written++;
	return sim->sink->take(sim->sink->context, line, err);
}

/* The same key comes again with other content, as from a till whose clock and numbers were reset.
 */
static enum status send_conflict(struct simulator *sim, struct simulated_register *reg,
	struct transaction *t, int64_t ms, struct error *err)
{
	t->operator_id = slice_of("99");
	t->reason = slice_of("sent again by another till");
	enum status s = encode(sim, t, err);
	if (s != OK)
		return s;
	sim->summary.conflicts++;
	ms += (int64_t)(1 + random_below(&reg->random, 3600)) * SECOND_MS;
	return simulator_events_add_line(&sim->events, ms, buf_get(&sim->line), err);
}

static enum status deliver(struct simulator *sim, struct simulated_register *reg,
	struct transaction *t, int64_t ms, struct error *err)
{
	enum status s = encode(sim, t, err);
	bool late = chance(reg, sim->config->late), repeated = chance(reg, sim->config->repeats);
	sim->summary.transactions++;
	sim->summary.late += late;
	sim->summary.repeats += repeated;
	if (late)
		ms += (int64_t)(1800 + random_below(&reg->random, 6 * 3600)) * SECOND_MS;
	if (s == OK && late)
		s = simulator_events_add_line(&sim->events, ms, buf_get(&sim->line), err);
	else if (s == OK)
		s = write_line(sim, buf_get(&sim->line), err);
	if (s == OK && repeated)
		s = simulator_events_add_line(&sim->events,
			ms + (int64_t)(1 + random_below(&reg->random, 600)) * SECOND_MS,
			buf_get(&sim->line), err);
	if (s == OK && chance(reg, sim->config->conflicts))
		s = send_conflict(sim, reg, t, ms, err);
	return s;
}

static enum status happen(
	struct simulator *sim, const struct simulator_event *event, struct error *err)
{
	if (event->line != NULL)
		return write_line(sim, slice_make(event->line, event->line_len), err);
	struct simulated_register *reg = &sim->registers[event->register_index];
	struct basket basket;
	struct transaction t = { .revision = 1 };
	arena_reset(&sim->arena);
	/* Openings and closings are never lost: without them a day could not be told to be over. */
	bool lost = reg->phase == SELLING && chance(reg, sim->config->gaps);
	make_transaction(sim, reg, event->ms, !lost, &basket, &t);
	sim->summary.gaps += lost;
	enum status s = lost ? OK : deliver(sim, reg, &t, event->ms, err);
	if (s == OK && advance(sim, reg))
		s = simulator_events_add_register(
			&sim->events, next_ms(reg), event->register_index, err);
	return s;
}

/* ---- The chain ---- */

static enum status build_register(
	struct simulator *sim, uint64_t store, uint64_t number, struct error *err)
{
	struct simulated_register *reg = &sim->registers[sim->register_count];
	reg->store = store;
	reg->number = number;
	reg->country = catalogue_country(store);
	random_init(&reg->random,
		sim->config->seed ^
			(store * SIMULATOR_REGISTERS_MAX + number + 1) * 0x2545f4914f6cdd1dULL);
	reg->seconds = calloc(DAY_SALES_MAX, sizeof(*reg->seconds));
	if (reg->seconds == NULL)
		return error_set(err, E_FULL, "out of memory for the registers");
	plan_day(sim, reg);
	return simulator_events_add_register(
		&sim->events, next_ms(reg), sim->register_count++, err);
}

static enum status build(struct simulator *sim, struct error *err)
{
	const struct simulator_config *config = sim->config;
	check(config->stores <= SIMULATOR_STORES_MAX && config->items > 0 && config->days > 0);
	check(config->registers > 0 && config->registers <= SIMULATOR_REGISTERS_MAX);
	check(config->sales <= SIMULATOR_SALES_MAX);
	sim->registers = calloc(config->stores * config->registers + 1, sizeof(*sim->registers));
	if (sim->registers == NULL || !catalogue_init(&sim->catalogue, config->seed, config->items))
		return error_set(err, E_FULL, "out of memory for the chain");
	struct random random;
	random_init(&random, config->seed);
	enum status s = OK;
	for (uint64_t store = 0; store < config->stores; store++) {
		uint64_t registers = 1 + random_below(&random, config->registers);
		for (uint64_t number = 0; number < registers && s == OK; number++)
			s = build_register(sim, store, number, err);
	}
	return s;
}

enum status simulator_run(const struct simulator_config *config, const struct simulator_sink *sink,
	struct simulator_summary *ret_summary, struct error *err)
{
	struct simulator sim = { .config = config, .sink = sink };
	arena_init(&sim.arena, ARENA_BYTES_MAX);
	buf_init(&sim.line, TRANSACTION_BYTES_MAX);
	enum status s = build(&sim, err);
	struct simulator_event event;
	while (s == OK && simulator_events_take(&sim.events, &event)) {
		s = happen(&sim, &event, err);
		free(event.line);
	}
	if (s == OK)
		*ret_summary = sim.summary;
	for (uint64_t i = 0; sim.registers != NULL && i < sim.register_count; i++)
		free(sim.registers[i].seconds);
	free(sim.registers);
	simulator_events_release(&sim.events);
	catalogue_release(&sim.catalogue);
	buf_release(&sim.line);
	arena_release(&sim.arena);
	return s;
}
