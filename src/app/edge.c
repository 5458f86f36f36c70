/* tillbridge edge: the agent for tills that cannot embed libtill. */
#include "app/agent.h"
#include "app/arguments.h"
#include "app/commands.h"
#include "app/config.h"

#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

enum { CONNECTIONS_MAX = 100, BODY_BYTES_MAX = 8 << 20, CLOSE_WAIT_MS = 5000 };

/* Of libtill; its own names, which it checks itself. */
enum {
	FOLDER,
	URL,
	STORE,
	REGISTER,
	TOKEN_FILE,
	CA_FILE,
	CLIENT_CERT,
	CLIENT_KEY,
	QUEUE_COUNT,
	QUEUE_BYTES,
	TIMEOUT,
	BACKOFF,
	BACKOFF_MAX,
	POLL,
	REPORT,
	TILL_OPTIONS,
};

struct edge_options {
	char *listen, *watch;
	char *till[TILL_OPTIONS];
};

#define TILL_ROW(number, row_name, text)                                                           \
	{                                                                                          \
		.name = row_name, .type = OPTION_TEXT,                                             \
		.offset = offsetof(struct edge_options, till) + (number) * sizeof(char *),         \
		.max = 4000, .help = text                                                          \
	}

static const struct option rows[] = {
	{ .name = "listen",
		.type = OPTION_TEXT,
		.offset = offsetof(struct edge_options, listen),
		.fallback = "127.0.0.1:8070",
		.help = "Loopback address and port where tills of this machine hand over." },
	{ .name = "watch",
		.type = OPTION_TEXT,
		.offset = offsetof(struct edge_options, watch),
		.max = 4000,
		.help = "A folder whose files are taken, too: one transaction as JSON, or one a "
			"line in .ndjson and .jsonl. Rename them into it." },
	TILL_ROW(FOLDER, "folder", "Folder of the queue; made when it is missing. Required."),
	TILL_ROW(URL, "url", "Where tillbridge listens. Required."),
	TILL_ROW(STORE, "store", "The store of this machine, for what it reports. Required."),
	TILL_ROW(REGISTER, "register",
		"The agent's name as a register, for what it reports. "
		"Required."),
	TILL_ROW(TOKEN_FILE, "token_file", "File with the bearer token."),
	TILL_ROW(CA_FILE, "ca_file", "PEM file of the authorities that may vouch for the server."),
	TILL_ROW(CLIENT_CERT, "client_cert", "PEM file of this machine's own certificate."),
	TILL_ROW(CLIENT_KEY, "client_key", "PEM file of its key."),
	TILL_ROW(QUEUE_COUNT, "queue_count", "Transactions that may wait. Default: 200000."),
	TILL_ROW(QUEUE_BYTES, "queue_bytes", "Bytes of the queue on the disk. Default: 1G."),
	TILL_ROW(TIMEOUT, "timeout", "For one request to the centre. Default: 20s."),
	TILL_ROW(BACKOFF, "backoff", "Longest pause after a first failure. Default: 1s."),
	TILL_ROW(BACKOFF_MAX, "backoff_max", "Longest pause of all. Default: 2m."),
	TILL_ROW(POLL, "poll", "How often the centre is asked for new versions. Default: 30s."),
	TILL_ROW(REPORT, "report", "How often the centre is told how it stands. Default: 1h."),
	{ .name = NULL },
};

static const char *const till_names[TILL_OPTIONS] = { "folder", "url", "store", "register",
	"token_file", "ca_file", "client_cert", "client_key", "queue_count", "queue_bytes",
	"timeout", "backoff", "backoff_max", "poll", "report" };

static const struct arguments arguments = {
	.command = "tillbridge edge",
	.help = "Takes transactions from tills on this machine, by HTTP or as files, checks them "
		"with the centre's rules, keeps them on the disk and sends them to the centre, "
		"however long it cannot be reached.\n"
		"Answers 202 when a transaction survives a power cut here. SIGTERM and SIGINT "
		"stop it.",
	.options = rows,
};

static int fail(const char *why, int code)
{
	fprintf(stderr, "tillbridge edge: %s\n", why);
	return code;
}

static int open_till(const struct edge_options *o, struct till **ret_till)
{
	struct till_config *config = till_config_new();
	int result = config == NULL ? TILL_IO : TILL_OK;
	for (unsigned i = 0; i < TILL_OPTIONS && result == TILL_OK; i++)
		if (o->till[i] != NULL)
			result = till_config_set(config, till_names[i], o->till[i]);
	if (result == TILL_OK)
		result = till_open(config, ret_till);
	till_config_free(config);
	return result;
}

static enum status open_server(const struct edge_options *o, struct till *till,
	struct server **ret_server, struct error *err)
{
	char address[64];
	uint16_t port;
	enum status s = config_split_listen(o->listen, address, sizeof(address), &port, err);
	if (s == OK && !config_is_loopback(address))
		s = error_set(err, E_CONFIG,
			"listen: %s is not a loopback address; the agent is for tills of this "
			"machine, and asks nobody who they are",
			address);
	struct server_config config = { .address = address,
		.port = port,
		.loops = 2,
		.connections_max = CONNECTIONS_MAX,
		.body_bytes_max = BODY_BYTES_MAX,
		.head_ms = 10000,
		.body_ms = 15000,
		.idle_ms = 120000,
		.write_ms = 30000,
		.handle = agent_handle,
		.context = till };
	return s == OK ? server_open(&config, clock_system(), ret_server, err) : s;
}

static void wait_for_end(const sigset_t *signals)
{
	int number = 0;
	while (sigwait(signals, &number) == 0 && number != SIGTERM && number != SIGINT)
		;
}

static int serve(const struct edge_options *o, struct till *till, const sigset_t *signals)
{
	struct agent_folder folder;
	struct server *server = NULL;
	struct error err;
	enum status s = OK;
	if (o->watch != NULL)
		s = agent_folder_open(&folder, till, o->watch, o->till[FOLDER], &err);
	if (s == OK)
		s = open_server(o, till, &server, &err);
	if (s == OK) {
		fprintf(stderr, "tillbridge edge: listening on port %u, queue in %s, %llu unsent\n",
			server_port(server), o->till[FOLDER],
			(unsigned long long)till_unsent(till));
		wait_for_end(signals);
		server_close(server, CLOSE_WAIT_MS);
	}
	if (o->watch != NULL)
		agent_folder_close(&folder);
	return s == OK ? EXIT_DONE : fail(err.text, s == E_CONFIG ? EXIT_USAGE : EXIT_CANNOT_RUN);
}

static int run(const struct edge_options *o)
{
	struct till *till = NULL;
	sigset_t signals;
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	int result = open_till(o, &till);
	if (result != TILL_OK)
		return fail(till_error(), result == TILL_CONFIG ? EXIT_USAGE : EXIT_CANNOT_RUN);
	int code = serve(o, till, &signals);
	till_close(till);
	return code;
}

int command_edge(int argc, char **argv)
{
	struct edge_options options = { 0 };
	struct words words;
	int code;
	if (arguments_take(&arguments, argc, argv, &options, &words, &code))
		code = run(&options);
	options_release(rows, &options);
	return code;
}
