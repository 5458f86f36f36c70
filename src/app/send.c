#include "app/arguments.h"
#include "app/bar.h"
#include "app/commands.h"
#include "app/sender.h"

#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

enum { FILES_MAX = 100, REFUSALS_SHOWN = 10, ANSWER_SHOWN_BYTES = 400 };

struct send_config {
	char *to, *ca_file;
	uint64_t connections, speed, days, patience_ms;
};

static const struct option rows[] = {
	{ .name = "to",
		.type = OPTION_TEXT,
		.offset = offsetof(struct send_config, to),
		.fallback = "http://127.0.0.1:8080",
		.min = 1,
		.max = 200,
		.help = "The server that takes the transactions: http:// or https:// (TLS 1.3)." },
	{ .name = "ca_file",
		.type = OPTION_TEXT,
		.offset = offsetof(struct send_config, ca_file),
		.max = 4096,
		.help = "The authorities (PEM) that the certificate of an https:// server may come "
			"from; "
			"without it those that the system trusts." },
	{ .name = "connections",
		.type = OPTION_U64,
		.offset = offsetof(struct send_config, connections),
		.fallback = "16",
		.min = 1,
		.max = SENDER_CONNECTIONS_MAX,
		.help = "Registers that send at the same time." },
	{ .name = "speed",
		.type = OPTION_U64,
		.offset = offsetof(struct send_config, speed),
		.fallback = "0",
		.max = 1000000000,
		.help = "Seconds of till time that pass in one second; 0 sends as fast as it "
			"goes." },
	{ .name = "days",
		.type = OPTION_U64,
		.offset = offsetof(struct send_config, days),
		.fallback = "0",
		.max = SENDER_DAYS_MAX,
		.help = "Only the first business days of the files; 0 sends all." },
	{ .name = "patience",
		.type = OPTION_DURATION,
		.offset = offsetof(struct send_config, patience_ms),
		.fallback = "2m",
		.min = 1000,
		.max = 86400000,
		.help = "Gives up when nothing was taken for so long." },
	{ .name = NULL },
};

static const struct arguments arguments = {
	.command = "tillbridge send",
	.words = "FILE...",
	.help = "Sends transactions (NDJSON, may be compressed with zstd; - is standard input) to "
		"a\n"
		"server, in order per register. Ends with 1 when one was refused.",
	.options = rows,
	.words_min = 1,
	.words_max = FILES_MAX,
};

struct shown {
	struct bar bar;
	unsigned refusals;
};

static bool show_progress(void *context, const struct sender_progress *p)
{
	struct shown *shown = context;
	char text[160];
	snprintf(text, sizeof(text), "%llu answered, %llu accepted, %llu not, %llu sent again",
		(unsigned long long)p->answered, (unsigned long long)p->accepted,
		(unsigned long long)(p->conflicts + p->refused), (unsigned long long)p->retries);
	bar_show(&shown->bar, p->bytes_done, p->bytes_total, text);
	return true;
}

static void show_refusal(void *context, const char *path, uint64_t line, struct slice transaction,
	unsigned status, struct slice answer)
{
	struct shown *shown = context;
	if (shown->refusals++ >= REFUSALS_SHOWN)
		return;
	bar_clear(&shown->bar);
	fprintf(stderr, "%s:%llu: refused with %u: %.*s\n  transaction: %.*s\n", path,
		(unsigned long long)line, status,
		(int)(answer.len < ANSWER_SHOWN_BYTES ? answer.len : ANSWER_SHOWN_BYTES),
		answer.ptr, (int)(transaction.len < 160 ? transaction.len : 160), transaction.ptr);
}

static void print_summary(const struct sender_progress *p, uint64_t took_ns)
{
	double seconds = (double)took_ns / 1e9;
	fprintf(stderr,
		"%llu sent in %.1f s (%.0f a second): %llu accepted, %llu duplicates, %llu "
		"conflicts, "
		"%llu refused, %llu sent again; answered in %.1f ms (median), %.1f ms (99 %%)\n",
		(unsigned long long)p->answered, seconds,
		seconds > 0 ? (double)p->answered / seconds : 0, (unsigned long long)p->accepted,
		(unsigned long long)p->duplicates, (unsigned long long)p->conflicts,
		(unsigned long long)p->refused, (unsigned long long)p->retries,
		(double)latency_quantile(&p->latency, 50) / 1000,
		(double)latency_quantile(&p->latency, 99) / 1000);
}

static int send_files(const struct send_config *config, const struct words *words)
{
	struct shown shown = { .refusals = 0 };
	struct sender_progress progress = { 0 };
	struct error err = { OK, "" };
	struct clock *clock = clock_system();
	/* OpenSSL cannot be told to write to a closed connection without it. */
	signal(SIGPIPE, SIG_IGN);
	bar_init(&shown.bar, clock, stderr);
	struct sender_config sender = {
		.url = config->to,
		.ca_file = config->ca_file,
		.paths = (const char *const *)words->items,
		.path_count = words->count,
		.connections = (unsigned)config->connections,
		.speed = config->speed,
		.days = config->days,
		.patience_ms = config->patience_ms,
		/* Two senders that start together must not come back together. */
		.seed = (uint64_t)getpid() ^ clock->monotonic_ns(clock),
		.progress = show_progress,
		.refused = show_refusal,
		.context = &shown,
	};
	uint64_t start_ns = clock->monotonic_ns(clock);
	enum status s = sender_run(&sender, clock, &progress, &err);
	bar_clear(&shown.bar);
	print_summary(&progress, clock->monotonic_ns(clock) - start_ns);
	if (s != OK)
		fprintf(stderr, "%s: %s\n", arguments.command, err.text);
	if (s == E_INPUT)
		return EXIT_FINDINGS;
	if (s != OK)
		return s == E_CONFIG ? EXIT_USAGE : EXIT_CANNOT_RUN;
	return progress.refused + progress.conflicts > 0 ? EXIT_FINDINGS : EXIT_DONE;
}

int command_send(int argc, char **argv)
{
	struct send_config config = { .to = NULL };
	struct words words = { NULL, 0 };
	int exit_code = EXIT_DONE;
	if (arguments_take(&arguments, argc, argv, &config, &words, &exit_code))
		exit_code = send_files(&config, &words);
	options_release(rows, &config);
	return exit_code;
}
