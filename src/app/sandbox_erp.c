/* tillbridge sandbox-erp: the sandbox ERP as a program of its own. */
#include "app/arguments.h"
#include "app/commands.h"
#include "sandbox/sandbox.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>

static const char *const lists[] = { "fault", NULL };

static const struct arguments arguments = {
	.command = "tillbridge sandbox-erp",
	.help = "A small ERP over HTTP with items, stock, sales documents and ledger entries, a "
		"durable "
		"log, no idempotency, and faults on demand.",
	.options = sandbox_options,
	.lists = lists,
};

static int run(const struct sandbox_config *config)
{
	struct sandbox *sandbox;
	struct error err;
	sigset_t signals;
	int number;
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	enum status s = sandbox_open(config, &sandbox, &err);
	if (s != OK) {
		fprintf(stderr, "tillbridge sandbox-erp: %s\n", err.text);
		return s == E_CONFIG ? EXIT_USAGE : EXIT_CANNOT_RUN;
	}
	fprintf(stderr, "tillbridge sandbox-erp: listening on port %u\n", sandbox_port(sandbox));
	sigwait(&signals, &number);
	sandbox_close(sandbox);
	return EXIT_DONE;
}

int command_sandbox_erp(int argc, char **argv)
{
	struct sandbox_config config = { 0 };
	struct words words;
	int code;
	if (arguments_take(&arguments, argc, argv, &config, &words, &code))
		code = run(&config);
	options_release(sandbox_options, &config);
	return code;
}
