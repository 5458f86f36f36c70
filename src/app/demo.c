/* tillbridge demo: an ERP, the server and replayed sales together, from one command. */
#include "app/arguments.h"
#include "app/bar.h"
#include "app/child.h"
#include "app/commands.h"
#include "app/demo_folder.h"
#include "app/demo_source.h"
#include "app/demo_watch.h"
#include "app/sender.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>

enum { ERP_SANDBOX, ERP_TRYTON };
enum { PATH_BYTES_MAX = 1024, STOP_MS = 20000, READY_MS = 60000, READY_POLL_MS = 50 };

struct demo_options {
	char *data, *source, *transactions, *erp_config;
	uint64_t speed, days, port, sandbox_port, connections, patience_ms;
	unsigned erp;
	bool once;
};

static const char *const erps[] = { "sandbox", "tryton", NULL };

static const struct option rows[] = {
	{ .name = "data",
		.type = OPTION_TEXT,
		.offset = offsetof(struct demo_options, data),
		.fallback = "./build/demo",
		.min = 1,
		.max = 400,
		.help = "The demo's folder; what the last demo left there is removed." },
	{ .name = "source",
		.type = OPTION_TEXT,
		.offset = offsetof(struct demo_options, source),
		.fallback = "simulate",
		.min = 1,
		.max = 4096,
		.help = "Whose sales: uci:FILE (the Online Retail data set) or simulate." },
	{ .name = "transactions",
		.type = OPTION_TEXT,
		.offset = offsetof(struct demo_options, transactions),
		.min = 1,
		.max = 4096,
		.help = "A file of transactions (NDJSON) instead of a source." },
	{ .name = "speed",
		.type = OPTION_U64,
		.offset = offsetof(struct demo_options, speed),
		.fallback = "0",
		.max = 1000000000,
		.help = "Seconds of till time that pass in one second; 0 sends as fast as it "
			"goes." },
	{ .name = "days",
		.type = OPTION_U64,
		.offset = offsetof(struct demo_options, days),
		.fallback = "0",
		.max = 3660,
		.help = "Only the first business days; 0 takes all (3 when simulated)." },
	{ .name = "port",
		.type = OPTION_U64,
		.offset = offsetof(struct demo_options, port),
		.fallback = "8080",
		.min = 1,
		.max = 65000,
		.help = "Port of the server and the dashboard, or the next one that is free." },
	{ .name = "sandbox_port",
		.type = OPTION_U64,
		.offset = offsetof(struct demo_options, sandbox_port),
		.fallback = "8091",
		.min = 1,
		.max = 65000,
		.help = "Port of the sandbox ERP, or the next one that is free." },
	{ .name = "connections",
		.type = OPTION_U64,
		.offset = offsetof(struct demo_options, connections),
		.fallback = "16",
		.min = 1,
		.max = SENDER_CONNECTIONS_MAX,
		.help = "Registers that send at the same time." },
	{ .name = "erp",
		.type = OPTION_CHOICE,
		.offset = offsetof(struct demo_options, erp),
		.fallback = "sandbox",
		.choices = erps,
		.help = "Where the sales are posted." },
	{ .name = "erp_config",
		.type = OPTION_TEXT,
		.offset = offsetof(struct demo_options, erp_config),
		.min = 1,
		.max = 4096,
		.help = "With --erp tryton: the server's configuration file (YAML)." },
	{ .name = "patience",
		.type = OPTION_DURATION,
		.offset = offsetof(struct demo_options, patience_ms),
		.fallback = "5m",
		.min = 1000,
		.max = 86400000,
		.help = "Gives up when nothing moves for so long." },
	{ .name = "once",
		.type = OPTION_BOOL,
		.offset = offsetof(struct demo_options, once),
		.fallback = "no",
		.help = "Ends after the summary, with 1 when something does not agree." },
	{ .name = NULL },
};

static const struct arguments arguments = {
	.command = "tillbridge demo",
	.help = "Starts an ERP and the server, replays sales through them, and shows what comes of "
		"it.\nStays up with the dashboard until Ctrl-C.",
	.options = rows,
};

/* The sender's thread and what the main thread may know of it. */
struct replay {
	struct sender_config config;
	pthread_t thread;
	bool started;
	atomic_bool stop, done;
	pthread_mutex_t lock;
	struct sender_progress progress; /* lock */
	enum status status;              /* after done */
	struct error err;                /* after done */
};

struct demo {
	const struct demo_options *options;
	struct child sandbox, server;
	struct demo_watch *watch;
	struct replay replay;
	struct clock *clock;
	struct bar bar;
	unsigned port, sandbox_port;
	char file[PATH_BYTES_MAX]; /* of the transactions */
	uint64_t start_ns;         /* of the replay */
	uint64_t moved_ns;         /* when a count changed last */
	struct demo_status status;
	bool interrupted;
};

static bool take_progress(void *context, const struct sender_progress *progress)
{
	struct replay *replay = context;
	pthread_mutex_lock(&replay->lock);
	replay->progress = *progress;
	pthread_mutex_unlock(&replay->lock);
	return !atomic_load(&replay->stop);
}

static void *run_replay(void *context)
{
	struct replay *replay = context;
	struct sender_progress progress;
	replay->status = sender_run(&replay->config, clock_system(), &progress, &replay->err);
	take_progress(replay, &progress);
	atomic_store(&replay->done, true);
	return NULL;
}

static struct sender_progress progress_of(struct replay *replay)
{
	pthread_mutex_lock(&replay->lock);
	struct sender_progress progress = replay->progress;
	pthread_mutex_unlock(&replay->lock);
	return progress;
}

/* Waits up to `ms`; sees Ctrl-C and the end of a child. */
static enum status pause_for(struct demo *demo, unsigned ms, struct error *err)
{
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	const struct timespec timeout = { ms / 1000, (long)(ms % 1000) * 1000000 };
	if (sigtimedwait(&signals, NULL, &timeout) > 0) {
		demo->interrupted = true;
		return error_set(err, E_STOPPED, "stopped");
	}
	enum status s = child_check(&demo->sandbox, err);
	return s == OK ? child_check(&demo->server, err) : s;
}

/* ---- Starting ---- */

static enum status start_sandbox(struct demo *demo, struct error *err)
{
	char listen[32], data[PATH_BYTES_MAX], log[PATH_BYTES_MAX];
	demo->sandbox_port = demo_free_port((unsigned)demo->options->sandbox_port);
	if (demo->sandbox_port == 0)
		return error_set(err, E_IO, "no port is free for the sandbox ERP");
	snprintf(listen, sizeof(listen), "127.0.0.1:%u", demo->sandbox_port);
	snprintf(data, sizeof(data), "%s/erp", demo->options->data);
	snprintf(log, sizeof(log), "%s/sandbox-erp.log", demo->options->data);
	const char *const argv[] = { "sandbox-erp", "--listen", listen, "--data", data, NULL };
	return child_start(&demo->sandbox, argv, log, err);
}

static enum status start_server(struct demo *demo, struct error *err)
{
	char listen[32], data[PATH_BYTES_MAX], log[PATH_BYTES_MAX], erp[64];
	demo->port = demo_free_port((unsigned)demo->options->port);
	if (demo->port == 0)
		return error_set(err, E_IO, "no port is free for the server");
	snprintf(listen, sizeof(listen), "127.0.0.1:%u", demo->port);
	snprintf(data, sizeof(data), "%s/data", demo->options->data);
	snprintf(log, sizeof(log), "%s/serve.log", demo->options->data);
	snprintf(erp, sizeof(erp), "http://127.0.0.1:%u", demo->sandbox_port);
	const char *const dev[] = { "serve", "--dev", "--listen", listen, "--data", data,
		"--erp-url", erp, NULL };
	const char *const config[] = { "serve", "--config", demo->options->erp_config, "--listen",
		listen, "--data", data, NULL };
	return child_start(
		&demo->server, demo->options->erp == ERP_SANDBOX ? dev : config, log, err);
}

static enum status wait_until_ready(struct demo *demo, struct error *err)
{
	for (unsigned waited_ms = 0; waited_ms < READY_MS; waited_ms += READY_POLL_MS) {
		if (demo_watch_ready(demo->watch, err) == OK)
			return OK;
		enum status s = pause_for(demo, READY_POLL_MS, err);
		if (s != OK)
			return s;
	}
	return error_wrap(err, "the server is not ready after %d s", READY_MS / 1000);
}

static enum status start_all(struct demo *demo, struct error *err)
{
	enum status s = demo_folder_make(demo->options->data, err);
	if (s == OK && demo->options->erp == ERP_SANDBOX)
		s = start_sandbox(demo, err);
	if (s == OK)
		s = start_server(demo, err);
	if (s == OK)
		s = demo_watch_open(demo->port, demo->sandbox_port, &demo->watch, err);
	if (s == OK)
		s = wait_until_ready(demo, err);
	if (s == OK)
		fprintf(stderr, "The dashboard is at http://127.0.0.1:%u/\n", demo->port);
	return s;
}

static enum status make_file(struct demo *demo, struct error *err)
{
	const struct demo_options *o = demo->options;
	if (o->transactions != NULL) {
		snprintf(demo->file, sizeof(demo->file), "%s", o->transactions);
		return OK;
	}
	snprintf(demo->file, sizeof(demo->file), "%s/transactions.ndjson", o->data);
	return demo_source_write(o->source, o->days, demo->file, err);
}

static enum status start_replay(
	struct demo *demo, char *url, size_t url_size, const char *const *path, struct error *err)
{
	struct replay *replay = &demo->replay;
	snprintf(url, url_size, "http://127.0.0.1:%u", demo->port);
	replay->config = (struct sender_config){
		.url = url,
		.paths = path,
		.path_count = 1,
		.connections = (unsigned)demo->options->connections,
		.speed = demo->options->speed,
		.days = demo->options->transactions == NULL ? 0 : demo->options->days,
		.patience_ms = demo->options->patience_ms,
		.seed = 1,
		.progress = take_progress,
		.context = replay,
	};
	int code = pthread_create(&replay->thread, NULL, run_replay, replay);
	if (code != 0)
		return error_set(err, E_IO, "no thread for the replay (%d)", code);
	replay->started = true;
	return OK;
}

/* ---- Watching ---- */

static void show(struct demo *demo, const struct sender_progress *progress)
{
	const struct demo_status *s = &demo->status;
	char text[240];
	snprintf(text, sizeof(text),
		"%llu accepted (%.0f/s), %llu posted, %llu agreed, %llu differ, lag %.1f s, "
		"%llu exceptions",
		(unsigned long long)s->accepted, s->accepted_per_second,
		(unsigned long long)demo_posted(s), (unsigned long long)s->agreed,
		(unsigned long long)s->differs, s->lag_seconds, (unsigned long long)s->exceptions);
	bar_show(&demo->bar, progress->bytes_done, progress->bytes_total, text);
}

static bool moved(const struct demo_status *a, const struct demo_status *b)
{
	return a->accepted != b->accepted || a->duplicates != b->duplicates ||
	       a->behind != b->behind || a->planned != b->planned || a->settled != b->settled ||
	       a->agreed != b->agreed || a->differs != b->differs || a->refused != b->refused;
}

/* Looks once; *ret_done when everything that was accepted is posted and read back. */
static enum status look(struct demo *demo, bool *ret_done, struct error *err)
{
	struct demo_status before = demo->status;
	/* `done` is read before the status, so that the status knows all that was sent. */
	bool sent = atomic_load(&demo->replay.done);
	struct sender_progress progress = progress_of(&demo->replay);
	uint64_t now_ns = demo->clock->monotonic_ns(demo->clock);
	if (demo_watch_status(demo->watch, &demo->status, err) == OK) {
		show(demo, &progress);
		*ret_done = sent && demo_is_settled(&demo->status);
		if (moved(&before, &demo->status))
			demo->moved_ns = now_ns;
	}
	/* With a speed, nights without sales are nothing to worry about. */
	if (!sent)
		demo->moved_ns = now_ns;
	if (now_ns - demo->moved_ns > demo->options->patience_ms * 1000000)
		return error_set(err, E_RETRY, "nothing has moved for %llu s",
			(unsigned long long)demo->options->patience_ms / 1000);
	return OK;
}

static enum status watch_replay(struct demo *demo, struct error *err)
{
	bool done = false;
	enum status s = OK;
	demo->start_ns = demo->moved_ns = demo->clock->monotonic_ns(demo->clock);
	while (s == OK && !done) {
		s = pause_for(demo, 1000, err);
		if (s == OK)
			s = look(demo, &done, err);
		if (s == OK && atomic_load(&demo->replay.done) && demo->replay.status != OK)
			s = error_set(
				err, demo->replay.status, "replay: %s", demo->replay.err.text);
	}
	bar_clear(&demo->bar);
	return s;
}

/* ---- The summary ---- */

static void print_values(const struct demo_stores *stores)
{
	for (unsigned i = 0; i < stores->currency_count; i++) {
		char net[TOTAL_TEXT_MAX];
		total_print(stores->totals[i].net, 2, net);
		printf("  %s %s", net, stores->totals[i].currency);
	}
	printf("\n");
}

/* Without the sandbox nobody counts documents; then each posting agreed with its own document. */
static enum status print_posted(struct demo *demo, bool *ret_once, struct error *err)
{
	struct demo_erp erp;
	*ret_once = true;
	if (demo->options->erp != ERP_SANDBOX)
		return OK;
	enum status s = demo_watch_erp(demo->watch, &erp, err);
	if (s != OK)
		return s;
	*ret_once = erp.duplicates == 0 && erp.documents == erp.references &&
		    erp.documents == demo_posted(&demo->status);
	printf("in the ERP      %llu documents for %llu transactions, %llu of them twice\n",
		(unsigned long long)erp.documents, (unsigned long long)erp.references,
		(unsigned long long)erp.duplicates);
	return OK;
}

/* Prints what came of it; *ret_good when everything agrees. */
static enum status print_summary(struct demo *demo, bool *ret_good, struct error *err)
{
	struct demo_stores stores;
	struct sender_progress sent = progress_of(&demo->replay);
	const struct demo_status *st = &demo->status;
	uint64_t took_ns = demo->clock->monotonic_ns(demo->clock) - demo->start_ns;
	bool once = false;
	enum status s = demo_watch_stores(demo->watch, &stores, err);
	if (s != OK)
		return s;
	printf("\nsent            %llu in %.1f s, %llu of them twice, %llu refused\n",
		(unsigned long long)sent.answered, (double)took_ns / 1e9,
		(unsigned long long)sent.duplicates,
		(unsigned long long)(sent.refused + sent.conflicts));
	printf("kept            %llu transactions with %llu lines of %llu stores\n",
		(unsigned long long)stores.transactions, (unsigned long long)stores.lines,
		(unsigned long long)stores.stores);
	printf("net value     ");
	print_values(&stores);
	s = print_posted(demo, &once, err);
	printf("posted          %llu, %llu agree line by line, %llu differ, %llu refused, "
	       "%llu wait\n",
		(unsigned long long)demo_posted(st), (unsigned long long)st->agreed,
		(unsigned long long)st->differs, (unsigned long long)st->refused,
		(unsigned long long)(st->planned + st->called + st->settled + st->unknown));
	printf("exceptions      %llu open\n", (unsigned long long)st->exceptions);
	printf("dashboard       http://127.0.0.1:%u/\n", demo->port);
	fflush(stdout);
	*ret_good = s == OK && once && demo_is_settled(st) && st->differs == 0 &&
		    st->refused == 0 && st->agreed > 0 && sent.refused == 0 &&
		    sent.conflicts == 0 && sent.accepted == st->accepted &&
		    stores.transactions == st->accepted;
	printf("%s%s\n", *ret_good ? "everything agrees" : "not everything agrees",
		*ret_good && st->exceptions > 0 ? " that has come; the exceptions name what has not"
						: "");
	return s;
}

/* ---- All of it ---- */

static enum status stay(struct demo *demo, struct error *err)
{
	enum status s = OK;
	fprintf(stderr, "Ctrl-C stops it.\n");
	while (s == OK)
		s = pause_for(demo, 1000, err);
	return s;
}

static void stop_all(struct demo *demo)
{
	atomic_store(&demo->replay.stop, true);
	if (demo->replay.started)
		pthread_join(demo->replay.thread, NULL);
	demo_watch_close(demo->watch);
	child_stop(&demo->server, STOP_MS);
	child_stop(&demo->sandbox, STOP_MS);
}

static enum status run(struct demo *demo, bool *ret_good, struct error *err)
{
	char url[64];
	const char *path = demo->file;
	enum status s = start_all(demo, err);
	if (s == OK)
		s = make_file(demo, err);
	if (s == OK)
		s = start_replay(demo, url, sizeof(url), &path, err);
	if (s == OK)
		s = watch_replay(demo, err);
	/* The figures are worth seeing also when something stands still. */
	if (s == OK || (s == E_RETRY && demo->watch != NULL)) {
		struct error ignored;
		enum status shown = print_summary(demo, ret_good, s == OK ? err : &ignored);
		s = s == OK ? shown : s;
	}
	if (s == OK && !demo->options->once)
		s = stay(demo, err);
	stop_all(demo);
	return s;
}

static enum status check_options(const struct demo_options *o, struct error *err)
{
	if (o->transactions == NULL && strcmp(o->source, "simulate") != 0 &&
		strncmp(o->source, "uci:", 4) != 0)
		return error_set(err, E_CONFIG, "--source: \"%.200s\" is not simulate or uci:FILE",
			o->source);
	if ((o->erp == ERP_TRYTON) != (o->erp_config != NULL))
		return error_set(
			err, E_CONFIG, "--erp tryton and --erp-config FILE belong together");
	return OK;
}

static void block_signals(void)
{
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int demonstrate(const struct demo_options *options)
{
	struct demo demo = { .options = options, .clock = clock_system() };
	struct error err = { OK, "" };
	bool good = false;
	enum status s = check_options(options, &err);
	if (s == OK) {
		pthread_mutex_init(&demo.replay.lock, NULL);
		bar_init(&demo.bar, demo.clock, stderr);
		block_signals();
		s = run(&demo, &good, &err);
		pthread_mutex_destroy(&demo.replay.lock);
	}
	if (s == E_STOPPED && demo.interrupted)
		return EXIT_DONE;
	if (s == OK)
		return good ? EXIT_DONE : EXIT_FINDINGS;
	fprintf(stderr, "%s: %s\n", arguments.command, err.text);
	return s == E_CONFIG ? EXIT_USAGE : EXIT_CANNOT_RUN;
}

int command_demo(int argc, char **argv)
{
	struct demo_options options = { .data = NULL };
	struct words words;
	int exit_code = EXIT_DONE;
	if (arguments_take(&arguments, argc, argv, &options, &words, &exit_code))
		exit_code = demonstrate(&options);
	options_release(rows, &options);
	return exit_code;
}
