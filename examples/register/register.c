/* An example register: what a point-of-sale program does with libtill, in one file of plain C99.
 *
 *     register --folder DIR --url URL --store 0042 --register 03            sells what you type
 *     register --folder DIR --url URL --store 0042 --register 03 --sales 20 sells 20 made-up
 * baskets
 *
 * Typed lines: "ITEM QUANTITY PRICE" adds a line, "cash AMOUNT" or "card" ends the sale, "status"
 * shows what is unsent, "prices" the newest price list, "quit" ends. Prices include 20 % tax.
 *
 * A receipt is printed only after till_commit() has said that the sale is on the disk. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <till.h>

enum { LINES_MAX = 50, TEXT_MAX = 64 };

/* A basket in cents: a till of any size counts in whole numbers. */
struct basket {
	struct {
		char item[TEXT_MAX];
		long quantity, price, amount;
	} lines[LINES_MAX];
	int count;
};

struct options {
	long sales, flush_ms;
	unsigned long seed;
	int wait; /* for a line on standard input before the end */
};

static void fail(const char *what)
{
	fprintf(stderr, "register: %s: %s\n", what, till_error());
	exit(1);
}

/* 1530 as "15.30", -5 as "-0.05". */
static const char *money(long cents, char text[TEXT_MAX])
{
	long absolute = cents < 0 ? -cents : cents;
	snprintf(text, TEXT_MAX, "%s%ld.%02ld", cents < 0 ? "-" : "", absolute / 100,
		absolute % 100);
	return text;
}

static long total(const struct basket *basket)
{
	long sum = 0;
	for (int i = 0; i < basket->count; i++)
		sum += basket->lines[i].amount;
	return sum;
}

/* The tax within an amount that includes 20 % of it, to the nearest cent. */
static long tax_within(long amount)
{
	return (amount * 20 + 60) / 120;
}

static void today(char text[TEXT_MAX])
{
	time_t now = time(NULL);
	struct tm parts;
	localtime_r(&now, &parts);
	strftime(text, TEXT_MAX, "%Y-%m-%d", &parts);
}

static void add_lines(struct till_sale *sale, const struct basket *basket, long *ret_tax)
{
	char quantity[TEXT_MAX], price[TEXT_MAX], amount[TEXT_MAX], base[TEXT_MAX], tax[TEXT_MAX];
	*ret_tax = 0;
	for (int i = 0; i < basket->count; i++) {
		long gross = basket->lines[i].amount, part = tax_within(gross);
		snprintf(quantity, sizeof(quantity), "%ld", basket->lines[i].quantity);
		till_line(sale, "sale", basket->lines[i].item, quantity,
			money(basket->lines[i].price, price), money(gross, amount));
		till_line_tax(sale, "S", "0.20", money(gross - part, base), money(part, tax));
		*ret_tax += part;
	}
}

/* One line a sale, so that programs can read it: RECEIPT key total. Then it may be cut off. */
static void print_receipt(const struct till_sale *sale, const struct basket *basket, long paid)
{
	char text[TEXT_MAX];
	for (int i = 0; i < basket->count; i++)
		printf("  %-20s %3ld x %8s\n", basket->lines[i].item, basket->lines[i].quantity,
			money(basket->lines[i].price, text));
	printf("  %-20s     %10s\n", "change", money(paid - total(basket), text));
	printf("RECEIPT %s %s\n", till_sale_key(sale), money(total(basket), text));
	fflush(stdout);
}

static void print_findings(const struct till_sale *sale)
{
	const char *pointer, *rule, *sentence;
	int refuses;
	for (unsigned i = 0; till_finding(sale, i, &pointer, &rule, &sentence, &refuses) == TILL_OK;
		i++)
		fprintf(stderr, "register: %s %s: %s (%s)\n", refuses ? "refused" : "note", pointer,
			sentence, rule);
}

/* Returns 0 when the sale is kept. */
static int sell(struct till *till, const struct basket *basket, const char *tender, long paid)
{
	char net[TEXT_MAX], tax[TEXT_MAX], gross[TEXT_MAX], handed[TEXT_MAX], change[TEXT_MAX],
		date[TEXT_MAX];
	struct till_sale *sale;
	long sum = total(basket), tax_sum;
	if (till_sale_begin(till, "sale", &sale) != TILL_OK) {
		fprintf(stderr, "register: no sale can be rung up: %s\n", till_error());
		return 1;
	}
	today(date);
	till_sale_set(sale, "business_date", date);
	till_sale_set(sale, "currency", "EUR");
	till_sale_set(sale, "prices_include_tax", "true");
	till_sale_set(sale, "operator", "17");
	add_lines(sale, basket, &tax_sum);
	till_tender(
		sale, tender, money(paid, handed), paid > sum ? money(paid - sum, change) : NULL);
	till_totals(sale, money(sum - tax_sum, net), money(tax_sum, tax), money(sum, gross), NULL);
	int result = till_commit(sale);
	/* A disk that failed once may work again, and the sale keeps its number. */
	if (result == TILL_IO)
		result = till_commit(sale);
	if (result == TILL_OK)
		print_receipt(sale, basket, paid);
	else if (result == TILL_REFUSED)
		print_findings(sale);
	else
		fprintf(stderr, "register: the sale is not kept: %s\n", till_error());
	till_sale_free(sale);
	return result != TILL_OK;
}

static void add(struct basket *basket, const char *item, long quantity, long price)
{
	if (basket->count == LINES_MAX)
		return;
	snprintf(basket->lines[basket->count].item, TEXT_MAX, "%s", item);
	basket->lines[basket->count].quantity = quantity;
	basket->lines[basket->count].price = price;
	basket->lines[basket->count].amount = quantity * price;
	basket->count++;
}

/* The same seed gives the same baskets. */
static unsigned long next_random(unsigned long *state)
{
	*state = *state * 6364136223846793005UL + 1442695040888963407UL;
	return *state >> 33;
}

static int sell_made_up(struct till *till, const struct options *options)
{
	unsigned long state = options->seed;
	int failed = 0;
	for (long i = 0; i < options->sales && failed == 0; i++) {
		struct basket basket = { .count = 0 };
		long lines = 1 + (long)(next_random(&state) % 4);
		for (long n = 0; n < lines; n++) {
			char item[TEXT_MAX];
			snprintf(item, sizeof(item), "ART-%lu", next_random(&state) % 500);
			add(&basket, item, 1 + (long)(next_random(&state) % 5),
				50 + (long)(next_random(&state) % 5000));
		}
		failed =
			next_random(&state) % 3 == 0
				? sell(till, &basket, "card", total(&basket))
				: sell(till, &basket, "cash", (total(&basket) + 999) / 1000 * 1000);
	}
	return failed;
}

static int parse_money(const char *text, long *ret_cents)
{
	long whole = 0, cents = 0;
	char tail;
	int read = sscanf(text, "%ld.%2ld%c", &whole, &cents, &tail);
	*ret_cents = whole * 100 + (read == 2 ? cents : 0);
	return (read == 1 || read == 2) && whole >= 0 && cents >= 0;
}

static void show(char *text)
{
	puts(text == NULL ? "nothing" : text);
	till_free(text);
}

static void sell_typed(struct till *till)
{
	struct basket basket = { .count = 0 };
	char line[200], word[TEXT_MAX], second[TEXT_MAX];
	long quantity, price;
	while (fgets(line, sizeof(line), stdin) != NULL) {
		int words = sscanf(line, "%63s %63s", word, second);
		char *json = NULL;
		uint64_t version;
		if (words < 1)
			continue;
		if (strcmp(word, "quit") == 0)
			return;
		if (strcmp(word, "status") == 0) {
			show(till_status(till));
		} else if (strcmp(word, "prices") == 0) {
			if (till_publication(till, "prices", &version, &json) == TILL_OK)
				till_applied(till, "prices", version);
			show(json);
		} else if (strcmp(word, "card") == 0 && basket.count > 0) {
			if (sell(till, &basket, "card", total(&basket)) == 0)
				basket.count = 0;
		} else if (strcmp(word, "cash") == 0 && words == 2 && basket.count > 0 &&
			   parse_money(second, &price) && price >= total(&basket)) {
			if (sell(till, &basket, "cash", price) == 0)
				basket.count = 0;
		} else if (sscanf(line, "%63s %ld %63s", word, &quantity, second) == 3 &&
			   quantity > 0 && parse_money(second, &price)) {
			add(&basket, word, quantity, price);
		} else {
			fprintf(stderr,
				"register: \"ITEM QUANTITY PRICE\", \"cash AMOUNT\" (enough), "
				"\"card\", \"status\", \"prices\" or \"quit\"\n");
		}
	}
}

/* Told from the library's own thread: only written down here. */
static void on_outcome(void *user, enum till_outcome outcome, const char *key, const char *detail)
{
	(void)user;
	if (outcome != TILL_ACCEPTED)
		fprintf(stderr, "register: the centre does not take %s: %s\n", key, detail);
}

static void set(struct till_config *config, const char *name, const char *value)
{
	if (till_config_set(config, name, value) != TILL_OK)
		fail(name);
}

/* --sales, --seed, --flush and --wait are this program's; everything else is the library's. */
static void read_arguments(
	int argc, char **argv, struct till_config *config, struct options *options)
{
	for (int i = 1; i < argc; i++) {
		const char *name = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
		if (strcmp(name, "--wait") == 0) {
			options->wait = 1;
			continue;
		}
		if (strncmp(name, "--", 2) != 0 || value == NULL) {
			char *help = till_config_help();
			fprintf(stderr,
				"register: --sales N, --seed N, --flush MS, --wait, and:\n%s",
				help == NULL ? "" : help);
			till_free(help);
			exit(2);
		}
		i++;
		if (strcmp(name, "--sales") == 0)
			options->sales = strtol(value, NULL, 10);
		else if (strcmp(name, "--seed") == 0)
			options->seed = strtoul(value, NULL, 10);
		else if (strcmp(name, "--flush") == 0)
			options->flush_ms = strtol(value, NULL, 10);
		else
			set(config, name + 2, value);
	}
}

int main(int argc, char **argv)
{
	struct options options = { .sales = -1, .seed = 1 };
	struct till_config *config = till_config_new();
	struct till *till;
	int failed = 0;
	if (config == NULL)
		return 1;
	read_arguments(argc, argv, config, &options);
	till_config_on_outcome(config, on_outcome, NULL);
	if (till_open(config, &till) != TILL_OK)
		fail("cannot open");
	till_config_free(config);
	if (options.sales >= 0)
		failed = sell_made_up(till, &options);
	else
		sell_typed(till);
	if (options.flush_ms > 0 && till_flush(till, (unsigned)options.flush_ms) != TILL_OK) {
		fprintf(stderr, "register: %s\n", till_error());
		failed = 1;
	}
	if (options.wait) {
		printf("UNSENT %" PRIu64 "\n", till_unsent(till));
		fflush(stdout);
		(void)getchar();
	}
	till_close(till);
	return failed;
}
