#include "sandbox/sandbox.h"

#include "sandbox/api.h"

#include <stdlib.h>

enum {
	CONNECTIONS_MAX = 1000,
	CLOSE_WAIT_MS = 5000,
	HEAD_MS = 10000,
	BODY_MS = 30000,
	IDLE_MS = 120000,
	WRITE_MS = 30000,
	ADDRESS_MAX = 64,
};

const struct option sandbox_options[] = {
	{ .name = "listen",
		.type = OPTION_TEXT,
		.offset = offsetof(struct sandbox_config, listen),
		.fallback = "127.0.0.1:8091",
		.min = 3,
		.max = ADDRESS_MAX,
		.help = "Address and port to listen on." },
	{ .name = "data",
		.type = OPTION_TEXT,
		.offset = offsetof(struct sandbox_config, data),
		.required = true,
		.min = 1,
		.max = 4000,
		.help = "Folder that the documents are kept in; it is made when it is missing." },
	{ .name = "fault",
		.type = OPTION_TEXT,
		.offset = offsetof(struct sandbox_config, fault),
		.max = 1000,
		.help = "What goes wrong, as NAME=VALUE: lost_answer, error_after_apply and "
			"throttle "
			"are chances from 0 to 1, slow_ms is a time, down is true or false." },
	{ .name = "seed",
		.type = OPTION_U64,
		.offset = offsetof(struct sandbox_config, seed),
		.fallback = "1",
		.help = "Where the chances of faults begin." },
	{ .name = NULL },
};

struct sandbox {
	struct sandbox_api *api;
	struct server *server;
};

/* "[::1]:8091" to "::1" and 8091. */
static enum status read_listen(
	const char *listen, char address[static ADDRESS_MAX], uint16_t *ret_port, struct error *err)
{
	uint64_t port = 0;
	const char *colon = strrchr(listen, ':');
	size_t len = colon == NULL ? 0 : (size_t)(colon - listen);
	bool bracketed = len > 2 && listen[0] == '[' && listen[len - 1] == ']';
	struct slice host = slice_make(listen + bracketed, len - (bracketed ? 2 : 0));
	if (host.len == 0 || host.len >= ADDRESS_MAX || !slice_to_u64(slice_of(colon + 1), &port) ||
		port > UINT16_MAX)
		return error_set(err, E_CONFIG,
			"listen: \"%s\" is not an address and a port such as 127.0.0.1:8091",
			listen);
	memcpy(address, host.ptr, host.len);
	address[host.len] = '\0';
	*ret_port = (uint16_t)port;
	return OK;
}

static enum status open_server(struct sandbox *sandbox, const char *listen, struct error *err)
{
	char address[ADDRESS_MAX];
	uint16_t port = 0;
	enum status s = read_listen(listen, address, &port, err);
	if (s != OK)
		return s;
	struct server_config config = {
		.address = address,
		.port = port,
		.loops = 1, /* api.c has no locks */
		.connections_max = CONNECTIONS_MAX,
		.body_bytes_max = API_BODY_BYTES_MAX,
		.head_ms = HEAD_MS,
		.body_ms = BODY_MS,
		.idle_ms = IDLE_MS,
		.write_ms = WRITE_MS,
		.handle = sandbox_api_handle,
		.context = sandbox->api,
	};
	return server_open(&config, clock_system(), &sandbox->server, err);
}

enum status sandbox_open(
	const struct sandbox_config *config, struct sandbox **ret_sandbox, struct error *err)
{
	struct sandbox *sandbox = calloc(1, sizeof(*sandbox));
	if (sandbox == NULL)
		return error_set(err, E_FULL, "out of memory for the sandbox ERP");
	enum status s =
		sandbox_api_open(config->data, config->seed, clock_system(), &sandbox->api, err);
	if (s == OK && config->fault != NULL)
		s = faults_set_list(&sandbox->api->faults, slice_of(config->fault), err);
	if (s == OK)
		s = open_server(sandbox, config->listen, err);
	if (s != OK) {
		sandbox_close(sandbox);
		return s;
	}
	*ret_sandbox = sandbox;
	return OK;
}

uint16_t sandbox_port(const struct sandbox *sandbox)
{
	return server_port(sandbox->server);
}

void sandbox_close(struct sandbox *sandbox)
{
	if (sandbox == NULL)
		return;
	if (sandbox->api != NULL && sandbox->server != NULL)
		delay_stop(sandbox->api->delay);
	if (sandbox->server != NULL)
		server_close(sandbox->server, CLOSE_WAIT_MS);
	sandbox_api_close(sandbox->api);
	free(sandbox);
}
