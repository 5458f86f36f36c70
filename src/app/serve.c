/* tillbridge serve: the server. */
#include "app/arguments.h"
#include "app/bridge.h"
#include "app/commands.h"
#include "app/descriptors.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct arguments arguments = {
	.command = "tillbridge serve",
	.help = "Takes transactions from registers, keeps them durably, applies them to stock and "
		"books, and posts them to the ERPs.\n"
		"Either --dev with --data, or --config FILE. SIGTERM and SIGINT stop it, SIGHUP "
		"reads "
		"the TLS files and the secrets of the doors again.",
	.options = serve_options,
};

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fprintf(stderr, "tillbridge: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
}

/* From the thread that saw it; the main thread, which waits for signals, stops the process. */
static void part_failed(void *context, const struct error *err)
{
	(void)context;
	say("%s; nothing more is acknowledged, the process stops", err->text);
	kill(getpid(), SIGUSR1);
}

static void show_progress(void *context, const char *what, uint64_t number, uint64_t last)
{
	(void)context;
	say("%s: event %llu of %llu", what, (unsigned long long)number, (unsigned long long)last);
}

static bool differs(const struct option *option, const void *a, const void *b)
{
	const char *at = (const char *)a + option->offset, *bt = (const char *)b + option->offset;
	switch (option->type) {
	case OPTION_TEXT: {
		const char *x = *(char *const *)at, *y = *(char *const *)bt;
		return x != NULL && (y == NULL || strcmp(x, y) != 0);
	}
	case OPTION_BOOL:
		return *(const bool *)at != *(const bool *)bt;
	case OPTION_CHOICE:
		return *(const unsigned *)at != *(const unsigned *)bt;
	default:
		return *(const uint64_t *)at != *(const uint64_t *)bt;
	}
}

/* What was said on the command line goes over what stands in the file. */
static void prefer_command_line(struct serve_options *file, struct serve_options *line)
{
	struct serve_options plain = { 0 };
	options_default(serve_options, &plain);
	for (const struct option *o = serve_options; o->name != NULL; o++) {
		if (!differs(o, line, &plain))
			continue;
		char *to = (char *)file + o->offset, *from = (char *)line + o->offset;
		if (o->type == OPTION_TEXT) {
			free(*(char **)to);
			*(char **)to = *(char **)from;
			*(char **)from = NULL;
		} else {
			memcpy(to, from,
				o->type == OPTION_BOOL     ? sizeof(bool)
				: o->type == OPTION_CHOICE ? sizeof(unsigned)
							   : sizeof(uint64_t));
		}
	}
	options_release(serve_options, &plain);
}

static enum status make_config(struct serve_options *line, struct config *config, struct error *err)
{
	if (line->dev && line->config != NULL)
		return error_set(err, E_CONFIG, "--dev and --config exclude each other");
	if (!line->dev && line->config == NULL)
		return error_set(err, E_CONFIG,
			"say --config FILE, or --dev --data DIR to try things out on loopback");
	enum status s = OK;
	options_default(serve_options, &config->serve);
	if (line->config != NULL)
		s = config_read(line->config, config, err);
	prefer_command_line(&config->serve, line);
	if (s == OK && config->serve.dev)
		s = config_development(config, err);
	return s == OK ? config_check(config, err) : s;
}

/* What SIGHUP asks for. */
static void read_again(const struct config *config, struct bridge *bridge)
{
	struct error err;
	if (config->serve.tls_cert != NULL && bridge_reload_tls(bridge, &err) == OK)
		say("certificate and key are read again");
	else if (config->serve.tls_cert != NULL)
		say("%s; the old certificate stays in use", err.text);
	if (config->door_count > 0 && bridge_reload_doors(bridge, &err) == OK)
		say("the secrets of the doors are read again");
	else if (config->door_count > 0)
		say("%s; its old secrets stay in use", err.text);
}

/* Waits for the end; true when it was asked for, false when a part failed. */
static bool wait_for_end(
	const struct config *config, struct bridge *bridge, const sigset_t *signals)
{
	for (;;) {
		int number = 0;
		if (sigwait(signals, &number) != 0 || number == SIGTERM || number == SIGINT)
			return true;
		if (number == SIGUSR1)
			return false;
		read_again(config, bridge);
	}
}

/* Else many connections would leave the journal without a file for its next segment. */
static void keep_descriptors(struct config *config)
{
	uint64_t asked = config->serve.connections_max;
	if (!descriptors_reserve(asked, &config->serve.connections_max))
		say("at most %llu connections instead of connections_max %llu: the limit of open "
		    "files is too low, %d are kept for other things",
			(unsigned long long)config->serve.connections_max,
			(unsigned long long)asked, DESCRIPTORS_KEPT);
}

static int run(const struct config *config)
{
	const struct bridge_hooks hooks = { part_failed, show_progress, NULL };
	struct bridge *bridge;
	struct error err;
	sigset_t signals;
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	enum status s = bridge_open(config, &hooks, &bridge, &err);
	if (s != OK) {
		say("%s", err.text);
		return s == E_CONFIG ? EXIT_USAGE : EXIT_CANNOT_RUN;
	}
	say("listening on %s://%s (port %u), data in %s",
		config->serve.tls_cert == NULL ? "http" : "https", config->serve.listen,
		bridge_port(bridge), config->serve.data);
	bool asked = wait_for_end(config, bridge, &signals);
	say("stopping");
	bridge_close(bridge);
	return asked ? EXIT_DONE : EXIT_CANNOT_RUN;
}

int command_serve(int argc, char **argv)
{
	struct serve_options line = { 0 };
	struct config config = { 0 };
	struct words words;
	struct error err;
	int code;
	if (arguments_take(&arguments, argc, argv, &line, &words, &code)) {
		if (make_config(&line, &config, &err) == OK) {
			keep_descriptors(&config);
			code = run(&config);
		} else {
			say("%s", err.text);
			code = EXIT_USAGE;
		}
	}
	config_release(&config);
	options_release(serve_options, &line);
	return code;
}
